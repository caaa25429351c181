"""Levanter: YAML sections `optimizer` and `trainer`, options such as `--optimizer.learning_rate`, and its first cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optax_lr.numerics import Real
from optax_lr.schedules import Cosine, Linear, Polynomial, Schedule
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer
from optax_lr.trainers.curves import decayed
from optax_lr.trainers.keys import Keys, with_places
from optax_lr.trainers.known import keys_of
from optax_lr.trainers.settings import PYDANTIC, Settings
from optax_lr.trainers.writing import plain

_DEFAULTS: dict[str, object] = {
    "optimizer.learning_rate": 6e-4,
    "optimizer.min_lr_ratio": 0.1,
    "optimizer.warmup": 0.01,
    "optimizer.lr_schedule": "cosine",
    "trainer.num_train_steps": 400_000,
}
# Optimizers with a second rate, which follows the same schedule: the key, its default, and its meaning.
_SECOND = {
    "muon": ("adam_lr", 6e-4, "the rate of other parameters"),
    "scion": ("scion_to_signum_lr", 0.25, "the factor of the rate for other parameters"),
}
_MARKS = words("num_train_steps mp per_device_parallelism train_batch_size fsdp_axis tensor_parallel_axes")
_NOT_READ = words("rewarmup cooldown cycles cycle_length haps lr decay_steps schedule_list switch_step")


class Levanter(Trainer):
    """Levanter, one cycle of warmup, stable phase and decay.

    Source: `levanter.optim.config.OptimizerConfig.lr_scheduler`.
    """

    name = "levanter"
    title = "Levanter"
    programs = r"levanter\.main\..*|.*levanter/main/.*"
    file_option = "config_path"
    covers = frozenset({"hf", "deepspeed"})
    elsewhere = " but of another version or of a fork"
    history = {
        "": "levanter",
        "trainer.": "levanter_trainer",
        "optimizer.": "levanter_optimizer",
    }
    names = frozenset({"learning_rate", "max_steps"})
    renamed = {
        "learning_rate": "optimizer.learning_rate",
        "lr_scheduler_type": "optimizer.lr_schedule",
        "max_steps": "trainer.num_train_steps",
        "warmup_steps": "optimizer.warmup",
    }

    def evidence(self, source: Source) -> str | None:
        trainer, optimizer = source.given.get("trainer"), source.given.get("optimizer")
        if not isinstance(trainer, Mapping) or source.form == "command":
            return None
        marks = _MARKS & trainer.keys()
        lm = isinstance(source.given.get("data"), Mapping) or isinstance(source.given.get("model"), Mapping)
        if marks and (isinstance(optimizer, Mapping) or lm) and "devices" not in trainer and "num_nodes" not in trainer:
            return f"its section trainer with {', '.join(sorted(marks)[:2])}"
        return None

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        return with_places(file, source.values)

    def read(self, source: Source, found: Recognised) -> Reading:
        values: Mapping[str, Any] = source.values
        if source.program is not None and self.config_file(source) is None:
            values = self.merged({}, source)
        for key in ("optimizer", "trainer"):
            if not isinstance(values.get(key) or {}, Mapping):
                raise source.error(f"{key} is in another file, {values[key]}; write its keys here")
        optimizer, trainer = dict(values.get("optimizer") or {}), dict(values.get("trainer") or {})
        strange = self.unknown(source, values, keys_of("levanter") | {"config_path"})
        for section, inner in (("trainer", trainer), ("optimizer", optimizer)):
            strange += self.unknown(source, inner, keys_of(f"levanter_{section}") | {"type"}, section=section)
        given = {f"optimizer.{key}": value for key, value in optimizer.items()}
        given |= {f"trainer.{key}": value for key, value in trainer.items()}
        keys = Keys(source.name, given, PYDANTIC, _DEFAULTS)
        keys.refuse(
            sorted(f"optimizer.{key}" for key in _NOT_READ), "is not read: only one cycle of Levanter's schedules is"
        )
        style = keys["optimizer.lr_schedule"]
        if isinstance(style, Mapping) and set(style) <= {"type", "exponent"} and style.get("exponent", 1.0) == 1.0:
            style = style.get("type")
        if style not in ("cosine", "linear", "constant"):
            raise source.error(f"optimizer.lr_schedule {style!r} is not read; those that are: cosine, linear, constant")
        own = {"warmup": keys.number("optimizer.warmup"), "ratio": keys.number("optimizer.min_lr_ratio")}
        if "optimizer.decay" in keys:
            own["decay"] = keys.number("optimizer.decay")
        settings = self.settings_of(keys, {}, lr_scheduler_type=style, own=own)
        notes: tuple[str, ...] = ()
        if (second := _SECOND.get(str(optimizer.get("type")))) is not None:
            key, default, what = second
            value = keys.number(f"optimizer.{key}", default)
            stated = "" if f"optimizer.{key}" in keys else ", Levanter's default"
            notes = (f"optimizer.{key} {value:g}{stated}: {what}; the plan is that of optimizer.learning_rate",)
        return Reading(settings, notes=notes, defaults=keys.defaults("Levanter"), unknown=strange)

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """A share of the run up to 1, a number of steps above."""
        return _steps(settings, "warmup", max_steps)

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """Warmup, a stable phase, and a decay over what is left or over `decay`."""
        own, shape = settings.own, settings.lr_scheduler_type
        decay = _steps(settings, "decay", steps) if "decay" in own else steps - warmup
        stable = steps - warmup - decay
        if stable < 0 or warmup >= steps:
            raise settings.error(f"warmup {warmup} and decay {decay} do not fit in {steps} steps; lower one")
        if shape != "constant" and decay < 1:
            raise settings.error("optimizer.decay is 0 steps, and Levanter requires positive decay_steps")
        return decayed(shape, rate, end=steps, warmup=warmup, low=own["ratio"] * rate, decay=decay if stable else None)

    def write(self, schedule: Schedule) -> dict[str, object]:
        """Cosine, linear and constant schedules, with a floor and a warmup."""
        match schedule:
            case Cosine(learning_rate=rate, max_steps=end, warmup_steps=warmup, min_lr=low, num_cycles=0.5):
                style = "cosine"
            case Linear(learning_rate=rate, max_steps=end, warmup_steps=warmup, min_lr=low):
                style = "linear"
            case Polynomial(learning_rate=rate, max_steps=end, warmup_steps=warmup, min_lr=low, power=1):
                style = "linear"
            case _:
                kind = type(schedule).__name__
                raise ConfigError(f"Levanter cannot express {kind}; it has cosine and linear decays to a share")
        if not rate > 0:
            raise ConfigError("Levanter's floor is a share of learning_rate, which must be above 0")
        steps, length = int(warmup), int(end)
        return {
            "optimizer": {
                "type": "adam",
                "learning_rate": plain(rate),
                "lr_schedule": style,
                "warmup": steps if steps > 1 else steps * 1.5 / length,
                "min_lr_ratio": plain(low) / plain(rate),
            },
            "trainer": {"num_train_steps": length},
        }


def _steps(settings: Settings, key: str, length: int) -> int:
    """Up to 1 a share of the cycle, rounded down; above, a whole number of steps."""
    value: float = settings.own[key]
    if value < 0:
        raise settings.error(f"optimizer.{key} must be at least 0, not {value:g}")
    if value <= 1.0:
        return int(value * length)
    if value != int(value):
        raise settings.error(f"optimizer.{key} above 1 is a number of steps, and must be whole, not {value:g}")
    return int(value)
