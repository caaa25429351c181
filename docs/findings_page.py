"""Writes docs/findings.md: every code with what happens and why. Run it after a rule has changed."""

from pathlib import Path

from optax_lr.auditing import loss_rules, rate_rules
from optax_lr.linting.formats import as_page
from optax_lr.linting.lint import RULES

PAGE = Path(__file__).parent / "findings.md"
HEAD = """# Findings

What `optax-lr lint` reports of configs (`LR1..`), and an audit of a log: of its rates (`LR2..`) and of its losses (`LR3..`). A code
keeps its meaning in every version. An *error* makes the exit code 1.

"""


def page() -> str:
    """The page as it must stand in the repository."""
    return HEAD + as_page([*RULES.values(), *rate_rules.RULES, *loss_rules.RULES]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
