"""torchtitan until 0.2.2: TOML with the sections `lr_scheduler` and `training`, and `--section.key value` in a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, LinearRamp, Schedule
from optax_lr.schedules.compositions import Stages
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, key_list
from optax_lr.trainers.curves import decayed
from optax_lr.trainers.keys import Keys, flattened
from optax_lr.trainers.known import ever
from optax_lr.trainers.settings import ARGPARSE, STRICT, Settings, one_of
from optax_lr.trainers.usual_names import state_with

_DEFAULTS: Mapping[str, object] = {
    "optimizer.lr": 8e-4,
    "lr_scheduler.warmup_steps": 200,
    "lr_scheduler.decay_type": "linear",
    "lr_scheduler.min_lr_factor": 0.0,
    "training.steps": 10_000,
}
_RATIO, _TOTAL = "lr_scheduler.decay_ratio", "lr_scheduler.total_steps"
_FORMER_FLOOR = "lr_scheduler.lr_min"  # until July 2025
_BEFORE_JUNE_2025 = ("training.batch_size", "training.warmup_steps")
_SHAPES = {"linear": "linear", "sqrt": "1-sqrt", "cosine": "cosine"}
_NAMES = ever("torchtitan")
_OF_THE_CURVE = frozenset({*_DEFAULTS, _RATIO, _TOTAL, _FORMER_FLOOR})


class Torchtitan(Trainer):
    """torchtitan from June 2025 to 0.2.2. Source: `torchtitan.components.lr_scheduler.build_lr_schedulers`."""

    name = "torchtitan"
    title = "torchtitan"
    programs = r"torchtitan\.train|(?:.*/)?torchtitan/train\.py|(?:.*/)?run_train\.sh"
    file_option = "job.config_file"
    in_updates = True
    names = frozenset({"learning_rate", "max_steps"})
    elsewhere = " but of a fork"
    renamed = {
        "learning_rate": "optimizer.lr",
        "lr_scheduler_type": "lr_scheduler.decay_type",
        "warmup_steps": "lr_scheduler.warmup_steps",
        "max_steps": "training.steps",
    }

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise `run_train.sh` by the TOML file of its variable, which versions with configs in Python do not have."""
        script = source.program_name.endswith(".sh")
        return super().recognise(source) if not script or self.config_file(source) else None

    def config_file(self, source: Source) -> str | None:
        """The file of `--job.config_file`, or of the variable from which `run_train.sh` makes this option."""
        program = source.command
        variable = program.environment.get("CONFIG_FILE", "") if program.name.endswith(".sh") else ""
        return super().config_file(source) or (variable if variable.endswith(".toml") else None)

    def evidence(self, source: Source) -> str | None:
        return marks_of(source.given) if source.program is None else None

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        """The keys of the file with their sections before them, and the options of the command."""
        return dict(flattened(file)) | dict(source.values)

    def decides(self, key: str, values: Mapping[str, object]) -> bool:
        return key in _OF_THE_CURVE or (not self._known(key) and super().decides(key, values))

    def _known(self, key: str) -> bool:
        """Whether a key with its section is one of its fields; those of the schedule are all known."""
        section, _, name = key.rpartition(".")
        return key in _OF_THE_CURVE or (name in _NAMES and section != "lr_scheduler")

    def read(self, source: Source, found: Recognised) -> Reading:
        values = dict(flattened(source.given))
        if "module" in values:
            where = "in Python, where --module and --config name them"
            raise source.error(f"the defaults of this run are {where}; write the schedule there")
        for key in filter(values.__contains__, _BEFORE_JUNE_2025):
            raise source.error(
                f"{key} is of torchtitan before June 2025, whose schedule is not read; {state_with(source)}"
            )
        strange = self.unknown(source, values, frozenset(filter(self._known, values)))
        if _FORMER_FLOOR in values:
            values.setdefault("lr_scheduler.min_lr_factor", values[_FORMER_FLOOR])
        keys = Keys(source.name, values, STRICT if source.form == "toml" else ARGPARSE, _DEFAULTS)
        steps, total = keys.whole("training.steps", least=1), keys.whole(_TOTAL)
        if 0 < total < steps - 1:
            ends = f"{_TOTAL} {total} ends before training.steps {steps}"
            raise source.error(f"{ends}, and the rate falls below its floor")
        ratio = keys.number(_RATIO, least=0) if _RATIO in keys else None
        shape = one_of(f"{source.name}: lr_scheduler.decay_type", keys["lr_scheduler.decay_type"], _SHAPES)
        settings = self.settings_of(
            keys,
            {"warmup_steps": keys.whole("lr_scheduler.warmup_steps")},
            lr_scheduler_type=shape,
            own={"ratio": ratio, "total": total, "floor": keys.number("lr_scheduler.min_lr_factor")},
        )
        return Reading(settings, defaults=keys.defaults(self.title), unknown=strange)

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The steps as given, at most all of the schedule."""
        return min(int(settings.warmup_steps), settings.own["total"] or max_steps)

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        given, warmup = int(settings.warmup_steps), self.warmup_steps(settings, max_steps, version)
        if given > warmup:
            yield f"lr_scheduler.warmup_steps {given} is cut to {warmup}, all of the schedule"

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """A line that is at the rate in its last step, a stable phase, and a decay to one step behind the last one."""
        own, total = settings.own, settings.own["total"] or steps
        decay = total - warmup if own["ratio"] is None else min(round(total * own["ratio"]), total - warmup)
        shape, rest = _SHAPES[settings.lr_scheduler_type], total - warmup
        curve: Schedule = Constant(rate)
        if decay:
            alone = None if decay == rest and shape != "1-sqrt" else decay
            curve = decayed(shape, rate, end=rest, warmup=0, low=rate * own["floor"], decay=alone)
        if not warmup:
            return curve
        return Stages([LinearRamp(rate, start_factor=1 / warmup, total_iters=warmup - 1), curve], boundaries=[warmup])


def marks_of(values: Mapping[str, object]) -> str | None:
    """What only torchtitan has in a file with its sections; empty if there is nothing, None without the sections."""
    sections = {key: inner for key, inner in values.items() if isinstance(inner, Mapping)}
    before = "job" in sections and "warmup_steps" in sections.get("training", {})  # June 2025
    if "training" not in sections or not ("lr_scheduler" in sections or before):
        return None
    keys = words("decay_ratio decay_type min_lr_factor lr_min") & sections.get("lr_scheduler", {}).keys()
    keys |= words("local_batch_size global_batch_size seq_len mixed_precision_param") & sections["training"].keys()
    others = words("job parallelism activation_checkpoint") & sections.keys()
    return key_list(keys) if keys else key_list(others, "section") if others else ""
