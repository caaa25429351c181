"""Values of expressions in a Python script that are made of literals, from its syntax tree; nothing is run."""

from __future__ import annotations

import ast
import contextlib
import functools
import math
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.marks import is_known
from optax_lr.sources.python.classes import Classes
from optax_lr.sources.python.flow import Flow
from optax_lr.sources.python.lengths import length_of
from optax_lr.sources.python.loaded import LOADERS, Loaded, is_private, loaded, opened
from optax_lr.sources.python.options import Options
from optax_lr.sources.python.scopes import Binding, Scope, Tests
from optax_lr.sources.python.syntax import UnknownError
from optax_lr.sources.python.truth import holds

_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "int": int,
    "float": float,
    "round": round,
    "max": max,
    "min": min,
    "abs": abs,
    "str": str,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.sqrt": math.sqrt,
}
_OF_TEXT: Mapping[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "strip": str.strip}
_ENUMS = ("SchedulerType", "IntervalStrategy")
_LARGEST = 10**30
_DEEPEST = 50
_MOST_PARTS = 10_000


class Values(Classes):
    """A script whose expressions have values, if they are made of literals.

    Fields:
        notes: the assumptions of the values so far.
        options: the options of the script.
        flow: where its objects go.
        environment: variables of the command that starts the script.
        folder: where files that the script loads are looked for.
        alone: where the last value differs if several processes run the script.
    """

    def __init__(
        self,
        path: str,
        text: str,
        options: Mapping[str, object] | None = None,
        added: Mapping[str, object] | None = None,
    ) -> None:
        """`options` are those of the command, None if that is not known, and `added` are keys that may be options."""
        super().__init__(path, text)
        try:
            self.options = Options(self, options, added or {})
            self.flow = Flow(self)
        except RecursionError:
            raise ConfigError(f"{path}: nested too deeply") from None
        for key, bindings in list(self.attributes.items()):
            self.attributes[key] = [binding for binding in bindings if not self._is_off(binding.tests)]
            if not self.attributes[key]:
                del self.attributes[key]
        self.notes: dict[str, None] = {}
        self.environment: Mapping[str, str] = {}
        self.folder: Path | None = None
        self.alone = ""
        self._depth = 0  # of the expression that is evaluated
        self._count = 0  # of the expressions in it
        self._line = 0  # of it
        self._examples: int | None = None  # the length of the training data meanwhile
        self._numbers: Mapping[str, object] = {}  # expressions and their values meanwhile

    def value(
        self, node: ast.expr, scope: Scope, examples: int | None = None, *, numbers: Mapping[str, object] | None = None
    ) -> object:
        """The value of an expression of literals.

        Assumptions other than literals, such as the default of an option, are added to `notes`.

        Args:
            node: the expression.
            scope: where it is.
            examples: the number of training examples; without it, `len` of the data is not known.
            numbers: expressions in it, as text, and what to take for each.

        Raises:
            UnknownError: for any other expression.
        """
        self._depth, self._count, self._examples, self._numbers, self.alone = 0, 0, examples, numbers or {}, ""
        self._line = getattr(node, "lineno", 0)
        before = dict(self.notes)
        try:
            value = self._value(node, scope)
        except UnknownError:
            self.notes = before  # those on parts of it
            raise
        if is_private(value):
            raise UnknownError
        return value

    def outcome(self, tests: Tests) -> bool | None:
        """Whether what is under these tests runs; None where literals do not say, or only with an assumption.

        >>> from optax_lr.sources.python.objects import Script
        >>> script = Script("a.py", "KIND = 'a'\\nif KIND == 'a':\\n    first()\\nelse:\\n    second()\\n")
        >>> [script.outcome(call.tests) for call in script.calls]
        [True, False]
        """
        met = []
        for test, wanted, scope in tests:
            known = self.options.tested(test)
            known = holds(functools.partial(self._certain, scope), test) if known is None else known
            met.append(None if known is None else known is wanted)
        return False if False in met else None if None in met else True

    def assumed(self, tests: Tests) -> tuple[bool | None, list[str]]:
        """Whether what is under these tests runs, by the defaults of options, too, and the notes on these assumptions."""
        met: list[tuple[bool | None, list[str]]] = []
        for test, wanted, scope in tests:
            before, self.notes = self.notes, {}
            known = self.options.tested(test)
            if known is False and not self.options.whole:
                self.notes[f"{ast.unparse(test)[:60]} is taken as not given"] = None
            known = holds(functools.partial(self.value, scope=scope), test) if known is None else known
            met.append((None if known is None else known is wanted, list(self.notes)))
            self.notes = before
        if (out := next((one for one in met if one[0] is False), None)) is not None:
            return out
        every = list(dict.fromkeys(note for _, notes in met for note in notes))
        return (True, every) if all(runs for runs, _ in met) else (None, [])

    def _is_off(self, tests: Tests) -> bool:
        """Whether an option decides that what is under these tests does not run."""
        return any(
            (known := self.options.tested(test)) is not None and known is not wanted for test, wanted, _ in tests
        )

    def _certain(self, scope: Scope, node: ast.expr) -> object:
        """The value of an expression that needs no assumption."""
        before = dict(self.notes)
        value = self.value(node, scope)
        if self.notes != before:
            self.notes = before
            raise UnknownError
        return value

    # --- hooks: what is not in the expression itself ---

    def elsewhere(self, name: str, attribute: str = "", *, made: bool = False) -> object:
        """The value of an imported name or of an attribute of it; here it is not known."""
        raise UnknownError

    def _attribute(self, owner: str, name: str, scope: Scope) -> object:
        """An attribute of an object; here it is not known."""
        raise UnknownError

    def _of_object(self, owner: ast.expr, name: str, scope: Scope) -> object:
        """An attribute of the object that an expression is; here it is not known."""
        raise UnknownError

    def _argument_of(self, name: str, here: Scope) -> object:
        """The argument of a function; here it is not known."""
        raise UnknownError

    def _warmup_of(self, owner: str, steps: ast.expr, scope: Scope) -> object:
        """The warmup that training arguments have; here it is not known."""
        raise UnknownError

    # --- expressions ---

    def _value(self, node: ast.expr, scope: Scope) -> object:
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST or self._count > _MOST_PARTS:
            raise UnknownError
        known = ast.unparse(node) if self._numbers else ""
        made = self._numbers[known] if known in self._numbers else self._evaluated(node, scope)
        self._depth -= 1
        return made

    def _evaluated(self, node: ast.expr, scope: Scope) -> object:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                number = self._number(operand, scope)
                return -number if isinstance(sign, ast.USub) else number
            case ast.Name():
                return self._name(node, scope)
            case ast.Dict(keys=keys, values=values):
                return self._dict(keys, values, scope)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [self._value(element, scope) for element in elements]
            case ast.BinOp(left=left, op=operation, right=right):
                numbers = self._number(left, scope), self._number(right, scope)
                try:
                    return _OPERATIONS[type(operation)](*numbers)
                except (KeyError, ZeroDivisionError, OverflowError):
                    raise UnknownError from None
            case ast.Attribute(attr=name) if self.qualified(node).split(".")[-2:-1] in ([kind] for kind in _ENUMS):
                return name.lower()
            case ast.Attribute(value=data, attr="num_rows" | "num_videos") if self._examples is not None:
                return self._length(data, scope)
            case ast.Attribute(value=ast.Name() | ast.Attribute() | ast.Call() as owner, attr=name):
                return self._of_object(owner, name, scope)
            case ast.Subscript(value=holder, slice=key):
                return self._entry(holder, self._value(key, scope), scope)
            case ast.Call():
                return self._called(node, scope)
            case ast.IfExp():
                return self._chosen(node, scope)
        raise UnknownError

    def _public(self, scope: Scope, node: ast.expr) -> object:
        """The value of an expression; a private text, whose place holder equals nothing, is not known.

        Of a mapping in a file it is the keys, for `"warmup_ratio" in config`.
        """
        value = self._value(node, scope)
        if isinstance(value, Loaded) and value:
            return value.keys()
        if is_private(value):
            raise UnknownError
        return value

    def _number(self, node: ast.expr, scope: Scope) -> int | float:
        value = self._value(node, scope)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
            raise UnknownError
        return value

    def _chosen(self, node: ast.IfExp, scope: Scope) -> object:
        """The branch of `a if test else b` that literals, defaults of options, or an option that is not given, decide."""
        inverted = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
        test = node.test.operand if isinstance(node.test, ast.UnaryOp) and inverted else node.test
        runs = self.options.tested(test)
        if runs is False:
            self.notes[f"{ast.unparse(node)[:60]}: {ast.unparse(test)} is taken as not given"] = None
        runs = holds(functools.partial(self._public, scope), node.test) if runs is None else runs is not inverted
        if runs is None:
            raise UnknownError
        return self._value(node.body if runs else node.orelse, scope)

    def _name(self, node: ast.Name, scope: Scope) -> object:
        bindings, here = self.reaching(node, scope)
        name = node.id
        if len(bindings) > 1:
            bindings = [binding for binding in bindings if not self._is_for_several(binding)]
            bindings = [binding for binding in bindings if not self._is_left_out(binding.tests)]
            bindings = [binding for binding in bindings if len(bindings) == 1 or not self._is_ruled_out(binding.tests)]
        if name in self.imported and here is self.top and here.values(name) == [None]:
            return self.elsewhere(self.imported[name])
        if len(bindings) != 1 or self.is_changed(name, here):
            raise UnknownError
        if bindings[0].value is not None:
            if isinstance(bindings[0].value, (ast.Dict, ast.List)):
                self.note_taker(name, here)
            value = self._value(bindings[0].value, here)
            if isinstance(value, (dict, list)) and self._is_set_later(bindings[0].value, here):
                raise UnknownError
            return value
        if here.values(name) != [None]:
            raise UnknownError
        return self._argument_of(name, here)

    def note_taker(self, name: str, scope: Scope, line: int = 0) -> None:
        """Note that code that is not read takes an object before a line, or that of the expression that is evaluated."""
        if (call := self.flow.taker(name, scope, line or self._line)) is not None:
            what = f"{ast.unparse(call.node.func)[:40]} in line {call.node.lineno} takes {name} and is not read"
            self.notes[f"{what}; it may change its values"] = None

    def _is_set_later(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a later line sets an entry of an object in an expression, `cfg["a"]["lr"] = 1` after `part = cfg["a"]`."""
        return any(
            made.entry is not None and made.line >= node.lineno
            for part in ast.walk(node)
            if isinstance(part, ast.Name)
            for made in self.bound(part.id, scope)[0]
        )

    def is_changed(self, name: str, scope: Scope) -> bool:
        """Whether a dict or list is changed in place."""
        return bool(self.flow.calls(name, scope)) or self.flow.elsewhere(name, scope)

    def _is_left_out(self, tests: Tests) -> bool:
        """Whether an option decides that what is under these tests does not run, or an option that is not given would."""
        return self._is_off(tests) or any(self._is_empty((test, not wanted, scope)) for test, wanted, scope in tests)

    def _is_ruled_out(self, tests: Tests) -> bool:
        """Whether the values of the expressions in a test decide that what is under it does not run."""
        for test, wanted, scope in tests:
            before, depth = dict(self.notes), self._depth
            known = holds(functools.partial(self._public, scope), test)
            self._depth = depth
            if known is not None and known is not wanted:
                return True
            self.notes = before
        return False

    def _is_empty(self, test: tuple[ast.expr, bool, Scope]) -> bool:
        """Whether a test holds if an option that has no default is not given; then that is noted."""
        option = self.options.empty(test[0]) if test[1] else ""
        if option:
            self.notes[f"{option} is taken as not given"] = None
        return bool(option)

    def _is_for_several(self, binding: Binding) -> bool:
        """Whether a statement runs only in several processes, under `if world_size != 1`; then it is noted."""
        for test, wanted, scope in binding.tests:
            match self.single(test, scope):
                case ast.Compare(left=left, ops=[ast.NotEq() | ast.Gt()], comparators=[ast.Constant(value=1)]) if (
                    wanted
                ):
                    if "WORLD_SIZE" in ast.unparse(self.single(left, scope) or left):
                        self.alone = f"line {binding.line}, under if {ast.unparse(test)[:60]}"
                        self.notes[f"{self.alone}, is left out: it runs only in several processes"] = None
                        return True
        return False

    # --- dicts and lists ---

    def _dict(self, keys: Sequence[ast.expr | None], values: Sequence[ast.expr], scope: Scope) -> dict[object, object]:
        """A dict; a value without a key is unpacked."""
        made: dict[object, object] = {}
        for key, inner in zip(keys, values, strict=True):
            value = self._value(inner, scope)
            name = None if key is None else self._value(key, scope)
            if key is None and isinstance(value, dict):
                made = type(value)(made | value) if isinstance(value, Loaded) else type(made)(made | value)
            elif key is not None and isinstance(name, Hashable):
                made[name] = value
            else:
                raise UnknownError
        return made

    def _entry(self, holder: ast.expr, key: object, scope: Scope) -> object:
        """An entry of a list, of a dict, whose other values need not be known, or of the environment."""
        if isinstance(key, str) and key in self.environment and self.qualified(holder) == "os.environ":
            return self._of_environment(key)
        if isinstance(key, str) and ast.unparse(holder) == "self.hparams":
            return self._attribute("self.hparams", key, scope)
        made, here = holder, scope
        if isinstance(holder, ast.Name):
            bindings, here = self.bound(holder.id, scope)
            value = bindings[0].value if len(bindings) == 1 else None
            if isinstance(value, ast.Dict) and not self.is_changed(holder.id, here):
                made = value
                self.note_taker(holder.id, here)
        if isinstance(made, ast.Dict) and all(isinstance(name, ast.Constant) for name in made.keys):
            for name, value in zip(reversed(made.keys), reversed(made.values), strict=True):
                if isinstance(name, ast.Constant) and name.value == key:
                    return self._value(value, here)
        whole = self._value(holder, scope)
        with contextlib.suppress(KeyError, IndexError, TypeError):
            if isinstance(whole, dict):
                return whole[key]
            if isinstance(whole, (list, str)) and isinstance(key, int):
                return whole[key]
        raise UnknownError

    def _get(self, holder: ast.expr, key: ast.expr, default: ast.expr | None = None, *, scope: Scope) -> object:
        """`holder.get(key, default)` of a dict."""
        whole, name = self._value(holder, scope), self._value(key, scope)
        if not isinstance(whole, dict) or not isinstance(name, str):
            raise UnknownError
        if name in whole:
            return whole[name]
        return None if default is None else self._value(default, scope)

    # --- calls ---

    def _called(self, node: ast.Call, scope: Scope) -> object:
        """`dict(a=1)`, `int(0.1 * 100)`, `math.ceil(2.5)`, `max(1, 2)`, and the default of `os.environ.get`."""
        name = self.qualified(node.func)
        if name == "dict" and not node.args:
            keys = [None if keyword.arg is None else ast.Constant(keyword.arg) for keyword in node.keywords]
            return self._dict(keys, [keyword.value for keyword in node.keywords], scope)
        if name in ("os.environ.get", "os.getenv") and len(node.args) == 2:
            return self._get_environment(*node.args, scope=scope)
        if name == "len" and len(node.args) == 1:
            return self._length(node.args[0], scope)
        if name in LOADERS and node.args:
            return self._loaded(node, scope)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and len(node.args) in (1, 2):
            return self._get(node.func.value, *node.args, scope=scope)
        if (returned := self.returned(node)) is not None:
            return self._value(*returned)
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="get_warmup_steps"), args=[steps]):
                return self._warmup_of(owner, steps, scope)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _OF_TEXT and not (node.args or node.keywords):
            text = self._value(node.func.value, scope)
            if not isinstance(text, str):
                raise UnknownError
            return _OF_TEXT[node.func.attr](text)
        if name not in _FUNCTIONS or node.keywords or not node.args:
            raise UnknownError
        arguments = [self._value(argument, scope) for argument in node.args]
        for argument in arguments:
            if not isinstance(argument, str) and not (isinstance(argument, (int, float)) and abs(argument) < _LARGEST):
                raise UnknownError
        try:
            return _FUNCTIONS[name](*arguments)
        except (ValueError, TypeError, OverflowError):
            raise UnknownError from None

    def _length(self, data: ast.expr, scope: Scope) -> int:
        """The length of the training data, or of a loader of it."""
        found = length_of(self, data, scope, self._examples, self._value)
        self.notes[found.note] = None
        self.alone = found.alone or self.alone
        return found.number

    def _of_environment(self, name: str) -> str:
        """A variable that the command sets, or that is exported before it."""
        if not is_known(self.environment[name]):
            raise UnknownError
        return self.environment[name]

    def _get_environment(self, variable: ast.expr, default: ast.expr, *, scope: Scope) -> object:
        """`os.environ.get(variable, default)`."""
        if f"os.environ[{ast.unparse(variable)}] =" in self.text.replace('"', "'"):
            raise UnknownError
        if isinstance(variable, ast.Constant) and variable.value in self.environment:
            return self._of_environment(str(variable.value))
        value = self._value(default, scope)
        self.notes[f"{ast.unparse(variable)} of the environment may replace the default {value!r}"] = None
        return value

    def _loaded(self, node: ast.Call, scope: Scope) -> object:
        """The settings in a file: `yaml.safe_load(open("configs/sft.yaml"))`."""
        path = self._value(opened(node.args[0], scope), scope)
        settings = loaded(path, self.folder) if isinstance(path, str) else None
        if settings is None:
            raise UnknownError
        self.notes[f"settings are taken from {path}, read in line {node.lineno}"] = None
        return settings


def _power(base: float, exponent: float) -> object:
    if abs(exponent) > 64 or abs(base) > 10**6:
        raise OverflowError
    return base**exponent


_OPERATIONS: Mapping[type[ast.operator], Callable[[int | float, int | float], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
