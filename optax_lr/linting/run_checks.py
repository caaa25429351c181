"""Checks of the run that a config describes: the peak, the length of the warmup, the first updates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optax_lr.findings import Finding, Rule
from optax_lr.linting import guide
from optax_lr.linting.case import KWARGS, Case
from optax_lr.trainers import trainer_of

TOO_HIGH = Rule.of(
    "LR121 error: a rate far too high",
    "At 1e-3 and above, fine-tuning with Adam is unstable from the start, and the loss may become NaN.",
)
OUT_OF_RANGE = Rule.of(
    "LR122 warning: a rate out of the method's range",
    "The usual peaks are 1e-4 for LoRA, 2e-4 for QLoRA and 1e-5 for full parameters. A rate of more than 5 times that, or "
    "of less than a 50th of it, is out of the range. Optimizers with rates of their own (Muon, Adafactor, Lion, ...) are "
    "not checked.",
)
TOO_COMPLEX = Rule.of(
    "LR123 warning: a complex schedule on a short run",
    "Restarts need a long run: in 100 steps or one epoch the rate jumps before the model has settled. A line suits such a "
    "run.",
)
WARMUP_TOO_LONG = Rule.of(
    "LR131 error: a warmup longer than the run", "The rate never reaches its peak; the whole run is warmup."
)
MOSTLY_WARMUP = Rule.of(
    "LR132 error: a run that is mostly warmup",
    "If more than half of the steps are warmup, few steps are left at the intended rate. About 10 % is usual.",
)
LONG_WARMUP = Rule.of("LR133 warning: a long warmup", "More than 20 % of the steps are warmup. About 10 % is usual.")
FIRST_AT_ZERO = Rule.of(
    "LR134 note: a first update that changes nothing",
    "A linear warmup starts at 0, so that the first update has no effect. This matters only in a short run, so it is "
    "reported for runs of at most 100 steps.",
)
ALL_AT_ZERO = Rule.of(
    "LR135 error: a run at rate 0", "Every update has rate 0: nothing is trained, and no error is raised."
)
NO_STEPS = Rule.of(
    "LR136 error: max_steps 0",
    "Unlike -1, 0 does not select the number of epochs: the trainer makes one update and stops. Before transformers 4.49 "
    "it did.",
)
UNKNOWN_LENGTH = Rule.of(
    "LR198 note: the length of the run is not known",
    "Without the length, the warmup, the phases and the evaluations are not checked.",
)
ABOVE, BELOW = 5, 50
MOST, LONG = 0.5, 0.2
FEW_STEPS = 100


def peak_rate(case: Case) -> Iterator[Finding]:
    """Check the peak learning rate for this method."""
    settings = case.settings
    if settings is None or not trainer_of(case.trainer).fine_tunes or settings.own_rates:
        return
    peak, usual = settings.learning_rate, guide.METHODS[case.method].learning_rate if case.method else 5e-5
    too_high = peak >= guide.TOO_HIGH and not (case.method is None and case.trainer in ("hf", "trl"))
    if peak < 0:
        what = "is negative"
    elif _own_rates(case) or not (too_high or (case.method and not usual / BELOW <= peak <= usual * ABOVE)):
        return
    elif case.plan is not None and not np.float32(peak):
        return  # which is a run at rate 0
    elif peak == 0:
        what = "trains nothing"
    else:
        below = f"a {usual / peak:.0f}th of" if usual < 1e6 * peak else "less than a millionth of"
        ratio = below if peak < usual else f"{peak / usual:{'.0f' if too_high and peak < 1e6 * usual else '.3g'}} times"
        what = f"is {ratio} the {usual:g} that is usual for {_METHODS.get(case.method or '', 'fine-tuning')}"
    rule = TOO_HIGH if too_high or peak < 0 else OUT_OF_RANGE
    yield case.finding(rule, f"learning_rate {peak:g} {what}", "learning_rate", changes={"learning_rate": usual})


_METHODS = {"lora": "LoRA", "qlora": "QLoRA", "full": "full parameters"}


def _own_rates(case: Case) -> bool:
    """Whether the optimizer is none of Adam's family, or the training no fine-tuning, whose rates are others."""
    if case.get("use_muon") or case.get("train_from_scratch") or case.get("pretraining_dataset"):
        return True
    named = str(case.get("optim") or case.get("optimizer") or "adam").lower()
    return "adam" not in named or "mini" in named


def too_complex(case: Case) -> Iterator[Finding]:
    """Restarts in a run that is short."""
    settings = case.settings
    if settings is None or case.kind != "cosine_with_restarts" or case.cycles in (None, 1):
        return
    by_steps = settings.max_steps > 0
    steps = settings.max_steps if by_steps else case.plan.max_steps if case.plan is not None else None
    few = steps is not None and 0 < steps <= guide.SHORT_RUN_STEPS
    once = not by_steps and settings.num_train_epochs <= guide.SHORT_RUN_EPOCHS
    if few or once:
        cycles = case.cycles
        each = f", {steps / cycles:.0f} each" if steps and cycles > 0 else ""
        room = f"{steps} steps" if few else f"{settings.num_train_epochs:g} epoch"
        changes = {f"{KWARGS}.num_cycles": None, "lr_scheduler_type": "linear"}
        message, remedy = f"{cycles:g} cycles in {room}{each}", "set lr_scheduler_type: linear"
        yield case.finding(TOO_COMPLEX, message, "lr_scheduler_type", remedy, changes)


def warmup(case: Case) -> Iterator[Finding]:
    """The warmup against the run."""
    plan = case.plan
    if plan is None or plan.warmup_steps <= 0 or plan.max_steps <= 1:
        return
    share = plan.warmup_steps / plan.max_steps
    if share <= LONG or case.kind == "constant":
        return
    key = "warmup_steps" if case.get("warmup_steps") else "warmup_ratio"
    ten = max(1, round(guide.WARMUP_SHARE * plan.max_steps)) if key == "warmup_steps" else guide.WARMUP_SHARE
    if share >= 1:
        rule, top = WARMUP_TOO_LONG, case.rate(plan.max_steps - 1)
        message = f"the warmup of {plan.warmup_steps} steps is longer than the run of {plan.max_steps}; the rate reaches {top:.3g}"
    else:
        rule = MOSTLY_WARMUP if share > MOST else LONG_WARMUP
        held = "the peak is held for" if case.kind == "constant_with_warmup" else "the decay has"
        left = f"{held} {plan.max_steps - plan.warmup_steps}"
        message = f"warmup is {share:.0%} of {plan.max_steps} steps; {left}"
    if case.settings is not None and case.settings.own.get("interval") == "epoch":  # of Lightning
        remedy = "count the schedule in epochs, or give the dict of the scheduler interval: step"
        yield case.finding(rule, message, "interval", remedy)
    elif plan.warmup_steps == 1:  # a share of 10 % is rounded up to it
        yield case.finding(rule, message, key, changes={key: 0})
    else:
        yield case.finding(rule, message, key, f"set {case.key(key)}: {ten}, about 10 %", {key: ten})


def at_zero(case: Case) -> Iterator[Finding]:
    """Updates that change nothing."""
    plan = case.plan
    if plan is None:
        return
    if plan.max_steps == 0:
        message = f"max_steps: 0 makes one update, at rate {case.rate(0):.3g}"
        yield case.finding(NO_STEPS, message, "max_steps", "write -1 for the epochs", {"max_steps": -1})
    elif case.rate(0) == 0 and plan.max_steps > 0:
        key = "warmup_steps" if case.get("warmup_steps") else "warmup_ratio"
        if not any(case.rate(step) for step in np.linspace(0, plan.max_steps - 1, 200, dtype=int).tolist()):
            message = f"all of the {plan.max_steps} updates have rate 0"
            peak = case.settings.learning_rate if case.settings is not None else None
            if peak and not np.float32(peak):
                message = f"{message}: learning_rate {peak:g} is 0 in float32"
                yield case.finding(ALL_AT_ZERO, message, "learning_rate", "set a higher one")
            elif plan.warmup_steps and peak != 0:
                yield case.finding(ALL_AT_ZERO, message, key, changes={key: 0})
            else:
                yield case.finding(ALL_AT_ZERO, message, "learning_rate", "set learning_rate above 0")
        elif plan.max_steps <= FEW_STEPS:
            share = 1 / plan.max_steps
            message = f"update 1 of {plan.max_steps} has rate 0: {share:.1%} of the data changes nothing"
            yield case.finding(FIRST_AT_ZERO, message, key, "a warmup of 0 starts at the peak")


CHECKS = (peak_rate, too_complex, warmup, at_zero)
