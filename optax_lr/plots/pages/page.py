"""Pages of HTML that need nothing else, neither a file nor a network."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from optax_lr.outputs import check_output, write_output

_SUFFIXES = (".html", ".htm")


class Page:
    """One page of HTML. A notebook shows it where it is the last value of a cell; `save` writes it.

    Fields:
        title: the heading.
        html: the page itself. It holds its own scripts, and forbids itself to fetch anything.
    """

    def __init__(self, title: str, html: str) -> None:
        self.title, self.html = title, html

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the page to a file, completely or not at all, and return its path.

        Raises:
            OSError: one line, for an existing file without `overwrite`, a folder, a name that does not end in .html, and
                where the file system refuses.
        """
        target = Path(path)
        check_output(target, overwrite=overwrite, suffixes=_SUFFIXES)
        write_output(target, self.html.encode(), overwrite=overwrite)
        return target

    def _repr_html_(self) -> str:
        # In a frame of its own, which can run its scripts and cannot touch the notebook.
        return (
            f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts allow-downloads" allow="clipboard-write" '
            f'style="width:100%;height:880px;border:0" srcdoc="{html.escape(self.html)}"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<Page {self.title!r}, {len(self.html) / 1e3:,.0f} kB; save(path) writes it>"


def filled(template: str, parts: Mapping[str, str]) -> str:
    """A template of this folder with `{{name}}` replaced by a part, or by the script or style sheet of that name.

    `{{head}}` is the beginning that all pages of this folder share.

    Parts are put in as they are: text must be escaped before.
    """

    def part(match: re.Match[str]) -> str:
        return parts[match[1]] if match[1] in parts else asset(match[1])

    text = _read(template).replace("{{head}}", _read("head.html").rstrip())
    return re.sub(r"\{\{(\w+)\}\}", part, text)


def asset(name: str) -> str:
    """A script of this folder, or `style`, the style sheet."""
    return _read("style.css" if name == "style" else f"{name}.js").rstrip()


def _read(name: str) -> str:
    return files("optax_lr.plots.pages").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def vega() -> str:
    """Vega as a script, 898 kB.

    Raises:
        ImportError: one line that says what to install.
    """
    try:
        import vl_convert
    except ImportError:
        raise ImportError('the charts of a page need vl-convert-python: pip install "optax-lr[pages]"') from None
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", "<\\/script")
