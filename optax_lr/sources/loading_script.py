"""The Python script that loads a config file itself, and may set what the file does not say."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.files import text_of
from optax_lr.sources.source import Source

_LOADS = re.compile(r"\b(?:json|yaml|toml|tomllib|tomli|OmegaConf)\.\w*load")
# These parsers make training arguments of a file, with nothing added.
_PARSERS = re.compile(r"HfArgumentParser|TrlParser|parse_(?:json|yaml)_file")
_HYDRA = re.compile(r"@hydra\.main\(([^()]*)\)")
# Names of scripts that do something else with a config than to train.
_NO_TRAINING = re.compile(
    r"(?:^|_)(?:eval\w*|test\w*|infer\w*|predict\w*|gen\w*|demo|export\w*|plot\w*|convert\w*|download\w*|preprocess\w*|upload\w*)"
    r"(?:_|$)"
)
_MOST = 50  # scripts that are looked into


def note_on_script(path: Path) -> str | None:
    """The note on a script next to a file, or in the folder above, that loads the file itself; None for no such script."""
    for script, text in _scripts(path):
        if _loads(path, text) and not _PARSERS.search(text):
            return f"{script} loads this file itself, and may set more, such as the schedule; read that script, too"
    return None


def program_of(source: Source) -> str:
    """The script next to a file, or in the folder above, that loads the file itself or by Hydra; empty for none."""
    if source.folder is None or not source.name or source.program or source.form not in ("yaml", "json", "toml"):
        return ""  # a command names its program
    path = source.folder / Path(source.name.partition("#")[0]).name
    return next(
        (str(script) for script, text in _scripts(path) if _loads(path, text) or _by_hydra(path, script, text)), ""
    )


def _scripts(path: Path) -> Iterator[tuple[Path, str]]:
    """The scripts that may train, next to a file and in the folder above, with their texts."""
    with contextlib.suppress(OSError):
        scripts = itertools.chain(*(sorted(folder.glob("*.py")) for folder in (path.parent, path.parent.parent)))
        training = (script for script in scripts if not _NO_TRAINING.search(script.stem))
        for script in itertools.islice(training, _MOST):
            with contextlib.suppress(ConfigError):
                yield script, text_of(str(script))


def _loads(path: Path, text: str) -> bool:
    """Whether a script names a file and loads configs."""
    named = re.search(rf"""["'](?:[^"'\n]*/)?{re.escape(path.name)}["']""", text)
    return named is not None and _LOADS.search(text) is not None


def _by_hydra(path: Path, script: Path, text: str) -> bool:
    """Whether the decorator of a script names the file as its config, in the folder of the file where it says that."""
    for call in _HYDRA.finditer(text):
        options = dict(re.findall(r"""(config_\w+)\s*=\s*["']([^"'\n]*)["']""", call[1]))
        folder = options.get("config_path")
        if options.get("config_name", "").removesuffix(".yaml") == path.stem and (
            folder is None or (script.parent / folder).resolve() == path.parent.resolve()
        ):
            return True
    return False
