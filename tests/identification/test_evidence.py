"""Answers state only what the rates prove, also if they are rounded, stepped by epochs, joined, few, or of no known kind."""

import re
import time

import jax
import numpy as np
import optax
import pytest
from hypothesis import Phase, given, settings, strategies as st
from scipy.optimize import linprog

import optax_lr as olr
from optax_lr.identification.evidence import roundings
from optax_lr.identification.exact import exact_rates
from optax_lr.identification.identify import MOST_ANSWERS
from tests.identification.curves import ROUNDINGS, odd_logs

STEPS = np.arange(10, 1001, 10)
ODD = {log.name: log for log in odd_logs()}


def cosine(step, length, peak=1e-4, floor=0.0, warmup=0):
    wave = floor + (peak - floor) * 0.5 * (1 + np.cos(np.pi * (step - warmup) / (length - warmup)))
    return np.where(step < warmup, peak * step / max(warmup, 1), wave)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_the_rounding_of_the_rates_is_inferred(rounding):
    names = [name for name, _ in roundings(ROUNDINGS[rounding](cosine(np.arange(1, 200), 230)))]
    assert rounding in (names or ["in full"])


@pytest.mark.parametrize("rounding", ["4 digits", "7 decimals"])
@pytest.mark.parametrize("name", [name for name, log in ODD.items() if not log.parts])
def test_custom_curves_are_unexplained(name, rounding):
    log = ODD[name]
    found = olr.identify(log.step, ROUNDINGS[rounding](log.rate))
    assert not found.explained
    assert len(found.segments) == 1
    assert found.segments[0].answers == ()


@pytest.mark.parametrize("rounding", ["in full", "4 digits"])
@pytest.mark.parametrize("name", [name for name, log in ODD.items() if log.parts])
def test_schedulers_stepped_by_epoch_held_ends_and_joined_runs_are_recognised(name, rounding):
    log = ODD[name]
    found = olr.identify(log.step, ROUNDINGS[rounding](log.rate))
    assert len(found.segments) == len(log.parts)
    for segment, (rows, true) in zip(found.segments, log.parts, strict=True):
        np.testing.assert_array_equal(segment.row, np.arange(len(log.step))[rows])
        far = [abs(answer.rates(segment.step) - true[segment.step - 1]).max() for answer in segment.answers]
        assert min(far) < 1e-3 * true.max()


def test_the_length_of_a_level_is_reported():
    log = ODD["cosine once an epoch"]
    (segment,) = olr.identify(log.step, log.rate).segments
    assert segment.every == 50
    assert repr(segment.answers[0].schedule) == repr(olr.Cosine(1e-4, 20))
    assert segment.answers[0].config is None  # no setting of a Trainer steps once an epoch


def test_the_first_rows_of_another_run_are_a_segment():
    step = np.arange(500, 50_001, 500)
    rates = np.where(step <= 1500, 3e-5 * (1 - step / 8000), 3e-5 * (1 - step / 160_000))
    report = olr.audit({"step": step, "learning_rate": rates, "max_steps": 160_000})
    codes = [finding.code for finding in report.findings]
    assert codes.count("LR208") == 1
    assert "LR209" not in codes
    assert "LR212" in codes
    (resumed,) = [finding for finding in report.findings if finding.code == "LR208"]
    assert resumed.steps == (1500, 2000)


@pytest.mark.parametrize("second", [600, 2000])
def test_two_runs_in_one_file_are_separate(second):
    step = np.arange(10, 501, 10)
    rates = np.concatenate([1e-4 * (1 - step / 500), 2e-5 * (1 - step[: second // 20] / second)])
    report = olr.audit({"step": np.concatenate([step, step[: second // 20]]), "learning_rate": rates})
    assert [segment.run for segment in report.identified.segments] == [0, 1]
    (finding,) = [finding for finding in report.findings if finding.code == "LR213"]
    assert "the log holds 2 runs: after step 500 the steps go back to 10" in finding.message
    np.testing.assert_allclose(report.followed, rates, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        ([2e-5], "one rate is logged, which determines no schedule"),
        ([0.0], "one rate is logged, which determines no schedule"),
        ([1.1111e-05, 1.9751e-05, 1.8508e-05], "3 rates are logged, which determine no schedule"),
    ],
)
def test_few_rows_have_no_answer(rates, verdict):
    report = olr.audit({"step": STEPS[: len(rates)], "learning_rate": rates, "max_steps": 6100})
    assert not report.identified.explained
    assert report.identified.segments[0].answers == ()
    assert report.verdict.startswith(verdict)
    assert [finding.code for finding in report.findings] == ["LR212"]


def test_a_constant_rate_may_still_decay():
    step, rates = STEPS, 3e-4 * np.minimum(STEPS / 100, 1)
    (segment,) = olr.identify(step, rates, max_steps=2000).segments
    assert segment.count > 1
    assert "with a decay that begins later" in segment.text
    (segment,) = olr.identify(step, rates, max_steps=1000).segments  # over: nothing can follow
    assert "later" not in segment.text


def test_a_line_of_an_unknown_length_has_many_floors():
    step = np.arange(50, 1601, 50)
    true = np.where(step < 100, 5e-5 * step / 100, (5e-5 - 1e-7) * (2000 - step) / 1900 + 1e-7)
    (segment,) = olr.identify(step, ROUNDINGS["4 digits"](true)).segments
    assert segment.count > 10
    assert "max_steps" in segment.text


def test_a_floor_of_rounded_rates_is_a_range_if_the_length_is_known():
    step = np.arange(10, 300, 10)
    rates = ROUNDINGS["3 digits"](cosine(step, 1500, 2e-4, 1.7e-5))
    (segment,) = olr.identify(step, rates, max_steps=1500).segments
    assert segment.count > 1
    least, most = map(float, re.search(r"min_lr may be anything from (\S+) to (\S+) with", segment.text).groups())
    assert least < 1.7e-5 < most < 3e-5
    # The range is that of all floors with which some peak gives these rates, by a linear program.
    share = (1 + np.cos(np.pi * step / 1500)) / 2
    columns, half = np.stack([share, 1 - share], axis=1), 0.5001e-2 * 10.0 ** np.floor(np.log10(rates))
    bounds = np.concatenate([(rates + half), -(rates - half)]) / np.tile(half, 2)
    scaled = np.concatenate([columns, -columns]) / np.tile(half, 2)[:, None] * 1e-4
    ends = [linprog([0, sign], scaled, bounds, bounds=(0, None)).x[1] * 1e-4 for sign in (1, -1)]
    np.testing.assert_allclose([least, most], ends, rtol=0.06)


def test_a_floor_is_open_together_with_an_unknown_length():
    step = np.arange(1, 60)
    true = np.where(step < 10, 3e-4 * step / 10, cosine(step, 900, 3e-4, 3e-5, 10))  # of a log that says 2000
    (segment,) = olr.identify(step, ROUNDINGS["4 digits"](true), max_steps=2000).segments
    assert segment.count > 1
    assert segment.text.endswith("min_lr and max_steps are open")


def test_settings_are_counted_over_all_kinds():
    step = np.arange(20, 401, 20)
    (segment,) = olr.identify(step, cosine(step, 500), max_steps=500).segments
    kinds = {type(answer.schedule).__name__ for answer in segment.answers}
    assert kinds == {"Cosine", "TimmCosine"}  # whose warmup of up to 19 steps no row shows
    assert segment.count >= 20 > MOST_ANSWERS
    assert repr(segment.answers[0].schedule) == repr(olr.Cosine(1e-4, 500))  # the simplest first


def test_few_rows_of_a_warmup_with_a_first_step_above_zero_raise_nothing():
    found = olr.identify([120, 300, 1400, 4700, 4750], [3.6e-4, 5.97e-4, 4.7e-4, 6e-5, 6e-5])
    assert not found.explained or found.segments[0].count > 1


def test_warmups_of_nanogpt_and_timm_are_recognised():
    step = np.arange(20, 5001, 20)
    warm = 6e-4 * (step + 1) / 401
    rates = np.where(step < 400, warm, cosine(np.minimum(step, 4000), 4000, 6e-4, 6e-5, 400))
    (segment,) = olr.identify(step, rates).segments
    assert abs(segment.answers[0].rates(step) - rates).max() < 1e-12
    # The loop of build-nanogpt: `(step + 1) / warmup_steps`, and the peak twice; printed with 4 decimals of the mantissa.
    step = np.arange(3000)
    rates = np.where(step < 143, 6e-4 * (step + 1) / 143, cosine(step, 3000, 6e-4, 6e-5, 143))
    for printed in (rates, np.array([float(f"{rate:.4e}") for rate in rates])):
        (segment,) = olr.identify(step, printed).segments
        assert abs(segment.answers[0].rates(step) - rates).max() < 1e-14
    epoch = np.arange(100)
    timm = np.where(epoch < 5, 1e-6 + (5e-4 - 1e-6) * epoch / 5, cosine(epoch, 100, 5e-4))
    (segment,) = olr.identify(epoch, timm).segments
    assert repr(segment.answers[0].schedule) == repr(olr.TimmCosine(5e-4, 100, warmup_steps=5, warmup_lr=1e-6))


@pytest.mark.parametrize(("rows", "seconds"), [(500, 2.0), (100_000, 6.0)])
def test_any_rows_are_answered_quickly(rows, seconds):
    """On an idle core this takes 1 s and 3 s of CPU time. The bounds are larger, for busy machines."""
    step = np.arange(1, rows + 1)
    curve = 1e-4 * (1 - step / (rows + 1)) / (0.3 + 0.7 * (1 - step / (rows + 1)))
    for form in ("in full", "7 decimals"):
        start = time.process_time()
        assert not olr.identify(step, ROUNDINGS[form](curve)).explained
        assert time.process_time() - start < seconds


@pytest.mark.parametrize("rounding", ["in full", "4 digits"])
@pytest.mark.parametrize("max_steps", [None, 1100])
def test_a_warmup_that_begins_above_zero_is_found(rounding, max_steps):
    """`optax.warmup_cosine_decay_schedule(1e-5, 1e-3, 100, 1100, 1e-4)`."""
    rates = optax.warmup_cosine_decay_schedule(1e-5, 1e-3, 100, 1100, 1e-4)
    step = np.arange(11, 1100, 11)
    with jax.enable_x64(True):
        logged = ROUNDINGS[rounding](np.asarray(jax.vmap(rates)(step.astype(float)), np.float64))
    answer = olr.identify(step, logged, max_steps=max_steps).answer
    every = np.arange(1101)
    with jax.enable_x64(True):
        true = np.asarray(jax.vmap(rates)(every.astype(float)))
    np.testing.assert_allclose(answer.rates(every), true, atol=1e-15 if rounding == "in full" else 2e-7)


def test_restarts_at_random_steps_of_a_run_of_unknown_length():
    step = np.sort(np.random.default_rng(3).choice(np.arange(1, 2500), 140, replace=False))
    schedule = olr.CosineWithRestarts(1e-3, max_steps=2500, warmup_steps=60, num_cycles=4)
    found = olr.identify(step, exact_rates(schedule, step))
    assert found.explained
    assert repr(found.schedule) == repr(schedule)


def test_levels_alone_do_not_show_a_resumed_run():
    """A warmup and drops: only the first segment shows a curve, so nothing indicates other settings."""
    step = STEPS
    rates = 1e-2 * np.minimum(0.01 + 0.99 * step / 100, 1) * 0.1 ** ((step >= 500) * 1.0 + (step >= 800))
    report = olr.audit({"step": step, "learning_rate": rates})
    assert "LR208" not in [finding.code for finding in report.findings]


def test_rows_that_are_far_apart_take_no_more_time_or_memory():
    step = [420, 938507065, 23881, 18962, 100, 17, 76, 32450, 216456, 14379, 27988, 971257, 0, 28, 29]
    rate = [5e-5, 9e-35, 0, 4.8e-4, 3.6e-4, 9e-4, 2.9e16, 1e-300, 1.9e15, 3.5e-4, 5e-5, 8.7e-4, 0, 5e-5, 3.9e16]
    start = time.process_time()
    olr.identify(step, rate)
    assert time.process_time() - start < 6


def test_a_length_of_zero_counts_as_unknown():
    assert olr.identify([1, 5, 9, 13, 17], [1e-4, 2e-4, 3e-4, 2e-4, 1e-4], max_steps=0).segments


def test_a_search_that_times_out_keeps_its_results_and_says_so(monkeypatch):
    log = ODD["random numbers"]
    report = olr.audit({"step": log.step, "learning_rate": log.rate}, seconds=1e-9)
    assert report.verdict.startswith("the search for their schedule gave up")
    (finding,) = [finding for finding in report.findings if finding.code < "LR3"]
    assert finding.code == "LR212"
    assert finding.message.startswith(
        "open: the search gave up after 1e-09 s of CPU time, before it had tried all of: linear"
    )
    checks = iter([0.0, 0.0, 0.0])  # the time is over at the third candidate, when a line has been found
    monkeypatch.setattr("time.thread_time", lambda: next(checks, 100.0))
    (segment,) = olr.identify(log.step, cosine(log.step, 2000), max_steps=2000).segments
    assert repr(segment.answers[0].schedule) == repr(olr.Cosine(1e-4, 2000))
    assert segment.count > 1
    assert "open: the search gave up after 10 s" in segment.text


@pytest.mark.long
@settings(max_examples=400, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.data())
def test_random_rows_are_answered_in_time(data):
    count = data.draw(st.integers(1, 60))
    step = data.draw(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 100), min_size=count, max_size=count))
    rates = st.floats(0, 1e38) | st.sampled_from([0.0, 1e-4, 5e-5, float("nan")]) | st.floats(1e-7, 1e-3)
    rate = data.draw(st.lists(rates, min_size=count, max_size=count))
    start = time.process_time()
    olr.identify(step, rate, max_steps=data.draw(st.none() | st.integers(0, 2**31 - 1)))
    assert time.process_time() - start < 5
