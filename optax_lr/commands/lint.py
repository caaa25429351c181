"""`optax-lr lint`: check configs, print the findings, and write a fixed copy."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import optax_lr
from optax_lr.commands.given import Given
from optax_lr.commands.terminal import print_findings
from optax_lr.configs import ConfigError
from optax_lr.configs.gather import sources_of
from optax_lr.configs.plan import LintFacts, check_options
from optax_lr.exit_codes import FINDINGS, FINE, report
from optax_lr.findings import Finding
from optax_lr.linting.formats import Found, as_github, as_json, as_sarif, as_text
from optax_lr.linting.lint import apply_fixes, lint
from optax_lr.outputs import check_output, write_output
from optax_lr.text import visible


def run(
    files: Sequence[Path],
    *,
    options: LintFacts,
    reading: Given,
    form: str,
    fix: Path | None,
    force: bool,
) -> int:
    """See `optax-lr lint --help`. Returns the exit code: 0, 1 if a finding is an error, or that of the worst file."""
    if form not in _FORMS:
        raise ConfigError(f"--format {form}: write one of {', '.join(_FORMS)}")
    if fix is not None and len(files) > 1:
        raise ConfigError("--fix fixes one file at a time; name one")
    check_output(fix, overwrite=force)
    check_options(**options)
    found: list[tuple[str, Finding]] = []
    code, looked_at = FINE, 0
    for file in files:
        try:
            findings = lint(file, **options, **reading)
        except Exception as error:
            code = max(code, report(error, file))
            continue
        looked_at += 1
        found += [(str(file), finding) for finding in findings]
    if any(finding.severity == "error" for _, finding in found):
        code = max(code, FINDINGS)
    written = _FORMS[form](found)
    if written:
        (print_findings if form == "text" else print)(written)
    if form == "text" and looked_at:
        print(_count(looked_at, [finding for _, finding in found]), file=sys.stderr)
    if fix is not None and code <= FINDINGS:
        _write_fixed(files[0], fix, options, reading["trainer"], force=force)
    return code


def _count(files: int, findings: Sequence[Finding]) -> str:
    parts = []
    for severity in ("error", "warning", "note"):
        number = sum(finding.severity == severity for finding in findings)
        if number:
            parts.append(f"{number} {severity}{'s' * (number > 1)}")
    return f"{files} file{'s' * (files > 1)}: {', '.join(parts) or 'no problems found'}"


def _write_fixed(file: Path, target: Path, options: LintFacts, trainer: str | None, *, force: bool) -> None:
    found = sources_of(file)
    if len(found) > 1:
        raise ConfigError(f"{file} holds {len(found)} configs; --fix fixes a file of one")
    if found[0].text and found[0].text not in file.read_bytes().decode():
        raise ConfigError(f"{file}: the settings are in another file, which this one names or writes; fix that one")
    fixed, done, by_hand = apply_fixes(found[0], options, trainer)
    before, after = found[0].text, fixed.text
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), str(file), str(target), "", "", 1, ""):
        print(visible(line, keep="\t"), file=sys.stderr)
    # The bytes around the document, such as a byte-order mark or the comment above a first `---`, are kept.
    original = file.read_bytes().decode()
    start = original.index(before)
    made = original[:start] + after + original[start + len(before) :]
    write_output(target, made.encode(), overwrite=force, mode_of=file)
    print(f"wrote {visible(str(target))}: {len(done)} finding{'s' * (len(done) != 1)} fixed", file=sys.stderr)
    for finding in by_hand:
        print(visible(f"{file}: {finding.code} must be fixed by hand: {finding.remedy}"), file=sys.stderr)


_FORMS: dict[str, Callable[[Found], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "sarif": lambda found: as_sarif(found, optax_lr.__version__),
}
