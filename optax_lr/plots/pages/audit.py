"""The report of an audit as a page: the curves with the findings on them, and the findings as text."""

from __future__ import annotations

import math
import os

import numpy as np

from optax_lr.auditing.audit import Audit
from optax_lr.auditing.rate_rules import MOST_SEGMENTS
from optax_lr.findings import SEVERITIES
from optax_lr.identification.exact import brief
from optax_lr.identification.identify import Segment
from optax_lr.logs.writers import WRITERS
from optax_lr.plots.pages.figure import figure_of
from optax_lr.plots.pages.page import Page, filled
from optax_lr.plots.shown import WORDS, Shown, shown_lines
from optax_lr.sources.parsing import scalar


def audit_page(report: Audit) -> Page:
    """The whole page.

    Its curves are an SVG and a few lines of script: a library of charts would add a megabyte to every page.
    """
    what = shown_lines(report)
    names, rows = _table(report, what)
    name = os.path.basename(report.log.source) or report.log.source
    counts = {severity: sum(found.severity == severity for found in report.findings) for severity in SEVERITIES}
    return filled(
        "audit.html",
        f"Audit of {name}",
        report=report,
        name=name,
        counts={kind: count for kind, count in counts.items() if count},
        rules=list({found.code: found.rule for found in report.findings}.values()),
        more=max(0, len(report.identified.segments) - MOST_SEGMENTS),
        several=any(segment.count > 1 for segment in report.identified.segments),
        for_program="" if WRITERS[report.log.writer].is_trainer or not report.log.writer else "for transformers ",
        losses=bool(np.isfinite(report.log.loss).any()),
        schedules=[_row(segment) for segment in report.identified.segments[:MOST_SEGMENTS]],
        plan=None if report.plan is None else brief(report.plan),
        config=_config(report),
        drawn=len(what.rows),
        **figure_of(what),
        data={"first": what.first, "last": what.last, "names": names, "rows": rows},
    )


def _table(report: Audit, what: Shown) -> tuple[list[str], list[list[object]]]:
    """The names of the numbers that there are, and for each step the step and a text for each of them."""
    log, rows = report.log, what.rows
    columns: list[tuple[str, np.ndarray | None, str, int]] = [
        ("logged", log.learning_rate, "learning_rate", 8), ("planned", report.planned, "", 8), ("found", report.followed, "", 8),
        *((WORDS[name], getattr(log, name), name, 6) for name in ("loss", "eval_loss", "grad_norm")),
    ]  # fmt: skip
    texts: dict[str, list[str]] = {}
    for title, values, name, digits in columns:
        if values is not None:
            pairs = zip(values[rows].tolist(), log.nan(name)[rows].tolist(), strict=True)
            written = [_text(value, nan, digits) for value, nan in pairs]
            if any(written):
                texts[title] = written
    by_step: dict[int, list[dict[str, None]]] = {}
    for row, step in enumerate(log.step[rows].tolist()):
        cells = by_step.setdefault(step, [{} for _ in texts])
        for cell, written in zip(cells, texts.values(), strict=True):
            if written[row]:
                cell[written[row]] = None  # a dict keeps each text once, in its order
    return list(texts), [[step, *(" / ".join(cell) for cell in by_step[step])] for step in sorted(by_step)]


def _text(value: float, is_nan: bool, digits: int) -> str:
    """Empty for a row without the number."""
    if math.isnan(value):
        return "NaN" if is_nan else ""
    return f"{value:.{digits}g}".replace("inf", "Infinity")


def _row(segment: Segment) -> dict[str, object]:
    """A segment in the table of schedules."""
    answer, *others = segment.answers or (None,)
    none = "one row, which determines none" if len(segment.step) == 1 else "none that is known"
    return {
        "steps": f"{segment.step[0]:,} to {segment.step[-1]:,}",
        "schedule": none if answer is None else brief(answer.schedule) + segment.each,
        "error": "" if answer is None else f"{answer.error:.0e}" if answer.error else "0",
        "count": segment.count,
        "others": [brief(other.schedule) for other in others],
        "text": segment.text,
    }


def _config(report: Audit) -> str:
    """The keys that run the schedule that was found, as YAML; empty where no setting of the trainer does."""
    config = report.identified.answer and report.identified.answer.config
    if not config or not report.identified.explained:
        return ""
    return "\n".join(f"{key}: {scalar(value)}" for key, value in config.items())
