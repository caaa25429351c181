"""Every config under the folder that OPTAX_LR_CORPUS names comes to a plan, or to one clear line."""

import os
from pathlib import Path

import numpy as np
import pytest

import optax_lr as olr

FOLDER = os.environ.get("OPTAX_LR_CORPUS")
ENDINGS = {".yaml", ".yml", ".json", ".sh"}
FILES = sorted(path for path in Path(FOLDER or ".").rglob("*") if path.suffix in ENDINGS) if FOLDER else []


@pytest.mark.skipif(not FOLDER, reason="OPTAX_LR_CORPUS names no folder of configs")
def test_every_file_is_a_plan_or_one_line(record_property):
    assert FILES, f"no config in {FOLDER}"
    planned, refusals = 0, {}
    for path in FILES:
        try:
            for config in olr.read_configs(path):
                plan = config.plan(num_examples=10_000)
                assert plan.max_steps >= 0, path
                assert np.isfinite(plan.schedule(np.arange(0, plan.max_steps, max(1, plan.max_steps // 50)))).all(), (
                    path
                )
                planned += 1
        except olr.ConfigError as error:
            refusals[path] = str(error)
    for path, line in refusals.items():
        assert "\n" not in line, path
        assert line.startswith(str(path)), line
    record_property("planned", planned)
    assert planned > len(FILES) // 4
