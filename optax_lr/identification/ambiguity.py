"""The quantities that the rows leave open, as text, if several settings explain them."""

from __future__ import annotations

import dataclasses

import numpy as np

from optax_lr.identification.candidates import Candidates, Family
from optax_lr.identification.evidence import Evidence
from optax_lr.identification.fitting import floor_range, floors_of_any_length
from optax_lr.identification.frame import Frame
from optax_lr.schedules import Constant, Cosine, Linear, PiecewiseConstant
from optax_lr.text import counted

ONE_ROW = "one row determines no schedule"
FEW_ROWS = "so few rows determine no schedule"
MOST_FEW = 3  # rows: a peak, a warmup and a length explain any
DROPS = "each drop lies somewhere between two rows; reduce_lr_on_plateau, which follows the evaluations, gives such rates too"
COARSE = "the rates have so few digits that settings close to these, which were not tried, may give them too"
FLOOR = "so few digits are logged that min_lr"
LATER_DECAY = "the rate is constant so far: with a decay that begins later, as warmup_stable_decay has one, the rates are the same"
_TWO_DIGITS = 0.05
_SMALL_FLOOR = 0.01  # of the peak


def is_open_ended(found: list[Candidates], rows: Evidence, max_steps: int | None) -> bool:
    """Whether the rows end on a constant rate before the end of the run, so that the rest is unknown."""
    if not found or found[0].family.kind is not Constant or Frame(rows).only_rises:
        return False
    spacing = int(np.diff(rows.step).max()) if len(rows) > 1 else 0
    return max_steps is None or int(rows.step[-1]) + spacing < max_steps


def open_quantities(found: list[Candidates], rows: Evidence, max_steps: int | None) -> str:
    """The quantity that all the settings share, and the fact that would distinguish them; empty for one setting."""
    count = sum(map(len, found))
    if not count:
        return ""
    first = found[0]
    families = [candidates.family for candidates in found]
    if any("milestones" in family.words or family.kind is PiecewiseConstant for family in families):
        return DROPS
    if is_open_ended(found, rows, max_steps):
        return LATER_DECAY
    floor = _of_the_floor(first, rows, max_steps)
    if count == 1:
        return floor
    return _of_the_warmup(first, Frame(rows)) or "; ".join(filter(None, [_of_several(found, count), floor]))


def _of_the_floor(first: Candidates, rows: Evidence, max_steps: int | None) -> str:
    """Whether rounding left the floor of the first setting open: between which numbers, for a length that is known."""
    if not rows.rounded or not (first.floor is not None or first.family.kind is Cosine):
        return ""
    one = first[:1]
    if one.floor is None:
        one = dataclasses.replace(one, family=Family(Cosine, floor="min_lr"), floor=np.zeros(1))
    length = one.fields.get("max_steps")
    is_open = length is not None and length[0] != max_steps
    least, most = (floors_of_any_length if is_open else floor_range)(one, rows)
    if most - least <= _TWO_DIGITS * most or most < _SMALL_FLOOR * float(one.peak[0]):
        return ""
    if is_open:
        return f"{FLOOR} and max_steps are open"
    known = ", ".join(f"{name} {values[0]}" for name, values in one.fields.items())
    return f"{FLOOR} may be anything from {least:.2g} to {most:.2g} with {known}"


def _of_the_warmup(first: Candidates, frame: Frame) -> str:
    """The determined quantity of rows without the warmup, or of the warmup alone; otherwise empty."""
    warmup, length = first.fields.get("warmup_steps"), first.fields.get("max_steps")
    if warmup is None:
        return ""
    if first.family.kind is Constant and not frame.only_rises and not frame.peak:
        longest = int(warmup.max())
        before = f"a warmup of up to {counted(longest, 'step')}, which no row shows, would leave the same rates"
        return before if longest else "another offset gives the same rates"
    if frame.only_rises and (warmup > 0).all():
        slope = first.peak / warmup
        value = f" = {slope[0]:.10g}" if np.ptp(slope) <= 1e-6 * slope.max() else ""
        return f"all rows are in the warmup, which shows learning_rate / warmup_steps{value} only"
    if first.family.kind is Linear and length is not None and np.ptp(warmup) and not frame.peak:
        slope = first.peak / np.maximum(length - warmup, 1)
        if np.ptp(slope) <= 1e-6 * slope.max():
            known = f"only learning_rate / (max_steps - warmup_steps) = {slope[0]:.10g} is known"
            return f"no row shows the warmup, so {known}; a row of the warmup would determine the rest"
    return ""


def _of_several(found: list[Candidates], count: int) -> str:
    if len(found) == 1 and count <= 4 and np.ptp(found[0].offset):
        return "offset 1 with these settings and offset 0 with one step more are the same rates; max_steps would decide"
    varied = sorted({name for candidates in found for name, values in candidates.fields.items() if np.ptp(values)})
    kinds = list(dict.fromkeys(candidates.family.name for candidates in found))
    kind = [] if len(kinds) == 1 else [f"the kind ({', '.join(kinds[:4])}{', ...' if len(kinds) > 4 else ''})"]
    return f"the rows leave open {', '.join([*kind, *varied])}" if kind or varied else "several settings fit"
