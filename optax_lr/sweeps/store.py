"""`sweep_to`: write a sweep of any size to a Zarr store, block by block, and resume a stopped one."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sized
from types import ModuleType
from typing import Any

import jax
import numpy as np

from optax_lr.arguments import file_name, whole_number
from optax_lr.arrays import Int32, Shaped
from optax_lr.batches.grid import table
from optax_lr.memory import in_bytes, require_memory
from optax_lr.numerics import x64_is_on
from optax_lr.outputs import sync
from optax_lr.schedules.base import Schedule, require_schedule
from optax_lr.schedules.fields import as_schedule
from optax_lr.schedules.function import AnySchedule
from optax_lr.sweeps.blocks import BLOCK_BYTES, BlockLayout, computed
from optax_lr.sweeps.evaluate import Steps, checked_steps, sweep, word_of
from optax_lr.sweeps.folder import (
    WRITER,
    metadata,
    own_folder,
    refuse_links,
    remove_store,
    remove_temporary,
    sync_all,
    written_bytes,
)
from optax_lr.sweeps.past_end import PAST_END, ended

# Settings whose names would clash with those of the rates and of their steps.
_COLUMN_NAMES = {"learning_rate": "peak_learning_rate", "step": "hold_step"}


def columns_next_to_rates(batch: Schedule) -> dict[str, Shaped[np.ndarray, " rows"]]:
    """The columns of `table`, renamed so that `learning_rate` is free for the curves and `step` for their steps."""
    return {_COLUMN_NAMES.get(name, name): column for name, column in table(batch).items()}


def sweep_to(
    path: str | os.PathLike[str],
    schedule: AnySchedule,
    steps: Steps,
    *,
    past_end: str = "reference",
    block_bytes: int = BLOCK_BYTES,
    overwrite: bool = False,
    progress: bool | None = None,
) -> None:
    """Write the rates of `sweep` to a Zarr group at `path`, however large, with two blocks in memory.

    The group holds `learning_rate` [row, step], `step` [step] and the columns of `table` [row], among them
    `learning_rate` as `peak_learning_rate` and the `step` of `HoldAfter` as `hold_step`;
    `xarray.open_zarr(path, consolidated=False)` opens it. The attribute `complete` is false until the last block is
    written and synced to the disk. A call on a store of the same sweep, complete or not, reads every block, and computes those
    that are missing or damaged: after a kill at any moment it continues. Each block has a checksum, so
    that any reader of Zarr refuses a damaged one.

    Args:
        path: the folder to write; it may exist only as a store of the same sweep, or as an empty folder.
        schedule: as for `sweep`; the rows are those of `schedule.reshape(-1)`.
        steps: as for `sweep`.
        past_end: as for `sweep`.
        block_bytes: the bytes of a block of rates, which is a chunk of the store.
        overwrite: whether a store of another sweep may be replaced. Nothing else is ever replaced, and a store that
            contains a file of another program is not replaced either.
        progress: whether to show a progress bar on stderr; by default if stderr is a terminal.

    With several processes (`jax.distributed`), all must call this; each writes its share of the blocks.

    Raises:
        ValueError, TypeError: As for `sweep`.
        FileExistsError: If `path` is something else.
        BlockingIOError: If another process is writing this store.
        OSError: If the free disk is too small, or the file system fails; the written blocks are kept, marked as incomplete.
        ImportError: Without `pip install "optax-lr[store]"`.

    >>> import tempfile, zarr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sweep_to(f"{folder}/rates.zarr", grid(Linear, learning_rate=[1.0, 2.0], max_steps=4), 4)
    ...     zarr.open_group(f"{folder}/rates.zarr")["learning_rate"][:]
    array([[1.  , 0.75, 0.5 , 0.25],
           [2.  , 1.5 , 1.  , 0.5 ]], dtype=float32)
    """
    zarr = _zarr()
    path = file_name("sweep_to(): path", path)
    schedule = require_schedule("sweep_to", as_schedule(schedule))
    word_of("sweep_to", "past_end", past_end, PAST_END)
    chosen, count = checked_steps("sweep_to", steps)
    if chosen is None:
        require_memory(
            f"sweep_to(): the labels of {count:,} steps", 16 * count, "choose fewer steps, such as range(0, n, k)"
        )
    chosen = np.arange(count, dtype=np.int32) if chosen is None else np.ravel(chosen)
    batch = schedule.reshape(math.prod(schedule.batch_shape))
    layout = BlockLayout(len(batch), chosen.size, whole_number("sweep_to(): block_bytes", block_bytes, least=1))
    store = _Store(path, batch, chosen, past_end, layout, zarr)
    first = jax.process_index() == 0
    with own_folder(path) if first else contextlib.nullcontext():
        if first:
            store.prepare(schedule.batch_shape, overwrite=overwrite)
        _together("created")
        group = store.opened()
        rates = group["learning_rate"]
        mine = layout.blocks[jax.process_index() :: jax.process_count()]
        missing = [block for block in mine if not _is_whole(rates, store.chunk(block), block)]
        with _progress_bar(progress=progress, total=len(mine), done=len(mine) - len(missing)) as advance:
            for block, values in computed(ended(batch, past_end), chosen, layout, missing):
                rates[block] = values
                sync(store.chunk(block))
                advance()
        _together("written")
        if first and not group.attrs["complete"]:
            sync_all(path)
            group.attrs["complete"] = True
            sync_all(path, deep=False)


@dataclasses.dataclass(frozen=True)
class _Store:
    """A store, and the sweep that it is for."""

    path: str
    batch: Schedule
    steps: Int32[np.ndarray, " steps"]
    past_end: str
    layout: BlockLayout
    zarr: ModuleType

    def prepare(self, batch_shape: tuple[int, ...], *, overwrite: bool) -> None:
        """Lay out the store, or find it. An incomplete one gets new labels, because a kill may have left them incomplete."""
        path, sweep = self.path, self._fingerprint()
        attributes = {"writer": WRITER, "sweep": sweep, "past_end": self.past_end, "batch_shape": list(batch_shape)}
        found = metadata(path)
        if found is not None and found["sweep"] == sweep:
            refuse_links(path)
            if not found["complete"]:
                self._require_disk()
                remove_temporary(path)
                self._lay_out(attributes)
            return
        if found is None and os.listdir(path):
            raise FileExistsError(f"sweep_to(): {path} is not a sweep; remove it or choose another path")
        if found is not None and not overwrite:
            raise FileExistsError(
                f"sweep_to(): {path} holds another sweep; remove it or choose another path, or pass overwrite=True (--force)"
            )
        self._require_disk()
        remove_store(path)
        try:
            self._lay_out(attributes)
        except BaseException:
            remove_store(path)
            raise

    def _lay_out(self, attributes: Mapping[str, object]) -> None:
        path, layout = self.path, self.layout
        # The group is written first, so that a store is recognised after a kill.
        if os.path.exists(os.path.join(path, "zarr.json")):
            group = self.opened(rates=False)
        else:
            group = self.zarr.create_group(path, attributes={**attributes, "complete": False}, overwrite=False)
        if not os.path.exists(os.path.join(path, "learning_rate", "zarr.json")):
            rates = group.create_array(
                "learning_rate",
                shape=(layout.rows, layout.steps),
                chunks=(layout.block_rows, layout.block_steps),
                dtype=_dtype(),
                compressors=_codecs(self.zarr),
                fill_value=np.nan,
                dimension_names=("row", "step"),
                config={"write_empty_chunks": True},  # an existing chunk is a computed block
            )
            rates.attrs["units"] = "learning rate of the update after `step` optimizer steps"
        _write_label(group, "step", self.steps, "step", units="optimizer steps, from 0")
        for name, column in columns_next_to_rates(self.batch).items():
            if column.dtype.kind == "U":
                words, codes = np.unique(column, return_inverse=True)
                flags = {"flag_values": list(range(len(words))), "flag_meanings": words.tolist()}
                _write_label(group, name, codes.astype(np.int32), "row", **flags)
            else:
                _write_label(group, name, column, "row")

    def opened(self, *, rates: bool = True) -> Any:
        """The group and its rates.

        Raises:
            OSError: In one line, if the metadata are damaged.
        """
        try:
            group = self.zarr.open_group(self.path, mode="r+")
            if rates:
                group["learning_rate"].shape  # noqa: B018 - read, so that damage is found
        except Exception as error:  # noqa: BLE001 - whatever Zarr raises
            why = (str(error).splitlines() or [type(error).__name__])[0]
            raise OSError(
                f"sweep_to(): {self.path}: the metadata of this store are damaged ({why}); remove the store"
            ) from None
        return group

    def chunk(self, block: tuple[slice, slice]) -> str:
        """The path of a block of rates."""
        row, column = block[0].start // self.layout.block_rows, block[1].start // self.layout.block_steps
        return os.path.join(self.path, "learning_rate", "c", str(row), str(column))

    def _require_disk(self) -> None:
        """Refuse a sweep that the free disk cannot hold, before anything is written."""
        path, rows, steps = self.path, self.layout.rows, self.layout.steps
        needed, free = rows * steps * np.dtype(_dtype()).itemsize, shutil.disk_usage(path).free
        if needed <= free:
            return
        # Rates may be far smaller when compressed; a sample gives the ratio.
        some = np.unique(np.linspace(0, rows - 1, 16).astype(int))
        part = np.asarray(sweep(self.batch[some], self.steps[: 2**16], past_end=self.past_end))
        sample: dict[str, Sized] = {}
        memory = self.zarr.storage.MemoryStore(sample)
        self.zarr.create_array(memory, data=part, chunks=part.shape, compressors=_codecs(self.zarr))
        share = min(1.0, max(len(chunk) for chunk in sample.values()) / part.nbytes)
        needed = int(needed * share) - written_bytes(path)
        if needed > free:
            raise OSError(
                f"sweep_to(): {rows:,} x {steps:,} rates need about {in_bytes(needed)} of disk, and {in_bytes(free)} are free "
                f"at {path}; choose another disk, fewer schedules or fewer steps"
            )

    def _fingerprint(self) -> str:
        """A digest of everything that determines the contents: only the same sweep may continue a store."""
        leaves, structure = jax.tree.flatten(self.batch)
        shape = self.layout.block_rows, self.layout.block_steps
        digest = hashlib.sha256(repr((WRITER, str(structure), self.past_end, *shape)).encode())
        for array in map(np.asarray, (*leaves, self.steps)):
            digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
        return digest.hexdigest()


def _codecs(zarr: ModuleType) -> list[object]:
    """lz4 is faster than a disk and compresses rates by 1.7; the checksum finds damage."""
    return [zarr.codecs.BloscCodec(cname="lz4", shuffle="shuffle"), zarr.codecs.Crc32cCodec()]


def _dtype() -> type[np.float32 | np.float64]:
    return np.float64 if x64_is_on() else np.float32


def _write_label(group: Any, name: str, values: Shaped[np.ndarray, " n"], dimension: str, **attributes: object) -> None:
    array = group.create_array(name, data=values, dimension_names=(dimension,), overwrite=True)
    array.attrs.update(attributes)


def _is_whole(rates: Any, chunk: str, block: tuple[slice, slice]) -> bool:
    """Whether the chunk exists and its checksum is right. An empty folder at its path is removed."""
    try:
        kind = os.lstat(chunk).st_mode
        if stat.S_ISDIR(kind):
            os.rmdir(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        raise OSError(f"sweep_to(): {chunk}: this folder has the name of a block; remove it") from None
    if not stat.S_ISREG(kind):
        return False
    try:
        rates[block]
    except Exception:  # noqa: BLE001 - whatever Zarr and its codecs raise for bytes that are none of theirs
        return False
    return True


def _together(moment: str) -> None:
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(f"sweep_to {moment}")


@contextlib.contextmanager
def _progress_bar(*, progress: bool | None, total: int, done: int) -> Iterator[Callable[[], None]]:
    if not (sys.stderr.isatty() if progress is None else progress):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TextColumn("blocks"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("sweep", total=total, completed=done)
        yield lambda: bar.advance(task)


def _zarr() -> ModuleType:
    try:
        import zarr
    except ImportError:
        raise ImportError('sweep_to() writes Zarr stores: pip install "optax-lr[store]"') from None
    return zarr
