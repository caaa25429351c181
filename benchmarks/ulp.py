"""The error of float32 rates in units in the last place, for this library and for Optax.

    python -m benchmarks.ulp

The exact value is the documented formula in 40 digits (`benchmarks/exact.py`) at the settings as they are written, in
float64; in the last two tables at the settings rounded to float32. Each figure is the largest error over about 2,000
steps: both ends, the corners of the curve, and random steps, uniform in the step and in the logarithm of the remaining
steps. Errors below 1e-12 of the largest rate are ignored.
"""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lr as olr
from benchmarks.exact import exact
from benchmarks.timing import table

RATE = 3e-4
LENGTHS = (10**3, 10**5, 10**7, 10**9, 2**31 - 1)


def schedules(length: int) -> dict[str, tuple[olr.Schedule, object]]:
    """Each documented schedule at one length, and the nearest schedule of Optax, if there is one."""
    warmup = length // 10 + 3
    rest = length - warmup

    def after(schedule):
        return optax.join_schedules([optax.linear_schedule(0.0, RATE, warmup), schedule], [warmup])

    return {
        "linear": (olr.Linear(RATE, length, warmup), after(optax.linear_schedule(RATE, 0.0, rest))),
        "cosine": (olr.Cosine(RATE, length, warmup), optax.warmup_cosine_decay_schedule(0.0, RATE, warmup, length)),
        "cosine, floor": (
            olr.Cosine(RATE, length, warmup, min_lr=RATE / 10),
            optax.warmup_cosine_decay_schedule(0.0, RATE, warmup, length, RATE / 10),
        ),
        **{
            f"cosine, {waves} waves": (olr.Cosine(RATE, length, warmup, num_cycles=waves), None)
            for waves in (1.3, 1.5, 2.7)
        },
        **{
            f"cosine_with_restarts, {cycles}": (olr.CosineWithRestarts(RATE, length, warmup, num_cycles=cycles), None)
            for cycles in (7, 3.3)
        },
        **{
            f"polynomial, power {power}": (
                olr.Polynomial(RATE, length, warmup, power=power),
                after(optax.polynomial_schedule(RATE, 0.0, float(np.float32(power)), rest)),
            )
            for power in (0.1, 0.5, 2, 3, 2.7, 4.3)
        },
        "inverse_sqrt": (olr.InverseSqrt(RATE, warmup), None),
        "rsqrt": (olr.Rsqrt(RATE, warmup), None),
    }


def others(length: int) -> dict[str, olr.Schedule]:
    """The other schedules at one length."""
    warmup, part = length // 10 + 3, length // 5
    shapes = ("linear", "cosine", "1-sqrt")
    return {
        "cosine_warmup_with_min_lr": olr.CosineWarmupWithMinLR(
            RATE, length, warmup, min_lr=RATE / 8, warmup_lr=RATE / 4
        ),
        **{
            f"warmup_stable_decay, {shape}": olr.WarmupStableDecay(
                RATE, part, length, warmup, warmup_type=shape, decay_type=shape, min_lr=RATE / 8
            )
            for shape in shapes
        },
        **{
            f"warmup_stable_decay, {shape}": olr.WarmupStableDecay(
                RATE, part, length, warmup, decay_type=shape, min_lr=RATE / 8, power=1.7
            )
            for shape in ("1-square", "exponential", "power")
        },
        "linear, floor": olr.Linear(RATE, length, warmup, min_lr=RATE / 9),
        "InverseTime": olr.InverseTime(RATE, decay_rate=0.7, decay_steps=part, warmup_steps=warmup),
        "PowerLaw": olr.PowerLaw(RATE, power=0.8, timescale=part / 3, warmup_steps=warmup),
        "CyclicMomentum": olr.CyclicMomentum(part, warmup),
        "OneCycleMomentum": olr.OneCycleMomentum(length, pct_start=0.3),
        "Every": olr.Every(olr.Exponential(RATE, gamma=0.97), warmup),
        "InSamples": olr.InSamples(olr.Cosine(RATE, length, warmup, min_lr=RATE / 8), per_step=7),
        "Shift": olr.Shift(olr.Cosine(RATE, length, num_cycles=1.3), by=part),
        "Warmup": olr.Warmup(olr.Rex(RATE, length), warmup, warmup_lr=RATE / 7),
        "Step": olr.Step(RATE, step_size=max(1, length // 20), gamma=0.9),
        "MultiStep": olr.MultiStep(RATE, milestones=[part, 2 * part, 3 * part], gamma=0.3),
        "Exponential, to e**-60": olr.Exponential(RATE, gamma=1 - 60 / length),
        "ConstantFactor": olr.ConstantFactor(RATE, factor=0.3, total_iters=part),
        "LinearRamp": olr.LinearRamp(RATE, start_factor=0.1, end_factor=0.9, total_iters=4 * part),
        "PolynomialDecay, power 1.7": olr.PolynomialDecay(RATE, total_iters=length, power=1.7),
        "CosineAnnealing": olr.CosineAnnealing(RATE, T_max=length),
        "CosineAnnealingWarmRestarts": olr.CosineAnnealingWarmRestarts(RATE, T_0=warmup, T_mult=2, eta_min=RATE / 8),
        "Cyclic, triangular2": olr.Cyclic(RATE / 8, RATE, part, warmup, mode="triangular2"),
        "OneCycle, cos": olr.OneCycle(RATE, total_steps=length, pct_start=0.25),
        "OneCycle, linear, three phases": olr.OneCycle(
            RATE, total_steps=length, pct_start=0.25, anneal_strategy="linear", three_phase=True
        ),
        "TimmCosine, growing cycles": olr.TimmCosine(
            RATE, length // 7 + 1, cycle_mul=2.0, cycle_decay=0.5, cycle_limit=3
        ),
        "TimmTanh": olr.TimmTanh(RATE, length),
        "TimmPoly": olr.TimmPoly(RATE, length, power=0.9),
        "TimmCosine, k_decay 1.5": olr.TimmCosine(RATE, length, k_decay=1.5),
        "TimmPoly, k_decay 0.7": olr.TimmPoly(RATE, length, k_decay=0.7),
        "PiecewiseConstant": olr.PiecewiseConstant(RATE, [part, 2 * part], [1.0, 0.3, 0.07]),
        "Rex": olr.Rex(RATE, length, warmup, min_lr=RATE / 8),
        "DeepSpeedWarmup, log": olr.DeepSpeedWarmup(RATE, warmup),
        "DeepSpeedWarmupDecay, log": olr.DeepSpeedWarmupDecay(RATE, length, warmup),
        "DeepSpeedWarmupCosine, linear": olr.DeepSpeedWarmupCosine(RATE, length, warmup, warmup_type="linear"),
        "DeepSpeedOneCycle, stairs": olr.DeepSpeedOneCycle(
            RATE / 8, RATE, 2 * part, part, first_stairs=7, second_stairs=13, decay_rate=0.5, decay_steps=warmup
        ),
        "DeepSpeedRangeTest, staircase": olr.DeepSpeedRangeTest(RATE / 8, warmup // 7, 0.3, staircase=True),
        "JaggedRestarts of cosine": olr.JaggedRestarts(
            olr.Cosine(RATE, length, warmup), length // 7, warmup // 4, warmup // 9
        ),
        "cosine, quadratic warmup": olr.Cosine(RATE, length, warmup) * olr.Constant(1.0, warmup),
    }


def sampled(length: int, warmup: int) -> np.ndarray:
    """Steps in [0, length): the ends, the corners, and random steps as described above."""
    random = np.random.default_rng(length)
    near = [point + offset for point in (0, warmup, length) for offset in range(-20, 20)]
    cycles = [warmup + (length - warmup) * k // 7 + offset for k in range(8) for offset in (-1, 0, 1)]
    left = length - np.geomspace(1, length, 900).astype(np.int64)
    steps = np.concatenate([near, cycles, left, random.integers(0, length, 900)]).astype(np.int64)
    return np.unique(steps[(steps >= 0) & (steps < length)]).astype(np.int32)


def worst(rates: np.ndarray, references: list) -> float:
    """The largest error of float32 `rates`, in ulps of the exact values, ignoring 1e-12 of the largest rate."""
    least = 1e-12 * max(map(abs, references))
    errors = [
        max(0, abs(float(rate) - reference) - least) / np.spacing(np.float32(float(reference)))
        for rate, reference in zip(rates.tolist(), references, strict=True)
    ]
    return float(max(errors)) if np.isfinite(rates).all() else float("nan")


def at_float32(schedule: olr.Schedule) -> olr.Schedule:
    """The schedule with its settings rounded to float32."""
    return schedule._mapped(lambda setting, _: np.float64(np.float32(setting)))


def figures(schedule: olr.Schedule, steps: np.ndarray) -> list[float]:
    """The largest errors: closed over by a trace, as an argument of a trace, in `sweep`, and in `sweep` with float32 settings."""
    references = [exact(schedule, int(step)) for step in steps]
    short = at_float32(schedule)
    return [
        worst(np.asarray(jax.jit(schedule.__call__)(steps)), references),
        worst(np.asarray(jax.jit(lambda s, t: s(t))(schedule, steps)), references),
        worst(np.asarray(olr.sweep(schedule, steps)), references),
        worst(np.asarray(olr.sweep(short, steps)), [exact(short, int(step)) for step in steps]),
    ]


TITLES = (
    "closed over by a trace",
    "an argument of a trace",
    "`sweep`",
    "`sweep`, settings of float32",
    "Optax's nearest, settings of float32",
)


def main() -> None:
    """Print the tables."""
    rows: dict[str, list[list[str]]] = {}
    for length in LENGTHS:
        everything = schedules(length) | {name: (schedule, None) for name, schedule in others(length).items()}
        for name, (schedule, peer) in everything.items():
            steps = sampled(length, length // 10 + 3)
            shown = [f"{figure:.3f}" for figure in figures(schedule, steps)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = None if peer is None else np.asarray(jax.jit(jax.vmap(peer))(jnp.asarray(steps)))
            exactly = [exact(at_float32(schedule), int(step)) for step in steps] if peer else []
            shown.append("" if theirs is None else f"{worst(theirs, exactly):.2g}")
            rows.setdefault(name, []).append(shown)
    heads = [f"{length:.0e}".replace("e+0", "e") if length < 2**30 else "2^31-1" for length in LENGTHS]
    for column, title in enumerate(TITLES):
        lines = [[name, *(each[column] for each in found)] for name, found in rows.items() if found[0][column]]
        print("\n" + table([f"worst ulp, {title}; max_steps =", *heads], lines))


if __name__ == "__main__":
    main()
