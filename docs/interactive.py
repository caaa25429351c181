"""A hook of MkDocs: interactive pages, written as the site is built."""

from typing import Any

from mkdocs.structure.files import File

import optax_lr as olr


def on_files(files: Any, *, config: Any) -> Any:
    """Adds `interactive/explore.html` to the files of the site."""
    files.append(File.generated(config, "interactive/explore.html", content=olr.explore().html))
    return files
