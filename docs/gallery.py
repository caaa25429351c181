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
from formulas import SYMBOLS, as_latex

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


def field_texts(kind: type[olr.Schedule]) -> dict[str, str]:
    """What the docstring says of each field, with its unit; a docstring may refer to another class's fields."""
    text = inspect.cleandoc(kind.__doc__ or "")
    found = re.search(r"^(?:Fields|Args):(.*)\n((?:    .*\n)*)", text + "\n", re.MULTILINE)
    if not found:
        return {}
    texts = {}
    for names, meaning in re.findall(r"^    ([\w, ]+): (.*(?:\n {8}.*)*)", found[2], re.MULTILINE):
        for name in names.split(", "):
            texts[name] = " ".join(meaning.split())
    referred = "\n".join([found[1], *texts.values()])
    for other in re.findall(r"those of `(\w+)`", referred):
        texts = {name: field_texts(getattr(olr, other)).get(name, text) for name, text in texts.items()} | {
            name: text for name, text in field_texts(getattr(olr, other)).items() if name not in texts
        }
    return texts


def field_table(kind: type[olr.Schedule]) -> list[str]:
    """A row for each field: its name and symbol, its default, and its meaning with the unit."""
    texts = field_texts(kind)
    rows = ["| field | symbol | default | meaning |", "|---|---|---|---|"]
    for field in dataclasses.fields(kind):
        symbol = f"$`{SYMBOLS[field.name]}`$" if field.name in SYMBOLS else ""
        default = "" if field.default is dataclasses.MISSING else f"`{field.default!r}`"
        rows.append(f"| `{field.name}` | {symbol} | {default} | {texts[field.name]} |")
    return rows


def card(kind: type[olr.Schedule]) -> list[str]:
    """The lines of a schedule's card: picture, summary, formula, fields, what happens past the end, source."""
    text = inspect.cleandoc(kind.__doc__ or "")
    parts = [" ".join(part.split()) for part in re.sub(r"```\n.*?```\n", "", text, flags=re.DOTALL).split("\n\n")]
    prose = [part for part in parts if not part.startswith((">>>", "Fields:", "Args:", "Raises:"))]
    lines = [f"### {kind.__name__}", "", f'<div class="schedule" data-kind="{kind.__name__}" markdown>', ""]
    lines += [f"![{kind.__name__} over 100 steps]({picture(kind)})", "", prose[0], ""]
    if formula := re.search(r"```\n(.*?)```", text, re.DOTALL):
        name = r"\mu" if "Momentum" in kind.__name__ else r"\eta"
        for row in as_latex(formula[1], name):
            lines += ["```math", row, "```", ""]
    if kind is not olr.Function:
        lines += [*field_table(kind), ""]
    for part in prose[1:]:
        lines += [re.sub(r"^(Source|Errors): ", r"**\1**: ", part), ""]
    return [*lines, "</div>", ""]


def page() -> str:
    """The whole page."""
    lines = [
        "# Schedules",
        "",
        (
            "Generated by `python docs/gallery.py` from the docstrings and the code. Each picture is a run of 100 steps up "
            "to 1. In a formula, *n* is the step: the number of optimizer updates that are done. The tests evaluate each "
            "formula and compare it with the code."
        ),
    ]
    kinds = iter(SHOWN)
    groups = {group: [next(kinds) for _ in range(size)] for group, size in GROUPS.items()}
    for group, members in groups.items():
        lines += ["", f"**{group}**", "", '<div class="gallery" markdown>', ""]
        for kind in members:
            name = re.sub(r"(?<=[a-z])(?=[A-Z])", "<wbr>", kind.__name__)  # where a line may break
            lines.append(f"[![]({picture(kind)}) {name}](#{kind.__name__.lower()})")
        lines += ["", "</div>"]
    for group, members in groups.items():
        lines += ["", f"## {group}", ""]
        for kind in members:
            lines += card(kind)
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Writes the page and its pictures."""
    matplotlib.use("agg")
    (HERE / "schedules.md").write_text(page())


if __name__ == "__main__":
    main()
