"""JSON logs, read an entry at a time: a Trainer's state, a file of one object a line, a list of objects."""

from __future__ import annotations

import json
import re
from typing import IO

from optax_lr.configs import ConfigError
from optax_lr.logs.columns import Builder
from optax_lr.logs.formats import LARGEST_LINE, Format, Found, lines
from optax_lr.text import counted

CHUNK = 2**20
LARGEST_HEAD = 2**22  # characters before the entries, such as the state of callbacks
_HISTORY = re.compile(r'"log_history"\s*:\s*\[')
_GAP = re.compile(r"[\s,]*")
_OBJECT = re.compile(r"\{\s*[\"}]")
_LINE_HEADER = ("total_steps", "max_steps")


def read_state(file: IO[str], source: str, builder: Builder) -> Found:
    """`trainer_state.json`: the keys around `log_history`, and notes; its entries are added to the builder."""
    text = ""
    while not (match := _HISTORY.search(text)):
        more = file.read(CHUNK)
        if not more:
            raise ConfigError(f"{source}: {_other_keys(text)}")
        text += more
        if len(text) > LARGEST_HEAD:
            raise ConfigError(
                f"{source}: no log_history in the first {LARGEST_HEAD:,} characters; is it the right file?"
            )
    before, text = text[: match.start()], text[match.end() :]
    rest = _entries(file, text, source, builder)
    if rest is None:
        return _header(before + '"log_history": null}') or {}, ["the file breaks off; its complete entries are read"]
    while more := file.read(CHUNK):
        rest += more
        if len(rest) > LARGEST_HEAD:
            break
    header = _header(f'{before}"log_history": null{rest}')
    if header is None:
        return _header(before + '"log_history": null}') or {}, ["the file breaks off after its log"]
    return header, []


def _header(text: str) -> dict[str, object] | None:
    """The plain values of an object whose text may end early, behind a comma; None for any other text."""
    for attempt in (text, re.sub(r",\s*}$", "}", text)):
        try:
            value = json.loads(attempt)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if isinstance(item, (str, int, float, bool))}
    return None


def read_list(file: IO[str], source: str, builder: Builder) -> Found:
    """A JSON list of entries, such as a Trainer's `log_history` by itself."""
    text = file.read(CHUNK)
    rest = _entries(file, text[text.index("[") + 1 :], source, builder)
    return {}, ["the file breaks off; its complete entries are read"] if rest is None else []


def _entries(file: IO[str], text: str, source: str, builder: Builder) -> str | None:
    """Reads entries up to the end of the list, and gives what follows it; None where the file ends before."""
    decoder, at = json.JSONDecoder(), 0
    while True:
        at = _GAP.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing too
        if text[at : at + 1] == "]":
            return text[at + 1 :]
        try:
            entry, end = decoder.raw_decode(text, at)
        except RecursionError:
            raise ConfigError(f"{source}: an entry of the log is nested too deeply") from None
        except ValueError:
            text, at = text[at:], 0
            if len(text) > LARGEST_LINE:
                raise ConfigError(f"{source}: an entry of the log is not JSON: {text[:40]!r}") from None
            more = file.read(CHUNK)
            if not more:
                return None
            text += more
            continue
        if isinstance(entry, dict):
            builder.add(entry)
        at = end


def read_lines(file: IO[str], source: str, builder: Builder) -> Found:
    """One object a line, as LLaMA-Factory's `trainer_log.jsonl`, W&B's history or this library's monitor."""
    header: dict[str, object] = {}
    broken = 0
    for line in lines(file, source, builder):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            broken += 1
            continue
        if isinstance(entry, dict):
            header |= {name: entry[name] for name in _LINE_HEADER if name in entry}
            builder.add(entry)
    return header, [f"{counted(broken, 'line')} ignored: no JSON"] if broken else []


_GIVE = "give trainer_state.json, which lies in the run's output folder and in each of its checkpoints"


def _other_keys(text: str) -> str:
    """The likely contents of a JSON object without entries, from its keys."""
    try:
        keys = list(json.loads(text))[:5]
    except (ValueError, RecursionError):
        return f"no log_history is in it; {_GIVE}"
    names = ", ".join(f"{key!s:.40}" for key in keys)
    return f"no log_history is in it, so that it is not a state of a Trainer (its keys are {names}); {_GIVE}"


def _one_a_line(head: str) -> bool:
    """The first line is an object by itself, not the beginning of one."""
    first = head.split("\n", 1)[0].rstrip()
    return _OBJECT.match(first) is not None and first.endswith("}") and '"log_history"' not in first


STATE = Format("trainer_state", lambda head: _OBJECT.match(head) is not None and not _one_a_line(head), read_state)
LIST = Format("log_history", lambda head: re.match(r"\[\s*[{\]]", head) is not None, read_list)
TRAINER_LOG = Format("trainer_log", lambda head: _one_a_line(head) and '"current_steps"' in head, read_lines)
LINES = Format("jsonl", _one_a_line, read_lines)
