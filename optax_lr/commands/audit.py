"""`optax-lr audit`: read logs, identify their schedules, print and write reports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optax_lr.auditing.audit import Audit, audit
from optax_lr.commands.curves import save_figure
from optax_lr.commands.given import Given
from optax_lr.commands.inputs import config_of
from optax_lr.commands.terminal import of_each, one_by_one, print_findings, print_written
from optax_lr.configs import ConfigError
from optax_lr.exit_codes import FINDINGS
from optax_lr.linting.formats import as_objects
from optax_lr.outputs import check_output
from optax_lr.plots.audit import draw
from optax_lr.plots.pages.audit import audit_page
from optax_lr.plots.terminal import drawn


def run(
    logs: Sequence[Path],
    config: tuple[Path | None, Given] | None,
    *,
    options: Mapping[str, Any],
    html: Path | None,
    png: Path | None,
    as_json: bool,
    force: bool,
) -> int:
    """See `optax-lr audit --help`. Returns the exit code: 0, 1 if a finding is an error, or that of the worst file."""
    read = {path.resolve() for path in (*logs, config and config[0]) if path is not None}
    for option, path, suffixes in (("--html", html, (".html", ".htm")), ("--png", png, (".png",))):
        if path is not None and len(logs) > 1:
            raise ConfigError(f"{option} shows one log, not {len(logs)}; call audit once for each of them")
        if path is not None and path.resolve() in read:
            raise ConfigError(f"{option} {path}: this file is an input; choose another name")
        check_output(path, overwrite=force, suffixes=suffixes)
    plan = None if config is None else config_of(*config)
    reports, code = of_each(one_by_one(logs, "identifying the schedule"), lambda log: audit(log, plan, **options))
    if any(found.severity == "error" for report in reports for found in report.findings):
        code = max(code, FINDINGS)
    if as_json:
        print(json.dumps([audit_summary(report) for report in reports], indent=2))
    elif reports:
        print_findings("\n\n".join("\n".join(filter(None, [report.text, drawn(report)])) for report in reports))
    if reports and html is not None:
        audit_page(reports[0]).save(html, overwrite=force)
    if reports and png is not None:
        save_figure(png, lambda: draw(reports[0]).figure, force=force)
    if reports:
        print_written(html, png)
    return code


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
