"""MaxText: its YAML over `base.yml`, `key=value` words of its command, and its schedule of warmup, decay and zeros."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Cosine, Schedule
from optax_lr.schedules.compositions import Stages
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, key_list
from optax_lr.trainers.curves import decayed
from optax_lr.trainers.keys import Keys, assignments
from optax_lr.trainers.known import former_keys, keys_of
from optax_lr.trainers.settings import PYDANTIC, Settings, one_of
from optax_lr.trainers.usual_names import state_with
from optax_lr.trainers.writing import plain

_MARKS = words(
    "base_config learning_rate_schedule_steps warmup_steps_fraction cosine_learning_rate_final_fraction "
    "learning_rate_final_fraction ici_fsdp_parallelism dcn_data_parallelism per_device_batch_size max_target_length "
    "base_output_directory wsd_decay_steps_fraction lr_schedule_type enable_checkpointing tokenizer_path"
)
_SURE = words(
    "learning_rate_schedule_steps warmup_steps_fraction cosine_learning_rate_final_fraction ici_fsdp_parallelism "
    "wsd_decay_steps_fraction dcn_data_parallelism ici_tensor_parallelism"
)
_OLD_FLOOR = "cosine_learning_rate_final_fraction"
_OLD_DPO = ("dpo_beta", "dpo_label_smoothing")  # since 2026-05 under `dpo`
_END_OF_OLD = "2026-01-13"  # the last day of the cosine over `step / steps`; since then `step / (steps - 1)`
_DEFAULTS: dict[str, object] = {
    "learning_rate": 3e-5,
    "lr_schedule_type": "cosine",
    "learning_rate_final_fraction": 0.1,
    "warmup_steps_fraction": 0.1,
    "steps": 150_001,
    "learning_rate_schedule_steps": -1,
    "wsd_decay_steps_fraction": 0.1,
    "wsd_decay_style": "linear",
}
# Bases of the post-training modules, where they differ.
_BASES: dict[str, dict[str, object]] = {"sft": {"learning_rate": 2e-5}, "dpo": {"learning_rate": 5e-7, "steps": 10}}
_SHARES = ("warmup_steps_fraction", "learning_rate_final_fraction", "wsd_decay_steps_fraction")
_CURVE = ("learning_rate", "steps", "lr_schedule_type", "warmup_steps_fraction", "learning_rate_final_fraction")


class MaxText(Trainer):
    """MaxText's pre-training, SFT and DPO.

    Source: `maxtext.utils.maxtext_utils.create_learning_rate_schedule`, `configs/base.yml`.
    """

    name = "maxtext"
    title = "MaxText"
    history = {"": "maxtext"}
    programs = r"(?i:maxtext[./]).*|.*[Mm]ax[Tt]ext/train\.py"
    in_updates = True
    file_first = True
    covers = frozenset({"hf", "axolotl", "trl"})
    names = frozenset({"learning_rate"})
    renamed = {"max_steps": "steps", "lr_scheduler_type": "lr_schedule_type"}
    elsewhere = " but of another version or of a fork"

    def evidence(self, source: Source) -> str | None:
        if source.form == "command":
            return None
        marks = _MARKS & source.given.keys()
        base = str(source.given.get("base_config", "")).endswith((".yml", ".yaml"))
        ours = (base and "model_class" not in source.given) or marks & _SURE
        return key_list(marks) if ours or (len(marks) > 1 and source.given.keys() <= keys_of("maxtext")) else None

    def config_file(self, source: Source) -> str | None:
        """The YAML behind the module; the shipped `base.yml` holds the defaults and need not be here."""
        first = super().config_file(source)
        return None if first is None or "base.yml" in first or "=" in first else first

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        return dict(file) | assignments(source.positional)

    def read(self, source: Source, found: Recognised) -> Reading:
        name = source.name
        alone = source.program is not None and self.config_file(source) is None
        given = {**assignments(source.positional), **source.values} if alone else source.values
        values, module = {str(key): value for key, value in given.items()}, source.program_name
        kinds = [word for word in ("sft", "dpo", "rl", "distill") if f".{word}" in module or f"_{word}" in module]
        kind = next(iter(kinds), "")
        if {"teacher_overrides", "student_overrides"} & values.keys():
            kind = "distill"
        if kind == "rl":
            raise source.error(f"MaxText's {module} has its own schedule, which is not read; {state_with(source)}")
        old = "MaxText" in module or any(_is_old(key) for key, value in values.items() if value is not None)
        strange = self.unknown(source, values, keys_of("maxtext") | {_OLD_FLOOR})
        if values.get("learning_rate_final_fraction") is None:
            values["learning_rate_final_fraction"] = values.get(_OLD_FLOOR)
        keys = Keys(name, values, PYDANTIC, _DEFAULTS | _BASES.get(kind, {}))
        steps, length = keys.whole("steps"), keys.whole("learning_rate_schedule_steps")
        if steps == -1 == length:
            raise source.error("steps and learning_rate_schedule_steps are both -1; give one of them")
        length = steps if length == -1 else length
        steps = length if steps == -1 else steps
        style = keys["lr_schedule_type"]
        if kind == "distill":  # which has one schedule, over all steps
            length, style = steps, "cosine"
        one_of(f"{name}: lr_schedule_type", style, ("cosine", "wsd"))
        shares = {key: keys.share(key) for key in _SHARES}
        warmup = int(length * shares["warmup_steps_fraction"])
        settings = self.settings_of(
            keys,
            {"max_steps": steps, "warmup_steps": warmup},
            lr_scheduler_type=style,
            own={"length": length, "style": keys["wsd_decay_style"], "whole": old or kind == "distill", **shares},
        )
        base, notes = str(keys.get("base_config", "base.yml")), []
        if not base.endswith("base.yml"):
            notes.append(f"base_config: {base} is taken as MaxText's own base.yml")
        if old and kind != "distill":
            notes.append(
                f"the floor is reached at step {length}, as by MaxText until 2025; since 2026 one step earlier"
            )
        defaults = keys.defaults(f"MaxText's {kind or 'base'}.yml", without=_DEFAULTS.keys() - _CURVE)
        if old:
            floor = "learning_rate_final_fraction"
            defaults = tuple(one._replace(key=_OLD_FLOOR) if one.key == floor else one for one in defaults)
        return Reading(settings, (), tuple(notes), defaults, strange)

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The fraction of the schedule's length, rounded down."""
        return int(_length(settings, max_steps) * settings.own["warmup_steps_fraction"])

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """The floor is reached at the last step of the schedule; behind it the rate is 0."""
        own, length = settings.own, _length(settings, steps)
        low = own["learning_rate_final_fraction"] * rate
        if length - warmup < 2:
            raise settings.error(f"warmup_steps_fraction leaves {length - warmup} steps for the decay; lower it")
        end, decay = length - (not own["whole"]), None
        if settings.lr_scheduler_type == "wsd":
            decay = int(length * own["wsd_decay_steps_fraction"]) - 1
            if decay < 1 or warmup + decay > end:
                raise settings.error(f"warmup, stable phase and decay do not fit in {length} steps")
            one_of(f"{settings.source}: wsd_decay_style", own["style"], ("linear", "cosine"))
        shape = "cosine" if decay is None else own["style"]
        curve = decayed(shape, rate, end=end, warmup=warmup, low=low, decay=decay)
        return Stages([curve, Constant(0.0)], boundaries=[length]) if steps > length else curve

    def write(self, schedule: Schedule) -> dict[str, object]:
        """A cosine with or without a floor, to the step."""
        match schedule:
            case Cosine(learning_rate=rate, max_steps=end, warmup_steps=warmup, min_lr=low, num_cycles=0.5) if rate > 0:
                length = int(end) + 1
                return {
                    "learning_rate": plain(rate),
                    "steps": int(end),
                    "learning_rate_schedule_steps": length,
                    "warmup_steps_fraction": _fraction(int(warmup), length),
                    "learning_rate_final_fraction": plain(low) / plain(rate),
                    "lr_schedule_type": "cosine",
                }
        raise ConfigError(f"MaxText cannot express {type(schedule).__name__}: it has a cosine to a share, and wsd")


def _length(settings: Settings, max_steps: int) -> int:
    """The length of the schedule, which is that of the run where the caller gives one."""
    return int(settings.own["length"]) if max_steps == settings.max_steps else max_steps


def _is_old(key: str) -> bool:
    """Whether a key shows a version with the old cosine."""
    return key == _OLD_FLOOR or key in _OLD_DPO or former_keys("maxtext").get(key, _END_OF_OLD) < _END_OF_OLD


def _fraction(steps: int, length: int) -> float:
    """The shortest share of `length` that rounds down to `steps`."""
    for digits in range(1, 18):
        for share in (float(f"{steps / length:.{digits}g}"), float(f"{(steps + 0.5) / length:.{digits}g}")):
            if int(length * share) == steps:
                return share
    return steps / length
