"""Real runs of `transformers.Trainer` with a tiny model, and their files."""

from __future__ import annotations

from pathlib import Path


def trained(folder: Path, resume: bool | str = False, evaluate: bool = False, **arguments):
    """Run a Trainer whose checkpoints and logs are in `folder`, and return it."""
    import transformers

    from tests.tiny import Data, Model

    arguments = {
        "learning_rate": 2e-4,
        "max_steps": 20,
        "logging_steps": 1,
        "per_device_train_batch_size": 2,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        **({"eval_strategy": "steps", "eval_steps": 5} if evaluate else {}),
        **arguments,
    }
    trainer = transformers.Trainer(
        model=Model(),
        args=transformers.TrainingArguments(str(folder), **arguments),
        train_dataset=Data(64),
        eval_dataset=Data(8) if evaluate else None,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train(resume_from_checkpoint=resume or None)
    trainer.save_state()
    return trainer
