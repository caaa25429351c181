"""The main job on the shipped configs: documented values, a sweep of 10,000 curves of mixed kinds, and their pictures.

python examples/demo.py [FOLDER]        writes FOLDER/comparison.png and FOLDER/sweep.png, by default into out/
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np

import optax_lr as olr

HERE = Path(__file__).parent
STEPS = 1000
RATE = 5e-5

# The worked values of the guide that the configs come from, as shares of 5e-5 at steps 0, 250, 500, 750, 1000 of 1,000. It
# prints 71% and 29% for the cosine at 250 and 750, where its own formula gives 85% and 15%.
DOCUMENTED = {
    "linear": (olr.Linear(RATE, STEPS), [100, 75, 50, 25, 0]),
    "cosine": (olr.Cosine(RATE, STEPS), [100, 85, 50, 15, 0]),
    "cosine_with_restarts, 2 cycles": (olr.CosineWithRestarts(RATE, STEPS, num_cycles=2), [100, 50, 100, 50, 0]),
    "polynomial, power 2": (olr.Polynomial(RATE, STEPS, power=2), [100, 56, 25, 6, 0]),
    "constant": (olr.Constant(RATE), [100, 100, 100, 100, 100]),
}


def documented_table() -> None:
    """Prints the documented shares beside the computed ones."""
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
    """Sweeps the batch twice for the compiler, with fresh memory and with memory used again, and once for the clock."""
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
    """Compares with rates that the real schedulers gave."""
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


def pictures(folder: Path, batch: olr.Schedule) -> None:
    """Draws the comparison of four schedules, and the sweep."""
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
    for figure, name in ((axes.figure, "comparison.png"), (olr.plot_kinds(batch, steps=STEPS), "sweep.png")):
        figure.savefig(folder / name, dpi=120)
        print(f"wrote {folder / name}")


def main() -> None:
    """Does the main job."""
    matplotlib.use("agg")
    documented_table()
    batch = configs()
    sweep_table(batch)
    against_pytorch()
    pictures(Path(sys.argv[1] if len(sys.argv) > 1 else "out"), batch)


if __name__ == "__main__":
    main()
