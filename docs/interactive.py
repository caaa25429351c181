"""A hook of MkDocs: interactive pages, and the script of the gallery, written as the site is built."""

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

import optax_lr as olr
from optax_lr.pages.functions import javascript_of
from optax_lr.pages.page import asset

HERE = Path(__file__).parent


def on_files(files: Any, *, config: Any) -> Any:
    """Adds `interactive/explore.html` and `interactive/gallery.js` to the files of the site."""
    files.append(File.generated(config, "interactive/explore.html", content=olr.explore().html))
    files.append(File.generated(config, "interactive/gallery.js", content=gallery_script()))
    return files


def gallery_script() -> str:
    """The script that makes the cards of schedules.md live, with the functions of all schedules."""
    sys.path.insert(0, str(HERE))  # docs/gallery.py imports its neighbours
    from gallery import SHOWN

    kinds = javascript_of(schedule for kind, schedule in SHOWN.items() if kind is not olr.Function)
    scripts = [asset(name) for name in ("dom", "curves", "settings")] + [(HERE / "gallery.js").read_text()]
    return "\n".join([f"const KINDS = {kinds};", *scripts])
