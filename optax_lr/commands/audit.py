"""`optax-lr audit`: read logs, identify their schedules, print and write reports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optax_lr.auditing.audit import Audit, audit
from optax_lr.commands.curves import save_figure
from optax_lr.commands.terminal import one_by_one, print_findings, print_written
from optax_lr.configs import ConfigError, read_config
from optax_lr.exit_codes import FINDINGS, FINE, report as report_failure
from optax_lr.linting.formats import as_objects
from optax_lr.outputs import check_output, write_output
from optax_lr.plots.audit import draw
from optax_lr.plots.pages.audit import page
from optax_lr.plots.terminal import drawn


def run(
    logs: Sequence[Path],
    *,
    config: Path | None,
    options: Mapping[str, Any],
    html: Path | None,
    png: Path | None,
    as_json: bool,
    force: bool,
) -> int:
    """See `optax-lr audit --help`. Returns the exit code: 0, 1 if a finding is an error, or that of the worst file."""
    _check_targets(html, png, logs, config, force=force)
    options = dict(options)
    reading = options.pop("reading")
    plan = None if config is None else read_config(config, **reading)
    code = FINE
    reports: list[Audit] = []
    for path in one_by_one(logs, "identifying the schedule"):
        try:
            reports.append(audit(path, plan, **options))
        except Exception as error:
            code = max(code, report_failure(error, path))
    if any(found.severity == "error" for report in reports for found in report.findings):
        code = max(code, FINDINGS)
    if as_json:
        print(json.dumps([audit_summary(report) for report in reports], indent=2))
    elif reports:
        print_findings("\n\n".join("\n".join(filter(None, [report.text, drawn(report)])) for report in reports))
    for report in reports:
        _write(report, html, png, force=force)
    return code


def _check_targets(
    html: Path | None, png: Path | None, logs: Sequence[Path], config: Path | None, *, force: bool
) -> None:
    """Refuse outputs that cannot be written, or that are inputs, before a log is read."""
    for option, path in (("--html", html), ("--png", png)):
        if path is None:
            continue
        if len(logs) > 1:
            raise ConfigError(f"{option} shows one log, not {len(logs)}; call audit once for each of them")
        if path.resolve() in {source.resolve() for source in (*logs, config) if source is not None}:
            raise ConfigError(f"{option} {path}: this file is an input; choose another name")
        check_output(path, overwrite=force, suffixes=(".html", ".htm") if option == "--html" else (".png",))


def _write(report: Audit, html: Path | None, png: Path | None, *, force: bool) -> None:
    """Write the page and the picture, each completely or not at all."""
    if html is not None:
        write_output(html, page(report).encode(errors="backslashreplace"), overwrite=force)
    if png is not None:
        save_figure(png, lambda: draw(report).figure, force=force)
    print_written(html, png)


def audit_summary(report: Audit) -> dict[str, object]:
    """The audit as plain numbers and text."""
    return {
        "log": report.log.source,
        "format": report.log.format,
        "rows": len(report.log),
        "max_steps": report.log.max_steps,
        "explained": report.identified.explained,
        "precision": report.identified.precision,
        "segments": [
            {
                "first_step": int(segment.step[0]),
                "last_step": int(segment.step[-1]),
                "count": segment.count,
                "text": segment.text,
                "lag": [list(pair) for pair in segment.lag],
                "off": segment.off.tolist(),
                "answers": [
                    {
                        "schedule": repr(answer.schedule),
                        "offset": answer.offset,
                        "error": answer.error,
                        "config": answer.config,
                    }
                    for answer in segment.answers
                ],
            }
            for segment in report.identified.segments
        ],
        "plan": None if report.plan is None else repr(report.plan),
        "on_plan": report.on_plan,
        "findings": as_objects([(report.log.source, found) for found in report.findings]),
        "notes": list(report.log.notes),
    }
