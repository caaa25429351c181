"""`optax-lr recommend`: a config for a use case, with reasons."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from optax_lr.exit_codes import FINE
from optax_lr.linting.recommend import recommend
from optax_lr.outputs import check_output, write_output
from optax_lr.text import visible


def run(*, trainer: str, out: Path | None, as_json: bool, force: bool, **asked: Any) -> int:
    """See `optax-lr recommend --help`."""
    check_output(out, overwrite=force)
    advice = recommend(**asked)
    text = advice.text(trainer)
    if as_json:
        plan = advice.plan
        steps = {} if plan is None else {"max_steps": plan.max_steps, "warmup_steps": plan.warmup_steps}
        config = advice.config(trainer)
        text = (
            json.dumps({"config": config, "why": advice.why, "alternatives": advice.alternatives, **steps}, indent=2)
            + "\n"
        )
    if out is None:
        print(text, end="")
    else:
        write_output(out, text.encode(), overwrite=force)
        print(f"wrote {visible(str(out))}", file=sys.stderr)
    return FINE
