"""What rows tell of a schedule where they leave more than one setting, in words."""

from __future__ import annotations

import numpy as np

from optax_lr.identification.evidence import Evidence, digits_of
from optax_lr.identification.fitting import Candidates, Family, explaining, fit
from optax_lr.identification.frame import Frame
from optax_lr.schedules import Constant, Cosine, Linear, MultiStep, PiecewiseConstant

_USUAL_WARMUPS = (0, 1, 2, 3, 5, 10, 20, 30, 50, 100, 150, 200, 250, 300, 500, 1000, 2000)
_SHARES = (0.01, 0.02, 0.03, 0.05, 0.06, 0.1, 0.2)


def what_is_told(found: list[Candidates], rows: Evidence) -> str:
    """The quantity that all the settings share, and what would tell them apart; empty for one setting."""
    count = sum(map(len, found))
    if not count:
        return ""
    first = found[0]
    if any(candidates.family.kind in (MultiStep, PiecewiseConstant) for candidates in found):
        return (
            "each drop lies somewhere between two rows; reduce_lr_on_plateau, which follows the evaluations, gives such "
            "rates too"
        )
    if count == 1:
        return ""
    if len(rows) == 1:
        return f"one row tells no schedule; {count} settings of round numbers give its rate"
    if first.family.kind is Constant and not Frame(rows).only_rises:
        longest = int(max(first.fields["warmup_steps"]))
        before = f"a warmup of up to {longest} steps, which no row shows, would leave the same rates" if longest else ""
        return before or "another offset gives the same rates"
    warmup = first.fields.get("warmup_steps")
    if warmup is not None and Frame(rows).only_rises and (warmup > 0).all():
        slope = first.peak / warmup
        if np.ptp(slope) <= 1e-6 * slope.max():
            return f"all rows are warmup, and tell learning_rate / warmup_steps = {_short(slope[0])} alone"
    length = first.fields.get("max_steps")
    if first.family.kind is Linear and length is not None and warmup is not None and np.ptp(warmup):
        slope = first.peak / np.maximum(length - warmup, 1)
        if np.ptp(slope) <= 1e-6 * slope.max():
            return (
                f"no row shows the warmup, so that they tell learning_rate / (max_steps - warmup_steps) = "
                f"{_short(slope[0])} alone; a row of the warmup would tell the rest"
            )
    if len(np.unique(np.concatenate([candidates.offset for candidates in found]))) > 1 and count <= 4:
        return "offset 1 with these settings and offset 0 with one step more are the same rates; max_steps would tell"
    varied = sorted({name for candidates in found for name, values in candidates.fields.items() if np.ptp(values)})
    kinds = list(dict.fromkeys(candidates.family.kind.__name__ for candidates in found))
    open_fields = f" {', '.join(varied)} open" if varied else ""
    return f"the rows leave{open_fields or ' several settings'}" + (f" ({', '.join(kinds)})" if len(kinds) > 1 else "")


def single_row(rows: Evidence, max_steps: int | None) -> list[Candidates]:
    """The usual settings with a round peak that give the rate of a single row."""
    if len(rows) != 1 or not rows.rate[0] > 0:
        return []
    shares = [int(np.ceil(share * max_steps)) for share in _SHARES] if max_steps else []
    warmups = np.unique([*_USUAL_WARMUPS, *shares])
    found = []
    frame = Frame(rows)
    for offset in frame.offsets:
        fields = {"warmup_steps": warmups, "offset": np.array(offset)}
        for kind in (Constant, Linear, Cosine):
            length = {} if kind is Constant else {"max_steps": max_steps}
            if length and max_steps is None:
                continue
            fitted = fit(frame.candidates(Family(kind), fields | length), rows)
            fitted = fitted[[digits_of(peak) <= 1 for peak in fitted.peak]] if len(fitted) else fitted
            if len(fitted):
                found.append(explaining(fitted, rows))
    return found


def _short(value: float) -> str:
    return f"{value:.10g}"
