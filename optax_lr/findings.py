"""Findings: what a check reports about a config, a log or a run, with the rule, the numbers and the remedy."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Rule(NamedTuple):
    """A kind of finding.

    Fields:
        code: `LR1..` concerns a config, `LR2..` the rates in a log, `LR3..` the losses in it.
        title: the problem in a few words.
        severity: `error`, `warning` or `note`.
        why: the consequence and the reason, for the rule's section of the documentation.
    """

    code: str
    title: str
    severity: Severity
    why: str = ""

    @classmethod
    def of(cls, head: str, why: str) -> Rule:
        """A rule from its head, in the form in which findings are printed.

        >>> Rule.of("LR101 error: learning rate too high", "The training diverges.").severity
        'error'
        """
        name, title = head.split(": ", 1)
        code, severity = name.split()
        return cls(code, title, next(known for known in SEVERITIES if known == severity), why)


def rules_of(*modules: ModuleType) -> dict[str, Rule]:
    """Every rule that these modules define, by its code."""
    return {rule.code: rule for module in modules for rule in vars(module).values() if isinstance(rule, Rule)}


class Edit(NamedTuple):
    """A change of a config: set `key` (nested keys dotted) to `value`; None removes the key."""

    key: str
    value: object


@dataclasses.dataclass(frozen=True)
class Finding:
    """One result of a check.

    Fields:
        rule: its code, title and severity.
        message: the problem, with its numbers.
        remedy: what to change; empty if the message contains it.
        key: the config key concerned, nested keys dotted; None if the finding is not about one key.
        line: the line of that key in the file, from 1; None if unknown.
        edits: the remedy as changes of the config; empty if a person must choose.
        steps: the optimizer steps (first, last) of a log that show the problem; None for a config.

    >>> rule = Rule("LR101", "learning rate too high", "error")
    >>> print(Finding(rule, "the peak is 0.001", "set learning_rate: 5e-05", key="learning_rate", line=3))
    LR101 error: the peak is 0.001; set learning_rate: 5e-05
    """

    rule: Rule
    message: str
    remedy: str
    key: str | None = None
    line: int | None = None
    edits: tuple[Edit, ...] = ()
    steps: tuple[int, int] | None = None

    @property
    def code(self) -> str:
        """The rule's code, such as `LR101`, which has the same meaning in every version."""
        return self.rule.code

    @property
    def severity(self) -> Severity:
        """`error`, `warning` or `note`."""
        return self.rule.severity

    @property
    def docs(self) -> str:
        """The page that documents the rule."""
        return f"docs/rules/{self.code}.md"

    @property
    def text(self) -> str:
        """The message and the remedy."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message

    def __str__(self) -> str:
        return f"{self.code} {self.severity}: {self.text}"


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Sort errors before warnings before notes, and within a severity by line."""
    return sorted(findings, key=lambda found: (SEVERITIES.index(found.severity), found.line or 0))
