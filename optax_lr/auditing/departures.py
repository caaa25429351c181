"""Deviations of a log from its plan: the first row, the size, and the reason."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import NamedTuple, SupportsFloat

import numpy as np

from optax_lr.arrays import Float64, Int64
from optax_lr.auditing import rate_rules as rules
from optax_lr.auditing.rate_rules import edits, off_the_curve, resumed, six_digits, skipped
from optax_lr.findings import Finding, Rule
from optax_lr.identification.evidence import Evidence
from optax_lr.identification.exact import brief, exact_rates
from optax_lr.identification.identify import Identified
from optax_lr.identification.pieces import believable, lag_of, scattered
from optax_lr.schedules import Schedule

_LENGTHS = ("max_steps", "T_max", "total_steps", "total_iters")
_FACTORS = range(2, 65)
_OF_ONE_SETTING = {
    "lr_scheduler_type": rules.OTHER_SCHEDULER,
    "warmup_steps": rules.OTHER_WARMUP,
    "max_steps": rules.OTHER_HORIZON,
    "learning_rate": rules.OTHER_PEAK,
}
_KEYS = {rule.code: key for key, rule in _OF_ONE_SETTING.items()}


class Difference(NamedTuple):
    """The plan against every row, with one offset.

    Fields:
        offset: the row at step k is compared with the plan's rate at `k - offset`.
        planned: the plan's rate of each row.
        off: the rows that the plan does not explain.
    """

    offset: int
    planned: Float64[np.ndarray, " n"]
    off: Int64[np.ndarray, " m"]


def differences(plan: Schedule, evidence: Evidence) -> list[Difference]:
    """The plan against every row, with both offsets; the one that agrees longest first."""
    found = []
    for offset in (0, 1):
        planned = exact_rates(plan, evidence.step - offset)
        found.append(Difference(offset, planned, np.flatnonzero(abs(planned - evidence.rate) > evidence.tolerance)))
    return sorted(found, key=lambda one: -int(one.off[0]) if len(one.off) else -len(evidence))


def departures(
    plan: Schedule, evidence: Evidence, identified: Identified, others: Mapping[str, Schedule], max_steps: int | None
) -> Iterator[Finding]:
    """The finding on the first difference, if there is one, with the likeliest reason.

    `others` holds what the config would be under other readings, by a few words on each.
    """
    case = _Case(plan, evidence, identified, others, max_steps, differences(plan, evidence))
    if case.explains(plan):
        return
    for reason in (_frozen, _single_rows, _skipped, _scaled, _resumed, _other_reading, _other_length, _as_identified):
        finding = reason(case)
        if finding is not None:
            yield finding
            return
    yield Finding(
        rules.OTHER_RATES,
        f"{case.where}; no setting of the plan's schedule, and no other schedule, explains it",
        "see whether this config and this log are of one run",
        steps=case.steps,
    )


class _Case(NamedTuple):
    plan: Schedule
    evidence: Evidence
    identified: Identified
    others: Mapping[str, Schedule]
    max_steps: int | None
    differences: list[Difference]

    @property
    def planned(self) -> Float64[np.ndarray, " n"]:
        """The planned rates, with the offset that agrees longest."""
        return self.differences[0].planned

    @property
    def steps(self) -> tuple[int, int]:
        """The steps from the first row that leaves the plan to the last one."""
        return int(self.evidence.step[self.differences[0].off[0]]), int(self.evidence.step[-1])

    @property
    def where(self) -> str:
        """The first row that leaves the plan, as the start of a message."""
        row = self.differences[0].off[0]
        logged, planned = self.evidence.rate[row], self.planned[row]
        size = ""
        if planned:
            far = abs(logged / planned - 1)
            size = (
                f", {far:.0%} {'more' if logged > planned else 'less'}" if far >= 0.005 else f", {far:.1g} of it apart"
            )
        return f"at step {self.steps[0]} the log has {six_digits(logged)} and the plan {six_digits(planned)}{size}"

    def explains(self, schedule: Schedule) -> bool:
        found = self.differences if schedule is self.plan else differences(schedule, self.evidence)
        return not len(found[0].off)

    def finding(self, rule: Rule, reason: str, remedy: str, schedule: Schedule | None = None) -> Finding:
        changes = () if schedule is None else edits(self.plan, schedule)
        return Finding(rule, f"{self.where}: {reason}", remedy, _KEYS.get(rule.code), edits=changes, steps=self.steps)


def _frozen(case: _Case) -> Finding | None:
    rate = case.evidence.rate
    if len(rate) < 3 or np.ptp(rate) or not np.ptp(case.planned):
        return None
    starts = {float(exact_rates(case.plan, 0)), float(getattr(case.plan, "learning_rate", np.nan))}
    if not any(np.isclose(rate[0], start, rtol=1e-6) for start in starts):
        return None
    remedy = "check the gradient norms: if all are NaN, train in bf16 or float32 instead of fp16"
    return case.finding(rules.FROZEN, f"every row shows {six_digits(rate[0])}", remedy)


def _single_rows(case: _Case) -> Finding | None:
    """All but a few rows follow the plan."""
    best = min(case.differences, key=lambda one: (len(one.off), one.offset))
    if not scattered(best.off, case.evidence):
        return None
    return off_the_curve(case.evidence.step, case.evidence.rate, best.planned, best.off)


def _skipped(case: _Case) -> Finding | None:
    """Behind by more than an offset explains."""
    found = []
    for offset in (0, 1):
        shifted = dataclasses.replace(case.evidence, step=case.evidence.step - offset)
        lag, off = lag_of(functools.partial(exact_rates, case.plan), shifted)
        if scattered(off, case.evidence) and believable(lag, case.evidence):
            if not lag.any():
                return None
            found.append((len(off), lag))
    return skipped(case.evidence.step, min(found, key=lambda one: one[0])[1]) if found else None


def _scaled(case: _Case) -> Finding | None:
    there = case.planned > 0
    if not there.any() or case.evidence.rate[~there].any():
        return None
    ratios = case.evidence.rate[there] / case.planned[there]
    if np.ptp(ratios) > 1e-6 * ratios.max() or len(ratios) < 2:
        return None
    ratio = float(np.median(ratios))
    reason = f"every rate is {six_digits(ratio)} times the planned one"
    remedy = "a resumed run keeps the base rate of its checkpoint; else the config is another run's"
    peak = getattr(case.plan, "learning_rate", None)
    if peak is None:
        return case.finding(rules.OTHER_PEAK, reason, remedy)
    ran = six_digits(float(str(peak)) * ratio)
    reason += f", as if learning_rate were {ran} and not {six_digits(peak)}"
    return case.finding(rules.OTHER_PEAK, reason, remedy, case.plan.replace(learning_rate=float(ran)))


def _resumed(case: _Case) -> Finding | None:
    """Several segments: the plan can be that of one."""
    segments = [segment for segment in case.identified.segments if segment.answers and len(segment.step) > 1]
    if len(segments) < 2:
        return None
    found = resumed(segments)
    return dataclasses.replace(found, message=f"{case.where}: the run was resumed; {found.message}")


def _other_reading(case: _Case) -> Finding | None:
    for words, schedule in case.others.items():
        if case.explains(schedule):
            reason = f"the rates are those of this config as {words} reads it"
            return case.finding(rules.OTHER_WARMUP, reason, "", schedule)
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
        changes: dict[str, object] = {name: steps, **({"warmup_steps": first} if warmup else {})}
        schedule = case.plan.replace(**changes)
        if case.explains(schedule):
            reason = f"the rates are the plan's with {name} {steps} and not {length}" + (f", {words}" if words else "")
            return case.finding(rules.OTHER_HORIZON, reason, f"plan with {name}: {steps}", schedule)
    return None


def _as_identified(case: _Case) -> Finding | None:
    """The identified schedule that is most similar to the plan."""
    if len(case.identified.segments) != 1 or not case.identified.segments[0].answers:
        return None
    ran = min(
        (answer.schedule for answer in case.identified.segments[0].answers),
        key=lambda one: len(_unlike(case.plan, one)),
    )
    unlike = _unlike(case.plan, ran)
    if not unlike or type(ran) is not type(case.plan):
        remedy = "see whether the run was resumed with other settings, or the config is another run's"
        if type(ran).__name__.startswith("DeepSpeed"):
            remedy = "a scheduler block in the DeepSpeed JSON replaces lr_scheduler_type: take it out, or plan with that file"
        return case.finding(rules.OTHER_SCHEDULER, f"the rates are those of {brief(ran)}", remedy, ran)
    settings = {name: six_digits(getattr(ran, name)) for name in unlike}
    shown = ", ".join(f"{name} {new} and not {six_digits(getattr(case.plan, name))}" for name, new in settings.items())
    rule = _OF_ONE_SETTING.get(unlike[0]) if len(unlike) == 1 else None
    if rule is None:
        rule, remedy = rules.OTHER_RATES, "the config is most likely another run's, or was changed after it"
    else:
        remedy = "to plan what ran, set " + ", ".join(f"{name} to {new}" for name, new in settings.items())
    return case.finding(rule, f"the rates are the plan's with {shown}", remedy, ran)


def _unlike(plan: Schedule, schedule: Schedule) -> list[str]:
    """The fields in which two schedules of one kind differ; of two kinds, all of them."""
    names = [field.name for field in dataclasses.fields(plan)]
    if type(plan) is not type(schedule):
        return [*names, "kind"]
    return [name for name in names if _as_text(getattr(plan, name)) != _as_text(getattr(schedule, name))]


def _as_text(value: SupportsFloat | str | tuple[object, ...] | None) -> str:
    return str(value) if value is None or isinstance(value, (str, tuple)) else six_digits(value)
