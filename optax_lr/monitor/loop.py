"""`Monitor`: called by the training loop; a thread does the rest."""

from __future__ import annotations

import atexit
import collections
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

import jax
import numpy as np

from optax_lr.arguments import file_name, shown, whole_number
from optax_lr.findings import Finding
from optax_lr.logs.log import Log
from optax_lr.monitor.channel import Channel
from optax_lr.monitor.live import Live
from optax_lr.monitor.rate import RatesInState
from optax_lr.monitor.rows import Row, RowBuilder
from optax_lr.monitor.sinks import Callback, sinks_of
from optax_lr.monitor.warn_once import WarnOnce, warn
from optax_lr.training.base import Control

INTERVAL = 0.1  # seconds between two checks for new values


class Monitor:
    """Write the learning rate and the losses during a run, and report problems in them.

    A call takes about a microsecond: it stores a reference. Other threads wait for the device, write the rows and check
    them. A failure there is logged in one line and never stops the training.

    ```
    with olr.Monitor("runs/one", schedule=schedule, report_to=("jsonl", "tensorboard")) as monitor:
        for batch in batches:
            params, state, loss = train_step(params, state, batch)
            monitor(loss)
    ```

    A row is written every `logging_steps` updates, and at the end for the remaining ones: `step`, the number of updates so
    far; `loss`, the mean over the updates since the last row, in float64, like a Trainer's (but not rounded, and NaN stays
    NaN); `learning_rate`, that of the row's own update, `schedule(step - 1)`, as transformers logs it from 4.50 on; and the
    latest value of each other metric. An evaluation gets a separate row at once. A float32 is written with all of its
    digits, so that an audit recognises it.

    Args:
        folder: the folder of the files, created if it is missing; None if there are only callables.
        schedule: a schedule of this library, or any other Optax schedule. A `learning_rate=` or `state=` in a call has
            precedence, and is compared with it.
        logging_steps: updates between two rows.
        accumulation_steps: calls per update, the `every_k_schedule` of `optax.MultiSteps`; the loss is the mean over all calls.
        report_to: one or several of `"jsonl"` (`log.jsonl`, one object a line, with the keys of a Trainer's `log_history`),
            `"tensorboard"` (an event file; `train/loss`, `train/learning_rate`, `eval/loss`, ..., as transformers names them),
            `"swanlab"` or `"wandb"` (the open run, or a new one in offline mode), and callables, which get each row as a
            dictionary.
        step: the number of updates before, for a resumed run. `log.jsonl` is continued, never overwritten: rows that the
            first run wrote after its checkpoint stay, and the new rows of the same steps follow them.
        max_steps: the length of the run, by default the schedule's end; if it is unknown, LR304 and LR309 are not reported.
        on_finding: called with each `Finding` of `patterns`, each code once. Findings are also logged as warnings of the
            logger `optax_lr`.

    Raises:
        ValueError, TypeError: If an argument is wrong, also in a later call.
        ImportError, OSError: If a package is missing or the folder cannot be created.

    >>> rows = []
    >>> with Monitor(schedule=Linear(1.0, max_steps=16), logging_steps=4, report_to=rows.append) as monitor:
    ...     for step in range(8):
    ...         monitor(jnp.float32(8 - step))
    >>> rows
    [{'step': 4, 'loss': 6.5, 'learning_rate': 0.8125}, {'step': 8, 'loss': 2.5, 'learning_rate': 0.5625}]
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        schedule: Callable[[int], object] | None = None,
        logging_steps: int = 10,
        accumulation_steps: int = 1,
        report_to: str | Callable[[Row], object] | Iterable[str | Callable[[Row], object]] = "jsonl",
        step: int = 0,
        max_steps: int | None = None,
        on_finding: Callable[[Finding], object] | None = None,
    ):
        logging_steps = whole_number("Monitor: logging_steps", logging_steps, least=1)
        calls = whole_number("Monitor: accumulation_steps", accumulation_steps, least=1)
        max_steps = None if max_steps is None else whole_number("Monitor: max_steps", max_steps, least=1)
        if on_finding is not None and not callable(on_finding):
            raise TypeError(
                f"Monitor: on_finding must be called with a finding, such as print, not {shown(on_finding)}"
            )
        if isinstance(schedule, Control):
            raise TypeError("Monitor: the rate of a control is in the optimizer's state: pass state=... in the calls")
        if schedule is not None and not callable(schedule):
            raise TypeError(
                f"Monitor: the schedule is a callable of the step, not {shown(schedule)}; a number is olr.Constant(...)"
            )
        end: Any = getattr(schedule, "end", None)
        if np.ndim(end):
            raise ValueError("Monitor: the schedule is a batch, and a run has one: take one of it, such as batch[0]")
        folder = None if folder is None else file_name("Monitor: folder", folder, of="a folder")
        self._calls_per_update = calls
        self._called = _checked_step(step) * calls  # what follows counts calls
        self._warn_once = WarnOnce()
        self._rows = RowBuilder(schedule, logging_steps * calls, self._called, self._warn_once, calls)
        self._every = logging_steps * calls
        self._live = Live(folder or "<monitor>", max_steps or (int(end) if end is not None else None))
        self._findings: list[Finding] = []
        self._rate, self._has_looked = RatesInState(), False
        self._channels = [Channel(sink, self._warn_once) for sink in sinks_of(report_to, folder)]
        self._finding_channels = [Channel(Callback(one), self._warn_once) for one in (_warn, on_finding) if one]
        self._calls: collections.deque[tuple[int, object, dict[str, object]]] = collections.deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="optax_lr monitor", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def __call__(self, loss: Any = None, *, step: int | None = None, state: Any = None, **metrics: Any) -> None:
        """Record one update, or n.

        Args:
            loss: the loss of one update; `[n]` for n updates, such as those of a scanned epoch. None for a call without an
                update, such as after an evaluation.
            step: the number of updates, this one included; by default counted.
            state: the optimizer's state after the update, of `olr.inject_schedules`, `olr.scale_by_learning_rate` or
                `optax.inject_hyperparams`, which holds the rate. It is read only when a row is due. Each group of parameters
                has a column, `learning_rate/group`. A state without a rate causes one warning; the rows then have no rate, or
                that of `schedule`.
            metrics: `eval_loss`, `grad_norm`, `learning_rate`, `epoch` or any other number of JAX, NumPy or Python; `[n]` if
                `loss` is. Arrays must outlive the call: one that a later step donates is left out, with a warning.
        """
        if self._closing.is_set():
            raise RuntimeError("Monitor: it is closed; call it inside the with block")
        if isinstance(loss, jax.core.Tracer):
            raise TypeError("Monitor: it is called inside jit; call it with the loss that the jitted step returns")
        shape = np.shape(loss) if loss is not None else None
        if metrics or shape:
            _check_shapes({"loss": loss, **metrics}, shape)
        before = self._called
        if step is not None:
            self._called = _checked_step(step) * self._calls_per_update
        elif shape is not None:
            self._called += shape[0] if shape else 1
        if state is not None and (self._called // self._every != before // self._every or not self._has_looked):
            self._has_looked = True  # at the first call, so that a state without a rate is reported at once
            metrics |= self._rates_of(state)
        self._calls.append((self._called, loss, metrics))

    @property
    def step(self) -> int:
        """The number of updates so far."""
        return self._called // self._calls_per_update

    def _rates_of(self, state: object) -> dict[str, object]:
        """The rates in a state; if there are none, an empty dict and one warning, because logging must not stop a training."""
        try:
            found = self._rate(state)
        except Exception as error:
            self._warn_once("state", error)
            return {}
        if self._rate.counts_calls and self._calls_per_update == 1:
            self._warn_once(
                "state", "is of optax.MultiSteps: pass accumulation_steps=k, otherwise calls count as updates"
            )
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self, timeout: float = 10.0) -> None:
        """Write the pending rows, and wait at most `timeout` seconds for a sink that hangs.

        It is called at the end of a `with` block and when Python exits.
        """
        if self._closing.is_set():
            return
        atexit.unregister(self.close)
        self._closing.set()
        self._thread.join()  # waits only for the device
        deadline = time.monotonic() + timeout
        channels = (*self._channels, *self._finding_channels)
        for channel in channels:
            channel.finish()
        for channel in channels:
            channel.close(deadline)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings so far, in the order of their discovery."""
        return tuple(self._findings)

    @property
    def log(self) -> Log:
        """The rows so far, as `patterns` takes them."""
        return self._live.log()

    @property
    def lost(self) -> dict[str, int]:
        """The number of lost rows for each of `report_to` that has lost any."""
        return {channel.sink.name: channel.lost for channel in self._channels if channel.lost}

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(INTERVAL)
            try:
                self._take(closing)
            except BaseException as error:
                self._warn_once("findings", error)

    def _take(self, closing: bool) -> None:
        """Process the calls whose values are computed; the thread would otherwise wait for the device at each step."""
        count = len(self._calls)
        while count and not closing and not _is_ready(self._calls[count - 1]):
            count //= 2  # a device computes in order: if one call is ready, so are all before it
        for _ in range(count):
            try:
                self._rows.take(*self._calls.popleft())
            except BaseException as error:  # such as a loss that is not a number
                self._warn_once("loss", error)
        if closing:
            self._rows.rest()
        rows = self._rows.pop()
        for row, planned in rows:
            self._live.add(row, planned)
        if rows:
            for channel in self._channels:
                channel.put([dict(row) for row, _ in rows])
        for finding in self._live.look(last=closing):
            self._findings.append(finding)
            for channel in self._finding_channels:
                channel.put([finding])


def _is_ready(call: tuple[int, object, dict[str, object]]) -> bool:
    _, loss, metrics = call
    arrays: list[Any] = [value for value in (loss, *metrics.values()) if isinstance(value, jax.Array)]
    try:
        return all(array.is_ready() for array in arrays)
    except RuntimeError:  # donated; the failure is reported when the value is read
        return True


def _warn(finding: Finding) -> None:
    warn("%s", finding)


def _checked_step(step: object) -> int:
    if isinstance(step, jax.Array):
        raise TypeError(
            "Monitor: step must be a Python int, not an array: reading it would wait for the device; count in Python"
        )
    return whole_number("Monitor: step", step, least=0)


def _check_shapes(values: dict[str, Any], shape: tuple[int, ...] | None) -> None:
    shapes = {name: np.shape(value) for name, value in values.items()}
    if any(found not in ((), shape) or len(found) > 1 for found in shapes.values()):
        listed = ", ".join(f"{name} {found}" for name, found in shapes.items())
        raise ValueError(
            "Monitor: loss must be one number, or an array [n] of n updates, and a metric one number, or [n] with such a "
            f"loss, not {listed}"
        )
