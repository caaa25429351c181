"""Run the real schedulers and store their rates: `python -m tests.reference.generate`."""

from __future__ import annotations

import json
import warnings
from typing import Any

from tests.reference import STORED
from tests.reference.settings import RATE, STEPS, torch_settings, transformers_settings


def optimizer(learning_rate: float = RATE) -> Any:
    """A real optimizer of torch, whose first parameter group the schedulers set."""
    import torch

    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=learning_rate)


def transformers_scheduler(setting: dict[str, Any], learning_rate: float = RATE):
    """The scheduler that `transformers.get_scheduler` builds."""
    import transformers

    return transformers.get_scheduler(
        setting["name"],
        optimizer(learning_rate),
        num_warmup_steps=setting["warmup"],
        num_training_steps=setting["total"],
        scheduler_specific_kwargs=dict(setting["keywords"]),
    )


def torch_scheduler(setting: dict[str, Any]):
    """The scheduler of `torch.optim.lr_scheduler`."""
    from torch.optim import lr_scheduler

    return getattr(lr_scheduler, setting["name"])(optimizer(), **setting["keywords"])


def stepped(scheduler, last: int) -> list[float]:
    """The learning rate in the optimizer after 0, 1, ..., `last` steps of the scheduler."""
    group = scheduler.optimizer.param_groups[0]
    rates = [float(group["lr"])]
    scheduler.optimizer.step()
    for _ in range(last):
        scheduler.step()
        rates.append(float(group["lr"]))
    return rates


def all_cases() -> dict[str, Any]:
    """Everything that is stored."""
    import torch
    import transformers

    found: dict[str, Any] = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "learning_rate": RATE,
        "transformers": [],
        "torch": [],
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Both num_training_steps and num_stable_steps")
        for setting in transformers_settings():
            at = STEPS[setting["total"]]
            rates = stepped(transformers_scheduler(setting), at[-1])
            found["transformers"].append({**setting, "at": at, "rates": [rates[step] for step in at]})
        for setting in torch_settings():
            rates = stepped(torch_scheduler(setting), setting["steps"])
            found["torch"].append({**setting, "at": list(range(len(rates))), "rates": rates})
    return found


if __name__ == "__main__":
    cases = all_cases()
    lines = ",\n".join(
        f'"{key}": '
        + ("[\n" + ",\n".join(map(json.dumps, value)) + "\n]" if isinstance(value, list) else json.dumps(value))
        for key, value in cases.items()
    )
    STORED.write_text("{\n" + lines + "\n}\n")
    count = sum(len(case["rates"]) for library in ("transformers", "torch") for case in cases[library])
    print(f"{count:,} rates of {len(cases['transformers'])} + {len(cases['torch'])} cases in {STORED.name}")
