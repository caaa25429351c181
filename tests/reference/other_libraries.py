"""Runs the real schedulers of axolotl and DeepSpeed and prints the rows that are stored of them.

    python -m tests.reference.other_libraries FOLDER

FOLDER holds their unpacked packages, `axolotl/` and `deepspeed/`, as a wheel or a source archive has them. Only the one file
of schedulers is run of each: the packages themselves ask for a GPU's libraries.
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
from tests.reference.settings import RATE, STEPS

TOTAL, WARMUP = 1000, 100
CYCLES: list[dict[str, Any]] = [
    {"cycle_first_step_size": 250},
    {"cycle_first_step_size": 100, "cycle_second_step_size": 399},
    {"cycle_first_step_size": 100, "cycle_second_step_size": 0},
    {"cycle_first_step_size": 300, "decay_lr_rate": 0.5, "decay_step_size": 70},
    {"cycle_first_step_size": 300, "decay_lr_rate": 0.5},
    {"cycle_first_step_size": 99, "cycle_second_step_size": 333, "cycle_first_stair_count": 5},
    {
        "cycle_first_step_size": 333,
        "cycle_second_step_size": 500,
        "cycle_first_stair_count": 7,
        "cycle_second_stair_count": 3,
        "decay_lr_rate": 2.0,
        "decay_step_size": 1,
    },
    {"cycle_first_step_size": 333, "cycle_second_step_size": 500, "cycle_second_stair_count": 11},
]
RANGES: list[dict[str, Any]] = [
    {},
    {"lr_range_test_step_size": 100, "lr_range_test_step_rate": 5.0},
    {"lr_range_test_step_size": 7, "lr_range_test_step_rate": 0.25, "lr_range_test_staircase": True},
]
JAGGED: list[tuple[str, dict[str, Any]]] = [
    ("cosine", {"jagged_restart_steps": 250, "jagged_restart_warmup_steps": 10}),
    ("cosine", {"jagged_restart_steps": 333, "jagged_restart_warmup_steps": 50, "jagged_restart_anneal_steps": 20}),
    ("linear", {"jagged_restart_steps": 50, "jagged_restart_warmup_steps": 30, "jagged_restart_anneal_steps": 40}),
    ("linear", {"jagged_restart_steps": 9, "jagged_restart_warmup_steps": 20, "min_lr_scale": 0.1}),
    ("rex", {"jagged_restart_steps": 100, "jagged_restart_warmup_steps": 25, "jagged_restart_anneal_steps": 10}),
    ("quadratic", {"jagged_restart_steps": 99, "jagged_restart_warmup_steps": 5, "min_lr_scale": 0.25}),
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
    at = STEPS[TOTAL]
    rates = stepped(scheduler, at[-1])
    return {
        "library": library, "name": name, "keywords": keywords, "at": at, "rates": [rates[step] for step in at],
    }  # fmt: skip


def _file(name: str, path: Path) -> types.ModuleType:
    """The module in one file; of DeepSpeed's own it needs a logger only."""
    utilities = types.ModuleType("deepspeed.utils")
    utilities.logger = logging.getLogger("deepspeed")  # type: ignore[attr-defined]
    sys.modules.setdefault("deepspeed", types.ModuleType("deepspeed"))
    sys.modules.setdefault("deepspeed.utils", utilities)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    print(",\n".join(json.dumps(row) for row in rows(Path(sys.argv[1]))))
