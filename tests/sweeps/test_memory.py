"""A sweep stores its result, and nothing else of that size; a summary stores one block."""

import json
import statistics
import sys

import pytest

import optax_lr as olr
from tests.cases import CLASSES, usual
from tests.children import printed_by
from tests.sweeps.batches import many, mixed, one_kind

ROWS, STEPS = 256, 2**13
LONG = 2**18  # the curves of one batch over this number of steps take 256 MiB
DOCUMENTED = ["constant", "linear", "cosine", "restarts", "small powers", "inverse_sqrt", "rsqrt"]
PROGRAM = """
import json
from tests.peak import peak_growth
from tests.sweeps.test_memory import LONG, STEPS, batches
import optax_lr as olr

def swept(batch):
    return olr.sweep(batch, STEPS).block_until_ready()

found = {}
for name, batch in batches().items():
    first = swept(batch)  # compiled; and kept, or its memory might be freed later than the measurement begins
    found[name] = peak_growth(lambda: swept(batch)) / first.nbytes
olr.sweep_summary(batch, LONG)  # compiled
found["summary"] = min(peak_growth(lambda: olr.sweep_summary(batch, LONG)) for _ in range(3)) / (4 * len(batch) * LONG)
print(json.dumps(found))
"""


def batches():
    """Batches of one kind, of the documented kinds and of all kinds; a batch of each class, and one of all classes."""
    classes = {kind.__name__: many(usual(kind), ROWS) for kind in CLASSES}
    every = olr.concatenate([many(usual(kind), 8) for kind in CLASSES if kind is not olr.Mixed])
    made = {"mixed": mixed(ROWS, STEPS, DOCUMENTED), "mixed, all kinds": mixed(ROWS, STEPS), "every class": every}
    return made | one_kind(ROWS, STEPS) | classes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory a process has taken at once")
def test_a_sweep_allocates_only_its_result():
    """A sweep stores the settings of each row in float64 for each branch, and no second array of the size of the result."""
    growth = json.loads(printed_by(PROGRAM, MALLOC_MMAP_THRESHOLD_="1048576"))
    assert growth.pop("summary") < 1 / 8
    assert growth.keys() == batches().keys()
    assert {name: share for name, share in growth.items() if share >= 1.5} == {}
    assert (
        statistics.median(growth.values()) > 0.9
    )  # the measurement sees the result itself, where it takes fresh memory
