"""Keys that look like settings of the curve, of the batch or of the length, whatever program has them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping

from optax_lr.text import words
from optax_lr.trainers.settings import SETTING_NAMES

_CURVE = re.compile(
    r"(?:^|_)(?:lr|learning|epochs?|scheduler|sched|schedule|warmup|warmups?|steps?|iters?|iterations?|updates?|optimizer|"
    r"decay|anneal\w*|cycles?|restarts?|cooldown|milestones)(?:_|$)|^(?:gamma|train_samples)$"
)
# What decides the number of updates in an epoch.
_UPDATE = re.compile(
    r"(?:^|_)(?:batch|batchsize|bs|accum\w*|accumulation|world|nproc|num_gpus|devices|generations|"
    r"(?:num|n)_rollouts?|rollouts_per_\w+|rollout_n|repeats?)(?:_|$)"
)
_NO_SIZE = re.compile(r"(?:^|_)(?:within|in|across|cross|sub|by)_batch(?:es)?(?=_|$)|^gamma_")
_NOT_CURVE = re.compile(
    r"(?:^|_)(?:eval|evals|evaluation|val|valid|validation|test|predict|save|saves|saving|saved|log|logs|logging|print|checkpoint|checkpointing|"
    r"checkpoints|ckpt|wandb|report|weight|wd|ema|sync|inference|infer|vllm|sampling|sample|diffusion|denoising|noise|early|"
    r"stop|stopping|patience|momentum|kl|ref|reference|target|reward|critic|tokenizer|preprocess\w*|prefetch|loss|temperature|"
    r"profile|profiler|profiling|start_step|load|plot|vis|visual\w*|mask|dataloader|map|worker|workers|freeze|unfreeze|path|dir|name|"
    r"interval|id|type_vocab|device_map|which|visible|overlap|layers|ngrams?|penalty|validations|generate|timing|every_n)(?:_|$)|"
    r"(?:(?<!per)_device|_dtype)$|^decay_mult$|_every$|^every_"
)
_GROUP = re.compile(
    r".+_(?:lr|learning_rate|lr_ratio|lr_scale|lr_mult)$|^(?:lr|learning_rate)_(?:scale|mult\w*|ratio)_.+|^lr_(?:head|backbone|encoder|projector)$"
)
# Keys of trainers for the rates of some of the parameters.
_OTHER_RATES = words(
    "loraplus_lr_ratio lora_lr_ratio lorap_lr_ratio lr_groups embedding_lr embedding_lr_scale embedding_learning_rate vit_lr "
    "aligner_lr decoupled_lr learning_rate_mapping head_lr_mult text_encoder_lr"
)
_FLOOR = re.compile(
    r"(?:^|_)(?:min|end|final|max|init|initial|base|peak|start|warmup|target|actor|policy)_(?:lr|learning_rate)$"
)


_OF_OWN_RUN = frozenset({"epochs", "num_epochs", "batch_size", "micro_batch_size"})


def sections_of_run(values: Mapping[str, object]) -> set[str]:
    """The sections with the length or the batch of a run, as programs of their own call them."""
    return {str(key) for key, inner in values.items() if isinstance(inner, Mapping) and _OF_OWN_RUN & inner.keys()}


def abbreviated(given: Iterable[str], options: frozenset[str]) -> dict[str, str]:
    """The options of the curve that are given by their beginning, each with its name.

    >>> abbreviated(["max_step", "warmup"], frozenset({"max_steps", "warmup_steps", "warmup_ratio"}))
    {'max_step': 'max_steps'}
    """
    made = {}
    for key in sorted(set(given) - options):
        whole = [option for option in options if option.startswith(key)]
        if len(whole) == 1 and (whole[0] in SETTING_NAMES or concerns_curve(whole[0])):
            made[key] = whole[0]
    return made


def concerns_curve(key: str, *, in_updates: bool = False) -> bool:
    """Whether a key that the trainer does not know looks like a setting of the curve, of the batch or of the length.

    Args:
        key: the key.
        in_updates: whether the trainer counts a run in updates, so that neither batch nor processes decide its length.

    >>> [key for key in ("batch_size", "epochs", "eval_batch_size", "vision_lr", "system_prompt") if concerns_curve(key)]
    ['batch_size', 'epochs']
    """
    word = key.lower().replace("-", "_").replace(".", "_")
    if group_rate(word):
        return False
    sized = not in_updates and _UPDATE.search(_NO_SIZE.sub("", word))
    return bool(sized or _CURVE.search(_NO_SIZE.sub("", word))) and not _NOT_CURVE.search(word)


def group_rate(key: str) -> bool:
    """Whether a key looks like the rate of one parameter group, such as `vision_lr`."""
    word = key.lower().replace("-", "_")
    return bool(_GROUP.match(word)) and not _FLOOR.search(word)


def other_rates(values: Mapping[str, object], unknown: Container[str]) -> tuple[str, ...]:
    """Notes on the rates of other parameters, which are not in the plan.

    >>> other_rates({"learning_rate": 1e-4, "loraplus_lr_ratio": 16}, ())
    ('loraplus_lr_ratio: the rate of other parameters; the plan is that of learning_rate',)
    """
    found = [key for key in values if values[key] and (key in _OTHER_RATES or (key in unknown and group_rate(key)))]
    return tuple(f"{key}: the rate of other parameters; the plan is that of learning_rate" for key in found)


def places_of_settings(values: Mapping[str, object], depth: int = 3) -> list[tuple[str, ...]]:
    """The nested mappings with a rate, or with two more settings of training arguments.

    >>> places_of_settings({"model": {"r": 8}, "training": {"orpo": {"learning_rate": 1e-5}}})
    [('training', 'orpo')]
    """
    found: list[tuple[str, ...]] = []
    for key, inner in values.items():
        if isinstance(inner, Mapping) and depth:
            settings = _SETTINGS & inner.keys()
            if "learning_rate" in settings or len(settings) > 1:
                found.append((str(key),))
            found += [(str(key), *place) for place in places_of_settings(inner, depth - 1)]
    return found


_SETTINGS = words(
    "learning_rate lr_scheduler_type warmup_steps warmup_ratio num_train_epochs max_steps per_device_train_batch_size "
    "gradient_accumulation_steps"
)
