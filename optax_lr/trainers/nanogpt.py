"""nanoGPT: a Python file of assignments, or `train.py --max_iters=...`, and the cosine of its loop."""

from __future__ import annotations

from collections.abc import Mapping

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Cosine, LinearRamp, Schedule
from optax_lr.schedules.compositions import HoldAfter, Stages
from optax_lr.sources.python.constructors import NANOGPT
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Reading, Recognised, Trainer
from optax_lr.trainers.keys import Keys
from optax_lr.trainers.settings import ARGPARSE, Settings

_STANDING: Mapping[str, object] = {
    "learning_rate": 6e-4,
    "max_iters": 600_000,
    "warmup_iters": 2000,
    "lr_decay_iters": 600_000,
    "min_lr": 6e-5,
    "decay_lr": True,
}
# The other names of `train.py` that look like settings of the curve.
_KEYS = frozenset({*_STANDING, "gradient_accumulation_steps", "batch_size"})
# Its names that have no effect on the curve.
_NAMES = words(
    "out_dir eval_interval log_interval eval_iters eval_only always_save_checkpoint init_from wandb_log wandb_project "
    "wandb_run_name dataset block_size n_layer n_head n_embd dropout bias weight_decay beta1 beta2 grad_clip backend device "
    "dtype compile"
)


class NanoGPT(Trainer):
    """nanoGPT, whose loop runs one iteration more than `max_iters`. Source: `get_lr` in its `train.py`."""

    name = "nanogpt"
    title = "nanoGPT"
    names = frozenset({"learning_rate"})
    renamed = {"max_steps": "max_iters", "warmup_steps": "warmup_iters"}
    elsewhere = " but of another version or of a fork"

    def recognise(self, source: Source) -> Recognised | None:
        if source.constructor == NANOGPT:
            other = "learning_rate" if "learning_rate" in source.given else "lr_decay_iters"
            return Recognised(self.name, f"its names max_iters and {other}")
        return super().recognise(source)

    def evidence(self, source: Source) -> str | None:
        named = source.program is not None and {"max_iters", "lr_decay_iters"} <= source.given.keys()
        return "its options max_iters and lr_decay_iters" if named else None

    def read(self, source: Source, found: Recognised) -> Reading:
        for word in source.positional:
            if word.endswith(".py"):
                raise source.error(f"the settings are in {word}, over which the options go; read that file")
        unknown = self.unknown(source, {**source.given, **source.unknown}, _KEYS | _NAMES)
        values = Keys(source.name, source.given, ARGPARSE, _STANDING)
        last, warmup, end = map(values.whole, ("max_iters", "warmup_iters", "lr_decay_iters"))
        decays = values.flag("decay_lr")
        if decays and warmup >= end:
            raise source.error(f"warmup_iters {warmup} must be below lr_decay_iters {end}")
        settings = self.settings_of(
            values,
            {"max_steps": last + 1, "warmup_steps": warmup if decays else 0},
            lr_scheduler_type="cosine" if decays else "constant",
            own={"end": end, "low": values.number("min_lr")},
        )
        without = () if decays else _STANDING.keys() - {"learning_rate", "max_iters"}
        defaults = values.defaults("nanoGPT's train.py", without=without)
        note = "nanoGPT's own train.py is assumed, which is not read; a fork may have another schedule or length"
        if unknown and defaults:
            fork, absent = ", ".join(unknown[:3]), ", ".join(default.key for default in defaults)
            note = f"{fork} show that the train.py is of a fork, which may have other defaults for {absent}"
        older = ["versions before December 2024 begin the warmup at 0"] if settings.warmup_steps else []
        return Reading(settings, notes=(*older, note), defaults=defaults, unknown=unknown)

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """A line from `1 / (warmup_iters + 1)` of the rate, and a cosine to `min_lr`, which is held."""
        if settings.lr_scheduler_type == "constant":
            return Constant(rate)
        length = settings.own["end"] - warmup
        decay: Schedule = HoldAfter(Cosine(rate, max_steps=length, min_lr=settings.own["low"]), step=length)
        if not warmup:
            return decay
        return Stages([LinearRamp(rate, start_factor=1 / (warmup + 1), total_iters=warmup), decay], boundaries=[warmup])
