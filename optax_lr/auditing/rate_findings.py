"""What is told of rates, in words: skipped steps, rows that are off, resumed runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optax_lr.auditing import rules
from optax_lr.auditing.exact import brief
from optax_lr.auditing.identify import Segment
from optax_lr.configs import ConfigError, write_config
from optax_lr.findings import Edit, Finding
from optax_lr.schedules import Schedule


def skipped(step: np.ndarray, lag: np.ndarray) -> Finding:
    """The schedule is `lag` steps behind at each row."""
    changes = np.flatnonzero(np.diff(lag, prepend=0))
    shown = ", ".join(f"{lag[row]} at step {step[row]}" for row in changes[:4]) + (", ..." if len(changes) > 4 else "")
    return Finding(
        rules.SKIPPED,
        f"the schedule is behind by {shown}",
        "with fp16 that many updates were skipped; train in bf16, or raise max_steps by the last number",
        steps=(int(step[changes[0]]), int(step[-1])),
    )


def off_the_curve(step: np.ndarray, rate: np.ndarray, curve: np.ndarray, off: np.ndarray) -> Finding:
    """The rows `off` are not on the curve that all others are on."""
    first = off[0]
    return Finding(
        rules.OFF,
        f"{len(off)} of {len(step)} rates {'are' if len(off) > 1 else 'is'} off the curve; at step {step[first]} the log has "
        f"{rate[first]:.10g} and the curve {curve[first]:.10g}",
        "look at what wrote such rows",
        steps=(int(step[first]), int(step[off[-1]])),
    )


def resumed(segments: Sequence[Segment]) -> Finding:
    """One schedule after another."""
    parts = [f"steps {part.step[0]} to {part.step[-1]} follow {brief(part.answers[0].schedule)}" for part in segments]
    before, after = segments[0], segments[1]
    jump = f"at step {after.step[0]} the rate goes from {short(before.learning_rate[-1])} to {short(after.learning_rate[0])}"
    return Finding(
        rules.RESUMED,
        "; ".join([*parts, jump]),
        "to go on along the first curve, resume with the settings of the first run",
        steps=(int(before.step[-1]), int(after.step[0])),
    )


def edits(plan: Schedule, ran: Schedule) -> tuple[Edit, ...]:
    """The keys of a config that differ between what was planned and what ran; none where a Trainer cannot express it."""
    try:
        before, after = (write_config(schedule, dialect="hf") for schedule in (plan, ran))
    except ConfigError:
        return ()
    names = [*after, *(name for name in before if name not in after)]
    return tuple(Edit(name, after.get(name)) for name in names if before.get(name) != after.get(name))


def short(value: Any) -> str:
    """A number for a message."""
    return f"{float(value):.6g}"
