"""`convert`: a plan in the words of another trainer, the same to the step, or one line on what cannot be expressed."""

from __future__ import annotations

import numpy as np

from optax_lr.configs.optax_code import optax_code
from optax_lr.configs.plan import Plan
from optax_lr.configs.read import read_config
from optax_lr.configs.write import TRAINERS_WRITTEN, write_config
from optax_lr.schedules import Schedule
from optax_lr.sources.errors import ConfigError

TARGETS = (*TRAINERS_WRITTEN, "optax")
_CLOSE = 1e-6  # of the peak: smaller differences are rounding of float32
_LOOKED_AT = 20_001  # steps
_LENGTH = {"maxtext": "steps", "levanter": "trainer"}


def convert(plan: Plan, to: str) -> str:
    """A plan as the YAML of another trainer, or as Python for Optax.

    The result is read again, and its rates are compared with those of the plan.

    Args:
        plan: the result of `RunConfig.plan`.
        to: `hf` (transformers and TRL), `llamafactory`, `axolotl`, `maxtext`, `levanter` or `optax`.

    Returns:
        The keys of the curve and of the length as YAML, or lines of Python that create the schedule.

    Raises:
        ConfigError: for a curve or a length that the other trainer cannot express.

    >>> config = read_config({"learning_rate": 3e-4, "lr_scheduler_type": "cosine", "max_steps": 1000, "warmup_steps": 100})
    >>> print(convert(config.plan(), "levanter"), end="")
    optimizer:
      type: adam
      learning_rate: 0.0003
      lr_schedule: cosine
      warmup: 100
      min_lr_ratio: 0.0
    trainer:
      num_train_steps: 1000
    """
    if to not in TARGETS:
        raise ConfigError(f"--to {to}: write one of {', '.join(TARGETS)}")
    if to == "optax":
        return optax_code(plan.schedule)
    keys = write_config(plan.schedule, trainer=to)
    if plan.schedule.end is None and to not in _LENGTH:
        keys["max_steps"] = plan.max_steps
    made = read_config(keys, trainer=to).plan()
    if made.max_steps != plan.max_steps:
        raise ConfigError(
            f"{to} cannot express this run to the step: its schedule ends at step {made.max_steps}, and the run has "
            f"{plan.max_steps} updates; --max-steps {made.max_steps} gives a run of that length"
        )
    step = _first_difference(plan.schedule, made.schedule, plan.max_steps)
    if step is not None:
        raise ConfigError(
            f"{to} cannot express this curve: its nearest differs at step {step}, {float(made.schedule(step)):.6g} in place of "
            f"{float(plan.schedule(step)):.6g}"
        )
    import yaml

    return str(yaml.safe_dump(keys, sort_keys=False))


def _first_difference(one: Schedule, other: Schedule, length: int) -> int | None:
    """The first of the compared steps at which two schedules differ."""
    steps = np.unique(np.linspace(0, max(0, length - 1), min(length, _LOOKED_AT) or 1).round().astype(np.int32))
    rates = [np.asarray(schedule(steps), np.float64) for schedule in (one, other)]
    apart = np.flatnonzero(np.abs(rates[0] - rates[1]) > _CLOSE * np.max(np.abs(rates[0])))
    return int(steps[apart[0]]) if apart.size else None
