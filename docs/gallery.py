"""Writes docs/schedules.md: each schedule's picture, formula, fields and source, from its docstring and its code.

python docs/gallery.py
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import jax.numpy as jnp
import matplotlib
import numpy as np

import optax_lr as olr

HERE = Path(__file__).parent
STEPS = 101
# What each picture shows: a run of 100 steps up to 1.
SHOWN: dict[type[olr.Schedule], olr.Schedule] = {
    olr.Linear: olr.Linear(1.0, 100, 10),
    olr.Cosine: olr.Cosine(1.0, 100, 10, min_lr=0.1),
    olr.CosineWithRestarts: olr.CosineWithRestarts(1.0, 100, 10, num_cycles=3),
    olr.CosineWarmupWithMinLR: olr.CosineWarmupWithMinLR(1.0, 100, 10, min_lr=0.1, warmup_lr=0.3),
    olr.Polynomial: olr.Polynomial(1.0, 100, 10, power=2),
    olr.Constant: olr.Constant(1.0, 10),
    olr.InverseSqrt: olr.InverseSqrt(1.0, 10),
    olr.Rsqrt: olr.Rsqrt(1.0, 10),
    olr.WarmupStableDecay: olr.WarmupStableDecay(1.0, 30, 100, 10, decay_type="1-sqrt"),
    olr.InverseTime: olr.InverseTime(1.0, decay_rate=1.0, decay_steps=20, warmup_steps=10),
    olr.PowerLaw: olr.PowerLaw(1.0, power=0.8, timescale=10, warmup_steps=10),
    olr.ConstantFactor: olr.ConstantFactor(1.0, factor=0.3, total_iters=40),
    olr.LinearRamp: olr.LinearRamp(1.0, start_factor=0.2, end_factor=0.8, total_iters=70),
    olr.PolynomialDecay: olr.PolynomialDecay(1.0, total_iters=80, power=2),
    olr.Step: olr.Step(1.0, step_size=25, gamma=0.5),
    olr.MultiStep: olr.MultiStep(1.0, milestones=[30, 50, 90], gamma=0.5),
    olr.Exponential: olr.Exponential(1.0, gamma=0.96875),
    olr.CosineAnnealing: olr.CosineAnnealing(1.0, T_max=60, eta_min=0.1),
    olr.CosineAnnealingWarmRestarts: olr.CosineAnnealingWarmRestarts(1.0, T_0=13, T_mult=2),
    olr.Cyclic: olr.Cyclic(0.1, 1.0, step_size_up=12, step_size_down=20, mode="triangular2"),
    olr.CyclicMomentum: olr.CyclicMomentum(step_size_up=12, step_size_down=20),
    olr.OneCycle: olr.OneCycle(1.0, total_steps=101),
    olr.OneCycleMomentum: olr.OneCycleMomentum(total_steps=101),
    olr.Stages: olr.Stages([olr.Linear(1.0, 40, 5), olr.Cosine(0.6, 60, 10)], boundaries=[40]),
    olr.Scaled: olr.Cosine(1.0, 100, 10) * 0.5,
    olr.Product: olr.Cosine(1.0, 100) * olr.Step(1.0, 30, 0.5),
    olr.HoldAfter: olr.HoldAfter(olr.Cosine(1.0, 60, min_lr=0.2), step=60),
    olr.Every: olr.Every(olr.Linear(1.0, 10), steps=10),
    olr.Shift: olr.Shift(olr.Cosine(1.0, 80), by=-20),
    olr.Warmup: olr.Warmup(olr.Exponential(1.0, gamma=0.97), 15, warmup_lr=0.2),
    olr.Function: olr.Function(lambda step, period: 0.5 + 0.4 * jnp.sin(step / period), period=8.0),
    olr.Rex: olr.Rex(1.0, 100, 10),
    olr.JaggedRestarts: olr.JaggedRestarts(olr.Cosine(1.0, 120, 10), 30, 8, 4),
    olr.DeepSpeedWarmup: olr.DeepSpeedWarmup(1.0, warmup_steps=40),
    olr.DeepSpeedWarmupDecay: olr.DeepSpeedWarmupDecay(1.0, 100, 20),
    olr.DeepSpeedWarmupCosine: olr.DeepSpeedWarmupCosine(1.0, 100, 20),
    olr.DeepSpeedOneCycle: olr.DeepSpeedOneCycle(0.1, 1.0, 30, 40, decay_rate=1.0, decay_steps=10),
    olr.DeepSpeedRangeTest: olr.DeepSpeedRangeTest(0.1, step_size=25, step_rate=2.0, staircase=True),
    olr.TimmCosine: olr.TimmCosine(1.0, 30, cycle_mul=1.5, cycle_decay=0.7, cycle_limit=3, warmup_steps=5),
    olr.TimmTanh: olr.TimmTanh(1.0, 100),
    olr.TimmPoly: olr.TimmPoly(1.0, 100, power=0.9),
    olr.PiecewiseConstant: olr.PiecewiseConstant.from_rules("1:30,0.4:70,0.1", 1.0),
}
GROUPS = {
    "transformers, and beyond": 11,
    "torch": 12,
    "Combinations, and your own": 8,
    "axolotl, DeepSpeed, timm, diffusers": 11,
}


def picture(kind: type[olr.Schedule]) -> str:
    """Draws a small picture and returns its path from docs/."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(2.4, 1.3), layout="constrained")
    steps = np.arange(STEPS)
    axes.plot(steps, SHOWN[kind](steps), color="#0072B2", linewidth=1.6, drawstyle="default")
    axes.set_ylim(-0.04, 1.08)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([0, 1])
    axes.tick_params(labelsize=7, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    path = f"pictures/{kind.__name__}.png"
    figure.savefig(HERE / path, dpi=100)
    pyplot.close(figure)
    return path


def paragraphs(kind: type[olr.Schedule]) -> tuple[str, str, str, str]:
    """Summary, formula, what happens at the end and source, as the docstring has them."""
    text = inspect.cleandoc(kind.__doc__ or "")
    summary = " ".join(text.split("\n\n")[0].split())
    formula = re.search(r"```\n(.*?)```", text, re.DOTALL)
    source = re.search(r"Source: (.*?)(?:\n\n|$)", text, re.DOTALL)
    return (
        summary,
        formula.group(1).rstrip() if formula else "",
        " ".join(source.group(1).split()) if source else "",
        ", ".join(f"`{f.name}`" for f in dataclasses.fields(kind)),
    )


def page() -> str:
    """The whole page."""
    lines = [
        "# Schedules",
        "",
        (
            "Generated by `python docs/gallery.py` from the docstrings and the code. Each picture is a run of 100 steps up "
            "to 1; `help(olr.Cosine)` has the units of the fields, errors, and what happens past the end."
        ),
    ]
    lines += ["", "| schedule | picture | formula | source | fields |", "|---|---|---|---|---|"]
    for kind in SHOWN:
        summary, formula, source, names = paragraphs(kind)
        cell = "<br>".join(f"`{row.strip()}`" for row in formula.split("\n")) if formula else summary
        link = f"[{kind.__name__}](#{kind.__name__.lower()})"
        lines.append("| " + " | ".join([link, f"![{kind.__name__}]({picture(kind)})", cell, source, names]) + " |")
    kinds = iter(SHOWN)
    for group, size in GROUPS.items():
        lines += ["", f"## {group}", ""]
        for kind in (next(kinds) for _ in range(size)):
            summary, formula, source, names = paragraphs(kind)
            lines += [f"### {kind.__name__}", "", summary, ""]
            if formula:
                lines += ["```", formula, "```", ""]
            lines += [f"Fields: {names}. {'Source: ' + source if source else ''}".rstrip(), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Writes the page and its pictures."""
    matplotlib.use("agg")
    (HERE / "schedules.md").write_text(page())


if __name__ == "__main__":
    main()
