"""Deviations of a log from its plan: the first row, the size, and the reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from optax_lr.auditing import rate_rules as rules
from optax_lr.auditing.rate_rules import edits, off_the_curve, resumed, six_digits, skipped
from optax_lr.findings import Finding, Rule
from optax_lr.identification.evidence import Evidence
from optax_lr.identification.exact import brief, exact_rates
from optax_lr.identification.identify import Answer, Identified
from optax_lr.identification.pieces import LONGEST_LAG, believable, growing_lag, scattered
from optax_lr.schedules import Schedule

_LENGTHS = ("max_steps", "T_max", "total_steps", "total_iters")
_FACTORS = range(2, 65)
_KEYS = {
    rules.OTHER_SCHEDULER.code: "lr_scheduler_type",
    rules.OTHER_WARMUP.code: "warmup_steps",
    rules.OTHER_HORIZON.code: "max_steps",
    rules.OTHER_PEAK.code: "learning_rate",
}


@dataclasses.dataclass(frozen=True)
class Difference:
    """The first row that leaves the plan.

    Fields:
        offset: with which the plan was compared with the rows; the one that agrees longest.
        row: the first row of the evidence that differs; None where none does.
        planned: float64 [n], the plan's rate of each row.
    """

    offset: int
    row: int | None
    planned: np.ndarray


def difference(plan: Schedule, evidence: Evidence) -> Difference:
    """Holds the plan against every row, with both offsets."""
    best: Difference | None = None
    for offset in (0, 1):
        planned = exact_rates(plan, evidence.step - offset)
        wrong = np.flatnonzero(abs(planned - evidence.rate) > evidence.tolerance)
        found = Difference(offset, int(wrong[0]) if len(wrong) else None, planned)
        if found.row is None:
            return found
        if best is None or found.row > best.row:  # type: ignore[operator]  # neither is None here
            best = found
    assert best is not None
    return best


def departures(
    plan: Schedule, evidence: Evidence, identified: Identified, others: Mapping[str, Schedule], max_steps: int | None
) -> Iterator[Finding]:
    """The finding on the first difference, if there is one, with the likeliest reason.

    `others` holds what the config would be under other readings, by a few words on each.
    """
    found = difference(plan, evidence)
    if found.row is None:
        return
    where = _where(evidence, found)
    for reason in (_frozen, _single_rows, _skipped, _scaled, _resumed, _other_reading, _other_length, _as_identified):
        finding = reason(_Case(plan, evidence, identified, others, max_steps, found, where))
        if finding is not None:
            yield finding
            return
    yield Finding(
        rules.OTHER_RATES,
        f"{where}; no setting of the plan's schedule, and no other schedule, explains it",
        "see whether this config and this log are of one run",
        steps=_steps(evidence, found.row),
    )


@dataclasses.dataclass(frozen=True)
class _Case:
    plan: Schedule
    evidence: Evidence
    identified: Identified
    others: Mapping[str, Schedule]
    max_steps: int | None
    found: Difference
    where: str

    def explains(self, schedule: Schedule) -> bool:
        return difference(schedule, self.evidence).row is None

    def finding(self, rule: Rule, reason: str, remedy: str, schedule: Schedule | None = None) -> Finding:
        return Finding(
            rule,
            f"{self.where}: {reason}",
            remedy,
            key=_KEYS.get(rule.code),
            edits=() if schedule is None else edits(self.plan, schedule),
            steps=_steps(self.evidence, self.found.row or 0),
        )


def _frozen(case: _Case) -> Finding | None:
    rate = case.evidence.rate
    if len(rate) < 3 or np.ptp(rate) or not np.ptp(case.found.planned):
        return None
    starts = {float(exact_rates(case.plan, 0)), float(getattr(case.plan, "learning_rate", np.nan))}
    if not any(np.isclose(rate[0], start, rtol=1e-6) for start in starts):
        return None
    return case.finding(
        rules.FROZEN,
        f"every row shows {six_digits(rate[0])}",
        "check the gradient norms: if all are NaN, train in bf16 or float32 instead of fp16",
    )


def _skipped(case: _Case) -> Finding | None:
    """Behind by more than an offset explains."""
    best: tuple[int, np.ndarray] | None = None
    for offset in (0, 1):
        lag, off = growing_lag(_fits(case, offset))
        if scattered(off, case.evidence) and believable(lag, case.evidence):
            if not lag.any():
                return None
            if best is None or len(off) < best[0]:
                best = len(off), lag
    return None if best is None else skipped(case.evidence.step, best[1])


def _fits(case: _Case, offset: int) -> np.ndarray:
    """Which lags explain each row, bool [rows, lags]; a column at a time, so that long logs take no more memory."""
    columns = [
        abs(exact_rates(case.plan, case.evidence.step - offset - lag) - case.evidence.rate) <= case.evidence.tolerance
        for lag in range(LONGEST_LAG)
    ]
    return np.stack(columns, axis=1)


def _single_rows(case: _Case) -> Finding | None:
    """All but a few rows follow the plan."""
    curves = [exact_rates(case.plan, case.evidence.step - offset) for offset in (0, 1)]
    off = [np.flatnonzero(abs(curve - case.evidence.rate) > case.evidence.tolerance) for curve in curves]
    best = min((0, 1), key=lambda offset: len(off[offset]))
    if not scattered(off[best], case.evidence):
        return None
    return off_the_curve(case.evidence.step, case.evidence.rate, curves[best], off[best])


def _scaled(case: _Case) -> Finding | None:
    there = case.found.planned > 0
    if not there.any() or case.evidence.rate[~there].any():
        return None
    ratios = case.evidence.rate[there] / case.found.planned[there]
    if np.ptp(ratios) > 1e-6 * ratios.max() or len(ratios) < 2:
        return None
    ratio = float(np.median(ratios))
    peak = getattr(case.plan, "learning_rate", None)
    ran = (
        ""
        if peak is None
        else f", as if learning_rate were {six_digits(float(str(peak)) * ratio)} and not {six_digits(peak)}"
    )
    return case.finding(
        rules.OTHER_PEAK,
        f"every rate is {six_digits(ratio)} times the planned one{ran}",
        "a resumed run keeps the base rate of its checkpoint; else the config is another run's",
        None if peak is None else case.plan.replace(learning_rate=float(f"{float(str(peak)) * ratio:.6g}")),
    )


def _resumed(case: _Case) -> Finding | None:
    """Several segments: the plan can be that of one."""
    segments = [segment for segment in case.identified.segments if segment.answers and len(segment.step) > 1]
    if len(segments) < 2:
        return None
    return dataclasses.replace(
        resumed(segments), message=f"{case.where}: the run was resumed; {resumed(segments).message}"
    )


def _other_reading(case: _Case) -> Finding | None:
    for words, schedule in case.others.items():
        if case.explains(schedule):
            return case.finding(
                rules.OTHER_WARMUP, f"the rates are those of this config as {words} reads it", "", schedule
            )
    return None


def _other_length(case: _Case) -> Finding | None:
    name = next((name for name in _LENGTHS if getattr(case.plan, name, None) is not None), None)
    if name is None:
        return None
    length, warmup = int(getattr(case.plan, name)), int(getattr(case.plan, "warmup_steps", 0))
    tried = [(case.max_steps, warmup, "")] if case.max_steps and case.max_steps != length else []
    for factor in _FACTORS:
        longer = f"{factor} times the planned ones, as if counted in micro-batches, or times the processes"
        tried += [(length * factor, warmup, longer), (length * factor, warmup * factor, longer)]
        shorter = f"1/{factor} of the planned ones, as of a scheduler that is stepped {factor} times an update"
        tried += [(length // factor, warmup, shorter), (length // factor, warmup // factor, shorter)]
    for steps, first, words in tried:
        if steps < 1:
            continue
        changes: dict[str, Any] = {name: steps} | ({"warmup_steps": first} if warmup else {})
        schedule = case.plan.replace(**changes)
        if case.explains(schedule):
            shown = f"{name} {steps} and not {length}" + (f", {words}" if words else "")
            return case.finding(
                rules.OTHER_HORIZON, f"the rates are the plan's with {shown}", f"plan with {name}: {steps}", schedule
            )
    return None


def _as_identified(case: _Case) -> Finding | None:
    """The identified schedule that is most similar to the plan."""
    if len(case.identified.segments) != 1 or not case.identified.segments[0].answers:
        return None
    answer = min(case.identified.segments[0].answers, key=lambda answer: len(_unlike(case.plan, answer.schedule)))
    unlike = _unlike(case.plan, answer.schedule)
    kind = type(answer.schedule)
    ran = f"the rates are those of {brief(answer.schedule)}"
    if not unlike or kind is not type(case.plan):
        deepspeed = kind.__name__.startswith("DeepSpeed")
        remedy = (
            "a scheduler block in the DeepSpeed JSON replaces lr_scheduler_type: take it out, or plan with that file"
            if deepspeed
            else "see whether the run was resumed with other settings, or the config is another run's"
        )
        return case.finding(rules.OTHER_SCHEDULER, ran, remedy, answer.schedule)
    rule = {
        frozenset({"warmup_steps"}): rules.OTHER_WARMUP,
        frozenset({"max_steps"}): rules.OTHER_HORIZON,
        frozenset({"learning_rate"}): rules.OTHER_PEAK,
    }.get(frozenset(unlike), rules.OTHER_RATES)
    shown = ", ".join(
        f"{name} {_value(answer, name)} and not {six_digits(getattr(case.plan, name))}" for name in unlike
    )
    remedy = "" if rule is not rules.OTHER_RATES else "the config is most likely another run's, or was changed after it"
    return case.finding(
        rule, f"the rates are the plan's with {shown}", remedy or _plan_with(answer, unlike), answer.schedule
    )


def _plan_with(answer: Answer, unlike: list[str]) -> str:
    return "to plan what ran, set " + ", ".join(f"{name} to {_value(answer, name)}" for name in unlike)


def _value(answer: Answer, name: str) -> str:
    return six_digits(getattr(answer.schedule, name))


def _unlike(plan: Schedule, schedule: Schedule) -> list[str]:
    """The fields in which two schedules of one kind differ; of two kinds, all of them."""
    names = [field.name for field in dataclasses.fields(plan)]
    if type(plan) is not type(schedule):
        return [*names, "kind"]
    return [name for name in names if _as_text(getattr(plan, name)) != _as_text(getattr(schedule, name))]


def _as_text(value: object) -> str:
    return str(value) if value is None or isinstance(value, (str, tuple)) else six_digits(value)


def _where(evidence: Evidence, found: Difference) -> str:
    row = found.row or 0
    logged, planned = evidence.rate[row], found.planned[row]
    if planned:
        far = abs(logged / planned - 1)
        size = f", {far:.0%} {'more' if logged > planned else 'less'}" if far >= 0.005 else f", {far:.1g} of it apart"
    else:
        size = ""
    return f"at step {evidence.step[row]} the log has {six_digits(logged)} and the plan {six_digits(planned)}{size}"


def _steps(evidence: Evidence, row: int) -> tuple[int, int]:
    return int(evidence.step[row]), int(evidence.step[-1])
