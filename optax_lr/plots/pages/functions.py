"""The kinds of schedule as a page knows them: their fields, and a function of JavaScript for each structure."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence

from optax_lr.interop.javascript import emit
from optax_lr.schedules import Schedule

_MOST_ITEMS = 8  # of a list, such as milestones
_BOUNDS = ("least", "above", "most", "below", "among")


def javascript_of(examples: Iterable[Schedule]) -> str:
    """An object of JavaScript with an entry for the kind of each example: `summary`, `example`, `fields`, `functions`.

    `functions` has one entry for each structure: the words that are chosen, which settings are None, and how many items
    each list has. It holds the rate and, where the schedule has one, the end; inner schedules are functions among their
    parameters. The first example of a kind is shown first; all of them can be drawn.
    """
    kinds: dict[type[Schedule], list[Schedule]] = {}
    for example in examples:
        for schedule in with_inner(example):
            kinds.setdefault(type(schedule), []).append(schedule)
    return "{" + ",\n".join(f"{json.dumps(kind.__name__)}: {_kind(found)}" for kind, found in kinds.items()) + "}"


def with_inner(schedule: Schedule) -> Iterator[Schedule]:
    """`schedule`, and every schedule inside of it."""
    yield schedule
    for f in dataclasses.fields(schedule):
        value = getattr(schedule, f.name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Schedule):
                yield from with_inner(inner)


def _kind(examples: Sequence[Schedule]) -> str:
    kind = type(examples[0])
    described = {
        "summary": " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("`", "").split()),
        "example": examples[0].to_dict(),
        "fields": [_field(f) for f in dataclasses.fields(kind)],
    }
    functions = {_key(variant): _functions(variant) for variant in [*_variants(examples[0]), *examples]}
    entries = ", ".join(f"{json.dumps(key)}: {text}" for key, text in functions.items())
    return f"{as_json(described)[:-1]}, functions: {{{entries}}}}}"


def _field(field: dataclasses.Field[object]) -> dict[str, object]:
    bounds = {name: field.metadata[name] for name in _BOUNDS if field.metadata.get(name) is not None}
    if field.default is not dataclasses.MISSING:
        bounds["default"] = field.default
    return {"name": field.name, "type": field.metadata["kind"], "optional": field.default is None, **bounds}


def _functions(schedule: Schedule) -> str:
    emitted = emit(schedule, inner_are_functions=True)
    names = ", ".join(emitted.parameters)
    rate = f"(step{names and ', '}{names}) => {{{emitted.body}}}"
    return f"[{rate}, {'null' if emitted.end is None else f'({names}) => {{{emitted.end}}}'}]"


def _key(schedule: Schedule) -> str:
    """The structure of a schedule, as the page computes it: words, None, the lengths of lists, and `true` for a number."""
    parts = [(getattr(schedule, f.name), "among" in f.metadata) for f in dataclasses.fields(schedule)]
    shape = [
        len(value) if isinstance(value, tuple) else value if chosen or value is None else True
        for value, chosen in parts
    ]
    return json.dumps(shape, separators=(",", ":"))


def _variants(example: Schedule) -> Iterator[Schedule]:
    """A schedule of each structure that the kind of `example` can have; lists have up to `_MOST_ITEMS` items."""
    kind, parts = type(example), dataclasses.fields(example)
    settings = {f.name: getattr(example, f.name) for f in parts}
    lengths = {name: len(value) for name, value in settings.items() if isinstance(value, tuple)}
    choices = {f.name: (None, max(f.metadata.get("least") or 0, 1)) for f in parts if f.default is None}
    choices |= {f.name: f.metadata["among"] for f in parts if "among" in f.metadata}
    least = min(lengths.values(), default=0)
    for more in range(1 - least, _MOST_ITEMS - least + 1) if lengths else [0]:
        items = {name: _items(settings[name], length + more) for name, length in lengths.items()}
        for values in itertools.product(*choices.values()):
            try:
                yield kind(**settings | items | dict(zip(choices, values, strict=True)))
            except ValueError:  # such as a schedule that has neither of two lengths
                continue


def _items(items: tuple[object, ...], length: int) -> list[object]:
    """`length` items like these."""
    return list(items[:1] * length) if isinstance(items[0], Schedule) else list(range(1, length + 1))


def as_json(value: object) -> str:
    """`value` as JSON for the inside of a script: without `<`, and in ASCII."""
    return json.dumps(value).replace("<", "\\u003c")
