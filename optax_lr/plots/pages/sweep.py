"""The page of a sweep: its rows are chosen by their settings, and drawn as bands or one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from optax_lr.batches import Mixed
from optax_lr.identification.exact import exact_rates
from optax_lr.plots.pages.functions import javascript_of
from optax_lr.plots.pages.page import Page, filled
from optax_lr.plots.scale import is_wide
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
    members = list(_rows_of_kinds(batch[rows], names))
    peaks = exact_rates(batch[rows], np.linspace(0, steps - 1, 101).round()).max(axis=-1)
    kinds = javascript_of(part[0] for part, _ in members)
    summary = f"{total:,} curves of {steps:,} optimizer steps."
    if len(rows) < total:
        summary += f" The page has {len(rows):,} of them, evenly spread over the rows."
    groups = []
    for part, own in members:
        configs = list(dict.fromkeys(own))
        configs = configs if len(configs) == 1 else list(own)
        groups.append({"tree": _collapsed(part.to_dict()), "size": len(part), "configs": configs})
    data = {"groups": groups, "last": max(1, steps - 1), "pastEnd": past_end, "isWide": is_wide(peaks)}
    return filled("sweep.html", "A sweep of learning-rate schedules", summary=summary, kinds=kinds, sweep=data)


def _rows_of_kinds(batch: Schedule, names: np.ndarray) -> Iterator[tuple[Schedule, np.ndarray]]:
    """The rows of each kind, and where these are from."""
    if not isinstance(batch, Mixed):
        yield batch, names
        return
    kind = np.asarray(batch.member)
    for number, member in enumerate(batch.schedules):
        own = np.flatnonzero(kind == number)
        if own.size:
            yield member[own], names[own]


def _collapsed(value: object) -> object:
    """What `to_dict` gave, with each setting that differs between rows as `{"rows": [...]}`."""
    if isinstance(value, Mapping):
        return {name: _collapsed(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    if value and isinstance(value[0], (list, Mapping)):  # the items of a list, or several schedules
        return [_collapsed(item) for item in value]
    return value[0] if len(set(value)) == 1 else {"rows": value}
