"""The hyperparameters in a model card, as `transformers.Trainer` writes it for a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Processes, Source, count_of, product
from optax_lr.text import words

# The names of a card, and those of TrainingArguments.
_KEYS = {
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "lr_scheduler_type",
    "lr_scheduler_warmup_steps": "warmup_steps",
    "lr_scheduler_warmup_ratio": "warmup_ratio",
    "training_steps": "max_steps",
    "num_epochs": "num_train_epochs",
    "train_batch_size": "per_device_train_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
}
# The list of Sentence Transformers has the names of TrainingArguments, in backticks.
_SAME = {f"`{key}`": key for key in (*_KEYS.values(), "lr_scheduler_kwargs", "dataloader_drop_last")}
_BESIDE = ("num_devices", "total_train_batch_size")
_ITEM = re.compile(r"^[-*]\s+(\w+|`\w+`):\s*(.+?)\s*$")
# Schedules whose curve hangs on lr_scheduler_kwargs, which a card does not list.
_WITH_KEYWORDS = words(
    "cosine_with_restarts polynomial cosine_with_min_lr cosine_warmup_with_min_lr warmup_stable_decay inverse_sqrt "
    "reduce_lr_on_plateau"
)


def source_of(path: str, text: str, folder: Path | None) -> Source:
    """The list under "Training hyperparameters".

    Raises:
        ConfigError: where the text holds none.

    >>> source_of("README.md", "- learning_rate: 2e-05\\n- lr_scheduler_type: cosine\\n- training_steps: 100", None).values
    {'learning_rate': '2e-05', 'lr_scheduler_type': 'cosine', 'max_steps': '100'}
    """
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    beside: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _ITEM.match(line)
        key = "" if match is None else (_KEYS | _SAME).get(match[1], "")
        if match and key and key not in values and match[2] not in ("None", "{}"):
            values[key] = match[2]
            lines[key] = number
        elif match and match[1] in _BESIDE:
            beside.setdefault(match[1], match[2])
    if not {"learning_rate", "lr_scheduler_type"} & values.keys():
        raise ConfigError(f"{path}: this card has no list of training hyperparameters, such as - learning_rate: 5e-05")
    kind = str(values.get("lr_scheduler_type", "")).lower().removeprefix("schedulertype.")
    if "lr_scheduler_type" in values:
        values["lr_scheduler_type"] = kind
    notes: tuple[str, ...] = ()
    per_epoch = None
    if kind in _WITH_KEYWORDS:
        notes = (f"a card does not list lr_scheduler_kwargs, so that the curve of {kind} is that of its defaults",)
    if "max_steps" not in values and "num_train_epochs" in values and (last := _last_result(text)) is not None:
        epochs, (epoch, steps) = values["num_train_epochs"], last
        per_epoch = max(1, round(int(steps) / float(epoch))) if float(epoch) > 0 else None
        if re.fullmatch(r"\d+\.0", epoch) and epoch.removesuffix(".0") == str(epochs).removesuffix(".0"):
            del values["num_train_epochs"]
            values["max_steps"] = steps
            notes += (f"the steps are those of the card's table of results, where epoch {epochs} is step {steps}",)
        elif per_epoch is not None:
            notes += (f"step {steps} is epoch {epoch} in the card's table: about {per_epoch} steps an epoch",)
    version = re.search(r"(?m)^- Transformers:? (\d+\.\d+(?:\.\d+)?)", text)
    if version is not None:
        notes += (f"the rules are those of transformers {version[1]}, which the card names",)
    return Source(
        path,
        values,
        lines,
        "card",
        text,
        folder,
        notes=notes,
        processes=_processes_of_card(values, beside, all_of_them="- `learning_rate`: " in text),
        version="" if version is None else version[1],
        per_epoch=per_epoch,
    )


def _last_result(text: str) -> tuple[str, str] | None:
    """The epoch and the step of the last row in the table of results; None without one."""
    table = re.search(r"(?m)^\| *Training Loss *\| *Epoch *\| *Step *\|.*\n\|[-:| ]+\n((?:\|.*\n?)+)", text)
    if table is None:
        return None
    row = [cell.strip() for cell in table[1].strip().splitlines()[-1].strip("|").split("|")]
    known = re.fullmatch(r"\d+\.\d+", row[1]) and re.fullmatch(r"[1-9]\d{0,9}", row[2])
    return (row[1], row[2]) if known else None


def shell_blocks(text: str) -> str:
    """The shell commands in the fenced blocks of a Markdown file; every other line is empty.

    >>> shell_blocks("Run:\\n```bash\\n$ python train.py\\n```\\n")
    '\\n\\npython train.py\\n\\n'
    """
    kept: list[str] = []
    inside = False
    for line in text.split("\n"):
        if re.match(r"\s*(?:```|~~~)", line):
            inside = not inside and re.match(r"\s*(?:```|~~~)\s*(?:bash|sh|shell|zsh|console)\b", line) is not None
            kept.append("")
        else:
            kept.append(re.sub(r"^\s*\$ ", "", line) if inside else "")
    return "\n".join(kept)


def _processes_of_card(values: Mapping[str, object], beside: Mapping[str, str], *, all_of_them: bool) -> Processes:
    """The number of devices: as listed, or from the total batch."""
    devices, total = (count_of(beside.get(key)) for key in _BESIDE)
    if devices is not None:
        return Processes(devices, "num_devices of the card")
    each = [values.get("per_device_train_batch_size", 8), values.get("gradient_accumulation_steps", 1)]
    share = product(*map(count_of, each))
    if total is not None and share is not None and total % share == 0:
        return Processes(total // share, "total_train_batch_size of the card")
    if all_of_them:
        return Processes(None, "a card of Sentence Transformers lists no devices")
    return Processes(1, "the card lists no num_devices, as it does for one device")
