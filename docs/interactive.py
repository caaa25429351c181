"""A hook of MkDocs that adds the interactive page and the script of the gallery to the site."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

import optax_lr as olr
from optax_lr.plots.pages.examples import EXAMPLES
from optax_lr.plots.pages.functions import javascript_of
from optax_lr.plots.pages.page import asset

HERE = Path(__file__).parent


def on_files(files: Any, *, config: Any) -> Any:
    """Add `interactive/explore.html` and `interactive/gallery.js` to the files of the site."""
    files.append(File.generated(config, "interactive/explore.html", content=olr.explore().html))
    files.append(File.generated(config, "interactive/gallery.js", content=gallery_script()))
    return files


def gallery_script() -> str:
    """The script that makes the cards of schedules.md interactive, with the functions of all schedules."""
    kinds = javascript_of(EXAMPLES)
    scripts = [asset(name) for name in ("dom.js", "curves.js", "settings.js")] + [(HERE / "gallery.js").read_text()]
    return "\n".join([f"const KINDS = {kinds};", *scripts])
