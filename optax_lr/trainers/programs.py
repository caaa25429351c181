"""Scripts with training arguments of their own defaults, which are known by their names and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from optax_lr.sources.source import Source
from optax_lr.text import words


class KnownScript(NamedTuple):
    """One script.

    Fields:
        whose: its repository and name.
        options: options that only this script has; a command with one starts it.
        defaults: the settings in which its arguments differ from those of transformers.
    """

    whose: str
    options: frozenset[str]
    defaults: Mapping[str, object]


SCRIPTS = {
    "qlora.py": KnownScript(  # class TrainingArguments at its 7f4e95a
        "artidoro/qlora's qlora.py",
        words(
            "source_max_len target_max_len double_quant quant_type full_finetune max_memory_MB mmlu_split do_mmlu_eval"
        ),
        {
            "learning_rate": 2e-4,
            "lr_scheduler_type": "constant",
            "warmup_ratio": 0.03,
            "max_steps": 10_000,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 16,
        },
    )
}


def script_of(source: Source) -> KnownScript | None:
    """The script that a command starts, if it is one of these and its own file is not here."""
    script = SCRIPTS.get(source.program_name.rpartition("/")[2])
    return script if script is not None and not source.constructor and script.options & source.given.keys() else None
