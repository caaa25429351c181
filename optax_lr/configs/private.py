"""Messages about a file that a config or a command names: none depends on a private text in it.

An untrusted script may name any file below the working directory. Numbers, and the keys and words of trainers, make the plan,
which is what the user asked for; every other text of the file is private. Messages are therefore made twice: from the file, and
from a copy whose private texts are placeholders. Only messages of the copy are shown, where they match those of the file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from optax_lr.interop.transformers import BY_METRIC
from optax_lr.sources.errors import ConfigError
from optax_lr.text import words
from optax_lr.trainers.known import all_keys
from optax_lr.trainers.settings import SETTING_NAMES
from optax_lr.trainers.transformers import KEYWORDS

UNUSABLE = "cannot be used; read that file itself to see why"
_Made = TypeVar("_Made")
_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PLACEHOLDER = re.compile(r"<text \d+>")
# Words that trainers know as values, and keys that are not stored as those of a trainer. One that is missing here is replaced in
# messages, and nothing else changes.
_WORDS = words(
    "true false yes no none null auto best minimize maximize min max log sqrt kto ppo grpo orpo rm pt qlora full freeze rex "
    "one_cycle wsd params training num_cycles power _component_ num_warmup_steps epochs "
    "Adafactor Prodigy relative_step=False relative_step=True warmup_init=False"
)
# Words of the notes about Python scripts, in which every other word is a text of the script.
_ENGLISH = words(
    "a accelerate after all among an and another any are argument arguments as at batched batches be before belongs branch by "
    "call caller calls change changed command curve data default defaults devices divides does each effect ends environment "
    "epoch examples fixes for from give gives group had hand has have if imported in is it its itself keep known last later "
    "learning least left line lines made make makes may model more name needs no none not number of once one only optimizer "
    "optimizers or other others out over own package packed packing parameters part place plan prepared process processes rate "
    "rates read replace replaced replaces results rows rules run runs same schedule scheduler schedules script selected set sets "
    "settings several smaller so some split starts step stepped steps such table taken test than that the there these this those "
    "to training trains trial under unit up value values was what when which with without"
)


@functools.cache
def _public() -> frozenset[str]:
    return _WORDS.union(SETTING_NAMES, all_keys(), KEYWORDS, BY_METRIC)


@functools.cache
def _key_parts() -> frozenset[str]:
    """The words in the keys of trainers, such as `batch` and `epochs`."""
    return frozenset(part for key in all_keys() for part in re.split(r"[._-]", key)) | {"args", "cfg"}


def _is_name(word: str) -> bool:
    """Whether a word of a note is the name of a setting: `--num_epochs`, `args.batch_size`."""
    name = word.rstrip(":'\"").lstrip("'\"").removeprefix("--").removesuffix("()")
    return all(part.isalpha() and part in _key_parts() for part in re.split(r"[._-]", name))


class Disguise:
    """Replaces the private texts of one file; equal texts get equal placeholders. The words in `known` are not private."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = frozenset(known)
        self._placeholders: dict[str, str] = {}

    def mapping(self, values: Mapping[str, object]) -> dict[str, object]:
        """The keys and values of the file.

        >>> Disguise().mapping({"learning_rate": "fast", "password": 5, "lr_scheduler_type": "cosine"})
        {'learning_rate': '<text 1>', '<text 2>': 5, 'lr_scheduler_type': 'cosine'}
        """
        return {self.word(str(key)): self.of(item) for key, item in values.items()}

    def of(self, value: object) -> object:
        """A value of the file, with the values and keys in it."""
        if isinstance(value, Mapping):
            return {self.of(key): self.of(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.of(item) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.word(str(value))

    def word(self, word: str) -> str:
        """A word of the file: itself where it is a number or a word of the trainers, else its placeholder."""
        public = word in _public() or word in self._known or _NUMBER.fullmatch(word)
        return word if public else self.text(word)

    def note(self, note: str) -> str:
        """A note about a Python script.

        >>> Disguise().note("args.batch_size is 8, the default of hunter2()")
        'args.batch_size is 8, the default of <text 1>'
        """
        parts = re.split(r"([\s,;]+)", note)
        return "".join(
            part if not re.search(r"[^\s,;]", part) or part in _ENGLISH or _is_name(part) else self.word(part)
            for part in parts
        )

    def expression(self, text: str) -> str:
        """The placeholder of an expression; the expression itself where it is made of names of settings and numbers.

        >>> Disguise().expression("args.max_train_steps * 4"), Disguise().expression("hunter2")
        ('args.max_train_steps * 4', '<text 1>')
        """
        named = all(_is_name(part) or _NUMBER.fullmatch(part) for part in re.findall(r"[\w.]+", text))
        return text if named and not re.search(r"[^\w.\s()+*/-]", text) else self.text(text)

    def text(self, text: str) -> str:
        """The placeholder of a text."""
        return self._placeholders.setdefault(text, f"<text {len(self._placeholders) + 1}>")


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
        raise type(error)(matching(str(error), [said]) or f"{source}: {name} {UNUSABLE}") from None


def shown_notes(name: str, notes: Iterable[str], others: Sequence[str]) -> tuple[str, ...]:
    """Notes about the file `name`, as the copy of the file gives them; the rest are counted."""
    found = [matching(note, others) for note in notes]
    hidden = found.count(None)
    more = f"{name}: {hidden} more note{'s' * (hidden > 1)} would quote it; read that file itself"
    return (*(note for note in found if note is not None), *([more] if hidden else []))
