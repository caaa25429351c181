"""TensorBoard's event files, read by TensorBoard itself."""

from __future__ import annotations

import os
from collections.abc import Sequence

from optax_lr.configs import ConfigError
from optax_lr.logs.columns import MOST_ROWS, Builder, column_of
from optax_lr.logs.formats import MOST_BYTES
from optax_lr.logs.log import Log


def is_events(path: str, head: bytes) -> bool:
    """Whether the name, or the version in the first record, is that of an event file."""
    return "tfevents" in path.rsplit("/", 1)[-1] or b"brain.Event:" in head[:64]


def read_events(paths: Sequence[str], source: str, builder: Builder) -> Log:
    """The scalars of all files, a row for each step and file; a resumed run has one file after another."""
    try:
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
        from tensorboard.util import tensor_util
    except ImportError:
        raise ImportError("TensorBoard's event files need the extra: pip install 'optax-lr[events]'") from None
    size = sum(os.stat(path).st_size for path in paths)
    if size > MOST_BYTES:
        raise ConfigError(f"{source}: the event files have {size:,} bytes; at most {MOST_BYTES:,} are read")
    for path in sorted(paths, key=lambda path: path.rsplit("/", 1)[-1]):
        rows: dict[int, dict[str, object]] = {}
        for event in LegacyEventFileLoader(path).Load():
            builder.check_time()
            if len(rows) > MOST_ROWS:
                raise ConfigError(f"{source}: the log has more than {MOST_ROWS:,} rows, which is the limit")
            for value in event.summary.value:
                if column_of(value.tag) is None:
                    continue
                number = value.simple_value
                if value.HasField("tensor"):
                    values = tensor_util.make_ndarray(value.tensor)
                    if values.size != 1:
                        continue
                    number = values.item()
                rows.setdefault(event.step, {"step": event.step})[value.tag] = number
        for row in rows.values():
            builder.add(row)
    if not len(builder):
        raise ConfigError(f"{source}: the event files hold no learning rate and no loss under a known name")
    return builder.log(source, "tensorboard", {}, [])
