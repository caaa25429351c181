"""Checks of the run that a config describes: the peak, the length of the warmup, the first updates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optax_lr.findings import Edit, Finding, Rule
from optax_lr.linting import guide
from optax_lr.linting.case import Case
from optax_lr.linting.edits import scalar

TOO_HIGH = Rule(
    "LR121",
    "a rate far too high",
    "error",
    "At 1e-3 and above, fine-tuning with Adam is unstable from the start, and the loss may become NaN.",
)
OUT_OF_RANGE = Rule(
    "LR122",
    "a rate out of the method's range",
    "warning",
    "LoRA is recommended 1e-4, QLoRA 2e-4, full parameters 1e-5. More than 5 times that, or less than a 50th of it, is out "
    "of the range; optimizers with rates of their own (Muon, Adafactor, Lion, ...) are left out.",
)
TOO_COMPLEX = Rule(
    "LR123",
    "a complex schedule on a short run",
    "warning",
    "Restarts need room: in 100 steps or one epoch they jump while the model has not settled. A line serves such a run.",
)
WARMUP_TOO_LONG = Rule(
    "LR131", "a warmup longer than the run", "error", "The rate never reaches its peak; the whole run is warmup."
)
MOSTLY_WARMUP = Rule(
    "LR132",
    "a run that is mostly warmup",
    "error",
    "With more than half of the steps in the warmup, little is left at the rate that was asked for. About 10 % is usual.",
)
LONG_WARMUP = Rule("LR133", "a long warmup", "warning", "More than 20 % of the steps are warmup. About 10 % is usual.")
FIRST_AT_ZERO = Rule(
    "LR134",
    "a first update that changes nothing",
    "note",
    "A linear warmup starts at 0, so that the first update has no effect. It matters in a short run: it is reported for "
    "runs of at most 100 steps.",
)
ALL_AT_ZERO = Rule(
    "LR135",
    "a run at rate 0",
    "error",
    "Every update has rate 0, so that nothing is trained, without any error message.",
)
NO_STEPS = Rule(
    "LR136",
    "max_steps 0",
    "error",
    "0 does not mean the epochs, as -1 does: the trainer makes one update and stops.",
)
UNKNOWN_LENGTH = Rule(
    "LR198",
    "the length of the run is not known",
    "note",
    "Without it the checks of the warmup, of the phases and of the evaluations are left out.",
)
ABOVE, BELOW = 5, 50
MOST, LONG = 0.5, 0.2
# Trainers of pre-training have other rates.
_FINE_TUNING = ("hf", "trl", "llamafactory", "llamafactory-ui", "llamafactory-v1", "axolotl", "swift", "torchtune")
FEW_STEPS = 100


def peak_rate(case: Case) -> Iterator[Finding]:
    """Check the peak learning rate for this method."""
    settings = case.settings
    if settings is None or case.trainer not in _FINE_TUNING or settings.own_rates:
        return
    peak, usual = settings.learning_rate, guide.METHODS[case.method].learning_rate if case.method else 5e-5
    remedy, edits = f"set learning_rate: {scalar(usual)}", (case.edit("learning_rate", usual),)
    if peak < 0:
        yield case.finding(TOO_HIGH, f"learning_rate {peak:g} is negative", remedy, "learning_rate", edits)
    elif _own_rates(case):
        return
    elif peak >= guide.TOO_HIGH and not (case.method is None and case.trainer in ("hf", "trl")):
        message = f"learning_rate {peak:g} is {peak / usual:.0f} times the {usual:g} that is usual for {_method(case)}"
        yield case.finding(TOO_HIGH, message, remedy, "learning_rate", edits)
    elif case.method is not None and peak == 0:
        yield case.finding(OUT_OF_RANGE, "learning_rate 0 trains nothing", remedy, "learning_rate", edits)
    elif case.method is not None and not usual / BELOW <= peak <= usual * ABOVE:
        ratio = f"{peak / usual:.3g} times" if peak > usual else f"a {usual / peak:.0f}th of"
        message = f"learning_rate {peak:g} is {ratio} the {usual:g} that is usual for {_method(case)}"
        yield case.finding(OUT_OF_RANGE, message, remedy, "learning_rate", edits)


def _method(case: Case) -> str:
    return {"lora": "LoRA", "qlora": "QLoRA", "full": "full parameters"}.get(case.method or "", "fine-tuning")


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
        edits = (*case.keyword_edits(without=("num_cycles",)), case.edit("lr_scheduler_type", "linear"))
        message = f"{cycles:g} cycles in {room}{each}"
        yield case.finding(TOO_COMPLEX, message, "set lr_scheduler_type: linear", "lr_scheduler_type", edits)


def warmup(case: Case) -> Iterator[Finding]:
    """The warmup against the run."""
    plan = case.plan
    if plan is None or plan.warmup_steps <= 0 or plan.max_steps <= 1:
        return
    share = plan.warmup_steps / plan.max_steps
    if share <= LONG or case.kind == "constant":
        return
    key = "warmup_steps" if case.get("warmup_steps") else "warmup_ratio"
    ten = max(1, round(guide.WARMUP_SHARE * plan.max_steps))
    edits = (case.edit(key, guide.WARMUP_SHARE if key == "warmup_ratio" else ten),)
    remedy = f"set {edits[0].key}: {edits[0].value}, about 10 %"
    message = f"warmup is {share:.0%} of {plan.max_steps} steps"
    if share >= 1:
        top = case.rate(plan.max_steps - 1)
        message = f"the warmup of {plan.warmup_steps} steps is longer than the run of {plan.max_steps}; the rate reaches {top:.3g}"
        yield case.finding(WARMUP_TOO_LONG, message, remedy, key, edits)
        return
    left = plan.max_steps - plan.warmup_steps
    held = "the peak is held for" if case.kind == "constant_with_warmup" else "the decay has"
    yield case.finding(MOSTLY_WARMUP if share > MOST else LONG_WARMUP, f"{message}; {held} {left}", remedy, key, edits)


def at_zero(case: Case) -> Iterator[Finding]:
    """Updates that change nothing."""
    plan = case.plan
    if plan is None:
        return
    if case.settings is not None and case.settings.max_steps == 0 and case.trainer != "axolotl":
        message = f"max_steps: 0 makes one update, at rate {case.rate(0):.3g}"
        edits: tuple[Edit, ...] = (case.edit("max_steps", -1),)
        yield case.finding(NO_STEPS, message, "write -1 for the epochs", "max_steps", edits)
    elif case.rate(0) == 0 and plan.max_steps > 0:
        key = "warmup_steps" if case.get("warmup_steps") else "warmup_ratio"
        if not any(case.rate(step) for step in np.linspace(0, plan.max_steps - 1, 200, dtype=int).tolist()):
            message = f"all of the {plan.max_steps} updates have rate 0"
            remedy = f"set {case.key(key)}: 0" if plan.warmup_steps else "set learning_rate above 0"
            edits = (case.edit(key, 0),) if plan.warmup_steps else ()
            yield case.finding(ALL_AT_ZERO, message, remedy, key if plan.warmup_steps else "learning_rate", edits)
        elif plan.max_steps <= FEW_STEPS:
            share = 1 / plan.max_steps
            message = f"update 1 of {plan.max_steps} has rate 0: {share:.1%} of the data changes nothing"
            yield case.finding(FIRST_AT_ZERO, message, "a warmup of 0 starts at the peak", key)


CHECKS = (peak_rate, too_complex, warmup, at_zero)
