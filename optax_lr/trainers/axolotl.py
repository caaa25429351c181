"""axolotl: its own names of the trainer's settings; floors, a warmup and restarts of its own in addition to the scheduler."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Cosine, JaggedRestarts, OneCycle, Rex, Schedule
from optax_lr.schedules.compositions import HoldAfter, Product
from optax_lr.sources.errors import ConfigError, UnknownLengthError
from optax_lr.sources.source import Processes, Source
from optax_lr.text import words
from optax_lr.trainers import deepspeed_block as block
from optax_lr.trainers.base import Data, Reading, Recognised, key_list, like, part_of
from optax_lr.trainers.curve_keys import concerns_curve
from optax_lr.trainers.generations import generation_keys, generation_steps
from optax_lr.trainers.keys import Keys
from optax_lr.trainers.known import former_keys, keys_of
from optax_lr.trainers.settings import PYDANTIC, SETTING_NAMES, Settings
from optax_lr.trainers.training_arguments import SCHEDULE_KEYWORDS, why_ignored
from optax_lr.trainers.transformers import Transformers
from optax_lr.trainers.writing import keys_of_run, named_schedule, plain, share_of

_FLOOR, _HELD = _FLOORS = ("cosine_min_lr_ratio", "cosine_constant_lr_ratio")
_RESTARTS = {"jagged_restart_steps": 0, "jagged_restart_warmup_steps": 10, "jagged_restart_anneal_steps": 1}
_DEFAULTS = {"lr_scheduler": "cosine", "micro_batch_size": 1, "num_epochs": 1.0, "gradient_accumulation_steps": 1}
_MOMENTUM = {"cycle_momentum", "base_momentum", "max_momentum"}
_MARKS = words(
    "lr_scheduler micro_batch_size num_epochs val_set_size sequence_len sample_packing base_model cosine_min_lr_ratio "
    "cosine_constant_lr_ratio lr_quadratic_warmup datasets adapter evals_per_epoch saves_per_epoch "
    "jagged_restart_steps pretraining_dataset wandb_project jagged_restart_warmup_steps jagged_restart_anneal_steps "
    "special_tokens train_on_inputs pad_to_sequence_len"
)
_SURE = words("sequence_len sample_packing evals_per_epoch saves_per_epoch jagged_restart_steps val_set_size")
_NOT_AXOLOTL = words("lr_scheduler_type num_train_epochs per_device_train_batch_size stage finetuning_type")
# Keys that its data model refuses together: `axolotl.utils.schemas.validation`.
_APART = (
    *(("batch_size", "gradient_accumulation_steps"), ("warmup_steps", "warmup_ratio"), ("sample_packing", "rl")),
    *(("val_set_size", key) for key in ("test_datasets", "pretraining_dataset", "streaming")),
)
_GENERATE = ("grpo", "ebft", "gdpo")
_PACKED = (
    "sample_packing: the number of examples is that of the packed rows for training, without val_set_size; axolotl logs the steps "
    "as 'Maximum number of steps'"
)


class Axolotl(Transformers):
    """axolotl, whose data model converts text to numbers and ignores unknown keys.

    Source: `axolotl.core.builders.base.TrainerBuilderBase`, `axolotl.core.trainers.mixins.scheduler`,
    `axolotl.utils.config.normalize_config`.
    """

    name = "axolotl"
    title = "axolotl"
    covers = frozenset({"hf", "trl"})
    calls = r"axolotl\..*"
    programs = r"axolotl train|axolotl\.cli\.train.*"
    not_training = {
        "axolotl": words(
            "evaluate fetch inference merge-lora merge-sharded-fsdp-weights preprocess quantize vllm-serve"
        )
    }
    renamed = {
        "lr_scheduler_type": "lr_scheduler",
        "per_device_train_batch_size": "micro_batch_size",
        "num_train_epochs": "num_epochs",
        "val_size": "val_set_size",
    }
    names = SETTING_NAMES - {"max_samples", "ppo_buffer_size"}
    file_first = True
    zero_steps_count = False
    more_schedules = ("one_cycle", "rex")

    def evidence(self, source: Source) -> str | None:
        """A key that only axolotl has, or two that few others have."""
        keys = frozenset(source.given)
        others = keys & _NOT_AXOLOTL and not keys >= {"base_model", "micro_batch_size", "datasets"}
        settings = keys & (SETTING_NAMES | {"lr_scheduler", "micro_batch_size", "num_epochs"})
        if source.program is not None or others or not settings:
            return None
        marks, foreign = _MARKS & keys, keys - keys_of("axolotl") - SETTING_NAMES
        alone = source.values.get("lr_scheduler") in ("rex", "one_cycle") or marks & _SURE
        ours = alone or (len(marks) > 1 and not {"batch_size", "epochs", "optimizer_type"} & foreign)
        return key_list(marks) if ours else None

    def read(self, source: Source, found: Recognised) -> Reading:
        values = source.values
        keys = Keys(source.name, values, PYDANTIC, _DEFAULTS)
        restarts = _restarts(keys)
        _refuse_keys(keys, restarts)
        taken: dict[str, object] = {"streaming": True} if keys.get("pretraining_dataset") else {}
        if "warmup_steps" in keys:  # also one of 0
            if isinstance(share := keys["warmup_steps"], float) and 0 < share < 1:
                raise keys.error(
                    f"warmup_steps must be a whole number, not {share}; a share of the steps is warmup_ratio: {share}"
                )
            taken |= {"warmup_steps": keys.whole("warmup_steps"), "warmup_ratio": None}
        scheduler_block, notes = block.scheduler_of(source, keys.get("deepspeed"))
        own = _own(keys, restarts)
        if own["packs"]:
            taken["val_size"] = None  # it is taken before the packing, so that it is no part of the packed rows
        settings = self.settings_of(keys, taken, scheduler_block=scheduler_block, own=own)
        without = self.without_effect(settings)
        if "batch_size" in keys:
            without |= {"micro_batch_size", "gradient_accumulation_steps"}
        return Reading(
            settings,
            _ignored(settings, values),
            (*notes, *_notes(keys, settings)),
            keys.defaults(self.title, without=without),
            tuple(key for key in keys.given if key not in keys_of("axolotl")),
            _of_a_mesh(keys) if source.processes is None or source.processes.count is None else None,
        )

    def _batch(self, settings: Settings, processes: int) -> int:
        """Examples of one update over all processes."""
        group = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
        return int((settings.own["batch_size"] or group) * max(1, processes // settings.own["parallel"]))

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Optimizer steps of one epoch; the count of the run rounds once, over all epochs."""
        examples = self.training_examples(settings, data.examples)
        if settings.own["generate"] is not None:
            return generation_steps(settings, data._replace(examples=examples), **settings.own["generate"])
        batch = self._batch(settings, data.processes)
        return max(1, examples // batch) if settings.own["packs"] else math.ceil(examples / batch)

    def total_steps(self, settings: Settings, per_epoch: int | None, data: Data | None, version: str) -> int:
        """`max_steps`, else the count of the data, which needs the number of tokens if the efficiency of the packing is given."""
        if settings.max_steps <= 0 and settings.own["efficiency"]:
            why = "with sample_packing_eff_est axolotl counts the steps by the number of tokens"
            logged = "'Maximum number of steps' that it logs (max_steps=..., --max-steps)"
            raise UnknownLengthError(f"{settings.source}: {why}; give the {logged}")
        return super().total_steps(settings, per_epoch, data, version)

    def steps_of_epochs(self, settings: Settings, per_epoch: int, data: Data | None) -> int:
        """axolotl's own count.

        Source: `axolotl.utils.trainer.calculate_total_num_steps`, `axolotl.common.datasets`.
        """
        if data is None or settings.own["generate"] is not None:
            return math.ceil(settings.num_train_epochs * per_epoch)
        return self._data_steps(settings, data)

    def _data_steps(self, settings: Settings, data: Data) -> int:
        """Steps of the data, whatever `max_steps` says; packed rows are counted in whole batches."""
        examples, batch = self.training_examples(settings, data.examples), self._batch(settings, data.processes)
        if not settings.own["packs"]:
            return math.ceil(examples * settings.num_train_epochs / batch)
        steps = int(max(1, examples // batch) * settings.num_train_epochs)
        return max(1, steps - settings.dataloader_drop_last * math.ceil(settings.num_train_epochs))

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """axolotl rounds a ratio down, and takes it of the data's steps where `max_steps` is longer."""
        if settings.own_rates:
            return like(max_steps, 0)
        steps, ratio, given = settings.warmup_steps, settings.warmup_ratio, settings.own["warmup_given"]
        if steps < 0:
            raise settings.error(f"warmup_steps must be at least 0, not {steps}")
        if not steps and settings.own["generate"] is not None and (ratio is not None or not given):
            return part_of(max_steps, 0.03 if ratio is None else ratio, up=True)
        total = np.asarray(max_steps, np.float64)
        if data is not None and not settings.own["efficiency"]:
            total = np.minimum(total, self._data_steps(settings, data))
        if steps or (ratio is None and given):
            warmup = like(max_steps, int(steps))
        else:
            warmup = np.minimum(part_of(total, 0.03), 100) if ratio is None else np.maximum(part_of(total, ratio), 0)
        # It takes a single step of warmup for none, and makes it two.
        return np.where(warmup == 1, 2, warmup)

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with whether the steps of the data are known."""
        return settings.also(measured=data is not None or settings.streaming)

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        """Its warmup has the same length for every version of transformers; a ratio may be of the steps of the data."""
        yield from block.notes_of(settings)
        own = settings.own
        fixed = settings.own_rates or settings.warmup_steps or (settings.warmup_ratio is None and own["warmup_given"])
        if not (own["measured"] or own["generate"] or fixed):
            yield "the warmup is shorter if the data have fewer steps than max_steps; give --num-examples"

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """The scheduler with axolotl's floors, and its restarts around it."""
        if settings.scheduler_block is not None:
            return block.schedule_of(settings, max_steps, warmup_steps, changes)
        made = self._without_restarts(settings, max_steps, warmup_steps, changes)
        if settings.own["restarts"] is None:
            return made
        low, ahead = settings.own["floors"].get(_FLOOR, 0.001), 2 if isinstance(made, Rex) else 1
        every, up, down = settings.own["restarts"]
        return JaggedRestarts(made, every, up, down, min_scale=low, ahead=ahead)

    def write(self, schedule: Schedule) -> dict[str, object]:
        """Its names of transformers' keys; its floors, restarts and quadratic warmup."""
        match schedule:
            case JaggedRestarts(schedule=inner, min_scale=low):
                keys = self.write(inner)
                names = ("restart_steps", "restart_warmup_steps", "restart_anneal_steps")
                keys |= {f"jagged_{name}": plain(getattr(schedule, name)) for name in names}
                keys |= {} if plain(low) == 0.001 else {_FLOOR: plain(low)}
            case Product(schedules=(Cosine() as inner, Constant())):
                keys = self.write(inner) | {"lr_quadratic_warmup": True}
            case Product():
                raise ConfigError("axolotl has no keys for a product, except a cosine with a quadratic warmup")
            case _:
                return _written(schedule)
        settings = self.read(Source("<mapping>", keys, {}, "mapping"), Recognised(self.name, "its keys")).settings
        steps = keys.get("max_steps", 1)
        warmup = int(self.warmup_steps(settings, steps, self.newest))
        made = self.schedule(settings, max_steps=steps, warmup_steps=warmup)
        if repr(made) != repr(schedule):  # a floor of its own, another shift: no key says that
            raise ConfigError(f"axolotl has no keys for {schedule!r}; the nearest that it has is {made!r}")
        return keys

    def _without_restarts(
        self, settings: Settings, max_steps: Real, warmup: Real, changes: dict[str, Real]
    ) -> Schedule:
        name, floors = settings.lr_scheduler_type, settings.own["floors"]
        rate = changes.get("learning_rate", settings.learning_rate)
        low = changes.get("min_lr", floors.get(_FLOOR, 0.0) * np.asarray(rate))
        if name == "one_cycle":
            keywords = {key: value for key, value in settings.lr_scheduler_kwargs.items() if key not in _MOMENTUM}
            share = np.asarray(warmup) / np.maximum(max_steps, 1)
            return OneCycle(max_lr=rate, total_steps=max_steps, **{"pct_start": share, **keywords})
        if name == "rex":
            return Rex(rate, max_steps=max_steps, warmup_steps=warmup, min_lr=low)
        if settings.own["quadratic"]:
            return Cosine(rate, max_steps=max_steps, warmup_steps=warmup) * Constant(1.0, warmup_steps=warmup)
        if name != "cosine" or _FLOOR not in floors:
            return super().schedule(settings, max_steps=max_steps, warmup_steps=warmup, **changes)
        if _HELD not in floors:
            return Cosine(rate, max_steps=max_steps, warmup_steps=warmup, min_lr=low)
        end = (np.asarray(max_steps) * floors[_HELD]).astype(np.int64)
        if np.any(np.asarray(warmup) > end):
            early = f"{_HELD} {floors[_HELD]} ends the decay before the warmup does"
            raise settings.error(f"{early}; raise it, or shorten the warmup")
        return HoldAfter(Cosine(rate, max_steps=end, warmup_steps=warmup, min_lr=low), step=end)


def _restarts(keys: Keys) -> tuple[int, int, int] | None:
    """How far apart the jagged restarts are, and how long they go up and down; 0 counts as not given."""
    found = []
    for name, default in _RESTARTS.items():
        steps = int(keys[name]) if isinstance(keys.get(name), bool) else keys.whole(name)
        if steps < 0:
            raise keys.error(f"{name} must be at least 1, not {steps}")
        found.append(steps or default)
    every, up, down = found
    return (every, up, down) if every else None


_MESH = ("dp_replicate_size", "dp_shard_size", "context_parallel_size", "tensor_parallel_size")


def _of_a_mesh(keys: Keys) -> Processes | None:
    """The processes of a mesh whose sizes are stated, which must be all of them; None without `dp_shard_size`."""
    sizes = {key: keys.whole(key, 1) or 1 for key in _MESH if keys.get(key)}
    if "dp_shard_size" not in sizes or (count := math.prod(sizes.values())) < 2:
        return None
    return Processes(count, f"assumed: those of {' x '.join(f'{key} {size}' for key, size in sizes.items())}")


def _own(keys: Keys, restarts: tuple[int, int, int] | None) -> dict[str, Any]:
    """The settings that only axolotl has: floors, restarts, the batch of all devices, parallelism, packing, generations."""
    packs, reinforced, generate = keys.get("sample_packing") is True, keys.get("rl"), None
    if reinforced in _GENERATE:
        if reinforced != "grpo" and not keys.get("max_steps"):
            raise keys.error(f"the steps of rl: {reinforced} are not counted; give them with --set max_steps=VALUE")
        trl = keys.get("trl")
        generate = generation_keys(f"{keys.source}: trl.", trl if isinstance(trl, Mapping) else {}, PYDANTIC, 8)
    return {
        "packs": packs,
        "efficiency": keys.number("sample_packing_eff_est") if packs and keys.get("sample_packing_eff_est") else 0,
        "batch_size": keys.whole("batch_size") if keys.get("batch_size") else 0,
        "parallel": math.prod(keys.whole(key, 1) or 1 for key in _MESH[2:]),
        "generate": generate,
        "floors": {key: keys.number(key) for key in _FLOORS if keys.get(key)},
        "quadratic": keys.flag("lr_quadratic_warmup") and not reinforced and keys["lr_scheduler"] == "cosine",
        "restarts": None if reinforced else restarts,
        "warmup_given": "warmup_steps" in keys or "warmup_ratio" in keys,
    }


def _notes(keys: Keys, settings: Settings) -> Iterator[str]:
    """What the examples must be, and what the versions of axolotl do not share."""
    if settings.own["packs"]:
        yield _PACKED
    if keys.get("max_packed_sequence_len"):
        yield "max_packed_sequence_len: older versions of axolotl pack by it; the number of examples is that of the rows"
    if keys.get("dataset_shard_num"):
        yield "dataset_shard_num: the number of examples must be that of the shard"
    if not settings.own["packs"] and settings.max_steps <= 0 and _has_sharegpt(keys.get("datasets")):
        older = "type: sharegpt is of axolotl in 2024 or older; newer versions refuse it"
        yield f"{older}. Older ones round the updates of each epoch down; give the steps that the run logged (--max-steps)"
    if settings.max_steps == 0:
        yield "max_steps: 0 counts as not given"
    if not settings.own["warmup_given"]:
        yield "the warmup is axolotl's own: 3 % of the run, at most 100 steps"
    if once := [key for key in keys.given if key in former_keys("axolotl") and concerns_curve(key)]:
        yield f"{', '.join(once)}: of older versions of axolotl, in which it changes the schedule; now it has no effect"


def _has_sharegpt(datasets: object) -> bool:
    """Whether a data set has the type `sharegpt` or one of its variants.

    Source: `axolotl.utils.schemas.validation.DatasetValidationMixin.check_deprecated_sharegpt_datasets`.
    """
    types = (part.get("type") for part in datasets if isinstance(part, Mapping)) if isinstance(datasets, list) else ()
    return any(isinstance(kind, str) and kind.startswith("sharegpt") for kind in types)


def _written(schedule: Schedule) -> dict[str, object]:
    """The keys of a schedule without restarts."""
    keywords: dict[str, object] = {}
    match schedule:
        case Rex(min_lr=low):
            name = "rex"
        case Cosine(min_lr=low, num_cycles=0.5):
            name = "cosine"
        case _:
            low = 0
            name, keywords = named_schedule(schedule)
    floors = {_FLOOR: plain(share_of(low, schedule.learning_rate))} if low else {}  # type: ignore[attr-defined]
    made = keys_of_run(schedule, name, keywords) | floors
    made.setdefault("warmup_steps", 0)  # or axolotl fills one in
    if made["warmup_steps"] == 1:
        raise ConfigError("axolotl turns a warmup_steps of 1 into 2; take 0 or 2")
    made = {"lr_scheduler" if key == "lr_scheduler_type" else key: value for key, value in made.items()}
    return made | {"micro_batch_size": 1, "gradient_accumulation_steps": 1}  # which axolotl asks for


def _refuse_keys(keys: Keys, restarts: tuple[int, int, int] | None) -> None:
    """Raise for what axolotl refuses."""
    given = keys.given
    batches = ("micro_batch_size", "gradient_accumulation_steps", "batch_size")
    if "learning_rate" not in keys:
        raise keys.error("axolotl needs learning_rate; give it with --set learning_rate=VALUE")
    if sum(bool(given.get(key)) for key in batches) < 2:
        raise keys.error(f"axolotl needs two of {', '.join(batches)}; write gradient_accumulation_steps")
    for one, other in _APART:
        if given.get(one) and given.get(other):
            raise keys.error(f"axolotl refuses {one} with {other}; keep one")
    if given.get("rl") == "simpo" and given.get("warmup_ratio"):
        raise keys.error("axolotl refuses warmup_ratio with rl: simpo; write warmup_steps")
    if restarts is None:
        keys.refuse(["relora"], "needs jagged_restart_steps, and axolotl refuses it without")
    elif keys["lr_scheduler"] == "one_cycle" and not given.get("rl"):
        past = "jagged_restart_steps asks one_cycle for a step past its end"
        raise keys.error(f"{past}, and axolotl stops at the last update; take one of the two out")


def _ignored(settings: Settings, values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The given keys that have no effect, and why; a later reason replaces an earlier one."""
    kind, own = settings.lr_scheduler_type, settings.own
    why = dict.fromkeys(SCHEDULE_KEYWORDS, "not a key of axolotl; lr_scheduler_kwargs takes it")
    if values.get("rl"):
        why |= dict.fromkeys(_RESTARTS, "the trainers of rl have no jagged restarts")
        why["lr_quadratic_warmup"] = "the trainers of rl do not take it"
    elif kind != "cosine":
        why["lr_quadratic_warmup"] = f"lr_scheduler is {kind}"
    if not values.get("jagged_restart_steps"):
        why |= dict.fromkeys(_RESTARTS, "jagged_restart_steps is not given")
    if kind not in ("cosine", "rex"):
        why[_FLOOR] = f"lr_scheduler is {kind}"
    if kind != "cosine" or _FLOOR not in own["floors"]:
        why[_HELD] = "it counts with lr_scheduler: cosine and cosine_min_lr_ratio only"
    if kind == "rex" or (kind == "cosine" and (own["floors"].get(_FLOOR) or own["quadratic"])):
        why["lr_scheduler_kwargs"] = "axolotl's own scheduler takes none"
    if own["quadratic"]:
        why |= dict.fromkeys(_FLOORS, "the cosine with a quadratic warmup has no floor")
    if own["restarts"] is not None:
        why.pop(_FLOOR, None)  # what is left at a restart
    reasons = why_ignored(settings)
    if settings.scheduler_block is not None:
        why |= dict.fromkeys(("lr_quadratic_warmup", *_RESTARTS, *_FLOORS), reasons["lr_scheduler_type"])
    why |= {Axolotl.renamed.get(key, key): reason for key, reason in reasons.items()}
    return tuple((key, why[key]) for key in values if key in why and values[key] not in (None, {}, "", False))
