"""Schedulers of DeepSpeed, timm, axolotl and diffusers: stored values, and the real schedulers of timm and diffusers."""

import importlib.metadata
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import optax_lr as olr
from tests.parity.comparison import assert_same_rates
from tests.reference.generate import optimizer, stepped
from tests.wrong_types import wrong_types

STORED = json.loads(Path(__file__).parents[1].joinpath("reference", "other_libraries.json").read_text())
RATE = STORED["learning_rate"]
OURS = {  # their keywords with another name here; None for keywords that do not affect the curve
    "rex": (olr.Rex, {"max_lr": "learning_rate", "total_steps": "max_steps", "num_warmup_steps": "warmup_steps"}),
    "WarmupLR": (olr.DeepSpeedWarmup, {}),
    "WarmupDecayLR": (olr.DeepSpeedWarmupDecay, {}),
    "WarmupCosineLR": (olr.DeepSpeedWarmupCosine, {}),
    "OneCycle": (olr.DeepSpeedOneCycle, {}),
    "LRRangeTest": (olr.DeepSpeedRangeTest, {}),
    "CosineLRScheduler": (olr.TimmCosine, {}),
    "TanhLRScheduler": (olr.TimmTanh, {}),
    "PolyLRScheduler": (olr.TimmPoly, {}),
}
DEEPSPEED = {
    "warmup_max_lr": "learning_rate",
    "warmup_min_lr": "min_lr",
    "warmup_num_steps": "warmup_steps",
    "total_num_steps": "max_steps",
    "cycle_min_lr": "min_lr",
    "cycle_max_lr": "max_lr",
    "cycle_first_step_size": "first_steps",
    "cycle_second_step_size": "second_steps",
    "cycle_first_stair_count": "first_stairs",
    "cycle_second_stair_count": "second_stairs",
    "decay_lr_rate": "decay_rate",
    "decay_step_size": "decay_steps",
    "lr_range_test_min_lr": "min_lr",
    "lr_range_test_step_size": "step_size",
    "lr_range_test_step_rate": "step_rate",
    "lr_range_test_staircase": "staircase",
}
JAGGED = {
    "jagged_restart_steps": "restart_steps",
    "jagged_restart_warmup_steps": "restart_warmup_steps",
    "jagged_restart_anneal_steps": "restart_anneal_steps",
    "min_lr_scale": "min_scale",
}
TIMM = {"lr_min": "min_lr", "warmup_t": "warmup_steps", "warmup_lr_init": "warmup_lr"}


def ours(case):
    if case["name"] == "piecewise_constant":
        return olr.PiecewiseConstant.from_rules(case["keywords"]["step_rules"], RATE)
    if case["name"] == "quadratic":
        return quadratic(case["keywords"]["warmup"])
    if case["name"] == "jagged":
        inner, restarts = around(**case["keywords"])
        return olr.JaggedRestarts(inner, **restarts)
    kind, renamed = OURS[case["name"]]
    renamed = DEEPSPEED | TIMM | renamed
    base = {} if case["name"] in ("OneCycle", "LRRangeTest") else {"learning_rate": RATE}
    return kind(**base | {renamed.get(key, key): value for key, value in case["keywords"].items()})


def quadratic(warmup):
    """A quadratic warmup as the product of two linear warmups."""
    return olr.Cosine(RATE, 60, warmup) * olr.Constant(1.0, warmup)


def around(*, around, warmup, **restarts):
    """The schedule that restarts interrupt, and the settings of the restarts."""
    kinds = {"cosine": olr.Cosine, "linear": olr.Linear, "rex": olr.Rex}
    restarts = {JAGGED[key]: value for key, value in restarts.items()}
    if around == "quadratic":
        return quadratic(warmup), restarts
    if around == "constant_with_warmup":
        return olr.Constant(RATE, warmup), restarts
    return kinds[around](RATE, 60, warmup), restarts | ({"ahead": 2} if around == "rex" else {})


@pytest.mark.parametrize("case", STORED["cases"], ids=lambda c: f"{c['library']}-{c['name']}-{c['keywords']}")
def test_stored_values(case, compared):
    known = [(at, rate) for at, rate in zip(case["at"], case["rates"], strict=True) if isinstance(rate, float | int)]
    at, rates = zip(*known, strict=True)
    compared(case["library"], assert_same_rates(lambda: ours(case), at, rates, scale=RATE))


def test_every_library_is_compared():
    assert {case["library"] for case in STORED["cases"]} == {"axolotl", "deepspeed", "diffusers", "timm"}


@wrong_types
@pytest.mark.parametrize("rules", ["", "1:10", "1:10,0.1:x,2", "a:10,1", None])
def test_unsupported_rules_are_refused(rules):
    with pytest.raises(ValueError, match=r"rules must look like '1:10,0.1:20,0.005'"):
        olr.PiecewiseConstant.from_rules(rules, 1.0)


def test_growing_cycles_begin_on_the_step():
    for growth in (2, 3, 5):
        schedule = olr.TimmCosine(1.0, t_initial=7, cycle_mul=growth, cycle_limit=50)
        starts = np.cumsum([0] + [7 * growth**i for i in range(8)])
        np.testing.assert_array_equal(schedule(starts), 1)
        np.testing.assert_array_equal(olr.sweep(schedule, starts), 1)
        assert (np.asarray(schedule(starts[1:] - 1)) < 0.06).all()


def test_shrinking_cycles_reach_their_end():
    schedule = olr.TimmCosine(1.0, t_initial=64, cycle_mul=0.5, cycle_limit=3, min_lr=0.125)
    starts = np.array([0, 64, 96])
    np.testing.assert_array_equal(schedule(starts), 1)
    np.testing.assert_array_equal(schedule(np.array([112, 128, 10**6])), 0.125)


@pytest.mark.parametrize(("growth", "t_initial"), [(1.0625, 10), (1.5, 3), (1.00390625, 2), (2.75, 40)])
def test_cycles_of_fractional_growth(growth, t_initial):
    decay, steps = 0.96875, np.arange(0, 4000, 7)
    schedule = olr.TimmCosine(1.0, t_initial, cycle_mul=growth, cycle_decay=decay, cycle_limit=10**6)
    expected, start, length, number = [], 0.0, float(t_initial), 0
    for step in steps:
        while step >= start + length:
            start, length, number = start + length, length * growth, number + 1
        expected.append(decay**number * (1 + np.cos(np.pi * (step - start) / length)) / 2)
    assert number > 3
    for rates in (schedule(steps), olr.sweep(schedule, steps), [schedule(int(step)) for step in steps]):
        np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-9)


@pytest.fixture(scope="module")
def timm_scheduler():
    """The package `timm.scheduler` without the imports of `timm` itself: its models need torchvision."""
    importlib.metadata.version("timm")  # where it is missing, that is the error of an import
    found = importlib.util.find_spec("timm")
    parent = types.ModuleType("timm")
    parent.__path__ = list(found.submodule_search_locations)
    parent.__spec__ = found
    sys.modules["timm"] = parent
    import timm.scheduler

    yield timm.scheduler
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("CosineLRScheduler", {"t_initial": 40}),
        ("CosineLRScheduler", {"t_initial": 40, "warmup_t": 5, "warmup_lr_init": 1e-6, "lr_min": 1e-6}),
        ("CosineLRScheduler", {"t_initial": 30, "warmup_t": 5, "warmup_prefix": True, "k_decay": 1.5}),
        ("CosineLRScheduler", {"t_initial": 10, "cycle_mul": 2.0, "cycle_decay": 0.5, "cycle_limit": 3}),
        ("CosineLRScheduler", {"t_initial": 8, "cycle_decay": 0.5, "cycle_limit": 5, "lr_min": 1e-6}),
        ("TanhLRScheduler", {"t_initial": 40, "warmup_t": 5, "warmup_lr_init": 1e-6}),
        ("TanhLRScheduler", {"t_initial": 40, "lb": -5.0, "ub": 4.0, "lr_min": 1e-6}),
        ("TanhLRScheduler", {"t_initial": 30, "warmup_t": 5, "warmup_prefix": True}),
        ("PolyLRScheduler", {"t_initial": 40, "power": 0.9}),
        (
            "PolyLRScheduler",
            {"t_initial": 10, "power": 2.0, "cycle_mul": 2.0, "cycle_limit": 2, "k_decay": 0.75, "warmup_t": 3},
        ),
    ],
)
def test_real_timm_schedulers(timm_scheduler, name, settings, compared):
    torch_optimizer = optimizer()
    scheduler = getattr(timm_scheduler, name)(torch_optimizer, **settings)
    rates = [torch_optimizer.param_groups[0]["lr"]]
    for step in range(1, 64):
        scheduler.step(step)
        rates.append(torch_optimizer.param_groups[0]["lr"])
    schedule = ours({"name": name, "keywords": settings})
    for found in (schedule(np.arange(64)), olr.sweep(schedule, 64), [schedule(step) for step in range(64)]):
        np.testing.assert_allclose(found, rates, rtol=2e-7, atol=1e-11 * RATE)
    compared("timm", 3 * 64)


@pytest.mark.parametrize(
    "call",
    [
        "CosineLRScheduler(o, t_initial=40)",
        "CosineLRScheduler(o, 40, 1e-6, warmup_t=5, warmup_lr_init=1e-6, t_in_epochs=True)",
        "CosineLRScheduler(o, t_initial=30, warmup_t=5, warmup_prefix=True, k_decay=1.5)",
        "CosineLRScheduler(o, t_initial=10, cycle_mul=2.0, cycle_decay=0.5, cycle_limit=3)",
    ],
)
def test_timms_cosine_in_a_script(timm_scheduler, tmp_path, call, compared):
    torch_optimizer = optimizer()
    scheduler = eval(call, {"o": torch_optimizer, "CosineLRScheduler": timm_scheduler.CosineLRScheduler})
    rates = [torch_optimizer.param_groups[0]["lr"]]
    for step in range(1, 64):
        scheduler.step(step)
        rates.append(torch_optimizer.param_groups[0]["lr"])
    path = tmp_path / "train.py"
    path.write_text(
        f"import torch\nfrom timm.scheduler.cosine_lr import CosineLRScheduler\no = torch.optim.SGD(w, {RATE})\ns = {call}\ns.step(1)\n"
    )
    config = olr.read_config(path)
    assert any(note.startswith("a step of this plan is the number that scheduler.step()") for note in config.notes)
    assert not any("is given a place" in note for note in config.notes)
    if "cycle_limit" not in call:
        assert config.plan().max_steps == (35 if "prefix" in call else 40)
    np.testing.assert_allclose(config.plan(max_steps=64).schedule(np.arange(64)), rates, rtol=2e-7, atol=1e-11 * RATE)
    compared("timm", 64)


@pytest.mark.parametrize("name", ["linear", "cosine", "cosine_with_restarts", "polynomial", "constant_with_warmup"])
@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.filterwarnings("ignore")
def test_real_diffusers_schedulers(name, warmup, compared):
    from diffusers.optimization import get_scheduler

    keywords = {"cosine_with_restarts": {"num_cycles": 3}, "polynomial": {"power": 2.0}}.get(name, {})
    scheduler = get_scheduler(name, optimizer(), num_warmup_steps=warmup, num_training_steps=40, **keywords)
    rates = stepped(scheduler, 60)
    number = assert_same_rates(
        lambda: olr.get_scheduler(name, RATE, warmup_steps=warmup, max_steps=40, **keywords),
        np.arange(61),
        rates,
        scale=RATE,
    )
    compared("diffusers", number)


@pytest.mark.parametrize("rules", ["1:10,0.1:20,0.01:30,0.005", "0.5:10,1:50,0.1", "0.3", "1:30,0.5:10,0.25"])
@pytest.mark.filterwarnings("ignore")
def test_real_diffusers_rules(rules, compared):
    from diffusers.optimization import get_scheduler

    rates = stepped(get_scheduler("piecewise_constant", optimizer(), step_rules=rules), 60)
    number = assert_same_rates(lambda: olr.PiecewiseConstant.from_rules(rules, RATE), np.arange(61), rates, scale=RATE)
    compared("diffusers", number)
