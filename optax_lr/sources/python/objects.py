"""Values of attributes and arguments in a Python script: of its classes, of objects of them, and of its options."""

from __future__ import annotations

import ast
import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from optax_lr.sources.python.constructors import DEFAULTS
from optax_lr.sources.python.options import STARTERS, as_option, click_names
from optax_lr.sources.python.scopes import Binding, Call, Scope
from optax_lr.sources.python.syntax import (
    Named,
    UnknownError,
    annotation_of,
    argument_names,
    defaults_of,
    field_default,
    keyword_of,
    last_of,
    places_of,
    returns_of,
)
from optax_lr.sources.python.values import Values

_Found = TypeVar("_Found")
_NAMESPACES = ("SimpleNamespace", "Namespace", "types.SimpleNamespace", "argparse.Namespace")


class Script(Values):
    """A script whose expressions have values, with those of the attributes and arguments in them."""

    def function_in_module(self, name: str) -> tuple[Script, Scope] | None:
        """The function of this full name in a module in the folder of the script; a script alone has no modules."""
        return None

    def class_in_module(self, name: str) -> tuple[Script, list[ast.ClassDef]] | None:
        """The classes of this full name in a module in the folder of the script; a script alone has no modules."""
        return None

    # --- arguments of functions ---

    def _argument_of(self, name: str, here: Scope, part: str = "") -> object:
        """What the one call of a function passes for an argument, else its default, or an option of the command.

        Where a `part` is named, it is an attribute or an entry of that.
        """
        function, scope = here.function, here.parent or self.top
        if not isinstance(function, Named):
            raise UnknownError
        for decorator in function.decorator_list:
            called = self.qualified(decorator.func) if isinstance(decorator, ast.Call) else ""
            option = Call(decorator, "", scope) if isinstance(decorator, ast.Call) else None
            if option and called in ("click.option", "click.argument") and name in click_names(option.node):
                return self._declared("", name, option)
        if function.name == "__init__" and self.class_of(here):
            return self._start_argument(name, here, part)
        method = argument_names(function)[:1] == ["self"] and len(self.functions[function.name]) == 1
        calls = [call for call in self.calls if (call.last if method else call.name) == function.name]
        if part and not calls:
            raise UnknownError
        return self._argument(name, function, calls, scope, part=part)

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
        default = defaults_of(function).get(name)
        starters = (call for call in self.calls if call.name in STARTERS and call.node.args)
        if not calls and any(ast.unparse(call.node.args[0]) == function.name for call in starters):
            return self._option_of_function(name, function, default)
        passed = [self._given(call, places_of(function), name) for call in calls] or [None]
        values = []
        for given in passed:
            stated, where = given or (default, scope)
            if stated is None:
                raise UnknownError
            values.append(self._part(stated, where, part) if part else self._value(stated, where))
        if any(value != values[0] for value in values):
            raise UnknownError
        if not calls:
            whose = kind or function.name
            self.notes[f"{name} is {values[0]!r}, the default of {whose}(); a caller may give another"] = None
        return values[0]

    def _given(self, call: Call, names: Iterable[str], name: str) -> tuple[ast.expr, Scope] | None:
        """What a call passes for an argument, also by `**kw`, and its scope; None where it passes nothing."""
        starred = any(isinstance(part, ast.Starred) for part in call.node.args)
        given = call.given(() if starred else names).get(name)
        if given is not None or not call.unpacks:
            return None if given is None else (given, call.scope)
        whole = _only([word.value for word in call.node.keywords if word.arg is None]) if not starred else None
        function = call.scope.function
        match whole:
            case ast.Call(func=ast.Name(id="vars"), args=[holder]):
                return ast.Attribute(holder, name), call.scope
            case ast.Name(id=keywords) if call.scope.values(keywords) == [None]:
                kept = function.args.kwarg if isinstance(function, Named) else None
                if kept is None or kept.arg != keywords or self.is_changed(keywords, call.scope):
                    raise UnknownError
                if name in argument_names(function):  # which takes it from the keywords
                    return None
                return self._given(_only([one for one in self.calls if one.name == call.scope.named]), (), name)
            case ast.Name() | ast.Dict():
                return ast.Subscript(whole, ast.Constant(name)), call.scope
        raise UnknownError

    def _option_of_function(self, name: str, function: Named, default: ast.expr | None) -> object:
        """What the command gives for an argument of the function that it calls, else the argument's default."""
        kind = annotation_of(function, name)
        value = self._parsed_value("", name, kind, f"{function.name}()", lambda: self._stated(default))
        if isinstance(value, str) and kind is None:  # fire reads it as Python
            with contextlib.suppress(ValueError, SyntaxError):
                return ast.literal_eval(value)
        return value

    def _stated(self, default: ast.expr | None) -> object:
        if default is None:
            raise UnknownError
        return self._value(default, self.top)

    # --- attributes ---

    def _attribute(self, owner: str, name: str, scope: Scope, line: int = 0) -> object:
        """A value of a class of this file, of an object of one, or of the options of the script, in a `line` of it."""
        if owner.partition(".")[0] == "self":
            return self._of_self(owner, name, scope)
        if name == "num_processes" and any("sched" in prepared for prepared in self.prepared):
            what = f"{owner}.num_processes is left out, as accelerate steps a prepared scheduler once for each process"
            self.notes[what] = None
            return 1
        is_set = self.flow.sets(owner, name, scope) or any(
            "." in other and key == name for other, key in self.attributes
        )
        if is_set and (last := self._last_set(owner, name, scope, line)) is not None:
            return self._value(last, scope)
        self.note_taker(owner, scope)
        if owner in self.classes:
            return self._in_body(owner, name)
        bound, here = self.bound(owner, scope)
        values = [binding.value for binding in bound]
        if len(values) == 2 and values[0] is None and owner in self.options.holders:
            values = values[1:]  # `def main(args=None)` with `args = parser.parse_args(args)`
        if owner in self.imported and here is self.top and values == [None]:
            return self.elsewhere(self.imported[owner], name)
        made, annotation = _only(values), annotation_of(here.function, owner)
        if made is None and owner in argument_names(here.function):
            passed = [call.given(places_of(here.function)).get(owner) for call in self.calls_of(here.named)]
            new = any(isinstance(node, ast.Call) and self.qualified(node.func) in self.classes for node in passed)
            with contextlib.suppress(*[] if new else [UnknownError]):  # else the options of a parser may be passed
                return self._argument_of(owner, here, name)
        if isinstance(made, ast.Call) and self._is_object(made):
            return self._of_object(made, name, here)
        if self.options.holders.get(owner) == "dataclass":
            return self._of_dataclass(owner, name)
        if isinstance(annotation, ast.Name) and annotation.id in self.classes:
            return self._of_new(_only(self.calls_of(annotation.id)), name)
        if owner in self.options.holders or (made is None and self.options.holders and owner == "args"):
            return self._declared(f"{owner}.", name, _only(self.options.declared.get(name, [])))
        raise UnknownError

    def _last_set(self, owner: str, name: str, scope: Scope, line: int) -> ast.expr | None:
        """What straight code sets an attribute to before a line; None where it sets nothing before.

        Raises:
            UnknownError: where the attribute may be set otherwise.
        """
        every = [
            binding for (_, key), bindings in self.attributes.items() for binding in bindings if key in (name, "*")
        ]
        own = self.attributes.get((owner, name), [])
        if (
            len(own) < len(every)
            or any(binding.scope is not scope for binding in own)
            or scope.in_loop(line)
            or not line
        ):
            raise UnknownError
        if not (before := [binding for binding in own if binding.line < line]):
            return None
        made = _only(before)
        rebound = any(binding.line >= made.line for binding in self.bound(owner, scope)[0])
        whole = scope.function.body if isinstance(scope.function, Named) else self.tree.body
        places = [part.lineno for part in whole] + [
            part.lineno for test in whole if isinstance(test, ast.If) for part in test.body
        ]
        if (
            made.value is None
            or rebound
            or made.line not in places
            or any(not self._is_empty(test) for test in made.tests)
        ):
            raise UnknownError
        return made.value

    def _is_object(self, made: ast.Call) -> bool:
        """Whether a call is one of a class of this file, or of a name that is imported."""
        whole = self.qualified(made.func)
        return whole in self.classes or whole in _NAMESPACES or self._is_imported(made.func)

    def _is_imported(self, node: ast.expr) -> bool:
        return bool(self.qualified(node)) and ast.unparse(node).partition(".")[0] in self.imported

    def _of_object(self, owner: ast.expr, name: str, scope: Scope) -> object:
        """An attribute of a name, of a new object, `Config().lr`, or of what a module has, `config.CFG.lr`."""
        match owner:
            case ast.Name() | ast.Attribute(value=ast.Name(id="self")):
                return self._attribute(ast.unparse(owner), name, scope, owner.lineno)
            case ast.Call():
                return self._of_call(owner, name, scope)
        if (
            self._is_imported(owner)
            and not {(ast.unparse(owner), name), (ast.unparse(owner), "*")} & self.attributes.keys()
        ):
            return self.elsewhere(self.qualified(owner), name)
        raise UnknownError

    def _of_call(self, made: ast.Call, name: str, scope: Scope) -> object:
        """An attribute of the object that a call of a class makes."""
        whose = ast.unparse(made.func)
        if {(whose, name), (whose, "*")} & self.attributes.keys():
            raise UnknownError
        whole = self.qualified(made.func)
        if whole in self.classes or whole in _NAMESPACES:
            return self._of_new(Call(made, whole, scope), name)
        if whole.endswith(("Arguments", "Config")) and (given := keyword_of(made, name)):
            return self._value(given, scope)
        if self._is_imported(made.func) and not made.keywords:
            found = self.function_in_module(whole)
            if found is not None and (not made.args or self._is_plain_parser(made.args, name, scope)):
                return self._of_parser(*found, name)
            if found is None and not made.args:
                return self.elsewhere(whole, name, made=True)
        raise UnknownError

    def _is_plain_parser(self, given: Sequence[ast.expr], option: str, scope: Scope) -> bool:
        """Whether the one argument of a call is a parser that this script makes, to which it adds nothing for an option."""
        made = self.single(given[0], scope) if len(given) == 1 else None
        changed = option in self.options.declared or any(call.last == "set_defaults" for call in self.calls)
        return isinstance(made, ast.Call) and last_of(made).endswith("ArgumentParser") and not changed

    def _of_parser(self, script: Script, here: Scope, name: str) -> object:
        """An option of the parser in a function of a module that returns what it parses: `args = parse_args()`."""
        made = _only(returns_of(here.function))
        parses = isinstance(made, ast.Call) and last_of(made).startswith("parse_")
        if not parses and not (isinstance(made, ast.Name) and made.id in script.options.holders):
            raise UnknownError
        value = script._declared("args.", name, _only(script.options.declared.get(name, [])))
        self.notes |= script.notes
        return value

    # --- attributes of `self` ---

    def _own(self, name: str, scope: Scope) -> tuple[ast.expr, Scope]:
        """The expression of `self.lr` and its scope, where it is set once in the class and nowhere else."""
        family = self.family(self.class_of(scope))
        owner, made = _only([
            (owner, binding)
            for (owner, attribute), bindings in self.attributes.items()
            for binding in bindings
            if attribute == name and (owner != "self" or self.class_of(binding.scope) in family)
        ])  # fmt: skip
        if owner != "self" or made.value is None or made.tests:
            raise UnknownError
        of_start = made.scope.named == "__init__"
        if not of_start and any(isinstance(part, ast.Name) for part in ast.walk(made.value)):
            raise UnknownError
        return made.value, made.scope

    def _of_self(self, owner: str, name: str, scope: Scope) -> object:
        """`self.lr`, `self.args.lr`, and `self.hparams.lr` of what Lightning's `save_hyperparameters` keeps."""
        if owner == "self":
            return self._value(*self._own(name, scope))
        last = owner.removeprefix("self")  # `.hparams`, of whatever object
        if any(other.endswith(last) and key in (name, "*") for other, key in self.attributes):
            raise UnknownError
        if owner != "self.hparams" or ("self", "hparams") in self.attributes:
            return self._part(*self._own(owner.removeprefix("self."), scope), name)
        for call in self.calls:
            what = ast.unparse(call.node.func)
            if what.endswith("hparams.update"):
                raise UnknownError
            if what == "self.save_hyperparameters" and self.class_of(call.scope) == self.class_of(scope):
                for given in call.node.args:
                    if not isinstance(given, ast.Constant):  # text names arguments
                        return self._part(given, call.scope, name)
        starts = [
            one
            for one in self.scopes
            if one.named == "__init__" and self.class_of(one) in self.parents(self.class_of(scope))
        ]
        if any(len(one.values(name)) > 1 for one in starts):  # an argument that is changed before it is kept
            raise UnknownError
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

    # --- objects of classes ---

    def _of_new(self, made: Call, name: str) -> object:
        """An attribute of a new object: what its class sets once, when the object is made, else a field."""
        family, start = self.family(made.name), next(filter(self.starts, self.parents(made.name)), "")
        every = [*self.attributes.get(("self", name), ())]
        every += [binding for binding in self.attributes.get(("self", "*"), ()) if not _of_keywords(binding)]
        kept = [binding for binding in every if self.class_of(binding.scope) in family]
        if kept:
            return self._kept(_only(kept), made, start)
        given = keyword_of(made.node, name)
        if made.node.args or keyword_of(made.node, None):
            raise UnknownError
        return self._in_body(made.name, name) if given is None else self._value(given, made.scope)

    def _kept(self, binding: Binding, made: Call, kind: str) -> object:
        """What the `__init__` of a class keeps as an attribute: one of its arguments, or a value without any of them."""
        start, value = binding.scope.function, binding.value
        if value is None or binding.tests or start not in self.starts(kind) or binding.scope.in_loop(binding.line):
            raise UnknownError
        arguments = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}.intersection(
            argument_names(start)
        )
        if isinstance(value, ast.Name) and arguments:
            return self._argument(value.id, _only(self.starts(kind)), [made], self.top, kind)
        if arguments:
            raise UnknownError
        return self._value(value, binding.scope)

    # --- fields of classes ---

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
            or {("self", name), ("cls", name), (kind, name), (kind, "*")} & self.attributes.keys()
        ):
            raise UnknownError
        if any(ast.unparse(base).endswith("BaseSettings") for made in self.classes[kind] for base in made.bases):
            self.notes[f"{kind}: the environment may give other values"] = None
        return self._value(field_default(value) or value, self.top)

    # --- options ---

    def _of_dataclass(self, owner: str, name: str) -> object:
        """A field of the one class of this file that has it, for what HfArgumentParser gives."""
        kinds = [kind for kind in self.classes if self._fields(kind, name)]
        if not kinds and name in DEFAULTS and self.options.fills_training_arguments:
            stated = ast.Name(type(DEFAULTS[name]).__name__)
            return self._parsed_value(f"{owner}.", name, stated, "TrainingArguments", lambda: DEFAULTS[name])
        kind = _only(kinds)
        _, annotation = self._fields(kind, name)[0]
        return self._parsed_value(f"{owner}.", name, annotation, kind, lambda: self._in_body(kind, name))

    def _warmup_of(self, owner: str, steps: ast.expr, scope: Scope) -> object:
        """What `TrainingArguments.get_warmup_steps` gives for a number of steps."""
        warmup, share = (self._of_dataclass(owner, name) for name in ("warmup_steps", "warmup_ratio"))
        if not isinstance(warmup, (int, float)) or not isinstance(share, (int, float)):
            raise UnknownError
        share = warmup if 0 < warmup < 1 else share
        return int(warmup) if warmup >= 1 else math.ceil(self._number(steps, scope) * share) if share else 0

    def _declared(self, owner: str, name: str, option: Call) -> object:
        """The value of an option by the call that declares it."""
        kind = keyword_of(option.node, "type")
        stated = keyword_of(option.node, "default")
        if kind is None and not option.name and isinstance(stated, ast.Constant):  # click takes that of the default
            kind = ast.Name(type(stated.value).__name__)
        if self.options.replaced:
            raise UnknownError

        def default() -> object:
            value = None if stated is None else as_option(self._value(stated, option.scope), kind)
            if value is None or keyword_of(option.node, "envvar") is not None:  # which click reads before the default
                raise UnknownError
            return value

        return self._parsed_value(owner, name, kind, f"--{name}", default)

    def _parsed_value(
        self, owner: str, name: str, kind: ast.expr | None, whose: str, default: Callable[[], object]
    ) -> object:
        """What the command gives for an option of the script's own parser, else its default, with a note."""
        given = self.options.given
        if name in given:
            return as_option(given[name], kind)
        value = default()
        beside = "" if self.options.whole else "; the command that starts the script may give another"
        self.notes[f"{owner}{name} is {value!r}, the default of {whose}{beside}"] = None
        return value


def _of_keywords(binding: Binding) -> bool:
    """Whether attributes are set from the keywords of a call: `for key, value in kwargs.items(): setattr(self, key, value)`."""
    start = binding.scope.function
    if not isinstance(start, Named) or start.args.kwarg is None:
        return False
    loops = [part for part in ast.walk(start) if isinstance(part, ast.For)]
    whole = [part for part in loops if ast.unparse(part.iter) == f"{start.args.kwarg.arg}.items()"]
    return any(part.lineno < binding.line <= (part.end_lineno or 0) for part in whole)


def _only(found: Sequence[_Found]) -> _Found:
    """The one element. Raises `UnknownError` for none, and for several."""
    if len(found) != 1:
        raise UnknownError
    return found[0]
