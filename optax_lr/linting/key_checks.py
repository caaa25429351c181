"""Checks of the keys in the file: refused, moved or ignored ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

from optax_lr.configs.plan import world_size_of
from optax_lr.findings import Edit, Finding, Rule
from optax_lr.linting.case import FAMILY, Case
from optax_lr.linting.edits import scalar
from optax_lr.sources.errors import ConfigError
from optax_lr.trainers import trainer_of
from optax_lr.trainers.known import last_version
from optax_lr.trainers.training_arguments import foreign_keys, kwargs_of_text
from optax_lr.trainers.transformers import KEYWORDS, RATIO_GONE, version_of

NOT_RECOGNISED = Rule(
    "LR101",
    "no trainer is certain",
    "error",
    "A plan is made only for a config whose trainer is certain, and whose keys that trainer has.",
)
CUT_OFF = Rule(
    "LR102",
    "options that are cut off from their command",
    "error",
    "In a shell a comment takes the backslash at its end with it, and a space behind a backslash ends the command: the options "
    "below are run as a command of their own, and the training starts without them.",
)
NOT_STATED = Rule(
    "LR103",
    "what the plan rests on",
    "note",
    "Values that the file does not state, each with whose default it is, and the number of processes with its origin.",
)
UNKNOWN_KEYS = Rule(
    "LR104",
    "keys that are not known",
    "note",
    "They do not look like settings of the curve, and are taken for the program's own. Keys that do are refused.",
)
ASSUMED = Rule(
    "LR105",
    "an assumption",
    "note",
    "The plan rests on something that the file does not say.",
)
REFUSED = Rule(
    "LR110",
    "the config is refused",
    "error",
    "The file cannot be parsed, or the trainer would stop at this value before the first step.",
)
FOREIGN = Rule(
    "LR111",
    "a key that the trainer does not know here",
    "error",
    "LLaMA-Factory and transformers take no key that they do not know: those of a schedule are under "
    "`lr_scheduler_kwargs`, not at the top level, and other trainers' names are refused.",
)
KEYWORD = Rule(
    "LR112",
    "a keyword that the schedule does not take",
    "error",
    "Each schedule has its own keywords in `lr_scheduler_kwargs`; any other stops the trainer with a TypeError. torch's "
    "`eta_min` is `min_lr` of `cosine_with_min_lr`.",
)
IGNORED = Rule(
    "LR113",
    "a key that changes nothing",
    "note",
    "The trainer reads it and never uses it, because another one decides.",
)
NO_WARMUP = Rule(
    "LR114",
    "a warmup that does not happen",
    "warning",
    "`constant` has no warmup in transformers, whatever `warmup_steps` says; `constant_with_warmup` has.",
)
TWO_WARMUPS = Rule(
    "LR115",
    "two lengths of the warmup",
    "warning",
    "With `warmup_steps` and `warmup_ratio` both given, transformers 4 takes the steps, and 5 the ratio.",
)
OLD_KEY = Rule(
    "LR116",
    "a key of an older version",
    "warning",
    "`warmup_ratio` is gone from transformers 5.15 on (a `warmup_steps` below 1 is a ratio since 5.0), and "
    "`evaluation_strategy` from 4.57 on at the latest: the trainer stops with a TypeError.",
)
OVERRIDDEN = Rule(
    "LR117",
    "DeepSpeed's scheduler runs instead",
    "warning",
    "A `scheduler` block in the DeepSpeed config replaces `lr_scheduler_type` without a word.",
)
AS_TEXT = Rule(
    "LR118",
    "a number that is text",
    "note",
    "`1e-4` without a point is text in YAML 1.1; this trainer's parser converts it, and another tool that reads the file "
    "may compare text with numbers.",
)
BARE_NO = Rule(
    "LR119",
    "`no` without quotes",
    "error",
    "YAML reads a bare `no` as false, and transformers refuses false as a strategy.",
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
    for key, message, moved in foreign_keys(case.own, whose, case.place):
        edits: tuple[Edit, ...] = ()
        text, remedy = message.split("; ", 1)
        floor = {"cosine_min_lr_ratio": "min_lr_rate", "min_lr": "min_lr", "min_lr_rate": "min_lr_rate"}.get(key)
        plain = floor is not None and case.get("lr_scheduler_type") == "cosine"
        moved = f"lr_scheduler_kwargs.{floor}" if plain else moved
        if moved is not None and case.get(moved) is None:
            edits = (case.edit(key, None), Edit(case.key(moved), case.own[key]))
            if plain:  # which takes no floor
                edits += (case.edit("lr_scheduler_type", "cosine_with_min_lr"),)
                remedy = f"write lr_scheduler_type: cosine_with_min_lr with lr_scheduler_kwargs: {{{floor}: {case.own[key]}}}"
        elif moved is not None:
            edits = (case.edit(key, None),)
            remedy = f"{moved} is given too: take {key} out"
        yield case.finding(FOREIGN, text, remedy, key, edits)


def keywords(case: Case) -> Iterator[Finding]:
    """Names in `lr_scheduler_kwargs` that the schedule's function does not take."""
    kwargs, kind = case.get("lr_scheduler_kwargs"), case.get("lr_scheduler_type", "linear")
    if isinstance(kwargs, str):
        try:
            kwargs = kwargs_of_text("", kwargs)
        except ConfigError:
            return
    taken = KEYWORDS.get(kind) if isinstance(kind, str) else None
    if not isinstance(kwargs, dict) or taken is None or kind in ("constant", "constant_with_warmup"):
        return
    place = case.key("lr_scheduler_kwargs")
    for key, value in kwargs.items():
        if key in taken:
            continue
        change = _meant(case, kind, taken, key, value)
        if change is None or change[0] in kwargs:
            remedy = f"it takes {', '.join(sorted(taken))}" if taken else "it takes none: take it out"
            edits: tuple[Edit, ...] = () if taken else (Edit(f"{place}.{key}", None),)
        else:
            name, meant = change
            remedy = f"write {name}: {scalar(meant)}"
            edits = (Edit(f"{place}.{key}", None), Edit(f"{place}.{name}", meant))
            if name not in taken:
                remedy = f"set lr_scheduler_type: cosine_with_min_lr and {remedy}"
                edits += (case.edit("lr_scheduler_type", "cosine_with_min_lr"),)
                edits = edits[2:] if name == key else edits
        message = f"{kind} takes no {key}, and the trainer stops with a TypeError"
        yield case.finding(KEYWORD, message, remedy, f"lr_scheduler_kwargs.{key}", edits)


def _meant(case: Case, kind: str, taken: frozenset[str], key: str, value: object) -> tuple[str, object] | None:
    """The keyword, and its value, that says what `key` was to say."""
    rate = case.get("learning_rate", 5e-5)
    if key in _SYNONYMS and _SYNONYMS[key] in taken:
        return _SYNONYMS[key], value
    if key not in _FLOORS + _SHARES or not isinstance(value, (int, float)) or not isinstance(rate, (int, float)):
        return None
    share = key in _SHARES
    for name in ("lr_end", "min_lr") if not share else _SHARES:
        if name in taken:
            return name, value
    if kind == "cosine":
        return ("min_lr_rate" if share else "min_lr"), value
    if "lr_end" in taken:
        return "lr_end", value * rate
    return ("min_lr_ratio", value / rate) if "min_lr_ratio" in taken and rate else None


def bare_no(case: Case) -> Iterator[Finding]:
    """A strategy that YAML turned into false."""
    for key in ("eval_strategy", "save_strategy", "logging_strategy"):
        if case.own.get(key) is False:
            yield case.finding(
                BARE_NO, f"{key}: false is not a strategy", f'write {key}: "no"', key, (case.edit(key, "no"),)
            )


def old_names(case: Case) -> Iterator[Finding]:
    """`evaluation_strategy`, which is `eval_strategy` now."""
    key = "evaluation_strategy"
    if case.get(key) is None:
        return
    given = case.get("eval_strategy") is not None
    edits = (case.edit(key, None), *(() if given else (case.edit("eval_strategy", case.get(key)),)))
    remedy = "take it out: eval_strategy is given too" if given else "its name is eval_strategy"
    yield case.finding(
        OLD_KEY,
        f"{key} is refused by newer transformers: {last_version('transformers', 'TrainingArguments', key)} takes it, 4.57 does not",
        remedy,
        key,
        edits,
    )


def ignored(case: Case) -> Iterator[Finding]:
    """Ignored keys."""
    assert case.config is not None
    for place, why in case.config.ignored:
        name = place.rpartition(".")[2]
        if "DeepSpeed's scheduler" in why:
            continue  # `deepspeed` says it
        if "cuts it off" in why:
            yield Finding(CUT_OFF, why, "put the comment above the command", None, None)
            continue
        if name in ("warmup_steps", "warmup_ratio") and case.kind == "constant":
            edits = (case.edit("lr_scheduler_type", "constant_with_warmup"),)
            message = f"{name} {case.get(name)} changes nothing: constant starts at the full rate"
            yield case.finding(NO_WARMUP, message, "set lr_scheduler_type: constant_with_warmup", name, edits)
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
    flat = {"WarmupLR": "; it never falls", "LRRangeTest": "; it only rises"}.get(block["type"], "")
    yield case.finding(
        OVERRIDDEN,
        f"DeepSpeed's {block['type']} runs instead of {named}{flat}",
        "take the scheduler block out of the DeepSpeed config",
        "deepspeed",
    )


def warmups(case: Case) -> Iterator[Finding]:
    """`warmup_ratio` with `warmup_steps`, or in a version without that key."""
    settings = case.settings
    if (
        settings is None
        or settings.warmup_ratio is None
        or case.trainer not in ("llamafactory", "llamafactory-ui", "hf", "trl")
    ):
        return
    ratio, steps = settings.warmup_ratio, settings.warmup_steps
    trainer = trainer_of(settings.trainer)
    length = case.plan.max_steps if case.plan is not None else 1000
    if steps and ratio:
        whole = steps == int(steps) and 0 <= ratio <= 1
        four = int(trainer.warmup_steps(settings, length, "4.57.0")) if whole else None
        five = int(trainer.warmup_steps(settings, length, "5.8.0"))
        if four != five:
            what = f"of {length} steps, {four} in transformers 4 and {five} in 5" if whole else "one of them is refused"
            yield case.finding(
                TWO_WARMUPS,
                f"warmup_steps {steps:g} and warmup_ratio {ratio:g} are both given: {what}",
                f"keep one, such as warmup_steps: {steps:g}",
                "warmup_ratio",
                (case.edit("warmup_ratio", None),),
            )
            return
    if case.version >= RATIO_GONE:
        edits = (case.edit("warmup_ratio", None), case.edit("warmup_steps", ratio)) if not steps else ()
        refused = case.transformers_version is not None or _installed() >= RATIO_GONE
        yield case.finding(
            OLD_KEY if refused else OLD_KEY._replace(severity="note"),
            "warmup_ratio is refused by transformers from 5.15 on",
            f"write warmup_steps: {ratio:g}, which below 1 is a ratio",
            "warmup_ratio",
            edits,
        )


def numbers_as_text(case: Case) -> Iterator[Finding]:
    """Numbers that are text in the file."""
    assert case.config is not None
    for note in case.config.notes:
        found = re.match(r"(\w+): the text '(.+)' is taken as a number", note)
        if found:
            value = float(found[2])
            yield case.finding(
                AS_TEXT,
                f"{found[1]}: {found[2]} is text in YAML 1.1",
                "write it with a point",
                found[1],
                (case.edit(found[1], value),),
            )


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
    refused = trainer.refused(config.unknown)
    others = tuple(key for key in config.unknown if key not in refused)
    for rule, keys in ((FOREIGN, refused), (UNKNOWN_KEYS, others)):
        if not keys:
            continue
        shown = ", ".join(" ".join(key.split()) for key in keys[:6])
        more = f" and {len(keys) - 6} more" if len(keys) > 6 else ""
        several = len(keys) > 1
        no_key, a_key = ("are not keys", "are keys") if several else ("is not a key", "is a key")
        if keys is refused:
            what = f"{no_key} of {trainer.title}, which refuses {'them' if several else 'it'}"
        elif trainer.history:
            what = f"{a_key} of older versions of {trainer.title} alone"
        else:
            what = f"{no_key} of {trainer.title} that is known"
        message = f"{shown}{more} {what}"
        yield Finding(rule, message, "check the spelling", keys[0], case.lines.get(keys[0]))


def assumed(case: Case) -> Iterator[Finding]:
    """The assumptions of the plan: defaults, the number of processes, and the reader's notes."""
    config = case.config
    if config is None:
        return
    parts = [f"{default.key} {_shown(default.value)} ({default.whose})" for default in config.defaults]
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


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "of the trainer" if value is None else str(value)


BEFORE_READING = (foreign, keywords, bare_no, old_names)
CHECKS = (ignored, deepspeed_block, warmups, numbers_as_text, undeclared_keys, assumed)
