"""OpenRLHF: the commands of `openrlhf.cli`, with the dotted options of 0.10.2 and later, or the flat ones before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from optax_lr.interop.transformers import get_scheduler
from optax_lr.numerics import Real
from optax_lr.schedules import Constant, Schedule
from optax_lr.sources.marks import is_known
from optax_lr.sources.source import Source, count_of
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, Trainer, part_of, whole_batches, without_steps
from optax_lr.trainers.keys import Keys, flattened
from optax_lr.trainers.known import ever, former_keys, keys_of
from optax_lr.trainers.settings import ARGPARSE, SETTING_NAMES, Settings, one_of
from optax_lr.trainers.usual_names import state_with

# Each command with its rate and epochs by default.
_COMMANDS = {"sft": (5e-6, 2), "dpo": (1e-5, 1), "rm": (9e-6, 1), "kto": (1e-5, 1), "kd": (5e-6, 1), "prm": (1e-6, 1)}
_COMMANDS |= {"ppo_ray": (1e-6, 1), "ppo": (1e-6, 1)}
_OF_ALL: Mapping[str, object] = {
    "lr_scheduler_type": "cosine_with_min_lr",
    "warmup": 0.03,
    "floor": 0.1,
    "per_device_train_batch_size": 128,
    "max_samples": 10**6,
}
_OF_PPO: Mapping[str, object] = {**_OF_ALL, "max_samples": 10**8, "episodes": 1, "completions": 1}
# The options that are read, by our names: the dotted and the flat ones.
_OPTIONS: Mapping[str, tuple[str, str]] = {
    "learning_rate": ("adam.lr", "learning_rate"),
    "lr_scheduler_type": ("lr_scheduler", "lr_scheduler"),
    "warmup": ("lr_warmup_ratio", "lr_warmup_ratio"),
    "floor": ("min_lr_ratio", "min_lr_ratio"),
    "num_train_epochs": ("train.max_epochs", "max_epochs"),
    "per_device_train_batch_size": ("train.batch_size", "train_batch_size"),
    "max_samples": ("data.max_samples", "max_samples"),
    "episodes": ("train.num_episodes", "num_episodes"),
    "completions": ("rollout.n_samples_per_prompt", "n_samples_per_prompt"),
    "optimizer": ("optim", "optim"),
    "rollout": ("rollout.batch_size", "rollout_batch_size"),
    "nodes": ("actor.num_nodes", "actor_num_nodes"),
    "devices": ("actor.num_gpus_per_node", "actor_num_gpus_per_node"),
    "estimator": ("algo.advantage.estimator", "advantage_estimator"),
    "critic": ("critic.adam.lr", "critic_learning_rate"),
    "frozen": ("critic.freezing_steps", "freezing_actor_steps"),
    "filtered": ("algo.dynamic_filtering_enable", "dynamic_filtering"),
}
_OF_THE_ACTOR = ("learning_rate", "lr_scheduler_type", "warmup", "floor", "optimizer")  # where options have dots
_FLOORED = ("cosine_with_min_lr", "cosine_warmup_with_min_lr")
_ALWAYS = (*_FLOORED, "constant", "constant_with_warmup")
_FLAT_TAKES = (*_ALWAYS, "inverse_sqrt")  # transformers before 5.4 does not hand it the floor
_SCHEDULERS = (*_FLAT_TAKES, "linear", "cosine", "cosine_with_restarts", "polynomial")


def _options(command: str, *, dotted: bool) -> dict[str, str]:
    """The options of a command by our names."""
    made = {name: both[not dotted] for name, both in _OPTIONS.items()}
    if command.startswith("ppo"):
        actor = {name: f"actor.{made[name]}" for name in _OF_THE_ACTOR}
        made |= actor if dotted else {"learning_rate": "actor_learning_rate"}
    return made


_EACH = [_options(command, dotted=dotted) for command in ("sft", "ppo") for dotted in (True, False)]
_DECIDING = frozenset(options[name] for options in _EACH for name in ("learning_rate", "num_train_epochs", *_OF_PPO))
_IN_BOTH = words("lr_scheduler lr_warmup_ratio max_norm local_rank use_ms")  # of the commands that still are there


class OpenRLHF(Trainer):
    """OpenRLHF's training commands from 0.3.6 on. The schedule of PPO and GRPO is the actor's.

    Source: `openrlhf.cli`, `openrlhf.trainer.ppo_trainer.prepare_datasets`, `openrlhf.utils.deepspeed.DeepspeedStrategy`.
    """

    name = "openrlhf"
    title = "OpenRLHF"
    covers = frozenset({"hf", "trl", "axolotl", "deepspeed"})
    varies = True
    command = rf"\btrain_({'|'.join(_COMMANDS)})"  # in the name of one, and of a copy
    programs = rf"(?:openrlhf\.cli\.|(?:.*/)?openrlhf/cli/)train_(?:{'|'.join(_COMMANDS)})(?:\.py)?"
    not_training = {
        f"openrlhf.cli.{module}": frozenset({""})
        for module in ("serve_rm", "batch_inference", "interactive_chat", "lora_combiner")
    }
    no_length = (
        "the length of the run is not known: give the number of examples or prompts (num_examples=..., --num-examples)"
    )
    renamed = {name: _OPTIONS[name][1] for name in _OPTIONS.keys() & SETTING_NAMES}
    elsewhere = " but of a fork"
    options, deciding = ever(*(f"openrlhf_{command}" for command in _COMMANDS)), _DECIDING

    def read(self, source: Source, found: Recognised) -> Reading:
        name, program = source.name, source.program_name
        named = re.search(self.command, program)
        if named is None:
            raise source.error(
                f"{program or 'this'} is not named as a command of OpenRLHF is, such as train_sft; {state_with(source)}"
            )
        command, values = named[1], dict(flattened(source.given))
        now, former = keys_of(f"openrlhf_{command}"), former_keys(f"openrlhf_{command}").keys()
        dotted = any("." in key for key in values) or (bool(now) and not former & values.keys())
        reinforced = command.startswith("ppo")
        options = _options(command, dotted=dotted)
        known = now if dotted else former | _IN_BOTH | ({"min_lr_ratio"} if command == "dpo" else set())
        for key in sorted(_DECIDING.intersection(values) - known):
            style = "dotted, as from 0.10.2 on" if dotted else "flat, as before 0.10.2"
            raise source.error(f"{key} is not an option of OpenRLHF's train_{command} where the options are {style}")
        strange = self.unknown(source, values, frozenset(known))
        rate, epochs = _COMMANDS[command]
        standing = {"learning_rate": rate, "num_train_epochs": epochs, **(_OF_PPO if reinforced else _OF_ALL)}
        keys = Keys(name, values, ARGPARSE, {options[key]: value for key, value in standing.items()})
        kind = one_of(f"{name}: {options['lr_scheduler_type']}", keys[options["lr_scheduler_type"]], _SCHEDULERS)
        if not dotted and kind not in _FLAT_TAKES:
            raise source.error(
                f"OpenRLHF before 0.10.2 gives every schedule a floor, with which lr_scheduler {kind} stops"
            )
        rounds = keys.whole(options["num_train_epochs"]) * keys.whole(options["episodes"], 1)
        rollout = count_of(keys.get(options["rollout"], 1024)) if reinforced and not dotted else None
        settings = Settings.of(
            name,
            {key: keys[options[key]] for key in standing if key in SETTING_NAMES} | {"num_train_epochs": rounds},
            ARGPARSE,
            key=options.__getitem__,
            trainer=self.name,
            own={
                "ratio": keys.share(options["warmup"]),
                "floor": keys.share(options["floor"]),
                "completions": keys.whole(options["completions"], 1),
                "rollout": rollout,
                "reinforced": reinforced,
            },
        )
        fixed, floored = options["floor"] not in known, kind in _FLOORED
        before = {} if reinforced else {"max_samples": "1e8 before 0.7"}  # of the flat option
        without = {options["floor"]} if fixed or not floored else set()
        defaults = keys.defaults(f"OpenRLHF's train_{command}", without=without, before=before)
        notes = [*self._of_the_program(source, f"OpenRLHF's train_{command}", strange)]
        if kind not in _ALWAYS:
            notes.append(f"OpenRLHF 0.10.0 to 0.10.3 give every schedule a floor, with which {kind} stops")
        if keys.get(options["optimizer"]) == "muon":
            muon = options["learning_rate"].replace("adam", "muon")
            notes.append(f"the matrices have the rate of {muon} {keys.get(muon, 0.02)}, with the same curve")
        if reinforced:
            notes += _of_ppo(keys, options, dotted=dotted, rounds=rounds)
        else:
            notes.append("examples that OpenRLHF filters out as too long are no part of the number of examples")
        if fixed and floored:
            notes.append("the floor is a tenth of the rate, which this command fixes before 0.10.2")
        processes = None
        if command == "ppo_ray":
            stated = {options[name]: keys.get(options[name], n) for name, n in (("nodes", 1), ("devices", 8))}
            processes = without_steps(stated)
        return Reading(settings, (), tuple(notes), defaults, strange, processes, refused=strange)

    def _of_the_program(self, source: Source, command: str, strange: tuple[str, ...]) -> Iterator[str]:
        """Notes on a program that may be another than OpenRLHF's."""
        if not re.fullmatch(self.programs, source.program_name):
            yield f"{source.program_name} is read as {command}; it may have other defaults and another schedule"
        if strange:
            yield f"{', '.join(strange[:3])} may be of a fork, which may have other defaults and another schedule"
        for word in filter(is_known, source.positional[:1]):
            yield f"{word} belongs to no option, and stops OpenRLHF"

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """Whole batches, in PPO of all completions; an epoch of PPO is one over each rollout."""
        examples = self.training_examples(settings, data.examples)
        return whole_batches(settings, examples, settings.own["completions"])

    def counted(self, settings: Settings, data: Data | None, processes: int) -> Settings:
        """The settings with the examples that a batch or a rollout leaves."""
        chunk = settings.own["rollout"] if settings.own["reinforced"] else settings.per_device_train_batch_size
        if data is None or not chunk or settings.max_steps > 0:
            return settings.also(left=0)
        return settings.also(left=self.training_examples(settings, data.examples) % chunk)

    def notes(self, settings: Settings, max_steps: int, version: str) -> Iterator[str]:
        """A note where the run is shorter or longer than its schedule."""
        left = settings.own["left"]
        if left and settings.own["reinforced"]:
            yield f"before 0.9.1, OpenRLHF drops {left} prompts of an episode, and the run ends before the schedule does"
        elif more := int(settings.num_train_epochs * left // settings.per_device_train_batch_size):
            yield f"{left} examples of an epoch count in the next: after these steps up to {more} more follow"

    def warmup_steps(self, settings: Settings, max_steps: Real, version: str, data: Data | None = None) -> Real:
        return part_of(max_steps, settings.own["ratio"], up=True)

    def curve(self, settings: Settings, rate: Real, steps: Real, warmup: Real) -> Schedule:
        """The schedule of transformers; `constant` has no warmup."""
        kind = settings.lr_scheduler_type
        if kind == "constant":
            return Constant(rate)
        keywords = {"min_lr_rate": settings.own["floor"]} if kind in _FLOORED else {}
        return get_scheduler(kind, rate, warmup_steps=warmup, max_steps=steps, **keywords)


def _of_ppo(keys: Keys, options: Mapping[str, str], *, dotted: bool, rounds: int) -> Iterator[str]:
    """Notes on a run of PPO."""
    if keys.get(options["estimator"], "gae") == "gae":
        critic = f"{options['critic']} {keys.get(options['critic'], 9e-6)}"
        yield f"the critic has a schedule of its own, from {critic}; the plan is the actor's"
    if keys.get(options["frozen"], "-1") not in ("-1", "0"):
        frozen = f"{options['frozen']} {keys[options['frozen']]}"
        yield f"the actor and its schedule begin after {frozen}, and the run ends before the schedule does"
    if options["filtered"] in keys:
        yield f"{options['filtered']}: prompts are used up faster, and the run ends before the schedule does"
    if not dotted and keys.whole(options["completions"]) > 1:
        yield "before 0.4.5, OpenRLHF counts the length of the schedule without n_samples_per_prompt"
    if not dotted and rounds > 1:
        yield "OpenRLHF 0.7.1 and 0.7.2 count the length of the schedule without episodes and epochs"
