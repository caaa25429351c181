"""Training commands in a shell script: read, never run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

from optax_lr.configs.shell_text import MARK, QUOTED, shown, simple_commands
from optax_lr.sources.errors import ConfigError
from optax_lr.trainers.settings import SETTING_NAMES

_ASSIGNMENT = re.compile(r"(?s)(?:(?:export|declare|local|readonly|typeset)\s+(?:-\w+\s+)*)?([A-Za-z_]\w*)(\+?)=(.*)")
# After a space, so that a value with an arrow in it stays; quoted ones with a space before are not worth the trouble.
_REDIRECTION = re.compile(r"(?:(?<=\s)|^)(?:\d*|&)(?:>>?|<)(?:&\d|\s*[^\s&|;]+)")
_OPENS, _CLOSES = {"if", "for", "while", "until", "case"}, {"fi", "done", "esac"}
_SCHEDULE = SETTING_NAMES - {"streaming", "max_samples", "val_size", "gradient_accumulation_steps", "ppo_buffer_size"}


class Command(NamedTuple):
    """The options of one training command, and the line of each."""

    values: dict[str, Any]
    lines: dict[str, int]
    ignored: tuple[tuple[str, str], ...]


def commands_of(source: str, text: str) -> list[Command]:
    """The training commands of a script: those that give an option of a schedule.

    Variables with a literal value are replaced. Errors: `ConfigError`, one line, where an option that decides the schedule
    has a value that the script does not say, and where quotes are not closed.

    >>> commands_of("a.sh", "LR=2e-5\\ntorchrun train.py --learning_rate $LR \\\\\\n  --max_steps=10")[0].values
    {'learning_rate': '2e-5', 'max_steps': '10'}
    """
    known: dict[str, list[str] | None] = {}
    found, depth = [], 0
    for start, raw in simple_commands(source, text):
        words = raw.split()
        depth += sum(word in _OPENS for word in words[:1]) - sum(word in _CLOSES for word in words[:1])
        if words and words[0] in ("do", "then", "else", "elif", "{", "time", "exec", "nohup"):
            raw = raw.split(None, 1)[1] if len(words) > 1 else ""
        if words and words[0] == "for" and len(words) > 1:
            known[words[1]] = None
            continue
        assigned = _ASSIGNMENT.fullmatch(raw.strip())
        if assigned and _is_assignment(assigned[3]):
            name, plus, value = assigned.groups()
            made = _words_of(source, start, value.strip()[1:-1] if value.strip().startswith("(") else value, known)
            if plus and made is not None and known.get(name) is not None:
                made = known[name] + made  # type: ignore[operator]
            # A value that holds in one branch only is not known.
            known[name] = made if depth <= 0 or known.get(name, made) == made else None
            continue
        command = _command(source, start, raw, text, known)
        if command is not None:
            found.append(command)
    return found


def options_of(words: Sequence[str], source: str = "<command line>") -> Command:
    """The options of a command line: `--key value`, `--key=value`, and `--flag`; the last of a name counts.

    >>> options_of(["--learning-rate", "2e-5", "--bf16", "--max_steps=-1"]).values
    {'learning_rate': '2e-5', 'bf16': 'true', 'max_steps': '-1'}
    """
    if not all(isinstance(word, str) for word in words):
        raise ConfigError(f"{source}: a command line is a list of text, such as ['--learning_rate', '2e-5']")
    values: dict[str, Any] = {}
    twice: list[tuple[str, str]] = []
    key = None
    for word in _after_script(list(words)):
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            key = name.replace("-", "_")
            if key in values:
                twice.append((key, f"given twice; the last counts, not {_plain(values[key])}"))
            values[key] = value if equals else []
            key = None if equals else key
        elif key is not None:
            values[key].append(word)
    return Command({name: _plain(value) for name, value in values.items()}, {}, tuple(twice))


def _plain(value: Any) -> Any:
    """The word of an option that has one, "true" for a flag."""
    if not isinstance(value, list) or len(value) > 1:
        return value
    return value[0] if value else "true"


def _after_script(words: list[str]) -> list[str]:
    """Without the options of the launcher, which stand before the script's name."""
    for place, word in enumerate(words):
        if word.endswith(".py") or word in ("llamafactory-cli", "trl"):
            return words[place + 1 :]
    modules = [place for place, word in enumerate(words[:-1]) if word in ("-m", "--module")]
    return words[modules[-1] + 2 :] if modules and not words[0].startswith("--") else words


def _command(source: str, start: int, raw: str, text: str, known: dict[str, list[str] | None]) -> Command | None:
    if "--" not in raw and MARK.search(raw) is None and "llamafactory-cli" not in raw:
        return None
    words: list[str] = []
    for word in _split(source, start, _REDIRECTION.sub(" ", raw)):
        words += _expanded(word, known)
    given = options_of(words)
    if not _SCHEDULE & given.values.keys():
        for word in words:
            if "llamafactory-cli" in words and word.endswith((".yaml", ".yml", ".json")):
                raise ConfigError(
                    f"{source}: the settings of the command in line {start} are in {word}; read that file"
                )
        return None
    unknown = [key for key in given.values if key in SETTING_NAMES and MARK.search(str(given.values[key]))]
    if unknown:
        what = ", ".join(f"--{key} {MARK.sub(shown, str(given.values[key]))}" for key in unknown)
        raise ConfigError(
            f"{source}: the script does not say what {what} in the command of line {start} is; write the value out"
        )
    values = {key: _shown_in(value) for key, value in given.values.items()}
    lines: dict[str, int] = {}
    rows = list(enumerate(text.splitlines(), 1))
    # From the command on; an option that is not there stands in a variable that was set before.
    for number, line in rows[start - 1 :] + rows[: start - 1]:
        for key in re.findall(r"--([\w-]+)", "" if line.lstrip().startswith("#") else line):
            lines.setdefault(key.replace("-", "_"), number)
    return Command(values, {key: lines[key] for key in values if key in lines}, given.ignored)


def _is_assignment(value: str) -> bool:
    """Whether nothing follows the value: `A=1 python train.py` is a command with a variable of its own."""
    if value.startswith("("):
        return True
    try:
        return len(shlex.split(value)) <= 1
    except ValueError:
        return True


def _split(source: str, start: int, raw: str) -> list[str]:
    try:
        return shlex.split(raw)
    except ValueError as error:
        raise ConfigError(f"{source}: the command in line {start} cannot be read: {error}") from None


def _words_of(source: str, start: int, value: str, known: dict[str, list[str] | None]) -> list[str] | None:
    words = [part for word in _split(source, start, value) for part in _expanded(word, known)]
    return None if any(MARK.search(word) for word in words) and len(words) == 1 else words


def _expanded(word: str, known: dict[str, list[str] | None]) -> list[str]:
    """`word` with the variables that are known; one that stands alone and unquoted may become several words."""
    alone = MARK.fullmatch(word)
    if alone:
        value = _value(alone[1], known)
        if value is not None:
            array = "[" in alone[1]
            return value if array or word[0] == QUOTED else [part for item in value for part in _loose(item)]
        return [word]

    def put(mark: re.Match[str]) -> str:
        value = _value(mark[1], known)
        return mark[0] if value is None else " ".join(value)

    return [MARK.sub(put, word)]


def _loose(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _value(inner: str, known: dict[str, list[str] | None]) -> list[str] | None:
    name = re.match(r"\w+", inner)
    if name is None:
        return None
    rest, value = inner[name.end() :], known.get(name[0])
    if rest[:2] in (":-", ":=") or rest[:1] in ("-", "="):
        default = rest.lstrip(":")[1:]
        return value if value is not None else None if name[0] in known or "$" in default else [default]
    return value if rest in ("", "[@]", "[*]") else None


def _shown_in(value: Any) -> Any:
    if isinstance(value, list):
        return [MARK.sub(shown, item) for item in value]
    return MARK.sub(shown, value)
