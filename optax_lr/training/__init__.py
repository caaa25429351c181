"""Schedules in training: carried in an optimizer's state, and led by a metric."""

from optax_lr.training.checkpoints import restore_checkpoint, save_checkpoint
from optax_lr.training.early_stopping import EarlyStopping
from optax_lr.training.greedy import greedy
from optax_lr.training.hold import hold_on_plateau
from optax_lr.training.plateau import reduce_on_plateau
from optax_lr.training.transform import ScheduleState, carried, observe, scale_by_learning_rate, set_schedule

__all__ = [
    "EarlyStopping",
    "ScheduleState",
    "carried",
    "greedy",
    "hold_on_plateau",
    "observe",
    "reduce_on_plateau",
    "restore_checkpoint",
    "save_checkpoint",
    "scale_by_learning_rate",
    "set_schedule",
]
