"""`optax-lr compare`: the step from which the curves of configs differ, and by how much."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from optax_lr.batches import stack
from optax_lr.commands.curves import save_picture, terminal_curves
from optax_lr.commands.given import Given
from optax_lr.commands.show import highest_rate, unlike
from optax_lr.configs import ConfigError, Plan, read_configs
from optax_lr.configs.plan import Facts
from optax_lr.exit_codes import FINDINGS, FINE
from optax_lr.outputs import check_output
from optax_lr.sweeps import sweep
from optax_lr.text import visible

SAME = 1e-6  # of the peak: differences below this are rounding of float32
_BLOCK = 1_000_000


class Rates(NamedTuple):
    """The rates of the first curve and of another one at a step."""

    step: int
    rates: tuple[float, float]

    @property
    def text(self) -> str:
        """Both rates and their ratio."""
        one, other = self.rates
        return f"{other:.6g} instead of {one:.6g}" + (f" ({other / one:.4g} times)" if one else "")


class Comparison(NamedTuple):
    """The difference of a curve from the first one, over the steps that both runs have.

    `first` is the first step at which they differ by more than a millionth of the peak, `largest` the one of the largest
    difference; None if they are equal.
    """

    first: Rates | None
    largest: Rates | None
    areas: tuple[float, float]
    lengths: tuple[int, int]

    @property
    def same(self) -> bool:
        """Whether both runs have the same length and the same rate at each step."""
        return self.first is None and self.lengths[0] == self.lengths[1]


def compare_plans(one: Plan, other: Plan) -> Comparison:
    """Compare the curves of two plans."""
    batch, lengths = stack([one.schedule, other.schedule]), (one.max_steps, other.max_steps)
    first: Rates | None = None
    largest: Rates | None = None
    areas, peak, most = np.zeros(2), 0.0, 0.0
    for start in range(0, max(1, *lengths), _BLOCK):
        steps = np.arange(start, min(start + _BLOCK, max(1, *lengths)), dtype=np.int32)
        rates = np.asarray(sweep(batch, steps), np.float64)
        areas += [rates[row][steps < lengths[row]].sum() for row in (0, 1)]
        common = rates[:, steps < max(1, min(lengths))]
        if not common.size:
            continue
        peak = max(peak, common.max())
        apart = np.abs(common[0] - common[1])
        found = np.flatnonzero(apart > SAME * peak)
        if first is None and found.size:
            first = Rates(int(steps[found[0]]), tuple(common[:, found[0]].tolist()))
        here = int(apart.argmax())
        if first is not None and apart[here] > most:
            most, largest = float(apart[here]), Rates(int(steps[here]), tuple(common[:, here].tolist()))
    return Comparison(first, largest, (float(areas[0]), float(areas[1])), lengths)


def run(files: Sequence[Path], *, options: Facts, reading: Given, png: Path | None, as_json: bool, force: bool) -> int:
    """See `optax-lr compare --help`. Returns the exit code: 0 if all curves are the same, otherwise 1."""
    check_output(png, overwrite=force, suffixes=(".png",))
    configs = [config for file in files for config in read_configs(file, **reading)]
    if len(configs) < 2:
        raise ConfigError(f"compare needs at least two configs, not {len(configs)}; name another file")
    names = unlike([config.source for config in configs])
    plans = {name: config.plan(**options) for name, config in zip(names, configs, strict=True)}
    base = plans[names[0]]
    differences = {name: compare_plans(base, plan) for name, plan in list(plans.items())[1:]}
    if as_json:
        others = {name: _as_json(found) for name, found in differences.items()}
        print(json.dumps({"base": names[0], "others": others}, indent=2))
    else:
        _print_comparison(names[0], plans, differences)
    if png is not None:
        save_picture(png, plans, force=force)
    return FINE if all(found.same for found in differences.values()) else FINDINGS


def _as_json(found: Comparison) -> dict[str, object]:
    return {
        "same": found.same,
        "first_difference": found.first and found.first._asdict(),
        "largest_difference": found.largest and found.largest._asdict(),
        "areas": found.areas,
        "max_steps": found.lengths,
    }


def _print_comparison(base: str, plans: Mapping[str, Plan], differences: Mapping[str, Comparison]) -> None:
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("config", "schedule"):
        table.add_column(title, overflow="fold")
    for title in ("highest", "steps", "warmup"):
        table.add_column(title, justify="right", overflow="fold")
    for name, plan in plans.items():
        kind = type(plan.schedule).__name__
        highest, steps, warmup = f"{highest_rate(plan):.4g}", f"{plan.max_steps:,}", f"{plan.warmup_steps:,}"
        table.add_row(Text(visible(name)), kind, highest, steps, warmup)
    console.print(table)
    for name, found in differences.items():
        for line in _lines(name, base, found):
            console.print(visible(line), markup=False)
    console.print(terminal_curves(plans), markup=False, soft_wrap=True)


def _lines(name: str, base: str, found: Comparison) -> list[str]:
    if found.same:
        return [f"{name}: the same rate as {base} at each of {found.lengths[0]:,} steps"]
    lines = []
    if found.first is None or found.largest is None:
        lines.append(f"{name}: the same rates as {base} over the {min(found.lengths):,} steps of both")
    else:
        lines.append(f"{name}: differs from {base} from step {found.first.step:,} on: {found.first.text}")
        lines.append(f"  most at step {found.largest.step:,}: {found.largest.text}")
    if found.lengths[0] != found.lengths[1]:
        lines.append(f"  trains {found.lengths[1]:,} steps instead of {found.lengths[0]:,}")
    if found.areas[0]:
        lines.append(f"  sum of its rates: {found.areas[1] / found.areas[0]:.4g} times that of {base}")
    return lines
