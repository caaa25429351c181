"""verl: `python -m verl.trainer.main_ppo` with Hydra's `key=value` words, which schedules the actor's rate once for each batch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from optax_lr.numerics import Real
from optax_lr.schedules import Schedule
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.marks import is_known, readable
from optax_lr.sources.source import Processes, Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, part_of, whole_batches, without_steps
from optax_lr.trainers.curve_keys import concerns_curve
from optax_lr.trainers.hydra import base_of, command_words, extends, looked_up, named_config
from optax_lr.trainers.keys import Default, Keys, assignments, flattened, with_places
from optax_lr.trainers.known import ever
from optax_lr.trainers.settings import ARGPARSE, Settings
from optax_lr.trainers.usual_names import state_with
from optax_lr.trainers.verl_optimizers import FSDP, MEGATRON, SFT, Optimizer, idle_defaults, read_optimizer

_ACTOR = "actor_rollout_ref.actor.optim."
_STEPS, BATCH, _CAP = "trainer.total_training_steps", "data.train_batch_size", "data.train_max_samples"
_LENGTH = (_STEPS, BATCH, _CAP, "data.gen_batch_size", "trainer.total_epochs")
_LENGTHS = ("trainer.total", "data.train_batch", "data.gen_batch", "data.train_max_samples")
FOLDER = "verl/trainer/config"
# The recipe DAPO, whose configs change no default of the schedule.
_DAPO, _OF_DAPO = "recipe/dapo/config", ("dapo_trainer", "dapo_megatron_trainer")
# Sections of any keys, and those of Hydra's files.
_OF_ANY_KEYS = words(
    "defaults hydra reward_model.overlong_buffer reward_model.reward_kwargs reward.reward_kwargs reward.reward_manager"
)


class Verl(Trainer):
    """verl's PPO and GRPO, with an actor on FSDP or Megatron.

    Source: `verl.trainer.ppo.ray_trainer`, `verl.workers`, `verl.utils.torch_functional`, `verl.utils.megatron.optimizer`.
    """

    name = "verl"
    title = "verl"
    programs = r"(?:verl\.trainer\.main_ppo|recipe\.dapo\.main_dapo|(?:.*/)?(?:verl/trainer/main_ppo|recipe/dapo/main_dapo)\.py)"
    hydra = True
    not_training = {
        f"verl.{module}": frozenset({""})
        for module in ("model_merger", "trainer.main_eval", "trainer.main_generation", "trainer.main_generation_server")
    }
    no_length = "the length of the run is not known: give the number of prompts (num_examples=..., --num-examples)"
    remedy = "it takes key=value alone; take it out"
    names = frozenset({"learning_rate", "max_steps", "num_train_epochs"})
    renamed = {
        "learning_rate": f"{_ACTOR}lr",
        "max_steps": _STEPS,
        "num_train_epochs": "trainer.total_epochs",
        "per_device_train_batch_size": BATCH,
        "max_samples": _CAP,
        "warmup_steps": f"{_ACTOR}lr_warmup_steps",
    }
    place = _ACTOR  # the section of the optimizer, with a dot behind it
    listed = "verl"  # the list of its keys
    own = ("ppo_trainer", "ppo_megatron_trainer")  # its configs
    main = "verl's main_ppo"
    groups = frozenset({"model_engine"})  # words that choose a part of the config

    def decides(self, key: str, values: Mapping[str, object]) -> bool:
        name = key.removeprefix(self.place)
        return key in _LENGTH or (name != key and any(form.decides(name) for form in (FSDP, MEGATRON, SFT)))

    def evidence(self, source: Source) -> str | None:
        section = source.given.get("actor_rollout_ref")
        actor = section.get("actor") if isinstance(section, Mapping) else None
        if source.program is None and isinstance(actor, Mapping):
            return "its section actor_rollout_ref.actor"
        return extends(source, self.own)

    def known_config(self, source: Source) -> tuple[str, str]:
        """The file that a command takes as its config, and its name if it is one of verl's that are known here, else empty."""
        folder, own = (_DAPO, _OF_DAPO) if "dapo" in source.program_name else (FOLDER, self.own)
        file = named_config(source, own[0], folder)
        return file, next((name for name in own if file == f"{folder}/{name}.yaml"), "")

    def config_file(self, source: Source) -> str | None:
        """The file of `--config-name` and `--config-path`, if it is none of those of verl that are known here."""
        file, name = self.known_config(source)
        return None if name else file

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        return with_places(file, assignments(command_words(source)[1]))

    def read(self, source: Source, found: Recognised) -> Reading:
        """The keys of a file and the words of a command; `+` and `++` in front of a key change nothing here."""
        name, place = source.name, self.place
        options, rest = command_words(source)
        given = assignments(rest) | {key: value for key, value in flattened(source.values) if key not in options}
        config, optimizer, standing = self.config(source, given)
        given = {key: looked_up(standing | given, key) for key in given}
        self._refuse(source, given, optimizer)
        self.unknown(source, {key: source.values.get(key, word) for key, word in options.items()}, frozenset())
        known = ever(self.listed) | self.groups | _OF_ANY_KEYS
        strange = tuple(key for key in given if not (_is_below(key, known) or key.endswith("._target_")))
        given = {key: value for key, value in given.items() if value not in (None, "null", "None")}
        absent = [key for key in standing if key not in given and (key.startswith(place) or _STEPS not in given)]
        if absent and not config:
            where = "in this file, which extends no config of verl"
            raise source.error(f"{absent[0]} is not {where}; give it with --set {absent[0]}=VALUE")
        standing = standing | {f"{place}{key}": value for key, value in optimizer.defaults.items()}
        keys = Keys(name, given, ARGPARSE, standing)
        kind, warmup, own = read_optimizer(keys, place, optimizer)
        own["shared"] = self.shared(source, keys)
        cap = keys.whole(_CAP, -1)
        batch = keys.get("data.gen_batch_size", keys[BATCH])
        taken = {"warmup_steps": warmup, "per_device_train_batch_size": batch, "max_samples": cap if cap > 0 else None}
        if "stop" in own:
            taken["max_steps"] = None
        settings = self.settings_of(keys, taken, lr_scheduler_type=kind, own=own)
        without = {key for key in standing if settings.max_steps > 0 and not key.startswith(place)}
        without |= idle_defaults(keys, place, optimizer, kind)
        file = config or ("sft_trainer" if optimizer is SFT else self.own[0])
        defaults = keys.defaults(f"verl's {file}.yaml", without=without)
        added = assignments(word for word in rest if word.startswith("+"))
        changed = ", ".join([key for key in strange if key not in added][:3])  # which Hydra refuses in verl's own
        notes = (*self.remarks(keys, settings, optimizer), *self._of_the_program(source, changed, defaults))
        return Reading(settings, (), notes, defaults, strange, self.processes(source, keys))

    def _of_the_program(self, source: Source, changed: str, defaults: tuple[Default, ...]) -> Iterator[str]:
        """A note on a program that may be another than verl's, or a changed one."""
        if not (program := source.program_name):
            why = f", as {changed} show" if changed else ""
            yield f"the file is read as {self.main} reads it; its program may have other defaults or steps{why}"
        elif not re.fullmatch(self.programs, program):
            yield f"{program} is not {self.main}, and may have other defaults"
        elif changed and defaults:
            yield f"{changed} show that this verl is changed or newer, and may have other defaults"

    def config(self, source: Source, given: Mapping[str, object]) -> tuple[str, Optimizer, dict[str, object]]:
        """The name of the config with the defaults of this run, the form of its optimizer, and its other defaults.

        Raises:
            ConfigError: if the defaults are in a config that is not read.
        """
        config, parts = base_of(source)
        if source.form == "command":
            _, config = self.known_config(source)
        elif any("actor_rollout_ref.actor" in key for key in parts):
            config = config or self.own[0]
        engine = given.get("model_engine", parts.get("model_engine", "dp"))
        actor = str(parts.get("actor_rollout_ref.actor")) + str(given.get("actor_rollout_ref.actor.strategy"))
        megatron = "megatron" in config or engine == "megatron" or (source.form != "command" and "megatron" in actor)
        strategy = str(given.get("actor_rollout_ref.actor.strategy", "megatron" if megatron else "fsdp"))
        if (
            config not in ("", *self.own, *_OF_DAPO)
            or engine not in ("dp", "megatron")
            or ("megatron" in strategy) is not megatron
        ):
            if source.form != "command" and config not in ("", *self.own, *_OF_DAPO):
                raise self.of_another_program(source, config)
            raise source.error(
                "the defaults of this run are in another config of verl than ppo_trainer and ppo_megatron_trainer, which is "
                f"not read; {state_with(source)}"
            )
        mode = str(given.get("trainer.v1.trainer_mode"))
        apart = [key for key in given if key.startswith(("async_training.", "rollout."))]  # of experimental trainers
        if "async" in mode or apart:
            what = apart[0] if apart else f"trainer.v1.trainer_mode {mode}"
            raise source.error(f"{what} is of an asynchronous run, which is not read; {state_with(source)}")
        return config, MEGATRON if megatron else FSDP, {f"{_ACTOR}lr": 1e-6, BATCH: 1024, "trainer.total_epochs": 30}

    def of_another_program(self, source: Source, config: str, curve: str = "") -> ConfigError:
        """The error for a file that extends a config which verl does not have; `curve` says which schedule it has without that."""
        return source.error(
            f"its defaults name {config}, none of verl's {' and '.join(self.own)}, and that file may hold more settings; if they "
            f"change nothing here, --set defaults=null reads this file alone as {self.main} does{curve}; otherwise "
            f"{state_with(source)}"
        )

    def remarks(self, keys: Keys, settings: Settings, optimizer: Optimizer) -> Iterator[str]:
        """What the plan leaves out, and what the versions of verl do not share."""
        steps, ratio = f"{_ACTOR}lr_warmup_steps", keys.number(f"{_ACTOR}lr_warmup_steps_ratio")
        if optimizer is FSDP and keys.whole(steps, -1) == 0 and ratio:
            raise keys.error(f"lr_warmup_steps 0 and lr_warmup_steps_ratio {ratio:g} are read in two ways; keep one")
        yield "a step is one batch of rollouts: all of its updates have the same rate"
        yield "prompts that verl filters out as too long are no part of the number of examples"
        if optimizer is MEGATRON and (settings.lr_scheduler_type != "constant" or settings.warmup_steps or ratio):
            yield "before 0.5, verl's Megatron actor has a constant rate, whatever the settings of its schedule"
        mini = keys.whole("actor_rollout_ref.actor.ppo_mini_batch_size", 256)
        dynamic = str(keys.get("actor_rollout_ref.actor.use_dynamic_bsz")).lower() == "true"
        if settings.per_device_train_batch_size < mini and not dynamic:
            yield f"{BATCH} {keys[BATCH]} is below ppo_mini_batch_size {mini}, which verl refuses since 2025-03"
        if str(keys.get("algorithm.filter_groups.enable")).lower() == "true":
            yield "algorithm.filter_groups: prompts are used up faster, and the run may end before the schedule does"
        if keys.get("data.gen_batch_size", keys[BATCH]) != keys[BATCH]:
            yield f"from 0.9 on, verl counts the steps of an epoch by {BATCH}, and not by data.gen_batch_size"
        if keys.get("algorithm.adv_estimator", "gae") == "gae":
            stated = sorted(key for key in keys.given if key.startswith("critic.optim."))
            critic = stated[0] if stated else "critic.optim.lr 1e-05, verl's default"
            yield f"{critic}: the critic has a schedule of its own; the plan is the actor's"
        others = (
            key for key in keys.given if re.fullmatch(r"(?!actor_rollout_ref|critic)\w+\.(?:.*\.)?optim\.lr", key)
        )
        if (other := next(others, None)) is not None:
            yield f"{other}: a model that is not verl's, with a schedule of its own; the plan is the actor's"
        if str(first := keys.get("trainer.critic_warmup", 0)) != "0":
            yield f"the actor and its schedule begin after trainer.critic_warmup {first} steps"

    def processes(self, source: Source, keys: Keys) -> Processes | None:
        """The processes of the config, on which no step depends."""
        return by_nodes(keys, 8)

    def shared(self, source: Source, keys: Keys) -> int:
        """How many processes take the same examples; 0 where the batches do not depend on the processes."""
        return 0

    def _refuse(self, source: Source, given: Mapping[str, object], optimizer: Optimizer) -> None:
        """Raise for keys that are not read and may change the curve, and for values that the script does not say."""
        for key, value in given.items():
            if value is not None and self._concerns_curve(key, value, optimizer):
                raise source.error(f"{key} of verl is not read; {state_with(source)}")
            if self.decides(key, given) and not is_known(value):  # behind an option, such as --config-name
                raise source.error(
                    f"the script does not say what {key}={readable(value)} is; --set {key}=VALUE gives it"
                )

    def _concerns_curve(self, key: str, value: object, optimizer: Optimizer) -> bool:
        """Whether a key that is not read, or one that verl does not have, may change the curve or the length."""
        if key in _LENGTH:
            return False
        if key.startswith(self.place):
            name = key.removeprefix(self.place)
            return not (optimizer.decides(name) or optimizer.has_no_effect(name, value))
        section, _, inner = key.rpartition(".")
        outer = section in ("", "trainer", "data") and key not in ever(self.listed)
        return key.startswith(_LENGTHS) or (outer and concerns_curve(inner))

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        return whole_batches(settings, self.training_examples(settings, data.examples))

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the steps after which the epochs are over, if they are known."""
        steps = 0 if data is None else self.steps_per_epoch(settings, data, self.newest) or 0
        return settings.also(ends=int(settings.num_train_epochs) * steps)

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        ends, stop = settings.own["ends"], settings.own.get("stop", 0)
        if 0 < stop < max_steps:
            yield f"{_STEPS} {stop} ends the run, but not the schedule, which has the length of the epochs"
        elif 0 < ends < max_steps:
            yield f"the run ends with its epochs, after {ends} of these steps"

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        """The steps as given, else the share of the run, rounded down."""
        if settings.own["ratio"]:
            return part_of(settings.own.get("decay") or max_steps, settings.own["ratio"])
        return super().warmup_steps(settings, max_steps, version, data)

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        curve = next(form.curve for form in (FSDP, MEGATRON, SFT) if settings.own["form"] == form.kind)
        return curve(settings, rate, steps, warmup)


def by_nodes(keys: Keys, each: int) -> Processes:
    """The processes by the nodes of a config and their devices, on which no step depends."""
    stated = (("trainer.nnodes", 1), ("trainer.n_gpus_per_node", each))
    return without_steps({key: readable(keys.get(key, number)) for key, number in stated})


def _is_below(key: str, known: frozenset[str]) -> bool:
    """Whether a key, or a section that it is in, is known."""
    parts = key.split(".")
    return any(".".join(parts[:count]) in known for count in range(len(parts), 0, -1))
