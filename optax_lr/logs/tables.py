"""Tables with a header: CSV of W&B, SwanLab, Lightning, Keras, ultralytics and timm, or tab-separated text."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import IO

from optax_lr.configs import ConfigError
from optax_lr.logs.columns import Builder, column_of, is_metric, loss_column
from optax_lr.logs.formats import Format, Found, lines


def _names(line: str) -> tuple[str, list[str]]:
    """The separator and the names of a header."""
    separator = max(",;\t", key=line.count)
    try:
        return separator, next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return separator, []


def columns_of(names: Iterable[str]) -> set[str]:
    """Which columns these names are."""
    return {found[0] for name in names if (found := column_of(name))}


def _recognises(head: str) -> bool:
    names = _names(head.lstrip().splitlines()[0] if head.strip() else "")[1]
    return len(names) > 1 and bool(columns_of(names) & {"step", "epoch"})


def _read(file: IO[str], source: str, builder: Builder) -> Found:
    rows = lines(file, source, builder)
    separator, names = _names(next(filter(str.strip, rows), ""))
    chosen: dict[int, str] = {}
    others: list[str] = []
    taken: set[tuple[str, int, int]] = set()
    for place, name in enumerate(names):
        found = column_of(name)
        if found is None:
            if is_metric(name) or loss_column(name):
                chosen[place] = name
        elif found in taken and found[0] != "step" and not found[2]:
            others.append(name)
        else:
            chosen[place] = name
            taken.add(found)
    try:
        for row in csv.reader(rows, delimiter=separator):
            if row:
                builder.add({name: row[place] for place, name in chosen.items() if place < len(row)})
    except csv.Error as error:
        raise ConfigError(f"{source}: a cell of the table is too long: {error}") from None
    notes = [f"several runs or names for one number: {', '.join(others[:3])} is ignored"] if others else []
    return {}, notes


FORMAT = Format("csv", _recognises, _read)
