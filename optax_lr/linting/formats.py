"""Findings as text, JSON, GitHub annotations and SARIF."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from optax_lr.findings import Finding
from optax_lr.text import visible

Found = Sequence[tuple[str, Finding]]  # with the file that each is in
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(found: Found) -> str:
    """One line a finding, as compilers write it: `file:line: code severity: message; remedy`."""
    return "\n".join(f"{path}:{finding.line or 1}: {finding}" for path, finding in found)


def as_objects(found: Found) -> list[dict[str, object]]:
    """The findings as plain numbers and words, for JSON."""
    return [
        {
            "file": path,
            "line": finding.line,
            "code": finding.code,
            "severity": finding.severity,
            "title": finding.rule.title,
            "key": finding.key,
            "message": finding.message,
            "remedy": finding.remedy,
            "steps": finding.steps,
            "edits": [edit._asdict() for edit in finding.edits],
            "docs": finding.docs,
        }
        for path, finding in found
    ]


def as_github(found: Found) -> str:
    """Workflow commands, which GitHub Actions shows at the line of the file."""
    lines = []
    for path, finding in found:
        level = finding.severity.replace("note", "notice")
        where = f"file={_escaped(path, ':,')},line={finding.line or 1},title={finding.code} {_escaped(finding.rule.title, ':,')}"
        lines.append(f"::{level} {where}::{_escaped(finding.text)}")
    return "\n".join(lines)


def as_sarif(found: Found, version: str) -> str:
    """A SARIF 2.1.0 log, as code-scanning services read it."""
    rules = [
        {
            "id": rule.code,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.why or rule.title},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in sorted({finding.rule for _, finding in found})
    ]
    results = []
    for path, finding in found:
        place = {"artifactLocation": {"uri": _uri(path)}, "region": {"startLine": finding.line or 1}}
        result = {"ruleId": finding.code, "level": finding.severity, "message": {"text": finding.text}}
        results.append(result | {"locations": [{"physicalLocation": place}]})
    driver = {"name": "optax-lr", "version": version, "rules": rules}
    runs = [{"tool": {"driver": driver}, "results": results}]
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": runs})


def _uri(path: str) -> str:
    """A path as a URI; a relative one stays relative, as services that know the repository want it."""
    return Path(path).as_uri() if Path(path).is_absolute() else quote(os.fsencode(path.replace("\\", "/")))


def _escaped(text: str, more: str = "") -> str:
    """The characters that a workflow command gives a meaning, as it wants them."""
    text = visible(text, keep="\r\n")
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
