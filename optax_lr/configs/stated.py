"""The values of a config with overrides, and a refusal where one that matters is not stated."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from optax_lr.sources.errors import STATE, UnstatedError
from optax_lr.sources.marks import is_known, readable
from optax_lr.sources.python.constructors import EMBEDDING_KEYS, LIGHTNING
from optax_lr.sources.python.lightning_run import TRAINER_KEYS
from optax_lr.sources.source import Source, count_of
from optax_lr.text import start_of, words
from optax_lr.trainers.base import Trainer
from optax_lr.trainers.keys import assignments
from optax_lr.trainers.settings import LENGTH

_ENDS = words("T_max total_iters total_steps epochs schedulers")  # arguments of torch's schedulers that state a length
_MOST_ORIGINS = 3  # of values that are not known, which one line can say
_MOST_GIVEN = 6  # options that one line names


def checked(source: Source, trainer: Trainer, overrides: Mapping[str, object], section: tuple[str, ...] = ()) -> Source:
    """The source with `overrides`, and without marks of what a script does not say.

    Raises:
        ConfigError: where a setting of the curve has a value that the file does not say.
    """
    values = dict(source.values)
    for key, value in overrides.items():
        place = (key,) if key in values else tuple(key.split("."))  # an option may have dots
        out = value is None and is_there(values, place)  # a key next to the section is left out
        values = _with_value(values, place if out or not section else (*section, *key.split(".")), value)
    instead = _instead(source.unknown)
    left_out = [key for key in source.unknown if instead.get(key) in overrides and key not in overrides]
    unknown = {key: text for key, text in source.unknown.items() if key not in {*overrides, *left_out}}
    for key in unknown:
        if key.startswith("*"):
            what = key if key.startswith("**") else f"argument {key[1:]}"
            origin = f"; {made}" if (made := source.origin(f"{key.lstrip('*')}.")) else ""
            way = "; write the keys to a YAML file" if trainer.takes is None else f"; {STATE}"
            way = "" if "; read " in origin else way
            later = [text for text in unknown.values() if text.endswith("(set later)")]
            if later and trainer.takes is None:
                text = later[0].removesuffix(" (set later)")
                way = f"; {text} is set later, so that the schedule may change; {STATE}"
            raise source.error(f"{what} of the call is not a literal and may hold any setting{origin}{way}")
    unknown |= {key: str(readable(value)) for key, value in values.items() if not is_known(value)}
    assigned = [word.partition("=") for word in source.positional]
    stated = unknown | {
        key: str(readable(value)) for key, _, value in assigned if not is_known(value) and key not in overrides
    }
    whole_call = source.constructor.startswith(("optax.", "torch.optim.", "timm."))  # every argument counts
    irrelevant = frozenset() if count_of(values.get("max_steps")) is None else LENGTH
    missing = {
        key: text
        for key, text in stated.items()
        if (whole_call or trainer.decides(key, values)) and key not in irrelevant | EMBEDDING_KEYS
    }
    if missing:
        raise UnstatedError(f"{source.name}: {_what_is_missing(source, missing)}")
    dropped = {*source.unknown, *(irrelevant & unknown.keys())} - overrides.keys()
    left_open = sorted(irrelevant & stated.keys())
    notes = source.notes + tuple(
        f"{key}: not set, as {instead[key]} is given and the script sets one of them" for key in left_out
    )
    if left_open:
        notes += (
            f"{', '.join(left_open)}: not known, and without effect on the curve; epochs, where shown, are those of the defaults",
        )
    alone = {key: place for key, place in source.alone.items() if key not in overrides}
    return dataclasses.replace(
        source,
        alone=alone,
        notes=notes,
        values={key: readable(value) for key, value in values.items() if key not in dropped},
    )


def _instead(unknown: Mapping[str, str]) -> dict[str, str]:
    """By the keys that a script sets under a test, the key that it sets otherwise: of `max_steps` and `num_train_epochs`, one."""
    tests = {
        key: found[1] for key, text in unknown.items() if (found := re.search(r" \(if ((?:not )?\(.*\))\)$", text))
    }
    keys = {test: key for key, test in tests.items()}
    pairs = {key: keys[f"not {test}"] for key, test in tests.items() if f"not {test}" in keys}
    return pairs | {other: key for key, other in pairs.items()}


def is_there(values: object, place: Sequence[str]) -> bool:
    """Whether nested mappings have a value at a place."""
    for key in place:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values is not None


def _with_value(values: Mapping[str, object], place: Sequence[str], value: object) -> dict[str, object]:
    """A copy of nested mappings with a value at a place; what is in the way of it is replaced."""
    key, *below = place
    inner = values.get(key)
    return {**values, key: _with_value(inner if isinstance(inner, Mapping) else {}, below, value) if below else value}


def _what_is_missing(source: Source, missing: Mapping[str, str]) -> str:
    """Which settings have values that the source does not say, and what to do."""
    instead = _instead(missing)
    later = {
        instead[key] for number, key in enumerate(missing) if key in instead and instead[key] in [*missing][number:]
    }
    each = [f"{key} or {instead[key]}" if key in instead else key for key in missing if key not in later]
    of_run = sorted(TRAINER_KEYS & source.unknown.keys() - missing.keys()) if source.constructor == LIGHTNING else []
    given = [f"--set {key}={'[N,N]' if key == 'milestones' else 'VALUE'}" for key in (*each, *of_run)]
    way = " ".join(given) if len(given) <= _MOST_GIVEN else "--set KEY=VALUE"
    if source.form in ("python", "notebook"):
        shown = [f"{key} ({text})" if text.startswith("the ") else f"{key}={text}" for key, text in missing.items()]
        keys = ", ".join(each)
        told = [text for key, text in missing.items() if text != key]
        example = f" ({told[0]}, ...)" if told else ""
        what = ", ".join(shown) if len(shown) < 4 else f"{keys}{example}"
        if any(key.partition(".")[0] in ("schedules", "schedulers") for key in missing):
            return f"{what}: the parts of a schedule are not literals; {STATE}"
        verb, its = ("are not literals", "their values") if len(missing) > 1 else ("is not a literal", "its value")
        found = dict.fromkeys(origin for text in missing.values() if (origin := source.origin(text)))
        origins = sorted(found, key=lambda origin: "; read " in origin)  # what to read comes last
        functions = {origin.partition(" is an argument of ")[2] for origin in origins}
        if len(functions) == 1 < len(missing) == len(origins) and "" not in functions:
            origins = [f"they are arguments of {functions.pop()}"]
        if len(origins) > _MOST_ORIGINS or any("; read " in origin for origin in origins[:-1]):
            origins = []
        origin = "".join(f"; {origin}" for origin in origins)
        also = ", or" if "; read " in origin else ";"
        endless = {*source.values, *missing}.isdisjoint(_ENDS) and source.constructor.startswith("torch.optim.")
        option = "--max-steps" if endless else "--num-examples" if of_run else ""
        length = f", and the length with {option}" if option else ""
        return f"{what} {verb}{origin}{also} give {its} with {way}{length}"
    line = source.command.line
    words = assignments(source.positional)
    short = {key: start_of(text, 60) for key, text in missing.items()}
    what = ", ".join(f"{key}={text}" if key in words else f"--{key} {text}" for key, text in short.items())
    verb, it = ("are", "them") if len(missing) > 1 else ("is", "it")
    return f"the script does not say what {what} in the command of line {line} {verb}; write {it} out, or give {it} with {way}"
