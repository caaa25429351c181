"""The optimizers of verl's configs: their keys and defaults, their warmups and their curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NamedTuple

from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Cosine, Schedule
from optax_lr.text import words
from optax_lr.trainers.curves import decayed
from optax_lr.trainers.keys import Keys
from optax_lr.trainers.megatron import Megatron, with_lengths
from optax_lr.trainers.settings import Settings, one_of

# Keys of these sections that have no effect on the schedule.
_OTHERS = words(
    "_target_ total_training_steps weight_decay weight_decay_incr_style betas clip_grad grad_clip optimizer optimizer_impl "
    "override_optimizer_config use_precision_aware_optimizer"
)
_OVERRIDE = "override_optimizer_config."
# Keys that change nothing with these values, which are their defaults.
_NEUTRAL = {"zero_indexed_step": "true", "use_checkpoint_opt_param_scheduler": "false"}


class Optimizer(NamedTuple):
    """One form of the section of an optimizer.

    Fields:
        kind: its key for the kind of the schedule.
        kinds: what that takes.
        defaults: those of the keys that decide the schedule, except the rate.
        more: its other keys that decide it.
        curve: the schedule by the settings, the rate, the length and the warmup.
    """

    kind: str
    kinds: tuple[str, ...]
    defaults: Mapping[str, object]
    more: tuple[str, ...]
    curve: Callable[[Settings, Real, Real, Real], Schedule]

    def decides(self, name: str) -> bool:
        """Whether a key of the section decides the schedule."""
        return name == "lr" or name in self.defaults or name in self.more

    def has_no_effect(self, name: str, value: object) -> bool:
        """Whether a value of a key of the section is known to have no effect on the schedule."""
        if name.startswith(_OVERRIDE):
            return not name.endswith(("lr", "learning_rate"))
        return name in _OTHERS or name.startswith("muon_") or str(value).lower() == _NEUTRAL.get(name)


def _of_fsdp(settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
    """A constant rate or a cosine, after a line from 0."""
    if settings.lr_scheduler_type == "constant":
        return Constant(rate, warmup_steps=warmup)
    low, cycles = rate * settings.own["low"], settings.own["cycles"]
    return Cosine(rate, max_steps=steps, warmup_steps=warmup, min_lr=low, num_cycles=cycles)


def _of_megatron(settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
    """The schedule of Megatron-LM, whose decay ends with the run if the config does not say where."""
    decay, tail = Fraction(settings.own["decay"] or steps), Fraction(settings.own["tail"])
    own = with_lengths(settings, decay=decay, warmup=Fraction(warmup), tail=tail)
    return Megatron().curve(own, rate, steps, warmup)


def _of_sft(settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
    """A cosine; or nine tenths of what the warmup leaves at the peak, and a cosine behind them."""
    left = steps - warmup
    decay = None if settings.lr_scheduler_type == "cosine" else left - int(left * 0.9)
    return decayed("cosine", rate, end=steps, warmup=warmup, decay=decay)


FSDP = Optimizer(
    "lr_scheduler_type",
    ("constant", "cosine"),
    {"lr_scheduler_type": "constant", "lr_warmup_steps_ratio": 0.0},
    ("warmup_style", "lr_warmup_steps", "min_lr_ratio", "num_cycles"),
    _of_fsdp,
)
MEGATRON = Optimizer(
    "lr_decay_style",
    ("constant", "linear", "cosine", "inverse-square-root", "WSD"),
    {"lr_decay_style": "constant", "lr_warmup_steps_ratio": 0.0, "min_lr": 0.0},
    ("lr_warmup_steps", "lr_warmup_init", "lr_decay_steps", "lr_wsd_decay_style", "lr_wsd_decay_steps"),
    _of_megatron,
)
SFT = Optimizer(
    "lr_scheduler",
    ("cosine", "wsd"),
    {"lr_scheduler": "cosine", "lr_warmup_steps_ratio": 0.1},
    ("warmup_steps_ratio",),
    _of_sft,
)


def read_optimizer(keys: Keys, place: str, optimizer: Optimizer) -> tuple[str, int, dict[str, object]]:
    """The kind of the schedule, the steps of its warmup, and its `own` settings.

    Args:
        keys: the keys of the config.
        place: the section of the optimizer, with a dot behind it.
        optimizer: its form.
    """
    kind = keys.get(f"{place}warmup_style", keys[f"{place}{optimizer.kind}"])
    one_of(f"{keys.source}: {place}{optimizer.kind}", kind, optimizer.kinds)
    steps = keys.whole(f"{place}lr_warmup_steps", -1)
    ratio = keys.share(f"{place}warmup_steps_ratio", keys.share(f"{place}lr_warmup_steps_ratio"))
    own: dict[str, object] = {
        "form": optimizer.kind,
        "ratio": ratio if steps <= 0 else 0.0,
        "low": keys.share(f"{place}min_lr_ratio"),
        "cycles": keys.number(f"{place}num_cycles", 0.5),
    }
    if optimizer is SFT:  # whose schedule has the length of the epochs
        own["stop"] = keys.whole("trainer.total_training_steps")
    if optimizer is MEGATRON:
        style, tail = keys.get(f"{place}lr_wsd_decay_style", "exponential"), keys.whole(f"{place}lr_wsd_decay_steps")
        one_of(f"{keys.source}: {place}lr_wsd_decay_style", style, ("exponential", "linear", "cosine", "minus_sqrt"))
        if kind == "WSD" and not tail:
            raise keys.error(f"{place}lr_decay_style WSD needs lr_wsd_decay_steps")
        rate, low, first = (keys.number(f"{place}{name}") for name in ("lr", "min_lr", "lr_warmup_init"))
        for name, value in (("min_lr", low), ("lr_warmup_init", first)):
            if not 0 <= value <= rate:
                raise keys.error(f"Megatron refuses {place}{name} {value:g} outside of 0 to {rate:g}")
        decay = keys.whole(f"{place}lr_decay_steps")
        own |= {"decay": decay, "min_lr": low, "first": first, "tail": tail, "style": style}
    return kind, max(0, steps), own


def idle_defaults(keys: Keys, place: str, optimizer: Optimizer, kind: str) -> set[str]:
    """The keys of the optimizer whose defaults decide nothing in this run."""
    idle = set()
    if keys.whole(f"{place}lr_warmup_steps", -1) > 0 or f"{place}warmup_steps_ratio" in keys:
        idle.add(f"{place}lr_warmup_steps_ratio")
    if f"{place}warmup_style" in keys:
        idle.add(f"{place}{optimizer.kind}")
    if kind == "constant":
        idle.add(f"{place}min_lr")
    return idle
