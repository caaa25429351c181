"""Schedules of users: functions, schedules of Optax, numbers, and decorated classes."""

import dataclasses
import json
import math
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lr as olr
from optax_lr.numerics import PAIR
from optax_lr.schedules import fields, schedule
from optax_lr.schedules.evaluation import evaluate_in
from optax_lr.schedules.fields import Number
from tests.cases import a_function
from tests.wrong_types import wrong_types

STEPS = np.arange(40)
THEIRS = optax.warmup_cosine_decay_schedule(0.0, 1e-3, 5, 40)


def exact(step, peak=1e-3, tau=7.0):
    return peak * np.exp(-np.asarray(step, np.float64) / tau)


def exact_in_jax(step):
    return 1e-3 * jnp.exp(-step / 7.0)


OWN = olr.Function(a_function, peak=1e-3, tau=7.0)


def test_a_function_is_computed_in_float64():
    for rates in (OWN(STEPS), jax.jit(OWN)(STEPS), olr.sweep(OWN, 40), [OWN(step) for step in range(40)]):
        assert (
            np.abs(np.asarray(rates, np.float64) - exact(STEPS)) <= 0.51 * np.spacing(np.float32(exact(STEPS)))
        ).all()
    np.testing.assert_allclose(jax.jit(lambda s, t: s(t))(OWN, STEPS), exact(STEPS), rtol=2e-7)


def test_a_function_may_have_loops_of_jax():
    def halved(step, peak):
        return jax.lax.while_loop(lambda c: c[0] > 0, lambda c: (c[0] - 1, c[1] / 2), (step, jnp.asarray(peak)))[1]

    schedule = olr.Function(halved, peak=1e-3)
    for rates in (
        schedule(STEPS),
        jax.jit(schedule)(STEPS),
        jax.jit(jax.vmap(schedule))(STEPS),
        olr.sweep(schedule, 40),
    ):
        np.testing.assert_allclose(rates, 1e-3 * 0.5**STEPS, rtol=2e-7)


def test_a_formula_is_traced_once_for_schedules_that_differ_in_numbers():
    calls = []

    @schedule
    class Counted(olr.Schedule):
        peak: Number = fields.rate()

        def _value(self, step, num):
            calls.append(num)
            return self.peak / (step + 1)

    rates = jax.jit(lambda step: [Counted(peak)(step) for peak in (1.0, 2.0, 3.0)])(1)
    np.testing.assert_array_equal(rates, [0.5, 1.0, 1.5])
    assert len(calls) == 1


def test_a_formula_may_use_a_constant_setting_as_a_python_number():
    @schedule
    class Rooted(olr.Schedule):
        peak: Number = fields.rate()
        power: Number = fields.number(default=0.5)

        def _value(self, step, num):
            return self.peak * (num.inverse_sqrt(step + 1) if self.power == 0.5 else num.power(step + 1, -self.power))

    def falls(step, peak, gamma, times):
        return peak * math.prod(jnp.exp(step * math.log(gamma)) for _ in range(int(times)))

    for own, expected in (
        (Rooted(1.0), 1 / np.sqrt(STEPS + 1)),
        (olr.Function(falls, peak=1, gamma=0.9, times=2), 0.81**STEPS),
    ):
        compiled = jax.jit(lambda step, own=own: (own(step), jax.grad(own)(1.0 * step)))
        for step in (0, 3):
            rate, slope = compiled(step)
            assert float(rate) == pytest.approx(expected[step], rel=2e-7) == float(own(step))
            assert np.isfinite(slope)


def test_settings_of_a_function_are_leaves():
    assert OWN.tau == 7.0
    slope = jax.grad(lambda tau: OWN.replace(tau=tau)(5))(7.0)
    assert float(slope) == pytest.approx(1e-3 * np.exp(-5 / 7) * 5 / 49, rel=1e-6)
    many = olr.Function(a_function, peak=np.array([1e-3, 2e-3, 3e-3]), tau=7.0)
    expected = np.stack([exact(STEPS, peak) for peak in (1e-3, 2e-3, 3e-3)])
    np.testing.assert_allclose(olr.sweep(many, 40), expected, rtol=2e-7)
    np.testing.assert_allclose(jax.vmap(lambda s: s(STEPS))(many), expected, rtol=2e-7)
    assert pickle.loads(pickle.dumps(OWN)) == OWN


def test_schedules_of_optax_have_the_values_of_optax_in_float64():
    ours = olr.Function(THEIRS)
    with jax.enable_x64(True):
        expected = np.array([float(THEIRS(step)) for step in range(40)])
    for rates in (ours(STEPS), olr.sweep(ours, 40), jax.jit(ours)(STEPS)):
        np.testing.assert_allclose(rates, expected, rtol=1e-7, atol=1e-19)


def test_functions_and_numbers_are_accepted_wherever_a_schedule_is():
    mixed = [OWN, olr.Linear(1e-3, 40), THEIRS, 3e-4]
    batch = olr.stack(mixed)
    expected = np.stack([exact(STEPS), olr.Linear(1e-3, 40)(STEPS), olr.Function(THEIRS)(STEPS), np.full(40, 3e-4)])
    np.testing.assert_allclose(batch(STEPS), expected, rtol=2e-7, atol=1e-12)
    np.testing.assert_allclose(olr.sweep(batch, 40), expected, rtol=2e-7, atol=1e-12)
    np.testing.assert_allclose(olr.sweep(THEIRS, 40), expected[2], rtol=2e-7, atol=1e-12)
    over = olr.grid(olr.Function, function=a_function, peak=[1e-3, 2e-3], tau=[7.0, 9.0, 11.0])
    assert over[1, 2] == olr.Function(a_function, peak=2e-3, tau=11.0)
    stages = olr.Stages([THEIRS, OWN, 3e-4], boundaries=[10, 20])
    np.testing.assert_allclose(
        stages(STEPS), np.concatenate([expected[2][:10], exact(np.arange(10)), expected[3][:20]]), rtol=2e-7
    )
    for product in (olr.Linear(1.0, 40) * OWN, olr.Linear(1.0, 40) * exact_in_jax, exact_in_jax * olr.Linear(1.0, 40)):
        np.testing.assert_allclose(product(STEPS), exact(STEPS) * (1 - STEPS / 40), rtol=2e-7)


def test_a_class_of_a_user_is_a_schedule_and_may_be_defined_again():
    def defined(formula):
        @schedule
        class Sawtooth(olr.Schedule):
            peak: Number = fields.rate()
            period: Number = fields.count(default=10, least=1)

            def _value(self, step, num):
                return formula(self, step, num)

        return Sawtooth

    first = defined(lambda self, step, num: self.peak * num.ratio(step, self.period))
    again = defined(
        lambda self, step, num: self.peak * (num.ratio(step, self.period) - num.quotient(step, self.period))
    )
    assert first(1.0)(15) == 1.5
    saw = again(1.0)
    np.testing.assert_allclose(saw(STEPS), STEPS % 10 / 10, rtol=2e-7, atol=1e-12)
    np.testing.assert_allclose(olr.sweep(olr.stack([saw, olr.Constant(1.0)]), 40)[0], saw(STEPS), rtol=2e-7, atol=1e-12)
    with pytest.raises(ValueError, match="Sawtooth: period must be at least 1, not 0"):
        again(1.0, 0)


@wrong_types
@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: olr.Function(3), TypeError, "Function: function must be a function of the step, not an int: 3"),
        (lambda: olr.Function(a_function, peak="x", tau=1), TypeError, "Function: peak must be a number"),
        (lambda: olr.Function(a_function, peak=1, tua=2), TypeError, "unknown setting 'tua'; did you mean 'tau'"),
        (lambda: olr.Function(a_function, peak=1), TypeError, "must take the step and the settings: missing"),
        (lambda: OWN.replace(speak=1), TypeError, "Function.replace(): no setting 'speak'; its settings: peak, tau"),
        (
            lambda: olr.Function(lambda step, scale: scale, scale=2.0),
            TypeError,
            "cannot be named 'scale', which schedules",
        ),
        (lambda: olr.Function(lambda step, end: end, end=2.0), TypeError, "cannot be named 'end', which schedules"),
        (lambda: olr.Function(lambda step, kind: kind, kind=2.0), TypeError, "cannot be named 'kind', which schedules"),
        (lambda: jax.jit(olr.Function(lambda step: None))(3), TypeError, "must return one real number, not None"),
        (lambda: olr.Function(lambda step: jnp.ones(3))(3), TypeError, "<lambda> must return one real number, not a"),
        (lambda: OWN.speak, AttributeError, "Function has no setting 'speak'; its settings: peak, tau"),
        (lambda: olr.Stages([olr.Linear], []), TypeError, "must be a schedule, a number or a function of the step"),
        (OWN.to_dict, TypeError, "Function: function is a function, and no plain value"),
        (lambda: olr.from_dict({"kind": "Cosinus"}), ValueError, "kind must name a class of schedules"),
    ],
)
def test_mistakes_raise_an_error_of_one_line(make, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", [lambda step: np.sin(step), lambda step: 1.0 if step > 3 else 0.5])  # noqa: PLW0108
def test_a_function_that_cannot_be_traced_raises_an_error_of_one_line(function):
    schedule = olr.Function(function)
    for call in (lambda: schedule(STEPS), lambda: jax.jit(schedule)(3), lambda: olr.sweep(schedule, 3)):
        with pytest.raises(TypeError, match=r"cannot be traced \(.*\); use jax.numpy instead of NumPy"):
            call()


def test_the_power_operator_is_refused_for_a_tpu():
    @schedule
    class Squared(olr.Schedule):
        peak: Number = fields.rate()

        def _value(self, step, num):
            return self.peak / (1 + step) ** 2

    assert Squared(1.0)(1) == 0.25
    with pytest.raises(TypeError, match=r"a formula for a TPU has no \*\*.*write num.power"):
        jax.export.export(jax.jit(Squared(1.0)), platforms=["tpu"])(jnp.int32(1))


@wrong_types
def test_a_wrong_class_raises_an_error_of_one_line():
    with pytest.raises(
        TypeError, match=r"schedule\(\) decorates a class, not a function: .*; olr\.Function takes a function"
    ):
        schedule(exact)
    with pytest.raises(TypeError, match=r"Bare: peak has no type; write peak: Number = fields\.\.\."):
        schedule(type("Bare", (olr.Schedule,), {"peak": fields.number()}))
    with pytest.raises(TypeError, match=r"Bare: peak must be declared with optax_lr.schedules.fields, as peak: Number"):

        @schedule
        class Bare(olr.Schedule):
            peak: float = 1.0

    @dataclasses.dataclass(frozen=True)
    class Plain(olr.Schedule):
        peak: float

    with pytest.raises(TypeError, match=r"Plain: decorate the class with olr\.schedule, not dataclasses\.dataclass"):
        Plain(1.0)

    for formula in (None, lambda self, step: 1.0):
        with pytest.raises(TypeError, match=r"Empty: write the formula as a method _value\(self, step, num\)"):
            schedule(type("Empty", (olr.Schedule,), {} if formula is None else {"_value": formula}))

    @schedule
    class Branching(olr.Schedule):
        peak: Number = fields.rate()

        def _value(self, step, num):
            return self.peak if step < 5 else self.peak / 2

    for call in (jax.jit(Branching(1.0)), lambda step: Branching(1.0)(np.arange(step))):
        with pytest.raises(TypeError, match=r"Branching: the formula fails .*; use num\.where instead of if") as caught:
            call(8)
        assert "\n" not in str(caught.value)

    @schedule
    class Foreign(olr.Schedule):
        peak: Number = fields.rate()

        def _value(self, step, num):
            return self.peak * jnp.exp(-step)

    with pytest.raises(
        TypeError, match=r"compute with the functions of num, such as num.sqrt, or make an olr.Function"
    ):
        Foreign(1.0)(3)


@pytest.mark.parametrize(
    "made",
    [
        olr.Cosine(1e-3, 100, 10, num_cycles=1.3),
        olr.Stages([olr.Linear(1e-3, 10), olr.PiecewiseConstant(1.0, [5], [1.0, 0.1])], [10]),
        olr.WarmupStableDecay(1e-3, 10, 100, decay_type="1-sqrt"),
        olr.grid(olr.Linear, learning_rate=[1e-3, 2e-3], max_steps=10),
        olr.stack([olr.Linear(1e-3, 10), olr.Constant(1e-4)]),
    ],
    ids=lambda made: type(made).__name__,
)
def test_to_dict_and_from_dict(made):
    assert olr.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def of_formula(formula, **settings):
    @schedule
    class Own(olr.Schedule):
        """A class for one test."""

        peak: Number = fields.rate(default=1.0)

        def _value(self, step, num):
            return formula(self, step, num)

    return Own(**settings)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        pytest.param(lambda s, step, num: 3 - step, np.maximum(3.0 - np.arange(9), 0), id="below 0"),
        pytest.param(lambda s, step, num: 1, np.ones(9), id="a Python number"),
        pytest.param(lambda s, step, num: step > 3, np.arange(9) > 3, id="a comparison"),
        pytest.param(
            lambda s, step, num: num.where(step == 3, 1, num.where(step != 4, 0.5, 0.25)),
            [0.5, 0.5, 0.5, 1, 0.25, 0.5, 0.5, 0.5, 0.5],
            id="equal",
        ),
        pytest.param(
            lambda s, step, num: num.inverse_sqrt(2) + num.power(0.9, 3) + num.log2(8) + num.maximum(1, 2) + step,
            np.sqrt(0.5) + 0.729 + 5 + np.arange(9),
            id="functions of Python numbers",
        ),
        pytest.param(
            lambda s, step, num: num.power(step, 0.3) + num.sqrt(step),
            np.arange(9) ** 0.3 + np.sqrt(np.arange(9)),
            id="powers",
        ),
        pytest.param(lambda s, step, num: num.sin_squared(step, 3), np.sin(np.pi / 6 * np.arange(9)) ** 2, id="sines"),
        pytest.param(
            lambda s, step, num: num.wave(step, 5, 7, 0.5), (1 + np.cos(np.pi / 7 * (np.arange(9) - 5))) / 2, id="wave"
        ),
    ],
)
def test_a_formula_of_a_user_has_one_value_in_every_number_system(formula, expected):
    own, steps = of_formula(formula), np.arange(9)
    on_host = [own(step) for step in range(9)]
    in_pairs = evaluate_in(own, jnp.arange(9), PAIR)
    for rates in (on_host, own(steps), jax.jit(own)(steps), olr.sweep(own, 9), in_pairs):
        np.testing.assert_allclose(np.broadcast_to(rates, 9), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Bitwise inversion")  # of Python 3.12 and later, for ~ of a bool
def test_a_wrong_formula_raises_an_error_of_one_line_wherever_it_is_evaluated():
    for formula, message in (
        (lambda s, step, num: None, "Own: _value must return one real number, not None"),
        (lambda s, step, num: (1, 2), "Own: _value must return one real number, not a tuple: (1, 2)"),
        (lambda s, step, num: jnp.ones(3), "Own: _value must return one real number, not an array of shape (3,)"),
        (lambda s, step, num: num.exp(step), "unknown function of num 'exp'"),
    ):
        with pytest.raises((TypeError, AttributeError), match=re.escape(message)):
            jax.jit(of_formula(formula))(3)
    with pytest.raises(TypeError, match=r"write step <= 3 in place of ~"):
        of_formula(lambda s, step, num: num.where(~(step > 3), 1.0, 0.5))(5)
    own = of_formula(lambda s, step, num: num.where((step == 3) | ~(step != 4), +s.peak, 0))
    assert "== 3) || !(" in olr.to_javascript(own)
    with pytest.raises(TypeError, match=r"for JavaScript has no \*\*"):
        olr.to_javascript(of_formula(lambda s, step, num: step % 4))


def test_names_that_schedules_use_themselves_are_refused():
    for name in ("end", "reshape", "peak_low"):
        members = {"peak": fields.number(), name: fields.number(), "_value": lambda self, step, num: self.peak}
        with pytest.raises(TypeError, match=f"Own: a field cannot be named '{name}', which schedules use; rename it"):
            schedule(type("Own", (olr.Schedule,), {**members, "__annotations__": {"peak": Number, name: Number}}))
    members = {"peak": fields.rate(), "_value": lambda self, step, num: self.peak, "__annotations__": {"peak": Number}}
    with pytest.raises(TypeError, match="Scaled: optax_lr has a schedule of this name; give the class another"):
        schedule(type("Scaled", (olr.Schedule,), members))
    assert olr.Function(lambda step, self: step * self, self=2.0)(3) == 6.0


def test_a_class_that_is_defined_again_is_exported_and_a_function_is_refused():
    for factor in (1.0, 2.0):
        own = of_formula(lambda s, step, num, factor=factor: s.peak * factor * step)
        exported = jax.export.export(jax.jit(lambda s, t: s(t)))(own, 3)
        assert jax.export.deserialize(exported.serialize()).call(own, 3) == 3 * factor
    assert re.search(rb"test_own_schedules\.of_formula\.<locals>\.Own\.\d", exported.serialize())
    for module in ("one", "other"):  # in two modules, each keeps its plain name
        members = {
            "peak": fields.rate(),
            "_value": lambda self, step, num: self.peak,
            "__annotations__": {"peak": Number},
        }
        own = schedule(type("Plain", (olr.Schedule,), members | {"__module__": module, "__qualname__": "Plain"}))(1.0)
        assert module.encode() + b".Plain\0" in jax.export.export(jax.jit(lambda s: s(3)))(own).serialize()
    with pytest.raises(TypeError, match=r"Function: jax.export cannot save a function as an argument; close over"):
        jax.export.export(jax.jit(lambda s, t: s(t)))(OWN, 3).serialize()


def test_a_table_is_read_at_a_whole_number():
    table = jnp.array([1.0, 2.0, 3.0])
    found = olr.Function(lambda step: table[jnp.int32(step)])
    for rates in ([found(step) for step in range(3)], jax.jit(found)(np.arange(3)), olr.sweep(found, 3)):
        np.testing.assert_array_equal(rates, table)
    for read in (table, np.asarray(table)):
        for rates in (lambda own: own(1), lambda own: jax.jit(own)(1)):
            with pytest.raises(
                TypeError, match=r"index a jnp array .* with jnp.int32\(step\)|use jax.numpy instead of"
            ):
                rates(olr.Function(lambda step, read=read: read[step]))
