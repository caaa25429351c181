"""The learning rates in an optimizer's state, whose places are searched once for each structure of the state."""

from __future__ import annotations

import math
from typing import Any

import jax
import optax

from optax_lr.training.rates import rate_factors
from optax_lr.training.state import pure


class RatesInState:
    """Read the rates of the last update from a state, without waiting for the device."""

    def __init__(self) -> None:
        self._structure: object = None
        self._places: dict[str, tuple[int, ...]] = {}
        self.counts_calls = False  # whether the state is of optax.MultiSteps

    def __call__(self, state: object) -> dict[str, object]:
        """The rates by column: `learning_rate`, or `learning_rate/group` for each of several groups."""
        leaves, structure = jax.tree.flatten(pure(state))
        if self._structure is None or structure != self._structure:
            self._search(structure, len(leaves))
        # The next step may donate the state: a copy on the device outlives it.
        return {name: math.prod(_copy(leaves[place]) for place in places) for name, places in self._places.items()}

    def _search(self, structure: object, number: int) -> None:
        numbered = jax.tree.unflatten(structure, range(number))
        found = rate_factors(numbered)
        if not found:
            raise ValueError(
                "this state holds no learning rate: make the optimizer with olr.inject_schedules, or return the rate from the "
                "train step and pass it as learning_rate=..."
            )
        columns = {group: f"learning_rate/{group}" for group in found} | {"learning_rate": "learning_rate"}
        self._places = {columns[group]: places for group, places in found.items()}
        nodes = jax.tree.leaves(numbered, is_leaf=_is_multi_steps)
        self.counts_calls = any(map(_is_multi_steps, nodes))
        self._structure = structure


def _copy(rate: object) -> Any:
    return rate.copy() if isinstance(rate, jax.Array) else rate


def _is_multi_steps(node: object) -> bool:
    return isinstance(node, optax.MultiStepsState)
