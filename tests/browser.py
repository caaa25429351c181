"""Evaluate a page in a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs chromium or google-chrome on the path")


def seen(page: str, folder: Path, script: str, *, dark: bool = False, width: int = 1100) -> Any:
    """The result of `script`, the body of a function that runs in the loaded page, read from the DOM.

    The browser resolves no host name, so the page cannot use the network.
    """
    probe = f"""<script>
    window.problems = [];
    addEventListener("error", event => problems.push(event.message));
    addEventListener("load", async () => {{
      let found;
      try {{ found = await (async () => {{ {script} }})(); }} catch (error) {{ found = {{failed: String(error)}}; }}
      const place = document.body.appendChild(document.createElement("pre"));
      place.id = "found";
      place.textContent = JSON.stringify({{found, problems}});
    }});</script>"""
    path = folder / "page.html"
    path.write_text(page.replace("<head>", f"<head>{probe}", 1), encoding="utf-8")
    done = subprocess.run(
        [
            BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--window-size={width},1400", "--virtual-time-budget=8000", f"--user-data-dir={folder / 'profile'}",
            *(["--force-dark-mode"] if dark else []), "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)[1]))
    assert found["problems"] == [], found["problems"]
    assert not (isinstance(found["found"], dict) and "failed" in found["found"]), found["found"]
    return found["found"]
