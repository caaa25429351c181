"""Edits of a config: of its text, in which every other byte is kept, or of a mapping."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING

from optax_lr.findings import Edit
from optax_lr.linting.json_edits import changed
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.parsing import scalar

if TYPE_CHECKING:
    import yaml

MOST_EDITS = 50  # of one file at once
# A new key is inserted after the first of these that exists, where a reader expects it.
_NEIGHBOURS = ("lr_scheduler_type", "lr_scheduler", "learning_rate", "train.lr_scheduler_type")


def applied(values: Mapping[str, object], edits: Iterable[Edit]) -> dict[str, object]:
    """A copy of `values` with the edits.

    >>> applied({"num_cycles": 2}, [Edit("lr_scheduler_kwargs.num_cycles", 2), Edit("num_cycles", None)])
    {'lr_scheduler_kwargs': {'num_cycles': 2}}
    """
    made = copy.deepcopy(dict(values))
    for edit in edits:
        _set(made, edit.key, edit.value)
    return made


def rewritten_document(text: str, edits: Iterable[Edit], *, is_json: bool) -> str:
    """The text of a YAML or JSON file with the edits: only the text of the named keys changes.

    Raises:
        ConfigError: where the text is written in a way that cannot be changed in place, such as with an anchor that another
            key refers to.

    >>> print(rewritten_document("learning_rate: 1e-3  # bold\\nfp16: true", [Edit("learning_rate", 5e-5)], is_json=False))
    learning_rate: 5.0e-05  # bold
    fp16: true
    """
    import yaml

    edits = list(edits)
    if len(edits) > MOST_EDITS:
        raise ConfigError(f"{len(edits):,} changes are too many for a file; make them by hand")
    try:
        made = _verified(text, edits, is_json=is_json or _is_json(text))
    except (yaml.YAMLError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
        made = None  # not in one of the forms that the functions below know
    if made is None:
        raise ConfigError(f"{edits[0].key} cannot be changed in this file; make the change by hand")
    return made


def _verified(text: str, edits: list[Edit], *, is_json: bool) -> str | None:
    """The text with the edits; None where it would hold anything else than the edited values."""
    if is_json:
        wanted = applied(json.loads(text), edits)
        made = changed(text, wanted, after=_NEIGHBOURS)
        return made if _numbers(json.loads(made)) == _numbers(wanted) else None
    import yaml

    wanted = applied(yaml.safe_load(text), edits)
    newline = "\r\n" if "\r\n" in text else "\n"
    for edit in edits:
        text = _spliced(text, edit, newline)
    return text if _numbers(yaml.safe_load(text)) == _numbers(wanted) else None


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _set(values: MutableMapping[str, object], key: str, value: object) -> None:
    """Sets or removes a dotted key; one that itself holds a dot goes before one nested."""
    head, _, tail = key.partition(".")
    if not tail or key in values or head == "train":
        values[key] = value
        if value is None:
            del values[key]
        return
    inner = values.get(head)
    as_text = isinstance(inner, str) and inner.lstrip().startswith("{")
    try:
        inner = json.loads(inner) if isinstance(inner, str) and as_text else inner
    except ValueError:
        return  # the reader says what is wrong with it
    made = inner if isinstance(inner, MutableMapping) else {}  # `applied` has copied it
    _set(made, tail, value)
    if made:
        values[head] = json.dumps(made) if as_text else made
    else:
        values.pop(head, None)


def _spliced(text: str, edit: Edit, newline: str) -> str:
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    values, parts = yaml.safe_load(text), edit.key.split(".")
    if edit.key in values or parts[0] == "train":
        return _changed(text, root, edit.key, edit.value, newline)
    # Down to the innermost existing block mapping; a mapping on one line below it is written again.
    while len(parts) > 1:
        found = _pair(root, parts[0])
        if found is None or not isinstance(found[1], yaml.MappingNode) or found[1].flow_style:
            break
        root, values, parts = found[1], values[parts[0]], parts[1:]
    if len(parts) > 1:
        wanted = applied(values, [Edit(".".join(parts), edit.value)])
        return _changed(text, root, parts[0], wanted.get(parts[0]), newline)
    if edit.value is None and set(values) == {parts[0]} and "." in edit.key:
        return _spliced(text, Edit(edit.key.rpartition(".")[0], None), newline)
    return _changed(text, root, parts[0], edit.value, newline)


def _changed(text: str, mapping: yaml.MappingNode, key: str, value: object, newline: str) -> str:
    """The text with `key` of the block mapping set or taken out."""
    found, lines = _pair(mapping, key), text.splitlines(keepends=True)
    if value is None:
        if found is None:
            return text
        return "".join(lines[: found[0].start_mark.line] + lines[_last_line(found[1]) + 1 :])
    if found is not None:
        name, node = found
        if name.start_mark.line == _last_line(node) or not hasattr(node, "flow_style") or node.flow_style:
            start = node.start_mark.index
            end = start + len(
                text[start : node.end_mark.index].rstrip("\r\n")
            )  # a folded value ends behind its last line
            if start == end:  # the value is empty
                start = end = text.index(":", name.end_mark.index) + 1
            space = "" if text[start - 1 : start].isspace() else " "
            return text[:start] + space + scalar(value) + text[end:]
        text = _changed(text, mapping, key, None, newline)
        lines = text.splitlines(keepends=True)
        line = name.start_mark.line
    else:
        neighbour = next((pair for near in _NEIGHBOURS if (pair := _pair(mapping, near))), None)
        line = _last_line((neighbour or mapping.value[-1])[1]) + 1
    indent = " " * mapping.value[0][0].start_mark.column
    made = f"{indent}{json.dumps(key) if '.' in key else key}: {scalar(value)}"
    if lines and line >= len(lines) and not lines[-1].endswith(("\n", "\r")):
        return f"{text}{newline}{made}"
    return "".join([*lines[:line], made + newline, *lines[line:]])


def _pair(mapping: yaml.MappingNode, key: str) -> tuple[yaml.ScalarNode, yaml.Node] | None:
    return next(((name, node) for name, node in mapping.value if name.value == key), None)


def _last_line(node: yaml.Node) -> int:
    """The last line of a node: the end mark of a block is after the blank lines that follow it."""
    if isinstance(node.value, str) or not node.value or node.flow_style:
        end = node.end_mark
        return int(end.line - (end.column == 0 and end.line > node.start_mark.line))
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)


def _numbers(values: object) -> object:
    """Values compared as a trainer would: YAML 1.1 leaves `1e-4` a text."""
    if isinstance(values, dict):
        return {key: _numbers(value) for key, value in values.items()}
    if isinstance(values, float) and math.isnan(values):
        return "nan"
    if isinstance(values, str) and values == values.strip():
        try:
            return float(values)
        except ValueError:
            return values
    return values
