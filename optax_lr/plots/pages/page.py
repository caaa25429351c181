"""Pages of HTML that need nothing else, neither a file nor a network."""

from __future__ import annotations

import dataclasses
import functools
import html
from importlib.resources import files
from pathlib import Path

import optax_lr
from optax_lr.outputs import check_output, write_output
from optax_lr.plots.scale import LOG
from optax_lr.plots.style import CURVES, ROLES
from optax_lr.text import visible

_SUFFIXES = (".html", ".htm")


@dataclasses.dataclass(frozen=True, repr=False)
class Page:
    """One page of HTML. A notebook shows it where it is the last value of a cell; `save` writes it.

    Fields:
        title: the heading.
        html: the page itself. It holds its own scripts, and forbids itself to fetch anything.
    """

    title: str
    html: str

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the page to a file, completely or not at all, and return its path.

        Raises:
            OSError: one line, for an existing file without `overwrite`, a folder, a name that does not end in .html, and
                where the file system refuses.
        """
        target = Path(path)
        check_output(target, overwrite=overwrite, suffixes=_SUFFIXES)
        write_output(target, self.html.encode(errors="backslashreplace"), overwrite=overwrite)
        return target

    def _repr_html_(self) -> str:
        # In a frame of its own, which can run its scripts and cannot touch the notebook.
        return (
            f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts allow-downloads" allow="clipboard-write" '
            f'style="width:100%;height:880px;border:0" srcdoc="{html.escape(self.html)}"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<Page {self.title!r}, {len(self.html) / 1e3:,.0f} kB; save(path) writes it>"


def filled(template: str, title: str, **parts: object) -> Page:
    """Fill a template of this folder with the parts; their text is escaped.

    Raises:
        ImportError: one line that says what to install.
    """
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError:
        raise ImportError('pages are made with jinja2: pip install "optax-lr[pages]"') from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("optax_lr.plots.pages", ""), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.policies["json.dumps_kwargs"] = {}  # keys keep their order
    environment.globals |= {
        "file": lambda name: Markup(asset(name)),  # noqa: S704 (files of this folder)
        "vega": lambda: Markup(vega()),  # noqa: S704
        "colours": ROLES | {f"curve-{number}": pair for number, pair in enumerate(CURVES)},
        "most_curves": len(CURVES),
        "log_axis": LOG,
        "version": optax_lr.__version__,
    }
    title = visible(title)
    return Page(title, environment.get_template(template).render(title=title, **parts))


def asset(name: str) -> str:
    """A script or style sheet of this folder."""
    return files("optax_lr.plots.pages").joinpath(name).read_text(encoding="utf-8").rstrip()


@functools.cache
def vega() -> str:
    """Vega as a script, 581 kB; Vega-Lite and Vega-Embed, which the charts do not use, would be 316 kB more.

    Raises:
        ImportError: one line that says what to install.
    """
    try:
        import vl_convert
    except ImportError:
        raise ImportError('the charts of a page need vl-convert-python: pip install "optax-lr[pages]"') from None
    source = (
        f"https://cdn.jsdelivr.net/npm/vega@{vl_convert.get_vega_version()}/+esm"  # the name of a file in the package
    )
    script: str = vl_convert.javascript_bundle(
        f'import {{View, parse}} from "{source}"; window.vega = {{View, parse}};'
    )
    return script.replace("</script", "<\\/script")
