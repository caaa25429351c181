"""Schedules in other programs: transformers' `get_scheduler`, torch's schedulers in both directions, JavaScript."""

from optax_lr.interop.javascript import to_javascript
from optax_lr.interop.torch import from_torch, to_torch
from optax_lr.interop.transformers import SCHEDULERS, get_scheduler

__all__ = ["SCHEDULERS", "from_torch", "get_scheduler", "to_javascript", "to_torch"]
