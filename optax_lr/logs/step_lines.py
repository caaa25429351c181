"""Console lines with a step and numbers, as torchtitan, nanotron, MaxText, litgpt and many own loops print them."""

import re

from optax_lr.logs.formats import Fields, console, number_after

FORMAT = console(
    "step_lines",
    Fields(
        re.compile(
            r"(?<![\w/])(?:global[_ ]?step|step|iteration|iter)[:= ]\s*(\d+)(?:\s*/\s*(\d+))?(?![\d.])", re.IGNORECASE
        ),
        {
            "learning_rate": number_after("(?:learning[_ ]rate|lr)"),
            "loss": number_after("(?:train[_ ]loss|lm[_ ]loss|loss)"),
            "eval_loss": number_after("(?:val|valid|validation|eval)[_ ]loss"),
            "grad_norm": number_after("grad[_ ]norm"),
        },
    ),
)
