"""`optax-lr recommend`: a config for a use case, with reasons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from optax_lr.commands.terminal import print_or_write
from optax_lr.exit_codes import FINE
from optax_lr.linting.recommend import recommend
from optax_lr.outputs import check_output


def run(*, trainer: str, out: Path | None, as_json: bool, force: bool, **asked: Any) -> int:
    """See `optax-lr recommend --help`."""
    check_output(out, overwrite=force)
    advice = recommend(**asked)
    text = advice.text(trainer)
    if as_json:
        found: dict[str, object] = {
            "config": advice.config(trainer),
            "why": advice.why,
            "alternatives": advice.alternatives,
        }
        if advice.plan is not None:
            found |= {"max_steps": advice.plan.max_steps, "warmup_steps": advice.plan.warmup_steps}
        text = json.dumps(found, indent=2) + "\n"
    print_or_write(text, out, force=force)
    return FINE
