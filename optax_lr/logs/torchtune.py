"""torchtune's DiskLogger: `Step 10 | loss:1.2345678 lr:3e-06 tokens_per_second_per_gpu:...`."""

import re

from optax_lr.logs.formats import Fields, console, number_after

FORMAT = console(
    "torchtune",
    Fields(re.compile(r"^\s*Step (\d+) \| "), {"loss": number_after("loss"), "learning_rate": number_after("lr")}),
)
