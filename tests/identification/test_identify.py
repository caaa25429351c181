"""Real schedulers are identified from their rates, and no other schedule is reported."""

import numpy as np
import pytest
import torch
import transformers
from hypothesis import Phase, example, given, settings, strategies as st

import optax_lr as olr
from tests.identification.curves import ROUNDINGS, STEPS, curves, logged

CURVES = curves()
# Rows that are 10 steps apart do not show between which two steps a rate drops.
BETWEEN_ROWS = ("StepLR", "MultiStepLR", "ConstantLR", "plateau")


def names(curve):
    return curve.name


def farthest(answer, curve, offset):
    """The largest distance to the real curve over all steps, as a share of its peak."""
    step = np.arange(1, len(curve.rates))
    return abs(answer.rates(step) - curve.rates[step - offset]).max() / curve.rates.max()


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("curve", CURVES, ids=names)
def test_a_real_scheduler_is_identified(curve, offset):
    found = olr.identify(*logged(curve, 10, offset), max_steps=curve.max_steps)
    assert found.explained
    assert found.answer.error < 1e-12
    near = [answer for answer in found.segments[0].answers if farthest(answer, curve, offset) < 1e-9]
    if any(name in curve.name for name in BETWEEN_ROWS) and offset:
        assert "between two rows" in found.segments[0].text or found.segments[0].count > 1
    else:
        assert near, found.segments[0].answers
        assert near[0] is found.answer


@pytest.mark.parametrize("curve", CURVES, ids=names)
def test_a_log_of_every_step_has_one_answer(curve):
    found = olr.identify(*logged(curve, 1, 0), max_steps=curve.max_steps)
    assert found.explained
    assert min(farthest(answer, curve, 0) for answer in found.segments[0].answers) < 1e-9


@pytest.mark.parametrize("rounding", ["6 digits", "float32"])
@pytest.mark.parametrize("curve", CURVES[:16], ids=names)
def test_rounded_rates_are_identified(curve, rounding):
    step, rate = logged(curve, 10, 0)
    found = olr.identify(step, ROUNDINGS[rounding](rate), max_steps=curve.max_steps)
    assert found.explained
    assert found.precision in (rounding, "float64")
    assert min(farthest(answer, curve, 0) for answer in found.segments[0].answers) < 1e-6


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(CURVES), st.integers(0, 1), st.sampled_from([10, 20]), st.data())
def test_one_rate_changed_by_a_millionth_is_noticed(curve, offset, every, data):
    step, rate = logged(curve, every, offset)
    row = data.draw(st.sampled_from(np.flatnonzero(rate > 1e-3 * rate.max()).tolist()))
    rate = rate.copy()
    rate[row] *= 1 + data.draw(st.sampled_from([1e-6, -1e-6]))
    found = olr.identify(step, rate, max_steps=curve.max_steps)
    assert not found.explained
    off = [place for segment in found.segments for place in segment.off]
    assert not off or step[row] in off


def linear(base, warmup, length, step):
    return base * np.minimum(step / max(warmup, 1), np.maximum(length - step, 0) / (length - warmup))


def test_a_log_without_warmup_rows_reports_what_it_determines():
    step = np.arange(20, 520, 20)
    found = olr.identify(step, 2e-3 * (6600 - step) / 6600, max_steps=6600)
    segment = found.segments[0]
    assert repr(found.schedule) == repr(olr.Linear(2e-3, 6600))
    assert segment.count >= 21  # every warmup that ends before the first row, and other kinds
    assert "learning_rate / (max_steps - warmup_steps) = 3.03030303e-07 is known" in segment.text


def test_a_log_of_the_warmup_alone_gives_the_slope():
    step = np.arange(1, 203)
    segment = olr.identify(step, 5e-7 * step / 510, max_steps=5100).segments[0]
    assert "learning_rate / warmup_steps = 9.803921569e-10 only" in segment.text
    assert segment.count > 100
    assert "Linear(learning_rate=5e-07, max_steps=5100, warmup_steps=510, min_lr=0.0)" in map(
        repr, [answer.schedule for answer in segment.answers]
    )


def test_the_offset_is_known_only_if_the_length_is():
    step = np.arange(50, 1000, 50)
    rates = 0.5 * 1e-4 * (1 + np.cos(np.pi * (step - 1) / 1000))  # offset 1, 1,000 steps
    unknown = olr.identify(step, rates).segments[0]
    pairs = {(int(answer.schedule.max_steps), answer.offset) for answer in unknown.answers[:2]}
    assert (1000, 1) in pairs
    assert unknown.count > 1
    assert unknown.text
    known = olr.identify(step, rates, max_steps=1000)
    assert (int(known.schedule.max_steps), known.answer.offset) == (1000, 1)
    kinds = [type(answer.schedule) for answer in known.segments[0].answers]
    assert kinds.count(olr.Cosine) == 1
    assert set(kinds) == {olr.Cosine, olr.TimmCosine}  # whose warmup, between step 0 and 50, no row shows


def skipping(skips, steps=400):
    """The rate after each step of a real scheduler that is not stepped at `skips`, like under the loss scaler of fp16."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-5)
    scheduler = transformers.get_cosine_schedule_with_warmup(optimizer, 20, steps)
    rates = []
    for step in range(1, steps + 1):
        optimizer.step()
        if step not in skips:
            scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    return np.arange(10, steps + 1, 10), np.array(rates)[9::10]


@pytest.mark.parametrize("skips", [{1, 2}, {205}, {3, 41, 42, 200, 399}, set(range(30, 400, 43))])
def test_skipped_steps_are_counted(skips):
    step, rates = skipping(skips)
    found = olr.identify(step, rates, max_steps=400)
    assert found.explained
    assert repr(found.schedule) == repr(olr.Cosine(5e-5, 400, 20))
    lag = dict(found.segments[0].lag)
    assert lag[max(lag)] == len(skips)
    for at, behind in found.segments[0].lag:
        assert behind == sum(skip <= at for skip in skips)


def test_a_lag_next_to_a_wrong_rate():
    step, rates = skipping({3, 41, 42, 200})
    rates[25] *= 1 + 1e-6
    found = olr.identify(step, rates, max_steps=400)
    assert not found.explained
    assert found.segments[0].off.tolist() == [260]
    assert found.segments[0].lag[-1][1] == 4


def test_two_writers_and_repeated_steps_count_once():
    step = np.arange(10, 410, 10)
    rates = linear(3e-4, 50, 500, step)
    twice, order = np.concatenate([step, step[20:]]), np.random.default_rng(0).permutation(60)
    found = olr.identify(twice[order], np.concatenate([rates, rates[20:]])[order], max_steps=500)
    assert found.explained
    assert found.segments[0].count == 1
    assert len(found.segments[0].step) == 40


def test_rates_without_a_curve():
    rates = np.random.default_rng(0).uniform(1e-5, 1e-4, 30)
    found = olr.identify(np.arange(1, 31), rates, max_steps=30)
    assert not found.explained
    assert found.schedule is None
    assert olr.identify([], []).segments == ()
    assert olr.identify([1, 2], [np.nan, np.nan]).segments == ()


@pytest.mark.parametrize(
    ("step", "rate", "seconds", "message"),
    [
        ([1, 2], [1e-5], 1, "must be of one length"),
        ([1.5], [1e-5], 1, "step must hold whole numbers from 0 on"),
        ([-1], [1e-5], 1, "step must hold whole numbers from 0 on"),
        ([1], [-1e-5], 1, "learning_rate must hold numbers from 0 on that float32 can hold"),
        ([1], [np.inf], 1, "learning_rate must hold numbers from 0 on that float32 can hold"),
        ([1], [1e-5], 0, "seconds must be above 0, not 0"),
        ([1], [1e-5], float("nan"), "seconds must be above 0, not nan"),
    ],
)
def test_bad_arguments(step, rate, seconds, message):
    with pytest.raises(ValueError, match=rf"identify\(\): .*{message}"):
        olr.identify(step, rate, seconds=seconds)


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@example([0, 130, 2000], [0.0, 9.999999928083532e37, 0.0], None)
@example([150, 350, 1400, 4750, 4800], [4.507e-4, 5.979e-4, 4.777e-4, 6e-5, 6e-5], None)
@given(
    st.lists(st.integers(0, 2000), min_size=1, max_size=12),
    st.lists(st.floats(0, 1e38) | st.just(float("nan")), min_size=12, max_size=12),
    st.sampled_from([None, 1, 100, 2**31 - 1]),
)
def test_any_numbers_are_accepted(step, rate, max_steps):
    found = olr.identify(step, rate[: len(step)], max_steps=max_steps)
    for segment in found.segments:
        assert len(segment.step) == len(segment.learning_rate) == len(segment.curve)


def test_the_config_of_an_answer_runs_the_curve():
    curve = CURVES[8]
    found = olr.identify(*logged(curve, 10, 0), max_steps=STEPS)
    assert found.answer.config == {
        "learning_rate": 2e-4,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr": 2e-5},
        "warmup_steps": 60,
        "max_steps": 1000,
    }
    assert repr(olr.read_config(found.answer.config).plan().schedule) == repr(found.schedule)
    wave = olr.Answer(olr.Exponential(1e-4, gamma=0.5), 0, 0.0)
    assert wave.config is None


def test_arbitrary_levels(tmp_path):
    step = np.arange(10, 610, 10)
    rates = 1e-3 * np.select([step < 200, step < 350, step < 500], [1.0, 0.3, 0.5], 0.05)
    found = olr.identify(step, rates)
    assert repr(found.schedule) == repr(olr.PiecewiseConstant(1e-3, (200, 350, 500), (1.0, 0.3, 0.5, 0.05)))
    assert "each drop lies somewhere between two rows" in found.segments[0].text


def test_a_schedule_of_timm():
    """`timm.scheduler.CosineLRScheduler` with warmup_prefix False: the cosine counts from step 0, also with a warmup."""
    step = np.arange(10, 401, 10)
    wave = 1e-5 + (1e-3 - 1e-5) * 0.5 * (1 + np.cos(np.pi * step / 400))
    found = olr.identify(step, np.where(step < 30, step * 1e-3 / 30, np.where(step < 400, wave, 1e-5)))
    assert repr(found.schedule) == repr(olr.TimmCosine(1e-3, 400, min_lr=1e-5, warmup_steps=30))
