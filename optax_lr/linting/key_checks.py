"""Checks of the keys in the file: refused, moved or ignored ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

from optax_lr.configs.plan import world_size_of
from optax_lr.findings import Edit, Finding, Rule
from optax_lr.linting.case import FAMILY, KWARGS, Case
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.parsing import scalar
from optax_lr.trainers import trainer_of
from optax_lr.trainers.known import last_version
from optax_lr.trainers.settings import number_of
from optax_lr.trainers.training_arguments import foreign_keys, kwargs_of_text
from optax_lr.trainers.transformers import KEYWORDS, RATIO_GONE, version_of

NOT_RECOGNISED = Rule.of(
    "LR101 error: no trainer is certain",
    "A plan is made only for a config whose trainer is certain, and whose keys that trainer has.",
)
CUT_OFF = Rule.of(
    "LR102 error: options that are cut off from their command",
    "In a shell, a comment ends only with its line, the backslash included, and a backslash followed by a space continues "
    "no line. The shell runs the options below as a command of their own, and the training starts without them.",
)
NOT_STATED = Rule.of(
    "LR103 note: what the plan rests on",
    "Values that the file does not state, each with the owner of the default, and the number of processes with its "
    "origin.",
)
UNKNOWN_KEYS = Rule.of(
    "LR104 note: keys that are not known",
    "They do not look like settings of the curve, so they are assumed to belong to the program. Unknown keys that do look "
    "like such settings are refused.",
)
ASSUMED = Rule.of("LR105 note: an assumption", "The plan depends on something that the file does not state.")
REFUSED = Rule.of(
    "LR110 error: the config is refused",
    "The file cannot be parsed, or the trainer would stop at this value before the first step.",
)
FOREIGN = Rule.of(
    "LR111 error: a key that the trainer does not know here",
    "LLaMA-Factory and transformers accept no key that they do not know: the settings of a schedule are under "
    "`lr_scheduler_kwargs`, not at the top level, and other trainers' names are refused.",
)
KEYWORD = Rule.of(
    "LR112 error: a keyword that the schedule does not take",
    "Each schedule has its own keywords in `lr_scheduler_kwargs`; any other keyword stops the trainer with a TypeError. "
    "torch's `eta_min` is `min_lr` of `cosine_with_min_lr`.",
)
IGNORED = Rule.of(
    "LR113 note: a key that changes nothing", "The trainer reads it and never uses it, because another key decides."
)
NO_WARMUP = Rule.of(
    "LR114 warning: a warmup that does not happen",
    "In transformers `constant` has no warmup, even if `warmup_steps` is given; `constant_with_warmup` has one.",
)
TWO_WARMUPS = Rule.of(
    "LR115 warning: two lengths of the warmup",
    "If both `warmup_steps` and `warmup_ratio` are given, transformers 4 uses the steps, and transformers 5 the ratio.",
)
OLD_KEY = Rule.of(
    "LR116 warning: a key of an older version",
    "transformers 5.15 removed `warmup_ratio` (since 5.0 a `warmup_steps` below 1 is a ratio), and 4.57 or an earlier "
    "version removed `evaluation_strategy`: the trainer stops with a TypeError.",
)
OVERRIDDEN = Rule.of(
    "LR117 warning: DeepSpeed's scheduler runs instead",
    "A `scheduler` block in the DeepSpeed config replaces `lr_scheduler_type` without a message.",
)
AS_TEXT = Rule.of(
    "LR118 note: a number that is text",
    "`1e-4` without a point is text in YAML 1.1, and so is any number in quotes; this trainer's parser converts it, and "
    "another tool that reads the file may compare text with numbers.",
)
BARE_NO = Rule.of(
    "LR119 error: `no` without quotes", "YAML reads a bare `no` as false, and transformers refuses false as a strategy."
)

# What people write for a floor, as a rate and as a share of the peak; and for the rest.
_FLOORS = ("min_lr", "lr_end", "eta_min", "lr_min", "min_learning_rate", "final_lr", "end_lr")
_SHARES = ("min_lr_rate", "min_lr_ratio")
_SYNONYMS = {
    "decay_steps": "num_decay_steps",
    "stable_steps": "num_stable_steps",
    "cycles": "num_cycles",
    "n_cycles": "num_cycles",
}


def foreign(case: Case) -> Iterator[Finding]:
    """Keys that would be refused; checked before the config is read."""
    if case.trainer not in FAMILY:
        return
    whose = trainer_of(case.trainer).title
    for key, message, moved in foreign_keys(case.own, whose, case.recognised.place):
        changes: dict[str, object] = {}
        text, remedy = message.split("; ", 1)
        floor = {"cosine_min_lr_ratio": "min_lr_rate", "min_lr": "min_lr", "min_lr_rate": "min_lr_rate"}.get(key)
        plain = floor is not None and case.get("lr_scheduler_type") == "cosine"
        moved = f"{KWARGS}.{floor}" if plain else moved
        if moved is not None and case.get(moved) is None:
            changes = {key: None, moved: case.own[key]}
            if plain:  # which takes no floor
                changes["lr_scheduler_type"] = "cosine_with_min_lr"
                remedy = f"write lr_scheduler_type: cosine_with_min_lr with {KWARGS}: {{{floor}: {case.own[key]}}}"
        elif moved is not None:
            changes = {key: None}
            remedy = f"{moved} is given too: take {key} out"
        yield case.finding(FOREIGN, text, key, remedy, changes)


def keywords(case: Case) -> Iterator[Finding]:
    """Names in `lr_scheduler_kwargs` that the schedule's function does not take."""
    kwargs, kind = case.get(KWARGS), case.get("lr_scheduler_type", "linear")
    if isinstance(kwargs, str):
        try:
            kwargs = kwargs_of_text("", kwargs)
        except ConfigError:
            return
    taken = KEYWORDS.get(kind) if isinstance(kind, str) else None
    if not isinstance(kwargs, dict) or taken is None or kind in ("constant", "constant_with_warmup"):
        return
    for key, value in kwargs.items():
        if key in taken:
            continue
        changes: dict[str, object] = {}
        name, meant = _meant(case, kind, taken, key, value)
        if name is None or name in kwargs.keys() - {key}:
            remedy = f"it takes {', '.join(sorted(taken))}" if taken else "it takes none: take it out"
            changes = {} if taken else {f"{KWARGS}.{key}": None}
        else:
            remedy = f"write {name}: {scalar(meant)}"
            changes = {} if name == key else {f"{KWARGS}.{key}": None, f"{KWARGS}.{name}": meant}
            if name not in taken:
                remedy = f"set lr_scheduler_type: cosine_with_min_lr and {remedy}"
                changes["lr_scheduler_type"] = "cosine_with_min_lr"
        message = f"{kind} takes no {key}, and the trainer stops with a TypeError"
        yield case.finding(KEYWORD, message, f"{KWARGS}.{key}", remedy, changes)


def _meant(case: Case, kind: str, taken: frozenset[str], key: str, value: object) -> tuple[str | None, object]:
    """The keyword, and its value, that says what `key` was to say; None where none does."""
    rate = case.get("learning_rate", 5e-5)
    if key in _SYNONYMS and _SYNONYMS[key] in taken:
        return _SYNONYMS[key], value
    if key not in _FLOORS + _SHARES or not isinstance(value, (int, float)) or not isinstance(rate, (int, float)):
        return None, None
    share = key in _SHARES
    for name in _SHARES if share else ("lr_end", "min_lr"):
        if name in taken:
            return name, value
    if kind == "cosine":
        return ("min_lr_rate" if share else "min_lr"), value
    if "lr_end" in taken:
        return "lr_end", value * rate
    return ("min_lr_ratio", value / rate) if "min_lr_ratio" in taken and rate else (None, None)


def bare_no(case: Case) -> Iterator[Finding]:
    """A strategy that YAML turned into false."""
    for key in ("eval_strategy", "save_strategy", "logging_strategy"):
        if case.own.get(key) is False:
            yield case.finding(BARE_NO, f"{key}: false is not a strategy", key, f'write {key}: "no"', {key: "no"})


def old_names(case: Case) -> Iterator[Finding]:
    """`evaluation_strategy`, which is `eval_strategy` now."""
    key = "evaluation_strategy"
    if case.get(key) is None:
        return
    last = last_version("transformers", "TrainingArguments", key)
    message = f"{key} is refused by newer transformers: {last} takes it, 4.57 does not"
    if case.get("eval_strategy") is not None:
        remedy, changes = "take it out: eval_strategy is given too", {key: None}
    else:
        remedy, changes = "its name is eval_strategy", {key: None, "eval_strategy": case.get(key)}
    yield case.finding(OLD_KEY, message, key, remedy, changes)


def ignored(case: Case) -> Iterator[Finding]:
    """Ignored keys."""
    assert case.config is not None
    for place, why in case.config.ignored:
        name = place.rpartition(".")[2]
        if "DeepSpeed's scheduler" in why:
            continue  # `deepspeed` says it
        if "cuts it off" in why:
            yield Finding(CUT_OFF, why, "put the comment above the command", None, None)
        elif name in ("warmup_steps", "warmup_ratio") and case.kind == "constant":
            message = f"{name} {case.get(name)} changes nothing: constant starts at the full rate"
            yield case.finding(NO_WARMUP, message, name, changes={"lr_scheduler_type": "constant_with_warmup"})
        else:
            message = f"{name} changes nothing: {why}"
            yield Finding(IGNORED, message, "take it out", place, case.lines.get(place), (Edit(place, None),))


def deepspeed_block(case: Case) -> Iterator[Finding]:
    """A scheduler block of DeepSpeed in addition to the trainer's own settings."""
    block = case.settings.scheduler_block if case.settings is not None else None
    if block is None or case.trainer == "deepspeed":
        return
    asked = case.get("lr_scheduler_type")
    named = f"lr_scheduler_type {asked}" if asked else "the trainer's linear decay"
    flat = {"WarmupLR": "; it never falls", "LRRangeTest": "; it only rises"}.get(block.type, "")
    message = f"DeepSpeed's {block.type} runs instead of {named}{flat}"
    yield case.finding(OVERRIDDEN, message, "deepspeed", "take the scheduler block out of the DeepSpeed config")


def warmups(case: Case) -> Iterator[Finding]:
    """`warmup_ratio` with `warmup_steps`, or in a version without that key."""
    settings = case.settings
    if settings is None or case.trainer not in ("llamafactory", "llamafactory-ui", "hf", "trl"):
        return
    ratio, steps = settings.warmup_ratio, settings.warmup_steps
    if ratio is None:
        return
    trainer = trainer_of(settings.trainer)
    length = case.plan.max_steps if case.plan is not None else 1000
    if steps and ratio:
        whole = steps == int(steps) and 0 <= ratio <= 1
        four = int(trainer.warmup_steps(settings, length, "4.57.0")) if whole else None
        five = int(trainer.warmup_steps(settings, length, "5.8.0"))
        if four != five:
            what = f"of {length} steps, {four} in transformers 4 and {five} in 5" if whole else "one of them is refused"
            message = f"warmup_steps {steps:g} and warmup_ratio {ratio:g} are both given: {what}"
            remedy = f"keep one, such as warmup_steps: {steps:g}"
            yield case.finding(TWO_WARMUPS, message, "warmup_ratio", remedy, {"warmup_ratio": None})
            return
    if case.version >= RATIO_GONE:
        refused = case.transformers_version is not None or _installed() >= RATIO_GONE
        rule = OLD_KEY if refused else OLD_KEY._replace(severity="note")
        message = "warmup_ratio is refused by transformers from 5.15 on"
        remedy = f"write warmup_steps: {ratio:g}, which below 1 is a ratio"
        changes = {} if steps else {"warmup_ratio": None, "warmup_steps": ratio}
        yield case.finding(rule, message, "warmup_ratio", remedy, changes)


def numbers_as_text(case: Case) -> Iterator[Finding]:
    """Numbers that are text in the file."""
    assert case.config is not None
    for note in case.config.notes:
        found = re.match(r"(\w+): the text '(.+)' is taken as a number", note)
        if found:
            key, text = found.groups()
            number, remedy = number_of(text)
            why = "in quotes" if "quotes away" in remedy else "in YAML 1.1"
            yield case.finding(AS_TEXT, f"{key}: {text} is text {why}", key, remedy, {key: number})


def _installed() -> tuple[int, int]:
    """The version of transformers that is installed; (0, 0) for none."""
    import importlib.metadata

    try:
        return version_of(importlib.metadata.version("transformers"))
    except (importlib.metadata.PackageNotFoundError, ConfigError):
        return 0, 0


def undeclared_keys(case: Case) -> Iterator[Finding]:
    """Keys that the trainer is not known to have."""
    config = case.config
    if config is None or not config.unknown:
        return
    trainer = trainer_of(config.trainer)
    once, others = trainer.former(), [key for key in config.unknown if key not in config.refused]
    groups = (
        (FOREIGN, config.refused, "not {key} of {title}, which refuses {it}"),
        (UNKNOWN_KEYS, [key for key in others if key in once], "{key} of older versions of {title} alone"),
        (UNKNOWN_KEYS, [key for key in others if key not in once], "not {key} of {title} that {verb} known"),
    )
    for rule, keys, what in groups:
        if not keys:
            continue
        shown = ", ".join(" ".join(key.split()) for key in keys[:6])
        more = f" and {len(keys) - 6} more" if len(keys) > 6 else ""
        verb, word, it = ("are", "keys", "them") if len(keys) > 1 else ("is", "a key", "it")
        message = f"{shown}{more} {verb} {what.format(key=word, title=trainer.title, it=it, verb=verb)}"
        yield Finding(rule, message, "check the spelling", keys[0], case.lines.get(keys[0]))


def assumed(case: Case) -> Iterator[Finding]:
    """The assumptions of the plan: defaults, the number of processes, and the reader's notes."""
    config = case.config
    if config is None:
        return
    parts = [f"{default.key} {_value_text(default.value)} ({default.whose})" for default in config.defaults]
    if case.plan is None:
        count, origin, _ = world_size_of(None, config.processes)
    else:
        count, origin = case.plan.world_size, case.plan.world_size_from
    if config.settings.max_steps <= 0 and origin != "given":
        parts.append(f"{count} process{'es' * (count != 1)} ({origin})")
    if parts:
        yield Finding(NOT_STATED, f"the plan rests on {', '.join(parts)}", "")
    for note in config.notes:
        if "is taken as a number" not in note:
            yield Finding(ASSUMED, note, "")


def _value_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "of the trainer" if value is None else str(value)


BEFORE_READING = (foreign, keywords, bare_no, old_names)
CHECKS = (ignored, deepspeed_block, warmups, numbers_as_text, undeclared_keys, assumed)
