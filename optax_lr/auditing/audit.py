"""`audit`: what a log says of its schedule, of its plan, and of its losses."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from optax_lr.arguments import shown
from optax_lr.arrays import Float64, Int64
from optax_lr.auditing import rate_rules as rules
from optax_lr.auditing.departures import departures, differences
from optax_lr.auditing.patterns import patterns
from optax_lr.configs import ConfigError, Plan, RunConfig
from optax_lr.configs.plan import Facts
from optax_lr.findings import Finding, worst_first
from optax_lr.identification.ambiguity import FEW_ROWS, LATER_DECAY
from optax_lr.identification.budget import SECONDS
from optax_lr.identification.evidence import Evidence, evidence_of
from optax_lr.identification.exact import brief, exact_rates
from optax_lr.identification.identify import Identified, Segment, identify
from optax_lr.logs.log import Log
from optax_lr.logs.read import read_log
from optax_lr.logs.writers import WRITERS, in_words_of
from optax_lr.schedules import HoldAfter, Schedule, Shift, Warmup
from optax_lr.sources.errors import UnknownLengthError
from optax_lr.text import counted

VERSIONS = ("4.57.6", "5.8.0", "5.24.0")  # of transformers, whose readings of a warmup differ


@dataclasses.dataclass(frozen=True)
class Audit:
    """The result of an audit: the schedule of the run, its deviations from the plan, and the findings.

    Fields:
        log: the log.
        identified: the schedules that its rates follow.
        findings: of the rates (`LR2..`) and of the losses (`LR3..`), worst first.
        plan: the planned schedule; None if no plan was given.
        planned: float64 [rows of the log], the planned rate of each row; None if no plan was given.
        on_plan: whether every logged rate is the planned one; None if no plan was given or no rate is logged.
    """

    log: Log
    identified: Identified
    findings: tuple[Finding, ...]
    plan: Schedule | None = None
    planned: Float64[np.ndarray, " n"] | None = None
    on_plan: bool | None = None

    @property
    def followed(self) -> Float64[np.ndarray, " n"]:
        """The rate that the identified schedules give at each row of the log, float64; NaN where none does."""
        known: dict[int, float] = {}
        for segment in self.identified.segments:
            known.update(zip(segment.step.tolist(), segment.curve.tolist(), strict=True))
        rates = np.array([known.get(step, np.nan) for step in self.log.step.tolist()], np.float64)
        for segment in self.identified.segments:  # a file of two runs has a step twice
            rates[segment.row] = segment.curve
        return rates

    @property
    def text(self) -> str:
        """The verdict, then the answers to three questions: which schedule, where it left the plan, what the losses show."""
        return "\n".join(
            [
                f"{self.log.source}: {self.verdict}",
                *_heading(self),
                *_schedules(self),
                *_plan_line(self),
                *_findings(self),
            ]
        )

    @property
    def verdict(self) -> str:
        """One line: what the rates followed, and what the losses show."""
        return f"{_of_the_rates(self)}; {_of_the_losses(self)}"

    def __str__(self) -> str:
        return self.text


# What rates by themselves leave open, or look like, and a plan that they follow at every row answers.
_SETTLED = {rule.code for rule in (rules.OPEN, rules.UNEXPLAINED, rules.RESUMED, rules.OFF, rules.SKIPPED)}


def audit(
    log: Log | str | os.PathLike[str] | Mapping[str, object] | Iterable[Mapping[str, object]],
    plan: Schedule | Plan | RunConfig | None = None,
    *,
    num_examples: int | None = None,
    world_size: int | None = None,
    logging_steps: int | None = None,
    steps_per_epoch: int | None = None,
    seconds: float = SECONDS,
) -> Audit:
    """Identify the schedule of a log's rates, compare it with the plan, and check the losses.

    The plan is compared with every row in float64, with both offsets. If the rates differ, the reported reason is the first
    of these that explains every row: the scheduler never moved, a few rows deviate, the scheduler skipped steps, another
    peak, a resumed run, the config as another version of transformers reads it, another length, another schedule. Rates
    that follow the plan do not prove that the training went well; the findings `LR3..` concern the losses.

    Args:
        log: a `Log`, or an argument of `read_log`.
        plan: a schedule, a plan, or a config; if it states no length, that of the log is used.
        num_examples: training examples, for the plan of a config.
        world_size: processes that train together, for the plan of a config.
        logging_steps: optimizer steps between two rows, for a log whose rows have no step.
        steps_per_epoch: optimizer steps of an epoch, for a log whose rows have an epoch and no step.
        seconds: the CPU time that the search for a schedule may take, as in `identify`.

    Returns:
        The report; the command line prints its `text`.

    Raises:
        ConfigError: If `log` is not a log, or a config has no plan.

    Source: `transformers.Trainer`, which logs the rates; `identify`, `patterns`.

    >>> step = np.arange(10, 110, 10)
    >>> rates = 2e-5 * (1 - step / 100)
    >>> report = audit({"step": step, "learning_rate": rates}, Linear(2e-5, max_steps=200))
    >>> print(report.findings[0].code, report.findings[0].message)
    LR204 at step 10 the log has 1.8e-05 and the plan 1.9e-05, 5% less: the rates are the plan's with max_steps 100 and
    not 200, 1/2 of the planned ones, as of a scheduler that is stepped 2 times an update
    """
    log = log if isinstance(log, Log) else read_log(log, logging_steps=logging_steps, steps_per_epoch=steps_per_epoch)
    planned_schedule, others, max_steps = _planned_run(plan, log, num_examples, world_size)
    identified = identify(log.step, log.learning_rate, max_steps=max_steps, seconds=seconds)
    forms = evidence_of(log.step, log.learning_rate)
    planned, on_plan, findings = None, None, list(_of_rates(log, identified))
    if planned_schedule is not None and len(forms[0]):
        evidence = _as_written(planned_schedule, identified, forms)
        first = differences(planned_schedule, evidence)[0]
        planned, on_plan = exact_rates(planned_schedule, log.step - first.offset), not len(first.off)
        departed = list(departures(planned_schedule, evidence, identified, others, log.max_steps))
        # What the plan settles, or says already, needs no second finding without it.
        settled = _SETTLED if on_plan else {rules.OPEN.code, *(found.code for found in departed)} if departed else set()
        findings = departed + [found for found in findings if found.code not in settled]
    findings = [in_words_of(_program(plan, log), found) for found in findings]
    report = Audit(log, identified, (), planned_schedule, planned, on_plan)
    expected = planned if planned is not None else report.followed if identified.explained else None
    findings += _of_all_losses(log, identified, expected)
    return dataclasses.replace(report, findings=tuple(worst_first(findings)))


def _program(plan: Schedule | Plan | RunConfig | None, log: Log) -> str:
    """Whose settings the advice names: those of the config, else those of the program that wrote the log."""
    if isinstance(plan, RunConfig):
        return plan.trainer if plan.trainer in WRITERS else "transformers"
    return log.writer


def _of_all_losses(log: Log, identified: Identified, expected: Float64[np.ndarray, " n"] | None) -> Iterator[Finding]:
    """What the losses say, run by run where the file holds several: at one step each has a loss of its own."""
    starts = _starts(log, identified)
    for number, (start, end) in enumerate(itertools.pairwise([*starts, len(log)])):
        part = log if len(starts) == 1 else log[start:end]
        for finding in patterns(part, planned=None if expected is None else expected[start:end]):
            which = f"run {number + 1}: " if len(starts) > 1 else ""
            yield dataclasses.replace(finding, message=f"{which}{finding.message}")


def _starts(log: Log, identified: Identified) -> list[int]:
    """The row of the log at which each run begins: where the steps go back before the first rate of the run."""
    starts = [0]
    for run in range(1, max((segment.run for segment in identified.segments), default=0) + 1):
        before, its = (
            np.concatenate([segment.row for segment in identified.segments if segment.run == number])
            for number in (run - 1, run)
        )
        end, first = int(before.max()), int(its.min())
        back = np.flatnonzero(np.diff(log.step[end : first + 1]) < 0)
        starts.append(end + 1 + int(back[0]) if len(back) else first)
    return starts if len(starts) > 1 else [0, *_run_starts(log)]


def _run_starts(log: Log) -> list[int]:
    """The rows at which a new run begins, perhaps at the same rates: the epoch decreases, and the step is the first one again."""
    known = np.flatnonzero(np.isfinite(log.epoch))
    again = (np.diff(log.epoch[known]) < 0) & (log.step[known[1:]] <= log.step[0])
    return [int(row) for row in known[1:][again]]


def _as_written(plan: Schedule, identified: Identified, forms: list[Evidence]) -> Evidence:
    """The rates as the plan explains them, or as the schedule that was found does; else as their digits say."""
    for form in forms:
        if not len(differences(plan, form)[0].off):
            return form
    matching = [form for form in forms if form.precision == identified.precision]
    return matching[-1] if identified.explained and matching else forms[min(1, len(forms) - 1)]


def _planned_run(
    plan: Schedule | Plan | RunConfig | None, log: Log, num_examples: int | None, world_size: int | None
) -> tuple[Schedule | None, dict[str, Schedule], int | None]:
    """The planned schedule, the plans of its config under other versions, and the length of the run."""
    if isinstance(plan, RunConfig):
        options: Facts = {"num_examples": num_examples, "world_size": world_size}
        try:
            made = plan.plan(**options)
        except UnknownLengthError:
            if log.max_steps is None:
                raise
            options["max_steps"] = log.max_steps
            made = plan.plan(**options)
        others = {}
        for version in VERSIONS:
            with contextlib.suppress(ConfigError):  # what a version refuses did not run under it
                options["transformers_version"] = version
                others[f"transformers {version}"] = plan.plan(**options).schedule
        return made.schedule, others, log.max_steps or made.max_steps
    if isinstance(plan, Plan):
        return plan.schedule, {}, log.max_steps or plan.max_steps
    if plan is not None and not isinstance(plan, Schedule):
        hint = "; read_config(...) reads a file" if isinstance(plan, (str, os.PathLike)) else ""
        raise TypeError(f"audit(): plan must be a schedule, a plan or a config, not {shown(plan)}{hint}")
    if plan is not None and plan.batch_shape:
        raise ValueError(f"audit(): plan must be one schedule, not a batch of shape {plan.batch_shape}")
    end = None if plan is None or plan.end is None else int(plan.end)
    return plan, {}, log.max_steps or end


def _of_rates(log: Log, identified: Identified) -> Iterator[Finding]:
    """What the rates say by themselves."""
    if not identified.segments:
        yield Finding(rules.NO_RATES, f"none of {counted(len(log), 'row')} has a rate", WRITERS[log.writer].log_rates)
        return
    segments = identified.segments
    for run in range(segments[-1].run + 1):
        known = [segment for segment in segments if segment.run == run and segment.answers]
        if len(known) > 1:
            yield rules.resumed(known)
    if segments[-1].run:
        yield rules.two_runs(segments)
    elif len(conflicts := _conflicts(log)):
        yield rules.several_rates(conflicts)
    for segment in segments:
        yield from _of_segment(segment)


def _conflicts(log: Log) -> Int64[np.ndarray, " m"]:
    """The steps that have rows of different rates."""
    valid = np.isfinite(log.learning_rate)
    pairs = np.unique(np.stack([log.step[valid].astype(np.float64), log.learning_rate[valid]], axis=1), axis=0)
    steps, count = np.unique(pairs[:, 0].astype(np.int64), return_counts=True)
    return steps[count > 1]


def _of_segment(segment: Segment) -> Iterator[Finding]:
    span = (int(segment.step[0]), int(segment.step[-1]))
    if not segment.answers and not segment.text:
        message = f"the {len(segment.step)} rates of steps {span[0]} to {span[1]} are on no curve that is known"
        yield Finding(rules.UNEXPLAINED, message, "", steps=span)
        return
    if segment.lag:
        steps, lag = np.array(segment.lag).T
        yield dataclasses.replace(rules.skipped(steps, lag), steps=(int(steps[0]), span[1]))
    if len(segment.off):
        off = np.searchsorted(segment.step, segment.off)
        yield rules.off_the_curve(segment.step, segment.learning_rate, segment.curve, off)
    # Of a level rate a warmup, if there is any, changes nothing that was seen.
    level = np.ptp(segment.learning_rate) == 0 and len(segment.step) > 1 and segment.text != LATER_DECAY
    if segment.text and not level:
        many = f" (at least {segment.count:,} settings explain the rows)" if segment.count > 1 else ""
        yield Finding(rules.OPEN, f"{segment.text}{many if len(segment.step) > 1 else ''}", "", steps=span)


def _of_the_rates(report: Audit) -> str:
    """The first half of the verdict."""
    segments = report.identified.segments
    if not segments:
        return "no learning rate is logged"
    if report.on_plan:
        return "every logged rate is that of the plan"
    if report.on_plan is False:
        why = [found.rule.title for found in report.findings if found.code < "LR3" and found.rule != rules.CONFLICT]
        return "the rates are not those of the plan" + (f" ({why[0]})" if why else "")
    if len(segments) == 1 and len(segments[0].step) == 1:
        return "one rate is logged, which determines no schedule"
    if len(segments) > 1:
        runs = segments[-1].run + 1
        times = "once" if len(segments) == 2 else f"{len(segments) - 1} times"
        parts = f"{runs} runs are in the log" if runs > 1 else f"the rates change their schedule {times}"
        known = sum(bool(segment.answers) for segment in segments)
        return f"{parts}, and {known} of {len(segments)} parts follow a known schedule"
    segment = segments[0]
    if segment.text == FEW_ROWS:
        return f"{len(segment.step)} rates are logged, which determine no schedule"
    if not segment.answers and segment.text:
        return "the search for their schedule gave up"
    if not segment.answers:
        stairs = f", and change every {segment.every} steps" if segment.every > 1 else ""
        return f"the rates follow no known schedule{stairs}"
    name = _kind_in_words(segment.answers[0].schedule)
    each = f" that is stepped every {segment.every} steps" if segment.every > 1 else ""
    if not segment.explained:
        return f"the rates follow {name}{each}, except {len(segment.off)} of {len(segment.step)}"
    late = ", late by some steps" if segment.lag else ""
    others = segment.count - 1
    several = f", or at least {counted(others, 'other setting')} with the same rates" if others > 0 else ""
    return f"the rates follow {name}{each}{late}{several}"


def _kind_in_words(schedule: Schedule) -> str:
    """The kind of a schedule as text."""
    if isinstance(schedule, HoldAfter):
        return f"{_kind_in_words(schedule.schedule)} that is held at its end"
    if isinstance(schedule, Warmup):
        return f"{_kind_in_words(schedule.schedule)} with a warmup from {rules.six_digits(schedule.warmup_lr)}"
    if isinstance(schedule, Shift):
        return _kind_in_words(schedule.schedule)
    return type(schedule).__name__


def _of_the_losses(report: Audit) -> str:
    """The second half of the verdict."""
    wrong = [found for found in report.findings if found.code >= "LR3" and found.severity != "note"]
    if wrong:
        return "; ".join(dict.fromkeys(found.rule.title for found in wrong[:2]))
    log = report.log
    if not (np.isfinite(log.loss).any() or log.nan("loss").any()):
        return "no loss of a known name is logged"
    return "the losses show no problem of the learning rate"


def _heading(report: Audit) -> Iterator[str]:
    log = report.log
    length = f" of {log.max_steps}" if log.max_steps else ""
    yield f"  log: {log.format}, {counted(len(log), 'row')}, steps {log.step.min()} to {log.step.max()}{length}"
    if (precision := report.identified.precision) not in ("float64", "float32"):
        yield f"  rates: rounded to {precision}, and compared within that"
    for note in log.notes:
        yield f"  note: {note}"


def _schedules(report: Audit) -> Iterator[str]:
    segments = report.identified.segments
    for segment in segments[: rules.MOST_SEGMENTS]:
        where = f"steps {segment.step[0]} to {segment.step[-1]}"
        if not segment.answers:
            one = "one row, which determines none" if len(segment.step) == 1 else segment.text or "none that is known"
            yield f"  schedule: {where}: {one}"
            continue
        answer = segment.answers[0]
        many = f"; one of at least {segment.count:,} settings that explain the rows" if segment.count > 1 else ""
        yield f"  schedule: {where}: {brief(answer.schedule)}{segment.each}, within {answer.error:.0e} of the highest rate{many}"
        for other in segment.answers[1:3]:
            yield f"       or: {brief(other.schedule)}"
    if len(segments) > rules.MOST_SEGMENTS:
        yield f"  schedule: {counted(len(segments) - rules.MOST_SEGMENTS, 'more part')}"
    named = report.identified.answer
    if named and named.config and report.identified.explained:
        program = WRITERS[report.log.writer]
        one = "" if program.is_trainer or not report.log.writer else " for transformers"
        one += "" if segments[0].count == 1 else " (one of several that give these rates)"
        yield f"  config{one}: " + ", ".join(f"{key}: {value}" for key, value in named.config.items())


def _plan_line(report: Audit) -> Iterator[str]:
    if report.plan is not None:
        yield f"  plan: {brief(report.plan)}" + ("; every logged rate is on it" if report.on_plan else "")


def _findings(report: Audit) -> Iterator[str]:
    for found in report.findings:
        yield f"  {found}"
    losses = [found for found in report.findings if found.code >= "LR3"]
    if not losses and np.isfinite(report.log.loss).any():
        yield "  losses: nothing in them points to the learning rate; that does not prove that the training went well"
