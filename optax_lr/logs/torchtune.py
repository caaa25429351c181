"""torchtune's DiskLogger: `Step 10 | loss:1.2345678 lr:3e-06 tokens_per_second_per_gpu:...`."""

import re

from optax_lr.logs.formats import Fields, console, number

FORMAT = console(
    "torchtune",
    {"train": Fields(re.compile(r"^\s*Step (\d+) \| "), {"loss": number("loss"), "learning_rate": number("lr")})},
)
