"""Rates of the real PyTorch schedulers for the demo's configs; `python examples/pytorch_values.py` writes pytorch_values.json.

Needs torch and transformers, which the demo itself does not.
"""

from __future__ import annotations

import json
from pathlib import Path

STORED = Path(__file__).with_name("pytorch_values.json")
SETTINGS = [
    ("linear", 100, 1000, {}),
    ("cosine", 100, 1000, {}),
    ("cosine_with_restarts", 100, 1000, {"num_cycles": 3}),
    ("polynomial", 100, 1000, {"power": 2.0}),
    ("constant_with_warmup", 100, 1000, {}),
    ("inverse_sqrt", 100, 1000, {}),
]


def main() -> None:
    """Step each scheduler through its run and store every tenth rate."""
    import torch
    import transformers

    cases = []
    for name, warmup, total, keywords in SETTINGS:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-5)
        scheduler = transformers.get_scheduler(name, optimizer, warmup, total, scheduler_specific_kwargs=keywords)
        optimizer.step()
        rates = []
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
        cases.append(
            {"name": name, "warmup_steps": warmup, "max_steps": total, "keywords": keywords, "rates": rates[::10]}
        )
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    STORED.write_text(
        f'{{"versions": {json.dumps(versions)}, "learning_rate": 5e-05, "every": 10, "cases": [\n{lines}\n]}}\n'
    )


if __name__ == "__main__":
    main()
