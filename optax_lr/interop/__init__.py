"""The names and objects of other libraries: transformers' `get_scheduler`, and schedulers of torch in both directions."""

from optax_lr.interop.torch import from_torch, to_torch
from optax_lr.interop.transformers import SCHEDULERS, get_scheduler

__all__ = ["SCHEDULERS", "from_torch", "get_scheduler", "to_torch"]
