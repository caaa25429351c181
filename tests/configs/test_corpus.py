"""Every config in the folder OPTAX_LR_CORPUS gives a plan, or an error of one line."""

import collections
import os
import time
from pathlib import Path

import numpy as np
import pytest

import optax_lr as olr

FOLDER = os.environ.get("OPTAX_LR_CORPUS")
ENDINGS = {".yaml", ".yml", ".json", ".toml", ".sh", ".bash", ".slurm", ".sbatch", ".py", ".ipynb", ".md"}
FILES = sorted(path for path in Path(FOLDER or ".").rglob("*") if path.suffix in ENDINGS) if FOLDER else []
LONGEST = 10  # seconds for a file, on a busy machine


@pytest.mark.skipif(not FOLDER, reason="OPTAX_LR_CORPUS names no folder of configs")
def test_every_file_gives_a_plan_or_an_error_of_one_line(capsys):
    assert FILES, f"no config in {FOLDER}"
    plans: collections.Counter[str] = collections.Counter()
    refusals: dict[Path, str] = {}
    for path in FILES:
        start = time.process_time()
        try:
            for config in olr.read_configs(path):
                plan = config.plan(num_examples=10_000)
                assert plan.max_steps >= 0, path
                steps = np.arange(0, plan.max_steps, max(1, plan.max_steps // 50))
                assert np.isfinite(plan.schedule(steps)).all(), path
                assert plan.world_size_from, path
                plans[config.trainer] += 1
        except olr.ConfigError as error:
            refusals[path] = str(error)
        assert time.process_time() - start < LONGEST, path
    for path, line in refusals.items():
        assert "\n" not in line, path
        assert line.startswith(str(path)), line
    with capsys.disabled():
        print(
            f"\n{len(FILES)} files: {len(FILES) - len(refusals)} with a plan, by trainer {dict(plans)}; {len(refusals)} refused"
        )
        if os.environ.get("OPTAX_LR_CORPUS_SHOW"):
            print("\n".join(refusals.values()))
    assert plans
