"""The Python script that loads a config file itself, and may set what the file does not say."""

from __future__ import annotations

import contextlib
import itertools
import re
from pathlib import Path

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import text_of

_LOADS = re.compile(r"\b(?:json|yaml|toml|tomllib|tomli|OmegaConf)\.\w*load")
# These parsers make training arguments of a file, with nothing added.
_PARSERS = re.compile(r"HfArgumentParser|TrlParser|parse_(?:json|yaml)_file")
_MOST = 50  # scripts that are looked into


def note_on_script(path: Path) -> str | None:
    """The note on a script next to a file, or in the folder above, that loads the file itself; None for no such script."""
    named = re.compile(rf"""["'](?:[^"'\n]*/)?{re.escape(path.name)}["']""")
    with contextlib.suppress(OSError):
        scripts = itertools.chain(*(sorted(folder.glob("*.py")) for folder in (path.parent, path.parent.parent)))
        for script in itertools.islice(scripts, _MOST):
            with contextlib.suppress(ConfigError):
                text = text_of(str(script))
                if named.search(text) and _LOADS.search(text) and not _PARSERS.search(text):
                    return f"{script} loads this file itself, and may set more, such as the schedule; read that script, too"
    return None
