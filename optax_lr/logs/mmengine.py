"""mmengine's console: `Iter(train) [   50/80000]  lr: 1.0000e-02  ... loss: 1.2345`.

Its JSON, one object a line, is read as any other; a console line with an epoch counts iterations of the epoch.
"""

import re

from optax_lr.logs.formats import Fields, console, number_after

_NUMBERS = {"learning_rate": number_after("lr"), "loss": number_after("loss"), "grad_norm": number_after("grad_norm")}
FORMAT = console(
    "mmengine",
    Fields(re.compile(r"Iter(?:\(train\))?\s+\[\s*(\d+)\s*/\s*(\d+)\]"), _NUMBERS),
    Fields(re.compile(r"Epoch(?:\(train\))?\s*\[(?P<epoch>\d+)\]\s*\[\s*(?P<step>\d+)\s*/\s*(?P<of>\d+)\]"), _NUMBERS),
)
