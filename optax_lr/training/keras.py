"""Schedules and controls in Keras, on its JAX backend or another: an adapter and a callback."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jax.typing import ArrayLike

from optax_lr.arrays import Float
from optax_lr.schedules.base import Schedule, from_dict, require_schedule
from optax_lr.schedules.fields import as_schedule
from optax_lr.schedules.function import AnySchedule
from optax_lr.training.base import Control
from optax_lr.training.inject import require_one_schedule, scheduled_value

if TYPE_CHECKING:
    import keras


def to_keras(schedule: AnySchedule) -> keras.optimizers.schedules.LearningRateSchedule:
    """Convert `schedule` to a `keras.optimizers.schedules.LearningRateSchedule`.

    Keras counts like Optax: the first update is step 0. The model can be saved and loaded with it.

    Args:
        schedule: one schedule, number or function of the step. For a control, which follows a metric, use `keras_callback`.

    Returns:
        Keras's schedule, for the `learning_rate` of an optimizer.

    Raises:
        TypeError: If `schedule` is none of these. A model with a function cannot be saved.
        ImportError: If Keras is not installed.

    >>> import pytest
    >>> keras = pytest.importorskip("keras")
    >>> optimizer = keras.optimizers.SGD(to_keras(Linear(1.0, max_steps=10)))
    >>> float(optimizer.learning_rate)
    1.0
    """
    schedule = require_schedule("to_keras", as_schedule(schedule))
    require_one_schedule("to_keras()", schedule)
    if isinstance(schedule, Control):
        raise TypeError(f"to_keras(): {type(schedule).__name__} follows a metric: use olr.keras_callback(control)")
    return _classes()[0](schedule=schedule)


def keras_callback(schedule: AnySchedule, metric: str = "val_loss") -> keras.callbacks.Callback:
    """A `keras.callbacks.Callback` that sets the learning rate of each update from a schedule or a control.

    A control observes `metric` at the end of each epoch. Make the optimizer with a number as its rate; nothing
    compiles again. What other callbacks set, such as `keras.callbacks.ReduceLROnPlateau`, has no effect: use a control.

    Args:
        schedule: one schedule, number, function of the step, or control.
        metric: the key in Keras's logs that a control observes.

    Returns:
        The callback, for `fit(callbacks=[...])`.

    Raises:
        TypeError: If `schedule` is none of these.
        ImportError: If Keras is not installed.

    >>> import pytest
    >>> keras = pytest.importorskip("keras")
    >>> callback = keras_callback(reduce_on_plateau(Constant(1e-2), patience=2), metric="loss")
    """
    schedule = require_schedule("keras_callback", as_schedule(schedule))
    require_one_schedule("keras_callback()", schedule)
    return _classes()[1](schedule, metric)


@functools.cache
def _classes() -> tuple[type, type]:
    """The two classes, created when Keras is first needed."""
    try:
        import keras
    except ImportError:
        raise ImportError('Keras is not installed: pip install "keras>=3"') from None

    @keras.saving.register_keras_serializable(package="optax_lr")
    class KerasSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __init__(self, schedule: Schedule | Mapping[str, object]) -> None:
            self.schedule = schedule if isinstance(schedule, Schedule) else from_dict(schedule)

        def __call__(self, step: ArrayLike) -> Float[ArrayLike, ""]:
            rate: ArrayLike = self.schedule(keras.ops.convert_to_tensor(step))
            return rate

        def get_config(self) -> dict[str, object]:
            return {"schedule": self.schedule.to_dict()}

    class KerasCallback(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self, schedule: Schedule, metric: str) -> None:
            super().__init__()
            self.schedule, self.metric = schedule, metric
            self.metric_state = schedule.metric_state() if isinstance(schedule, Control) else None

        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            optimizer = self.model.optimizer
            optimizer.learning_rate = float(
                scheduled_value(self.schedule, self.metric_state, int(optimizer.iterations))
            )

        def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
            if not isinstance(self.schedule, Control) or self.metric_state is None:
                return
            if logs is None or self.metric not in logs:
                known = ", ".join(logs or {})
                raise ValueError(f"keras_callback(): the logs have no {self.metric!r}, only {known}; give metric=...")
            step = int(self.model.optimizer.iterations)
            self.metric_state = self.schedule.with_metric(self.metric_state, step, logs[self.metric])

    return KerasSchedule, KerasCallback
