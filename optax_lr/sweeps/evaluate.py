"""`sweep`: every curve of a batch in one compiled call."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import ArrayLike

from optax_lr.arrays import Float, Num
from optax_lr.memory import free_memory as free_host_memory, in_bytes
from optax_lr.numerics import PAIR, ByRow, Real, RoundedFloat64, x64_is_on
from optax_lr.schedules import checks
from optax_lr.schedules.base import Schedule, require_schedule
from optax_lr.schedules.evaluation import lift
from optax_lr.schedules.fields import as_schedule
from optax_lr.schedules.function import AnySchedule
from optax_lr.schedules.leaves import shape_of
from optax_lr.sweeps.past_end import PAST_END, ended
from optax_lr.sweeps.sharding import spread_over

Steps = Num[ArrayLike, "*steps"] | Sequence[int] | Sequence[Sequence[int]]  # a number of steps, or the steps
# The number system of a sweep on each platform ("gpu", "tpu"); on every other one it is `RoundedFloat64`. None means pairs of
# float32: a TPU has no float64. A new kernel is one line here.
KERNELS: Mapping[str, type[ByRow] | None] = {"tpu": None}
_IN_TRACES = {"gpu": ("cuda", "rocm")}  # the names of a platform in a trace, where they differ
_Word = TypeVar("_Word")


def sweep(
    schedule: AnySchedule,
    steps: Steps,
    *,
    past_end: str = "reference",
    out: Float[jax.Array, "*batch *steps"] | None = None,
) -> Float[jax.Array, "*batch *steps"]:
    """The rates of every schedule of a batch at every step, in one compiled call.

    Args:
        schedule: one schedule, a `grid`, a `stack` of any kinds, or any batch.
        steps: a number of steps, for 0 to `steps - 1`, or the steps themselves, whole numbers of shape `[*s]`.
        past_end: the rate of a schedule after its `max_steps`. "reference": that of the reference (a cosine rises
            again). "hold": the rate at `max_steps`. "nan": NaN. Schedules without an end are not affected.
        out: an earlier result of the same shape and dtype whose memory is reused; it must not be used again. Fresh
            memory costs several times the arithmetic, so a loop of sweeps should pass it.

    A batch that is sharded over devices with `shard` gives curves with the same sharding: each device computes its own rows.

    Returns:
        Float32 `[*batch_shape, *s]`, correctly rounded except for about one rate in 200 (at most 0.51 ulp), or float64
        if x64 is on, in the order of the batch. Only another shape, number of steps, or set of kinds compiles again. Inside
        `jit`, `vmap` or `grad`, where the schedule or the steps are traced, it is as exact; if there are several devices,
        each row of a mixed batch computes all its kinds.

    Raises:
        ValueError: If a step is negative or fractional, `steps` is empty, a word is unknown, `out` does not fit, or the
            result does not fit into the free memory.
        TypeError: If `schedule` is not a schedule.

    >>> batch = grid(Linear, learning_rate=[1e-4, 2e-4], max_steps=[4, 8])
    >>> sweep(batch, 3).shape
    (2, 2, 3)
    >>> sweep(batch, [0, 4], past_end="nan")[1, 1]
    Array([0.0002, 0.0001], dtype=float32)
    """
    schedule = require_schedule("sweep", as_schedule(schedule))
    schedule = ended(schedule, word_of("sweep", "past_end", past_end, PAST_END))
    chosen, count = checked_steps("sweep", steps)
    leaves = jax.tree.leaves(schedule)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in (*leaves, chosen)):
        return _swept_in_trace(schedule, chosen, count)
    shape = shape_of(leaves) + ((count,) if chosen is None else np.shape(chosen))
    _check_room(shape, 8 if x64_is_on() else 4, out)
    numbers = system()
    with in_float64():
        spread = spread_over(leaves)
        evaluate = _curves if spread is None else _sharded_curves(spread)
        rates: jax.Array = evaluate(schedule, chosen, out, count, numbers)
        return rates


def system() -> type[ByRow] | None:
    """The number system of a sweep on this platform; None means pairs of float32."""
    kernel = KERNELS.get(jax.default_backend(), RoundedFloat64)
    return ByRow if kernel is not None and x64_is_on() else kernel


def in_float64() -> contextlib.AbstractContextManager[None]:
    """x64 for one compiled call, whatever the user's configuration, if the platform has float64."""
    return contextlib.nullcontext() if system() is None else jax.enable_x64(True)


def curves(
    schedule: Schedule, steps: Num[jax.Array, "*steps"], last_step: Num[jax.Array, ""], numbers: type[ByRow] | None
) -> Float[jax.Array, "rows {steps.size}"]:
    """The rates `[rows, steps]` of a batch of one axis. Traced."""
    num = PAIR if numbers is None else numbers(last_step, len(schedule))
    lifted, steps = lift(schedule, num, trailing_axes=1), steps.reshape(1, -1)

    def formula(step: Real) -> Real:
        return lifted._value(step, num)

    rates = num.by_row(formula, steps) if isinstance(num, ByRow) else num.result(formula(num.real(steps)))
    return jnp.broadcast_to(rates, (len(schedule), steps.size))


@functools.partial(jax.jit, static_argnums=(3, 4), donate_argnums=2, keep_unused=True)
def _curves(
    schedule: Schedule,
    steps: jax.Array | np.ndarray | None,
    out: jax.Array | None,
    count: int,
    numbers: type[ByRow] | None,
) -> jax.Array:
    del out  # donated: its memory is used for the result
    shape = schedule.batch_shape
    if steps is None:
        steps, last = jnp.arange(count, dtype=jnp.int32), jnp.int32(count - 1)
    else:
        steps = jnp.asarray(steps)
        last = steps.max()
    rates = curves(schedule.reshape(math.prod(shape)), steps, last, numbers)
    return rates.reshape(shape + steps.shape)


def _swept_in_trace(schedule: Schedule, steps: jax.Array | np.ndarray | None, count: int) -> jax.Array:
    if x64_is_on():
        return _rates_by_call(count, schedule, steps)
    # If rows may be on several devices, a gather would move them, and inside `shard_map` the steps must not vary with rows.
    if jax.device_count() > 1 or jax.sharding.get_abstract_mesh().manual_axes:
        return _rates_by_call(count, schedule, steps)
    # The platform and not the backend decides, because a trace may be exported.
    kernels = {name: kernel for platform, kernel in KERNELS.items() for name in _IN_TRACES.get(platform, (platform,))}
    rates: jax.Array = jax.lax.platform_dependent(
        schedule,
        None if steps is None else jnp.maximum(steps, 0),
        **{name: _kernel_in_trace(count, kernel) for name, kernel in kernels.items()},
        default=_kernel_in_trace(count, RoundedFloat64),
    )
    return rates


def _kernel_in_trace(
    count: int, numbers: type[ByRow] | None
) -> Callable[[Schedule, jax.Array | np.ndarray | None], jax.Array]:
    if numbers is None:
        return functools.partial(_rates_by_call, count)
    return functools.partial(_rounded_in_trace, count, numbers)


def _rates_by_call(count: int, schedule: Schedule, steps: jax.Array | np.ndarray | None) -> jax.Array:
    return schedule(jnp.arange(count) if steps is None else steps)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _rounded_in_trace(
    count: int, numbers: type[ByRow], schedule: Schedule, steps: jax.Array | np.ndarray | None
) -> jax.Array:
    with jax.enable_x64(True):
        rates: jax.Array = _curves(schedule, steps, None, count, numbers)
        return rates


@_rounded_in_trace.defjvp
def _rounded_jvp(
    count: int,
    numbers: type[ByRow],
    primals: tuple[Schedule, jax.Array | np.ndarray | None],
    tangents: tuple[Schedule, object],
) -> tuple[jax.Array, jax.Array]:
    # The polynomials approximate values, not derivatives, so the formula of the schedule is differentiated.
    slopes = jax.jvp(functools.partial(_rates_by_call, count), primals, tangents)[1]
    return _rounded_in_trace(count, numbers, *primals), slopes


@functools.lru_cache(maxsize=8)
def _sharded_curves(sharding: NamedSharding) -> Callable[..., jax.Array]:
    """`_curves` for a batch with this sharding of its rows: each device computes the curves of its own rows."""
    rows, everywhere = sharding.spec, PartitionSpec()

    @functools.partial(jax.jit, static_argnums=(3, 4), donate_argnums=2, keep_unused=True)
    def spread(
        schedule: Schedule, steps: object, out: jax.Array | None, count: object, numbers: type[ByRow] | None
    ) -> jax.Array:
        del out  # donated, as in `_curves`
        # The rows are already distributed, so nothing is exchanged; by default the compiler would gather them.
        local: Callable[[Schedule, object], jax.Array] = jax.shard_map(
            lambda own, shared: _curves(own, shared, None, count, numbers),
            mesh=sharding.mesh,
            in_specs=(rows, everywhere),
            out_specs=rows,
            check_vma=False,  # each device creates the same steps
        )
        return local(schedule, steps)

    return spread


def word_of(caller: str, name: str, value: _Word, words: tuple[str, ...]) -> _Word:
    """Return `value` if it is one of `words`; otherwise raise `ValueError`."""
    if value not in words:
        raise ValueError(f"{caller}(): {name} must be one of {', '.join(map(repr, words))}, not {value!r}")
    return value


def checked_steps(caller: str, steps: object) -> tuple[Num[jax.Array | np.ndarray, "*steps"] | None, int]:
    """The steps as int32 and 0, or None and their number if they are `0, 1, ..., n - 1`."""
    if isinstance(steps, jax.core.Tracer):
        return steps, 0
    checked = checks.whole_steps(f"{caller}(): steps", steps)
    if isinstance(checked, (jax.Array, np.ndarray)) and checked.ndim:
        if not checked.size:
            raise ValueError(f"{caller}(): steps is empty; give it at least one step")
        return checked, 0
    if checked == 0:
        raise ValueError(f"{caller}(): steps is 0; give the number of steps, at least 1, or the steps themselves")
    return None, int(checked)


def _check_room(shape: tuple[int, ...], itemsize: int, out: jax.Array | None) -> None:
    if out is not None:
        dtype = jnp.float64 if itemsize == 8 else jnp.float32
        if not isinstance(out, jax.Array) or out.shape != shape or out.dtype != dtype:
            whose = "NumPy's " if isinstance(out, np.ndarray) else ""
            raise ValueError(
                f"sweep(): out must be an array {np.dtype(dtype)}{list(shape)}, an earlier result, not {whose}"
                f"{getattr(out, 'dtype', type(out).__name__)}{list(np.shape(out))}"
            )
        if out.is_deleted():
            raise ValueError("sweep(): out was given to an earlier sweep and is gone; pass that sweep's result")
        return
    needed, free = math.prod(shape) * itemsize, free_sweep_memory()
    if needed > free:
        raise ValueError(
            f"sweep(): {' x '.join(map(str, shape))} rates need {in_bytes(needed)} and {in_bytes(free)} are "
            "free; sweep_to() writes them to disk in blocks, sweep_summary() keeps none, steps=range(0, n, k) thins them"
        )


def free_sweep_memory() -> int:
    """Bytes that are free where sweeps run: on the device, or on the host."""
    stats = jax.devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    return free_host_memory()
