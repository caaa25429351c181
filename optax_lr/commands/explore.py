"""`optax-lr explore`: a page on which the plans of configs, or any schedules, can be changed and compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from optax_lr.commands.given import Given
from optax_lr.commands.terminal import of_each, print_written, waiting
from optax_lr.configs import ConfigError
from optax_lr.configs.plan import Facts
from optax_lr.outputs import check_output
from optax_lr.plots.pages.explore import entries_of, explore, page_of


def run(files: Sequence[Path], *, options: Facts, reading: Given, html: Path, force: bool) -> int:
    """See `optax-lr explore --help`. The exit code: 0, or that of the worst file."""
    check_output(html, overwrite=force, suffixes=(".html", ".htm"))
    if html.resolve() in {file.resolve() for file in files}:
        raise ConfigError(f"--html {html}: this file is read; choose another name")
    found, code = of_each(files, lambda file: entries_of(file, options, **reading))
    entries = [entry for entries in found for entry in entries]
    if files and not entries:
        return code
    with waiting("the page"):
        page = page_of(entries) if files else explore()
    page.save(html, overwrite=force)
    print_written(html)
    return code
