"""Run the real schedulers of axolotl and DeepSpeed and print the rows of other_libraries.json.

    python -m tests.reference.other_libraries FOLDER

FOLDER contains the unpacked packages `axolotl/` and `deepspeed/` of a wheel or a source archive. Only the file with the
schedulers of each is executed, because the packages themselves require libraries for GPUs.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import types
from pathlib import Path
from typing import Any

import transformers

from tests.reference.generate import optimizer, stepped
from tests.reference.settings import RATE

TOTAL, WARMUP, AT = 60, 8, list(range(71))
CYCLES: list[dict[str, Any]] = [
    {"cycle_first_step_size": 15},
    {"cycle_first_step_size": 10, "cycle_second_step_size": 39},
    {"cycle_first_step_size": 10, "cycle_second_step_size": 0},
    {"cycle_first_step_size": 20, "decay_lr_rate": 0.5, "decay_step_size": 7},
    {"cycle_first_step_size": 20, "decay_lr_rate": 0.5},
    {"cycle_first_step_size": 9, "cycle_second_step_size": 33, "cycle_first_stair_count": 5},
    {"cycle_first_step_size": 21, "cycle_second_step_size": 30, "cycle_second_stair_count": 11},
    {
        "cycle_first_step_size": 23,
        "cycle_second_step_size": 30,
        "cycle_first_stair_count": 7,
        "cycle_second_stair_count": 3,
        "decay_lr_rate": 2.0,
        "decay_step_size": 1,
    },
]
RANGES: list[dict[str, Any]] = [
    {},
    {"lr_range_test_step_size": 10, "lr_range_test_step_rate": 5.0},
    {"lr_range_test_step_size": 7, "lr_range_test_step_rate": 0.25, "lr_range_test_staircase": True},
]
JAGGED: list[tuple[str, dict[str, Any]]] = [
    ("cosine", {"jagged_restart_steps": 25, "jagged_restart_warmup_steps": 10}),
    ("cosine", {"jagged_restart_steps": 17, "jagged_restart_warmup_steps": 5, "jagged_restart_anneal_steps": 4}),
    ("linear", {"jagged_restart_steps": 10, "jagged_restart_warmup_steps": 6, "jagged_restart_anneal_steps": 8}),
    ("linear", {"jagged_restart_steps": 9, "jagged_restart_warmup_steps": 20, "min_lr_scale": 0.1}),
    ("linear", {"jagged_restart_steps": 7, "jagged_restart_warmup_steps": 2, "jagged_restart_anneal_steps": 9}),
    ("constant_with_warmup", {"jagged_restart_steps": 1, "jagged_restart_warmup_steps": 1}),
    ("rex", {"jagged_restart_steps": 20, "jagged_restart_warmup_steps": 6, "jagged_restart_anneal_steps": 3}),
    ("quadratic", {"jagged_restart_steps": 19, "jagged_restart_warmup_steps": 5, "min_lr_scale": 0.25}),
]


def rows(folder: Path) -> list[dict[str, Any]]:
    """The stored form of every setting: `at` are the updates that came before, `rates` what the next one uses."""
    deepspeed = _file("lr_schedules", folder / "deepspeed/runtime/lr_schedules.py")
    axolotl = _file("schedulers", folder / "axolotl/utils/schedulers.py")
    found = []
    for keywords in CYCLES:
        keywords = {"cycle_min_lr": RATE / 10, "cycle_max_lr": RATE} | keywords
        found.append(_row("deepspeed", "OneCycle", keywords, deepspeed.OneCycle(optimizer(), **keywords)))
    for keywords in RANGES:
        keywords = {"lr_range_test_min_lr": RATE} | keywords
        found.append(_row("deepspeed", "LRRangeTest", keywords, deepspeed.LRRangeTest(optimizer(), **keywords)))
    found.append(_row("axolotl", "quadratic", {"warmup": WARMUP}, _inner(axolotl, "quadratic", optimizer())))
    for inner, keywords in JAGGED:
        torch_optimizer = optimizer()
        wrapped = _inner(axolotl, inner, torch_optimizer)
        scheduler = axolotl.JaggedLRRestartScheduler(torch_optimizer, wrapped, **keywords)
        found.append(_row("axolotl", "jagged", {"around": inner, "warmup": WARMUP} | keywords, scheduler))
    return found


def _inner(axolotl: types.ModuleType, name: str, torch_optimizer: Any) -> Any:
    if name == "rex":
        return axolotl.RexLR(torch_optimizer, RATE, 0, total_steps=TOTAL, num_warmup_steps=WARMUP)
    if name == "quadratic":
        return axolotl.get_cosine_schedule_with_quadratic_warmup(torch_optimizer, WARMUP, TOTAL)
    return transformers.get_scheduler(name, torch_optimizer, num_warmup_steps=WARMUP, num_training_steps=TOTAL)


def _row(library: str, name: str, keywords: dict[str, Any], scheduler: Any) -> dict[str, Any]:
    return {"library": library, "name": name, "keywords": keywords, "at": AT, "rates": stepped(scheduler, AT[-1])}


def _file(name: str, path: Path) -> types.ModuleType:
    """The module in one file; of DeepSpeed's own it needs a logger only."""
    utilities = types.ModuleType("deepspeed.utils")
    utilities.logger = logging.getLogger("deepspeed")  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    stand_ins = {"deepspeed": types.ModuleType("deepspeed"), "deepspeed.utils": utilities}
    sys.modules.update(stand_ins)
    spec.loader.exec_module(module)
    for stand_in in stand_ins:  # or transformers would take DeepSpeed for installed
        del sys.modules[stand_in]
    return module


if __name__ == "__main__":
    print(",\n".join(json.dumps(row) for row in rows(Path(sys.argv[1]))))
