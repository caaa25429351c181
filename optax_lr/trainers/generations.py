"""How many updates an epoch of TRL's GRPO and RLOO has, whose sampler repeats each prompt."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from optax_lr.text import words
from optax_lr.trainers.base import Data
from optax_lr.trainers.known import class_keys
from optax_lr.trainers.settings import Rules, Settings, whole_setting

_KEYS = {
    "num_generations": "generations",
    "num_iterations": "iterations",
    "steps_per_generation": "steps_per_generation",
    "generation_batch_size": "generation_batch_size",
}
# Keys by which a config is one of GRPO or RLOO.
_MARKS = words(
    "num_generations reward_funcs num_iterations steps_per_generation generation_batch_size reward_weights "
    "max_completion_length scale_rewards use_vllm vllm_mode epsilon_high importance_sampling_level num_generations_eval "
    "log_completions num_completions_to_print mask_truncated_completions log_unique_prompts wandb_log_unique_prompts "
    "off_policy_mask_threshold top_entropy_quantile multi_objective_aggregation reward_clip_range normalize_advantages"
)


def generation_marks(keys: Collection[str]) -> frozenset[str]:
    """The keys by which a config is one of GRPO or RLOO; `max_completion_length` was a key of DPO's, too.

    >>> sorted(generation_marks(["max_completion_length", "num_generations"]))
    ['max_completion_length', 'num_generations']
    >>> sorted(generation_marks(["max_completion_length", "rpo_alpha"]))
    []
    """
    preference = (class_keys("trl", "DPOConfig") - class_keys("trl", "GRPOConfig")).intersection(keys)
    return _MARKS.intersection(keys) - ({"max_completion_length"} if preference else set())


def generation_places(values: Mapping[str, object], depth: int = 3) -> Iterator[tuple[str, ...]]:
    """Where keys that decide the steps of GRPO and RLOO are, at any depth.

    >>> list(generation_places({"training": {"learning_rate": 1e-5}, "grpo": {"num_generations": 8}}))
    [('grpo', 'num_generations')]
    """
    for key, value in values.items():
        if key in _KEYS and value is not None:
            yield (key,)
        elif isinstance(value, Mapping) and depth:
            yield from ((str(key), *place) for place in generation_places(value, depth - 1))


def generation_keys(where: str, values: Mapping[str, object], rules: Rules, generations: object) -> dict[str, int]:
    """The arguments of `generation_steps` among the keys of a config; `generations` is their default number."""
    given = {"num_generations": generations} | {key: values[key] for key in _KEYS if values.get(key) is not None}
    return {_KEYS[key]: whole_setting(f"{where}{key}", value, rules) for key, value in given.items()}


def generation_steps(
    settings: Settings,
    data: Data,
    *,
    generations: int,
    iterations: int = 1,
    steps_per_generation: int | None = None,
    generation_batch_size: int | None = None,
    unsloth: bool = False,
) -> int | None:
    """Updates of one epoch; None where `max_steps` decides, since the number of prompts may be any then.

    Prompts are taken in whole chunks of `generation_batch_size / generations`; the rest is dropped. Each chunk gives
    `iterations * steps_per_generation` batches on each process, and `gradient_accumulation_steps` of them make an update.

    Args:
        settings: the settings of the run.
        data: the prompts, and the processes that share them.
        generations: completions of each prompt.
        iterations: updates over the same completions, `num_iterations`.
        steps_per_generation: batches of each chunk on a process; by default those of an update. Not with
            `generation_batch_size`.
        generation_batch_size: completions of each chunk on all processes.
        unsloth: whether `generations` takes the place of a batch that does not fit them, as unsloth's class does.

    Source: `trl.GRPOConfig.__post_init__`, `trl.trainer.utils.RepeatSampler.__len__`; `unsloth/models/rl.py`.

    >>> settings = Settings(per_device_train_batch_size=8, gradient_accumulation_steps=4)
    >>> generation_steps(settings, Data(examples=1000, processes=2), generations=8)
    125
    """
    if settings.max_steps > 0:
        return None
    prompts, processes = data.examples, data.processes
    batch, group = settings.per_device_train_batch_size, settings.gradient_accumulation_steps
    where = f"num_generations {generations}"
    for key, value in (
        ("steps_per_generation", steps_per_generation),
        ("generation_batch_size", generation_batch_size),
    ):
        if value is not None and value < 1:
            raise settings.error(f"{key} must be at least 1, not {value}")
    own = steps_per_generation is None and generation_batch_size is None
    if unsloth and own and (group * processes * batch) % generations:
        batch = generations
    if generations < 2:
        raise settings.error(f"{where}: TRL needs at least 2, or no completion has another to be compared with")
    if steps_per_generation is not None and generation_batch_size is not None:
        raise settings.error("TRL refuses steps_per_generation with generation_batch_size; keep one")
    if generation_batch_size is not None:
        if generation_batch_size % (batch * processes):
            fewer = "" if generation_batch_size % batch else ", or give the right number of processes (--world-size)"
            raise settings.error(
                f"generation_batch_size {generation_batch_size} is not a multiple of {batch} completions on each of "
                f"the processes ({processes}), which TRL refuses; change one of them{fewer}"
            )
        steps_per_generation = generation_batch_size // (batch * processes)
    rounds = group if steps_per_generation is None else steps_per_generation
    chunk = batch * processes * rounds
    if chunk % generations:
        key = "gradient_accumulation_steps" if steps_per_generation is None else "steps_per_generation"
        product = f"per_device_train_batch_size {batch} x {key} {rounds} x processes {processes}"
        fits = generations // math.gcd(generations, batch * rounds)
        raise settings.error(
            f"{where} does not divide the {chunk} completions of a generation ({product}), which TRL refuses; give a multiple of "
            f"{fits} processes (--world-size), or change one of them"
        )
    chunks = prompts // (chunk // generations)
    if chunks == 0:
        raise settings.error(
            f"{prompts} prompts are fewer than the {chunk // generations} of one generation, and TRL stops"
        )
    return max(1, -(-chunks * iterations * rounds // group))
