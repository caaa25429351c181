"""The rate that an optimizer's state holds, found once and then known by its place."""

from __future__ import annotations

from typing import Any

import jax
import optax


class RateInState:
    """Takes the rate of the last update out of a state; on the host, without waiting for the device."""

    def __init__(self) -> None:
        self._structure: Any = None
        self._place = 0

    def __call__(self, state: Any) -> Any:
        leaves, structure = jax.tree.flatten(state)
        if self._structure is None or structure != self._structure:
            self._place = _place(state, leaves)
            self._structure = structure
        rate = leaves[self._place]
        # The next step may donate the state: a copy on the device outlives it.
        return rate.copy() if isinstance(rate, jax.Array) else rate


def _place(state: Any, leaves: list[Any]) -> int:
    try:
        # inject_hyperparams has the name twice: for the rate, and for the state of what gives it, a tuple.
        rate = optax.tree.get(state, "learning_rate", filtering=lambda _, value: not isinstance(value, tuple))
    except KeyError:
        number = "several learning rates"
    else:
        for place, leaf in enumerate(leaves):
            if leaf is rate:
                return place
        number = "no learning rate"
    raise ValueError(
        f"Monitor: this state holds {number}: return the rate from the train step and pass it as learning_rate=..."
    )
