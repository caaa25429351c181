"""`optax-lr convert`: the curve of a config as a config of another trainer."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from optax_lr.commands.given import Given
from optax_lr.commands.inputs import config_of
from optax_lr.commands.terminal import print_or_write
from optax_lr.configs.convert import convert
from optax_lr.configs.plan import Facts
from optax_lr.exit_codes import FINE
from optax_lr.outputs import check_output
from optax_lr.text import visible


def run(
    file: Path | None, *, to: str, options: Facts, reading: Given, out: Path | None, as_json: bool, force: bool
) -> int:
    """See `optax-lr convert --help`."""
    check_output(out, overwrite=force)
    config = config_of(file, reading)
    plan = config.plan(**options)
    text = convert(plan, to)
    for note in (*config.notes, *plan.notes):
        print(f"optax-lr: note: {visible(note)}", file=sys.stderr)
    if as_json:
        text = json.dumps({"config": config.source, "trainer": config.trainer, "to": to, "text": text}, indent=2) + "\n"
    print_or_write(text, out, force=force)
    return FINE
