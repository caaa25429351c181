"""The search: the families in their order, until one explains every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from optax_lr.identification import families, torch_families
from optax_lr.identification.evidence import Evidence, digits_of
from optax_lr.identification.fitting import MOST_DIGITS, Candidates, explaining, fit, oddness
from optax_lr.identification.frame import Frame

# In the order in which they are looked for: an answer of an earlier group is the simpler one.
Group = Callable[[Frame], Iterator[Candidates]]
GROUPS: tuple[Group, ...] = (
    families.plain,
    families.with_floor,
    families.powers,
    families.restarts,
    families.stable,
    families.roots,
    torch_families.falls,
    torch_families.cycles,
    families.deepspeed,
    families.timm,
    torch_families.levels,
)
_KEPT = 512  # candidates of a family that every row is held against


def explain(
    evidence: Evidence,
    horizon: int | None,
    offsets: tuple[int, ...] = (0, 1),
    *,
    solve: bool = True,
    groups: tuple[Group, ...] = GROUPS,
) -> list[Candidates]:
    """Every family's settings that explain all rows; those of the known length first, and others only where none has it."""
    frames = [Frame(evidence, offsets, horizon)]
    if solve:
        frames.append(Frame(evidence, offsets, horizon, solve=True))
        if horizon is None and len(evidence):
            frames.append(Frame(evidence, offsets, int(evidence.step[-1])))  # a log often ends with its run
    for frame in frames:
        for group in groups:
            found = [fitted for candidates in group(frame) if len(fitted := _explaining(candidates, frame))]
            if found:
                return found
    return []


def _explaining(candidates: Candidates, frame: Frame) -> Candidates:
    if not _told(candidates, frame):
        return candidates[:0]
    fitted = fit(candidates, frame.evidence)
    if candidates.family.floor and len(fitted):
        fitted = fitted[(fitted.floor > 0) & (fitted.floor < fitted.peak)]  # without a floor, it is another family's
    if not len(fitted):
        return fitted
    fitted = fitted[np.argsort(oddness(fitted, frame.horizon), kind="stable")[:_KEPT]]
    fitted = explaining(fitted, frame.evidence)
    return fitted if len(fitted) and _sure(fitted, frame) else fitted[:0]


def _sure(found: Candidates, frame: Frame) -> bool:
    """Few rows are explained by some number or other: there it must be one that a person would write."""
    rate = frame.evidence.rate
    if len(np.unique(rate[rate > 0])) >= _free(found, frame) + 3 or (rate == rate[0]).all():
        return True
    neat = np.array([digits_of(peak) <= MOST_DIGITS for peak in found.peak], bool)
    for values in found.fields.values() if found.family.free else ():
        neat &= [digits_of(value) < MOST_DIGITS for value in values.tolist()]
    if found.floor is not None:
        if len(np.unique(rate[rate > 0])) < 4:
            return False  # a curve to a floor has three ends, and something between
        shares = np.round(found.floor / np.where(found.peak > 0, found.peak, 1), 12)
        pairs = zip(found.floor, shares, strict=True)
        neat &= [min(digits_of(floor), digits_of(share)) <= MOST_DIGITS for floor, share in pairs]
    return bool(neat.any())


def _told(candidates: Candidates, frame: Frame) -> bool:
    """More different rows than numbers to fit; with as many, anything fits."""
    return len(candidates) > 0 and len(frame.evidence) > _free(candidates, frame)


def _free(candidates: Candidates, frame: Frame) -> int:
    return 1 + (candidates.family.floor is not None) + candidates.family.free + frame.solve
