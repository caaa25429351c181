"""A Jupyter notebook: the table of a transformers Trainer, or the dictionaries that it printed."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import IO, Any

from optax_lr.configs import ConfigError
from optax_lr.logs import hf_console
from optax_lr.logs.columns import Builder, column_of
from optax_lr.logs.formats import Format, Found
from optax_lr.sources.files import check_parts

LARGEST = 2**24  # characters of a notebook
_ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.DOTALL)


def table_rows(text: str) -> Iterator[dict[str, str]]:
    """The rows of an HTML table whose first row names a step."""
    names: list[str] = []
    for row in _ROW.findall(text):
        cells = [html.unescape(cell).strip() for cell in _CELL.findall(row)]
        if any((found := column_of(cell)) and found[0] == "step" for cell in cells):
            names = cells
        elif names and len(cells) == len(names):
            yield dict(zip(names, cells, strict=True))


def _outputs(notebook: Any) -> Iterator[tuple[str, str]]:
    """The kind and the text of each output."""
    for cell in notebook.get("cells", ()):
        for output in cell.get("outputs", ()) if isinstance(cell, dict) else ():
            data = output.get("data", {})
            for kind, text in (("html", data.get("text/html")), ("text", output.get("text"))):
                if text:
                    yield kind, "".join(text) if isinstance(text, list) else str(text)


def _read(file: IO[str], source: str, builder: Builder) -> Found:
    text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ConfigError(f"{source}: a notebook of more than {LARGEST:,} characters; give trainer_state.json instead")
    check_parts(source, text)
    try:
        outputs = list(_outputs(json.loads(text)))
    except (ValueError, RecursionError, AttributeError, TypeError):
        raise ConfigError(f"{source}: this notebook is damaged; give trainer_state.json of the run instead") from None
    for kind, text in outputs:
        if kind == "html":
            for row in table_rows(text):
                builder.add(row)
    if not len(builder):
        printed = "\n".join(text for kind, text in outputs if kind == "text")
        return hf_console.read_entries(printed.replace("\r", "\n").splitlines(), builder)
    return {}, []


FORMAT = Format(
    "notebook",
    lambda head: head.startswith("{") and ('"cells"' in head or '"nbformat"' in head) and '"log_history"' not in head,
    _read,
)
