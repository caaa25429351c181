"""Megatron-LM's and Megatron-Core's console: ` iteration 10/ 1000 | ... learning rate: 1.0E-06 | ... lm loss: 1.0E+01 |`."""

import re

from optax_lr.logs.formats import Fields, console, number_after

FORMAT = console(
    "megatron",
    Fields(
        re.compile(r"\biteration\s+(\d+)\s*/\s*(\d+)\s*\|"),
        {
            "learning_rate": number_after("learning rate"),
            "loss": number_after("lm[ _-]loss"),
            "grad_norm": number_after("grad norm"),
        },
    ),
    Fields(re.compile(r"validation loss at iteration (\d+)\b"), {"eval_loss": number_after("lm loss value")}),
)
