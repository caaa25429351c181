"""Schedules as JavaScript, as a browser evaluates them."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import optax_lr as olr
from optax_lr.interop.javascript import emit
from tests.browser import needs_browser, seen
from tests.cases import CLASSES, random_schedule, usual
from tests.wrong_types import wrong_types

# Within the run, past its end, and far beyond; a later step than the first 64 may have a much higher rate.
STEPS = [*range(64), 100, 999, 12_345, 10**6, 2**31 - 1]
EMITTED = [kind for kind in CLASSES if kind is not olr.Function]


def random_schedules(kind, count):
    found = []

    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(random_schedule(kind))
    def collect(schedule):
        found.append(schedule)

    collect()
    return found


def in_browser(schedules, folder):
    """The rates `[schedules, steps]` that a browser computes."""
    functions = ",\n".join(map(olr.to_javascript, schedules))
    page = f"<!doctype html><html><head></head><body><script>const functions = [{functions}];</script></body></html>"
    return np.array(seen(page, folder, f"return functions.map(f => {json.dumps(STEPS)}.map(step => f(step)))"))


@needs_browser
def test_a_browser_computes_the_same_rates(tmp_path):
    schedules = [schedule for kind in EMITTED for schedule in [usual(kind), *random_schedules(kind, 12)]]
    nested = olr.Warmup(
        olr.Shift(olr.JaggedRestarts(olr.Every(olr.TimmCosine(1.0, 5, cycle_mul=1.3, cycle_limit=4), 3), 9), -2), 4
    )
    schedules += [nested, olr.Stages([nested * 0.5, usual(olr.Product), usual(olr.MultiStep)], [20, 41])]
    with jax.enable_x64(True):
        expected = np.array([[float(schedule(step)) for step in STEPS] for schedule in schedules])
    found = in_browser(schedules, tmp_path)
    peaks = np.maximum(expected[:, :64].max(axis=1, keepdims=True), expected)
    far = np.argwhere(~(abs(found - expected) <= 1e-12 * peaks))
    assert not far.size, [(schedules[row], STEPS[at], found[row, at], expected[row, at]) for row, at in far[:5]]


def test_settings_are_parameters():
    schedule = olr.HoldAfter(olr.MultiStep(0.1, milestones=[3, 7]), step=5)
    names = ["schedule_learning_rate", "schedule_milestones_0", "schedule_milestones_1", "schedule_gamma", "step_"]
    assert list(emit(schedule).parameters) == names
    assert olr.to_javascript(schedule).startswith(
        "(step, schedule_learning_rate = 0.1, schedule_milestones_0 = 3, schedule_milestones_1 = 7, schedule_gamma = 0.1, step_ = 5) => {"
    )
    called = emit(schedule, inner_are_functions=True)
    assert called.parameters == {"schedule": None, "step_": 5.0}
    assert called.body == "return Math.max(schedule(Math.min(Math.max(step, 0), step_)), 0);"


def test_functions_of_cycles_stay_short():
    assert max(len(olr.to_javascript(usual(kind))) for kind in EMITTED) < 4000


@wrong_types
def test_refusals():
    damped = olr.Function(lambda step: jnp.exp(-step))
    with pytest.raises(TypeError, match="is a function of Python, which JavaScript cannot call"):
        olr.to_javascript(olr.Stages([olr.Constant(1.0), damped], [3]))
    with pytest.raises(ValueError, match=r"a batch of shape \(2,\); give one schedule"):
        olr.to_javascript(olr.Constant([1.0, 2.0]))
    with pytest.raises(ValueError, match="this Constant is traced"):
        jax.jit(lambda rate: olr.to_javascript(olr.Constant(rate)))(1.0)
    with pytest.raises(TypeError, match="takes a schedule"):
        olr.to_javascript(1.0)
