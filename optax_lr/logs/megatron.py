"""Megatron-LM's and Megatron-Core's console: ` iteration 10/ 1000 | ... learning rate: 1.0E-06 | ... lm loss: 1.0E+01 |`."""

import re

from optax_lr.logs.formats import Fields, console, number

FORMAT = console(
    "megatron",
    {
        "train": Fields(
            re.compile(r"\biteration\s+(\d+)\s*/\s*(\d+)\s*\|"),
            {
                "learning_rate": number("learning rate"),
                "loss": number("lm loss"),
                "grad_norm": number("grad norm"),
            },
        ),
        "eval": Fields(re.compile(r"validation loss at iteration (\d+)\b"), {"eval_loss": number("lm loss value")}),
    },
)
