"""Evaluation of schedules: on the host, in a trace, and on platforms without float64."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Protocol, Self, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jax.typing import ArrayLike

from optax_lr.arrays import Float, Num
from optax_lr.numerics import FLOAT64, PAIR, Real, System, x64_is_on
from optax_lr.schedules.leaves import Parts

_ARGUMENT = "argument"  # replaces a setting that is an argument of a trace


@runtime_checkable
class Evaluated(Protocol):
    """A schedule, as far as it matters here: its class imports this module."""

    @property
    def batch_shape(self) -> tuple[int, ...]: ...

    def _parts(self) -> list[Real]: ...

    def _mapped(self, function: Callable[[Real, Real], Real]) -> Self: ...

    def _value(self, step: Real, num: System) -> Real: ...


_Schedule = TypeVar("_Schedule", bound=Evaluated)


def evaluate(schedule: Evaluated, step: Num[ArrayLike, "*steps"]) -> Float[Array, "*batch *steps"]:
    """The rates `[*batch_shape, *s]` of `schedule` at the steps `[*s]`, concrete or traced."""
    leaves = [step, *schedule._parts()]
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return _in_trace(schedule, step)
    if not any(isinstance(leaf, Array) for leaf in leaves):
        found = _broadcast(evaluate_in(schedule, np.asarray(step), FLOAT64), schedule.batch_shape + np.shape(step))
        with np.errstate(over="ignore", under="ignore"):
            return jnp.asarray(found if x64_is_on() else found.astype(np.float32))
    rates: Array
    if x64_is_on() or jax.default_backend() == "tpu":
        rates = _compiled(schedule, step)
    else:
        with jax.enable_x64(True):  # settings keep their float64
            rates = _compiled_to_float32(schedule, step)
    return rates


def lift(schedule: _Schedule, num: System, *, trailing_axes: int, given: Iterator[Real] | None = None) -> _Schedule:
    """`schedule` with reals of `num` as settings, each of shape `[*batch]` reshaped to broadcast with `trailing_axes` of steps.

    Settings that are arguments of a trace are taken from `given`, in order.
    """

    def part(x: Real) -> Real:
        if given is not None and x is _ARGUMENT:
            x = next(given)
        return x if np.ndim(x) == 0 else x.reshape(np.shape(x) + (1,) * trailing_axes)

    def real(high: Real, low: Real) -> Real:
        if isinstance(high, Parts):
            high, low = high.high, high.low
        return num.joined(part(high), part(low))

    return schedule._mapped(real)


def hashable(part: object) -> object:
    """A concrete setting as a value that can be compared and hashed."""
    if part is None or part is _ARGUMENT:
        return part
    array = np.asarray(part)
    return array.dtype.str, array.shape, array.tobytes()


def evaluate_in(
    schedule: Evaluated, step: Num[ArrayLike, "*steps"], num: System, given: Iterator[Real] | None = None
) -> Real:
    """The rates at the steps `[*s]`, which count from 0, as `num` returns them."""
    lifted = lift(schedule, num, trailing_axes=np.ndim(step), given=given)
    try:
        with jax.numpy_rank_promotion("allow"):  # settings [*batch, 1] meet steps [*s]
            value = lifted._value(num.maximum(num.real(step), num.real(0)), num)
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError, ValueError) as error:
        raise TypeError(
            f"{type(schedule).__name__}: the formula fails for an array or a traced step ({type(error).__name__}); use "
            "num.where instead of if, and the functions of num instead of math and NumPy"
        ) from error
    return num.result(value)


def _broadcast(value: Real, shape: tuple[int, ...]) -> Real:
    if np.shape(value) == shape:
        return value
    return (jnp if isinstance(value, Array) else np).broadcast_to(value, shape)


@jax.jit
def _compiled(schedule: Evaluated, step: ArrayLike) -> Array:
    return _in_trace(schedule, step)


@jax.jit
def _compiled_to_float32(schedule: Evaluated, step: Array) -> Array:
    rates = _broadcast(evaluate_in(schedule, step, FLOAT64), schedule.batch_shape + step.shape)
    return jnp.asarray(rates).astype(jnp.float32)


def _in_trace(schedule: Evaluated, step: ArrayLike) -> Array:
    step, shape = jnp.asarray(step), schedule.batch_shape + np.shape(step)
    if x64_is_on():
        return jnp.asarray(_broadcast(evaluate_in(schedule, step, FLOAT64), shape))
    # Concrete settings are float64 constants of the program; JAX arrays are its float32 arguments.
    arguments = [part for part in schedule._parts() if isinstance(part, Array)]
    settings = [_ARGUMENT if isinstance(part, Array) else part for part in schedule._parts()]
    program = _Program(schedule, settings, jax.tree.structure(schedule), shape, step.ndim)
    rates: Array = _compilable(program)(step, *arguments)
    return rates


class _Program:
    """A schedule whose settings are constants or placeholders for arguments; equal if its constants are equal."""

    def __init__(
        self,
        schedule: Evaluated,
        settings: list[Real],
        structure: jax.tree_util.PyTreeDef,
        shape: tuple[int, ...],
        step_axes: int,
    ) -> None:
        parts = iter(settings)
        self.schedule = schedule._mapped(lambda *_: Parts(next(parts), next(parts)))
        self.settings, self.structure, self.shape, self.step_axes = settings, structure, shape, step_axes
        self._key = structure, shape, step_axes, tuple(map(hashable, settings))

    def form(self) -> _Program:
        """This program with a placeholder for each setting."""
        settings = [part if part is None else _ARGUMENT for part in self.settings]
        return _Program(self.schedule, settings, self.structure, self.shape, self.step_axes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Program) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def rates(self, num: System, step: Real, *arguments: Real) -> Real:
        return _broadcast(evaluate_in(self.schedule, step, num, iter(arguments)), self.shape)


@functools.lru_cache(maxsize=1024)
def _compilable(program: _Program) -> Callable[..., Array]:
    """The rates as a function of the steps and the arguments. Equal programs share one function, so JAX traces it once."""

    def in_float64(*operands: Real) -> Array:
        # Under `vmap` without `jit`, a tracer of 32 bits may hold a NumPy array of 64.
        step, *arguments = map(jnp.copy, operands)
        given = iter(arguments)
        settings = [next(given) if part is _ARGUMENT else part for part in program.settings if part is not None]
        with jax.enable_x64(True):
            rates: Array
            try:
                rates = _formula(program.form())(step, *settings)
            except Exception:  # noqa: BLE001 - a formula that needs a setting as a number, such as `if self.power == 2`
                rates = jnp.asarray(program.rates(FLOAT64, step, *arguments)).astype(jnp.float32)
            return rates

    def in_pairs(*operands: Real) -> Array:
        # Compiled separately from its users: LLVM under jax 0.12 does not terminate for a cast to bfloat16 next to the pairs.
        rates: Array = lax.optimization_barrier(program.rates(PAIR, *operands))
        return rates

    return _by_platform(in_float64, in_pairs, program.shape, program.step_axes)


@functools.lru_cache(maxsize=1024)
def _formula(form: _Program) -> Callable[..., Array]:
    """The rates in float64 as a function of the steps and all settings: one trace for schedules that differ in numbers."""

    @jax.jit
    def rates(step: Real, *settings: Real) -> Array:
        with jax.disable_jit():  # each operation of jnp is a jitted function, which takes longer to trace
            return jnp.asarray(form.rates(FLOAT64, step, *settings)).astype(jnp.float32)

    return rates


def _by_platform(
    in_float64: Callable[..., Array], in_pairs: Callable[..., Array], shape: tuple[int, ...], step_axes: int
) -> Callable[..., Array]:
    """`in_pairs` if the program is for a TPU, and otherwise `in_float64`; derivatives likewise.

    Both compute element by element, from steps and settings `[*batch]`. So a derivative is the product of the tangent with
    the derivative for a tangent of ones, and no other float64 operation is transposed outside.
    """

    def evaluated(*operands: Real) -> Array:
        late = functools.partial(_traced_at_lowering, in_pairs, shape)
        # A primitive of our own would need a sharding rule.
        pairs = late if jax.sharding.get_abstract_mesh().empty else in_pairs
        # The platform and not the backend decides, because a trace may be exported.
        found: Array = lax.platform_dependent(*operands, tpu=pairs, default=in_float64)
        return found

    @functools.cache
    def slope(number: int) -> Callable[..., Array]:
        return _by_platform(
            functools.partial(_slope, in_float64, number), functools.partial(_slope, in_pairs, number), shape, step_axes
        )

    def differentiated(primals: tuple[Real, ...], tangents: tuple[Real, ...]) -> tuple[Array, Array]:
        found = differentiable(*primals)
        total = jnp.zeros_like(found)
        for number, tangent in enumerate(tangents):
            if not isinstance(tangent, SymbolicZero) and tangent.dtype != jax.dtypes.float0:
                along = tangent.shape + (1,) * step_axes if number else (1,) * (len(shape) - step_axes) + tangent.shape
                total += slope(number)(*primals) * tangent.reshape(along)
        return found, total

    differentiable = jax.custom_jvp(evaluated)
    differentiable.defjvp(differentiated, symbolic_zeros=True)
    return differentiable


def _slope(function: Callable[..., Array], number: int, *operands: Real) -> Array:
    """The derivative with respect to one operand, element by element."""

    def of_one(x: Array) -> Array:
        return function(*operands[:number], x, *operands[number + 1 :])

    x = operands[number]
    slope: Array = jax.jvp(of_one, (x,), (jnp.ones_like(x),))[1]
    return slope


def _traced_at_lowering(function: Callable[..., Array], shape: tuple[int, ...], *operands: Real) -> Array:
    """`function(*operands)`, traced at lowering, and so only for the platforms that need it."""
    found: Array = _late_p.bind(*operands, function=function, shape=shape)
    return found


def _batched(
    operands: tuple[Real, ...], axes: tuple[int | None, ...], *, function: Callable[..., Array], shape: tuple[int, ...]
) -> tuple[Array, int]:
    size = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    return _traced_at_lowering(jax.vmap(function, axes), (size, *shape), *operands), 0


def _apply(*operands: Real, function: Callable[..., Array], **_: object) -> Array:
    return function(*operands)


def _abstract(*_: object, shape: tuple[int, ...], **__: object) -> jax.core.ShapedArray:
    return jax.core.ShapedArray(shape, jnp.dtype(jnp.float32))


_late_p = Primitive("late")
_late_p.def_impl(lambda *operands, function, shape: jax.jit(function)(*operands))
_late_p.def_abstract_eval(_abstract)
mlir.register_lowering(_late_p, mlir.lower_fun(_apply, multiple_results=False))
batching.primitive_batchers[_late_p] = _batched
