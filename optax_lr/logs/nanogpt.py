"""nanoGPT's console, which holds no rates: `iter 10: loss 4.1234, time ...`, `step 250: train loss 3.1, val loss 3.2`."""

import re

from optax_lr.logs.formats import Fields, console, number_after

FORMAT = console(
    "nanogpt",
    Fields(re.compile(r"^\s*iter (\d+): "), {"loss": number_after("loss"), "learning_rate": number_after("lr")}),
    Fields(re.compile(r"^\s*step (\d+): train loss"), {"eval_loss": number_after("val loss")}),
)
