"""The commands of `optax-lr`. What they need is imported when one runs: `--help` waits for nothing."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learning-rate schedules as PyTorch trainers run them: exact, and by the thousand.",
)
_Files = Annotated[list[Path], typer.Argument(help="training configs or launch scripts: YAML, JSON, .sh")]
_NumExamples = Annotated[int | None, typer.Option(help="training examples, where a file has no max_steps")]
_WorldSize = Annotated[int, typer.Option(help="processes that train together")]
_Version = Annotated[str | None, typer.Option(help="whose rules hold; by default the newest that the trainer takes")]
_Force = Annotated[bool, typer.Option("--force", help="overwrite files that exist")]
_Json = Annotated[bool, typer.Option("--json", help="JSON instead of text")]
_VALUES = "values as 0,100,500 or a range as first:last:number[:log]"


@app.command(
    epilog="Example: optax-lr sweep sft.yaml --learning-rate 1e-6:1e-3:50:log --warmup-steps 0,100,500 --png sweep.png"
)
def sweep(
    files: _Files,
    learning_rate: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    warmup_steps: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    max_steps: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    min_lr: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    num_cycles: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    power: Annotated[str | None, typer.Option(help=_VALUES)] = None,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = 1,
    steps: Annotated[int | None, typer.Option(help="optimizer steps to compute; by default the longest run")] = None,
    past_end: Annotated[str, typer.Option(help="past the end of a shorter run: nan, hold or reference")] = "nan",
    out: Annotated[Path | None, typer.Option(help="the curves, as .parquet (pandas) or .zarr (xarray)")] = None,
    png: Annotated[Path | None, typer.Option(help="a picture of the curves")] = None,
    force: _Force = False,
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


@app.command(epilog="Example: optax-lr lint sft.yaml --num-examples 5000 --fix mended.yaml")
def lint(
    files: _Files,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = 1,
    transformers_version: _Version = None,
    train_steps: Annotated[int | None, typer.Option(help="optimizer steps really trained, if not max_steps")] = None,
    form: Annotated[str, typer.Option("--format", help="text, json, github (annotations) or sarif")] = "text",
    json: _Json = False,
    fix: Annotated[Path | None, typer.Option(help="a new file, the config with every remedy in it")] = None,
    force: _Force = False,
) -> None:
    """What is wrong with a config, in numbers; exit code 1 if anything is an error."""
    from optax_lr.commands.lint import run

    code = run(
        files,
        num_examples=num_examples,
        world_size=world_size,
        transformers_version=transformers_version,
        train_steps=train_steps,
        form="json" if json else form,
        fix=fix,
        force=force,
    )
    raise typer.Exit(code)
