"""The time of a sweep of each schedule, with settings that need its general formula and with settings that do not.

    python -m benchmarks.kinds [ROWS STEPS] ...        default 10000 2000

Each row has random settings. The unit is the faster of the two fills of `benchmarks.sweep`.
"""

from __future__ import annotations

import jax
import numpy as np

import optax_lr as olr
from benchmarks.timing import fills, in_rounds, limit, machine, ratio, sizes, table


def batches(rows: int, steps: int) -> dict[str, olr.Schedule]:
    """A batch of each class, and several if the computation depends on the settings."""
    random = np.random.default_rng(0)
    rate = random.uniform(1e-5, 1e-3, rows)
    low = rate / 8
    warmup = random.integers(1, steps // 5, rows)
    part = random.integers(steps // 9, steps // 4, rows)
    power = random.uniform(0.3, 3.5, rows)
    cosine = olr.Cosine(rate, steps, warmup)
    growing = {"cycle_mul": 2.0, "cycle_decay": 0.5, "cycle_limit": 5}
    many = {"cycle_mul": random.uniform(1.05, 1.2, rows), "cycle_decay": 0.9, "cycle_limit": 50}
    return {
        "Constant": olr.Constant(rate, warmup),
        "Linear": olr.Linear(rate, steps, warmup),
        "Cosine": cosine,
        "Cosine, any num_cycles": olr.Cosine(rate, steps, warmup, num_cycles=random.uniform(0.3, 3, rows)),
        "CosineWithRestarts": olr.CosineWithRestarts(rate, steps, warmup, num_cycles=random.integers(1, 5, rows)),
        "CosineWarmupWithMinLR": olr.CosineWarmupWithMinLR(rate, steps, warmup, min_lr=low),
        "Polynomial, power 2": olr.Polynomial(rate, steps, warmup, power=2.0),
        "Polynomial, power 0.5": olr.Polynomial(rate, steps, warmup, power=0.5),
        "Polynomial, any power": olr.Polynomial(rate, steps, warmup, power=power),
        "InverseSqrt": olr.InverseSqrt(rate, warmup),
        "Rsqrt": olr.Rsqrt(rate, warmup),
        "Rex": olr.Rex(rate, steps, warmup),
        **{
            f"WarmupStableDecay, {shape}": olr.WarmupStableDecay(rate, steps // 5, steps, warmup, decay_type=shape)
            for shape in ("linear", "cosine", "1-sqrt")
        },
        "Step": olr.Step(rate, step_size=part),
        "MultiStep": olr.MultiStep(rate, milestones=[steps // 4, steps // 2, 3 * steps // 4], gamma=0.3),
        "Exponential": olr.Exponential(rate, gamma=random.uniform(0.99, 1, rows)),
        "ConstantFactor": olr.ConstantFactor(rate, factor=0.3, total_iters=part),
        "LinearRamp": olr.LinearRamp(rate, start_factor=0.1, end_factor=0.9, total_iters=3 * part),
        "PolynomialDecay, any power": olr.PolynomialDecay(rate, total_iters=steps, power=power),
        "CosineAnnealing": olr.CosineAnnealing(rate, T_max=steps),
        "CosineAnnealing, many waves": olr.CosineAnnealing(rate, T_max=part),
        "CosineAnnealingWarmRestarts, T_mult 1": olr.CosineAnnealingWarmRestarts(rate, T_0=part),
        "CosineAnnealingWarmRestarts, T_mult 2": olr.CosineAnnealingWarmRestarts(rate, T_0=part, T_mult=2),
        "CosineAnnealingWarmRestarts, more than 8": olr.CosineAnnealingWarmRestarts(
            rate, T_0=max(1, steps // 300), T_mult=2
        ),
        "Cyclic": olr.Cyclic(low, rate, part, warmup),
        "Cyclic, triangular2": olr.Cyclic(low, rate, part, warmup, mode="triangular2"),
        "Cyclic, exp_range": olr.Cyclic(low, rate, part, warmup, mode="exp_range", gamma=0.999),
        "OneCycle": olr.OneCycle(rate, total_steps=steps, pct_start=0.25),
        "OneCycle, linear": olr.OneCycle(rate, total_steps=steps, pct_start=0.25, anneal_strategy="linear"),
        "PiecewiseConstant": olr.PiecewiseConstant(rate, [steps // 4, steps // 2], [1.0, 0.3, 0.1]),
        "TimmCosine": olr.TimmCosine(rate, steps, warmup_steps=warmup),
        "TimmCosine, k_decay 1.5": olr.TimmCosine(rate, steps, k_decay=1.5),
        "TimmCosine, five growing cycles": olr.TimmCosine(rate, part, **growing),
        "TimmCosine, many growing cycles": olr.TimmCosine(rate, steps // 60, **many),
        "TimmCosine, many equal cycles": olr.TimmCosine(rate, steps // 60, **many | {"cycle_mul": 1.0}),
        "TimmTanh": olr.TimmTanh(rate, steps),
        "TimmTanh, five growing cycles": olr.TimmTanh(rate, part, **growing),
        "TimmPoly": olr.TimmPoly(rate, steps),
        "TimmPoly, any power": olr.TimmPoly(rate, steps, power=power),
        "TimmPoly, any power, five growing cycles": olr.TimmPoly(rate, part, power=power, **growing),
        "DeepSpeedWarmup, log": olr.DeepSpeedWarmup(rate, warmup),
        "DeepSpeedWarmupDecay, log": olr.DeepSpeedWarmupDecay(rate, steps, warmup),
        "DeepSpeedWarmupCosine, linear": olr.DeepSpeedWarmupCosine(rate, steps, warmup, warmup_type="linear"),
        "DeepSpeedOneCycle, stairs": olr.DeepSpeedOneCycle(
            low, rate, part, warmup, first_stairs=7, second_stairs=13, decay_rate=0.5, decay_steps=warmup
        ),
        "DeepSpeedRangeTest, staircase": olr.DeepSpeedRangeTest(low, warmup, 0.3, staircase=True),
        "JaggedRestarts of Cosine": olr.JaggedRestarts(cosine, steps // 7, steps // 40, steps // 90),
        "Stages, Linear and Cosine": olr.Stages([olr.Linear(rate, steps, warmup), cosine], [steps // 2]),
        "HoldAfter of Cosine": olr.HoldAfter(cosine, steps // 2),
        "Scaled Cosine": olr.Scaled(cosine, 0.5),
        "Product of Cosine and Step": olr.Product([cosine, olr.Step(1.0, part, 0.5)]),
    }


def main() -> None:
    """Print a table for each size."""
    for rows, steps in sizes((10_000, 2_000)):
        report(rows, steps)


def report(rows: int, steps: int) -> None:
    """Print the table of one size."""
    memory = jax.numpy.zeros((rows, steps), jax.numpy.float32)

    def swept(batch: olr.Schedule) -> None:
        nonlocal memory
        memory = olr.sweep(batch, steps, out=memory).block_until_ready()

    cases = fills(np.empty((rows, steps), np.float32))
    cases |= {name: lambda batch=batch: swept(batch) for name, batch in batches(rows, steps).items()}
    seconds = in_rounds(cases, 7)
    fill = limit(seconds)
    print(f"{machine()}; {rows:,} x {steps:,}\n")
    lines = [[name, f"{np.median(s) * 1e3:.1f}", ratio(s, fill)] for name, s in seconds.items()]
    print(table(["sweep", "ms", "times a fill"], lines))


if __name__ == "__main__":
    main()
