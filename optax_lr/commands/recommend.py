"""What `optax-lr recommend` does: a case in, a config with its reasons out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from optax_lr.commands.targets import check_target, replace
from optax_lr.exit_codes import FINE
from optax_lr.linting.recommend import recommend


def run(*, dialect: str, out: Path | None, as_json: bool, force: bool, **asked: Any) -> int:
    """See `optax-lr recommend --help`."""
    check_target(out, force=force)
    advice = recommend(**asked)
    text = advice.text(dialect)
    if as_json:
        plan = advice.plan
        steps = {} if plan is None else {"max_steps": plan.max_steps, "warmup_steps": plan.warmup_steps}
        config = advice.config(dialect)
        text = (
            json.dumps({"config": config, "why": advice.why, "alternatives": advice.alternatives, **steps}, indent=2)
            + "\n"
        )
    if out is None:
        print(text, end="")
    else:
        replace(out, lambda path: path.write_text(text, encoding="utf-8"))
        print(f"wrote {out}", file=sys.stderr)
    return FINE
