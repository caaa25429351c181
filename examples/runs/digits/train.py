"""A real run to audit: transformers' Trainer learns digits and leaves trainer_state.json in this folder.

python examples/runs/digits/train.py FOLDER      # needs torch and transformers; writes FOLDER/trainer_state.json
optax-lr audit FOLDER --config examples/runs/digits/planned.yaml
"""

from __future__ import annotations

import sys

import torch
import transformers
from sklearn.datasets import load_digits


class Digits(torch.utils.data.Dataset):
    """Some of scikit-learn's digits."""

    def __init__(self, rows: slice):
        images, labels = load_digits(return_X_y=True)
        self.images = torch.tensor(images[rows] / 16, dtype=torch.float32)
        self.labels = torch.tensor(labels[rows])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {"images": self.images[row], "labels": self.labels[row]}


class Network(torch.nn.Module):
    """One hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.layers(images)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def main() -> None:
    """Trains, and saves the state with its log."""
    transformers.set_seed(0)
    arguments = transformers.TrainingArguments(
        sys.argv[1],
        learning_rate=2e-3,
        lr_scheduler_type="cosine",
        warmup_steps=47,
        max_steps=471,
        logging_steps=10,
        per_device_train_batch_size=16,
        eval_strategy="steps",
        eval_steps=100,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    )
    trainer = transformers.Trainer(
        model=Network(), args=arguments, train_dataset=Digits(slice(0, 1400)), eval_dataset=Digits(slice(1400, None))
    )
    trainer.train()
    trainer.save_state()


if __name__ == "__main__":
    main()
