"""Write docs/findings.md, a table of all codes, and a page for each code. The examples of the pages are executed.

python docs/findings_page.py
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
from rule_examples import ALSO, CONFIGS, LOGS, NONE

import optax_lr as olr
from optax_lr.auditing import loss_rules, rate_rules
from optax_lr.findings import Finding, Rule, rules_of
from optax_lr.linting.lint import RULES

PAGE = Path(__file__).parent / "findings.md"
FOLDER = Path(__file__).parent / "rules"
ALL = sorted([*RULES.values(), *rules_of(rate_rules, loss_rules).values()])
ALWAYS = {"LR103", "LR105"}  # notes that nearly every plan has
GROUPS = {"LR1": "Configs, by `optax-lr lint`", "LR2": "Rates of a log, by `optax-lr audit`", "LR3": "Losses of a log"}
HEAD = """# Findings

The findings of `optax-lr lint` in configs (`LR1..`), and of `optax-lr audit` in the rates (`LR2..`) and the losses (`LR3..`)
of a log. A code has the same meaning in every version. If a finding is an *error*, the exit code is 1. Each code has a page
with a wrong and a right example, which the tests run.
"""


def page() -> str:
    """The text of docs/findings.md: a table for each group."""
    lines = [HEAD]
    for prefix, title in GROUPS.items():
        lines += [f"## {title}", "", "| code | | severity |", "|---|---|---|"]
        for rule in ALL:
            if rule.code.startswith(prefix):
                name = f'<a id="{rule.code.lower()}"></a>[{rule.code}](rules/{rule.code}.md)'
                lines.append(f"| {name} | {rule.title} | {rule.severity} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def rule_page(rule: Rule) -> str:
    """The page of a rule. Both examples are executed.

    Raises:
        AssertionError: the wrong example yields another rule or none, or the right one yields any.
    """
    title = rule.title[:1].upper() + rule.title[1:]
    lines = [f"# {rule.code}: {title}", "", f"*{rule.severity}* · [all findings](../findings.md)", "", rule.why, ""]
    if rule.code in NONE:
        return "\n".join([*lines, NONE[rule.code]]) + "\n"
    wrong, right = (config_found if rule.code in CONFIGS else log_found)(rule.code)
    codes = {finding.code for finding in wrong}
    also = ALSO.get(rule.code, set())
    assert codes - also - ALWAYS == {rule.code} - ALWAYS, (rule.code, codes)
    assert rule.code in codes, (rule.code, codes)
    assert {finding.code for finding in right} <= ALWAYS - {rule.code}, (rule.code, right)
    example = CONFIGS.get(rule.code) or LOGS[rule.code]
    language = (
        "python" if rule.code in LOGS else {".yaml": "yaml", ".sh": "sh", ".py": "python"}[CONFIGS[rule.code].suffix]
    )
    messages = [str(finding) for finding in wrong if finding.code in {rule.code} | also]
    start = "import numpy as np\nimport optax_lr as olr\n\n" if rule.code in LOGS else ""
    lines += ["## Wrong", "", f"```{language}", start + example[0].rstrip(), "```", "", "```text", *messages, "```", ""]
    lines += ["## Right", "", f"```{language}", start + example[1].rstrip(), "```"]
    return "\n".join(lines) + "\n"


def config_found(code: str) -> list[tuple[Finding, ...]]:
    """The findings of `lint` in the two configs."""
    example = CONFIGS[code]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"train{example.suffix}"
        for text in (example.wrong, example.right):
            path.write_text(text)
            found.append(olr.lint(path, **{"world_size": 1} | example.options))
    return found


def log_found(code: str) -> list[tuple[Finding, ...]]:
    """The findings of the two programs."""
    return [findings_of(program) for program in LOGS[code]]


@functools.cache
def findings_of(program: str) -> tuple[Finding, ...]:
    """The value of `findings` after a program has run."""
    names = {"np": np, "olr": olr}
    exec(program, names)  # noqa: S102 - a program of rule_examples.py
    return names["findings"]


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    PAGE.write_text(page())
    for rule in ALL:
        (FOLDER / f"{rule.code}.md").write_text(rule_page(rule))


if __name__ == "__main__":
    main()
