"""The rate of a script as a formula of the step: expressions of numbers, and functions of the script. Nothing is run."""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from optax_lr.sources.python.arguments import Arguments, gives_number
from optax_lr.sources.python.counters import Counter, counter_of
from optax_lr.sources.python.scopes import Call, Scope
from optax_lr.sources.python.syntax import UnknownError, defaults_of, places_of
from optax_lr.sources.python.truth import holds
from optax_lr.sources.source import Length
from optax_lr.text import start_of, words

Real = Any  # a number, or an array of JAX in a trace
Operation = Callable[..., Real] | str  # a function, or the name of one that both numpy and jax.numpy have
_OPERATIONS: Mapping[type[ast.AST], Operation] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: "logical_not",
    ast.And: "logical_and",
    ast.Or: "logical_or",
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SHARED = words("cos sin exp log sqrt floor ceil")
_FUNCTIONS: Mapping[str, Operation] = {
    **{f"{module}.{name}": name for module in ("math", "numpy") for name in _SHARED},
    **{f"numpy.{name}": name for name in ("minimum", "maximum", "clip", "abs")},
    "min": "minimum",
    "max": "maximum",
    "abs": "abs",
    "int": "trunc",
    "float": operator.pos,
    "math.pow": "power",
}
_OF_TWO = words("minimum maximum logical_and logical_or")
_CONSTANTS = {"math.pi": math.pi, "numpy.pi": math.pi}
# What a number is called that decides a schedule, so that it can be asked for.
_SETTING = re.compile(
    r"(?i)lr|rate|warm|step|iter|epoch|decay|cool|total|max|min|ratio|frac|peak|init|final|gamma|power"
)
_MOST_TERMS = 2000
_MOST_TURNS = 20


class Term(NamedTuple):
    """An expression: its value for a step and the settings, and whether that depends on the step."""

    of: Callable[[Real, Mapping[str, Real]], Real]
    steps: bool


Locals = Mapping[str, Callable[[], Term]]
STEP = Term(lambda step, settings: step, True)


class Formula:
    """The formula of a rate.

    Fields:
        found: takes the settings in it, by their names in the script.
        counter: the variable that is the step; None where that is the argument of a function.
        settings: the names of the numbers in it.
    """

    def __init__(self, found: Arguments, use: ast.stmt | None = None) -> None:
        """`use` is the statement of the loop that sets the rate; None for a function of the step."""
        self.found, self.script, self.use = found, found.script, use
        self.counter: Counter | None = None
        self.settings: set[str] = set()
        self._terms = 0

    # --- expressions ---

    def term(self, node: ast.expr, scope: Scope, local: Locals) -> Term:
        """The value of an expression.

        Raises:
            UnknownError: for what is no formula.
        """
        self._terms += 1
        if self._terms > _MOST_TERMS:
            raise UnknownError
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return Term(lambda step, settings: value, False)
            case ast.Name() | ast.Attribute() if (name := ast.unparse(node)) in local:
                return local[name]()
            case ast.ListComp(
                elt=part, generators=[ast.comprehension(target=ast.Name(id=name), iter=listed, ifs=[])]
            ) if "self.base_lrs" in local and ast.unparse(listed) == "self.base_lrs":
                return self.term(part, scope, {**local, name: local["self.base_lrs"]})
            case ast.UnaryOp(op=operation, operand=part):
                return self._applied(operation, [part], scope, local)
            case ast.BinOp(left=left, op=operation, right=right):
                return self._applied(operation, [left, right], scope, local)
            case ast.BoolOp(op=operation, values=parts):
                return self._applied(operation, parts, scope, local)
            case ast.Compare(left=left, ops=[operation], comparators=[right]):
                return self._applied(operation, [left, right], scope, local)
            case ast.Compare(left=left, ops=[first, second], comparators=[middle, right]):
                pairs = [ast.Compare(left, [first], [middle]), ast.Compare(middle, [second], [right])]
                return self._applied(ast.And(), pairs, scope, local)
            case ast.IfExp(test=test, body=body, orelse=other):
                return self._chosen(
                    test, lambda: self.term(body, scope, local), lambda: self.term(other, scope, local), scope, local
                )
            case ast.Call() if (made := self._called(node, scope, local)) is not None:
                return made
        return self._leaf(node, scope)

    def _applied(self, operation: ast.AST, parts: Sequence[ast.expr], scope: Scope, local: Locals) -> Term:
        if type(operation) not in _OPERATIONS:
            raise UnknownError
        return _joined(_OPERATIONS[type(operation)], [self.term(part, scope, local) for part in parts])

    def _chosen(
        self, test: ast.expr, first: Callable[[], Term], second: Callable[[], Term], scope: Scope, local: Locals
    ) -> Term:
        """What a test chooses; only one of both where the test does not depend on the step and has a value."""
        names = {part.id for part in ast.walk(test) if isinstance(part, ast.Name)}
        if not any(_depends_on_step(local[name]) for name in names & local.keys()):
            known = holds(functools.partial(self.script.value, scope=scope), test)
            if known is not None:
                return first() if known else second()
        condition, one, other = self.term(test, scope, local), first(), second()

        def of(step: Real, settings: Mapping[str, Real]) -> Real:
            holds_now = condition.of(step, settings)
            if not isinstance(holds_now, jax.Array):
                return (one if holds_now else other).of(step, settings)
            return jnp.where(holds_now, one.of(step, settings), other.of(step, settings))

        return Term(of, condition.steps or one.steps or other.steps)

    def _called(self, node: ast.Call, scope: Scope, local: Locals) -> Term | None:
        """The value of a call of a function of the script, or of one of `_FUNCTIONS`; None for any other call."""
        name = self.script.qualified(node.func)
        if any(isinstance(part, ast.Starred) for part in node.args) or any(word.arg is None for word in node.keywords):
            return None
        plain = name not in self.script.functions and self._is_known(node.func, scope)
        if name in _FUNCTIONS and not node.keywords and plain:
            return _joined(_FUNCTIONS[name], [self.term(part, scope, local) for part in node.args])
        made = self.function(node.func, scope)
        if made is None:
            return self._of_module(node, name, scope, local)
        given = Call(node, name, scope).given(places_of(made.function))
        return self.result(made, {key: functools.partial(self.term, part, scope, local) for key, part in given.items()})

    def _of_module(self, node: ast.Call, name: str, scope: Scope, local: Locals) -> Term | None:
        """The value of a call of a function in a module in the folder of the script; None for any other call."""
        found = self.script.function_in_module(name)
        if found is None:
            return None
        script, made = found
        inner = Formula(Arguments(script))
        given: dict[str, Callable[[], Term]] = {}
        for key, part in Call(node, name, scope).given(places_of(made.function)).items():
            term = self.term(part, scope, local)
            given[key] = functools.partial(lambda term: term, term)
        result = inner.result(made, given)
        self.take_module(inner)
        return result

    def take_module(self, inner: Formula) -> None:
        """Take the settings of a formula of a module.

        Raises:
            UnknownError: for two settings of one name, and for a length.
        """
        if inner.counter is not None or inner.found.lengths or inner.found.values.keys() & self.found.values.keys():
            raise UnknownError
        self.settings |= inner.settings
        self.found.values |= inner.found.values
        self.found.unknown |= inner.found.unknown
        self.script.notes |= inner.script.notes

    def function(self, node: ast.expr, scope: Scope) -> Scope | None:
        """The scope of a function of the script, or of a lambda; None for any other."""
        one = node if isinstance(node, ast.Lambda) else self.script.single(node, scope)
        if isinstance(one, ast.Lambda):
            return next(made for made in self.script.scopes if made.function is one)
        scopes = self.script.functions.get(ast.unparse(node), [])
        if len(scopes) != 1 or not isinstance(scopes[0].function, ast.FunctionDef) or scopes[0].function.decorator_list:
            return None
        return scopes[0]

    def result(self, made: Scope, given: Locals) -> Term:
        """What a function returns for these arguments."""
        function = made.function
        if isinstance(function, ast.Lambda):
            return self.term(function.body, made, given)
        defaults = {
            key: functools.partial(self.term, part, made.parent or self.script.top, {})
            for key, part in defaults_of(function).items()
            if part is not None
        }
        assert isinstance(function, ast.FunctionDef)
        return self.block(function.body, made, {**defaults, **given})

    # --- statements ---

    def block(self, statements: Sequence[ast.stmt], scope: Scope, local: Locals) -> Term:
        """What a block of statements returns.

        Raises:
            UnknownError: for other statements than assignments to names, tests, and `return`.
        """
        if not statements:
            raise UnknownError
        first, *rest = statements
        match first:
            case ast.Return(value=ast.expr() as value):
                return self.term(value, scope, local)
            case ast.If(test=test, body=body, orelse=other):
                return self._chosen(
                    test,
                    lambda: self.block([*body, *rest], scope, local),
                    lambda: self.block([*other, *rest], scope, local),
                    scope,
                    local,
                )
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                made = self.term(value, scope, local)
                return self.block(rest, scope, {**local, name: lambda: made})
            case ast.AugAssign(target=ast.Name(id=name), op=operation, value=value) if name in local:
                changed = _joined(_OPERATIONS[type(operation)], [local[name](), self.term(value, scope, local)])
                return self.block(rest, scope, {**local, name: lambda: changed})
            case ast.For(target=ast.Name(id=name), iter=listed, body=body, orelse=[]):
                numbers = self.script.value(listed, scope)
                if not isinstance(numbers, list) or len(numbers) > _MOST_TURNS or not _is_straight(body):
                    raise UnknownError
                turns = [part for number in numbers for part in (_assigned(name, number, first), *body)]
                return self.block([*turns, *rest], scope, local)
            case ast.Expr(value=ast.Constant() | ast.Call(func=ast.Name(id="print"))) | ast.Pass() | ast.Assert():
                return self.block(rest, scope, local)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="warnings"), attr="warn"))):
                return self.block(rest, scope, local)
        raise UnknownError

    # --- names ---

    def _leaf(self, node: ast.expr, scope: Scope) -> Term:
        """A setting, a variable that counts, or an expression that a name is bound to."""
        if (name := self.script.qualified(node)) in _CONSTANTS and self._is_known(node, scope):
            return Term(lambda step, settings: _CONSTANTS[name], False)
        if isinstance(node, ast.Name) and self.use is not None:
            counter = counter_of(self.script, node, scope, self.use)
            if counter is not None:
                return self._counted(counter)
        text = ast.unparse(node)
        key = re.sub(r"\W+", "_", text).strip("_")
        try:
            value = self.script.value(node, scope)
        except UnknownError:
            return self._other(node, scope, key, text)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return Term(lambda step, settings: value, False)
        return self._setting(key, node, lambda: self.found.values.__setitem__(key, value))

    def _other(self, node: ast.expr, scope: Scope, key: str, text: str) -> Term:
        """A name that is not a number in the script: an expression, an argument, or a setting to ask for."""
        stated: ast.expr | None = node
        if isinstance(node, ast.Name):
            bindings, here = self.script.reaching(node, scope)
            if len(bindings) != 1:
                raise UnknownError
            stated = bindings[0].value
            if stated is None and (given := self.script.argument(node.id, here)) is not None:
                return self.term(*given, {})
            if isinstance(stated, (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Name)) or self._is_formula(stated, here):
                assert stated is not None
                return self.term(stated, here, {})
        of_examples = functools.partial(self.script.value, node, scope)
        if gives_number(of_examples):
            length = Length(start_of(text, 60), of_examples)
            return self._setting(key, node, lambda: self.found.lengths.__setitem__(key, length))
        asked = isinstance(node, (ast.Name, ast.Attribute)) and isinstance(
            stated, (ast.Attribute, ast.Subscript, ast.Call)
        )
        if not asked or not _SETTING.search(text):
            raise UnknownError
        return self._setting(key, node, lambda: self.found.unknown.__setitem__(key, start_of(text, 60)))

    def _is_formula(self, node: ast.expr | None, scope: Scope) -> bool:
        """Whether an expression is a call whose result is a formula, or that takes a variable of a loop."""
        if not isinstance(node, ast.Call):
            return False
        name = self.script.qualified(node.func)
        if self.function(node.func, scope) is not None or self.script.function_in_module(name) is not None:
            return True
        return any(
            isinstance(part, ast.Name) and None in [made.value for made in self.script.bound(part.id, scope)[0]]
            for argument in node.args
            for part in ast.walk(argument)
        )

    def _is_known(self, node: ast.expr, scope: Scope) -> bool:
        """Whether the script itself gives a name of Python or of an imported module no other value."""
        while isinstance(node, ast.Attribute):
            node = node.value
        bindings = self.script.bound(node.id, scope)[0] if isinstance(node, ast.Name) else [None]
        return not bindings or [getattr(made, "value", 0) for made in bindings] == [None]

    def _counted(self, counter: Counter) -> Term:
        """The variable that counts: the step, with its first number added.

        Raises:
            UnknownError: for a second such variable.
        """
        if self.counter is not None and self.counter.name != counter.name:
            raise UnknownError
        self.counter = counter
        term = STEP
        if counter.first is not None:
            term = _joined(operator.add, [term, self.term(counter.first, counter.scope, {})])
        return _joined(lambda value: value + 1, [term]) if counter.later else term

    def _setting(self, key: str, node: ast.expr, take: Callable[[], None]) -> Term:
        self.found.lines[key] = node.lineno
        self.settings.add(key)
        take()
        return Term(lambda step, settings: settings[key], False)


def _depends_on_step(made: Callable[[], Term]) -> bool:
    """Whether a value depends on the step; an object with settings does not."""
    try:
        return made().steps
    except UnknownError:
        return False


def _joined(operation: Operation, parts: Sequence[Term]) -> Term:
    """An operation on terms."""

    def of(step: Real, settings: Mapping[str, Real]) -> Real:
        values = [part.of(step, settings) for part in parts]
        with np.errstate(all="ignore"):  # a branch that is not taken may divide by 0
            if not isinstance(operation, str):
                return operation(*values)
            made = getattr(jnp if any(isinstance(value, jax.Array) for value in values) else np, operation)
            return functools.reduce(made, values) if operation in _OF_TWO else made(*values)

    return Term(of, any(part.steps for part in parts))


def _is_straight(body: Sequence[ast.stmt]) -> bool:
    """Whether a body of a loop has neither `break` nor `continue`."""
    return not any(isinstance(part, (ast.Break, ast.Continue)) for statement in body for part in ast.walk(statement))


def _assigned(name: str, value: object, place: ast.stmt) -> ast.stmt:
    """`name = value`, for one turn of a loop."""
    made = ast.Assign([ast.Name(name, ast.Store())], ast.Constant(value))  # type: ignore[arg-type]
    return ast.fix_missing_locations(ast.copy_location(made, place))
