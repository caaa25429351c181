"""MLX-LM: `mlx_lm.lora --train` with its options, and the YAML of `-c`, which alone may have an `lr_schedule`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Exponential, Schedule, Step
from optax_lr.schedules.compositions import Stages
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Reading, Recognised, Trainer, key_list
from optax_lr.trainers.curves import decayed, held, line
from optax_lr.trainers.keys import Keys
from optax_lr.trainers.settings import PYDANTIC, Settings, one_of
from optax_lr.trainers.usual_names import state_with

_DEFAULTS: Mapping[str, object] = {"learning_rate": 1e-5, "iters": 1000, "grad_accumulation_steps": 1}
# The arguments of each function behind the rate; the end of a cosine may be left out.
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "cosine_decay": ("decay_steps", "end"),
    "linear_schedule": ("end", "steps"),
    "exponential_decay": ("decay_rate",),
    "step_decay": ("decay_rate", "step_size"),
}
_LENGTHS = frozenset({"decay_steps", "steps", "step_size"})
_MARKS = words(
    "iters steps_per_report steps_per_eval grad_checkpoint lora_parameters adapter_path fine_tune_type mask_prompt"
)
_KEYS = _MARKS | words(
    "learning_rate grad_accumulation_steps lr_schedule model train optimizer optimizer_config data seed num_layers batch_size "
    "val_batches resume_adapter_file save_every test test_batches max_seq_length config c clear_cache_threshold report_to "
    "project_name trust_remote_code hf_dataset prompt_feature completion_feature chat_feature text_feature use_dora "
    "lora_layers wandb"
)


class MlxLm(Trainer):
    """MLX-LM's fine-tuning. Source: `mlx_lm.lora`, `mlx_lm.tuner.utils.build_schedule`, `mlx.optimizers.schedulers`."""

    name = "mlx-lm"
    title = "MLX-LM"
    programs = r"(?:.*/)?mlx_lm(?:\.lora)?"
    file_option = "config"
    covers = frozenset({"hf", "trl"})
    fine_tunes = True
    in_updates = True
    options = _KEYS
    names = frozenset({"gradient_accumulation_steps"})
    renamed = {"gradient_accumulation_steps": "grad_accumulation_steps", "max_steps": "iters"}

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise a command that trains, or whose file may say so, and a file by its keys."""
        trains = source.program is None or "train" in source.given or self.config_file(source) is not None
        return super().recognise(source) if trains else None

    def evidence(self, source: Source) -> str | None:
        """Keys, and a schedule, that only its files have."""
        marks, scheduled = _MARKS & source.given.keys(), source.given.get("lr_schedule")
        own = isinstance(scheduled, Mapping) and scheduled.get("name") in _ARGUMENTS and "arguments" in scheduled
        if source.program is not None or (len(marks) < 2 and not own):
            return None
        return key_list(marks | {"lr_schedule"} if own else marks)

    def config_file(self, source: Source) -> str | None:
        short = source.command.options.get("c")
        return super().config_file(source) or (short if isinstance(short, str) else None)

    def decides(self, key: str, values: Mapping[str, object]) -> bool:
        return key == "grad_accumulation_steps" or super().decides(key, values)

    def read(self, source: Source, found: Recognised) -> Reading:
        """The rate or the schedule, and the number of updates."""
        keys = Keys(source.name, source.values, PYDANTIC, _DEFAULTS)
        if source.program is not None and not keys.flag("train"):
            raise source.error("train is not given, so that the command does not train; --set train=true gives a plan")
        strange = self.unknown(source, source.values, _KEYS)
        if keys.get("optimizer") == "adafactor" and "'relative_step': False" not in str(keys.get("optimizer_config")):
            raise source.error(
                f"adafactor computes its rates unless optimizer_config.adafactor.relative_step is false; {state_with(source)}"
            )
        scheduled, group = keys.get("lr_schedule"), max(1, keys.whole("grad_accumulation_steps"))
        constant = {"kind": "constant", "rate": keys["learning_rate"], "warmup": 0}
        own = _schedule(keys, scheduled) if scheduled else constant
        updates = keys.whole("iters") // group
        if updates < 1:
            raise source.error(f"iters {keys['iters']} are no update of grad_accumulation_steps {group}")
        settings = self.settings_of(
            keys,
            {"learning_rate": own["rate"], "max_steps": updates, "warmup_steps": own["warmup"]},
            lr_scheduler_type=own["kind"],
            own=own,
        )
        note = f"lr_schedule counts updates; iters {keys['iters']} make {updates} of them"
        return Reading(
            settings,
            (("learning_rate", "lr_schedule decides"),) if scheduled and "learning_rate" in keys.given else (),
            (note,) if scheduled and group > 1 else (),
            keys.defaults(self.title, without={"learning_rate"} if scheduled else ()),
            strange,
        )

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """The function, behind a line from `warmup_init` that holds its end for one more update."""
        rate, own, kind = float(rate), settings.own, settings.own["kind"]
        curve: Schedule = Constant(rate)
        if kind == "cosine_decay":
            length = own["decay_steps"]
            run = steps - (warmup + 1 if warmup else 0)
            curve = held(decayed("cosine", rate, end=length, warmup=0, low=own["end"]), end=length, run=run)
        elif kind == "linear_schedule":
            curve = line(rate, own["end"], own["steps"])
        elif kind == "exponential_decay":
            curve = Exponential(rate, gamma=own["decay_rate"])
        elif kind == "step_decay":
            curve = Step(rate, step_size=own["step_size"], gamma=own["decay_rate"])
        if not warmup:
            return curve
        return Stages([line(own["warmup_init"], rate, warmup), curve], boundaries=[warmup + 1])


def _schedule(keys: Keys, scheduled: object) -> dict[str, Any]:
    """The function of an `lr_schedule`, its warmup, and its arguments by their names."""
    section = scheduled if isinstance(scheduled, Mapping) else {}
    kind = one_of(f"{keys.source}: lr_schedule.name", section.get("name"), _ARGUMENTS)
    place, given = "lr_schedule.arguments", section.get("arguments")
    names = ("rate", *_ARGUMENTS[kind])
    if not isinstance(given, list) or not len(names) - (kind == "cosine_decay") <= len(given) <= len(names):
        raise keys.error(f"{place} of {kind} must be a list of {', '.join(names)}")
    arguments = Keys(keys.source, dict(zip(names, given, strict=False)), PYDANTIC, {"end": 0.0}, section=f"{place}.")
    own = {name: arguments.whole(name) if name in _LENGTHS else arguments.number(name) for name in names}
    if any(own[name] < 1 for name in _LENGTHS & own.keys()):
        raise keys.error(f"{place}: a length must be at least 1")
    warmup = Keys(keys.source, section, PYDANTIC, {"warmup": 0, "warmup_init": 0.0}, section="lr_schedule.")
    return {**own, "kind": kind, "warmup": warmup.whole("warmup"), "warmup_init": warmup.number("warmup_init")}
