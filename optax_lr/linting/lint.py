"""`lint`: what is wrong with a config, in numbers, and how to fix it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from optax_lr.configs import ConfigError, Plan, RunConfig
from optax_lr.configs.cells import notebook_configs
from optax_lr.configs.gather import sources_of
from optax_lr.configs.named_file import recognised
from optax_lr.configs.plan import LintFacts, check_options
from optax_lr.configs.private import matching, plain
from optax_lr.configs.read import read_recognised
from optax_lr.configs.stated import checked
from optax_lr.findings import Edit, Finding, Rule, rules_of, worst_first
from optax_lr.interop.transformers import BY_METRIC
from optax_lr.linting import curve_checks, key_checks, metric_checks, run_checks
from optax_lr.linting.case import Case, line_named, with_numbers
from optax_lr.linting.edits import applied, rewritten_document
from optax_lr.schedules import Schedule
from optax_lr.sources import notebook, python
from optax_lr.sources.documents import document_of
from optax_lr.sources.errors import UnknownLengthError, UnreadableError
from optax_lr.sources.python.edits import rewritten_script
from optax_lr.sources.source import Source
from optax_lr.trainers import Recognised, trainer_of

CHECK_FAILED = Rule.of(
    "LR199 note: a check that failed",
    "An error inside the linter. The other checks were completed.",
)
# A new file of checks is one name here.
_MODULES = (key_checks, run_checks, curve_checks, metric_checks)
RULES: Mapping[str, Rule] = rules_of(*_MODULES) | {CHECK_FAILED.code: CHECK_FAILED}
_FIXABLE = ("yaml", "json", "python", "notebook")
_MOST_ROUNDS = 5
_MOST_SECONDS = 5.0  # of CPU time for the changes of one file; each is checked by parsing the file
_Check = Callable[[Case], Iterator[Finding]]
_OF_THE_RUN: tuple[_Check, ...] = tuple(check for module in _MODULES for check in module.CHECKS)
_OF_A_SCHEDULE: tuple[_Check, ...] = (run_checks.warmup, run_checks.at_zero, curve_checks.ends, curve_checks.jumps)


def lint(
    source: str | os.PathLike[str] | Mapping[str, object] | Sequence[str] | RunConfig | Schedule,
    *,
    num_examples: int | None = None,
    world_size: int | None = None,
    transformers_version: str | None = None,
    train_steps: int | None = None,
    trainer: str | None = None,
    values: Mapping[str, object] | None = None,
) -> tuple[Finding, ...]:
    """Check a config or a schedule. The findings are sorted: errors, warnings, notes.

    Args:
        source: an argument or a result of `read_config`, or a schedule. All configs of a file are checked.
        num_examples: training examples. If the length of the run is unknown, the checks that need it are omitted, and a note
            (LR198) reports this. The `max_samples` of a file also determines a length.
        world_size: processes that train together; by default those of the file's launcher, or 1.
        transformers_version: version of transformers whose rules apply; by default the newest that the trainer supports.
        train_steps: optimizer steps of the training, if they are not `max_steps`; a schedule that is shorter or longer
            is reported.
        trainer: the trainer's name, if it cannot be recognised.
        values: values of keys that replace those of the file.

    A setting that a trainer would refuse is a finding (LR110 to LR112), not an exception; the rest is checked as if it
    were corrected.

    Returns:
        The findings, the worst first; none if there are no problems.

    Raises:
        ConfigError: for a file that is missing, binary or too long.

    >>> settings = {"learning_rate": 1e-3, "lr_scheduler_type": "cosine", "max_steps": 600, "warmup_steps": 500}
    >>> for finding in lint(settings | {"stage": "sft", "finetuning_type": "lora"}):
    ...     print(finding)
    LR121 error: learning_rate 0.001 is 10 times the 0.0001 that is usual for LoRA; set learning_rate: 0.0001
    LR132 error: warmup is 83% of 600 steps; the decay has 100; set warmup_steps: 60, about 10 %
    """
    options: LintFacts = {
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
        found = sources_of(source)
    except UnreadableError:
        raise
    except ConfigError as error:
        if not isinstance(source, (str, os.PathLike)):
            raise
        return (_refused(error, os.fspath(source), {}),)
    return tuple(worst_first([finding for one in found for finding in lint_source(one, options, trainer, values)]))


def lint_source(
    source: Source, options: LintFacts, trainer: str | None = None, values: Mapping[str, object] | None = None
) -> list[Finding]:
    """The findings in one config."""
    try:
        source, found = recognised(source, trainer)
    except ConfigError as error:
        return [_refused(error, source.name, source.lines, key_checks.NOT_RECOGNISED)]
    if source.copy is None:
        return _of_source(source, found, options, values)
    findings = _of_source(dataclasses.replace(source, copy=None), found, options, values)
    return _shown(source.named, findings, _of_source(source.copy, found, options, values))


def _of_source(
    source: Source, found: Recognised, options: LintFacts, values: Mapping[str, object] | None
) -> list[Finding]:
    """The findings in a config whose trainer is known."""
    try:
        source = checked(source, trainer_of(found.trainer), values or {}, found.section)
    except ConfigError as error:
        return [_refused(error, source.name, source.lines, key_checks.NOT_RECOGNISED)]
    case = Case(None, None, with_numbers(source.values), source.lines, found)
    findings = [finding for check in key_checks.BEFORE_READING for finding in _guarded(check, case)]
    unfixed = any(not finding.edits for finding in findings if finding.severity == "error")
    try:
        config = read_recognised(_with(source, [edit for finding in findings for edit in finding.edits]), found)
    except ConfigError as error:
        return findings if unfixed else [*findings, _refused(error, source.name, source.lines)]
    return findings + _of_config(config, options)


def _shown(name: str, findings: Sequence[Finding], others: Sequence[Finding]) -> list[Finding]:
    """Findings about the file `name`, which another one names, as a copy without its texts gives them."""
    kept: list[Finding] = []
    for finding in findings:
        alike = {other.text: other for other in others if other.rule == finding.rule}
        found = matching(finding.text, alike)
        if found is None:
            kept.append(Finding(finding.rule, f"the message would quote {name}; check that file itself", ""))
        else:
            other = alike[found]
            message, remedy = plain(other.message), plain(other.remedy)
            kept.append(dataclasses.replace(other, message=message, remedy=remedy, line=finding.line, edits=()))
    return kept


def _guarded(check: _Check, case: Case) -> Iterator[Finding]:
    """The findings of a check; a failure of the check itself becomes one."""
    try:
        yield from check(case)
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError, IndexError) as error:
        text = str(error).splitlines()[0][:200] if str(error) else ""
        message = f"the check {check.__name__} failed: {type(error).__name__}: {text}"
        yield Finding(CHECK_FAILED, message, "please report it")


class Fixed(NamedTuple):
    """A source with the remedies that its file can hold, the findings that are fixed, and those that are left to a person."""

    source: Source
    done: list[Finding]
    by_hand: list[Finding]


def apply_fixes(source: Source, options: LintFacts, trainer: str | None = None) -> Fixed:
    """Make every remedy that a file can hold. One remedy may bring another finding, so the result is checked again.

    Raises:
        ConfigError: the file is of a form that is not changed: a shell script, TOML, or a model card.
    """
    if source.form not in _FIXABLE:
        raise ConfigError(
            f"{source.name}: only YAML, JSON, Python files and notebooks are fixed; change this one by hand"
        )
    done: list[Finding] = []
    by_hand: list[Finding] = []
    until = time.thread_time() + _MOST_SECONDS
    for _ in range(_MOST_ROUNDS):
        changed: set[str] = set()
        by_hand = []  # one that fails may succeed with the changes of the others
        for finding in lint_source(source, options, trainer):
            keys = {edit.key for edit in finding.edits}
            if not keys or keys & changed:
                continue
            try:
                made = _rewritten(source, list(finding.edits)) if time.thread_time() <= until else None
            except ConfigError:
                made = None
            if made is None:
                by_hand.append(finding)
                continue
            if made.text == source.text:  # about a key that only another remedy, left to a person, would bring
                continue
            source = made
            changed |= keys
            done.append(finding)
        if not changed:
            break
    return Fixed(source, done, by_hand)


def _rewritten(source: Source, edits: list[Edit]) -> Source:
    """The source with its text changed."""
    if source.form == "python":
        text = rewritten_script(source.name, source.text, edits)
        return python.script_sources(source.name, text, source.folder)[0]
    if source.form == "notebook":
        text = notebook.rewritten_notebook(source.name, source.text, edits)
        return notebook_configs(source.name, text, source.folder or Path())[0]
    text = rewritten_document(source.text, edits, is_json=source.form == "json")
    return document_of(source.name, text, form=source.form, folder=source.folder)


def _with(source: Source, edits: list[Edit]) -> Source:
    """The source with its edits; the lines stay those of the file."""
    if source.form in ("yaml", "json") and source.text and edits:
        try:
            return dataclasses.replace(_rewritten(source, edits), lines=source.lines)
        except ConfigError:
            return dataclasses.replace(source, values=applied(source.values, edits), form="mapping")
    return dataclasses.replace(source, values=applied(source.values, edits))


def _refused(error: ConfigError, source: str, lines: Mapping[str, int], rule: Rule = key_checks.REFUSED) -> Finding:
    message = str(error).removeprefix(f"{source}: ")
    if isinstance(error, UnknownLengthError):
        return Finding(run_checks.UNKNOWN_LENGTH, message, "")
    key, line = line_named(error, source, lines)
    if stated := re.search(r"in lines? (?:\d+ and )?(\d+)", message):
        line = int(stated[1])
    return Finding(rule, message, "", key=key, line=line)


def _of_config(config: RunConfig, options: LintFacts) -> list[Finding]:
    if config.copy is not None:
        findings = _of_config(dataclasses.replace(config, copy=None), options)
        return _shown(config.named, findings, _of_config(config.copy, options))
    with contextlib.suppress(UnknownLengthError):  # which the plan reports
        config = config.resolved(options["num_examples"])
    plan, length, refusal = _plan_of(config, options)
    found = Recognised(config.trainer, config.recognized_by, config.section)
    version, trained = options["transformers_version"] or config.version or None, options["train_steps"]
    case = Case(config.settings, plan, config.values, config.lines, found, config, version, trained, length=length)
    case = dataclasses.replace(case, method=_method_of(case))
    findings = [finding for check in _OF_THE_RUN for finding in _guarded(check, case)]
    return findings if refusal is None else [*findings, _refused(refusal, config.source, config.lines)]


def _plan_of(config: RunConfig, options: LintFacts) -> tuple[Plan | None, int | None, ConfigError | None]:
    """The plan and its length, or why there is none; `max_samples` replaces an unknown number of examples."""
    settings = config.settings
    follows = settings.lr_scheduler_type in BY_METRIC and settings.scheduler_block is None
    if follows:  # it has no curve, and a length like any other
        steady = dataclasses.replace(settings, lr_scheduler_type="constant", lr_scheduler_kwargs={})
        config = dataclasses.replace(config, settings=steady)
    number = options["num_examples"]
    if number is None and settings.max_samples is not None and not settings.streaming:
        number = settings.max_samples * settings.num_datasets
    size, version = options["world_size"], options["transformers_version"]
    try:
        plan = config.plan(num_examples=number, world_size=size, transformers_version=version)
    except ConfigError as error:
        return None, None, error
    return (None if follows else plan), plan.max_steps, None


def _method_of(case: Case) -> str | None:
    """The training method, if the config states it."""
    match case.trainer:
        case "axolotl":
            adapter = case.get("adapter", "full")
            return adapter if adapter in ("lora", "qlora", "full") else None
        case "llamafactory" | "llamafactory-ui":
            kind = case.get("finetuning_type", "lora")
        case "swift":
            kind = case.get("tuner_type", case.get("train_type", "lora"))
        case "hf" | "trl":
            kind = "lora" if case.get("use_peft") or case.get("lora_r") else None
        case _:
            return None
    if kind == "lora" and any(map(case.get, ("quantization_bit", "load_in_4bit", "load_in_8bit"))):
        return "qlora"
    return kind if kind in ("lora", "full") else None


def _of_schedule(schedule: Schedule, train_steps: int | None) -> tuple[Finding, ...]:
    """The findings about a schedule without a config."""
    if schedule.batch_shape:
        raise ConfigError(
            f"lint() checks one schedule, not a batch of shape {schedule.batch_shape}: pass one of its rows"
        )
    end = schedule.end if schedule.end is not None else train_steps
    if end is None:
        return ()
    plan = Plan(schedule, int(end), int(getattr(schedule, "warmup_steps", 0)), None, None)
    case = Case(None, plan, train_steps=train_steps)
    return tuple(worst_first([finding for check in _OF_A_SCHEDULE for finding in check(case)]))
