"""How often JAX compiles each function, from what it reports to `jax.monitoring`; and compiling in less time."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterator

import jax

EVENT = "/jax/core/compile/backend_compile_duration"

# Options of XLA under which a program compiles in a third of the time. They change how operations are rounded together, so
# tests about the last digits of a rate compile with the options that users have.
QUICK: dict[str, int | bool] = {"xla_backend_optimization_level": 0}
if jax.__version_info__ < (0, 11):  # the option is gone in jax 0.12
    QUICK |= {"xla_cpu_use_fusion_emitters": False}
QUICK_FLAGS = " ".join(f"--{name}={str(value).lower()}" for name, value in QUICK.items())
quick_jit = functools.partial(jax.jit, compiler_options=QUICK)


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
