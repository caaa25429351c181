"""The commands of `optax-lr`. What they need is imported when one runs: `--help` waits for nothing."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learning-rate schedules as PyTorch trainers run them: exact, and by the thousand.",
)
_VALUES = "values as 0,100,500 or a range as first:last:number[:log]"


@app.callback()
def root() -> None:
    """Keeps `sweep` a command of its own."""


@app.command(
    epilog="Example: optax-lr sweep sft.yaml --learning-rate 1e-6:1e-3:50:log --warmup-steps 0,100,500 --png sweep.png"
)
def sweep(
    files: Annotated[
        list[Path],
        typer.Argument(help="training configs or launch scripts: YAML, JSON, .sh"),
    ],
    learning_rate: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    warmup_steps: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    max_steps: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    min_lr: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    num_cycles: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    power: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    num_examples: Annotated[int | None, typer.Option(help="training examples, where a file has no max_steps")] = None,
    world_size: Annotated[int, typer.Option(help="processes that train together")] = 1,
    steps: Annotated[int | None, typer.Option(help="optimizer steps to compute; by default the longest run")] = None,
    past_end: Annotated[str, typer.Option(help="past the end of a shorter run: nan, hold or reference")] = "nan",
    out: Annotated[Path | None, typer.Option(help="the curves, as .parquet (pandas) or .zarr (xarray)")] = None,
    png: Annotated[Path | None, typer.Option(help="a picture of the curves")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite files that exist")] = False,
) -> None:
    """Every combination of the given settings, for every config, in one compiled call."""
    from optax_lr.commands.sweep import run, values_of

    asked = {
        "learning_rate": learning_rate,
        "warmup_steps": warmup_steps,
        "max_steps": max_steps,
        "min_lr": min_lr,
        "num_cycles": num_cycles,
        "power": power,
    }
    run(
        files,
        {name: values_of(name, text) for name, text in asked.items() if text is not None},
        num_examples=num_examples,
        world_size=world_size,
        steps=steps,
        past_end=past_end,
        out=out,
        png=png,
        force=force,
    )
