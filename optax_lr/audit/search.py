"""The search: the families in their order, until one explains every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from optax_lr.audit import families, torch_families
from optax_lr.audit.evidence import Evidence, digits_of
from optax_lr.audit.fitting import Candidates, errors, fit
from optax_lr.audit.frame import Frame

# In the order in which they are looked for: an answer of an earlier group is the simpler one.
GROUPS: tuple[Callable[[Frame], Iterator[Candidates]], ...] = (
    families.plain,
    families.with_floor,
    families.restarts,
    families.stable,
    families.roots,
    torch_families.falls,
    torch_families.cycles,
    families.deepspeed,
)
_KEPT = 512  # candidates of a family that every row is held against


def explain(
    evidence: Evidence, horizon: int | None, offsets: tuple[int, ...] = (0, 1), *, solve: bool = True
) -> list[Candidates]:
    """Every family's settings that explain all rows; those of the known length first, and others only where none has it."""
    frames = [Frame(evidence, offsets, horizon)] if horizon is not None else [Frame(evidence, offsets, None)]
    if solve:
        frames.append(Frame(evidence, offsets, horizon, solve=True))
    for frame in frames:
        for group in GROUPS:
            found = [fitted for candidates in group(frame) if len(fitted := _explaining(candidates, frame))]
            if found:
                return found
    return []


def _explaining(candidates: Candidates, frame: Frame) -> Candidates:
    if not _told(candidates, frame):
        return candidates[:0]
    fitted = fit(candidates, frame.evidence)
    if candidates.family.floor and len(fitted):
        fitted = fitted[fitted.floor > 0]  # without a floor, it is another family's
    if len(fitted) > _KEPT:
        neat = np.argsort([digits_of(peak) for peak in fitted.peak], kind="stable")[:_KEPT]
        fitted = fitted[np.sort(neat)]
    if not len(fitted):
        return fitted
    return fitted[errors(fitted, frame.evidence).max(axis=1) <= 1]


def _told(candidates: Candidates, frame: Frame) -> bool:
    """More different rows than numbers to fit; with as many, anything fits."""
    free = 1 + (candidates.family.floor is not None) + frame.solve
    return len(candidates) > 0 and len(frame.evidence) > free
