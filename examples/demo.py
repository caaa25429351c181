"""A tour with the configs of examples/configs: documented values, a sweep of 10,000 curves of mixed kinds, and pictures.

python examples/demo.py [FOLDER]        writes FOLDER/comparison.png, sweep.png and kinds.png, by default into out/
"""

from __future__ import annotations

import json
import sys
import textwrap
import time
from pathlib import Path

import matplotlib
import numpy as np

import optax_lr as olr

HERE = Path(__file__).parent
STEPS = 1000
RATE = 5e-5

# The example values of the guide of the configs, as shares of 5e-5 at steps 0, 250, 500, 750, 1000 of 1,000. For the cosine at 250
# and 750 the guide prints 71% and 29%, but its own formula gives 85% and 15%.
DOCUMENTED = {
    "linear": (olr.Linear(RATE, STEPS), [100, 75, 50, 25, 0]),
    "cosine": (olr.Cosine(RATE, STEPS), [100, 85, 50, 15, 0]),
    "cosine_with_restarts, 2 cycles": (olr.CosineWithRestarts(RATE, STEPS, num_cycles=2), [100, 50, 100, 50, 0]),
    "polynomial, power 2": (olr.Polynomial(RATE, STEPS, power=2), [100, 56, 25, 6, 0]),
    "constant": (olr.Constant(RATE), [100, 100, 100, 100, 100]),
}


def documented_table() -> None:
    """Print the documented shares next to the computed ones."""
    at = [0, 250, 500, 750, 1000]
    print(f"documented | computed, % of {RATE:g} at step " + ", ".join(map(str, at)))
    for name, (schedule, shares) in DOCUMENTED.items():
        computed = [100 * float(schedule(step)) / RATE for step in at]
        assert all(abs(c - d) < 0.5 for c, d in zip(computed, shares, strict=True))
        pairs = "   ".join(f"{d:3d} | {c:6.2f}" for d, c in zip(shares, computed, strict=True))
        print(f"  {name:32s} {pairs}")


def configs() -> olr.Schedule:
    """Every config at 25 peak rates and 25 warmups: a batch of mixed kinds."""
    batches = []
    for path in sorted((HERE / "configs").glob("*.yaml")):
        schedule = olr.read_config(path).plan(num_examples=10**6).schedule
        changes = {
            "learning_rate": np.geomspace(1e-6, 1e-3, 25)[:, None],
            "warmup_steps": np.linspace(0, 600, 25).round()[None, :],
        }
        batches.append(schedule.replace(**changes).reshape(-1))
    return olr.concatenate(batches)


def sweep_table(batch: olr.Schedule) -> None:
    """Sweep the batch twice to compile, with new and with reused memory, and once to measure the time."""
    start = time.perf_counter()
    rates = olr.sweep(batch, STEPS).block_until_ready()
    first = time.perf_counter() - start
    rates = olr.sweep(batch, STEPS, out=rates).block_until_ready()
    start = time.perf_counter()
    olr.sweep(batch, STEPS, out=rates).block_until_ready()
    seconds = time.perf_counter() - start
    kinds, counts = np.unique(olr.table(batch)["kind"], return_counts=True)
    print(
        f"\n{len(batch):,} curves of {STEPS:,} steps in one call, mixed: "
        + ", ".join(f"{n:,} {k}" for k, n in zip(kinds, counts, strict=True))
    )
    print(f"  {first:.2f} s with compilation, then {seconds * 1e3:.1f} ms: ", end="")
    print(f"{len(batch) / seconds:,.0f} curves and {len(batch) * STEPS / seconds / 1e9:.2f} billion rates a second")


def against_pytorch() -> None:
    """Compare with stored rates of the real schedulers."""
    stored = json.loads((HERE / "pytorch_values.json").read_text())
    worst = count = 0
    for case in stored["cases"]:
        schedule = olr.get_scheduler(
            case["name"],
            stored["learning_rate"],
            warmup_steps=case["warmup_steps"],
            max_steps=case["max_steps"],
            **case["keywords"],
        )
        rates = np.asarray(olr.sweep(schedule, case["max_steps"]), np.float64)[:: stored["every"]]
        reference = np.array(case["rates"])
        moving = reference > 0
        assert (rates[~moving] == 0).all()
        worst = max(worst, np.max(np.abs(rates - reference)[moving] / reference[moving]))
        count += len(reference)
    versions = " and ".join(f"{name} {version}" for name, version in stored["versions"].items())
    print(f"\n{count} rates against {versions}: largest relative difference {worst:.1e}")
    assert worst < 1e-6


def choose(batch: olr.Schedule, kind: str, **settings: float) -> olr.Schedule:
    """The schedule of this kind in the batch whose settings are nearest to these, with a peak of 1."""
    columns = olr.table(batch)
    distance = np.where(columns["kind"] == kind, 0.0, np.inf)
    for name, value in settings.items():
        distance += np.nan_to_num(abs(columns[name] - value))
    return batch[int(distance.argmin())].replace(learning_rate=1.0)


def answers(batch: olr.Schedule) -> matplotlib.figure.Figure:
    """Draw four panels: the effects of warmup, length and kind, and the settings with the largest share of the area late."""
    from matplotlib import pyplot

    columns = olr.table(batch)
    kinds = sorted(set(columns["kind"]))
    figure, panels = pyplot.subplots(2, 2, figsize=(13, 9), layout="constrained")
    warmups = {f"warmup {w}": choose(batch, "Polynomial", warmup_steps=w) for w in (0, 100, 200, 400, 600)}
    titled(olr.plot(warmups, steps=STEPS, ax=panels[0, 0]), "How does the warmup change a curve?",
           "Polynomial over 1,000 steps. A longer warmup moves the peak to the right and makes the decay steeper.")  # fmt: skip
    lengths = sorted(set(columns["max_steps"][columns["kind"] == "Cosine"]))
    runs = {f"{n:,.0f} steps": choose(batch, "Cosine", warmup_steps=100, max_steps=n) for n in lengths}
    titled(olr.plot(runs, steps=STEPS, ax=panels[0, 1]), "How does the length change a curve?",
           "Cosine, warmup 100. Past its end it rises again, as in transformers. A long run has hardly begun to fall.")  # fmt: skip
    same = {kind: choose(batch, kind, warmup_steps=100, max_steps=STEPS) for kind in kinds}
    titled(olr.plot(same, steps=STEPS, ax=panels[1, 0]), "How does the kind change a curve?",
           "Warmup 100; for each kind the run with the length nearest to 1,000 steps.")  # fmt: skip
    late(panels[1, 1], batch, dict(zip(panels[1, 0].lines, same.items(), strict=True)))
    for panel in panels.flat[:3]:
        panel.set_ylabel("share of the peak")
    return figure


def titled(axes: matplotlib.axes.Axes, question: str, caption: str) -> None:
    """A question as the title of a panel, and a caption below it."""
    text = "\n".join(textwrap.wrap(caption, 75))
    axes.set_title(question, loc="left", fontweight="bold", pad=10 + 13 * len(text.splitlines()))
    axes.text(0, 1.02, text, transform=axes.transAxes, fontsize=9, color="#666666", linespacing=1.3)


def late(axes: matplotlib.axes.Axes, batch: olr.Schedule, shown: dict) -> None:
    """The share of the area in the second half over the warmup, for the kinds and colours of another panel."""
    columns = olr.table(batch)
    early, whole = (np.asarray(olr.sweep_summary(batch, steps).area) for steps in (STEPS // 2, STEPS))
    shares = 1 - early / whole
    for line, (kind, schedule) in shown.items():
        rows = columns["kind"] == kind
        if hasattr(schedule, "max_steps"):
            rows &= columns["max_steps"] == schedule.max_steps
        warmups, first = np.unique(columns["warmup_steps"][rows], return_index=True)
        axes.plot(warmups, shares[rows][first], color=line.get_color(), marker=".", label=kind)
    axes.set(xlabel="warmup steps", ylabel="share of the area", ylim=(-0.02, 1.1))
    axes.legend(frameon=False, ncols=2, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    most = int(shares.argmax())
    kind, warmup = columns["kind"][most], columns["warmup_steps"][most]
    titled(axes, "Which settings have most of the area late?",
           f"Area in the second half, for the runs on the left. Most of all {len(batch):,}: {kind}, warmup {warmup:.0f}: "
           f"{100 * shares[most]:.0f}%.")  # fmt: skip


def pictures(folder: Path, batch: olr.Schedule) -> None:
    """Draw the comparison of four schedules, the four panels of the sweep, and a panel for each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    warmup = {"max_steps": STEPS, "warmup_steps": 100}
    four = {
        "constant": olr.Constant(RATE, warmup_steps=100),
        "cosine": olr.Cosine(RATE, **warmup),
        "linear": olr.Linear(RATE, **warmup),
        "polynomial, power 2": olr.Polynomial(RATE, **warmup, power=2),
    }
    axes = olr.plot(four)
    axes.set_title("1,000 steps, 100 of them warmup, up to 5e-5")
    made = {
        "comparison.png": axes.figure,
        "sweep.png": answers(batch),
        "kinds.png": olr.plot_kinds(batch, steps=STEPS),
    }
    for name, figure in made.items():
        figure.savefig(folder / name, dpi=min(120, 1500 / figure.get_figwidth()))
        print(f"wrote {folder / name}")


def main() -> None:
    """Run the demo."""
    matplotlib.use("agg")
    documented_table()
    batch = configs()
    sweep_table(batch)
    against_pytorch()
    pictures(Path(sys.argv[1] if len(sys.argv) > 1 else "out"), batch)


if __name__ == "__main__":
    main()
