"""TRL: the arguments of each of its trainers, which are `TrainingArguments` with other defaults, and its parser's files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.marks import is_known
from optax_lr.sources.source import Source
from optax_lr.text import words
from optax_lr.trainers.base import Data, Reading, Recognised, key_list
from optax_lr.trainers.curve_keys import concerns_curve, places_of_settings, sections_of_run
from optax_lr.trainers.generations import generation_keys, generation_marks, generation_steps
from optax_lr.trainers.keys import Default
from optax_lr.trainers.known import class_keys, default_of, last_version, last_version_of_class
from optax_lr.trainers.programs import of_own_program, target_of
from optax_lr.trainers.settings import ARGPARSE, SETTING_NAMES, STRICT, Settings
from optax_lr.trainers.training_arguments import FIELDS, MARKS
from optax_lr.trainers.transformers import CURVE_KEYS, DEFAULTS, Transformers, in_section
from optax_lr.trainers.usual_names import state_with

# Each command of `trl`, and each word in a script's name, with the class of its arguments.
METHODS: Mapping[str, str] = {
    "sft": "SFTConfig",
    "dpo": "DPOConfig",
    "grpo": "GRPOConfig",
    "kto": "KTOConfig",
    "reward": "RewardConfig",
    "rloo": "RLOOConfig",
    "orpo": "ORPOConfig",
    "cpo": "CPOConfig",
    "bco": "BCOConfig",
    "gkd": "GKDConfig",
    "online_dpo": "OnlineDPOConfig",
    "nash_md": "NashMDConfig",
    "xpo": "XPOConfig",
    "prm": "PRMConfig",
}
_GENERATE = frozenset({"GRPOConfig", "RLOOConfig"})
# Their runs are counted in episodes or by samplers of their own.
_NOT_COUNTED = words(
    "PPOConfig PPOv2Config AsyncGRPOConfig GOLDConfig MiniLLMConfig GFPOConfig GMPOConfig PAPOConfig DPPOConfig "
    "SDFTConfig SDPOConfig GRPOWithReplayBufferConfig SelfDistillationConfig A2POConfig"
)
# Keys of RLOO up to TRL 0.24, whose runs are counted in episodes too.
_EPISODES = words(
    "total_episodes num_ppo_epochs rloo_k num_mini_batches response_length local_rollout_forward_batch_size num_sample_generations"
)
_SCRIPT = ("ScriptArguments", "ModelConfig", "DatasetMixtureConfig", "SFTScriptArguments", "DPOScriptArguments")
# Keys of alignment-handbook's and open-r1's scripts, which use the same parser.
_RECIPES = words(
    "dataset_mixer dataset_mixture dataset_splits dataset_configs preprocessing_num_workers chat_template "
    "auto_insert_empty_system_msg truncation_side text_column system_prompt benchmarks callbacks reward_funcs "
    "cosine_min_value_wrong code_language dataset_prompt_column wandb_entity wandb_project hub_model_revision "
    "overwrite_hub_revision push_to_hub_revision wandb_run_group num_completions_to_print"
)
_MARKS = words(
    "dataset_name dataset_train_split use_peft lora_r max_seq_length max_prompt_length attn_implementation "
    "torch_dtype dataset_text_field dataset_config lora_target_modules dataset_mixer dataset_mixture dataset_splits "
    "reward_funcs num_generations dataset_kwargs assistant_only_loss completion_only_loss dataset_num_proc eos_token "
    "rpo_alpha chat_template_path max_completion_length beta loss_type script_args max_length"
)
# Those that transformers' example scripts and other programs have, too.
_SHARED = words("dataset_name dataset_config max_length max_seq_length attn_implementation torch_dtype eos_token")
# After `import unsloth`, TRL's classes have these; since its 95fb1d6 of 2025-02.
UNSLOTH: Mapping[str, object] = {
    "learning_rate": 5e-5,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 2,
    "warmup_steps": 0.1,
}


class Trl(Transformers):
    """TRL's trainers. `Settings.method` is the class of the arguments; empty where the file does not say which."""

    name = "trl"
    title = "TRL"
    covers = frozenset({"hf"})
    calls = rf"(?:.*\.)?(?:{'|'.join((*METHODS.values(), *_NOT_COUNTED))})"
    programs = rf"trl (?:{'|'.join(METHODS)}|ppo)|trl\.scripts\..*|(?:.*\W)?trl/(?:scripts|examples/scripts)/\w+\.py"
    not_training = {"trl": words("chat env vllm-serve")}
    file_option = "config"

    def recognise(self, source: Source) -> Recognised | None:
        """Recognise the arguments of a class in a section with its name, and keys that only TRL has in any section."""
        if (target := target_of(source.given, METHODS.values())) is not None:
            method = next(method for method, name in METHODS.items() if target[0] == name)
            return Recognised(f"{self.name}-{method}", f"_target_ {target[0]}", target[1])
        alone = source.program is None and not source.constructor and not SETTING_NAMES & source.given.keys()
        sections = class_sections(source.given) if alone else {}
        places = places_of_settings(source.given) if alone else []
        if len(places) == 1 and sections_of_run(source.given) - {places[0][0]}:
            return super().recognise(source)  # the settings of a program of its own are in several sections
        if len(sections) != 1 and len(places) == 1 and (marks := _MARKS & in_section(source.given, places[0]).keys()):
            return Recognised(self.name, f"{key_list(marks)} under {'.'.join(places[0])}", places[0])
        if len(sections) != 1:
            return super().recognise(source)
        ((name, method),) = sections.items()
        return Recognised(f"{self.name}-{method}", f"the arguments of {METHODS[method]} under {name}", (name,))

    def evidence(self, source: Source) -> str | None:
        """Keys that only its parser has; a script needs a method in its name, too, or the keys of GRPO."""
        keys = frozenset(source.given)
        generates = generation_marks(keys)
        marks = generates or _MARKS & keys
        if not SETTING_NAMES & keys:
            return None
        if source.program is not None:
            script, options = source.program.name, marks or {"config"} & keys
            sure = method_in(script) or (generates and MARKS & keys)
            ours = sure and options and keys & (MARKS | marks | {"config"})
            return f"the script {script} and {key_list(options, 'option')}" if ours else None
        strange = keys - self.known()
        certain = (len(marks) > 1 or marks - _SHARED or not strange) and 2 * len(strange) < len(keys)
        return key_list(marks) if marks and certain and not {"stage", "finetuning_type"} & keys else None

    def config_file(self, source: Source) -> str | None:
        """The YAML of `--config`, in two words: TrlParser does not see `--config=F`."""
        value = super().config_file(source)
        known = value is not None and (not is_known(value) or value.endswith((".yaml", ".yml", ".json")))
        return value if known else None

    def merged(self, file: Mapping[str, object], source: Source) -> dict[str, object]:
        """The file's values are defaults of the command's options."""
        values = dict(file) | {key: value for key, value in source.values.items() if key != "config"}
        values.pop("env", None)
        return values

    def known(self) -> frozenset[str]:
        classes = (*METHODS.values(), *_SCRIPT)
        ever, now = class_keys("trl", *classes), class_keys("trl", *classes, now=True)
        gone = {key for key in ever - now if concerns_curve(key)}  # such as the batch_size of an old RLOOConfig
        return (FIELDS | _RECIPES | ever - gone) | {"env", "config", "num_processes", "accelerate_config"}

    def method(self, source: Source, found: Recognised) -> tuple[str, str | None]:
        """The class of the arguments, and TRL's version where `--trainer trl-sft==0.11.4` names them; empty if unknown."""
        asked, _, version = found.trainer.partition("==")
        word = asked.partition("-")[2].replace("-", "_")
        if word and word not in METHODS:
            raise ConfigError(f"--trainer {found.trainer}: TRL has {', '.join(METHODS)}")
        program, made = source.program_name, source.constructor.rpartition(".")[2]
        started = program.partition(" ")[2] if program.startswith("trl ") else method_in(program)
        method = METHODS.get(word) or made or {**METHODS, "ppo": "PPOConfig"}.get(started, "")
        return method, version or None

    def read(self, source: Source, found: Recognised) -> Reading:
        name = source.name
        values = in_section(source.values, found.section)
        values.pop("config", None)
        if isinstance(values.get("script_args"), Mapping):
            values = dict(values["script_args"]) | values
        method, version = self.method(source, found)
        given = {key for key, value in values.items() if value is not None}
        generates = method in _GENERATE or (not method and generation_marks(given))
        old = sorted(
            key for key in given if last_version("trl", method, key) and (concerns_curve(key) or key in _EPISODES)
        )
        if old and (method in _NOT_COUNTED or (method == "RLOOConfig" and _EPISODES & given)):
            whose = f"{method} in TRL up to {last_version('trl', method, old[0])}"
            raise source.error(f"{', '.join(old)}: keys of {whose}, which is not read; {state_with(source)}")
        if method in _NOT_COUNTED and not values.get("max_steps"):
            raise source.error(
                f"the steps of TRL's {method} are counted in episodes; give them with --set max_steps=VALUE"
            )
        if generates and not method:
            method = "GRPOConfig"
        rules = ARGPARSE if source.form in ("yaml", "command") else STRICT
        if not method and values.get("learning_rate") is None:
            raise source.error(
                "learning_rate is not given, and TRL's classes have different defaults (SFT 2e-05, DPO and GRPO "
                "1e-06, reward 0.0001); name the method with --trainer trl-sft, trl-dpo, ..., or write learning_rate"
            )
        unsloth = "unsloth" in source.modules
        standing = self.class_defaults(values, method, version, unsloth=unsloth)
        own: dict[str, int] = {}
        if method in _GENERATE:
            number = next((default.value for default in standing if default.key == "num_generations"), 8)
            own = generation_keys(f"{name}: ", values, rules, number) | ({"unsloth": True} if unsloth else {})
        reading = self.reading(
            source, values, rules=rules, place=found.place, defaults=standing, method=method, own=own
        )
        notes = [*reading.notes, *_notes(values, reading.settings)]
        named = "-" in found.trainer or method_in(source.program_name)
        if method in _GENERATE and not source.constructor and not named:
            notes.append("read as GRPO, by its keys; RLOO counts in the same way")
        return of_own_program(source, found, reading._replace(notes=tuple(notes)))

    def class_defaults(
        self, values: Mapping[str, object], method: str, version: str | None, *, unsloth: bool
    ) -> tuple[Default, ...]:
        """The defaults of the class for the curve's settings that are not given."""
        made = []
        keys = [*CURVE_KEYS, *(("num_generations",) if method in _GENERATE else ())]
        for key in keys:
            if values.get(key) is not None or (key == "warmup_steps" and values.get("warmup_ratio") is not None):
                continue
            if unsloth and key in UNSLOTH:
                made.append(Default(key, UNSLOTH[key], f"unsloth's {method}"))
                continue
            own = default_of("trl", method, key, version) if method else None
            if own is not None:
                before = DEFAULTS.get(key) if own.before is None else own.before
                earlier = f"; {before:g} up to {own.until}" if own.until and isinstance(before, float) else ""
                of_class = version or last_version_of_class("trl", method)
                made.append(Default(key, own.value, f"TRL {of_class} {method}{earlier}"))
            elif key in DEFAULTS:
                made.append(Default(key, DEFAULTS[key], f"{method or 'TRL'}, from transformers TrainingArguments"))
        return tuple(made)

    def steps_per_epoch(self, settings: Settings, data: Data, version: str) -> int | None:
        """The steps of transformers, or those of the sampler that repeats prompts."""
        if settings.method in _GENERATE:
            return generation_steps(settings, data, **settings.own)
        return super().steps_per_epoch(settings, data, version)


def _notes(values: Mapping[str, object], settings: Settings) -> Iterator[str]:
    """What the examples must be, and what the versions of TRL and unsloth do not share."""
    given = {key for key, value in values.items() if value is not None}
    if "dataset_mixer" in given and not given & {"packing", "beta", "loss_type", "max_prompt_length"}:
        packs = "alignment-handbook's run_sft.py, until its 19f0345 of 2025-07, packs the texts"
        yield f"dataset_mixer: {packs}; then the number of examples is that of the packed rows"
    mixture = values.get("dataset_mixture")
    if isinstance(mixture, Mapping) and (size := mixture.get("test_split_size")):
        yield f"dataset_mixture.test_split_size {size} is taken from the data; the number of examples is that of the rest"
    newer = {"num_iterations", "steps_per_generation", "generation_batch_size", "loss_type"} & given
    if settings.method not in _GENERATE or settings.max_steps > 0 or newer:
        return
    older = "a trainer that is made after 0.14 takes a batch of prompts, and makes fewer steps by the factor num_generations"
    yield f"the steps are those of TRL 0.15 and later; {older}"
    batch, each = settings.per_device_train_batch_size, settings.own["generations"]
    if settings.own.get("unsloth") and batch % each:
        yield (
            f"unsloth makes the batch {each}, the number of generations, where {batch} x gradient_accumulation_steps x processes "
            f"is not a multiple of it; until its 5b0f196 of 2025-11 it did so for every batch such as {batch}"
        )


def class_sections(values: Mapping[str, object]) -> dict[str, str]:
    """The sections that hold the arguments of one of TRL's classes and have its name, each with the method.

    >>> class_sections({"dpo_config": {"learning_rate": 1e-6, "num_train_epochs": 1, "beta": 0.1}, "model": {"name": "m"}})
    {'dpo_config': 'dpo'}
    """
    found = {}
    for name, section in values.items():
        method = re.sub(r"_?(?:training_?)?(?:config|args|arguments)$", "", str(name).lower())
        if not isinstance(section, Mapping) or method not in METHODS:
            continue
        keys = {str(key) for key in section}
        if MARKS & keys and SETTING_NAMES & keys and keys <= FIELDS | class_keys("trl", METHODS[method]):
            found[str(name)] = method
    return found


def apart(source: Source) -> list[Source]:
    """The source, or one for each section where several hold the arguments of TRL's classes, without the other sections."""
    names = class_sections(source.given)
    if len(names) < 2 or SETTING_NAMES & source.given.keys():
        return [source]
    return [
        dataclasses.replace(
            source, values={key: value for key, value in source.values.items() if key == name or key not in names}
        )
        for name in names
    ]


def method_in(program: str) -> str:
    """The method in a script's name, such as `sft` of `run_sft.py`; empty for none.

    >>> method_in("scripts/run_grpo.py"), method_in("online_dpo.py"), method_in("train.py")
    ('grpo', 'online_dpo', '')
    """
    words = re.split(r"[^a-z0-9]+", program.lower().rpartition("/")[2])
    for method in sorted(METHODS, key=len, reverse=True):
        parts = method.split("_")
        if any(words[start : start + len(parts)] == parts for start in range(len(words))):
            return method
    return ""
