"""The settings of a schedule by the usual names that programs of people's own have for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from optax_lr.sources.errors import stated
from optax_lr.sources.source import Source
from optax_lr.text import start_of
from optax_lr.trainers.keys import assignments

_RATE = re.compile(r"(?:^|_)(?:lr|learning_?rate|lrs)(?:_|$)")
_ENDS_AS_RATE = re.compile(rf"{_RATE.pattern.removesuffix('(?:_|$)')}$")
_SCHEDULE = re.compile(r"(?:^|_)(?:warmup|sched\w*|decay_(?:steps|style|type)|anneal\w*)(?:_|$)")
# Schedules and lengths of something else, such as the noise of a diffusion model and an evaluation.
_OTHER = re.compile(
    r"(?:^|_)(?:noise|flow|sigma|logit|weighting|sampl\w+|diffusion|timesteps?|betas?|mask\w*|ema|kl|temp\w*|tau|eps\w*|dropout|"
    r"momentum|curriculum|loss|entropy|eval\w*|val\w*|test\w*)(?:_|$)"
)
_FLOOR = re.compile(r"(?:^|_)(?:min|final|end)_?(?:lr|learning_rate)|(?:lr|eta)_min$")
_KINDS = ("constant", "constant_with_warmup", "cosine", "cosine_with_restarts", "inverse_sqrt", "linear", "polynomial")
# The class that lowers the rate when a metric stops improving; its short name is clear only where a schedule is named.
_BY_METRIC = re.compile(r"(?:[\w.]+\.)?reduce_?(?:lr)?_?on_?plateau", re.IGNORECASE)
_SHORT = re.compile(r"plateau", re.IGNORECASE)
_CHOICE = re.compile(r"\.\d+$")  # the entry of a list of names
_NEAR_ZERO = 0.01  # a factor with which a warmup of torch may begin, as good as 0
# torch's name of the length of one class, which may be a part of the schedule.
_OF_A_CLASS = re.compile(r"sched\w*\.(?:.*\.)?total_iters$")
_ENTRY = re.compile(r"\.\d+\.")
# The last part of a dotted name.
_USUAL = {
    "warmup_steps": r"(?:lr_|num_)*warmup_(?:steps|iters|iterations|updates)",
    "warmup_ratio": r"(?:lr_)*warmup_(?:steps_)?(?:ratio|fraction|proportion)",
    "learning_rate": r"(?:(?:base|peak|max|optim|optimizer|adam|train|training)_)*(?:lr|learning_?rate)",
    "lr_scheduler_type": r"(?:lr_|learning_rate_)*(?:sched[a-z]*|decay_style)(?:[_.](?:name|type|kind))?",
    "max_steps": r"(?:(?:max|total|train|training|num)_)+(?:steps|iters|iterations|updates?)",
}


def rates_of(values: Mapping[str, object]) -> list[tuple[str, object]]:
    """The settings of a rate at any depth, by their dotted names, the rates themselves first.

    >>> rates_of({"model": {"mask_anneal_steps": 9}, "training": {"scheduler": "cosine", "lr": 1e-4}})
    [('training.lr', 0.0001), ('training.scheduler', 'cosine')]
    """
    found = [(place, value) for place, value in _leaves(values) if _is_rate(place)]
    return sorted(found, key=lambda one: not _ENDS_AS_RATE.search(_word(one[0])) or bool(_FLOOR.search(_word(one[0]))))


def _is_rate(place: str) -> bool:
    """Whether a key is the rate or a setting of its schedule, by the usual names."""
    word = _word(place)
    return bool(_RATE.search(word) or (_SCHEDULE.search(word) and not _OTHER.search(word)))


def _word(place: str) -> str:
    return re.sub(r"[.-]", "_", place.lower())


def state_with(source: Source) -> str:
    """What to do about a schedule that is not read: `stated` with the settings of a config that have a usual name and one value.

    >>> optim = {"lr": 0.1, "sched": {"name": "cosine"}, "warmup_steps": 5}
    >>> print(state_with(Source("a.yaml", {"optim": optim, "noise": {"schedule": "linear"}}, {}, "yaml")))
    state the schedule: optax-lr show --set learning_rate=0.1 --set lr_scheduler_type=cosine --set warmup_steps=5 --set max_steps=N
    """
    found: dict[str, set[object]] = {name: set() for name in _USUAL}
    leaves = _all_leaves(source)
    several = {place[: entry.start()] for place, _ in leaves for entry in _ENTRY.finditer(place) if entry[0] == ".1."}
    for place, value in leaves:
        name = _name(place)
        of_a_part = _OF_A_CLASS.search(place.lower()) or any(
            place[: entry.start()] in several for entry in _ENTRY.finditer(place)
        )
        if name and not (name == "max_steps" and of_a_part) and (usual := _usual(name, value)) is not None:
            found["warmup_steps" if name == "warmup_ratio" else name].add(usual)
    found["warmup_steps"].update(_warmups_of_torch(leaves))
    warmed = found["lr_scheduler_type"] == {"constant"} and found["warmup_steps"]  # which a program may ignore
    floor = any(_FLOOR.search(_word(place)) for place, _ in leaves)
    if warmed or floor or found["lr_scheduler_type"].difference(_KINDS):
        found["lr_scheduler_type"].clear()
    return stated(**{name: each.pop() for name, each in found.items() if len(each) == 1})


def by_metric(source: Source) -> str:
    """The line about a schedule that follows a metric, if the config names no other one; empty for none.

    >>> by_metric(Source("a.yaml", {"sched": {"name": "ReduceLROnPlateau"}}, {}, "yaml")).partition(",")[0]
    'sched.name ReduceLROnPlateau follows a metric'
    """
    all_of_them = _all_leaves(source)
    off = tuple(f"{above}." for place, value in all_of_them if (above := _switched_off(place, value)))
    leaves = [one for one in all_of_them if not f"{one[0]}.".startswith(off)]
    kinds = [(place, value) for place, value in leaves if _name(place) == "lr_scheduler_type"]
    named: list[tuple[str, object]] = [
        (place, value)
        for place, value in leaves
        if isinstance(value, str) and not _CHOICE.search(place) and _BY_METRIC.fullmatch(value)
    ]
    named += [(place, value) for place, value in kinds if _SHORT.fullmatch(str(value))]
    named += [(place, value) for place, value in leaves if any(map(_BY_METRIC.fullmatch, place.split(".")))]
    if not named or any(one not in named for one in kinds):
        return ""
    place, value = named[0]
    return (
        f"{place} {start_of(str(value), 60)} follows a metric, not the step: it has no curve; olr.reduce_on_plateau is its "
        "optimizer transformation"
    )


def _switched_off(place: str, value: object) -> str:
    """The place of what a value such as `enabled: false` switches off, at its own place or above it; empty for other values."""
    off = value.lower() in ("false", "no", "off", "0") if isinstance(value, str) else value in (False, 0)
    if not off:
        return ""
    above, _, name = place.rpartition(".")
    return above if name in ("enabled", "enable", "use", "active") else place


def _all_leaves(source: Source) -> list[tuple[str, object]]:
    """The values of a config and of the words of its command."""
    return list(_leaves({**source.given, **assignments(source.positional)}))


def _name(place: str) -> str:
    """Our name of the setting at a dotted place; empty for no setting of the schedule."""
    word = place.lower().replace("-", "_")
    name = next((name for name, pattern in _USUAL.items() if re.search(rf"(?:^|\.){pattern}$", word)), "")
    return "" if _OTHER.search(_word(place)) else name


def _warmups_of_torch(leaves: Sequence[tuple[str, object]]) -> Iterator[object]:
    """The steps of each `LinearLR` from about 0 to the rate itself with which a schedule begins."""
    for place, value in leaves:
        above = place.rpartition(".")[0]
        if str(value).rpartition(".")[2] == "LinearLR" and not re.search(r"\.[1-9]\d*(?:\.|$)", above):
            of_it = {key.rpartition(".")[2]: value for key, value in leaves if key.startswith(f"{above}.")}
            start, end = (
                _number(of_it.get(key, standard)) for key, standard in (("start_factor", 1), ("end_factor", 1))
            )
            steps = _usual("warmup_steps", of_it.get("total_iters"))
            if start is not None and 0 <= start <= _NEAR_ZERO and end == 1 and steps is not None:
                yield steps


def _number(value: object) -> float | None:
    """A number, also in a text; None for another value."""
    try:
        return float(value)  # type: ignore[arg-type]  # texts and numbers
    except (TypeError, ValueError, OverflowError):
        return None


def _usual(name: str, value: object) -> object:
    """The value of a setting; None where it is none of its usual values."""
    if name == "lr_scheduler_type":
        return str(value)
    number = _number(value)
    if number is None:
        return None
    if name in ("learning_rate", "warmup_ratio"):
        return number if 0 < number < 1 else None
    return int(number) if 0 < number < 10**9 and number == int(number) else None


def _leaves(values: object, place: str = "", depth: int = 6) -> Iterator[tuple[str, object]]:
    """The values at any depth that are no mappings, lists or null, by their dotted names; the one value of a list is its own."""
    above = f"{place}." if place else ""
    pairs: Iterable[tuple[object, object]] = ()
    if isinstance(values, Mapping):
        pairs = values.items()
    elif isinstance(values, list) and len(values) == 1 and not isinstance(values[0], (Mapping, list)):
        yield place, values[0]
    elif isinstance(values, list):
        pairs = enumerate(values)
    elif values is not None:
        yield place, values
    for key, value in pairs if depth else ():
        yield from _leaves(value, f"{above}{key}", depth - 1)
