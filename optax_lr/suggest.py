"""One sentence for a name that is not known: which it was, which comes near, and which there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(where: str, what: str, name: object, known: Iterable[str]) -> str:
    """`where: unknown what 'name'; did you mean 'nearest'? Known: ...`."""
    known = sorted(known)
    by_lower = {one.lower(): one for one in known}
    near = [by_lower[one] for one in difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.5)]
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{where}: unknown {what} {name!r}{hint} Known: {', '.join(known)}"
