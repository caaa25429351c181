"""Reports on the schedules of transformers: warmup, cycles, floors, phases, ends; compared with the real functions."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import transformers

import optax_lr as olr
from tests.linting.said import wrong
from tests.parity.comparison import assert_same_rates
from tests.reference.generate import optimizer, stepped
from tests.reports.register import about


def real(name, rate, warmup, total, last, **keywords):
    """The rates that transformers gives for steps 0 to `last`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Both num_training_steps and num_stable_steps")
        made = transformers.get_scheduler(name, optimizer(rate), warmup, total, scheduler_specific_kwargs=keywords)
    return stepped(made, last)


def same(name, rate, warmup, total, last, **keywords):
    """Compare a schedule with transformers at every step, and return the real rates."""
    rates = real(name, rate, warmup, total, last, **keywords)
    assert_same_rates(
        lambda: olr.get_scheduler(name, rate, warmup_steps=warmup, max_steps=total, **keywords),
        np.arange(last + 1),
        rates,
        scale=max(rates),
    )
    return rates


@about("C07")
def test_the_warmup_of_a_cosine_is_a_line():
    rates = same("cosine", 1e-4, 10, 100, 100)
    assert [rates[step] for step in (0, 2, 5, 8, 10)] == pytest.approx([0, 2e-5, 5e-5, 8e-5, 1e-4])
    curved = same("warmup_stable_decay", 1e-4, 10, 100, 100, num_decay_steps=20, warmup_type="cosine")
    assert curved[1] == pytest.approx(2.4471741852423237e-06)


@about("C09")
@pytest.mark.parametrize("name", ["linear", "cosine", "cosine_with_restarts", "polynomial"])
def test_a_warmup_as_long_as_the_run(name):
    last = 99 if name == "polynomial" else 101  # where transformers divides by zero
    same(name, 0.01, 100, 100, last)
    ours = olr.get_scheduler(name, 0.01, warmup_steps=100, max_steps=100)
    steps = np.arange(103)
    assert np.isfinite(jax.jit(ours)(steps)).all()
    slopes = jax.vmap(jax.grad(lambda rate, step: ours.replace(learning_rate=rate)(step)), (None, 0))(0.01, steps)
    assert np.isfinite(slopes).all()
    if name == "polynomial":
        with pytest.raises(ZeroDivisionError):
            real(name, 0.01, 100, 100, 100)
        assert float(ours(100)) == pytest.approx(1e-7)


@about("C10")
def test_no_warmup_starts_at_the_peak():
    same("linear", 1e-3, 0, 10, 11)
    assert float(jax.jit(olr.Linear(1e-3, 10))(0)) == np.float32(1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert optax.linear_schedule(0.0, 1e-3, 0)(5) == 0  # what the report fell into


@about("C11")
def test_the_decay_counts_from_the_end_of_the_warmup():
    rates = same("cosine", 1.0, 20, 120, 120)
    assert [rates[20], rates[70]] == pytest.approx([1.0, 0.5])


@about("C14")
def test_the_peak_comes_once_at_the_end_of_the_warmup():
    rates = same("cosine_with_min_lr", 1.0, 3, 10, 10, min_lr_rate=0.1)
    assert [step for step, rate in enumerate(rates) if rate == 1.0] == [3]
    ours = olr.Cosine(1.0, 10, 3, min_lr=0.1)
    assert [step for step in range(11) if ours(step) == 1.0] == [3]


@about("C16")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_steps": -1}, "max_steps must be at least 0, not -1"),
        ({"max_steps": 100, "warmup_steps": -5}, "warmup_steps must be at least 0, not -5"),
        ({"max_steps": 100, "learning_rate": -1e-4}, "learning_rate must be at least 0, not -0.0001"),
    ],
)
def test_negative_counts_and_rates_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        olr.Linear(**{"learning_rate": 1e-4} | values)


@about("C17")
def test_restarts_with_default_settings_equal_a_cosine():
    assert same("cosine_with_restarts", 1e-4, 0, 100, 100) == pytest.approx(
        real("cosine", 1e-4, 0, 100, 100), abs=1e-19
    )
    recipe = {"stage": "sft", "finetuning_type": "lora", "learning_rate": 1e-4, "max_steps": 600}
    found = wrong(recipe | {"lr_scheduler_type": "cosine_with_restarts"})
    assert [finding.code for finding in found] == ["LR141"]


@about("C19")
def test_the_steps_before_and_at_a_restart():
    rates = same("cosine_with_restarts", 1e-4, 10, 110, 111, num_cycles=4)
    assert [rates[step] for step in (10, 35, 60, 85)] == [1e-4] * 4
    assert [rates[step] for step in (34, 59, 84, 109)] == pytest.approx([3.9426493427611177e-07] * 4)
    assert rates[110:] == [0, 0]


@about("C20")
@pytest.mark.parametrize(("total", "cycles"), [(25, 5), (49, 7), (50, 5), (55, 5), (98, 7)])
def test_a_restart_is_the_peak_under_jit_in_float32(total, cycles):
    same("cosine_with_restarts", 1.0, 0, total, total, num_cycles=cycles)
    ours = olr.CosineWithRestarts(1.0, total, num_cycles=cycles)
    starts = np.arange(0, total, total // cycles)
    assert np.array_equal(jax.jit(ours)(starts), np.ones(cycles, np.float32))
    assert np.array_equal(jax.jit(lambda made: made(starts))(ours), np.ones(cycles, np.float32))


@about("C22")
def test_a_fraction_of_a_cycle_ends_above_zero():
    rates = same("cosine", 0.03, 0, 1000, 1000, num_cycles=7 / 16)
    assert rates[1000] == pytest.approx(0.03 * 0.5 * (1 + np.cos(7 * np.pi / 8)))


@about("C24")
@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("linear", {}),
        ("cosine", {}),
        ("cosine_with_min_lr", {"min_lr": 1e-7}),
        ("cosine_with_restarts", {}),
        ("polynomial", {}),
    ],
)
def test_training_past_max_steps(name, keywords):
    rates = same(name, 1e-4, 10, 100, 190, **keywords)
    rises = name in ("cosine", "cosine_with_min_lr")
    assert (rates[149] > rates[100]) == rises
    config = {"stage": "sft", "finetuning_type": "lora", "learning_rate": 1e-4, "lr_scheduler_type": name,
              "warmup_steps": 10, "max_steps": 100, "lr_scheduler_kwargs": keywords}  # fmt: skip
    assert ("LR148" if rises else "LR145") in {finding.code for finding in wrong(config, train_steps=150)}
    assert float(
        olr.HoldAfter(olr.get_scheduler(name, 1e-4, warmup_steps=10, max_steps=100, **keywords), 100)(149)
    ) == (pytest.approx(rates[100], abs=1e-12))


@about("C27")
def test_a_floor_rescales_the_curve_and_does_not_clip_it():
    rates = same("cosine_with_min_lr", 1e-4, 0, 100, 100, min_lr=1e-5)
    assert [rates[step] for step in (50, 80, 100)] == pytest.approx([5.5e-5, 1.8594235253127375e-05, 1e-5])


@about("C28")
def test_the_warmup_starts_at_zero_below_the_floor_except_for_a_stable_phase():
    assert same("cosine_with_min_lr", 1e-4, 10, 100, 100, min_lr_rate=0.1)[:2] == pytest.approx([0, 1e-5])
    rates = same("warmup_stable_decay", 1e-4, 10, 100, 101, num_decay_steps=20, min_lr_ratio=0.1)
    assert rates[:2] == pytest.approx([1e-5, 1.9e-5])
    null = {
        "learning_rate": 1e-4,
        "use_peft": True,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": None},
    }
    with pytest.raises(olr.ConfigError, match="needs min_lr or min_lr_rate"):
        olr.read_config(null | {"max_steps": 100}).plan()
    with pytest.raises(ValueError, match="One of min_lr or min_lr_rate should be set"):
        real("cosine_with_min_lr", 1e-4, 10, 100, 1, min_lr_rate=None)


@about("C29")
@pytest.mark.parametrize(
    ("keywords", "code"),
    [({"min_lr": 1.85e-5}, "LR143"), ({"min_lr": 2e-5}, "LR143"), ({"min_lr": 5e-5}, "LR144"), ({"min_lr_rate": 10}, "LR144"),
     ({"min_lr": -1e-5}, "LR110")],
)  # fmt: skip
def test_a_floor_at_or_above_the_peak_or_below_zero(keywords, code):
    name = "cosine_with_min_lr"
    if keywords.get("min_lr", 0) >= 0:
        same(name, 2e-5, 0, 100, 100, **keywords)
    config = {"stage": "sft", "finetuning_type": "lora", "learning_rate": 2e-5, "max_steps": 600}
    found = wrong(config | {"lr_scheduler_type": name, "lr_scheduler_kwargs": keywords})
    assert [finding.code for finding in found] == [code]


@about("C32")
def test_the_stable_phase_has_the_remaining_steps():
    rates = same("warmup_stable_decay", 1e-4, 10, 100, 150, num_decay_steps=20)
    assert (rates[80], rates[100]) == (1e-4, 0)
    assert rates[81] < 1e-4
    config = {"learning_rate": 1e-4, "lr_scheduler_type": "warmup_stable_decay", "max_steps": 100, "warmup_steps": 10}
    with pytest.raises(olr.ConfigError, match="needs num_decay_steps"):
        olr.read_config(config).plan()
    with pytest.raises(TypeError, match="num_decay_steps"):
        real("warmup_stable_decay", 1e-4, 10, 100, 1)
    twice = {"num_decay_steps": 20, "num_warmup_steps": 5}
    with pytest.raises(olr.ConfigError, match="unknown keyword 'num_warmup_steps'"):
        olr.read_config(config | {"lr_scheduler_kwargs": twice}).plan()
    with pytest.raises(TypeError, match="multiple values"):
        real("warmup_stable_decay", 1e-4, 10, 100, 1, **twice)


@about("C36")
def test_the_ends_of_a_stable_phase():
    rates = same("warmup_stable_decay", 1.0, 4, 10, 11, num_decay_steps=4, decay_type="linear")
    assert rates == [0, 0.25, 0.5, 0.75, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0]


@about("C37")
@pytest.mark.parametrize(
    ("warmup", "total", "keywords", "code"),
    [
        (4, 10, {"num_decay_steps": 9}, "LR147"),
        (2, 20, {"num_stable_steps": 5, "num_decay_steps": 5, "min_lr_ratio": 0.1}, "LR145"),
        (2, 20, {"num_stable_steps": 15, "num_decay_steps": 10}, "LR146"),
    ],
)
def test_phases_that_do_not_add_up(warmup, total, keywords, code):
    same("warmup_stable_decay", 1.0, warmup, total, total + 1, decay_type="linear", **keywords)
    config = {"use_peft": True, "learning_rate": 1e-4, "lr_scheduler_type": "warmup_stable_decay", "max_steps": total}
    found = wrong(config | {"warmup_steps": warmup, "lr_scheduler_kwargs": keywords})
    assert code in {finding.code for finding in found}


@about("C39")
def test_the_end_of_a_polynomial_must_lie_below_its_start():
    same("polynomial", 1e-3, 0, 10, 11, power=2.0, lr_end=1e-5)
    for rate, keywords in ((5e-8, {}), (1e-5, {"lr_end": 1e-5})):
        with pytest.raises(ValueError, match="must be smaller than initial lr"):
            real("polynomial", rate, 0, 10, 1, **keywords)
        with pytest.raises(ValueError, match="min_lr must be below learning_rate"):
            olr.get_scheduler("polynomial", rate, warmup_steps=0, max_steps=10, **keywords)


@about("C41")
def test_inverse_sqrt_without_a_warmup():
    rates = same("inverse_sqrt", 1e-3, 0, 100, 10_000)
    assert rates[10_000] == pytest.approx(1e-3 / np.sqrt(2))
    with pytest.raises(ZeroDivisionError):
        real("inverse_sqrt", 1e-3, 0, 100, 1, timescale=0)
    with pytest.raises(ValueError, match="timescale must be above 0"):
        olr.InverseSqrt(1e-3, 0, timescale=0)


@about("C104")
def test_the_floor_is_reached_after_the_last_update():
    rates = same("cosine_with_min_lr", 1.0, 0, 100, 100, min_lr_rate=0.1)
    assert (rates[99], rates[100]) == pytest.approx((0.10022204783542078, 0.1))
    earlier = same("cosine_warmup_with_min_lr", 1.0, 0, 100, 99, min_lr_rate=0.1)
    assert earlier[99] == pytest.approx(0.1)


@about("C70")
def test_a_resumed_run_continues_where_it_stopped():
    schedule = olr.Linear(1.0, 100)
    rates = real("linear", 1.0, 0, 100, 41)
    assert (float(schedule(40)), float(schedule(80))) == pytest.approx((rates[40], 0.2))  # 80: counted twice
    tx = olr.inject_schedules(optax.sgd)(schedule)
    state = tx.init(jnp.zeros(()))
    for _ in range(40):
        _, state = tx.update(jnp.ones(()), state)
    _, resumed = tx.update(jnp.ones(()), jax.tree.map(jnp.array, state))
    assert float(optax.tree.get(resumed, "learning_rate")) == pytest.approx(0.6)
    assert float(olr.Linear(1.0, 60)(0)) == 1.0  # a new schedule for what is left


@about("C65")
def test_a_schedule_in_steps_that_is_stepped_once_an_epoch():
    rates = same("cosine", 1e-3, 0, 10_000, 10)
    assert rates[10] == pytest.approx(0.0009999975326009292)
    assert [finding.code for finding in wrong(olr.Cosine(1e-3, 10_000), train_steps=10)] == ["LR146"]
    assert float(olr.Constant(1e-3, warmup_steps=4000)(1000)) == pytest.approx(0.00025)
    found = wrong(olr.Linear(1e-3, 10_000, 4000), train_steps=1000)
    assert "LR146" in {finding.code for finding in found}
