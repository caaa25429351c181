"""`lint`: what is wrong with a config, in numbers, and how to mend it."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from optax_lr.configs import ConfigError, Plan, RunConfig
from optax_lr.configs.draft import Draft, draft_of, drafts
from optax_lr.configs.plan import check_options
from optax_lr.findings import Edit, Finding, Rule, worst_first
from optax_lr.linting import curve_checks, key_checks, metric_checks, run_checks
from optax_lr.linting.case import Case, line_named, with_numbers
from optax_lr.linting.edits import applied, rewritten
from optax_lr.schedules import Schedule
from optax_lr.sources.errors import UnknownLengthError, UnreadableError
from optax_lr.trainers.recognise import Recognised
from optax_lr.trainers.schedules_of import BY_METRIC

RULES: Mapping[str, Rule] = {
    rule.code: rule for rule in (*key_checks.RULES, *run_checks.RULES, *curve_checks.RULES, *metric_checks.RULES)
}
_MOST_ROUNDS = 5
_Check = Callable[[Case], Iterator[Finding]]
_BEFORE_READING: tuple[_Check, ...] = (
    key_checks.foreign,
    key_checks.keywords,
    key_checks.bare_no,
    key_checks.old_names,
)
_OF_THE_RUN: tuple[_Check, ...] = (
    *(key_checks.ignored, key_checks.deepspeed, key_checks.warmups, key_checks.as_text),
    *(
        run_checks.rate,
        run_checks.too_complex,
        run_checks.warmup,
        run_checks.at_zero,
        curve_checks.shape,
        curve_checks.ends,
    ),
    *(metric_checks.plateau, metric_checks.patience, metric_checks.best_model, metric_checks.layerwise),
)
_OF_A_SCHEDULE: tuple[_Check, ...] = (run_checks.warmup, run_checks.at_zero, curve_checks.ends)


def lint(
    source: str | os.PathLike[str] | Mapping[str, Any] | Sequence[str] | RunConfig | Schedule,
    *,
    num_examples: int | None = None,
    world_size: int = 1,
    transformers_version: str | None = None,
    train_steps: int | None = None,
) -> tuple[Finding, ...]:
    """What is wrong with a config or a schedule: errors first, then warnings, then notes; empty if nothing is.

    Args:
        source: what `read_config` takes, a config that it gave, or a schedule. Of a file with several configs, all are
            looked at.
        num_examples, world_size, transformers_version: as `RunConfig.plan` takes them. Where the length of the run is not
            known, the checks that need it are left out, and a note (LR198) says so. A file's `max_samples` gives a length
            too.
        train_steps: optimizer steps that are really trained, where they are not `max_steps`: a horizon that is shorter
            or longer is then found.

    What a trainer would refuse is a finding (LR110 to LR112), not an exception, and the rest is looked at as if it were
    mended.

    Errors: `ConfigError` where there is no text of a config: a missing, binary or overlong file.

    >>> settings = {"learning_rate": 1e-3, "lr_scheduler_type": "cosine", "max_steps": 600, "warmup_steps": 500}
    >>> for finding in lint(settings):
    ...     print(finding)
    LR121 error: learning_rate 0.001 is 20 times the 5e-05 that is usual for fine-tuning; set learning_rate: 5.0e-05
    LR132 error: warmup is 83% of 600 steps; the decay has 100; set warmup_steps: 60, about 10 %
    """
    options: dict[str, Any] = {
        "num_examples": num_examples,
        "world_size": world_size,
        "transformers_version": transformers_version,
        "train_steps": train_steps,
    }
    check_options(**options)
    if isinstance(source, Schedule):
        return _of_schedule(source, train_steps)
    if isinstance(source, RunConfig):
        return tuple(worst_first(_of_config(source, options)))
    try:
        found = drafts(source)
    except UnreadableError:
        raise
    except ConfigError as error:
        if not isinstance(source, (str, os.PathLike)):
            raise
        name = os.fspath(source)
        line = re.search(r"in lines? (\d+)(?: and (\d+))?", str(error))
        message = str(error).removeprefix(f"{name}: ")
        return (Finding(key_checks.REFUSED, message, "", line=int(line[2] or line[1]) if line else None),)
    return tuple(worst_first([finding for draft in found for finding in lint_draft(draft, options)]))


def lint_draft(draft: Draft, options: Mapping[str, Any]) -> list[Finding]:
    """The findings in one config."""
    try:
        found = draft.recognised()
    except ConfigError as error:
        return [_refused(error, draft.name, draft.lines)]
    case = Case(None, None, with_numbers(draft.values), draft.lines, found)
    findings = [finding for check in _BEFORE_READING for finding in check(case)]
    unmended = any(not finding.edits for finding in findings if finding.severity == "error")
    try:
        config = _with(draft, [edit for finding in findings for edit in finding.edits]).config()
    except ConfigError as error:
        return findings if unmended else [*findings, _refused(error, draft.name, draft.lines)]
    return findings + _of_config(config, options)


class Mended(NamedTuple):
    """A draft with the remedies that its file can hold, the findings that are mended, and those that are left to a person."""

    draft: Draft
    done: list[Finding]
    by_hand: list[Finding]


def mend(draft: Draft, options: Mapping[str, Any]) -> Mended:
    """Make every remedy that a file can hold. One remedy may bring another finding: the result is looked at again.

    Raises:
        ConfigError: the file is of a form that is not changed: a script.
    """
    if draft.form not in ("yaml", "json"):
        raise ConfigError(f"{draft.name}: only YAML and JSON files are mended; change this one by hand")
    done: list[Finding] = []
    by_hand: list[Finding] = []
    for _ in range(_MOST_ROUNDS):
        changed: set[str] = set()
        by_hand = []  # one that fails may succeed beside the changes of the others
        for finding in lint_draft(draft, options):
            keys = {edit.key for edit in finding.edits}
            if not keys or keys & changed:
                continue
            try:
                is_json = draft.form == "json"
                text = rewritten(draft.text, finding.edits, is_json=is_json)
                made = draft_of(draft.name, text, is_json=is_json, folder=draft.folder)
            except ConfigError:
                by_hand.append(finding)
                continue
            if text == draft.text:  # about a key that only another remedy, left to a person, would bring
                continue
            draft = made
            changed |= keys
            done.append(finding)
        if not changed:
            break
    return Mended(draft, done, by_hand)


def _with(draft: Draft, edits: list[Edit]) -> Draft:
    """The draft with its edits; the lines stay those of the file."""
    if draft.form in ("yaml", "json") and edits:
        try:
            is_json = draft.form == "json"
            text = rewritten(draft.text, edits, is_json=is_json)
            made = draft_of(draft.name, text, is_json=is_json, folder=draft.folder)
            return dataclasses.replace(made, lines=draft.lines)
        except ConfigError:
            return dataclasses.replace(draft, values=applied(draft.values, edits), form="mapping")
    return dataclasses.replace(draft, values=applied(draft.values, edits))


def _refused(error: ConfigError, source: str, lines: Mapping[str, int]) -> Finding:
    message = str(error).removeprefix(f"{source}: ")
    if isinstance(error, UnknownLengthError):
        return Finding(run_checks.UNKNOWN_LENGTH, message, "")
    key, line = line_named(error, source, lines)
    return Finding(key_checks.REFUSED, message, "", key=key, line=line)


def _of_config(config: RunConfig, options: Mapping[str, Any]) -> list[Finding]:
    plan, length, refusal = _plan_of(config, options)
    case = Case(
        config.settings,
        plan,
        config.values,
        config.lines,
        Recognised(config.dialect, config.recognized_by, config.section),
        config,
        length=length,
        transformers_version=options["transformers_version"],
        train_steps=options["train_steps"],
    )
    case = dataclasses.replace(case, method=_method_of(case))
    findings = [finding for check in _OF_THE_RUN for finding in check(case)]
    return findings if refusal is None else [*findings, _refused(refusal, config.source, config.lines)]


def _plan_of(config: RunConfig, options: Mapping[str, Any]) -> tuple[Plan | None, int | None, ConfigError | None]:
    """The plan and its length, or why there is none; `max_samples` stands in for the number of examples."""
    settings = config.settings
    follows = settings.lr_scheduler_type in BY_METRIC and settings.scheduler_block is None
    if follows:  # it has no curve, and a length like any other
        steady = dataclasses.replace(settings, lr_scheduler_type="constant", lr_scheduler_kwargs={})
        config = dataclasses.replace(config, settings=steady)
    given = {key: options[key] for key in ("num_examples", "world_size", "transformers_version")}
    if given["num_examples"] is None and settings.max_samples is not None and not settings.streaming:
        given["num_examples"] = settings.max_samples * settings.num_datasets
    try:
        plan = config.plan(**given)
    except ConfigError as error:
        return None, None, error
    return (None if follows else plan), plan.max_steps, None


def _method_of(case: Case) -> str | None:
    """How the model is trained, where the config tells it."""
    kind, adapter = case.get("finetuning_type", "lora"), case.get("adapter")
    quantised = case.get("quantization_bit") or case.get("load_in_4bit") or case.get("load_in_8bit")
    match case.dialect:
        case "llamafactory" | "llamafactory-ui":
            if case.config is not None and "shares with transformers" in case.config.recognized_by:
                return None
            return kind if kind == "full" else ("qlora" if quantised else "lora") if kind == "lora" else None
        case "axolotl":
            return adapter if adapter in ("lora", "qlora") else "full" if adapter is None else None
        case "hf":
            if case.get("use_peft") or case.get("lora_r"):
                return "qlora" if quantised else "lora"
    return None


def _of_schedule(schedule: Schedule, train_steps: int | None) -> tuple[Finding, ...]:
    """What can be said of a schedule without a config."""
    if schedule.batch_shape:
        raise ConfigError(
            f"lint() looks at one schedule, not at a batch of shape {schedule.batch_shape}: take one of it"
        )
    end = schedule.end if schedule.end is not None else train_steps
    if end is None:
        return ()
    plan = Plan(schedule, int(end), int(getattr(schedule, "warmup_steps", 0)), None, None)
    case = Case(None, plan, train_steps=train_steps)
    return tuple(worst_first([finding for check in _OF_A_SCHEDULE for finding in check(case)]))
