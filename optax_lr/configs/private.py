"""Messages about a file that a config or a command names: none depends on a private text in it.

An untrusted script may name any file below the working directory. Numbers, and the keys and words of trainers, make the plan,
which is what the user asked for; every other text of the file is private. Messages are therefore made twice: from the file, and
from a copy whose private texts are placeholders. Only messages of the copy are shown, where they match those of the file, and
without the placeholders.
"""

from __future__ import annotations

import ast
import functools
import importlib.resources
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from optax_lr.interop.transformers import BY_METRIC
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.python.constructors import FUNCTIONS, OPTIMIZERS, SCHEDULES, TRAINING_ARGUMENTS, TRL
from optax_lr.sources.source import Program
from optax_lr.text import words
from optax_lr.trainers.known import all_keys
from optax_lr.trainers.settings import SETTING_NAMES
from optax_lr.trainers.transformers import KEYWORDS

UNUSABLE = "cannot be used; read that file itself to see why"
_Made = TypeVar("_Made")
_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PLACEHOLDER = re.compile(r"<text \d+>")
_HIDDEN = r"<text \d+>(?:[()='\"]*<text \d+>)*(?:\(\))?"
# What a message says in place of a private text.
_PLAIN = (
    (rf"(?<=\w)={_HIDDEN}", ""),  # learning_rate=f(x) is not a literal
    (rf" \({_HIDDEN}, \.\.\.\)", ""),  # learning_rate, ..., warmup_ratio (f(x), ...) are not literals
    (rf" is {_HIDDEN}, which is not a literal", " is not a literal"),
    (rf" is {_HIDDEN}(?=; give the number of training examples)", " is computed from the data"),
    (rf", not '?{_HIDDEN}'?", ", not a text"),
    (rf" is '?{_HIDDEN}'?, the default of (?!<)", " is the default of "),
    (rf"the default of {_HIDDEN}", "a default of the script"),
    (rf" is '?{_HIDDEN}'?, a default of", " is a default of"),
    (rf"^(\w+): {_HIDDEN} is not found", r"\1: the file is not found"),
    (rf"^{_HIDDEN} in line", "the code in line"),
    (rf"\*\*{_HIDDEN} of the call", "a mapping that the call unpacks"),
    (rf" the rate of {_HIDDEN} in line", " the rate in line"),
    (rf" is imported from {_HIDDEN}, which is not read", " is imported from another file, which is not read"),
    (rf"^{_HIDDEN} is taken to have", "a loader is taken to have"),
    (rf" changes in {_HIDDEN}, for", " changes, for"),
    (rf" under [^;]*{_HIDDEN}[^;]*", " under its other keys"),
)
# Words that trainers know as values, and keys that are not stored as those of a trainer. One that is missing here is replaced in
# messages, and nothing else changes.
_WORDS = words(
    "True False None "
    "true false yes no none null auto best minimize maximize min max log sqrt kto ppo grpo orpo rm pt qlora full freeze rex "
    "one_cycle wsd params training num_cycles power _component_ num_warmup_steps epochs extends _base_ inherit inherits include "
    "includes defaults train_size train_sample_size num_samples num_train_samples max_examples num_examples max_train_examples "
    "sample_size data_fraction train_ratio "
    "Adafactor Prodigy relative_step=False relative_step=True warmup_init=False"
)


@functools.cache
def _public() -> frozenset[str]:
    return _WORDS.union(SETTING_NAMES, all_keys(), KEYWORDS, *KEYWORDS.values(), BY_METRIC)


@functools.cache
def _key_parts() -> frozenset[str]:
    """The words in the keys of trainers, such as `batch` and `epochs`."""
    return frozenset(part for key in all_keys() for part in re.split(r"[._-]", key)) | {"args", "cfg"}


@functools.cache
def _vocabulary() -> frozenset[str]:
    """The words of the notes about Python scripts, from the texts in their reader; other words of a note are those of a script."""
    found = {*SCHEDULES, *OPTIMIZERS, *FUNCTIONS, *TRAINING_ARGUMENTS, *TRL}
    found.update(name.rpartition(".")[2] for name in SCHEDULES)
    for file in importlib.resources.files("optax_lr.sources.python").iterdir():
        tree = ast.parse(file.read_text("utf-8") if file.name.endswith(".py") else "")
        nodes = (
            node
            for parent in ast.walk(tree)
            if not isinstance(parent, ast.Expr)
            for node in ast.iter_child_nodes(parent)
        )
        texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
        found.update(word for text in texts if " " in text for word in re.findall(r"[A-Za-z][\w'-]*", text))
    return frozenset(found)


def _is_name(word: str) -> bool:
    """Whether a word of a note is the name of a setting: `--num_epochs`, `args.batch_size`."""
    return all(part.isalpha() and part in _key_parts() for part in re.split(r"[._-]", _bare(word)))


def _bare(word: str) -> str:
    """A name without its marks in a note."""
    return word.rstrip(":'\"").lstrip("'\"").removeprefix("--").removesuffix("()")


def words_of(program: Program) -> Iterator[str]:
    """The words of a command, which the user reads, so that they are not private in a file that it names."""
    for option, value in program.options.items():
        yield option
        yield from [value] if isinstance(value, str) else value
    for word in program.positional:
        yield from word.split("=", 1)


class Disguise:
    """Replaces the private texts of one file; equal texts get equal placeholders. The words in `known` are not private.

    In a Python `script`, keys are arguments of calls, and those that its reader knows are not private either.
    """

    def __init__(self, known: Iterable[str] = (), *, script: bool = False) -> None:
        self._known, self._script = frozenset(known), script
        self._placeholders: dict[str, str] = {}

    def mapping(self, values: Mapping[str, object]) -> dict[str, object]:
        """The keys and values of the file.

        >>> Disguise().mapping({"learning_rate": "fast", "password": 5, "lr_scheduler_type": "cosine"})
        {'learning_rate': '<text 1>', '<text 2>': 5, 'lr_scheduler_type': 'cosine'}
        """
        return {self.key(str(key)): self.of(item) for key, item in values.items()}

    def key(self, key: str) -> str:
        """A key of the file: itself where it is made of the words in keys of trainers, or is an argument of a known call."""
        if key.startswith("**"):  # a mapping that a call unpacks
            return f"**{self.text(key[2:])}"
        return key if _is_name(key) or (self._script and key in _vocabulary()) else self.word(key)

    def of(self, value: object) -> object:
        """A value of the file, with the values and keys in it."""
        if isinstance(value, Mapping):
            return {
                self.key(key) if isinstance(key, str) else self.of(key): self.of(item) for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.of(item) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.word(str(value))

    def word(self, word: str) -> str:
        """A word of the file: itself where it is a number or a word of the trainers, else its placeholder."""
        if word in _public() or word in self._known or _NUMBER.fullmatch(word):
            return word
        return ",".join(map(self.text, word.split(",")))  # the names of several data sets are counted

    def note(self, note: str) -> str:
        """A note about a Python script.

        >>> Disguise().note("args.batch_size is 8, the default of hunter2()")
        'args.batch_size is 8, the default of <text 1>()'
        """
        parts = re.split(r"([\s,;:()=]+)", note)
        return "".join(
            part if not part or number % 2 or part in _vocabulary() or self._names(part) else self.word(part)
            for number, part in enumerate(parts)
        )

    def _names(self, word: str) -> bool:
        """Whether a word of a note is the name of a setting, or of an option of the script: `args.total_rows`."""
        return all(part in self._known or _is_name(part) for part in _bare(word).split("."))

    def expression(self, text: str) -> str:
        """The placeholder of an expression; the expression itself where it is made of names of settings and numbers.

        What begins as no expression does was written by the reader of scripts.

        >>> Disguise().expression("args.max_train_steps * 4"), Disguise().expression("hunter2")
        ('args.max_train_steps * 4', '<text 1>')
        >>> Disguise().expression("the optimizer's lr")
        "the optimizer's lr"
        """
        if text.startswith("the "):
            return self.note(text)
        named = all(_is_name(part) or _NUMBER.fullmatch(part) for part in re.findall(r"[\w.]+", text))
        return text if named and not re.search(r"[^\w.\s()+*/-]", text) else self.text(text)

    def text(self, text: str) -> str:
        """The placeholder of a text."""
        return self._placeholders.setdefault(text, f"<text {len(self._placeholders) + 1}>")


def plain(message: str) -> str:
    """A message of a copy without the details that it hides; dots where they are needed.

    >>> plain("learning_rate=<text 3> is not a literal; give its value"), plain("<text 1> is <text 2>")
    ('learning_rate is not a literal; give its value', '... is ...')
    """
    return re.sub(_HIDDEN, "...", _without_details(message))


def _without_details(message: str) -> str:
    """A message of a copy without the details that it hides, where it needs none of them."""
    for hidden, instead in _PLAIN if "<text " in message else ():
        message = re.sub(hidden, instead, message)
    return message


def matching(message: str, others: Iterable[str]) -> str | None:
    """The first of `others` that equals `message` if each placeholder replaces a text, or None."""
    return next((other for other in others if _matches(message, _PLACEHOLDER.split(other))), None)


def _matches(message: str, pieces: list[str]) -> bool:
    """Whether `message` is these pieces with any texts between them, found in time proportional to its length."""
    first, *middle = pieces
    if not middle:
        return message == first
    end = len(message) - len(middle[-1])
    if not (message.startswith(first) and message.endswith(middle[-1])):
        return False
    position = len(first)
    for piece in middle[:-1]:
        position = message.find(piece, position, end)
        if position < 0:
            return False
        position += len(piece)
    return position <= end


def both(real: Callable[[], _Made], copy: Callable[[], _Made], name: str, source: str) -> tuple[_Made, _Made | None]:
    """What the file `name`, which `source` names, gives, and what its copy gives, or None if that is an error.

    Raises:
        ConfigError: the error of the file in the words of the copy.
    """
    made, said = None, ""
    try:
        made = copy()
    except ConfigError as error:
        said = str(error)
    try:
        return real(), made
    except ConfigError as error:
        found = matching(str(error), [said])
        raise type(error)(f"{source}: {name} {UNUSABLE}" if found is None else plain(found)) from None


def shown_notes(name: str, notes: Iterable[str], others: Sequence[str]) -> tuple[str, ...]:
    """Notes about the file `name`, as the copy of the file gives them; the rest are counted."""
    found = [matching(note, others) for note in notes]
    told = [plainer for note in found if note and not _PLACEHOLDER.search(plainer := _without_details(note))]
    told = [f"{name}: {note}" if re.search(r"\bline \d", note) and name not in note else note for note in told]
    hidden = len(found) - len(told)
    more = f"{name}: {hidden} more note{'s' * (hidden > 1)} would quote it; read that file itself"
    return (*told, *([more] if hidden else []))
