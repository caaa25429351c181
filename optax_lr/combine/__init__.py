"""Schedules made of schedules: one after another, multiplied, held, and batches of mixed kinds."""

from optax_lr.combine.batches import Mixed, concatenate, stack
from optax_lr.combine.stages import HoldAfter, Stages
from optax_lr.schedules.base import Product, Scaled

__all__ = ["HoldAfter", "Mixed", "Product", "Scaled", "Stages", "concatenate", "stack"]
