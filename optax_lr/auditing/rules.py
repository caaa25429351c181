"""What is found in the rates of a log: every code."""

from __future__ import annotations

from optax_lr.findings import Rule

OTHER_RATES = Rule(
    "LR201",
    "the logged rates are not the planned ones",
    "error",
    "From the first step that is named on, the log shows other rates than the plan, and none of the reasons below explains "
    "them: most often the config belongs to another run.",
)
OTHER_SCHEDULER = Rule(
    "LR202",
    "another scheduler ran than planned",
    "error",
    "The rates are those of another kind of schedule, exactly. A `scheduler` block in the DeepSpeed JSON silently replaces "
    "`lr_scheduler_type`; a resumed run takes the kind from its new arguments.",
)
OTHER_WARMUP = Rule(
    "LR203",
    "another warmup ran than planned",
    "error",
    "The rates are the plan's with another `warmup_steps`. Beside `warmup_ratio` and versions of transformers that read the "
    "two differently, a warmup counted in other units is the usual reason.",
)
OTHER_HORIZON = Rule(
    "LR204",
    "another length ran than planned",
    "error",
    "The rates are the plan's over another number of steps: counted in micro-batches, times the number of processes, or "
    "computed from another number of examples. The rate then ends too high, or is 0 too early.",
)
OTHER_PEAK = Rule(
    "LR205",
    "another learning rate ran than planned",
    "error",
    "The rates are the plan's times one factor. A resumed run keeps the base rate of its checkpoint and ignores the new one.",
)
SKIPPED = Rule(
    "LR206",
    "the scheduler skipped steps",
    "warning",
    "The curve is right and late by a number of steps that grows. With fp16, an update whose gradients overflow is skipped, "
    "and the scheduler is not stepped, while the step counts on; the rate then does not reach its end.",
)
FROZEN = Rule(
    "LR207",
    "the scheduler never moved",
    "error",
    "Every row shows the rate with which the plan begins. With fp16 that happens when every update is skipped, so that "
    "nothing is learned.",
)
RESUMED = Rule(
    "LR208",
    "the run was resumed with other settings",
    "warning",
    "The rates follow one schedule up to a step and another from there on. A resumed Trainer keeps the base rate and the "
    "position of its checkpoint; length, warmup and kind come from the new arguments.",
)
OFF = Rule(
    "LR209",
    "single rates are off the curve",
    "warning",
    "One schedule explains all rows but these. A row that was edited, or written by another run into the same file, looks so.",
)
UNEXPLAINED = Rule(
    "LR210",
    "no schedule explains the rates",
    "warning",
    "No kind of schedule that is known gives these rates with any settings that were tried. A schedule of one's own, one "
    "that follows a metric, or a log put together from several runs looks so.",
)
NO_RATES = Rule(
    "LR211",
    "no learning rate is logged",
    "note",
    "No entry holds a rate, so that nothing can be said of the schedule. Trainers log it with the loss every `logging_steps`; "
    "a run shorter than that logs none.",
)
OPEN = Rule(
    "LR212",
    "the rates leave the schedule open",
    "note",
    "Several settings give the same rates at the logged steps. What is named is the one of round numbers, and no proof that "
    "it ran.",
)
CONFLICT = Rule(
    "LR213",
    "one step is logged with different rates",
    "note",
    "Two runs wrote the same file, or a resumed run repeated steps under other settings. The last row of each step counts.",
)
RULES = (
    OTHER_RATES,
    OTHER_SCHEDULER,
    OTHER_WARMUP,
    OTHER_HORIZON,
    OTHER_PEAK,
    SKIPPED,
    FROZEN,
    RESUMED,
    OFF,
    UNEXPLAINED,
    NO_RATES,
    OPEN,
    CONFLICT,
)
