"""`optax-lr lint`: check configs, print the findings, and write a fixed copy."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import optax_lr
from optax_lr.commands.given import Given
from optax_lr.commands.terminal import of_each, print_findings
from optax_lr.configs import ConfigError
from optax_lr.configs.gather import sources_of
from optax_lr.configs.plan import LintFacts, check_options
from optax_lr.exit_codes import FINDINGS
from optax_lr.findings import SEVERITIES
from optax_lr.linting.formats import Found, as_github, as_objects, as_sarif, as_text
from optax_lr.linting.lint import apply_fixes, lint
from optax_lr.outputs import check_output, write_output
from optax_lr.text import counted, visible


def run(files: Sequence[Path], *, options: LintFacts, reading: Given, form: str, fix: Path | None, force: bool) -> int:
    """See `optax-lr lint --help`. Returns the exit code: 0, 1 if a finding is an error, or that of the worst file."""
    if form not in _FORMS:
        raise ConfigError(f"--format {form}: write one of {', '.join(_FORMS)}")
    if fix is not None and len(files) > 1:
        raise ConfigError("--fix fixes one file at a time; name one")
    check_output(fix, overwrite=force)
    check_options(**options)
    checked, code = of_each(files, lambda file: (str(file), lint(file, **options, **reading)))
    found = [(file, finding) for file, findings in checked for finding in findings]
    severities = [finding.severity for _, finding in found]
    if "error" in severities:
        code = max(code, FINDINGS)
    if written := _FORMS[form](found):
        (print_findings if form == "text" else print)(written)
    if form == "text" and checked:
        counts = [counted(number, one) for one in SEVERITIES if (number := severities.count(one))]
        print(f"{counted(len(checked), 'file')}: {', '.join(counts) or 'no problems found'}", file=sys.stderr)
    if fix is not None and code <= FINDINGS:
        _write_fixed(files[0], fix, options, reading["trainer"], force=force)
    return code


def _write_fixed(file: Path, target: Path, options: LintFacts, trainer: str | None, *, force: bool) -> None:
    found = sources_of(file)
    if len(found) > 1:
        raise ConfigError(f"{file} holds {len(found)} configs; --fix fixes a file of one")
    if not file.exists():  # FILE#2
        raise ConfigError(f"{file} is one of the configs of a file; --fix fixes a file of one")
    # The bytes around the document, such as a byte-order mark or the comment above a first `---`, are kept.
    original, before = file.read_bytes().decode(), found[0].text
    if before not in original:
        raise ConfigError(f"{file}: the settings are in another file, which this one names or writes; fix that one")
    fixed, done, by_hand = apply_fixes(found[0], options, trainer)
    after = fixed.text
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), str(file), str(target), "", "", 1, ""):
        print(visible(line, keep="\t"), file=sys.stderr)
    write_output(target, original.replace(before, after, 1).encode(), overwrite=force, mode_of=file)
    print(f"wrote {visible(str(target))}: {counted(len(done), 'finding')} fixed", file=sys.stderr)
    for finding in by_hand:
        print(visible(f"{file}: {finding.code} must be fixed by hand: {finding.remedy}"), file=sys.stderr)


_FORMS: dict[str, Callable[[Found], str]] = {
    "text": as_text,
    "json": lambda found: json.dumps(as_objects(found), indent=2),
    "github": as_github,
    "sarif": lambda found: as_sarif(found, optax_lr.__version__),
}
