"""The page of a sweep: its rows are chosen by their settings, and drawn as bands or one by one."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import optax_lr
from optax_lr.batches import Mixed
from optax_lr.plots.pages.functions import as_json, javascript_of
from optax_lr.plots.pages.page import Page, filled, vega
from optax_lr.schedules import Schedule
from optax_lr.text import visible

MOST_ROWS = 5000  # the browser computes each curve: more would make every choice wait


def sweep_page(batch: Schedule, configs: Sequence[str], *, steps: int, past_end: str) -> Page:
    """A page on which the curves of a batch are chosen by their settings.

    It holds settings and formulas, not rates, which the browser computes. Of more than 5,000 rows it has 5,000, evenly
    spread over the batch, and says so.

    Args:
        batch: a batch of one axis.
        configs: where each row is from.
        steps: optimizer steps shown.
        past_end: the rates past the end of a shorter run: `nan`, `hold` or `reference`.

    Raises:
        ImportError: without `optax-lr[pages]`.
        TypeError: for a batch with a function of Python.
    """
    total = len(batch)
    rows = np.unique(np.linspace(0, total - 1, min(total, MOST_ROWS)).round().astype(np.int64))
    names = np.array([visible(name) for name in configs], dtype=object)[rows]
    members = list(_members(batch[rows], names))
    summary = f"{total:,} curves of {steps:,} optimizer steps."
    if len(rows) < total:
        summary += f" The page has {len(rows):,} of them, evenly spread over the rows."
    data = {
        "groups": [{"tree": _by_row(part), "size": len(part), "configs": _shared(own)} for part, own in members],
        "last": max(1, steps - 1),
        "past_end": past_end,
    }
    parts = {
        "title": "A sweep of learning-rate schedules",
        "summary": html.escape(summary),
        "version": optax_lr.__version__,
        "vega": vega(),
        "kinds": javascript_of(part[0] for part, _ in members),
        "sweep_data": as_json(data),
    }
    return Page(parts["title"], filled("sweep.html", parts))


def _members(batch: Schedule, names: np.ndarray) -> Any:
    """The rows of each kind, and where these are from."""
    if not isinstance(batch, Mixed):
        yield batch, names
        return
    kind = np.asarray(batch.kind)
    for number, member in enumerate(batch.schedules):
        own = np.flatnonzero(kind == number)
        if own.size:
            yield member[own], names[own]


def _shared(names: np.ndarray) -> list[str]:
    return list(names[:1]) if len(set(names)) == 1 else list(names)


def _by_row(batch: Schedule) -> dict[str, object]:
    """`batch` as `to_dict` gives it, with settings that differ between rows as `{"rows": [...]}`."""
    tree: dict[str, object] = _collapsed(batch.to_dict())
    return tree


def _collapsed(value: object) -> Any:
    if isinstance(value, Mapping):
        return {name: _collapsed(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    if value and isinstance(value[0], (list, Mapping)):  # the items of a list, or several schedules
        return [_collapsed(item) for item in value]
    return value[0] if len(set(value)) == 1 else {"rows": value}
