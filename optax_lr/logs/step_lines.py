"""Console lines with a step and numbers, as torchtitan, nanotron, MaxText, litgpt and many own loops print them."""

import re

from optax_lr.logs.formats import Fields, console, number

FORMAT = console(
    "step_lines",
    {
        "train": Fields(
            re.compile(
                r"(?<![\w/])(?:global[_ ]?step|step|iteration|iter)[:= ]\s*(\d+)(?:\s*/\s*(\d+))?(?![\d.])",
                re.IGNORECASE,
            ),
            {
                "learning_rate": number("(?:learning[_ ]rate|lr)"),
                "loss": number("(?:train[_ ]loss|lm[_ ]loss|loss)"),
                "eval_loss": number("(?:val|valid|validation|eval)[_ ]loss"),
                "grad_norm": number("grad[_ ]norm"),
            },
        )
    },
    without_rates="no line holds a rate: print the rate with the loss, or give TensorBoard's event files",
)
