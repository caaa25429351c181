"""Plots of the examples: the losses above, the applied rate below."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt


def draw_run(path: Path, title: str, losses, rates, *, validation=None, marks=None, unit="optimizer step") -> None:
    """Write `path`. `validation` holds (updates, losses); `marks` maps an update to its label."""
    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(8, 5), layout="constrained")
    above.plot(losses, color="#9db8d2", linewidth=0.8, label="training loss")
    if validation is not None:
        above.plot(*validation, color="#c4501b", marker="o", markersize=3, label="validation loss")
    above.set(yscale="log", ylabel="loss", title=title)
    above.legend(frameon=False)
    below.plot(rates, color="#1f5a8c")
    below.set(xlabel=unit, ylabel="learning rate", ylim=(0, 1.15 * max(rates)))
    for step, words in (marks or {}).items():
        below.axvline(step, color="#777777", linewidth=0.8, linestyle=":")
        below.annotate(
            words, (step, 1.08 * max(rates)), ha="right", va="center", xytext=(-4, 0), textcoords="offset points"
        )
    save(figure, path)


def save(figure, path: Path) -> None:
    """Write a figure without frames around its panels."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    print(f"wrote {path}")
