"""The commands in the docstring of a Python script, which show how it is started."""

from __future__ import annotations

import ast
import re

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.run_facts import filled_classes

_COMMAND = re.compile(r"(?m)^\s*(?:[A-Z_]+=\S+\s+)*(?:python3?|accelerate launch|torchrun|deepspeed)\s")
_QUOTES = re.compile(r"^[rRuU]?(?:\"{3}|'{3})|(?:\"{3}|'{3})$")


def docstring_commands(path: str, text: str) -> str:
    r"""The commands in the docstring of a script that is configured by its command line, in their lines; empty without one.

    >>> docstring_commands("t.py", "'''It trains.\npython t.py --lr 1\n'''\nHfArgumentParser(TrainingArguments)")
    '\npython t.py --lr 1\n'
    """
    if _COMMAND.search(text) is None:
        return ""
    try:
        script = Script(path, text)
    except ConfigError:
        return ""
    first = script.tree.body[0] if script.tree.body else None
    if ast.get_docstring(script.tree) is None or not isinstance(first, ast.Expr) or not any(filled_classes(script)):
        return ""
    if any(call.last.startswith("parse_") and call.given(("args",)).keys() & {"args"} for call in script.calls):
        return ""  # which may take other arguments than those of a command
    kept, inside = [""] * (first.lineno - 1), False
    for row in text.split("\n")[first.lineno - 1 : first.end_lineno]:
        row = re.sub(r"\\+\s*$", r"\\", _QUOTES.sub("", row))  # an escaped backslash is one, too
        if (
            not inside and re.match(r"\s*--?\w", row) and kept and kept[-1]
        ):  # an option behind a line without a backslash
            kept[-1], inside = f"{kept[-1]} \\", True
        inside = inside or _COMMAND.match(row) is not None
        kept.append(row if inside else "")
        inside = inside and row.endswith("\\")
    return "\n".join(kept) if any(kept) else ""
