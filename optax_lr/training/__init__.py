"""Schedules in training: as data in an optimizer's state, driven by the step, a position or a metric."""

from optax_lr.training.change import cooldown, observe, set_schedule
from optax_lr.training.checkpoints import restore_checkpoint, save_checkpoint
from optax_lr.training.early_stopping import EarlyStopping
from optax_lr.training.greedy import greedy
from optax_lr.training.groups import scale_by_group, set_scales
from optax_lr.training.hold import hold_on_plateau
from optax_lr.training.inject import inject_schedules, scale_by_learning_rate
from optax_lr.training.keras import keras_callback, to_keras
from optax_lr.training.plateau import reduce_on_plateau
from optax_lr.training.range_test import RangeTest, range_test
from optax_lr.training.rates import rates
from optax_lr.training.state import InjectSchedulesState, ScheduleState

__all__ = [
    "EarlyStopping",
    "InjectSchedulesState",
    "RangeTest",
    "ScheduleState",
    "cooldown",
    "greedy",
    "hold_on_plateau",
    "inject_schedules",
    "keras_callback",
    "observe",
    "range_test",
    "rates",
    "reduce_on_plateau",
    "restore_checkpoint",
    "save_checkpoint",
    "scale_by_group",
    "scale_by_learning_rate",
    "set_scales",
    "set_schedule",
    "to_keras",
]
