"""Convert docstrings to Markdown for the reference: examples become code blocks, and sections of fields become lists."""

from __future__ import annotations

import re
from typing import Any

import griffe

import optax_lr


class Markdown(griffe.Extension):
    """The extension that mkdocstrings applies to every documented object."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of `obj`, if it has one, and show its annotations as they are written."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
        if isinstance(obj, griffe.Function):
            written = getattr(getattr(optax_lr, obj.name, None), "__annotations__", {})
            for parameter in obj.parameters:
                parameter.annotation = written.get(parameter.name, parameter.annotation)


def as_markdown(text: str) -> str:
    """`text` with fences around its doctests; lines `name: meaning` of a section become a list."""
    parts = []
    for part in re.split(r"\n\n(?!    )", text):
        heading, _, rest = part.partition("\n")
        if part.startswith(">>> "):
            parts.append(f"```pycon\n{part}\n```")
        elif heading.startswith(("Fields:", "Args:", "Raises:")) and rest:
            name, _, more = heading.partition(":")
            parts += [f"**{name}**:{more}", re.sub(r"(?m)^    ([\w*][\w*, ]*): ", r"- `\1`: ", rest)]
        elif heading == "Returns:":
            parts.append(f"**Returns**: {' '.join(rest.split())}")
        else:
            parts.append(part)
    return "\n\n".join(parts)
