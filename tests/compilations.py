"""How often JAX compiles each function, from what it reports to `jax.monitoring`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import jax

EVENT = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def compilations() -> Iterator[Counter[str]]:
    """The number of compilations by the name of the jitted function, such as `count["step"]`."""
    count: Counter[str] = Counter()

    def listen(event: str, seconds: float, *, fun_name: str = "", **_: object) -> None:
        if event == EVENT:
            count[fun_name.removeprefix("jit(").removesuffix(")")] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield count
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
