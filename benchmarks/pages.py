"""The size of interactive pages, and the time until a browser has drawn them.

python -m benchmarks.pages
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import numpy as np

import optax_lr as olr
from benchmarks.timing import machine, table
from optax_lr.plots.pages.examples import EXAMPLES
from optax_lr.plots.pages.functions import javascript_of
from optax_lr.plots.pages.page import vega
from optax_lr.plots.pages.sweep import sweep_page
from tests.browser import seen

_DRAWN = """
while (!document.querySelector("#chart .mark-line path")) await new Promise(done => setTimeout(done, 5));
const drawn = performance.now(), again = 5;
for (let time = 0; time < again; time++) { redraw(); await new Promise(done => setTimeout(done, 0)); }
return [drawn, (performance.now() - drawn) / again];"""


def main() -> None:
    """Print the tables."""
    large = olr.grid(
        olr.Cosine, learning_rate=np.geomspace(1e-6, 1e-3, 50), warmup_steps=np.arange(0, 500, 5), max_steps=1000
    ).reshape(-1)
    pages = {
        "`olr.explore()`": olr.explore(),
        "`sweep --html`, 200 curves": sweep_page(large[::25], ["sft.yaml"] * 200, steps=1001, past_end="nan"),
        "`sweep --html`, 5,000 curves": sweep_page(large, ["sft.yaml"] * 5000, steps=1001, past_end="nan"),
    }
    rows = []
    for name, page in pages.items():
        with tempfile.TemporaryDirectory() as folder:
            drawn, again = seen(page.html, Path(folder), _DRAWN)
        size = len(page.html.encode())
        zipped = len(gzip.compress(page.html.encode()))
        rows.append(
            [name, f"{size / 1e3:,.0f} kB", f"{zipped / 1e3:,.0f} kB", f"{drawn / 1e3:.1f} s", f"{again:.0f} ms"]
        )
    print(table(["page", "size", "compressed", "until it is drawn", "a change"], rows))
    parts = {"Vega": vega(), "the functions of all schedules": javascript_of(EXAMPLES)}
    print()
    print(table(["part", "size"], [[name, f"{len(text) / 1e3:,.0f} kB"] for name, text in parts.items()]))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
