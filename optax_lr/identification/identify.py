"""`identify`: which schedule, with which settings, gives the rates of a log."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from jax.typing import ArrayLike

from optax_lr.arguments import shown, whole_number
from optax_lr.arrays import Bool, Float64, Int64, Num
from optax_lr.configs import ConfigError, write_config
from optax_lr.identification import ambiguity
from optax_lr.identification.budget import SECONDS, STAGES, Budget, OutOfTimeError
from optax_lr.identification.candidates import Candidates
from optax_lr.identification.evidence import EXACT, Evidence, evidence_of
from optax_lr.identification.exact import exact_rates
from optax_lr.identification.fitting import oddness
from optax_lr.identification.frame import Frame
from optax_lr.identification.pieces import Piece, are_clear, by_epochs, except_some_rows, lagging, segments, whole_log
from optax_lr.identification.search import GROUPS, LEVELS, OF_ROUND_NUMBERS, USUAL, Search
from optax_lr.logs.columns import LARGEST_RATE
from optax_lr.schedules import Schedule
from optax_lr.schedules.checks import LARGEST_STEP

MOST_ANSWERS = 10
MOST_RUNS = 8  # of one file; steps that go back more often are rows in no order


@dataclasses.dataclass(frozen=True)
class Answer:
    """A schedule that explains rows of a log.

    Fields:
        schedule: the schedule.
        offset: the row at step k shows `schedule(k - offset)`: with 0 the rate of the next update, as transformers before
            4.50 logs it, with 1 that of the last update.
        error: the largest distance of a row from the curve, divided by the highest rate.
        every: the number of optimizer steps in one step of the schedule.
    """

    schedule: Schedule
    offset: int
    error: float
    every: int = 1

    def rates(self, step: ArrayLike) -> Float64[np.ndarray, "*steps"]:
        """The rates that rows at these steps would show, float64 of the shape of `step`."""
        return exact_rates(self.schedule, np.maximum(np.asarray(step) - self.offset, 0) // self.every)

    @property
    def config(self) -> dict[str, object] | None:
        """The keys with which transformers runs it; None where no setting of it does."""
        try:
            return write_config(self.schedule, trainer="hf") if self.every == 1 else None
        except ConfigError:
            return None


@dataclasses.dataclass(frozen=True)
class Segment:
    """Rows of a log that one schedule explains, or none.

    Fields:
        step: int64 [n], the steps of the rows.
        learning_rate: float64 [n], the logged rates.
        curve: float64 [n], the rates of the first answer; NaN if there is no answer.
        answers: at most 10 settings that explain the rows, those with round numbers first.
        count: how many settings explain the rows equally well.
        text: a line on what the rows leave open, if several settings explain them or the search stopped; otherwise empty.
        lag: `(step, skipped steps)` at each row where the number of skipped steps grows; empty if there are none.
        off: int64 [m], the steps whose rate is not on the curve.
        every: the number of optimizer steps between changes of the rate, such as an epoch; the answers count these changes.
        run: the number of the run in the file, from 0; a new run begins where the steps decrease.
        row: int64 [n], the indices of these rows among the given ones.
    """

    step: Int64[np.ndarray, " n"]
    learning_rate: Float64[np.ndarray, " n"]
    curve: Float64[np.ndarray, " n"]
    answers: tuple[Answer, ...]
    count: int
    text: str = ""
    lag: tuple[tuple[int, int], ...] = ()
    off: Int64[np.ndarray, " m"] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    every: int = 1
    run: int = 0
    row: Int64[np.ndarray, " n"] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def explained(self) -> bool:
        """Several rows, and every one on the curve of the first answer. One row explains nothing."""
        return len(self.step) > 1 and bool(self.answers) and not len(self.off)

    @property
    def each(self) -> str:
        """How often the scheduler is stepped, to follow the answer's name; empty where it is at every step."""
        return f", stepped every {self.every} steps" if self.every > 1 else ""


@dataclasses.dataclass(frozen=True)
class Identified:
    """The result of `identify`: the schedules that explain the rates of a log.

    Fields:
        segments: one, or several for a run that was resumed with other settings; also those without an answer.
        precision: how the rates were written: `float64`, `float32`, `6 digits`, `7 decimals`.
    """

    segments: tuple[Segment, ...]
    precision: str = "float64"

    @property
    def explained(self) -> bool:
        """Every row of the log is explained."""
        return bool(self.segments) and all(segment.explained for segment in self.segments)

    @property
    def answer(self) -> Answer | None:
        """The likeliest answer of the only segment; None where there are several, or none has one."""
        return self.segments[0].answers[0] if len(self.segments) == 1 and self.segments[0].answers else None

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of `answer`."""
        return None if self.answer is None else self.answer.schedule


def identify(
    step: Num[ArrayLike, " n"] | Sequence[float],
    learning_rate: Num[ArrayLike, " m"] | Sequence[float | None],
    *,
    max_steps: int | None = None,
    seconds: float = SECONDS,
) -> Identified:
    """The schedules that give these rates, found from the rates alone.

    Every kind of schedule is tried in float64 with both offsets, with every warmup that the rows allow, and with every length
    if `max_steps` does not fit. A row is explained if the curve is within 1e-9 of its rate, or within the rounding that the
    digits show. If no curve explains all rows, these are tried in turn: a curve with a growing delay, as if fp16 skips
    updates; a curve that a few rows do not follow; several segments, as in a resumed run.

    Of the settings that explain the rows equally well, those with round numbers come first; `Segment.count` and
    `Segment.text` describe what the rows leave open. The rates do not show whether the training went well.

    Args:
        step: whole numbers [n], the optimizer steps completed when each rate was logged, in any order; they may repeat.
        learning_rate: numbers [n], at least 0; NaN if a row has no rate. Rounded rates, and float32, are recognised.
        max_steps: the length of the run, if it is known; it decides between settings that give the same rates.
        seconds: the CPU time that the search may take. Then the search stops, and `Segment.text` reports it. Most logs
            take less than one second.

    Returns:
        The segments of the log, each with the settings that explain it.

    Raises:
        ValueError: arrays of different lengths; steps below 0, above 2**31 - 1 or not whole; rates below 0 or too large for
            float32; `seconds` that are not above 0.

    Source: the schedules of transformers, torch, DeepSpeed and axolotl in this library; their rates in logs of real runs.

    >>> step = np.arange(10, 510, 10)
    >>> found = identify(step, 2e-5 * np.minimum(step / 100, (1000 - step) / 900), max_steps=1000)
    >>> found.schedule, found.answer.offset, found.segments[0].count
    (Linear(learning_rate=2e-05, max_steps=1000, warmup_steps=100, min_lr=0.0), 0, 1)
    """
    steps, rates = _checked_rows(step, learning_rate)
    if max_steps is not None:
        max_steps = whole_number("identify(): max_steps", max_steps, least=0)
    if not seconds > 0:
        raise ValueError(f"identify(): seconds must be above 0, not {seconds}")
    with np.errstate(all="ignore"):  # what a candidate gives that is not a number explains no row
        return _searched(steps, rates, Search(max_steps or None, Budget(seconds)))


def _searched(steps: Int64[np.ndarray, " n"], rates: Float64[np.ndarray, " n"], search: Search) -> Identified:
    merged = evidence_of(steps, rates)
    if not len(merged[0]):
        return Identified(())
    runs = _runs(steps, rates)
    if len(runs) == 1 or not _conflict(steps, rates):  # two writers, or a resumed run, may repeat rows
        found = _of_one_run(merged, search)
        if found.explained or len(runs) == 1:
            return found
    parts = [
        _of_one_run(evidence_of(steps, np.where(run, rates, np.nan)), search, number) for number, run in enumerate(runs)
    ]
    segments = tuple(segment for part in parts for segment in part.segments)
    return Identified(segments, max((part.precision for part in parts), key=lambda name: name != "float64"))


def _runs(steps: Int64[np.ndarray, " n"], rates: Float64[np.ndarray, " n"]) -> list[Bool[np.ndarray, " n"]]:
    """Which rows belong to each run: where the steps of rows with a rate go back, another begins; bool [n] each."""
    rows = np.flatnonzero(np.isfinite(rates))
    back = np.flatnonzero(np.diff(steps[rows]) < 0) + 1
    number = np.full(len(steps), -1)
    number[rows] = np.searchsorted(back, np.arange(len(rows)), side="right")
    return [number == run for run in range(len(back) + 1)] if len(back) < MOST_RUNS else [number >= 0]


def _conflict(steps: Int64[np.ndarray, " n"], rates: Float64[np.ndarray, " n"]) -> bool:
    """Whether rows of one step have different rates."""
    order = np.lexsort((rates, steps))
    order = order[np.isfinite(rates[order])]
    same = np.diff(steps[order]) == 0
    return bool((same & (abs(np.diff(rates[order])) > EXACT * abs(rates[order][1:]))).any())


def _of_one_run(forms: list[Evidence], search: Search, run: int = 0) -> Identified:
    """The first attempt that explains the rows; if none does, one segment without an answer."""
    found = forms[0], [Piece(np.arange(len(forms[0])), [])]
    with contextlib.suppress(OutOfTimeError):
        found = next(filter(lambda attempt: attempt[1], _attempts(forms, search)), found)
    evidence, pieces = found
    return Identified(tuple(_segment(piece, evidence, search, run) for piece in pieces), evidence.precision)


def _attempts(forms: list[Evidence], search: Search) -> Iterator[tuple[Evidence, list[Piece]]]:
    """Possible explanations of the rows, in order; an attempt that explains none is empty.

    One curve, levels of equal length, a curve except for skipped steps or single rows, one curve after another. The usual kinds
    are tried in every form before the unusual ones in any.
    """
    stages = iter(STAGES)
    budget, likely = search.budget, _likely(forms)
    budget.stage = next(stages)
    for evidence in forms:
        yield evidence, whole_log(evidence, search, USUAL)
    budget.stage = next(stages)
    for evidence in forms:
        searched = GROUPS[len(USUAL) : -1] if any(evidence is form for form in likely) else OF_ROUND_NUMBERS
        yield evidence, whole_log(evidence, search, searched)
    budget.stage = next(stages)
    stepped = by_epochs(forms[0], search)
    for evidence in likely if stepped else ():
        yield evidence, [piece for piece in by_epochs(evidence, search) if piece.found]
    budget.stage = next(stages)
    parted = []
    for evidence in likely:
        yield evidence, whole_log(evidence, search, LEVELS) or lagging(evidence, search)
        several = segments(evidence, search)
        yield evidence, several if are_clear(several) else except_some_rows(evidence, search)
        parted.append((evidence, several))
    yield from parted
    yield forms[0], stepped


def _likely(forms: list[Evidence]) -> list[Evidence]:
    """Without the forms that the digits rule out: many rates of few digits each are no curve that was written in full."""
    rate = forms[0].rate
    if len(forms) == 1 or len(np.unique(rate)) < _MANY:
        return forms
    # The last float32 is the loosest, and explains what the other one does.
    return forms[2:] if forms[-1].precision == "float32" else forms[1:]


_MANY = 20  # different rates


def _segment(piece: Piece, evidence: Evidence, search: Search, run: int) -> Segment:
    rows = evidence[piece.rows]
    lag = np.zeros(len(rows), int) if piece.lag is None else piece.lag
    on = np.setdiff1d(np.arange(len(rows)), piece.off)
    highest = rows.rate.max() or 1.0  # errors of rates of 0 are 0
    answers: list[Answer] = []
    for candidates in _ranked(piece.found, rows, search.max_steps):
        answer = Answer(candidates.first(), int(candidates.offset[0]), 0.0, piece.every)
        error = float((abs(answer.rates(rows.step - lag) - rows.rate)[on] / highest).max())
        answers.append(dataclasses.replace(answer, error=error))
    changes = np.flatnonzero(np.diff(lag, prepend=0))
    count, text = _left_open(piece, rows, search)
    return Segment(
        step=rows.step,
        learning_rate=rows.rate,
        curve=answers[0].rates(rows.step - lag) if answers else np.full(len(rows), np.nan),
        answers=tuple(answers),
        count=count,
        text=text,
        lag=tuple((int(rows.step[row]), int(lag[row])) for row in changes),
        off=rows.step[piece.off],
        every=piece.every,
        run=run,
        row=rows.row,
    )


def _left_open(piece: Piece, rows: Evidence, search: Search) -> tuple[int, str]:
    """How many settings explain the rows, and a line on what the rows leave open."""
    counted = rows if piece.every == 1 else dataclasses.replace(rows, step=(rows.step + 1) // piece.every)
    text = ambiguity.open_quantities(piece.found, counted, search.max_steps) if len(rows) > 1 else ambiguity.ONE_ROW
    count = sum(map(len, piece.found)) * piece.at_least
    if not count and 1 < len(rows) <= ambiguity.MOST_FEW:
        text = ambiguity.FEW_ROWS
    if count == 1 and not text and rows.is_coarse:
        text = ambiguity.COARSE
    # A kind that the library cannot search, or numbers that it did not try.
    count += text in (ambiguity.LATER_DECAY, ambiguity.DROPS, ambiguity.COARSE) or ambiguity.FLOOR in text
    if search.budget.spent and len(rows) > 1:
        count += bool(count)
        text = f"{text}; {search.budget.text}" if text else search.budget.text
    return count, text


def _ranked(found: list[Candidates], rows: Evidence, max_steps: int | None) -> list[Candidates]:
    """Single settings, the simplest first: a usual kind, and round numbers.

    Rows that are all warmup do not show the kind: each warmup represents all kinds.
    """
    found = found[:1] if Frame(rows).only_rises else found
    if not np.ptp(rows.rate):  # nor is the warmup of a constant rate
        found = [candidates[:1] for candidates in found]
    settings = [
        (float(odd) + candidates.cost, place, row)
        for place, candidates in enumerate(found)
        for row, odd in enumerate(oddness(candidates, max_steps))
    ]
    return [found[place][[row]] for _, place, row in sorted(settings)[:MOST_ANSWERS]]


def _checked_rows(step: object, learning_rate: object) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    arrays = []
    for name, values in (("step", step), ("learning_rate", learning_rate)):
        try:
            array = np.asarray(values)
            arrays.append(array if array.dtype.kind in "iuf" else array.astype(np.float64))  # None becomes NaN
        except (TypeError, ValueError):
            raise TypeError(f"identify(): {name} must be an array of numbers, not {shown(values)}") from None
    steps, rates = arrays[0], arrays[1].astype(np.float64, copy=False)
    if steps.ndim != 1 or steps.shape != rates.shape:
        raise ValueError(
            f"identify(): step and learning_rate must be of one length, not of shapes {steps.shape} and {rates.shape}"
        )
    whole = steps.astype(np.int64, copy=False) if np.isfinite(steps).all() else None
    if whole is None or (whole != steps).any() or (len(whole) and whole.min() < 0):
        raise ValueError("identify(): step must hold whole numbers from 0 on, the optimizer steps done at each row")
    if len(whole) and whole.max() > LARGEST_STEP:
        raise ValueError(f"identify(): step must be at most 2**31 - 1, not {whole.max()}: Optax counts steps in int32")
    if (rates > LARGEST_RATE).any() or (rates < 0).any():
        raise ValueError(
            "identify(): learning_rate must hold numbers from 0 on that float32 can hold, or NaN where a row has none"
        )
    return whole, rates
