"""The learning-rate range test, which suggests a rate to start from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import keystr, tree_leaves_with_path
from jax.typing import ArrayLike

from optax_lr.arguments import shown, whole_number
from optax_lr.arrays import Float, Int, Num, PyTree
from optax_lr.numerics import Real
from optax_lr.training.state import exported

if TYPE_CHECKING:
    import matplotlib.axes

SKIP_START, SKIP_END = 10, 5  # updates whose slope is ignored, as in torch-lr-finder


@exported
class RangeTest(NamedTuple):
    """The result of a range test of `n` updates; under `jax.vmap` every field has a leading axis.

    Fields:
        rates: `[n]`, the learning rate of each update.
        losses: `[n]`, the loss of each update.
        smoothed: `[n]`, their moving mean.
        stop: the number of updates before the loss diverged; later ones are not used.
        steepest: the rate at which the smoothed loss falls fastest; NaN if it never falls.
        tenth: a tenth of the rate at which the smoothed loss is smallest; NaN if it never falls.
    """

    rates: Float[jax.Array, "*population n"]
    losses: Float[jax.Array, "*population n"]
    smoothed: Float[jax.Array, "*population n"]
    stop: Int[jax.Array, "*population"]
    steepest: Float[jax.Array, "*population"]
    tenth: Float[jax.Array, "*population"]

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Draw the losses over the rates, with both suggestions, and return matplotlib's axes."""
        import matplotlib.pyplot as plt

        if self.losses.ndim > 1:
            raise ValueError("RangeTest.plot(): this is a population; draw one: jax.tree.map(lambda x: x[i], result)")
        ax = ax or plt.figure(figsize=(8, 4.5), layout="constrained").gca()
        used = slice(0, int(self.stop))
        ax.plot(self.rates[used], self.losses[used], color="0.75", label="loss")
        ax.plot(self.rates[used], self.smoothed[used], label="smoothed")
        for rate, name, style in ((self.steepest, "steepest", "-"), (self.tenth, "minimum / 10", "--")):
            if jnp.isfinite(rate):
                ax.axvline(float(rate), color="0.3", linestyle=style, label=f"{name}: {float(rate):.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        ax.legend()
        return ax


def range_test(
    step: Callable[..., tuple[PyTree, Float[ArrayLike, ""]]],
    carry: PyTree,
    batches: PyTree = None,
    *,
    low: Num[ArrayLike, ""] = 1e-7,
    high: Num[ArrayLike, ""] = 10.0,
    steps: int = 100,
    smoothing: float = 0.05,
    diverged: float = 5.0,
) -> RangeTest:
    """Train a few updates at rates that rise from `low` to `high` in equal ratios, and suggest a rate to start from.

    It runs in one `jax.lax.scan`, and works inside `jax.jit` and `jax.vmap`: `jax.vmap(lambda carry: range_test(step, carry))`
    tests a whole population of models, seeds or settings at once.

    Args:
        step: `step(carry, rate)`, or `step(carry, rate, batch)` with `batches`: one update at the learning rate `rate`, a
            traced number, which returns the new carry and the loss before the update.
        carry: the initial carry, such as the parameters and the optimizer's state. It is not changed.
        batches: a pytree of arrays with a leading axis of `steps`.
        low: the first rate.
        high: the last rate.
        steps: number of updates.
        smoothing: weight of a new loss in the moving mean.
        diverged: the test ends where the smoothed loss is above this many times its smallest value, or is not finite.

    Returns:
        The rates, the losses, and two suggestions.

    Raises:
        TypeError: If `step` is not a function, or does not return a carry of the same types and a loss.
        ValueError: If `steps` is too small, the rates do not rise, another number is out of its range, or an array of
            `batches` has no axis of `steps`.

    Source: "Cyclical Learning Rates for Training Neural Networks" (Smith, 2017); the smoothing, the stop rule and the steepest
    descent are those of `torch-lr-finder`, a tenth of the minimum is fastai's.

    >>> def step(w, rate):
    ...     loss, gradient = jax.value_and_grad(lambda w: ((w - 3) ** 2).sum())(w)
    ...     return w - rate * gradient, loss
    >>> found = range_test(step, jnp.zeros(4), low=1e-4)
    >>> bool(0.01 < found.steepest < 1)
    True
    """
    if not callable(step):
        raise TypeError(f"range_test(): step must be a function of the carry and the rate, not {shown(step)}")
    steps = whole_number("range_test(): steps", steps, least=SKIP_START + SKIP_END + 3)
    _check_bounds(low, high, smoothing, diverged)
    ratio = jnp.asarray(high) / low
    rates = jnp.asarray(low) * ratio ** (jnp.arange(steps) / (steps - 1))

    for leaf in jax.tree.leaves(batches):
        if jnp.shape(leaf)[:1] != (steps,):
            raise ValueError(
                f"range_test(): batches need a leading axis of steps={steps}, and one has the shape {jnp.shape(leaf)}"
            )

    def one(carry: PyTree, given: tuple[Float[jax.Array, ""], PyTree]) -> tuple[PyTree, Float[jax.Array, ""]]:
        rate, batch = given
        result = step(carry, rate) if batches is None else step(carry, rate, batch)
        _check_result(carry, result)
        return result[0], jnp.asarray(result[1], jnp.promote_types(jnp.result_type(result[1]), jnp.float32))

    return _judged(rates, jax.lax.scan(one, carry, (rates, batches), length=steps)[1], smoothing, diverged)


def _check_bounds(low: Real, high: Real, smoothing: float, diverged: float) -> None:
    if any(isinstance(bound, jax.core.Tracer) for bound in (low, high)):
        return
    if not 0 < low < high < math.inf:
        raise ValueError(f"range_test(): low must be above 0 and below high, not {shown(low)} with high {shown(high)}")
    if not 0 < smoothing <= 1:
        raise ValueError(f"range_test(): smoothing must be above 0 and at most 1, not {shown(smoothing)}")
    if not diverged > 1:
        raise ValueError(f"range_test(): diverged must be above 1, not {shown(diverged)}")


def _check_result(carry: PyTree, result: object) -> None:
    """Refuse a result of `step` that is not a carry of the same types, and a loss."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise TypeError(f"range_test(): step must return the new carry and the loss, not {shown(result)}")
    if jnp.shape(result[1]):
        raise ValueError(f"range_test(): step must return one loss, not an array of shape {jnp.shape(result[1])}")
    before, after = (
        {keystr(path): jax.typeof(leaf) for path, leaf in tree_leaves_with_path(tree)} for tree in (carry, result[0])
    )
    for path in before | after:
        old, new = (types[path].str_short() if path in types else "missing" for types in (before, after))
        if old != new and not (
            path in before and before[path].weak_type
        ):  # JAX adapts weak types, those of Python's numbers
            raise TypeError(
                f"range_test(): step must keep the types of the carry, and carry{path} is {old} before and {new} after"
            )


def _judged(
    rates: Float[jax.Array, " n"], losses: Float[jax.Array, " n"], smoothing: float, diverged: float
) -> RangeTest:
    def smooth(
        before: tuple[jax.Array, jax.Array], loss: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        mean, best = before
        mean = jnp.where(jnp.isnan(mean), loss, smoothing * loss + (1 - smoothing) * mean)
        best = jnp.fmin(best, mean)
        limit = best + (diverged - 1) * jnp.abs(best)  # diverged * best, also for losses below 0
        return (mean, best), (mean, ~(mean <= limit))

    start = (jnp.full((), jnp.nan, losses.dtype), jnp.full((), jnp.inf, losses.dtype))
    smoothed, bad = jax.lax.scan(smooth, start, losses)[1]
    index = jnp.arange(len(losses))
    stop = jnp.where(bad.any(), jnp.argmax(bad) + 1, len(losses))
    used = (index < stop) & jnp.isfinite(smoothed)
    slope = jnp.asarray(jnp.gradient(smoothed))
    # The first and the last of these updates have a one-sided difference, as in NumPy's gradient.
    first, last = SKIP_START, stop - SKIP_END - 1
    ahead, behind = jnp.roll(smoothed, -1) - smoothed, smoothed - jnp.roll(smoothed, 1)
    slope = jnp.where(index == first, ahead, jnp.where(index == last, behind, slope))
    slope = jnp.where(used & (index >= first) & (index <= last), slope, jnp.inf)
    steepest = jnp.where(slope.min() < 0, rates[jnp.argmin(slope)], jnp.nan)
    lowest = jnp.argmin(jnp.where(used, smoothed, jnp.inf))
    tenth = jnp.where(smoothed[lowest] < smoothed[0], rates[lowest] / 10, jnp.nan)
    return RangeTest(rates, losses, smoothed, stop, steepest, tenth)
