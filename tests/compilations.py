"""Count the compilations of each function with `jax.monitoring`, and make compilations faster."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jax
from jax._src import compiler

EVENT = "/jax/core/compile/backend_compile_duration"

# Options of XLA with which a program compiles in a third of the time. They change which operations are fused and so the rounding:
# tests about the last digits of a rate compile with the default options.
QUICK: dict[str, int | bool] = {"xla_backend_optimization_level": 0}
if jax.__version_info__ < (0, 11):  # the option is gone in jax 0.12
    QUICK |= {"xla_cpu_use_fusion_emitters": False}
QUICK_FLAGS = " ".join(f"--{name}={str(value).lower()}" for name, value in QUICK.items())
_usual_options = compiler.get_compile_options


def _quick_options(*arguments: Any, env_options_overrides: Mapping[str, Any] | None = None, **settings: Any) -> Any:
    return _usual_options(*arguments, env_options_overrides={**QUICK, **(env_options_overrides or {})}, **settings)


def compile_quickly(*, quickly: bool) -> None:
    """Compile all later programs with the options `QUICK`, or with the default options.

    JAX has no setting for this that a process can change. Compiled programs in memory are dropped if the options change.
    """
    options = _quick_options if quickly else _usual_options
    if compiler.get_compile_options is not options:
        compiler.get_compile_options = options
        jax.clear_caches()


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
