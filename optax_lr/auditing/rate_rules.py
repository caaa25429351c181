"""The findings in the rates of a log: every rule, and its message."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import SupportsFloat

import numpy as np

from optax_lr.arrays import Float64, Int64
from optax_lr.configs import ConfigError, write_config
from optax_lr.findings import Edit, Finding, Rule
from optax_lr.identification.exact import brief
from optax_lr.identification.identify import Segment
from optax_lr.schedules import Schedule

OTHER_RATES = Rule.of(
    "LR201 error: the logged rates are not the planned ones",
    "From the named step on, the log shows other rates than the plan, and none of the reasons below explains them. Most "
    "often the config belongs to another run.",
)
OTHER_SCHEDULER = Rule.of(
    "LR202 error: another scheduler ran than planned",
    "The rates are exactly those of another kind of schedule. A `scheduler` block in the DeepSpeed JSON silently replaces "
    "`lr_scheduler_type`; a resumed run takes the kind from its new arguments.",
)
OTHER_WARMUP = Rule.of(
    "LR203 error: another warmup ran than planned",
    "The rates are the plan's with another `warmup_steps`. The usual reasons are `warmup_ratio`, versions of transformers "
    "that read the two differently, and a warmup counted in another unit.",
)
OTHER_HORIZON = Rule.of(
    "LR204 error: another length ran than planned",
    "The rates are the plan's over another number of steps: it was counted in micro-batches, multiplied by the number of "
    "processes, or computed from another number of examples. The last rate is then too high, or the rate reaches 0 too "
    "early.",
)
OTHER_PEAK = Rule.of(
    "LR205 error: another learning rate ran than planned",
    "The rates are the plan's multiplied by one factor. A resumed run keeps the base rate of its checkpoint and ignores "
    "the new one.",
)
SKIPPED = Rule.of(
    "LR206 warning: the scheduler skipped steps",
    "The curve is the plan's with a delay that grows. With fp16, an update whose gradients overflow is skipped and the "
    "scheduler is not stepped, but the step is counted, so the rate does not reach its end.",
)
FROZEN = Rule.of(
    "LR207 error: the scheduler never moved",
    "Every row shows the plan's first rate. With fp16 this happens if every update is skipped, so that nothing is "
    "learned.",
)
RESUMED = Rule.of(
    "LR208 warning: the run was resumed with other settings",
    "Up to a step the rates follow one schedule, and after it another. A resumed Trainer keeps the base rate and the "
    "position of its checkpoint; length, warmup and kind come from the new arguments.",
)
OFF = Rule.of(
    "LR209 warning: single rates are off the curve",
    "One schedule explains all rows except these. Typical causes are a row that was edited, and a row that another run "
    "wrote into the same file.",
)
UNEXPLAINED = Rule.of(
    "LR210 warning: no schedule explains the rates",
    "No known kind of schedule gives these rates with any of the settings that were tried. Typical causes are a custom "
    "schedule, a schedule that follows a metric, and a log that was combined from several runs.",
)
NO_RATES = Rule.of(
    "LR211 note: no learning rate is logged",
    "No entry holds a rate, so the schedule is unknown. Trainers log it with the loss every `logging_steps`; "
    "a run shorter than that logs none.",
)
OPEN = Rule.of(
    "LR212 note: the rates leave the schedule open",
    "Several settings give the same rates at the logged steps, or the search reached its time limit. The named schedule "
    "is the one with round numbers; this does not prove that it ran.",
)
CONFLICT = Rule.of(
    "LR213 note: one step is logged with different rates",
    "Two runs wrote the same file, or a resumed run repeated steps with other settings. Where the steps decrease, a new "
    "run is assumed to begin; if they decrease often, only the last row of each step is used.",
)


def skipped(step: Int64[np.ndarray, " n"], lag: Int64[np.ndarray, " n"]) -> Finding:
    """The schedule is `lag` steps behind at each row."""
    changes = np.flatnonzero(np.diff(lag, prepend=0))
    shown = ", ".join(f"{lag[row]} at step {step[row]}" for row in changes[:4]) + (", ..." if len(changes) > 4 else "")
    remedy = "with fp16 that many updates were skipped; train in bf16, or raise max_steps by the last number"
    span = (int(step[changes[0]]), int(step[-1]))
    return Finding(SKIPPED, f"the schedule is behind by {shown}", remedy, steps=span)


def off_the_curve(
    step: Int64[np.ndarray, " n"],
    rate: Float64[np.ndarray, " n"],
    curve: Float64[np.ndarray, " n"],
    off: Int64[np.ndarray, " m"],
) -> Finding:
    """The rows `off` are not on the curve that all others are on."""
    first = off[0]
    which = f"{len(off)} of {len(step)} rates {'are' if len(off) > 1 else 'is'} off the curve"
    message = f"{which}; at step {step[first]} the log has {rate[first]:.10g} and the curve {curve[first]:.10g}"
    return Finding(
        OFF, message, "check the program that wrote these rows", steps=(int(step[first]), int(step[off[-1]]))
    )


MOST_SEGMENTS = 3  # that a message names


def resumed(segments: Sequence[Segment]) -> Finding:
    """One schedule after another, with a jump between them."""
    parts = [
        f"steps {part.step[0]} to {part.step[-1]} follow {brief(part.answers[0].schedule)}"
        + (f", one of at least {part.count:,} settings" if part.count > 1 else "")
        for part in segments[:MOST_SEGMENTS]
    ]
    if len(segments) > MOST_SEGMENTS:
        parts.append(f"{len(segments) - MOST_SEGMENTS} more")
    before, after = segments[0], segments[1]
    from_rate, to_rate = six_digits(before.learning_rate[-1]), six_digits(after.learning_rate[0])
    parts.append(f"at step {after.step[0]} the rate goes from {from_rate} to {to_rate}")
    remedy = "to continue the first curve, resume with the settings of the first run"
    return Finding(RESUMED, "; ".join(parts), remedy, steps=(int(before.step[-1]), int(after.step[0])))


_PARTED = "give each run a file of its own, or cut the log where the run was resumed"


def two_runs(segments: Sequence[Segment]) -> Finding:
    """The steps go back, and from there on the rates are others."""
    runs = segments[-1].run + 1
    before, first = next((one, other) for one, other in itertools.pairwise(segments) if one.run != other.run)
    last, start = int(before.step[-1]), int(first.step[0])
    message = f"the log holds {runs} runs: after step {last} the steps go back to {start}, with other rates"
    return Finding(CONFLICT, message, _PARTED, steps=(start, last))


def several_rates(steps: Int64[np.ndarray, " n"]) -> Finding:
    """These steps have rows of different rates."""
    first, last = int(steps[0]), int(steps[-1])
    which = (
        f"step has more than one rate: {first}"
        if len(steps) == 1
        else f"steps have more than one rate, the first of them {first}"
    )
    return Finding(CONFLICT, f"{len(steps):,} {which}", _PARTED, steps=(first, last))


def edits(plan: Schedule, ran: Schedule) -> tuple[Edit, ...]:
    """The keys of a config that differ between what was planned and what ran; none where a Trainer cannot express it."""
    try:
        before, after = (write_config(schedule, trainer="hf") for schedule in (plan, ran))
    except ConfigError:
        return ()
    names = [*after, *(name for name in before if name not in after)]
    return tuple(Edit(name, after.get(name)) for name in names if before.get(name) != after.get(name))


def six_digits(value: SupportsFloat) -> str:
    """A number for a message."""
    return f"{float(value):.6g}"
