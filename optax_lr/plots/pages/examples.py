"""The examples of each kind of schedule on pages and in the gallery: a run of 1,000 steps, mostly up to 3e-4."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr import schedules as kinds

_RATE = 3e-4

# A new class joins here, by one line in its group.
GROUPS: Mapping[str, tuple[kinds.Schedule, ...]] = {
    "transformers, and beyond": (
        kinds.Linear(_RATE, 1000, 100),
        kinds.Cosine(_RATE, 1000, 100),
        kinds.CosineWithRestarts(_RATE, 1000, 100, num_cycles=3),
        kinds.CosineWarmupWithMinLR(_RATE, 1000, 100, min_lr=3e-5),
        kinds.Polynomial(_RATE, 1000, 100, power=2),
        kinds.Constant(_RATE, 100),
        kinds.InverseSqrt(_RATE, 100),
        kinds.Rsqrt(3e-3, 100),
        kinds.WarmupStableDecay(_RATE, 300, 1000, 100),
        kinds.InverseTime(_RATE, decay_rate=1.0, decay_steps=200, warmup_steps=100),
        kinds.PowerLaw(_RATE, power=0.8, timescale=100, warmup_steps=100),
    ),
    "torch": (
        kinds.ConstantFactor(_RATE, factor=0.3, total_iters=400),
        kinds.LinearRamp(_RATE, start_factor=0.2, end_factor=0.8, total_iters=700),
        kinds.PolynomialDecay(_RATE, total_iters=800, power=2),
        kinds.Step(_RATE, step_size=250, gamma=0.5),
        kinds.MultiStep(_RATE, milestones=[300, 500, 900], gamma=0.5),
        kinds.Exponential(_RATE, gamma=0.997),
        kinds.CosineAnnealing(_RATE, T_max=600, eta_min=3e-5),
        kinds.CosineAnnealingWarmRestarts(_RATE, T_0=130, T_mult=2),
        kinds.Cyclic(3e-5, _RATE, step_size_up=120, step_size_down=200, mode="triangular2"),
        kinds.CyclicMomentum(step_size_up=120, step_size_down=200),
        kinds.OneCycle(_RATE, total_steps=1000),
        kinds.OneCycleMomentum(total_steps=1000),
    ),
    "Combinations, and your own": (
        kinds.Stages([kinds.Linear(_RATE, 400, 50), kinds.Cosine(2e-4, 600, 100)], boundaries=[400]),
        kinds.Scaled(kinds.Cosine(_RATE, 1000, 100), 0.5),
        kinds.Product([kinds.Cosine(_RATE, 1000), kinds.Step(1.0, 300, 0.5)]),
        kinds.HoldAfter(kinds.Cosine(_RATE, 600, min_lr=6e-5), step=600),
        kinds.Every(kinds.Linear(_RATE, 10), steps=100),
        kinds.InSamples(kinds.Cosine(_RATE, 15_000, 1_500), per_step=16),
        kinds.Shift(kinds.Cosine(_RATE, 800), by=-200),
        kinds.Warmup(kinds.Exponential(_RATE, gamma=0.997), 150, warmup_lr=6e-5),
    ),
    "axolotl, DeepSpeed, timm, diffusers": (
        kinds.Rex(_RATE, 1000, 100),
        kinds.JaggedRestarts(kinds.Cosine(_RATE, 1200, 100), 300, 80, 40),
        kinds.DeepSpeedWarmup(_RATE, warmup_steps=400),
        kinds.DeepSpeedWarmupDecay(_RATE, 1000, 200),
        kinds.DeepSpeedWarmupCosine(_RATE, 1000, 200),
        kinds.DeepSpeedOneCycle(3e-5, _RATE, 300, 400, decay_rate=1.0, decay_steps=100),
        kinds.DeepSpeedRangeTest(3e-5, step_size=250, step_rate=2.0, staircase=True),
        kinds.TimmCosine(_RATE, 300, cycle_mul=1.5, cycle_decay=0.7, cycle_limit=3, warmup_steps=50),
        kinds.TimmTanh(_RATE, 1000),
        kinds.TimmPoly(_RATE, 1000, power=0.9),
        kinds.PiecewiseConstant.from_rules("1:300,0.4:700,0.1", _RATE),
    ),
}
EXAMPLES = tuple(example for examples in GROUPS.values() for example in examples)
