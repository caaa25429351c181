"""`sweep_to`: a sweep of any size into a Zarr store, block by block, and on from where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from optax_lr.arguments import file_name, whole_number
from optax_lr.numerics import x64_is_on
from optax_lr.schedules.base import Schedule, require_schedule
from optax_lr.sweeps.blocks import BLOCK_BYTES, Plan, computed
from optax_lr.sweeps.evaluate import PRECISIONS, Steps, checked_steps, one_of
from optax_lr.sweeps.grid import table
from optax_lr.sweeps.past_end import PAST_END, ended

# Settings whose own names are, beside the curves, those of the rates and of their steps.
_COLUMN_NAMES = {"learning_rate": "peak_learning_rate", "step": "hold_step"}


def columns_beside_rates(batch: Schedule) -> dict[str, np.ndarray]:
    """`table`, by names that leave `learning_rate` to the curves and `step` to their steps."""
    return {_COLUMN_NAMES.get(name, name): column for name, column in table(batch).items()}


def sweep_to(
    path: str | os.PathLike[str],
    schedule: Schedule,
    steps: Steps,
    *,
    precision: str = "exact",
    past_end: str = "reference",
    block_bytes: int = BLOCK_BYTES,
    progress: bool | None = None,
) -> None:
    """Writes the rates of `sweep` into a Zarr group at `path`, however large, in the memory of two blocks.

    The group holds `learning_rate` [row, step], `step` [step] and the columns of `table` [row], among them
    `learning_rate` as `peak_learning_rate` and the `step` of `HoldAfter` as `hold_step`;
    `xarray.open_zarr(path, consolidated=False)` opens it. The attribute `complete` is false until the last block is there. A
    call on an incomplete store of the same sweep goes on where the other stopped, after a kill at any moment; on a complete
    one it does nothing.

    Args:
        path: the folder to write; it may exist only as a store of the same sweep.
        schedule, steps, precision, past_end: as for `sweep`; the rows are those of `schedule.reshape(-1)`.
        block_bytes: the size of a block of rates, which is a chunk of the store.
        progress: a bar on stderr; by default where stderr is a terminal.

    In several processes (`jax.distributed`), all of which call this, each writes the blocks that fall to it.

    Errors: as for `sweep`; `FileExistsError` where something else is at `path`; `OSError` of the file system, with what
    was written kept and marked as incomplete; `ImportError` without `pip install "optax-lr[store]"`.

    >>> import tempfile, zarr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sweep_to(f"{folder}/rates.zarr", grid(Linear, learning_rate=[1.0, 2.0], max_steps=4), 4)
    ...     zarr.open_group(f"{folder}/rates.zarr")["learning_rate"][:]
    array([[1.  , 0.75, 0.5 , 0.25],
           [2.  , 1.5 , 1.  , 0.5 ]], dtype=float32)
    """
    zarr = _zarr()
    path = file_name("sweep_to(): path", path)
    require_schedule("sweep_to", schedule)
    one_of("sweep_to", "precision", precision, PRECISIONS)
    one_of("sweep_to", "past_end", past_end, PAST_END)
    chosen, count = checked_steps("sweep_to", steps)
    chosen = np.arange(count, dtype=np.int32) if chosen is None else np.ravel(chosen)
    batch = schedule.reshape(math.prod(schedule.batch_shape))
    plan = Plan(len(batch), chosen.size, whole_number("sweep_to(): block_bytes", block_bytes, least=1))
    attributes = {
        "sweep": _fingerprint(batch, chosen, precision, past_end, plan),
        "precision": precision,
        "past_end": past_end,
        "batch_shape": list(schedule.batch_shape),
    }
    if jax.process_index() == 0:
        _create(zarr, os.fspath(path), batch, chosen, plan, attributes)
    _together("created")
    group = zarr.open_group(os.fspath(path), mode="r+")
    rates = group["learning_rate"]
    mine = plan.blocks[jax.process_index() :: jax.process_count()]
    missing = [block for block in mine if not _is_there(path, block, plan)]
    with _bar(progress=progress, total=len(mine), done=len(mine) - len(missing)) as advance:
        for block, values in computed(ended(batch, past_end), chosen, plan, missing, precision):
            rates[block] = values
            advance()
    _together("written")
    if jax.process_index() == 0:
        group.attrs["complete"] = True


def _create(zarr: Any, path: str, batch: Schedule, steps: np.ndarray, plan: Plan, attributes: dict[str, Any]) -> None:
    """An empty store that is marked incomplete; or nothing, if the store of this sweep is there."""
    if os.path.exists(path):
        try:
            found = zarr.open_group(path, mode="r").attrs.get("sweep")
        except (FileNotFoundError, ValueError, OSError):
            found = None
        if found == attributes["sweep"]:
            return
        what = "another sweep" if found else "something that is no sweep"
        raise FileExistsError(f"sweep_to(): {path} holds {what}; remove it or choose another path")
    # Made beside its place and renamed into it, so that a store is there with all of its labels or not at all.
    beside = f"{path}.{os.getpid()}.partial"
    try:
        _lay_out(zarr, beside, batch, steps, plan, attributes)
        os.rename(beside, path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _lay_out(zarr: Any, path: str, batch: Schedule, steps: np.ndarray, plan: Plan, attributes: dict[str, Any]) -> None:
    group = zarr.create_group(path, attributes={**attributes, "complete": False})
    rates = group.create_array(
        "learning_rate",
        shape=(plan.rows, plan.steps),
        chunks=(plan.block_rows, plan.block_steps),
        dtype=np.float64 if x64_is_on() and attributes["precision"] == "exact" else np.float32,
        compressors=zarr.codecs.BloscCodec(cname="lz4", shuffle="shuffle"),  # faster than a disk, and 1.7 times smaller
        fill_value=np.nan,
        dimension_names=("row", "step"),
        config={"write_empty_chunks": True},  # a chunk that is there is a block that is done
    )
    rates.attrs["units"] = "learning rate of the update after `step` optimizer steps"
    _label(group, "step", steps, "step", units="optimizer steps, from 0")
    for name, column in columns_beside_rates(batch).items():
        if column.dtype.kind == "U":
            words, codes = np.unique(column, return_inverse=True)
            _label(
                group,
                name,
                codes.astype(np.int32),
                "row",
                flag_values=list(range(len(words))),
                flag_meanings=list(words),
            )
        else:
            _label(group, name, column, "row")


def _label(group: Any, name: str, values: np.ndarray, dimension: str, **attributes: Any) -> None:
    array = group.create_array(name, data=values, dimension_names=(dimension,))
    array.attrs.update(
        {key: [str(v) for v in value] if key == "flag_meanings" else value for key, value in attributes.items()}
    )


def _is_there(path: str | os.PathLike[str], block: tuple[slice, slice], plan: Plan) -> bool:
    row, column = block[0].start // plan.block_rows, block[1].start // plan.block_steps
    return os.path.exists(os.path.join(path, "learning_rate", "c", str(row), str(column)))


def _fingerprint(batch: Schedule, steps: np.ndarray, precision: str, past_end: str, plan: Plan) -> str:
    """A digest of all that decides the contents: a store goes on only with the sweep that it was begun with."""
    leaves, structure = jax.tree.flatten(batch)
    digest = hashlib.sha256(repr((str(structure), precision, past_end, plan.block_rows, plan.block_steps)).encode())
    for array in (*leaves, steps):
        array = np.asarray(array)
        digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _together(moment: str) -> None:
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(f"sweep_to {moment}")


@contextlib.contextmanager
def _bar(*, progress: bool | None, total: int, done: int) -> Iterator[Callable[[], Any]]:
    if not (sys.stderr.isatty() if progress is None else progress):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TextColumn("blocks"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("sweep", total=total, completed=done)
        yield lambda: bar.advance(task)


def _zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise ImportError('sweep_to() writes Zarr stores: pip install "optax-lr[store]"') from None
    return zarr
