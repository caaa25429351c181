"""`optax-lr sweep`: the curves of every combination of settings, to files and as a picture."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import jax
import numpy as np

from optax_lr.batches import concatenate, table
from optax_lr.commands.curves import save_figure
from optax_lr.commands.given import Given
from optax_lr.commands.terminal import print_written, waiting
from optax_lr.configs import ConfigError, RunConfig, read_configs
from optax_lr.configs.plan import RunSize, check_options, world_size_of
from optax_lr.memory import require_memory
from optax_lr.outputs import check_output, write_output
from optax_lr.plots.pages.sweep import sweep_page
from optax_lr.schedules import Schedule
from optax_lr.sweeps import sweep, sweep_to
from optax_lr.sweeps.past_end import PAST_END
from optax_lr.sweeps.store import columns_next_to_rates
from optax_lr.text import counted
from optax_lr.trainers import Data, trainer_of

_MOST_VALUES = 10_000_000


def values_of(name: str, text: str) -> np.ndarray:
    """The numbers of `0,100,500`, `0:500:6` or `1e-6:1e-3:50:log`.

    >>> values_of("learning_rate", "1e-6:1e-2:3:log").tolist()
    [1e-06, 0.0001, 0.01]
    """
    option = f"--{name.replace('_', '-')}"
    try:
        if ":" not in text:
            return np.array([float(part) for part in text.split(",")])
        first, last, number, *scale = text.split(":")
        if scale not in ([], ["log"]) or int(number) < 1:
            raise ValueError
        if int(number) > _MOST_VALUES:
            raise ConfigError(f"{option} {text}: {int(number):,} values are too many; give at most {_MOST_VALUES:,}")
        if scale and min(float(first), float(last)) <= 0:
            raise ConfigError(f"{option} {text}: a log range must be above 0 at both ends")
        return (np.geomspace if scale else np.linspace)(float(first), float(last), int(number))
    except ConfigError:
        raise
    except ValueError:
        raise ConfigError(
            f"{option} {text}: write values as 0,100,500 or a range as first:last:number[:log], such as 1e-6:1e-3:50:log"
        ) from None


def batch_of(
    config: RunConfig, axes: Mapping[str, np.ndarray], *, num_examples: int | None, world_size: int | None
) -> Schedule:
    """Every combination of `axes` for one config, by the trainer's rules: a batch of one axis.

    A ratio of warmup or of the floor scales with its setting. An axis that the kind does not have is ignored.
    """
    lengths = axes.get("max_steps", np.zeros(0))
    config = config.resolved(num_examples, int(lengths[0]) if lengths.size else None)
    settings, source, trainer = config.settings, config.source, trainer_of(config.settings.trainer)
    if axes and not trainer.varies:
        raise ConfigError(f"{source}: settings of {trainer.title} are not varied; sweep its plan's schedule in Python")
    if not trainer.varies:
        return config.plan(num_examples=num_examples, world_size=world_size).schedule.reshape(1)
    version = config.version or trainer.newest
    processes, _, _ = world_size_of(world_size, config.processes)
    data = None if num_examples is None else Data(num_examples, processes)
    settings = trainer.counted(settings, data, processes)
    per_epoch = None if data is None else trainer.steps_per_epoch(settings, data, version)
    length: Any = axes.get("max_steps")
    if length is None:
        length = trainer.total_steps(settings, per_epoch, data, version)

    def schedule(changes: Mapping[str, object]) -> Schedule:
        changes = {"max_steps": length if np.ndim(length) == 0 else length[:1], **changes}
        max_steps = _whole(source, "max_steps", changes.pop("max_steps"))
        warmup = changes.pop("warmup_steps", None)
        if warmup is None:
            warmup = trainer.warmup_steps(settings, max_steps, version, data)
        return trainer.checked_schedule(settings, max_steps=max_steps, warmup_steps=warmup, **changes)

    taken = {name: values for name, values in axes.items() if _takes(schedule, name, values)}
    count = math.prod(len(values) for values in taken.values())
    require_memory(f"sweep: {count:,} curves", count * 8 * 2 * (len(taken) + 1), "give fewer values")
    grids = np.meshgrid(*taken.values(), indexing="ij") if taken else []
    made = schedule({name: grid.ravel() for name, grid in zip(taken, grids, strict=True)})
    return made if made.batch_shape else made.reshape(1)


def _takes(schedule: Callable[[Mapping[str, object]], Schedule], name: str, values: np.ndarray) -> bool:
    """Whether the config's kind has this field, and its trainer reads it."""
    return _has(schedule({}).reshape(1), name) and schedule({name: values[:1]}).batch_shape == (1,)


def _has(batch: Schedule, name: str) -> bool:
    """Whether the schedules, or those inside them, have this field."""
    return any(column.rpartition(".")[2] == name for column in table(batch))


def _whole(source: str, name: str, values: Any) -> np.ndarray:
    if np.min(values) < 1:
        raise ConfigError(f"{source}: {name} must be at least 1, not {np.min(values):g}")
    if np.any(np.asarray(values) != np.floor(values)):
        raise ConfigError(f"{source}: {name} must be whole numbers, not {np.asarray(values).ravel()[:3]} ...")
    return np.asarray(values).astype(np.int64)


def run(
    files: Sequence[Path],
    axes: Mapping[str, np.ndarray],
    *,
    options: RunSize,
    reading: Given,
    steps: int | None,
    past_end: str,
    out: Path | None,
    png: Path | None,
    html: Path | None,
    as_json: bool,
    force: bool,
) -> None:
    """See `optax-lr sweep --help`."""
    check_options(**options)
    if steps is not None and steps < 1:
        raise ConfigError(f"--steps must be at least 1, not {steps}")
    if past_end not in PAST_END:
        raise ConfigError(f"--past-end must be one of {', '.join(PAST_END)}, not {past_end}")
    if out is not None and out.suffix not in (".parquet", ".zarr"):
        raise ConfigError(f"--out {out}: end the name in .parquet (for pandas) or .zarr (for xarray)")
    if out is not None and out.suffix == ".parquet":
        check_output(out, overwrite=force)
    check_output(png, overwrite=force, suffixes=(".png",))
    check_output(html, overwrite=force, suffixes=(".html", ".htm"))
    configs = [config for file in files for config in read_configs(file, **reading)]
    batches = [batch_of(config, axes, **options) for config in configs]
    unused = [name for name in axes if not any(_has(batch, name) for batch in batches)]
    if unused:
        raise ConfigError(f"--{unused[0].replace('_', '-')}: none of these schedules has it")
    for config, part in zip(configs, batches, strict=True):
        for name in (name for name in axes if not _has(part, name)):
            print(f"{config.source}: {config.settings.lr_scheduler_type} has no {name} to vary", file=sys.stderr)
    batch = concatenate(batches)
    sources = np.repeat([config.source for config in configs], [len(part) for part in batches])
    columns = {"config": sources, **columns_next_to_rates(batch)}
    lengths = [column for name, column in columns.items() if name.rpartition(".")[2] == "max_steps"]
    ends = np.concatenate([*lengths, [math.nan]])
    steps = steps or (int(np.nanmax(ends)) + 1 if np.isfinite(ends).any() else 1001)

    start = time.perf_counter()
    if out is not None and out.suffix == ".zarr":
        sweep_to(out, batch, steps, past_end=past_end, overwrite=force)  # which has its own progress bar
    else:
        with waiting(f"{len(batch):,} curves of {steps:,} steps"):
            rates = jax.block_until_ready(sweep(batch, steps, past_end=past_end))
            if out is not None:
                write_output(out, lambda file: _parquet(file, columns, np.asarray(rates)), overwrite=force)
    seconds = time.perf_counter() - start
    kinds = sorted(set(columns["kind"].tolist()))
    if not as_json:
        print(
            f"{counted(len(batch), 'curve')} ({', '.join(kinds)}) of {steps:,} steps in {seconds:.2f} s, compilation included"
        )
    if png is not None:
        with waiting("the picture"):
            save_figure(png, lambda: _picture(batch, steps, past_end), force=force)
    if html is not None:
        with waiting("the page"):
            sweep_page(batch, sources.tolist(), steps=steps, past_end=past_end).save(html, overwrite=force)
    if as_json:
        print(json.dumps({"curves": len(batch), "steps": steps, "kinds": kinds, "seconds": seconds}, indent=2))
    print_written(out, png, html)


def _parquet(file: BinaryIO, columns: Mapping[str, np.ndarray], rates: np.ndarray) -> None:
    """One row per curve: its settings, and its rates as a list; element k is step k of the run."""
    import pyarrow
    import pyarrow.parquet

    curves = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rates.ravel()), rates.shape[1])
    arrays = {name: pyarrow.array(column) for name, column in columns.items()} | {"learning_rate": curves}
    made = pyarrow.table(arrays).replace_schema_metadata(
        {"learning_rate": "the rate of the update after k optimizer steps, k = 0, 1, ... is the index in the list"}
    )
    pyarrow.parquet.write_table(made, file, compression="zstd")


def _picture(batch: Schedule, steps: int, past_end: str) -> Any:
    from optax_lr.plots.plot import MANY, plot, plot_kinds

    if len(batch) > MANY:
        return plot_kinds(batch, steps=steps, past_end=past_end)
    return plot(batch, steps=steps, past_end=past_end).figure
