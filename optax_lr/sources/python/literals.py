"""Values of expressions in a Python script that are made of literals, from its syntax tree; nothing is run."""

from __future__ import annotations

import ast
import contextlib
import math
import operator
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from optax_lr.sources.marks import is_known
from optax_lr.sources.python.classes import Classes
from optax_lr.sources.python.loaded import LOADERS, Loaded, is_private, loaded, opened
from optax_lr.sources.python.scopes import (
    Call,
    Named,
    Place,
    Scope,
    UnknownError,
    annotation_of,
    argument_names,
    defaults_of,
    keyword_of,
    option_tested,
)
from optax_lr.sources.python.truth import holds

_Found = TypeVar("_Found")
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
_TYPES: Mapping[str, Callable[[str], object]] = {"int": int, "float": float, "str": str}
_ENUMS = ("SchedulerType", "IntervalStrategy")
OTHER_DATA = re.compile(r"(?i)eval|val(?!ue)|test|dev(?!ice)")
_LOADER = re.compile(r"(?i)loader|(?:^|_)dl$|iterator|batches")
_DIVIDES = re.compile(r"\b(?:random_split|train_test_split)\(")
_LARGEST = 10**30
_DEEPEST = 50
_MOST_PARTS = 10_000
_STARTERS = ("fire.Fire", "typer.run", "tyro.cli", "jsonargparse.CLI")
_NAMESPACES = ("SimpleNamespace", "Namespace", "types.SimpleNamespace", "argparse.Namespace")


class Script(Classes):
    """A script whose expressions have values, if they are made of literals."""

    def __init__(self, path: str, text: str, options: Mapping[str, object] | None = None) -> None:
        super().__init__(path, text, options)
        self.notes: dict[str, None] = {}
        self.environment: Mapping[str, str] = {}  # of the command that starts the script
        self.folder: Path | None = None  # where files that the script loads are looked for
        self.alone = ""  # where a value differs if several processes run the script
        self._depth = 0  # of the expression that is evaluated
        self._count = 0  # of the expressions in it
        self._examples: int | None = None  # the length of the training data meanwhile
        self._numbers: Mapping[str, object] = {}  # expressions and their values meanwhile

    def value(
        self,
        node: ast.expr,
        scope: Scope,
        examples: int | None = None,
        *,
        numbers: Mapping[str, object] | None = None,
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
        value = self._value(node, scope)
        if is_private(value):
            raise UnknownError
        return value

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
            case ast.Attribute(value=ast.Name() | ast.Attribute(value=ast.Name(id="self")) as owner, attr=name):
                return self._attribute(ast.unparse(owner), name, scope)
            case ast.Subscript(value=holder, slice=key):
                return self._entry(holder, self._value(key, scope), scope)
            case ast.Call():
                return self._call(node, scope)
            case ast.IfExp():
                return self._chosen(node, scope)
        raise UnknownError

    def _chosen(self, node: ast.IfExp, scope: Scope) -> object:
        """The branch of `a if test else b` that literals, defaults of options, or an option that is not given, decide."""
        inverted = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
        test = node.test.operand if isinstance(node.test, ast.UnaryOp) and inverted else node.test
        if (flag := option_tested(test)) is not None and self.is_off(flag):
            self.notes[f"{ast.unparse(node)[:60]}: {ast.unparse(test)} is taken as not given"] = None
            return self._value(node.body if inverted else node.orelse, scope)
        runs = holds(lambda part: self._value(part, scope), node.test)
        if runs is None:
            raise UnknownError
        return self._value(node.body if runs else node.orelse, scope)

    def _entry(self, holder: ast.expr, key: object, scope: Scope) -> object:
        """An entry of a list, of a dict, whose other values need not be known, or of the environment."""
        if isinstance(key, str) and key in self.environment and self.qualified(holder) == "os.environ":
            return self._of_environment(key)
        if isinstance(key, str) and ast.unparse(holder) == "self.hparams":
            return self._of_self("self.hparams", key, scope)
        made, here = holder, scope
        if isinstance(holder, ast.Name):
            bound, here = self.bound(holder.id, scope)
            if len(bound) == 1 and isinstance(bound[0], ast.Dict) and not self._is_changed(holder.id):
                made = bound[0]
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

    def _length(self, node: ast.expr, scope: Scope) -> int:
        """The length of the training data, or of a loader of it."""
        text = ast.unparse(node)
        if self._examples is None or OTHER_DATA.search(text):
            raise UnknownError
        prepared = self.prepared.get(node.id, node.lineno) if isinstance(node, ast.Name) else node.lineno
        made, here = self._passed(node, scope)
        if isinstance(made, ast.Call) and self.qualified(made.func).rpartition(".")[2] == "DataLoader":
            if node.lineno > prepared:  # each process has its part
                self.alone = f"line {prepared}, by the prepare() of accelerate"
            return self._batches(text, made, here)
        part = "train" not in text.lower() and "split" in self.text
        if _LOADER.search(text) or part or node.lineno > prepared:  # a loader from elsewhere, or data that is divided
            raise UnknownError
        self.notes[f"len({text}) is taken as the number of training examples"] = None
        return self._examples

    def _passed(self, node: ast.expr, scope: Scope) -> tuple[ast.expr | None, Scope]:
        """What an expression is bound to, also where it is an argument of a function with one call, and its scope."""
        bound, here = self.bound(node.id, scope) if isinstance(node, ast.Name) else ([node], scope)
        function = here.function
        if bound != [None] or not isinstance(node, ast.Name) or not isinstance(function, Named):
            return self.single(node, scope), here
        given = [
            (call.given(argument_names(function)).get(node.id), call.scope)
            for call in self.calls
            if call.name == function.name
        ]
        return (self.single(*given[0]), given[0][1]) if len(given) == 1 else (None, scope)

    def _batches(self, text: str, made: ast.Call, scope: Scope) -> int:
        """The number of batches of a `DataLoader`."""
        data = made.args[0] if made.args else keyword_of(made, "dataset")
        given = keyword_of(made, "sampler")
        sampler = self.single(given, scope)
        whole = (
            isinstance(sampler, ast.Call)
            and not sampler.keywords
            and ast.unparse(sampler.func).endswith(("RandomSampler", "SequentialSampler"))
        )
        sampled = any(keyword.arg in (None, "batch_sampler") for keyword in made.keywords)
        sampled = sampled or (given is not None and not whole)
        if self._examples is None or sampled or data is None or OTHER_DATA.search(ast.unparse(data)):
            raise UnknownError
        size = made.args[1] if len(made.args) > 1 else keyword_of(made, "batch_size")
        batch = 1 if size is None else self._number(size, scope)
        divided = "train" not in f"{text} {ast.unparse(data)}".lower() and _DIVIDES.search(self.text)
        if batch < 1 or divided or re.search(r"\bSubset\(", self.text):
            raise UnknownError
        drops = keyword_of(made, "drop_last")
        self.notes[f"{text} is taken to have all training examples, in batches of {batch}"] = None
        batches = self._examples / batch
        return math.floor(batches) if drops is not None and self._value(drops, scope) else math.ceil(batches)

    def _number(self, node: ast.expr, scope: Scope) -> int | float:
        value = self._value(node, scope)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
            raise UnknownError
        return value

    def _name(self, node: ast.Name, scope: Scope) -> object:
        bound, here = self.reaching(node, scope)
        name = node.id
        if len(bound) > 1:
            bound = [(value, place) for value, place in bound if not self._is_for_several(place)]
        if name in self.imported and here is self.top and here.names.get(name) == [None]:
            return self.elsewhere(self.imported[name])
        if len(bound) != 1 or self._is_changed(name):
            raise UnknownError
        if bound[0][0] is not None:
            return self._value(bound[0][0], here)
        function = here.function
        if not isinstance(function, Named) or here.names[name] != [None]:
            raise UnknownError
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and name in _click_names(decorator, self.qualified(decorator.func)):
                return self._declared("", name, Call(decorator, "", here.parent or self.top))
        if function.name == "__init__" and self.class_of(here):
            return self._start_argument(name, here)
        named = [made for made in self.scopes if made.named == function.name]
        method = argument_names(function)[:1] == ["self"] and len(named) == 1
        calls = [call for call in self.calls if (call.last if method else call.name) == function.name]
        return self._argument(name, function, calls, here.parent or self.top)

    def _is_changed(self, name: str) -> bool:
        """Whether a dict or list is changed in place."""
        return name in self.changes or name in self.mutated

    def _is_for_several(self, place: Place) -> bool:
        """Whether a statement runs only in several processes, under `if world_size != 1`; then it is noted."""
        for test, wanted, scope in place.tests:
            match self.single(test, scope):
                case ast.Compare(left=left, ops=[ast.NotEq() | ast.Gt()], comparators=[ast.Constant(value=1)]) if (
                    wanted
                ):
                    if "WORLD_SIZE" in ast.unparse(self.single(left, scope) or left):
                        self.alone = f"line {place.line}, under if {ast.unparse(test)[:60]}"
                        self.notes[f"{self.alone}, is left out: it runs only in several processes"] = None
                        return True
        return False

    def _argument(
        self, name: str, function: Named, calls: list[Call], scope: Scope, kind: str = "", part: str = ""
    ) -> object:
        """What the calls of a function pass for an argument, where they agree; the argument's default where none does.

        Args:
            name: the argument.
            function: the function, or the `__init__` of the class `kind`.
            calls: every call of it in this file.
            scope: where the function is.
            kind: the class.
            part: the attribute or key of the argument that is wanted; empty for the argument itself.
        """
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        names = names[names[:1] == ["self"] :]
        if any(call.unpacks for call in calls):
            raise UnknownError
        default = defaults_of(function).get(name)
        if not calls and self._is_command(function):
            return self._option_of_function(name, function, default)
        passed = [(call.given(names).get(name), call.scope) for call in calls] or [(None, scope)]
        values = []
        for given, here in passed:
            stated, where = (default, scope) if given is None else (given, here)
            if stated is None:
                raise UnknownError
            values.append(self._part(stated, where, part) if part else self._value(stated, where))
        if any(value != values[0] for value in values):
            raise UnknownError
        if not calls:
            whose = kind or function.name
            self.notes[f"{name} is {values[0]!r}, the default of {whose}(); a caller may give another"] = None
        return values[0]

    def _is_command(self, function: Named) -> bool:
        """Whether the arguments of a function are the options of the script: `fire.Fire(train)`."""
        return any(
            call.name in _STARTERS and call.node.args and ast.unparse(call.node.args[0]) == function.name
            for call in self.calls
        )

    def _option_of_function(self, name: str, function: Named, default: ast.expr | None) -> object:
        """What the command gives for an argument of the function that it calls, else the argument's default."""
        kind = annotation_of(function, name)

        def stated() -> object:
            if default is None:
                raise UnknownError
            return self._value(default, self.top)

        value = self._parsed_value("", name, kind, f"{function.name}()", stated)
        if isinstance(value, str) and kind is None:  # fire reads it as Python
            with contextlib.suppress(ValueError, SyntaxError):
                return ast.literal_eval(value)
        return value

    def elsewhere(self, name: str, attribute: str = "") -> object:
        """The value of an imported name or of an attribute of it; here it is not known."""
        raise UnknownError

    # --- attributes ---

    def _attribute(self, owner: str, name: str, scope: Scope) -> object:
        """A value of a class of this file, of an object of one, or of the options of the script."""
        if owner.partition(".")[0] == "self":
            return self._of_self(owner, name, scope)
        if name == "num_processes" and any("sched" in prepared for prepared in self.prepared):
            self.notes[
                f"{owner}.num_processes is left out, as accelerate steps a prepared scheduler once for each process"
            ] = None
            return 1
        if {(owner, name), (owner, "*")} & self.attributes.keys():
            raise UnknownError
        if owner in self.classes:
            if self._is_set_elsewhere(owner, name):
                raise UnknownError
            return self._in_body(owner, name)
        bound, here = self.bound(owner, scope)
        if len(bound) == 2 and bound[0] is None and owner in self.parsed:
            bound = bound[1:]  # `def main(args=None)` with `args = parser.parse_args(args)`
        if owner in self.imported and here is self.top and bound == [None]:
            return self.elsewhere(self.imported[owner], name)
        if len(bound) != 1:
            raise UnknownError
        made, annotation = bound[0], annotation_of(here.function, owner)
        kind = self.class_of(here) if made is None and here.named == "__init__" else ""
        if kind and any(call.name == kind for call in self.calls):
            return self._start_argument(owner, here, name)
        if made is None and (passed := self._class_of_argument(owner, here)):
            return self._attribute(passed, name, here)
        own = self.qualified(made.func) if isinstance(made, ast.Call) else ""
        if isinstance(made, ast.Call) and (own in self.classes or own in _NAMESPACES):
            return self._of_object(Call(made, own, here), name)
        if isinstance(made, ast.Call) and own.endswith(("Arguments", "Config")) and (given := keyword_of(made, name)):
            return self._value(given, here)
        if (
            isinstance(made, ast.Call)
            and not made.args
            and not made.keywords
            and ast.unparse(made.func) in self.imported
        ):
            return self.elsewhere(own, name)
        if self.parsed.get(owner) == "dataclass":
            return self._of_dataclass(owner, name)
        if isinstance(annotation, ast.Name) and annotation.id in self.classes:
            return self._of_object(_only([call for call in self.calls if call.name == annotation.id]), name)
        if owner in self.parsed or (made is None and self.parsed and owner == "args"):
            return self._declared(f"{owner}.", name, _only(self.options.get(name, [])))
        raise UnknownError

    def _class_of_argument(self, name: str, scope: Scope) -> str:
        """The class of this file that the one call of a function passes as an argument: `f(CFG)`; empty for none."""
        function = scope.function
        if not isinstance(function, Named) or name not in argument_names(function):
            return ""
        order = argument_names(function)
        given = [call.given(order).get(name) for call in self.calls if call.name == function.name]
        names = {node.id if isinstance(node, ast.Name) else "" for node in given}
        return names.pop() if len(names) == 1 and names <= self.classes.keys() else ""

    def _own(self, name: str, scope: Scope) -> tuple[ast.expr, Scope]:
        """The expression of `self.lr` and its scope, where it is set once in the class and nowhere else."""
        family = self.family(self.class_of(scope))
        made = []
        for (owner, attribute), values in self.attributes.items():
            for value, place in zip(values, self.places[owner, attribute], strict=True) if attribute == name else ():
                if owner != "self" or place.scope is None or self.class_of(place.scope) in family:
                    made.append((owner, value, place))
        owner, value, place = _only(made)
        if owner != "self" or value is None or place.tests or place.scope is None:
            raise UnknownError
        of_start = place.scope.named == "__init__"
        if not of_start and any(isinstance(part, ast.Name) for part in ast.walk(value)):
            raise UnknownError
        return value, place.scope

    def _of_self(self, owner: str, name: str, scope: Scope) -> object:
        """`self.lr`, `self.args.lr`, and `self.hparams.lr` of what Lightning's `save_hyperparameters` keeps."""
        if owner == "self":
            return self._value(*self._own(name, scope))
        elsewhere = any(other.endswith(".hparams") and key == name for other, key in self.attributes)
        if {(owner, name), (owner, "*")} & self.attributes.keys() or (owner == "self.hparams" and elsewhere):
            raise UnknownError
        if owner != "self.hparams" or ("self", "hparams") in self.attributes:
            return self._part(*self._own(owner.removeprefix("self."), scope), name)
        for call in self.calls:
            kept = ast.unparse(call.node.func) == "self.save_hyperparameters"
            if kept and self.class_of(call.scope) == self.class_of(scope):
                for given in call.node.args:
                    if isinstance(given, ast.Name):  # text names arguments
                        return self._part(given, call.scope, name)
        return self._start_argument(name, scope)

    def _part(self, whole: ast.expr, scope: Scope, name: str) -> object:
        """An attribute of an object, or an entry of a dict."""
        with contextlib.suppress(UnknownError):
            return self._evaluated(ast.Attribute(whole, name), scope)
        return self._entry(whole, name, scope)

    def _start_argument(self, name: str, scope: Scope, part: str = "") -> object:
        """The argument `name` of the `__init__` of the class of a scope; the `part` of it, if that is given."""
        kind = self.class_of(scope)
        own = next((made for made in self.parents(kind) if self.starts(made)), "")
        start = _only(self.starts(own) if own else [])
        inherited = [made for made in self.children(own) if not self.starts(made)]
        if name not in argument_names(start) or len(inherited) < len(self.children(own)):
            raise UnknownError
        calls = [call for call in self.calls if call.name in (own, *inherited)]
        return self._argument(name, start, calls, self.top, own, part)

    def _of_object(self, made: Call, name: str) -> object:
        """An attribute of an object: an argument that its class keeps under the same name, else a field."""
        kept, starts = self.attributes.get(("self", name)), self.starts(made.name)
        if kept is not None and not all(isinstance(value, ast.Name) and value.id == name for value in kept):
            raise UnknownError
        if kept is not None and len(starts) == 1:
            return self._argument(name, starts[0], [made], self.top, made.name)
        given = keyword_of(made.node, name)
        if made.node.args or keyword_of(made.node, None) or (given is None and kept is not None):
            raise UnknownError
        return self._in_body(made.name, name) if given is None else self._value(given, made.scope)

    def _of_dataclass(self, owner: str, name: str) -> object:
        """A field of the one class of this file that has it, for what HfArgumentParser gives."""
        kind = _only([kind for kind in self.classes if self._fields(kind, name)])
        _, annotation = self._fields(kind, name)[0]
        return self._parsed_value(f"{owner}.", name, annotation, kind, lambda: self._in_body(kind, name))

    def _declared(self, owner: str, name: str, option: Call) -> object:
        """The value of an option by the call that declares it."""
        kind = keyword_of(option.node, "type")
        stated = keyword_of(option.node, "default")
        if kind is None and not option.name and isinstance(stated, ast.Constant):  # click takes that of the default
            kind = ast.Name(type(stated.value).__name__)
        if self.sets_defaults or self._is_set_elsewhere(owner.removesuffix("."), name):
            raise UnknownError

        def default() -> object:
            value = None if stated is None else _as_option(self._value(stated, option.scope), kind)
            if value is None or keyword_of(option.node, "envvar") is not None:  # which click reads before the default
                raise UnknownError
            return value

        return self._parsed_value(owner, name, kind, f"--{name}", default)

    def _is_set_elsewhere(self, owner: str, name: str) -> bool:
        """Whether an attribute is set under another name of its object: an alias, or what a function is given."""
        others: set[str] = set()
        for scope in self.scopes:
            for other, values in scope.names.items():
                same = {value.id for value in values if isinstance(value, ast.Name)}
                others |= {other} if owner in same else same if other == owner else set()
        for call in self.calls:
            functions = [scope.function for scope in self.scopes if getattr(scope.function, "name", None) == call.name]
            for function in functions:
                given = call.given(argument_names(function)) if isinstance(function, Named) else {}
                passed = {(other, node.id) for other, node in given.items() if isinstance(node, ast.Name)}
                others |= {other if value == owner else value for other, value in passed if owner in (other, value)}
        return any({(other, name), (other, "*")} & self.attributes.keys() for other in others - {owner})

    def _parsed_value(
        self, owner: str, name: str, kind: ast.expr | None, whose: str, default: Callable[[], object]
    ) -> object:
        """What the command gives for an option of the script's own parser, else its default, with a note."""
        if self.given is not None and name in self.given:
            return _as_option(self.given[name], kind)
        value = default()
        beside = "" if self.given is not None else "; the command that starts the script may give another"
        self.notes[f"{owner}{name} is {value!r}, the default of {whose}{beside}"] = None
        return value

    def _fields(self, kind: str, name: str) -> list[tuple[ast.expr, ast.expr | None]]:
        """The values of a name in the body of a class, each with its annotation."""
        found: list[tuple[ast.expr, ast.expr | None]] = []
        for statement in self.body(kind):
            match statement:
                case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                    found.append((value, statement.annotation))
                case ast.Assign(targets=targets, value=value):
                    found += [(value, None) for part in targets if isinstance(part, ast.Name) and part.id == name]
        return found

    def _in_body(self, kind: str, name: str) -> object:
        """A value in the body of a class, which may be the default of a dataclass's or pydantic's field."""
        value, _ = _only(self._fields(kind, name))
        branches = (ast.If, ast.Try, ast.For, ast.While, ast.With, ast.AugAssign)
        if (
            any(isinstance(part, branches) for part in self.body(kind))
            or {("self", name), ("cls", name)} & self.attributes.keys()
        ):
            raise UnknownError
        if any(ast.unparse(base).endswith("BaseSettings") for made in self.classes[kind] for base in made.bases):
            self.notes[f"{kind}: the environment may give other values"] = None
        return self._value(field_default(value) or value, self.top)

    # --- calls ---

    def _of_environment(self, name: str) -> str:
        """A variable that the command sets, or that is exported before it."""
        if not is_known(self.environment[name]):
            raise UnknownError
        return self.environment[name]

    def _call(self, node: ast.Call, scope: Scope) -> object:
        """`dict(a=1)`, `int(0.1 * 100)`, `math.ceil(2.5)`, `max(1, 2)`, and the default of `os.environ.get`."""
        name = self.qualified(node.func)
        if name == "dict" and not node.args:
            keys = [None if keyword.arg is None else ast.Constant(keyword.arg) for keyword in node.keywords]
            return self._dict(keys, [keyword.value for keyword in node.keywords], scope)
        if name in ("os.environ.get", "os.getenv") and len(node.args) == 2:
            variable, default = node.args
            if f"os.environ[{ast.unparse(variable)}] =" in self.text.replace('"', "'"):
                raise UnknownError
            if isinstance(variable, ast.Constant) and variable.value in self.environment:
                return self._of_environment(str(variable.value))
            value = self._value(default, scope)
            self.notes[f"{ast.unparse(variable)} of the environment may replace the default {value!r}"] = None
            return value
        if name == "len" and len(node.args) == 1:
            return self._length(node.args[0], scope)
        if name in LOADERS and node.args:
            return self._loaded(node, scope)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and len(node.args) in (1, 2):
            return self._get(node.func.value, *node.args, scope=scope)
        if (returned := self.returned(node)) is not None:
            return self._value(*returned)
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

    def _get(self, holder: ast.expr, key: ast.expr, default: ast.expr | None = None, *, scope: Scope) -> object:
        """`holder.get(key, default)` of a dict."""
        whole, name = self._value(holder, scope), self._value(key, scope)
        if not isinstance(whole, dict) or not isinstance(name, str):
            raise UnknownError
        if name in whole:
            return whole[name]
        return None if default is None else self._value(default, scope)

    def _loaded(self, node: ast.Call, scope: Scope) -> object:
        """The settings in a file: `yaml.safe_load(open("configs/sft.yaml"))`."""
        path = self._value(opened(node.args[0], scope.function or self.tree), scope)
        settings = loaded(path, self.folder) if isinstance(path, str) else None
        if settings is None:
            raise UnknownError
        self.notes[f"settings are taken from {path}, read in line {node.lineno}"] = None
        return settings


def _only(found: Sequence[_Found]) -> _Found:
    """The one element. Raises `UnknownError` for none, and for several."""
    if len(found) != 1:
        raise UnknownError
    return found[0]


def field_default(value: ast.expr) -> ast.expr | None:
    """The default in the `field(...)` of a dataclass or of pydantic; None where it is no such call, or has none."""
    if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in ("field", "Field"):
        made = keyword_of(value, "default_factory")
        if isinstance(made, ast.Lambda):
            return made.body
        return keyword_of(value, "default") or (value.args[0] if value.args else None)
    return None


def _as_option(value: object, kind: ast.expr | None) -> object:
    """The text of an option as its parser converts it."""
    if not isinstance(value, str) or (name := _type_name(kind)) not in _TYPES:
        return value
    try:
        return _TYPES[name](value)
    except ValueError:
        raise UnknownError from None


def _type_name(kind: ast.expr | None) -> str:
    """The type of an option: `int`, also for `Optional[int]`, `int | None` and `"int"`; empty for others."""
    match kind:
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            return name
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            return _type_name(inner)
        case ast.BinOp(left=inner, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _type_name(inner)
    return ""


def _click_names(decorator: ast.Call, name: str) -> list[str]:
    """The parameter of a function that `@click.option("--batch-size", ...)` fills; empty for another decorator."""
    if name not in ("click.option", "click.argument"):
        return []
    words = [word.value for word in decorator.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    plain = [word for word in words if not word.startswith("-")]
    return [word.lstrip("-").replace("-", "_").lower() for word in plain or sorted(words, key=len)[-1:]]


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
