"""Megatron-LM: the options of its pre-training scripts, which count the schedule in samples."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, InverseSqrt, LinearRamp, Schedule
from optax_lr.schedules.compositions import InSamples, Stages
from optax_lr.sources.source import Processes, Source
from optax_lr.text import words
from optax_lr.trainers.base import Reading, Recognised, Trainer, key_list
from optax_lr.trainers.curves import decayed, held
from optax_lr.trainers.keys import Default, Keys
from optax_lr.trainers.known import keys_of
from optax_lr.trainers.settings import ARGPARSE, MOST_STEPS, Settings, one_of

_SCRIPTS = re.compile(r"pretrain_(?:gpt|bert|t5|mamba|hybrid|vlm|ict|retro|vision_classify)\.py$")
_MARKS = words("tensor_model_parallel_size pipeline_model_parallel_size lr_decay_style train_iters global_batch_size")
_SECTION = "MODEL_ARGS"  # in the YAML files of its own tests
STYLES = ("constant", "linear", "cosine", "inverse-square-root", "WSD")
# The shapes of its decay in WSD, by our names.
_SHAPES = {"exponential": "exponential", "linear": "linear", "cosine": "cosine", "minus_sqrt": "1-sqrt"}
_DEFAULTS: Mapping[str, object] = {"min_lr": 0.0, "lr_decay_style": "linear"}


_SAMPLES = ("train_samples", "lr_decay_samples", "lr_warmup_samples", "lr_wsd_decay_samples")
_CHANGE_AS_THEY_GO = ("rampup_batch_size", "step_batch_size_schedule", "override_opt_param_scheduler")
# What options change that are not read.
_NOTES = {
    "fp16": "iterations that are skipped for overflow do not advance the schedule",
    **{
        key: f"{key}: the run may end before its last iteration"
        for key in ("exit_interval", "exit_duration_in_mins", "exit_signal_handler")
    },
    "use_checkpoint_opt_param_scheduler": (
        "use_checkpoint_opt_param_scheduler: the rates of a checkpoint that is loaded replace these"
    ),
}


class Megatron(Trainer):
    """Megatron-LM, whose warmup and decay may end between two iterations: it counts samples.

    Source: `megatron.core.optimizer_param_scheduler.OptimizerParamScheduler`, `megatron.training.training`.
    """

    name = "megatron"
    title = "Megatron-LM"
    history = {"": "megatron"}
    in_updates = True
    options = keys_of("megatron")
    deciding = words(
        "lr min_lr lr_decay_style lr_warmup_init lr_warmup_fraction lr_wsd_decay_style train_iters lr_decay_iters lr_warmup_iters "
        "lr_wsd_decay_iters"
    ).union(_SAMPLES, _CHANGE_AS_THEY_GO)
    names = frozenset({"learning_rate"})
    elsewhere = " but of a fork"
    renamed = {
        "learning_rate": "lr",
        "max_steps": "train_iters",
        "lr_scheduler_type": "lr_decay_style",
        "warmup_steps": "lr_warmup_iters",
    }

    def key(self, name: str) -> str:
        return f"--{self.renamed.get(name, name)}".replace("_", "-")

    def decides(self, key: str, values: Mapping[str, object]) -> bool:
        """Of its own options, those that are read."""
        if key == "global_batch_size":
            return any(other in values for other in _SAMPLES)
        return super().decides(key, values)

    def refused(self, unknown: Iterable[str], source: Source) -> tuple[str, ...]:
        """None where another script than its own may add options to its parser."""
        return super().refused(unknown, source) if _adds_no_options(source) else ()

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise its options; in a file, those under `MODEL_ARGS` in a test of it."""
        if source.program is None:
            inner = source.given.get(_SECTION)
            return Recognised(self.name, f"the options under {_SECTION}", (_SECTION,)) if _options(inner) else None
        return super().recognise(source)

    def evidence(self, source: Source) -> str | None:
        keys, script = source.given.keys(), source.program_name
        marks, length = _MARKS & keys, {"train_iters", "train_samples"} & keys
        sure = {"tensor_model_parallel_size", "lr_decay_style"} <= keys and length
        if (_SCRIPTS.search(script) and marks) or sure:
            return f"the script {script} and {key_list(marks, 'option')}"
        return None

    def read(self, source: Source, found: Recognised) -> Reading:
        name, values = source.name, source.given
        if found.section:
            self.unknown(source, values, frozenset({_SECTION}))
            values = {key: value for key, value in _options(values[_SECTION]).items() if value is not None}
        keys = Keys(name, values, ARGPARSE, _DEFAULTS)
        _refuse_options(keys)
        strange = self.unknown(source, values, keys_of("megatron"))
        style = one_of(f"{name}: --lr-decay-style", keys["lr_decay_style"], STYLES)
        length = _updates(keys, "train")
        if length is None:
            if "retro_project_dir" in values:  # `megatron.training.arguments.load_retro_args`
                raise source.error(
                    "--retro-project-dir has the length of the run in a file of its folder; give it with --set train_samples=VALUE "
                    "--set global_batch_size=VALUE"
                )
            raise source.error(
                "Megatron-LM needs --train-iters or --train-samples; give one with --set train_iters=VALUE"
            )
        given = _updates(keys, "lr_decay")
        decay = length if given is None else given
        warmup = _warmup(keys, decay)
        own = curve_of(keys, style)
        tail = _updates(keys, "lr_wsd_decay") if style == "WSD" else None
        if style == "WSD" and tail is None:
            raise source.error(
                "--lr-decay-style WSD needs --lr-wsd-decay-iters; give it with --set lr_wsd_decay_iters=VALUE"
            )
        taken = {"max_steps": int(length), "warmup_steps": math.ceil(warmup)}
        settings = self.settings_of(keys, taken, lr_scheduler_type=style, own=own)
        batch = keys.whole("global_batch_size") if "train_samples" in keys else None
        settings = with_lengths(settings, decay=decay, warmup=warmup, tail=tail, batch=batch)
        defaults = keys.defaults("Megatron-LM")
        if not any(key.startswith("lr_warmup_") for key in keys):
            defaults += (Default("lr_warmup_iters", 0, "Megatron-LM"),)
        if given is None:
            kind = "samples" if "train_samples" in keys else "iters"
            whose = "Megatron-LM: the length of the run"
            defaults += (Default(f"lr_decay_{kind}", keys.whole(f"train_{kind}"), whose),)
        notes = [note for key, note in _NOTES.items() if key in keys]
        if not _adds_no_options(source) and (added := super().refused(strange, source)):
            some = f"{', '.join(added[:5])}{', ...' if added[5:] else ''}"
            notes.append(f"{source.program_name} adds options of its own, which are none of Megatron-LM itself: {some}")
        return Reading(settings, (), tuple(notes), defaults, strange)

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """The decay to `--min-lr` at the end of the decay, and that floor behind it."""
        own = settings.own
        warmup, first, per_step = own["warmup"], own["first"], own["per_step"]
        run = steps * per_step
        if not warmup or not first:
            curve = _decay(settings, rate, warmup, run)
        elif settings.lr_scheduler_type == "inverse-square-root":
            raise settings.error(
                "--lr-warmup-init above 0 with inverse-square-root is not read; make it of the classes of olr"
            )
        else:
            ramp = LinearRamp(rate, start_factor=first / rate, total_iters=warmup)
            after = settings.also(decay=own["decay"] - warmup)
            curve = Stages([ramp, _decay(after, rate, 0, run - warmup)], boundaries=[warmup])
        return InSamples(curve, per_step) if per_step > 1 else curve


def _decay(settings: Settings, rate: Real, warmup: int, run: int) -> Schedule:
    """The schedule with a warmup from 0, in a run of this length, in the units of `own`."""
    own, style = settings.own, settings.lr_scheduler_type
    end, low = own["decay"], own["min_lr"]
    if style in ("constant", "linear", "cosine"):
        curve = decayed(style, rate, end=end, warmup=warmup, low=low)
        return held(curve, end=end, run=run) if style == "cosine" else curve
    if style == "inverse-square-root":
        if warmup < own["per_step"] or rate * (warmup / end) ** 0.5 < low:
            raise settings.error(
                "inverse-square-root with a warmup of less than an iteration, or with --min-lr above its end, is not read; "
                "make it of the classes of olr"
            )
        curve = InverseSqrt(rate, warmup_steps=warmup, timescale=warmup)
        return Stages([curve, Constant(low)], boundaries=[end + 1]) if run > end + 1 else curve
    shape = one_of(f"{settings.source}: --lr-wsd-decay-style", own["style"], _SHAPES)
    if own["tail"] + warmup > end:
        tail, before, whole = (part / own["per_step"] for part in (own["tail"], warmup, end))
        raise settings.error(f"--lr-wsd-decay-iters {tail:g} and the warmup of {before:g} do not fit in {whole:g}")
    return decayed(_SHAPES[shape], rate, end=end, warmup=warmup, low=low, decay=own["tail"])


def _adds_no_options(source: Source) -> bool:
    """Whether the config is of one of its own scripts, whose options are known."""
    return not source.program_name or _SCRIPTS.search(source.program_name) is not None


def _options(section: object) -> dict[str, object]:
    """The options of a section whose keys are written with dashes, such as `--train-iters`; empty for any other."""
    if not isinstance(section, Mapping) or not any(str(key).startswith("--") for key in section):
        return {}
    made = {str(key).removeprefix("--").replace("-", "_"): value for key, value in section.items()}
    return made if _MARKS & made.keys() else {}


def _refuse_options(keys: Keys) -> None:
    """Raise for options that change the schedule in a way that is not read."""
    for key in filter(keys.given.__contains__, _CHANGE_AS_THEY_GO):
        changes = f"--{key.replace('_', '-')} changes the schedule as it goes"
        raise keys.error(f"{changes}, and is not read; make it of the classes of olr")
    if "lr" not in keys:
        raise keys.error("Megatron-LM needs --lr; give it with --set lr=VALUE")
    samples = [key for key in keys.given if key.endswith("_samples") and key.startswith(("train", "lr_"))]
    iterations = [key for key in keys.given if key in ("train_iters", "lr_decay_iters", "lr_warmup_iters")]
    if samples and iterations:
        raise keys.error(f"Megatron-LM refuses {samples[0]} with {iterations[0]}; keep one form")


def _updates(keys: Keys, what: str) -> Fraction | None:
    """A length in iterations, given as such or in samples."""
    if f"{what}_iters" in keys:
        return Fraction(keys.whole(f"{what}_iters"))
    if f"{what}_samples" not in keys:
        return None
    if "global_batch_size" not in keys:
        batch = "--global-batch-size here, which is the micro batch times the data-parallel ranks"
        raise keys.error(f"{what}_samples needs {batch}")
    return Fraction(keys.whole(f"{what}_samples"), keys.whole("global_batch_size", least=1))


def _warmup(keys: Keys, decay: Fraction) -> Fraction:
    """The warmup in iterations, which need not be whole."""
    given = _updates(keys, "lr_warmup") or Fraction(0)
    if "lr_warmup_fraction" not in keys:
        return given
    if given:
        raise keys.error("Megatron-LM refuses --lr-warmup-fraction with --lr-warmup-iters; keep one")
    return fraction_of(decay, keys.number("lr_warmup_fraction"))


def fraction_of(decay: Fraction, share: float) -> Fraction:
    """The iterations of a warmup that is a fraction of the decay."""
    part = Fraction(str(share)) * decay
    nearest = round(part)
    return Fraction(nearest) if abs(part - nearest) <= 1e-9 * max(1, nearest) else part


def curve_of(keys: Keys, style: str) -> dict[str, object]:
    """The rates at the ends of the warmup and of the decay, and the shape of that of WSD.

    Raises:
        ConfigError: for rates that Megatron-LM refuses.
    """
    rate, low, first = (keys.number(name) for name in ("lr", "min_lr", "lr_warmup_init"))
    for option, value in (("--min-lr", low), ("--lr-warmup-init", first)):
        if not 0 <= value <= rate:
            raise keys.error(f"Megatron-LM refuses {option} {value:g} outside of 0 to {rate:g}")
    shape = {"style": keys.get("lr_wsd_decay_style", "exponential")} if style == "WSD" else {}
    return {"min_lr": low, "first": first, **shape}


def with_lengths(
    settings: Settings, *, decay: Fraction, warmup: Fraction, tail: Fraction | None = None, batch: int | None = None
) -> Settings:
    """The settings with the lengths of a schedule, which need not be whole, in equal parts of an iteration.

    Args:
        settings: those of the run, with the rates of `curve_of`.
        decay: the iteration in which the decay ends.
        warmup: the iterations of the warmup.
        tail: those of the decay of WSD.
        batch: the samples of an iteration, where the lengths are given in samples.

    Raises:
        ConfigError: where Megatron-LM refuses the warmup, or a schedule cannot have so many parts.
    """
    if warmup >= decay:
        raise settings.error(
            f"Megatron-LM asserts that the warmup of {float(warmup):g} is shorter than the decay of {float(decay):g} iterations"
        )
    parts = {"decay": decay, "warmup": warmup} | ({} if tail is None else {"tail": tail})
    per_step = _units(settings, parts, batch)
    return settings.also(per_step=per_step, **{part: int(value * per_step) for part, value in parts.items()})


def _units(settings: Settings, parts: Mapping[str, Fraction], batch: int | None) -> int:
    """A number of equal parts of an iteration in which the lengths are whole: 1, its samples, or the least such number.

    Raises:
        ConfigError: where a schedule cannot have that many.
    """
    least = math.lcm(*(part.denominator for part in parts.values()))
    for units in (batch or 1, least) if least > 1 else (1,):
        if units % least == 0 and parts["decay"] * units <= MOST_STEPS:
            return units
    kind = "samples" if batch else "iters"
    names = {"warmup": "lr_warmup", "decay": "lr_decay", "tail": "lr_wsd_decay"}
    way = [f"--set {names[name]}_{kind}={round(part) * (batch or 1)}" for name, part in parts.items()]
    raise settings.error(
        f"a warmup of {float(parts['warmup']):.12g} iterations in a decay of {float(parts['decay']):.12g} is too fine to be read "
        f"exactly; whole ones are {' '.join(way)} --set lr_warmup_fraction=null"
    )


def data_ranks(settings: Settings, processes: int) -> int:
    """The groups of processes that each take examples of their own.

    Args:
        settings: those of a trainer with `own["sizes"]`, what divides the processes of one group, and `own["experts"]`, the
            processes that share the experts.
        processes: all of them.

    Raises:
        ConfigError: where the processes do not make whole groups.
    """
    sizes: dict[str, int] = settings.own["sizes"]
    shared, experts = math.prod(sizes.values()), settings.own["experts"]
    if processes % shared:
        raise settings.error(
            f"{_product(sizes)} = {shared} processes share an example, and {processes} is not a multiple of this; give the "
            "number of all processes with --world-size"
        )
    if processes % experts:
        raise settings.error(
            f"{experts} processes share the experts, and {processes} is not a multiple of this, which Megatron refuses; give "
            "the number of all processes with --world-size"
        )
    return processes // shared


def one_group(sizes: Mapping[str, int], experts: int) -> Processes:
    """The processes of one group, and of whole groups of experts, for a config that does not say their number."""
    least = math.lcm(math.prod(sizes.values()), experts)
    also = f", and of {experts} processes that share the experts" if least > math.prod(sizes.values()) else ""
    return Processes(least, f"assumed: those of one group, {_product(sizes)}{also}")


def _product(sizes: Mapping[str, int]) -> str:
    """The sizes as text."""
    return " x ".join(f"{key} {size}" for key, size in sizes.items()) or "one process in a group"
