"""`hf`: the calls, files, commands and model cards of `TrainingArguments`, where no other trainer is certain."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.schedules import Schedule
from optax_lr.sources.python.constructors import TRAINING_ARGUMENTS
from optax_lr.sources.source import Source
from optax_lr.trainers.base import Reading, Recognised, key_list
from optax_lr.trainers.curve_keys import concerns_curve, places_of_settings
from optax_lr.trainers.generations import generation_places
from optax_lr.trainers.known import class_keys
from optax_lr.trainers.programs import target_of
from optax_lr.trainers.settings import SETTING_NAMES
from optax_lr.trainers.training_arguments import FIELDS, MARKS, misplaced
from optax_lr.trainers.transformers import Transformers, in_section
from optax_lr.trainers.usual_names import state_with
from optax_lr.trainers.writing import training_arguments_of

_SECTIONS = ("training", "training_arguments", "training_args", "trainer", "train", "args", "hyperparameters")


class HuggingFace(Transformers):
    """`transformers.Trainer` itself, and programs that use it."""

    name = "hf"
    title = "TrainingArguments"
    converted = "which transformers' own parser of YAML files leaves text; the run stops unless the program converts it"
    calls = rf"(?:.*\.)?(?:{'|'.join(TRAINING_ARGUMENTS)})"

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise the constructor, the card, or keys that only `TrainingArguments` has."""
        if source.form == "card":
            return Recognised(self.name, "the hyperparameters in the card")
        found = super().recognise(source)
        if found is None and (target := target_of(source.given, TRAINING_ARGUMENTS)) is not None:
            return Recognised(self.name, f"_target_ {target[0]}", target[1])
        if found is not None or source.form in ("python", "notebook") or source.own_parser:
            return found
        given = {str(key): value for key, value in source.given.items()}
        by = _marks(given, FIELDS)
        strange = [key for key in given if key not in FIELDS and not concerns_curve(key)]
        if by is not None and (
            source.form == "command" or 3 * len(strange) <= 2 * len(given)
        ):  # a program may add options
            return Recognised(self.name, by, certain=bool(MARKS & given.keys()))
        return None if SETTING_NAMES & given.keys() else self._section(source, given)

    def _section(self, source: Source, values: Mapping[str, object]) -> Recognised | None:
        """Training arguments in one section of a larger file."""
        known = self.known()
        only = FIELDS | class_keys("trl", "SFTConfig", "DPOConfig")
        found = [
            place
            for name, section in values.items()
            if isinstance(section, Mapping)
            for place, inner in (((name,), section), ((name, "args"), section.get("args")))
            if isinstance(inner, Mapping)
            and _marks(inner, known)
            and (name in _SECTIONS or (MARKS & inner.keys() and inner.keys() <= only))
        ]
        if len(found) > 1:
            where = " and ".join(".".join(place) for place in found)
            raise source.error(f"training arguments are under {where}; keep one in a file")
        if not found:
            return None
        place = found[0]
        others = [str(key) for key in values if key != place[0] and concerns_curve(str(key))]
        if others:
            hf = f"if {place[0]} has its settings, read them with --trainer hf"
            way = state_with(source) if self.why_refused(source, section=place) else hf
            what = f"{', '.join(others[:3])} next to the section {place[0]} shows that a program of its own reads this file"
            raise source.error(f"{what}; {way}")
        marks = MARKS & in_section(values, place).keys()
        return Recognised(self.name, f"training arguments under {'.'.join(place)}", place, certain=bool(marks))

    def read(self, source: Source, found: Recognised) -> Reading:
        """The settings. The steps of GRPO are not those of the Trainer."""
        reading = super().read(source, found)
        place = next(generation_places(source.given), None)
        if place is not None:
            key = ".".join(place)
            raise source.error(
                f"{key} is of TRL's GRPO, whose steps are not those of TrainingArguments; give --trainer trl-grpo --set "
                f"{place[-1]}=VALUE, or leave it out with --set {key}=null"
            )
        return reading

    def write(self, schedule: Schedule) -> dict[str, object]:
        return training_arguments_of(schedule)


def section_of(source: Source) -> tuple[str, ...]:
    """The section with settings, where a caller says that they are TrainingArguments; () for the top level.

    Raises:
        ConfigError: where several sections have settings.
    """
    if SETTING_NAMES & source.given.keys():
        return ()
    places = places_of_settings(source.given)
    if len(places) > 1:
        where = " and ".join(".".join(place) for place in places[:3])
        raise source.error(f"settings are under {where}; keep one in a file")
    return places[0] if places else ()


def _marks(values: Mapping[str, object], known: frozenset[str]) -> str | None:
    """The evidence that these are training arguments; None if there is none, or it is not certain."""
    keys = {str(key) for key, value in values.items() if value is not None}
    marks = MARKS & keys
    if marks and SETTING_NAMES & keys:
        return key_list(marks)
    near_enough = all(key in known or misplaced(key) for key in keys)
    if SETTING_NAMES & keys and near_enough and FIELDS & keys:
        return "keys that several trainers share with transformers"
    return None
