"""How many optimizer steps a run has, by its trainer's own arithmetic."""

from __future__ import annotations

import math

from optax_lr.sources.errors import ConfigError, UnknownLengthError
from optax_lr.trainers.settings import Settings


def steps_per_epoch(settings: Settings, num_examples: int, world_size: int, source: str = "config") -> int:
    """Optimizer steps of one epoch: batches are rounded up (down with `dataloader_drop_last`), and so are the groups of
    `gradient_accumulation_steps` batches: the last, smaller group of an epoch is a step of its own.

    Source: `transformers.Trainer.set_initial_training_values`, `accelerate.data_loader.BatchSamplerShard`.
    """
    examples = training_examples(settings, num_examples, source)
    batch, group = settings.per_device_train_batch_size, settings.gradient_accumulation_steps
    if settings.trainer == "llamafactory-ppo":
        return math.ceil(examples / (batch * group * settings.ppo_buffer_size * world_size))
    if settings.trainer == "axolotl":
        return math.ceil(examples / (batch * group * world_size))
    batches = -(-examples // batch)
    if settings.dataloader_drop_last:
        batches = examples // batch // world_size
        if batches == 0:
            raise ConfigError(
                f"{source}: {examples} examples make no batch of {batch} on each of {world_size} processes, and "
                "dataloader_drop_last drops the rest; lower per_device_train_batch_size"
            )
    else:
        batches = -(-batches // world_size)
    return max(1, -(-batches * settings.sequence_parallel_size // group))


def training_examples(settings: Settings, num_examples: int, source: str = "config") -> int:
    """What is left of the examples for training: `max_samples` caps each data set, `val_size` takes its part.

    Source: `llamafactory.data.data_utils.split_dataset`, `datasets.Dataset.train_test_split`.
    """
    examples = num_examples
    if settings.max_samples is not None:
        examples = min(examples, settings.max_samples * settings.num_datasets)
    held = settings.val_size
    if not held:
        return examples
    taken = int(held) if held >= 1 else math.ceil(examples * held)
    if held < 0 or taken >= examples:
        raise ConfigError(f"{source}: a validation set of {held} leaves none of {examples} examples for training")
    return examples - taken


def total_steps(
    settings: Settings,
    source: str,
    per_epoch: int | None,
    *,
    num_examples: int | None = None,
    world_size: int = 1,
) -> int:
    """Optimizer steps of the run: `max_steps` unless it is negative, else whole epochs, rounded up."""
    # 0 is a length for transformers, and "not given" for the two that test it for truth.
    if settings.max_steps > 0 or (settings.max_steps == 0 and settings.trainer in ("transformers", "llamafactory")):
        return settings.max_steps
    if settings.trainer in ("deepspeed", "llamafactory-v1"):
        raise UnknownLengthError(f"{source}: the length of the run is not in this file; give max_steps")
    if settings.streaming:
        raise ConfigError(f"{source}: streaming data has no length; give max_steps")
    if per_epoch is None:
        raise UnknownLengthError(
            f"{source}: the length of the run is not known: give max_steps in the file, or the number of training "
            "examples (num_examples=..., --num-examples)"
        )
    epochs = settings.num_train_epochs
    if epochs * per_epoch > 2**31 - 1:
        raise ConfigError(
            f"{source}: num_train_epochs {epochs:g} makes {epochs * per_epoch:.3g} steps, more than 2**31 - 1"
        )
    if epochs <= 0:
        raise ConfigError(f"{source}: num_train_epochs must be above 0, not {epochs}: no step would be trained")
    if settings.trainer == "axolotl" and num_examples is not None:
        steps = data_steps(settings, source, num_examples, world_size)
    elif settings.trainer == "llamafactory-ppo":
        if epochs * per_epoch != int(epochs * per_epoch):
            raise ConfigError(
                f"{source}: {epochs} epochs of {per_epoch} steps are no whole number for PPO; give max_steps"
            )
        steps = int(epochs * per_epoch)
    else:
        steps = math.ceil(epochs * per_epoch)
    return steps


def data_steps(settings: Settings, source: str, num_examples: int, world_size: int) -> int:
    """axolotl's own count, which rounds once, over all epochs.

    Source: `axolotl.utils.trainer.calculate_total_num_steps`.
    """
    examples = training_examples(settings, num_examples, source)
    batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps * world_size
    return math.ceil(examples * settings.num_train_epochs / batch)
