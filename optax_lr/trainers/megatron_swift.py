"""Megatron-SWIFT: `megatron sft`, `pt` and `rlhf` of ms-swift, with the schedules of Megatron-LM."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from optax_lr.numerics import Real
from optax_lr.schedules import Schedule
from optax_lr.sources.source import Processes, Source, count_of, product
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, key_list
from optax_lr.trainers.keys import Default, Keys
from optax_lr.trainers.known import keys_of
from optax_lr.trainers.megatron import STYLES, Megatron, curve_of, data_ranks, fraction_of, one_group, with_lengths
from optax_lr.trainers.settings import ARGPARSE, SETTING_NAMES, Settings, one_of
from optax_lr.trainers.swift import WORLD, common_notes, tuner_of, validation_examples

_MARKS = words("tuner_type train_type rlhf_type split_dataset_ratio external_plugins")
# Keys of its own that `swift sft` has never had; one of them next to one of those above marks a file.
_OWN = words(
    "micro_batch_size global_batch_size lr lr_decay_style lr_warmup_fraction lr_warmup_iters train_iters "
    "tensor_model_parallel_size pipeline_model_parallel_size"
)
_SIZES = ("tensor_model_parallel_size", "pipeline_model_parallel_size", "context_parallel_size")
_EXPERTS = ("expert_model_parallel_size", "expert_tensor_parallel_size", "pipeline_model_parallel_size")
_EPOCHS = ("num_train_epochs", "max_epochs")  # by their names in ms-swift 4 and 3
# Of its keys, those that decide the curve, and those that decide the iterations of an epoch.
_DECIDE = words(
    "lr min_lr lr_decay_style lr_decay_iters lr_warmup_iters lr_warmup_fraction lr_warmup_init lr_wsd_decay_style "
    "lr_wsd_decay_iters train_iters num_train_epochs max_epochs streaming rlhf_type"
)
_COUNT = words(
    "micro_batch_size global_batch_size split_dataset_ratio num_generations steps_per_generation generation_batch_size"
).union(_SIZES, _EXPERTS)
_METHODS = ("dpo", "kto", "grpo", "gkd", "rm")
_GENERATE = ("grpo", "gkd")
# Where Ray starts the run: the groups of processes, and keys that only its pipeline reads.
_GROUPS = words("train rollout teacher")
_OF_RAY = words("colocate_groups nnodes gpus config")
_RECORDED = words("local_world_size per_device_generation_batch_size") | {WORLD}  # in the args.json of a run
# Keys of `swift sft` in place of its own.
_MEANT = {"warmup_ratio": "lr_warmup_fraction", "gradient_accumulation_steps": "global_batch_size"}
_VARIABLES = words("NPROC_PER_NODE NNODES")
_WHOSE = "MegatronArguments of ms-swift 3.2 to 4.5"
_DEFAULTS: Mapping[str, object] = {
    "lr_decay_style": "cosine",
    "min_lr": 0.0,
    "micro_batch_size": 1,
    "global_batch_size": 16,
}


class Counts(NamedTuple):
    """What decides the iterations of an epoch.

    Fields:
        batch: the examples or completions of an iteration.
        generations: the completions of each prompt; 1 where none are counted.
        rounds: the iterations for which completions are generated at once; 0 for a method without them.
    """

    batch: int
    generations: int = 1
    rounds: int = 0


class MegatronSwift(Trainer):
    """Megatron-SWIFT, which counts the schedule in iterations of `global_batch_size` examples or completions.

    Source: `swift.megatron.arguments.megatron_args`, `swift.megatron.utils.megatron_lm_utils.get_optimizer_param_scheduler`,
    `swift.ray.megatron.driver_utils`.
    """

    name = "megatron-swift"
    title = "Megatron-SWIFT"
    covers = frozenset({"hf", "trl", "swift", "megatron", "llamafactory", "axolotl"})
    calls = r"swift\.(?:.*\.)?Megatron\w+"
    programs = r"megatron (?:sft|pt|rlhf)|(?:.*swift/cli/_megatron/|swift\.cli\._megatron\.)(?:sft|pt|rlhf)(?:\.py)?"
    not_training = {"megatron": frozenset({"export"})}
    file_option = "config"
    file_first = True
    fine_tunes = True
    history = {"": "megatron_swift"}
    options = keys_of("megatron_swift")
    no_length = (
        "the length of the run is not known: give train_iters in the file (--max-steps), or its epochs and the number of "
        "training examples (num_examples=..., --num-examples)"
    )
    names = frozenset({"learning_rate"})
    renamed = {
        "learning_rate": "lr",
        "max_steps": "train_iters",
        "per_device_train_batch_size": "micro_batch_size",
        "lr_scheduler_type": "lr_decay_style",
        "warmup_steps": "lr_warmup_iters",
        "val_size": "split_dataset_ratio",
    }

    def evidence(self, source: Source) -> str | None:
        """Keys of ms-swift with lengths and rates that have Megatron's names."""
        keys = _of_train(source.given).keys()
        marks, own = _MARKS & keys, _OWN & keys
        sure = marks and own and not {"learning_rate", "per_device_train_batch_size"} & keys
        return f"{key_list(marks)} with {min(own)}" if sure and source.form != "command" else None

    def decides(self, key: str, values: Mapping[str, object]) -> bool:
        """Of its own keys, those that are read."""
        if key in keys_of("megatron_swift"):
            return key in _DECIDE or (key in _COUNT and any(epochs in values for epochs in _EPOCHS))
        return super().decides(key, values)

    def refused(self, unknown: Iterable[str], source: Source) -> tuple[str, ...]:
        """None where Ray's pipeline, or an option, makes a warning of it, and in the record of a run."""
        lenient = WORLD in source.given or str(source.given.get("ignore_args_error")).lower() == "true"
        return () if lenient or _on_ray(source.values) else super().refused(unknown, source)

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        """The file with the options behind it; Ray's pipeline takes the file alone."""
        return dict(file) if "use_ray" in source.values else dict(file) | dict(source.values)

    def read(self, source: Source, found: Recognised) -> Reading:
        """A command or its file."""
        values = _of_train(source.values)
        environment = values.pop("ENV", None)
        known = keys_of("megatron_swift") | _OF_RAY | _RECORDED | {"max_epochs", "train_type"}
        meant = {name: key for name, key in self.renamed.items() if name in SETTING_NAMES} | _MEANT
        strange = self.unknown(source, values, known, meant=meant)
        tuner = tuner_of(source, values) or "full"
        rate = Default("lr", 1e-5 if tuner == "full" else 1e-4, f"ms-swift from 3.7 on, for {tuner}")
        keys = Keys(source.name, values, ARGPARSE, {**_DEFAULTS, "lr": rate.value})
        style = one_of(f"{source.name}: lr_decay_style", keys["lr_decay_style"], STYLES)
        method = one_of(f"{source.name}: rlhf_type", keys.get("rlhf_type", "dpo"), _METHODS)
        epochs, streaming = _epochs(keys), keys.flag("streaming")
        own: dict[str, object] = {
            "counts": _counts(keys, method) if epochs else None,
            "sizes": _sizes(keys, _SIZES) if epochs else {},
            "experts": math.prod(_sizes(keys, _EXPERTS).values()) if epochs else 1,
            "decay": keys.whole("lr_decay_iters") if "lr_decay_iters" in keys else None,
            "share": keys.share("lr_warmup_fraction") if "lr_warmup_fraction" in keys else None,
            "tail": keys.whole("lr_wsd_decay_iters") if style == "WSD" else None,
            **curve_of(keys, style),
        }
        if style == "WSD" and not own["tail"]:
            raise keys.error("lr_decay_style WSD needs lr_wsd_decay_iters")
        taken = {
            "max_steps": keys.whole("train_iters", -1) if streaming or epochs is None else -1,
            "num_train_epochs": keys.whole(epochs) if epochs else None,
            "per_device_train_batch_size": keys.whole("micro_batch_size") if epochs else None,
            "streaming": streaming,
            "val_size": _validation(keys, source) if epochs else 0.0,
            "warmup_steps": keys.whole("lr_warmup_iters") if own["share"] is None else 0,
        }
        if taken["max_steps"] == 0 or own["decay"] == 0:
            raise keys.error("train_iters and lr_decay_iters must be at least 1")
        settings = self.settings_of(keys, taken, lr_scheduler_type=style, own=own)
        reasons = {"lr_warmup_iters": "lr_warmup_fraction decides the warmup; ms-swift 3 refuses both"}
        reasons = {} if own["share"] is None else reasons
        reasons |= {"train_iters": f"{epochs} decides the length"} if settings.max_steps < 0 else {}
        return Reading(
            settings,
            tuple((key, why) for key, why in reasons.items() if key in keys),
            tuple(_notes(keys, tuner, epochs)),
            (() if "lr" in keys.given else (rate,)) + _defaults(keys, settings),
            () if WORLD in keys else strange,
            _processes(source, environment, settings),
        )

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Iterations of one epoch, rounded down; at least 1, since what an epoch leaves counts in the next."""
        counts: Counts | None = settings.own["counts"]
        return None if counts is None else max(1, self._completions(settings, data, counts) // counts.batch)

    def steps_of_epochs(self, settings: Settings, per_epoch: int, data: Data | None) -> int:
        """Iterations of all epochs, rounded down once."""
        counts: Counts | None = settings.own["counts"]
        if data is None or counts is None:
            return super().steps_of_epochs(settings, per_epoch, data)
        iterations = int(settings.num_train_epochs) * self._completions(settings, data, counts) // counts.batch
        if iterations == 0:
            none = f"{data.examples} examples make no batch of global_batch_size {counts.batch}"
            raise settings.error(f"{none}; give their right number")
        return iterations

    def _completions(self, settings: Settings, data: Data, counts: Counts) -> int:
        """The examples of an epoch in whole batches of all ranks, each as often as it is answered."""
        ranks = data_ranks(settings, data.processes)
        step = settings.per_device_train_batch_size * ranks
        prompts = counts.batch * (counts.rounds or 1) // counts.generations
        for what, number in (("global_batch_size", counts.batch), ("the number of prompts of a generation", prompts)):
            if number % step:
                raise settings.error(
                    f"{what}, {number}, is not a multiple of micro_batch_size {step // ranks} on each of {ranks} data-parallel "
                    "ranks, which Megatron-SWIFT refuses; change one of them, or give the number of all processes with --world-size"
                )
        return self.training_examples(settings, data.examples) // step * step * counts.generations

    def validation_examples(self, examples: int, share: float) -> int:
        """As those of ms-swift."""
        return validation_examples(examples, share)

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The iterations as given, or the fraction of the decay, which need not be whole, rounded up."""
        return math.ceil(_warmup(settings, max_steps))

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        """A note where the data of the epochs end before a generation of completions is used up."""
        counts: Counts | None = settings.own["counts"]
        rounds = 0 if counts is None else counts.rounds
        if rounds and settings.max_steps < 0 and max_steps % rounds > 1:
            last = (
                f"the prompts may end in the last one, and the run after iteration {max_steps - max_steps % rounds + 1}"
            )
            yield f"{max_steps} iterations are not whole generations of {rounds}: {last}, before the schedule does"

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """That of Megatron-LM, whose decay ends with the run if the config does not say where."""
        decay, tail = Fraction(settings.own["decay"] or steps), settings.own["tail"]
        tail = None if tail is None else Fraction(tail)
        settings = with_lengths(settings, decay=decay, warmup=_warmup(settings, steps), tail=tail)
        return Megatron().curve(settings, rate, steps, warmup)


def _on_ray(values: Mapping[str, object]) -> bool:
    """Whether the config is of Ray's pipeline, which has groups of processes."""
    return isinstance(values.get("train"), Mapping)


def _of_train(values: Mapping[str, object]) -> dict[str, object]:
    """The keys of the processes that train: where Ray starts them, those of their group replace the shared ones."""
    group = values.get("train")
    if not isinstance(group, Mapping):
        return dict(values)
    shared = {key: value for key, value in values.items() if key not in _GROUPS}
    return shared | {str(key): value for key, value in group.items()}


def _epochs(keys: Keys) -> str | None:
    """The key of the epochs; None where there is none."""
    given = [key for key in _EPOCHS if key in keys]
    if len(given) > 1:
        raise keys.error("num_train_epochs is a key of ms-swift 4, and max_epochs of ms-swift 3; keep one")
    old = given == ["max_epochs"] and keys.get("rlhf_type") != "grpo"  # which 3.11 has first
    if old and "train_iters" in keys and not keys.flag("streaming"):
        raise keys.error(
            "max_epochs decides the length from ms-swift 3.11 on, and train_iters before; keep one: --set max_epochs=null"
        )
    return given[0] if given else None


def _validation(keys: Keys, source: Source) -> float:
    """The share of the examples that is kept for validation."""
    others = "val_dataset" in keys or ("cached_dataset" in keys and "dataset" not in keys)
    return 0.0 if others or keys.flag("streaming") or _on_ray(source.values) else keys.share("split_dataset_ratio")


def _counts(keys: Keys, method: str) -> Counts:
    """What decides the iterations of an epoch.

    Source: `RLHFMegatronArgumentsMixin.resolve_generation_batch_size`.
    """
    batch = keys.whole("global_batch_size")
    generations = keys.whole("num_generations", 8) if method == "grpo" else 1
    whole = keys.whole("generation_batch_size", batch * keys.whole("steps_per_generation", 1))
    rounds = keys.whole("steps_per_generation", whole // max(1, batch))
    if batch < 1 or generations < 1:
        raise keys.error("global_batch_size and num_generations must be at least 1")
    if method not in _GENERATE:
        return Counts(batch)
    if rounds < 1 or whole != batch * rounds or whole % generations:
        raise keys.error(
            f"Megatron-SWIFT refuses {whole} completions of a generation for {rounds} iterations of {batch} and {generations} for "
            "each prompt; change global_batch_size, steps_per_generation, generation_batch_size or num_generations"
        )
    return Counts(batch, generations, rounds)


def _sizes(keys: Keys, names: Iterable[str]) -> dict[str, int]:
    """The sizes of Megatron's groups of processes that are given."""
    sizes = {key: keys.whole(key) for key in names if key in keys}
    if any(size < 1 for size in sizes.values()):
        raise keys.error(f"{', '.join(sizes)} must be at least 1")
    return sizes


def _warmup(settings: Settings, steps: int) -> Fraction:
    """The iterations of the warmup."""
    if settings.own["share"] is None:
        return Fraction(int(settings.warmup_steps))
    return fraction_of(Fraction(settings.own["decay"] or steps), settings.own["share"])


def _defaults(keys: Keys, settings: Settings) -> tuple[Default, ...]:
    """The values that the config does not state, and that decide something in this run."""
    idle = {"lr", "min_lr"} if settings.lr_scheduler_type == "constant" else {"lr"}
    idle |= {"micro_batch_size", "global_batch_size"} if settings.max_steps > 0 else set()
    defaults = keys.defaults(_WHOSE, without=idle)
    if settings.own["share"] is None and "lr_warmup_iters" not in keys:
        defaults += (Default("lr_warmup_iters", 0, _WHOSE),)
    if settings.own["decay"] is None and settings.max_steps > 0:
        defaults += (Default("lr_decay_iters", settings.max_steps, f"{_WHOSE}: the length of the run"),)
    counts: Counts | None = settings.own["counts"]
    if counts is not None and counts.generations > 1 and "num_generations" not in keys:
        defaults += (Default("num_generations", 8, _WHOSE),)
    return defaults


def _notes(keys: Keys, tuner: str, epochs: str | None) -> Iterator[str]:
    """What the reading assumes, and what the versions of ms-swift do not share."""
    yield from common_notes(keys)
    if epochs == "max_epochs":
        yield "max_epochs is of ms-swift 3: 3.5.0 and 3.5.1 count one iteration more, and from 4.0 on it is num_train_epochs"
        if not {"split_dataset_ratio", "val_dataset"} & keys.keys():
            yield "split_dataset_ratio: ms-swift before 3.6 keeps 1% of the examples for validation by default; give 0.01 for it"
    if epochs and keys.flag("streaming"):
        yield f"{epochs} {keys[epochs]}: the data may end, and the run with them, before the schedule does"
    if epochs and keys.flag("packing"):
        yield "packing: the number of examples is that of the packed rows"
    if epochs and keys.get("truncation_strategy") == "split":
        yield "truncation_strategy split: a long text gives several examples; the number of examples is that after the cut"
    if epochs and keys.get("rlhf_type") == "grpo":
        yield "the number of examples is that of the prompts"
    if keys.flag("fp16"):
        yield "iterations that are skipped for overflow do not advance the schedule"
    loads = ("mcore_model", "load") if tuner == "full" else ("mcore_adapter", "adapter_load")
    loaded = next((key for key in loads if key in keys), None)
    fresh = keys.flag("finetune") if "finetune" in keys else loaded in ("mcore_model", "mcore_adapter")
    if loaded and (not fresh or keys.flag("no_finetune")) and not keys.flag("no_load_optim"):
        yield f"finetune is false: the schedule that {loaded} has stored replaces this one"
    for key in ("megatron_extra_kwargs", "extra_megatron_kwargs"):
        names = [str(name) for name in value] if isinstance(value := keys.get(key), Mapping) else []
        names = names or re.findall(r"[\"'](\w+)[\"']\s*:", str(value))
        if decides := [name for name in names if Megatron().decides(name, {})]:
            raise keys.error(f"{key} sets {', '.join(decides)}, which is not read there; give it as a key of its own")


def _processes(source: Source, environment: object, settings: Settings) -> Processes | None:
    """The processes of Ray's group, of a record or of `ENV` in a file; those of one group where no number is known."""
    if _on_ray(source.values):
        gpus = _of_train(source.values).get("gpus")
        return Processes(count_of(gpus), f"gpus {gpus} of train")
    if (recorded := count_of(source.values.get(WORLD))) is not None:
        return Processes(recorded, f"{WORLD} of the file")
    inside = environment if isinstance(environment, Mapping) else {}
    if inside.keys() & _VARIABLES:
        variables = {**inside, **source.command.environment}
        shown = {key: variables.get(key, 1) for key in sorted(_VARIABLES, reverse=True)}
        origin = " and ".join(f"{key}={value}" for key, value in shown.items())
        return Processes(product(*map(count_of, shown.values())), f"{origin}, with ENV of the file")
    if settings.own["counts"] is not None and (source.processes is None or source.processes.count is None):
        return one_group(settings.own["sizes"], settings.own["experts"])
    return None
