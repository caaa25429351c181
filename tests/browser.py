"""A page as a real browser shows it."""

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


def seen(page: str, folder: Path, script: str, *, dark: bool = False) -> Any:
    """What `script`, a function's body run in the page when it is loaded, returns: read from the page's DOM.

    The browser is told that no host exists, so that nothing can come from a network.
    """
    teller = f"""<script>
    window.problems = [];
    addEventListener("error", event => problems.push(event.message));
    addEventListener("load", async () => {{
      let told;
      try {{ told = await (async () => {{ {script} }})(); }} catch (error) {{ told = {{failed: String(error)}}; }}
      const place = document.body.appendChild(document.createElement("pre"));
      place.id = "told";
      place.textContent = JSON.stringify({{told, problems}});
    }});</script>"""
    path = folder / "page.html"
    path.write_text(page.replace("<head>", f"<head>{teller}", 1), encoding="utf-8")
    done = subprocess.run(
        [
            BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--window-size=1100,1400", "--virtual-time-budget=2000", f"--user-data-dir={folder / 'profile'}",
            *(["--force-dark-mode"] if dark else []), "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)[1]))
    assert found["problems"] == [], found["problems"]
    assert not (isinstance(found["told"], dict) and "failed" in found["told"]), found["told"]
    return found["told"]
