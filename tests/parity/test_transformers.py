"""Rates at every step compared with the real schedulers of `transformers` on a real torch optimizer."""

import warnings

import jax
import numpy as np
import pytest
import transformers
from hypothesis import assume, given, settings, strategies as st

import optax_lr as olr
from tests.parity.comparison import assert_same_rates, from_setting
from tests.reference import label
from tests.reference.generate import optimizer, stepped, transformers_scheduler
from tests.reference.settings import LONG, RATE, transformers_settings

SETTINGS = transformers_settings()
BOTH_LENGTHS = "Both num_training_steps and num_stable_steps"
WITHOUT_METRIC = [kind for kind in transformers.SchedulerType if kind not in ("reduce_lr_on_plateau", "greedy")]


@pytest.mark.parametrize("setting", SETTINGS, ids=map(label, SETTINGS))
@pytest.mark.filterwarnings(f"ignore:{BOTH_LENGTHS}")
def test_every_step_of_the_table(setting, compared):
    rates = stepped(transformers_scheduler(setting), setting["total"] + (500 if setting["total"] == LONG else 20))
    at = np.arange(len(rates))
    number = assert_same_rates(lambda: from_setting(setting, RATE), at, rates, scale=RATE)
    compared("transformers' schedulers, stepped", number)


def keywords_of(name: str):
    cycles = st.sampled_from([0, 0.5, 1, 1.5, 2, 3, 7]) | st.floats(0, 8, width=32)
    floors = {"min_lr": st.floats(0, 1e-3)}, {"min_lr_rate": st.floats(0, 1.5)}
    lengths = st.integers(0, 80)
    return {
        "cosine": st.fixed_dictionaries({}, optional={"num_cycles": cycles}),
        "cosine_with_restarts": st.fixed_dictionaries({}, optional={"num_cycles": cycles}),
        "polynomial": st.fixed_dictionaries({"lr_end": st.just(0.0)}, optional={"power": st.floats(0, 5, width=32)}),
        "inverse_sqrt": st.fixed_dictionaries({}, optional={"timescale": st.integers(1, 10_000)}),
        "cosine_with_min_lr": st.one_of(*(st.fixed_dictionaries(f, optional={"num_cycles": cycles}) for f in floors)),
        "cosine_warmup_with_min_lr": st.one_of(
            *(
                st.fixed_dictionaries(f, optional={"num_cycles": cycles, "warmup_lr_rate": st.floats(0, 1)})
                for f in floors
            )
        ),
        "warmup_stable_decay": st.fixed_dictionaries(
            {"num_decay_steps": lengths},
            optional={
                "num_stable_steps": lengths,
                "min_lr_ratio": st.floats(0, 1),
                "warmup_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
                "decay_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
                "num_cycles": cycles,
            },
        ),
    }.get(name, st.just({}))


@st.composite
def random_settings(draw):
    name = draw(st.sampled_from([str(kind.value) for kind in WITHOUT_METRIC]))
    total, warmup = draw(st.integers(1, 60)), draw(st.integers(0, 80))
    if name == "polynomial" and warmup == total:
        warmup += 1  # there the reference divides by zero
    return {"name": name, "total": total, "warmup": warmup, "keywords": draw(keywords_of(name))}


@settings(max_examples=400)
@given(random_settings(), st.floats(1e-6, 1e-2))
def test_random_settings(compared, setting, rate):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", BOTH_LENGTHS)
        rates = stepped(transformers_scheduler(setting, rate), 127)
    scale = max(rate, setting["keywords"].get("min_lr", 0), rate * setting["keywords"].get("min_lr_rate", 0))
    with jax.enable_x64(True):
        wide = from_setting(setting, rate)
        # What cancels in the reference's own formula is lost to it relative to the peak.
        np.testing.assert_allclose([wide(step) for step in range(len(rates))], rates, rtol=1e-12, atol=1e-12 * scale)
    ours = from_setting(setting, rate)
    # A float32 num_cycles or floor moves a wave by a rounding, which matters relative to the peak and not to a trough.
    close = {"rtol": 2e-7, "atol": 2e-13 * scale}
    at = np.arange(len(rates))
    np.testing.assert_allclose(np.array([ours(int(step)) for step in at]), rates, **close)
    np.testing.assert_allclose(ours(at), rates, **close)
    np.testing.assert_allclose(olr.sweep(ours, len(rates)), rates, **close)
    compared("transformers' schedulers, stepped", 4 * len(rates))


@settings(max_examples=100)
@given(random_settings(), st.integers(61, 10**6))
def test_long_runs_at_chosen_steps(compared, setting, total):
    assume(setting["name"] != "polynomial" or setting["warmup"] != total)  # there the reference divides by zero
    setting = {**setting, "total": total}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", BOTH_LENGTHS)
        scheduler = transformers_scheduler(setting)
    points = [0, 1, setting["warmup"], total // 3, total // 2, total - 2, total - 1, total, total + 1, 2 * total]
    at = np.array(sorted({step for step in points if step >= 0}) + [0] * 10)[:10]
    rates = [RATE * scheduler.lr_lambdas[0](int(step)) for step in at]
    ours = from_setting(setting, RATE)
    scale = max(RATE, setting["keywords"].get("min_lr", 0))
    np.testing.assert_allclose(ours(at), rates, rtol=2e-7, atol=2e-13 * scale)
    compared("transformers' schedulers, at chosen steps", len(rates))


REFUSED = [
    ("polynomial", {"lr_end": 1e-4}, ValueError, "min_lr must be below learning_rate"),
    ("polynomial", {"lr_end": RATE}, ValueError, "min_lr must be below learning_rate"),
    ("cosine_with_min_lr", {}, ValueError, "needs min_lr or min_lr_rate"),
    ("cosine_with_min_lr", {"min_lr": 1e-6, "min_lr_rate": 0.1}, ValueError, "give min_lr or min_lr_rate, not both"),
    ("cosine_warmup_with_min_lr", {}, ValueError, "needs min_lr or min_lr_rate"),
    ("linear", {"num_cycles": 2}, TypeError, "unknown keyword 'num_cycles'"),
    ("cosine", {"power": 2}, TypeError, "unknown keyword 'power'"),
    ("inverse_sqrt", {"timescale": 0}, (ValueError, ZeroDivisionError), "timescale must be above 0, not 0"),
    ("warmup_stable_decay", {}, TypeError, "needs num_decay_steps"),
    ("warmup_stable_decay", {"num_decay_steps": 5, "decay_type": "exp"}, ValueError, "decay_type must be one of"),
    ("warmup_stable_decay", {"num_decay_steps": 5, "min_lr": 1e-6}, TypeError, "min_lr"),
    ("cosin", {}, ValueError, "unknown scheduler 'cosin'; did you mean 'cosine'?"),
]


@pytest.mark.parametrize(("name", "keywords", "error", "message"), REFUSED)
def test_settings_that_the_reference_refuses_are_refused(name, keywords, error, message):
    setting = {"name": name, "total": 100, "warmup": 0, "keywords": keywords}
    with pytest.raises(error):
        transformers_scheduler(setting)
    with pytest.raises((ValueError, TypeError)) as caught:
        from_setting(setting, RATE)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["num_warmup_steps", "num_training_steps"])
def test_missing_settings_are_named(missing):
    given_lengths = {"num_warmup_steps": 0, "num_training_steps": 10} | {missing: None}
    with pytest.raises(ValueError, match=missing):
        transformers.get_scheduler("linear", optimizer(), **given_lengths)
    if missing == "num_training_steps":
        with pytest.raises(ValueError, match="needs max_steps, the number of optimizer steps of the run"):
            olr.get_scheduler("linear", RATE)


def test_where_the_reference_divides_by_zero_ours_is_finite():
    setting = {"name": "polynomial", "total": 10, "warmup": 10, "keywords": {}}
    scheduler = transformers_scheduler(setting)
    with pytest.raises(ZeroDivisionError):
        stepped(scheduler, 10)
    ours = from_setting(setting, RATE)
    assert ours(10) == np.float32(1e-7)
    assert olr.sweep(ours, 12)[10] == ours(np.arange(12))[10] == np.float32(1e-7)


@pytest.mark.parametrize(("cycles", "total"), [(49, 98), (22, 22), (23, 46)])
def test_where_the_reference_misses_a_restart_ours_is_at_the_peak(cycles, total):
    setting = {"name": "cosine_with_restarts", "total": total, "warmup": 0, "keywords": {"num_cycles": cycles}}
    rates, ours = (
        np.array(stepped(transformers_scheduler(setting), total)),
        from_setting(setting, RATE)(np.arange(total + 1)),
    )
    missed = ~np.isclose(rates, ours, rtol=2e-7, atol=1e-12 * RATE)
    assert missed.any()
    assert (np.arange(total + 1)[missed] * cycles % total == 0).all()
    assert (rates[missed] == 0).all()
    assert (np.asarray(ours)[missed] == np.float32(RATE)).all()


def test_every_scheduler_type_has_a_class_or_an_error():
    for kind in transformers.SchedulerType:
        if kind in WITHOUT_METRIC:
            assert kind.value in olr.SCHEDULERS
        else:
            with pytest.raises(
                ValueError, match=r"follows a metric, not the step: use olr\.(reduce_on_plateau|greedy)"
            ):
                olr.get_scheduler(kind.value, RATE)
