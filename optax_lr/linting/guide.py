"""A practitioner's guide as data: which schedule, rate, warmup and length it recommends for what.

Source: a Korean practitioner's guide of 2025-08-16 to the learning-rate schedulers of LLaMA-Factory, its tables of
strengths and of recommendations.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One recommendation; None where the guide says nothing."""

    lr_scheduler_type: str
    learning_rate: float
    warmup_steps: int | None = None
    num_train_epochs: float | None = None
    num_cycles: int | None = None
    per_device_train_batch_size: int | None = None
    remark: str = ""


class Character(NamedTuple):
    """The strengths, the weaknesses and the uses of a schedule."""

    strong: str
    weak: str
    fits: str


CHARACTERS = {
    "linear": Character(
        "simple, predictable, quick to converge at first, easy to debug",
        "falls fast late, and may stop in a local optimum",
        "short runs of 1 to 3 epochs, steady data, prototypes",
    ),
    "cosine": Character(
        "smooth, keeps a useful rate until late, good in most cases",
        "its formula is less obvious, and it is harder to tune",
        "most fine-tuning, long runs, best quality",
    ),
    "cosine_with_restarts": Character(
        "can leave local optima, helps long runs, explores",
        "complex to set up, can be unstable, trains longer",
        "very long runs of 10 epochs and more, complex data, research",
    ),
    "polynomial": Character(
        "its shape is set finely by power",
        "one more hyperparameter, usually behind cosine",
        "special needs, experiments",
    ),
    "constant": Character(
        "simplest, predictable, steady",
        "no refinement late, and may stop in a local optimum",
        "very short runs, stability first, debugging",
    ),
    "inverse_sqrt": Character("that of the original Transformer", "", "pre-training"),
}
RANKING = ("cosine", "linear", "cosine_with_restarts", "constant", "polynomial")

_RESTARTS = "cosine_with_restarts"
METHODS = {
    "lora": Row("cosine", 1e-4, 100),
    "qlora": Row("linear", 2e-4, 200, remark="quantisation makes it less stable"),
    "full": Row("cosine", 1e-5, 1000, remark="with care"),
}
TASKS = {
    "generation": Row("cosine", 5e-5, 100, 3),
    "classification": Row("cosine", 5e-5, 100, 3),
    "chatbot": Row("cosine", 3e-5, 200, 3),
    "code": Row("linear", 1e-5, 500, 5),
    "prototype": Row("linear", 1e-4, 50, 1),
    "research": Row(_RESTARTS, 5e-5, 100, 10, num_cycles=2),
}
SITUATIONS = {
    "first-time": Row("cosine", 5e-5, 100),
    "quick-experiment": Row("linear", 1e-4, 50),
    "production": Row("cosine", 3e-5, 300),
    "research": Row(_RESTARTS, 5e-5, 200, num_cycles=2),
}
DOMAINS = {
    "dialogue": Row("constant_with_warmup", 5e-5),
    "analysis": Row("cosine", 1e-5),
    "extraction": Row("linear", 1e-4),
}
HARDWARE = {
    "a100": Row(_RESTARTS, 5e-5, per_device_train_batch_size=16),
    "h100": Row(_RESTARTS, 5e-5, per_device_train_batch_size=16),
    "rtx4090": Row("cosine", 5e-5, per_device_train_batch_size=8),
    "v100": Row("cosine", 5e-5, per_device_train_batch_size=8),
    "rtx3080": Row("linear", 1e-4, per_device_train_batch_size=2),
    "rtx4060": Row("linear", 1e-4, per_device_train_batch_size=2),
}


def data_set(num_examples: int) -> tuple[str, Row]:
    """The row for a data set of that size, and its name.

    >>> data_set(5000)[0]
    '1,000 to 10,000 examples'
    """
    if num_examples < 1000:
        return "under 1,000 examples", Row("linear", 1e-4, 20, 5, remark="converges quickly, and may overfit")
    if num_examples <= 10_000:
        return "1,000 to 10,000 examples", Row("cosine", 5e-5, 100, 3, remark="balanced")
    return "over 10,000 examples", Row("cosine", 3e-5, 500, 2, remark="steady, precise")


# Three mistakes that the guide documents: a rate of 1e-3; restarts in 100 steps or one epoch; a warmup of 83 % of a run.
TOO_HIGH = 1e-3
SHORT_RUN_STEPS, SHORT_RUN_EPOCHS = 100, 1
WARMUP_SHARE = 0.1
