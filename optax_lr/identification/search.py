"""The search: every family of schedules, the usual ones first, and how many settings explain the rows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from optax_lr.identification import families, torch_families, warmed
from optax_lr.identification.budget import Budget, OutOfTimeError
from optax_lr.identification.candidates import Candidates
from optax_lr.identification.evidence import Evidence, digits_of
from optax_lr.identification.fitting import MOST_DIGITS, explaining, fit, oddness, sampled
from optax_lr.identification.frame import Frame
from optax_lr.identification.lengths import LONGEST
from optax_lr.schedules import Constant, Linear

Group = Callable[[Frame], Iterator[Candidates]]
# Each group with what it costs to believe in it, in digits of a setting: an answer of an earlier group is the simpler one.
COST: dict[Group, float] = {
    families.common_kinds: 0,
    families.with_floor: 2,
    families.lines_to_floor: 3,
    families.powers: 4,
    families.restarts: 4,
    families.stable: 4,
    families.roots: 4,
    torch_families.falls: 4,
    torch_families.cycles: 6,
    families.deepspeed_kinds: 6,
    families.timm: 6,
    families.cosines_held: 6,
    warmed.from_a_rate: 12,
    warmed.falls_behind_a_warmup: 12,
    torch_families.levels: 12,
}
GROUPS = tuple(COST)
USUAL, LEVELS = GROUPS[:2], GROUPS[-1:]
# What round numbers may come from: lines and levels. No cosine, power or root gives many of them.
OF_ROUND_NUMBERS: tuple[Group, ...] = (
    families.lines_to_floor,
    families.stable,
    torch_families.falls,
    torch_families.cycles,
)
_KEPT = 512  # candidates of a family that are compared with every row
_RATES = 2**21  # of one family that are computed for all rows: of long logs fewer candidates are kept
_SIGNATURE = 96  # steps at which two schedules are compared


@dataclasses.dataclass(frozen=True)
class Search:
    """The known facts about the run, and the time that a search may take.

    Fields:
        max_steps: optimizer steps of the run, if known.
        budget: the time.
    """

    max_steps: int | None
    budget: Budget

    def explain(
        self,
        evidence: Evidence,
        offsets: tuple[int, ...] = (0, 1),
        *,
        solve: bool = True,
        groups: tuple[Group, ...] = GROUPS,
        count: bool = False,
        warmups: tuple[int, int] = (0, LONGEST),
    ) -> list[Candidates]:
        """The settings that explain all rows: those of the known length, and others only where none has it.

        Args:
            evidence: the rows.
            offsets: the offsets to try.
            solve: whether other lengths are tried too.
            groups: which kinds.
            count: whether, once a group explains the rows, the settings of all other groups are looked for too.
            warmups: the shortest and the longest warmup that are tried.

        Raises:
            OutOfTimeError: before anything was found. What was found is returned, and `budget.spent` is then true.
        """
        max_steps = self.max_steps
        known = [Frame(evidence, offsets, max_steps, warmups=warmups)]
        unknown = [Frame(evidence, offsets, max_steps, solve=True, warmups=warmups)] if solve else []
        if solve and max_steps is None and len(evidence):
            last = int(evidence.step[-1])  # a log often ends with its run
            unknown += [Frame(evidence, offsets, last, warmups=warmups)]
        for frames in (known, unknown) if max_steps is not None else (known + unknown,):
            usual = tuple(group for group in groups if group in USUAL)
            for some in filter(None, (usual, tuple(group for group in groups if group not in USUAL))):
                rest = tuple(group for group in GROUPS[:-1] if count and group not in some)
                found: list[Candidates] = []
                try:
                    self._add(found, frames, some)
                    self._add(found, frames, rest if found else ())
                except OutOfTimeError:
                    if not found:
                        raise
                if found:
                    return _different(found, evidence, max_steps)
        return []

    def _add(self, found: list[Candidates], frames: Iterable[Frame], groups: Iterable[Group]) -> None:
        """Add what explains the rows to `found`, one family after the other."""
        for frame, group in itertools.product(frames, groups):
            for candidates in group(frame):
                self.budget.check()
                fitted = _explaining(dataclasses.replace(candidates, cost=COST[group]), frame)
                if len(fitted):
                    found.append(fitted)


def _explaining(candidates: Candidates, frame: Frame) -> Candidates:
    evidence = frame.evidence
    if not len(candidates) or len(evidence) <= _free(candidates, frame):
        return candidates[:0]  # with as many numbers as rows, anything fits
    rows = sampled(evidence)
    fitted = fit(candidates, evidence[rows])
    if candidates.family.floor and len(fitted):
        fitted = fitted[(fitted.floor > 0) & (fitted.floor < fitted.peak)]  # without a floor, it is another family's
    if not len(fitted):
        return fitted
    most = max(16, min(_KEPT, _RATES // len(evidence)))
    if len(fitted) > most:
        fitted = fitted[np.argsort(oddness(fitted, frame.max_steps), kind="stable")[:most]]
    fitted = explaining(fitted, evidence, rows)
    return fitted if len(fitted) and _sure(fitted, frame) else fitted[:0]


def _different(found: list[Candidates], evidence: Evidence, max_steps: int | None) -> list[Candidates]:
    """Without settings whose curve is, over the whole run, that of an earlier family: a polynomial of power 1 is a line."""
    last = max(int(evidence.step[-1]), max_steps or 0)
    near = np.arange(min(int(evidence.step[0]), 64) + 1)
    steps = np.unique(np.concatenate([near, np.linspace(0, 1.2 * last + 1, _SIGNATURE).astype(np.int64)]))
    top = float(evidence.rate.max()) or 1.0
    seen: set[bytes] = set()
    kept = []
    for candidates in found:
        curves = np.round(candidates.curves(_up_to_the_end(candidates, steps)) / top * 1e7).astype(np.int64)
        marks = [curve.tobytes() for curve in curves]
        kept.append(candidates[[place for place, mark in enumerate(marks) if mark not in seen]])
        seen.update(marks)
    return [candidates for candidates in kept if len(candidates)]


def _up_to_the_end(candidates: Candidates, steps: np.ndarray) -> np.ndarray:
    """The steps, [n, steps], none after the end of a schedule, because rates after a run do not distinguish two schedules."""
    fields = candidates.fields
    if "decay_steps" in fields:
        end = fields["decay_steps"] + fields["warmup_steps"] + fields["stable_steps"]
    else:
        end = next((fields[name] for name in ("max_steps", "t_initial", "total_steps") if name in fields), None)
    if end is None:
        return np.broadcast_to(steps, (len(candidates), len(steps)))
    return np.asarray(np.minimum(steps, (end + candidates.offset)[:, None]))


def _sure(found: Candidates, frame: Frame) -> bool:
    """Few rows are explained by some number or other: there it must be one that a person would write."""
    rate = frame.evidence.rate
    different = len(np.unique(rate[rate > 0]))
    if found.cost and not found.family.free and different < len(found.fields) + 2 + (found.floor is not None):
        return False  # an unusual kind has a setting for each of so few rates
    if different >= _free(found, frame) + 3 or (rate == rate[0]).all():
        return True
    neat = np.array([digits_of(peak) <= MOST_DIGITS for peak in found.peak], bool)
    for values in found.fields.values() if found.family.free else ():
        neat &= [digits_of(value) < MOST_DIGITS for value in values.tolist()]
    if found.floor is not None:
        if different < 4:
            return False  # a curve to a floor has three ends, and something between
        shares = np.round(found.floor / np.where(found.peak > 0, found.peak, 1), 12)
        pairs = zip(found.floor, shares, strict=True)
        neat &= [min(digits_of(floor), digits_of(share)) <= MOST_DIGITS for floor, share in pairs]
    return bool(neat.any())


def _free(candidates: Candidates, frame: Frame) -> int:
    """How many numbers are fitted: a warmup among them if it is seen, or moves the rest of the curve as a cosine's does."""
    family = candidates.family
    warmup = "warmup_steps" in candidates.fields and (frame.peak > 0 or family.kind not in (Constant, Linear))
    return 1 + (family.floor is not None) + family.free + frame.solve + warmup
