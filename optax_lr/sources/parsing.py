"""From text to keys with values: YAML by the rules of either loader, or JSON, and the line of each key; and a value as YAML."""

from __future__ import annotations

import importlib
import io
import json
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from optax_lr.sources.errors import STATE, ConfigError
from optax_lr.sources.interpolation import has_resolver, require_plain, resolved

if TYPE_CHECKING:
    import yaml

_Made = TypeVar("_Made")

MOST_ALIASES = 50  # of YAML anchors; each alias is expanded to a copy
MOST_VALUES = 5_000
DEEPEST = 60
LARGEST_NUMBER = 1_000  # bits; a float holds 1,023
LONGEST_NUMBER = 1_000  # characters; the time to convert one grows with their square
_TEMPLATE = re.compile(r"\{\{[^{}\n]{0,60}\}\}|\{%[^%\n]{0,60}%\}|<%[^%\n]{0,60}%>")  # what a program is to replace
_HYPERPYYAML = re.compile(r"!(?:new|apply|applyref|name|module|ref|copy|tuple|include)\b")


class Document(NamedTuple):
    """The keys of one document.

    Fields:
        values: every key, as PyYAML or json reads it.
        lines: the line of each key, from 1 in the whole file.
        twice: repeated keys of a YAML mapping, where PyYAML takes the last and OmegaConf refuses; each with a message.
    """

    values: dict[str, object]
    lines: Mapping[str, int]
    twice: tuple[tuple[str, str], ...]


def parse(name: str, text: str, *, is_json: bool = False, lines_before: int = 0) -> Document:
    """The document in `text`.

    Raises:
        ConfigError: for what cannot be parsed or would take long, for a tag that would construct an object, and for a key
            that JSON gives twice.
    """
    looks_json = is_json or text.lstrip().startswith("{")
    values = _with_plain_errors(name, text, lambda: _json(name, text, strict=is_json)) if looks_json else None
    keys = _Keys(name, lines_before)
    try:
        _with_plain_errors(name, text, lambda: keys.read(text), lines_before)
    except ConfigError:
        if values is None or _yaml_can_parse(text):
            raise
        keys = _Keys(name, 0)  # JSON that is not YAML, because of tabs
    if values is None:
        # By the loader that the trainers use: the one in C takes a tab after a colon, and they do not.
        values = _with_plain_errors(name, text, lambda: _yaml().load(text, Loader=_values_loader()), lines_before)
    if not isinstance(values, dict):
        rows = isinstance(values, list) and all(isinstance(row, dict) and "loss" in row for row in values[:2])
        log = "; it looks like a log, which audit reads" if rows and values else ""
        raise ConfigError(f"{name}: the file holds a {type(values).__name__}, not keys with values{log}")
    _require_numbers(name, values)
    return Document({str(key): value for key, value in values.items()}, keys.lines, tuple(keys.twice))


def scalar(value: object) -> str:
    """A value as YAML; a rate with a point, `5.0e-05`, which parsers of YAML 1.1 take for a number too."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {scalar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w./-]*", value) and value not in ("no", "yes", "on", "off"):
        return value
    return json.dumps(value)


def as_omegaconf(name: str, text: str, required: frozenset[str]) -> dict[str, object]:
    """The values of `text` as LLaMA-Factory reads them, by OmegaConf: `1e-4` is a number, `${learning_rate}` another key.

    Only the keys in `required` must resolve: paths and names often refer to variables of a shell. `require_plain` has
    passed the values.
    """
    import omegaconf

    def load() -> dict[str, object]:
        loaded = omegaconf.OmegaConf.load(io.StringIO(text))
        made = omegaconf.OmegaConf.to_container(loaded, resolve=False)
        assert isinstance(made, dict)  # or `parse` had refused it
        return {str(key): value for key, value in made.items()}

    try:
        return resolved(name, _with_plain_errors(name, text, load), required)
    except omegaconf.errors.OmegaConfBaseException as error:
        raise ConfigError(f"{name}: {str(error).splitlines()[0]}") from None


def unresolved(source: Mapping[str, object]) -> dict[str, object]:
    """A mapping as a plain dict. One of OmegaConf's, which would call resolvers when it is read, is not resolved."""
    if type(source).__module__.startswith("omegaconf."):
        import omegaconf

        source = omegaconf.OmegaConf.to_container(source, resolve=False)  # type: ignore[assignment]
        plain = {str(key): value for key, value in source.items()}
        require_plain("<mapping>", plain)
        return resolved("<mapping>", plain, frozenset(key for key in plain if not has_resolver(plain[key])))
    try:
        plain = {str(key): _without_arrays(value) for key, value in source.items()}
        _require_numbers("<mapping>", plain)
    except RecursionError:
        raise ConfigError("<mapping>: nested too deeply for a config, or holds itself") from None
    return plain


def _without_arrays(value: object) -> object:
    """A value with the arrays and scalars of NumPy and JAX in it as Python's own, which compare to one truth value."""
    if isinstance(value, Mapping):
        return {key: _without_arrays(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_without_arrays(item) for item in value]) if type(value) in (list, tuple) else value
    return value.tolist() if hasattr(value, "dtype") and hasattr(value, "tolist") else value


def _yaml() -> ModuleType:
    try:
        import omegaconf  # noqa: F401  it brings PyYAML, and both are needed

        return importlib.import_module("yaml")
    except ImportError:
        raise ImportError('reading config files needs OmegaConf: pip install "optax-lr[config]"') from None


def _loader() -> object:
    return getattr(_yaml(), "CSafeLoader", _yaml().SafeLoader)


def _values_loader() -> object:
    """The loader of the trainers, which takes `!include file`, as Levanter writes it, for the text that it is."""
    yaml = _yaml()
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!include", lambda made, node: f"!include {made.construct_scalar(node)}")  # type: ignore[attr-defined]
    return loader


def _with_plain_errors(name: str, text: str, work: Callable[[], _Made], lines_before: int = 0) -> _Made:
    """The result of `work` on a text; every error of a parser becomes one line."""
    try:
        return work()
    except ConfigError:
        raise
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply for a config") from None
    except _yaml().YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1 + lines_before}" if mark else ""
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        filled_in = _TEMPLATE.search("\n".join(text.splitlines()[mark.line - 1 : mark.line + 1] if mark else ()))
        if filled_in:
            raise ConfigError(
                f"{name}: a template, whose {filled_in[0]}{where} is not filled in; read the file that it makes"
            ) from None
        if tag := re.search(r"constructor for the tag '(!\w[^']*)'", problem):
            whose = "SpeechBrain's HyperPyYAML" if _HYPERPYYAML.match(tag[1]) else "a program of its own"
            raise ConfigError(f"{name}: {tag[1]}{where} is a tag of {whose}, which is not read; {STATE}") from None
        raise ConfigError(f"{name}: not YAML: {problem}{where}") from None
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError(f"{name}: {(str(error) or type(error).__name__).splitlines()[0]}") from None


def _json(name: str, text: str, *, strict: bool) -> object:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            keys = _Keys(name, 0)
            keys.read(text)  # for YAML the lines are known
            raise ConfigError(keys.twice[0][1] if keys.twice else f"{name}: {twice} is given twice; keep one")
        return made

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        if strict:
            raise ConfigError(f"{name}: not JSON: {error.msg} in line {error.lineno}") from None
        return None  # a flow mapping of YAML


def _yaml_can_parse(text: str) -> bool:
    try:
        return sum(1 for _ in _yaml().parse(text, Loader=_loader())) > 0
    except _yaml().YAMLError:
        return False


def _require_numbers(name: str, values: object, key: str = "") -> None:
    """Refuse whole numbers that no float can hold, in which arithmetic fails later."""
    if isinstance(values, dict):
        for inner, value in values.items():
            _require_numbers(name, value, f"{key}.{inner}" if key else str(inner))
    elif isinstance(values, list):
        for value in values:
            _require_numbers(name, value, key)
    elif isinstance(values, int) and values.bit_length() > LARGEST_NUMBER:
        raise ConfigError(
            f"{name}: {key}: a whole number of {values.bit_length():,} bits is too large; write a smaller one"
        )


class _Keys:
    """The line of every key of a document, dotted, and the keys that are given twice."""

    def __init__(self, name: str, lines_before: int) -> None:
        self.name, self.lines_before = name, lines_before
        self.lines: dict[str, int] = {}
        self.twice: list[tuple[str, str]] = []
        self.left = MOST_VALUES

    def read(self, text: str) -> None:
        """Read the keys of a text, and refuse what would take long to build."""
        yaml = _yaml()
        depth = aliases = values = 0
        for event in yaml.parse(text, Loader=_loader()):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            aliases += isinstance(event, yaml.AliasEvent)
            values += isinstance(event, yaml.NodeEvent)
            if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST_NUMBER and _may_be_number(event):
                shown = f"a number of {len(event.value):,} characters"
                raise ConfigError(f"{self.name}: {shown} is too long; write a shorter one")
            if depth > DEEPEST:
                raise ConfigError(f"{self.name}: nested too deeply for a config")
            if values > MOST_VALUES:
                raise ConfigError(f"{self.name}: more than {MOST_VALUES:,} values are too many for a config")
        if aliases > MOST_ALIASES:
            raise ConfigError(f"{self.name}: {aliases} YAML aliases are more than a config needs; write the values out")
        self.visit(yaml.compose(text, Loader=_loader()), "", 0, self.lines)

    def visit(self, node: yaml.Node | None, prefix: str, depth: int, lines: dict[str, int]) -> None:
        """One value, each alias in it expanded; keys in a list have no line."""
        import yaml

        self.left -= 1
        if self.left < 0 or depth > DEEPEST:
            raise ConfigError(
                f"{self.name}: YAML aliases expand to more than {MOST_VALUES:,} values; write the values out"
            )
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.visit(item, f"{prefix}[].", depth + 1, {})
        if not isinstance(node, yaml.MappingNode):
            return
        here: dict[str, tuple[int, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.visit(key, prefix, depth + 1, {})
                continue
            line = key.start_mark.line + 1 + self.lines_before
            name = f"{prefix}{key.value}"
            if key.value in here and key.value != "<<":
                before, other = here[key.value]
                same = isinstance(value, yaml.ScalarNode) and value.value == getattr(other, "value", None)
                how = " with one value" if same else ""
                given = f"is given twice{how}, in lines {before} and {line}; keep one"
                self.twice.append((name, f"{self.name}: {name} {given}"))
            here[key.value] = line, value
            lines.setdefault(name, line)
            self.visit(value, f"{name}.", depth + 1, lines)


def _may_be_number(event: yaml.ScalarEvent) -> bool:
    """Whether YAML may take a scalar for a number: as a plain one, or by its tag."""
    tag = str(event.tag or "")
    return tag.endswith((":int", ":float")) or (event.implicit[0] and re.match(r"[-+.\d]", event.value) is not None)
