"""Why no trainer is recognised for a config: the settings that a program of its own reads, and the way out."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from optax_lr.sources.errors import STATE, ConfigError
from optax_lr.sources.files import ELSEWHERE, NOT_FOUND, text_of
from optax_lr.sources.loading_script import program_of
from optax_lr.sources.marks import is_known, readable
from optax_lr.sources.python import script_sources
from optax_lr.sources.python.nothing import NOTHING
from optax_lr.sources.python.origins import COMPOSED
from optax_lr.sources.source import Source
from optax_lr.text import start_of
from optax_lr.trainers.base import Trainer
from optax_lr.trainers.curve_keys import concerns_curve, places_of_settings, sections_of_run
from optax_lr.trainers.known import former_keys, keys_of
from optax_lr.trainers.settings import SETTING_NAMES
from optax_lr.trainers.trl import METHODS
from optax_lr.trainers.usual_names import by_metric, rates_of, state_with


def why_not_recognised(source: Source, trainers: Mapping[str, Trainer]) -> str:
    """One line: what was found, and what to read, to write or to name."""
    values = source.given
    if metric := by_metric(source):
        return metric
    if source.program is not None:
        return _command(source, trainers)
    inside = places_of_settings(values)
    shared = sorted(SETTING_NAMES & values.keys())
    rates = rates_of(values)
    sections = [()] if shared else inside
    places = tuple(".".join(section) for section in sections)
    apart = sections_of_run(values) - {section[0] for section in sections if section}
    if (
        sections
        and not apart
        and not any("optim" in place for place in places)
        and all(_is_below(key, places) for key, _ in rates)
    ):
        marks = {"mlx-lm": {"iters"}, "diffusers": {"lr_scheduler", "max_train_steps"}}
        others = [name for name, keys in marks.items() if keys <= values.keys()]
        candidates = _of_method(values) or ("hf", "trl-sft", "llamafactory", *others)
        names = [name for name in candidates if _reads(source, name, sections[0], trainers)]
        if names and len(sections) == 1:
            either = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
            what = f"the settings under {places[0]}" if places[0] else ", ".join(shared[:3])
            return f"the trainer of {what} is not certain; name it with --trainer {either}"
        if names:
            where = " and ".join(places[:3])
            return f"settings are under {where}; write those of one to a file of its own, and name it with --trainer {names[0]}"
    place = _command_inside(source.values)
    if place is not None:
        return f"a command with --learning_rate is the text of {place}; copy it to a shell script, and read that"
    if rates:
        shown = ", ".join(f"{place} {start_of(str(value), 30)}" for place, value in rates[:4])
        more = f" and {len(rates) - 4} more" if len(rates) > 4 else ""
        program = program_of(source)
        circle = program and os.path.basename(source.name) in _refusal(program, Path(program))
        read = "" if circle else f"read {program or 'that'}, or "
        return f"only the program that reads this file knows the use of {shown}{more}; {read}{state_with(source)}"
    scripts = [word for text in _texts(source.values) for word in re.findall(r"[\w./-]+\.(?:sh|py)\b", text)]
    if scripts:
        return f"no setting of a schedule is there, such as learning_rate; {scripts[-1]} is named: read that"
    seen = ", ".join(str(key) for key in list(source.values)[:5]) or "nothing"
    return f"no setting of a schedule is there, such as learning_rate, but {seen}; read the file or the command of the training"


def _of_method(values: Mapping[str, object]) -> tuple[str, ...]:
    """The trainer of the method that a file names, as in `training_type: dpo`; none for SFT, which most trainers do."""
    named = {value.lower() for value in values.values() if isinstance(value, str)} & METHODS.keys() - {"sft"}
    return tuple(f"trl-{method.replace('_', '-')}" for method in sorted(named)) if len(named) == 1 else ()


def _command(source: Source, trainers: Mapping[str, Trainer]) -> str:
    """The line about the command of a program that is not known."""
    what, values = source.program_name or "the command", source.given
    rates = [key for key, _ in rates_of(dict.fromkeys(values, ""))]
    curve = [*rates, *(key for key in values if key not in rates and (key in SETTING_NAMES or concerns_curve(key)))]
    options = ", ".join(f"--{key} {readable(values[key])}" for key in (curve or list(values))[:4])
    if source.own_parser:
        return f"{what} parses {options} itself, and only its code has the schedule; {state_with(source)}"
    for name in ("megatron", "diffusers", "hf"):
        known = name == "hf" or sum(key in keys_of(name).union(former_keys(name)) for key in values) > 0.6 * len(values)
        if known and _reads(source, name, (), trainers):
            title = trainers[name].title if name != "hf" else "transformers' Trainer"
            return f"only {what} knows the use of {options}; if it is {title}, name it with --trainer {name}"
    file = what if what.endswith(".py") else f"{what.replace('.', '/')}.py"
    return f"only {what} knows the use of {options}; {read_or(source, file)}{state_with(source)}"


def read_or(source: Source, file: str) -> str:
    """The advice to read a Python script, with the word before another one; empty where that script says the other one, too."""
    path, _ = source.file(file)
    if path is None:
        return f"{readable(file)} {NOT_FOUND}; {ELSEWHERE}, or "
    refused = _refusal(file, path)
    names = COMPOSED in refused  # the config of Hydra
    return "" if refused.endswith((STATE, NOTHING)) and not names else f"read {file}, or "


def _refusal(file: str, path: Path) -> str:
    """Why a Python script is refused; empty where it is not."""
    try:
        script_sources(file, text_of(str(path)), path.parent)
    except ConfigError as error:
        return str(error)
    return ""


def _reads(source: Source, name: str, section: tuple[str, ...], trainers: Mapping[str, Trainer]) -> bool:
    """Whether a trainer would read the config if it was named."""
    if (
        not section
        and name == "hf"
        and not any(is_known(source.values[key]) for key in SETTING_NAMES & source.values.keys())
    ):
        return False
    trainer = trainers.get(name) or trainers[name.partition("-")[0]]
    return not trainer.why_refused(source, name, section)


def _is_below(place: str, places: Iterable[str]) -> bool:
    """Whether a key is in one of the sections, or at the top level for the section without a name."""
    return any(place.startswith(f"{above}.") if above else "." not in place for above in places)


def _texts(values: object, depth: int = 12) -> Iterator[str]:
    """The texts at any depth."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, (Mapping, list)):
        for value in values.values() if isinstance(values, Mapping) else values:
            yield from _texts(value, depth - 1) if depth else ()


def _command_inside(values: object, place: str = "", depth: int = 6) -> str | None:
    """Where a training command is a text in a file of another kind, such as the description of a job; None where none is."""
    if isinstance(values, str):
        return place if re.search(r"--learning[_-]rate\b", values) else None
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    above = f"{place}." if place else ""
    found = (_command_inside(value, f"{above}{key}", depth - 1) for key, value in pairs if depth)
    return next((inside for inside in found if inside is not None), None)
