"""The number system that writes JavaScript: a real is an expression, and a formula becomes the body of a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NoReturn

from optax_lr.numerics.reals import Real, Truth
from optax_lr.numerics.system import LARGEST_EXPONENT, System


class Expression:
    """An operation and its operands, each an expression. Equal expressions of one `JavaScript` are one object."""

    __slots__ = ("form", "num", "operands")

    def __init__(self, num: JavaScript, form: str, operands: tuple[Expression, ...]) -> None:
        self.num, self.form, self.operands = num, form, operands

    def __bool__(self) -> NoReturn:
        raise TypeError("an expression of JavaScript has no value in Python; choose with num.where in place of if")

    def __neg__(self) -> Expression:
        return self.num.of("-{0}", self)

    def __abs__(self) -> Expression:
        return self.num.of("Math.abs({0})", self)

    def __add__(self, other: Real) -> Expression:
        return self.num.of("({0} + {1})", self, other)

    def __radd__(self, other: Real) -> Expression:
        return self.num.of("({0} + {1})", other, self)

    def __sub__(self, other: Real) -> Expression:
        return self.num.of("({0} - {1})", self, other)

    def __rsub__(self, other: Real) -> Expression:
        return self.num.of("({0} - {1})", other, self)

    def __mul__(self, other: Real) -> Expression:
        return self.num.of("({0} * {1})", self, other)

    def __rmul__(self, other: Real) -> Expression:
        return self.num.of("({0} * {1})", other, self)

    def __truediv__(self, other: Real) -> Expression:
        return self.num.of("({0} / {1})", self, other)

    def __rtruediv__(self, other: Real) -> Expression:
        return self.num.of("({0} / {1})", other, self)

    def __lt__(self, other: Real) -> Expression:
        return self.num.of("({0} < {1})", self, other)

    def __le__(self, other: Real) -> Expression:
        return self.num.of("({0} <= {1})", self, other)

    def __gt__(self, other: Real) -> Expression:
        return self.num.of("({0} > {1})", self, other)

    def __ge__(self, other: Real) -> Expression:
        return self.num.of("({0} >= {1})", self, other)

    # Not `===`, which takes `true` and 1 for different.
    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return self.num.of("({0} == {1})", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return self.num.of("({0} != {1})", self, other)

    __hash__ = object.__hash__

    def __invert__(self) -> Expression:
        return self.num.of("!{0}", self)

    def __pos__(self) -> Expression:
        return self

    def _refused(self, other: Real) -> NoReturn:
        raise TypeError(
            "a formula for JavaScript has no **, % and //; write num.power(x, y), num.sqrt(x) or num.quotient(x, y)"
        )

    __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = _refused

    def __and__(self, other: Truth) -> Expression:
        return self.num.of("({0} && {1})", self, other)

    def __or__(self, other: Truth) -> Expression:
        return self.num.of("({0} || {1})", self, other)


class JavaScript(System):
    """Expressions over the parameters of one function. A shared sub-expression gets a name, so that cycles stay short."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, tuple[int, ...]], Expression] = {}  # in the order in which they were made

    def of(self, form: str, *operands: Real) -> Expression:
        """The expression of a template, in which `{0}`, `{1}`, ... are replaced by the operands."""
        parts = tuple(self.real(x) for x in operands)
        key = form, tuple(map(id, parts))
        if key not in self._made:
            self._made[key] = Expression(self, form, parts)
        return self._made[key]

    def body(self, value: Expression) -> str:
        """The statements that compute and return `value`."""
        uses: dict[int, int] = {id(value): 1}
        for made in reversed(self._made.values()):  # what uses an expression is made after it
            if id(made) in uses:
                for number, operand in enumerate(made.operands):
                    uses[id(operand)] = uses.get(id(operand), 0) + made.form.count(f"{{{number}}}")
        lines: list[str] = []
        texts: dict[int, str] = {}
        for made in self._made.values():
            if id(made) not in uses:
                continue
            text = made.form.format(*(texts[id(operand)] for operand in made.operands))
            if made.operands and uses[id(made)] > 1:
                name = f"t{len(lines)}"
                lines.append(f"const {name} = {_bare(text)};")
                text = name
            texts[id(made)] = text
        return "\n".join([*lines, f"return {_bare(texts[id(value)])};"])

    def joined(self, high: object, low: object) -> Real:
        raise TypeError("settings are parameters of a function in JavaScript, not numbers")

    def real(self, x: Real) -> Expression:
        if isinstance(x, Expression):
            return x
        number = float(x)
        text = "Infinity" if number == math.inf else repr(number).removesuffix(".0")
        return self.of(f"({text})" if number < 0 else text)

    def result(self, value: Real) -> Expression:
        return self.maximum(value, 0)

    def where(self, condition: Truth, a: Real, b: Real) -> Expression:
        return self.of("({0} ? {1} : {2})", condition, a, b)

    def maximum(self, a: Real, b: Real) -> Expression:
        return self.of("Math.max({0}, {1})", a, b)

    def minimum(self, a: Real, b: Real) -> Expression:
        return self.of("Math.min({0}, {1})", a, b)

    def at_least_one(self, x: Real) -> Expression:
        return self.maximum(x, 1)

    def floor(self, x: Real) -> Expression:
        return self.of("Math.floor({0})", x)

    def sin_squared(self, a: Real, b: Real) -> Expression:
        sine = self.of(f"Math.sin({math.pi / 2!r} * {{0}} / {{1}})", a, b)
        return sine * sine

    def wave(self, step: Real, start: Real, length: Real, cycles: Real) -> Real:
        angle = self.real(2 * math.pi) * cycles * ((step - start) / length)
        return 0.5 + 0.5 * self.of("Math.cos({0})", angle)

    def log2(self, x: Real) -> Expression:
        return self.of("({0} > 0 ? Math.log2({0}) : 0)", x)

    def fall(self, left: Real, exponent: Real) -> Expression:
        return self.of("({0} < 1 ? -Math.expm1({1} * Math.log1p(-{0})) : 1)", left, exponent)

    def power(self, x: Real, exponent: Real) -> Expression:
        power = self.of(f"Math.min(Math.pow({{0}}, {{1}}), {2.0**LARGEST_EXPONENT!r})", x, exponent)
        return self.where(self.real(x) > 0, power, self.of("({0} === 0 && {1} === 0 ? 1 : 0)", x, exponent))

    def sqrt(self, x: Real) -> Expression:
        return self.of("Math.sqrt(Math.max({0}, 0))", x)

    def inverse_sqrt(self, x: Real) -> Expression:
        return self.of("({0} > 0 ? 1 / Math.sqrt({0}) : 0)", x)

    def choose(self, kind: Real, values: Sequence[Callable[[], Real]]) -> Expression:
        result = self.real(values[0]())
        for number, value in enumerate(values[1:], start=1):
            result = self.where(self.of("({0} === {1})", kind, number), value(), result)
        return result

    def call(self, function: Callable[..., Real], step: Real, settings: dict[str, Real]) -> NoReturn:
        raise TypeError("Function: this is a function of Python, which JavaScript cannot call; write it as a class")


def _bare(text: str) -> str:
    """`text` without parentheses around all of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[1:-1] if place == len(text) - 1 else text
    return text
