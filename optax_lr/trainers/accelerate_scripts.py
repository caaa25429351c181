"""Scripts with a loop of their own over accelerate: diffusers' examples, and the fine-tuning of open-instruct.

Both make a schedule of transformers' kinds for all processes together and step it once for each process, so that the rate
of an update depends on the processes only through rounding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Unpack

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Linear, Schedule
from optax_lr.schedules.compositions import Stages
from optax_lr.sources.errors import UnknownLengthError
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, key_list, like
from optax_lr.trainers.keys import Keys
from optax_lr.trainers.known import ever
from optax_lr.trainers.settings import ARGPARSE, SETTING_NAMES, Filled, Settings, one_of
from optax_lr.trainers.transformers import Transformers
from optax_lr.trainers.usual_names import state_with

_KINDS = ("linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup")
_DIFFUSERS = {"lr_scheduler": "constant", "gradient_accumulation_steps": 1, "lr_warmup_steps": 500}
# Options that change the number of examples, with the scripts that have them; none of those that are read has the last two.
_OF_THE_DATA = {
    "repeats": r"(?:.*/)?(?:train_dreambooth_(?!lora\.py|inpaint)|textual_inversion)\w*\.py",
    "with_prior_preservation": r"(?:.*/)?train_(?:dreambooth|custom_diffusion)\w*\.py",
    "max_train_samples": r"(?:.*/)?train_(?:text_to_image|controlnet|instruct_pix2pix|t2i_adapter)\w*\.py",
    "streaming": r"(?!)",
    "train_shards_path_or_url": r"(?!)",
}
_OPEN_INSTRUCT = {
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.03,
    "num_train_epochs": 2,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
}
_BEFORE_2024_08 = {"warmup_ratio": "0 until mid-2024", "num_train_epochs": "3 until mid-2024"}
# Settings that these scripts do not have, or read otherwise.
_OTHERS = words("lr_scheduler_kwargs warmup_steps dataloader_drop_last max_samples streaming val_size ppo_buffer_size")


class Loop(Transformers):
    """What both have: the number of updates, and the kinds of schedules."""

    covers = frozenset({"hf", "trl", "axolotl"})
    zero_steps_count = False

    def _settings(self, keys: Keys, taken: Mapping[str, object], **filled: Unpack[Filled]) -> Settings:
        kind = self.renamed.get("lr_scheduler_type", "lr_scheduler_type")
        one_of(f"{keys.source}: {self.key('lr_scheduler_type')}", keys[kind], _KINDS)
        return self.settings_of(keys, taken, **filled)

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Batches and groups are rounded up, in every version of transformers."""
        return super().steps_per_epoch(settings, data, self.newest)

    def total_steps(self, settings: Settings, per_epoch: int | None, data: Data | None, version: str) -> int:
        if settings.max_steps <= 0 and settings.own.get("no_length"):
            why = f"{settings.source}: {settings.own['no_length']}"
            raise UnknownLengthError(f"{why}; give the length (max_steps=..., --max-steps)")
        return super().total_steps(settings, per_epoch, data, version)

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        """The version of transformers has no part in it."""
        yield from ()


class Diffusers(Loop):
    """diffusers' example scripts for training.

    Source: `diffusers/examples/text_to_image/train_text_to_image.py` and its siblings, `diffusers.optimization.get_scheduler`.
    """

    name = "diffusers"
    title = "diffusers' example scripts"
    fine_tunes = False
    renamed = {
        "lr_scheduler_type": "lr_scheduler",
        "warmup_steps": "lr_warmup_steps",
        "max_steps": "max_train_steps",
        "per_device_train_batch_size": "train_batch_size",
        "max_samples": "max_train_samples",
    }
    names = SETTING_NAMES - _OTHERS | {"warmup_steps", "max_samples"}
    programs = (
        r"(?:.*/)?train_(?:text_to_image|dreambooth|controlnet|instruct_pix2pix|custom_diffusion|t2i_adapter)\w*(?<!_flax)\.py"
        r"|(?:.*/)?textual_inversion(?:_sdxl)?\.py"
    )
    options = ever("diffusers")

    def key(self, name: str) -> str:
        return f"--{super().key(name)}"

    def evidence(self, source: Source) -> str | None:
        marks = {"lr_scheduler", "lr_warmup_steps", "train_batch_size", "max_train_steps", "resolution"}
        keys = source.given.keys()
        named = marks & keys
        return key_list(named) if len(named) > 3 and keys <= self.options else None

    def read(self, source: Source, found: Recognised) -> Reading:
        """The options of the schedule. The scripts differ in their default of the rate and of the length."""
        program = source.program_name
        strange = self.unknown(source, source.given, self.options)
        inversion = program.rpartition("/")[2].startswith("textual_inversion")
        usual = _DIFFUSERS | ({"max_train_steps": 5000} if inversion else {})
        keys = Keys(source.name, source.given, ARGPARSE, usual)
        if "learning_rate" not in keys:
            raise source.error("--learning_rate is not given, and scripts differ in it; give --set learning_rate=VALUE")
        scaled = keys.flag("scale_lr")
        if scaled and "train_batch_size" not in keys:
            raise source.error(
                "--scale_lr multiplies the rate by --train_batch_size, in which scripts differ; give --set train_batch_size=VALUE"
            )
        kind, warmup = keys["lr_scheduler"], keys.whole("lr_warmup_steps")
        keywords: dict[str, object] = {}
        if kind == "cosine_with_restarts":
            keywords["num_cycles"] = keys.whole("lr_num_cycles", 1)
        elif kind == "polynomial":
            keywords["power"] = keys.number("lr_power", 1.0)
        prior = keys.flag("with_prior_preservation")
        own = {
            "scaled": scaled,
            "no_length": _no_length(keys, program),
            "repeats": keys.whole("repeats", 1),
            "class_images": keys.whole("num_class_images", 200 if "custom_diff" in program else 100) if prior else 0,
        }
        settings = self._settings(keys, {"lr_scheduler_kwargs": keywords, "warmup_steps": warmup}, own=own)
        steady = kind == "constant"
        useless = {"lr_warmup_steps": "constant has no warmup"} if steady and warmup else {}
        useless |= {"num_train_epochs": "max_train_steps decides"} if settings.max_steps > 0 else {}
        by = "name" if re.fullmatch(self.programs, program) else "options"
        what = f"{program or 'the program'} is read as one of diffusers' scripts, by its {by}"
        return Reading(
            settings,
            tuple((key, why) for key, why in useless.items() if key in keys.given),
            (*_notes(keys, settings), f"{what}; a copy may step its scheduler otherwise"),
            tuple(
                default._replace(key=f"--{default.key}")
                for default in keys.defaults(self.title, without={"lr_warmup_steps"} if steady else ())
            ),
            strange,
        )

    def training_examples(self, settings: Settings, examples: int) -> int:
        """The images with their repetitions; those of the class, where they are more.

        Source: `DreamBoothDataset` in `diffusers/examples/dreambooth/train_dreambooth_lora_sdxl.py`.
        """
        images = super().training_examples(settings, examples) * int(settings.own["repeats"])
        return max(images, int(settings.own["class_images"]))

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the factor of `--scale_lr`."""
        batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps * processes
        return settings.also(factor=batch if settings.own["scaled"] else 1)

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """The schedule of transformers' kinds, of the rate times the factor."""
        rate = changes.pop("learning_rate", settings.learning_rate) * settings.own["factor"]
        return super().schedule(settings, max_steps=max_steps, warmup_steps=warmup_steps, learning_rate=rate, **changes)


def _notes(keys: Keys, settings: Settings) -> Iterator[str]:
    """What an epoch of diffusers' scripts has, and what changes the rate."""
    if settings.max_steps <= 0:
        if "repeats" in keys:
            yield f"--repeats: each image counts {settings.own['repeats']} times"
        if images := settings.own["class_images"]:
            yield f"--with_prior_preservation: an epoch has the {images} class images at the least"
    if settings.gradient_accumulation_steps > 1 and settings.lr_scheduler_type != "constant":
        yield "diffusers 0.7 to 0.18 stretches the schedule by the accumulation, and does not finish it"
    if settings.own["scaled"]:
        yield "--scale_lr multiplies the rate by accumulation, batch and processes"


def _no_length(keys: Keys, program: str) -> str:
    """Why the number of epochs does not give the length of a run; empty where it does."""
    absent = sorted({"num_train_epochs", "train_batch_size"} - keys.given.keys())
    if absent:
        return f"--max_train_steps is not given, nor --{absent[0]}, in which the scripts differ"
    for option, scripts in _OF_THE_DATA.items():
        if option in keys.given and not re.fullmatch(scripts, program):
            script = program.rpartition("/")[2] or "every script"
            return (
                f"--{option} is not an option of {script} in diffusers, and may change the number of examples "
                f"(--set {option}=null leaves it out, if --num-examples has its effect)"
            )
    if {"use_aspect_ratio_buckets", "aspect_ratio_buckets"} & keys.given.keys():
        return "a batch has images of one shape, by --aspect_ratio_buckets"
    if {"concepts_list", "with_prior_preservation"} <= keys.given.keys():
        return "--concepts_list has images of several classes"
    return ""


class OpenInstruct(Loop):
    """open-instruct's `finetune.py`, `dpo_tune.py` and `dpo_tune_cache.py`.

    Source: `_create_scheduler` in `open_instruct.finetune`.
    """

    name = "open-instruct"
    title = "open-instruct"
    file_first = True
    varies = False
    renamed = {"max_steps": "max_train_steps"}
    names = SETTING_NAMES - _OTHERS
    programs = r"(?:.*/)?open_instruct[/.](?:finetune|dpo_tune(?:_cache)?)\b.*"
    options = ever("open_instruct") | {"config"}

    def evidence(self, source: Source) -> str | None:
        named = {"lr_scheduler_type", "num_train_epochs"} & source.given.keys()
        ours = named and "checkpointing_steps" in source.given and "train_batch_size" not in source.given
        return "its key checkpointing_steps" if ours and source.program is None else None

    def read(self, source: Source, found: Recognised) -> Reading:
        values = dict(source.given)
        strange = self.unknown(source, values, self.options)
        for key in ("final_lr_ratio", "sequence_parallel_size"):
            if str(values.get(key, 1)) not in ("1", "None"):
                raise source.error(f"{key} of open-instruct is not read; {state_with(source)}")
        if "learning_rate" not in values:
            raise source.error("learning_rate is not given; give it with --set learning_rate=VALUE")
        values.setdefault("num_train_epochs", values.get("num_epochs"))
        keys = Keys(source.name, values, ARGPARSE, _OPEN_INSTRUCT)
        settings = self._settings(keys, {})
        defaults = keys.defaults(self.title, without=self.without_effect(settings), before=_BEFORE_2024_08)
        notes = ("packing: the number of examples is that of the packed rows",) if keys.flag("packing") else ()
        return Reading(settings, (), notes, defaults, strange)

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the steps of the scheduler, which has one for each process in an update."""
        steps = settings.max_steps * processes
        if settings.max_steps <= 0 and data is not None:  # the batches of all processes, before they are divided
            batches = -(-data.examples // settings.per_device_train_batch_size)
            steps = int(settings.num_train_epochs) * -(-batches // settings.gradient_accumulation_steps)
        warmup = int(steps * float(settings.warmup_ratio or 0))
        return settings.also(steps=steps, warmup=warmup, each=processes)

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        return like(max_steps, -(-settings.own["warmup"] // settings.own["each"]))

    def schedule(self, settings: Settings, *, max_steps: Real, warmup_steps: Real, **changes: Real) -> Schedule:
        """The schedule at each update, also where its steps or those of its warmup are not a whole number of updates."""
        steps, warmup, each = (settings.own[key] for key in ("steps", "warmup", "each"))
        if settings.lr_scheduler_type == "constant" or not (steps % each or warmup % each):
            return super().schedule(settings, max_steps=steps // each, warmup_steps=warmup // each, **changes)
        if settings.lr_scheduler_type != "linear":
            raise settings.error(
                f"open-instruct steps the scheduler {each} times an update, and its {steps} steps or the "
                f"{warmup} of its warmup are not a multiple of this; only its linear schedule is read in this case"
            )
        rate = settings.learning_rate
        risen, whole = warmup // each, steps // each  # whole updates of the warmup, and of the schedule
        start = risen + 1 if warmup else 0

        def falling(update: int) -> float:
            return float(max(0.0, rate * (steps - update * each) / (steps - warmup)))

        down = Linear(falling(start), max_steps=max(1, whole - start), min_lr=falling(max(whole, start + 1)))
        end = max(whole, start) + 1
        if not warmup:
            return Stages([down, Constant(0.0)], boundaries=[end])
        up = Constant(rate * risen * each / warmup, warmup_steps=risen)
        return Stages([up, down, Constant(0.0)], boundaries=[start, end])
