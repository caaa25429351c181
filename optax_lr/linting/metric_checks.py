"""Checks of schedules that follow a metric, and of what else hangs on evaluations."""

from __future__ import annotations

from collections.abc import Iterator

from optax_lr.findings import Finding, Rule
from optax_lr.interop.transformers import BY_METRIC
from optax_lr.linting.case import KWARGS, Case

NO_EVALUATION = Rule.of(
    "LR151 error: a plateau without an evaluation",
    "`reduce_lr_on_plateau` and `greedy` change the rate at each evaluation. Without `eval_strategy` transformers refuses "
    "them.",
)
PATIENCE = Rule.of(
    "LR152 warning: a patience longer than the run",
    "`patience` and `early_stopping_steps` count evaluations, not steps or epochs; the default of `patience` is 10.",
)
WRONG_WAY = Rule.of(
    "LR153 warning: a metric that rises, watched as one that falls",
    "transformers does not pass `greater_is_better` to the plateau: without `mode: max` the rate falls while the metric "
    "improves.",
)
GREEDY_FLOOR = Rule.of(
    "LR154 warning: greedy above the rate",
    "The default `min_lr` of `greedy` is 1e-3, above the rates of fine-tuning, so `greedy` can only raise the rate.",
)
BEST_MODEL = Rule.of(
    "LR155 error: a best model that cannot be loaded",
    "`load_best_model_at_end`, which early stopping needs, requires a checkpoint at each evaluation: the same strategy, "
    "and a `save_steps` that is a multiple of `eval_steps`. transformers refuses anything else.",
)
LAYERWISE = Rule.of(
    "LR161 warning: a schedule that layer-wise optimizers do not see",
    "With layer-wise GaLore or APOLLO each parameter has its own schedule. Since transformers 5.1 these schedules are not "
    "created: the rate stays constant, while the log shows the decay.",
)
PLATEAU_WARMUP = Rule.of(
    "LR156 warning: a warmup with a plateau",
    "`reduce_lr_on_plateau` starts at the full rate, even if `warmup_steps` is given.",
)

_OFF = (None, False, "no")


def plateau(case: Case) -> Iterator[Finding]:
    """`reduce_lr_on_plateau` and `greedy`."""
    if case.kind not in BY_METRIC or case.settings is None:
        return
    if _eval_strategy(case) in _OFF:
        changes = {"eval_strategy": "steps", "eval_steps": case.get("eval_steps", 500)}
        message = f"{case.kind} follows an evaluation, and there is none: transformers refuses it"
        yield case.finding(NO_EVALUATION, message, "lr_scheduler_type", "set eval_strategy: steps", changes)
    key = "warmup_steps" if case.get("warmup_steps") else "warmup_ratio"
    if case.kind == "reduce_lr_on_plateau" and case.get(key):
        message = f"{key} has no effect with reduce_lr_on_plateau"
        yield case.finding(PLATEAU_WARMUP, message, key, changes={key: None})
    rising = case.get("greater_is_better")
    metric = str(case.get("metric_for_best_model", "loss"))
    rising = (not metric.endswith("loss")) if rising is None else rising
    if rising is True and case.keywords.get("mode", "min") == "min":
        message = f"{metric} is better when it is greater, and the rate is cut when it does not fall"
        yield case.finding(WRONG_WAY, message, "metric_for_best_model", changes={f"{KWARGS}.mode": "max"})
    floor = case.keywords.get("min_lr", 1e-3)
    if case.kind == "greedy" and isinstance(floor, (int, float)) and floor > case.settings.learning_rate:
        tenth = float(f"{0.1 * case.settings.learning_rate:.3g}")
        message = f"the min_lr {floor:g} of greedy is above learning_rate {case.settings.learning_rate:g}"
        yield case.finding(GREEDY_FLOOR, message, "lr_scheduler_type", changes={f"{KWARGS}.min_lr": tenth})


def _eval_strategy(case: Case) -> object:
    return case.get("eval_strategy", case.get("evaluation_strategy"))


def patience(case: Case) -> Iterator[Finding]:
    """Patience against the number of evaluations of the run."""
    there = evaluations(case)
    if there is None:
        return
    waits = {name: case.get(name) for name in ("early_stopping_steps", "early_stopping_patience")}
    if case.kind in BY_METRIC:
        waits = {f"{KWARGS}.patience": case.keywords.get("patience", 10), **waits}
    for name, value in waits.items():
        if isinstance(value, int) and value >= there:
            then = "the rate is never cut" if name.startswith(KWARGS) else "training never stops early"
            message = f"patience {value} counts evaluations, and the run has {there}: {then}"
            yield case.finding(PATIENCE, message, name, changes={name: max(1, there // 4)})


def evaluations(case: Case) -> int | None:
    """How many evaluations the run has; None where that is not known."""
    strategy = _eval_strategy(case)
    length = case.train_steps or case.length
    if strategy == "steps" and length:
        every = case.get("eval_steps", case.get("logging_steps", 500))
        if not isinstance(every, (int, float)) or isinstance(every, bool) or every <= 0:
            return None
        return int(length // every) if every >= 1 else int(1 // every)
    if strategy == "epoch" and case.settings is not None and case.settings.max_steps <= 0:
        return int(case.settings.num_train_epochs)
    return None


def best_model(case: Case) -> Iterator[Finding]:
    """Whether the best model can be loaded at the end."""
    if case.get("load_best_model_at_end") is not True:
        return
    strategies = _eval_strategy(case), case.get("save_strategy", "steps")
    evaluated, saved = ("no" if strategy in _OFF else strategy for strategy in strategies)
    if saved not in (evaluated, "best"):
        message = f"load_best_model_at_end with eval_strategy {evaluated} and save_strategy {saved} is refused"
        changes = {"save_strategy": evaluated} if evaluated != "no" else {"eval_strategy": saved}
        yield case.finding(BEST_MODEL, message, "load_best_model_at_end", changes=changes)
    elif evaluated == "steps":
        each, kept = case.get("eval_steps", case.get("logging_steps", 500)), case.get("save_steps", 500)
        if isinstance(each, int) and isinstance(kept, int) and each > 0 and kept % each:
            message = f"save_steps {kept} is not a multiple of eval_steps {each}, and load_best_model_at_end is refused"
            more = each * max(1, round(kept / each))
            yield case.finding(BEST_MODEL, message, "save_steps", changes={"save_steps": more})


def layerwise(case: Case) -> Iterator[Finding]:
    """GaLore and APOLLO, layer by layer."""
    for name in ("galore", "apollo"):
        if case.get(f"use_{name}") and case.get(f"{name}_layerwise") and case.version >= (5, 1):
            message = f"layer-wise {name} keeps each parameter at the peak in transformers {case.version[0]}.{case.version[1]}"
            yield case.finding(LAYERWISE, message, f"{name}_layerwise", changes={f"{name}_layerwise": False})


CHECKS = (plateau, patience, best_model, layerwise)
