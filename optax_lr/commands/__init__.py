"""The commands of `optax-lr`. Each imports its modules when it runs, so that `--help` is fast."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optax_lr.commands.given import given

if TYPE_CHECKING:
    import optax_lr.configs.plan

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learning-rate schedules as PyTorch trainers run them: exact, and thousands at once.",
    epilog="Each command takes --traceback, to show where a failure happened. Exit codes: 0 success, 1 findings, 2 bad input, "
    "3 internal error.",
)
_Files = Annotated[
    list[Path], typer.Argument(help="training configs, scripts or notebooks: YAML, JSON, TOML, .sh, .py, .ipynb, .md")
]
_FilesOrNone = Annotated[
    list[Path] | None,
    typer.Argument(help="training configs, scripts or notebooks; without one, --set states the schedule"),
]
_NumExamples = Annotated[int | None, typer.Option(help="training examples; required if a file has no max_steps")]
_WorldSize = Annotated[
    int | None, typer.Option(help="processes that train together; by default those of the file's launcher, or 1")
]
_Version = Annotated[
    str | None,
    typer.Option(
        help="version of transformers whose rules apply, such as 4.57; by default the newest that the trainer supports"
    ),
]
_MaxSteps = Annotated[int | None, typer.Option(help="optimizer steps of the run, instead of the file's")]
_Trainer = Annotated[
    str | None,
    typer.Option(
        help="the trainer of the config, if it cannot be recognised: hf, trl-sft, trl-dpo, llamafactory, axolotl, swift, ..."
    ),
]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE replaces the file's value, such as one that a script computes"),
]
_Png = Annotated[Path | None, typer.Option(help="write a picture of the curves to this .png")]
_Force = Annotated[bool, typer.Option("--force", help="overwrite files that exist")]
_Json = Annotated[bool, typer.Option("--json", help="JSON instead of text")]
_VALUES = "as 0,100,500 or first:last:number[:log]; by default the file's"


def _show_version(asked: bool) -> bool:
    if asked:
        import optax_lr as olr

        print(f"optax-lr {olr.__version__}")
        raise typer.Exit
    return asked


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="show the version and exit")
    ] = False,
) -> None:
    """The options of `optax-lr` itself."""


@app.command(
    epilog="Example: optax-lr sweep sft.yaml --learning-rate 1e-6:1e-3:50:log --warmup-steps 0,100,500 --png sweep.png"
)
def sweep(
    files: _Files,
    learning_rate: Annotated[str | None, typer.Option(help=f"peak rates, {_VALUES}")] = None,
    warmup_steps: Annotated[str | None, typer.Option(help=f"optimizer steps of warmup, {_VALUES}")] = None,
    max_steps: Annotated[str | None, typer.Option(help=f"optimizer steps of the run, {_VALUES}")] = None,
    min_lr: Annotated[str | None, typer.Option(help=f"floors, {_VALUES}")] = None,
    num_cycles: Annotated[str | None, typer.Option(help=f"cycles of a cosine, {_VALUES}")] = None,
    power: Annotated[str | None, typer.Option(help=f"exponents of a polynomial, {_VALUES}")] = None,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = None,
    steps: Annotated[
        int | None, typer.Option(help="optimizer steps to compute; by default those of the longest run")
    ] = None,
    past_end: Annotated[str, typer.Option(help="rates past the end of a shorter run: nan, hold or reference")] = "nan",
    out: Annotated[
        Path | None, typer.Option(help="write the curves to this .parquet (pandas) or .zarr (xarray)")
    ] = None,
    png: _Png = None,
    html: Annotated[
        Path | None, typer.Option(help="write a page to this .html on which the curves are chosen by their settings")
    ] = None,
    trainer: _Trainer = None,
    set_: _Set = None,
    json: _Json = False,
    force: _Force = False,
) -> None:
    """Compute every combination of the given settings, for every config, in one compiled call."""
    from optax_lr.commands.sweep import run, values_of

    asked = {"learning_rate": learning_rate, "warmup_steps": warmup_steps, "max_steps": max_steps}
    asked |= {"min_lr": min_lr, "num_cycles": num_cycles, "power": power}
    run(
        files,
        {name: values_of(name, text) for name, text in asked.items() if text is not None},
        options={"num_examples": num_examples, "world_size": world_size},
        reading=given(trainer, set_),
        steps=steps,
        past_end=past_end,
        out=out,
        png=png,
        html=html,
        as_json=json,
        force=force,
    )


@app.command(epilog="Example: optax-lr lint sft.yaml --num-examples 5000 --fix fixed.yaml")
def lint(
    files: _Files,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = None,
    transformers_version: _Version = None,
    train_steps: Annotated[int | None, typer.Option(help="optimizer steps really trained, if not max_steps")] = None,
    form: Annotated[str, typer.Option("--format", help="text, json, github (annotations) or sarif")] = "text",
    trainer: _Trainer = None,
    set_: _Set = None,
    json: _Json = False,
    fix: Annotated[
        Path | None, typer.Option(help="write the config with every remedy applied to this new file")
    ] = None,
    force: _Force = False,
) -> None:
    """Check configs. The exit code is 1 if a finding is an error."""
    from optax_lr.commands.lint import run

    if json and form not in ("text", "json"):
        raise typer.BadParameter(f"--json and --format {form} are two formats; give one")
    options: "optax_lr.configs.plan.LintFacts" = {
        "num_examples": num_examples,
        "world_size": world_size,
        "transformers_version": transformers_version,
        "train_steps": train_steps,
    }
    form = "json" if json else form
    raise typer.Exit(run(files, options=options, reading=given(trainer, set_), form=form, fix=fix, force=force))


@app.command(epilog="Example: optax-lr show sft.yaml --num-examples 5000 --png sft.png")
def show(
    files: _FilesOrNone = None,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = None,
    transformers_version: _Version = None,
    max_steps: _MaxSteps = None,
    png: _Png = None,
    trainer: _Trainer = None,
    set_: _Set = None,
    json: _Json = False,
    force: _Force = False,
) -> None:
    """Show the plan of each config: its steps, schedule and curve."""
    from optax_lr.commands.show import run

    options = _plan_arguments(num_examples, world_size, transformers_version, max_steps)
    raise typer.Exit(
        run(files or [], options=options, reading=given(trainer, set_), png=png, as_json=json, force=force)
    )


@app.command(epilog="Example: optax-lr explore sft.yaml --num-examples 5000 --html sft.html")
def explore(
    html: Annotated[Path, typer.Option(help="write the page to this .html; it needs no network")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="training configs, scripts or notebooks to open the page with; none is needed"),
    ] = None,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = None,
    transformers_version: _Version = None,
    max_steps: _MaxSteps = None,
    trainer: _Trainer = None,
    set_: _Set = None,
    force: _Force = False,
) -> None:
    """Write a page on which schedules can be changed, compared and copied."""
    from optax_lr.commands.explore import run

    options = _plan_arguments(num_examples, world_size, transformers_version, max_steps)
    raise typer.Exit(run(files or [], options=options, reading=given(trainer, set_), html=html, force=force))


@app.command(epilog="Example: optax-lr compare old.yaml new.yaml --num-examples 5000")
def compare(
    files: _Files,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = None,
    transformers_version: _Version = None,
    max_steps: _MaxSteps = None,
    png: _Png = None,
    trainer: _Trainer = None,
    set_: _Set = None,
    json: _Json = False,
    force: _Force = False,
) -> None:
    """Compare the curves of configs with that of the first. The exit code is 1 if they differ."""
    from optax_lr.commands.compare import run

    options = _plan_arguments(num_examples, world_size, transformers_version, max_steps)
    raise typer.Exit(run(files, options=options, reading=given(trainer, set_), png=png, as_json=json, force=force))


@app.command(epilog="Example: optax-lr convert sft.yaml --to maxtext --num-examples 5000 --out curve.yml")
def convert(
    to: Annotated[str, typer.Option(help="hf (transformers, TRL), llamafactory, axolotl, maxtext, levanter or optax")],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="a training config, script, notebook or model card; without one, --set states the schedule"
        ),
    ] = None,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = None,
    transformers_version: _Version = None,
    max_steps: _MaxSteps = None,
    trainer: _Trainer = None,
    set_: _Set = None,
    out: Annotated[Path | None, typer.Option(help="write the result to this file; by default it is printed")] = None,
    json: _Json = False,
    force: _Force = False,
) -> None:
    """Write the same curve, equal at every step, as a config of another trainer, or report what that trainer cannot express."""
    from optax_lr.commands.convert import run

    options, reading = _plan_arguments(num_examples, world_size, transformers_version, max_steps), given(trainer, set_)
    raise typer.Exit(run(file, to=to, options=options, reading=reading, out=out, as_json=json, force=force))


@app.command(epilog="Example: optax-lr recommend --method qlora --num-examples 5000 --out train.yaml")
def recommend(
    method: Annotated[str | None, typer.Option(help="lora, qlora or full")] = None,
    task: Annotated[
        str | None, typer.Option(help="generation, classification, chatbot, code, prototype or research")
    ] = None,
    situation: Annotated[str | None, typer.Option(help="first-time, quick-experiment, production or research")] = None,
    domain: Annotated[str | None, typer.Option(help="dialogue, analysis or extraction")] = None,
    hardware: Annotated[str | None, typer.Option(help="a100, h100, rtx4090, v100, rtx3080 or rtx4060")] = None,
    num_examples: Annotated[int | None, typer.Option(help="training examples")] = None,
    num_train_epochs: Annotated[float | None, typer.Option(help="epochs, if they are decided")] = None,
    world_size: Annotated[int, typer.Option(help="processes that train together")] = 1,
    trainer: Annotated[
        str, typer.Option(help="the trainer whose keys are written: llamafactory, hf (transformers, TRL) or axolotl")
    ] = "llamafactory",
    out: Annotated[Path | None, typer.Option(help="write the config to this file; by default it is printed")] = None,
    json: _Json = False,
    force: _Force = False,
) -> None:
    """Recommend a schedule, a learning rate, a warmup and a length, as a config with reasons."""
    from optax_lr.commands.recommend import run

    asked: dict[str, str | float | None] = {"method": method, "task": task, "situation": situation, "domain": domain}
    asked |= {"hardware": hardware, "num_examples": num_examples, "num_train_epochs": num_train_epochs}
    raise typer.Exit(run(trainer=trainer, out=out, as_json=json, force=force, world_size=world_size, **asked))


@app.command(epilog="Example: optax-lr audit output/trainer_state.json --config sft.yaml --html report.html")
def audit(
    logs: Annotated[
        list[Path], typer.Argument(help="trainer_state.json, trainer_log.jsonl, event files, CSV, or a run's folder")
    ],
    config: Annotated[Path | None, typer.Option(help="the plan: a config, a script or a model card")] = None,
    num_examples: _NumExamples = None,
    world_size: _WorldSize = None,
    logging_steps: Annotated[
        int | None, typer.Option(help="optimizer steps between two rows, for a log whose rows have no step")
    ] = None,
    steps_per_epoch: Annotated[
        int | None, typer.Option(help="optimizer steps of an epoch, for a log whose rows have an epoch and no step")
    ] = None,
    seconds: Annotated[float, typer.Option(help="CPU time that the search for the schedule of a log may take")] = 10.0,
    html: Annotated[
        Path | None, typer.Option(help="write the report on one log to this .html, a page that needs no network")
    ] = None,
    png: Annotated[
        Path | None, typer.Option(help="write a picture of one log, with the findings on it, to this .png")
    ] = None,
    trainer: _Trainer = None,
    set_: _Set = None,
    json: _Json = False,
    force: _Force = False,
) -> None:
    """Identify the schedule of a run, and compare it with its plan. The exit code is 1 if a finding is an error."""
    from optax_lr.commands.audit import run

    options = {"num_examples": num_examples, "world_size": world_size, "seconds": seconds}
    options |= {"logging_steps": logging_steps, "steps_per_epoch": steps_per_epoch}
    plan = (config, given(trainer, set_)) if config is not None or set_ else None
    raise typer.Exit(run(logs, plan, options=options, html=html, png=png, as_json=json, force=force))


def _plan_arguments(
    num_examples: int | None, world_size: int | None, version: str | None, max_steps: int | None
) -> "optax_lr.configs.plan.Facts":
    """The arguments of `RunConfig.plan`."""
    return {
        "num_examples": num_examples,
        "world_size": world_size,
        "transformers_version": version,
        "max_steps": max_steps,
    }
