"""Every documented learning-rate schedule as an Optax schedule: exact, a pytree, swept in one compiled call.

Names are imported when they are first used, so that `optax-lr --help` does not wait for JAX, and a feature imports its
optional packages only when it is used.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `as` marks a name as exported, for type checkers
    from optax_lr.auditing.audit import Audit as Audit, audit as audit
    from optax_lr.auditing.patterns import patterns as patterns
    from optax_lr.batches import *
    from optax_lr.configs import *
    from optax_lr.findings import Edit as Edit, Finding as Finding, Rule as Rule
    from optax_lr.identification.identify import (
        Answer as Answer,
        Identified as Identified,
        Segment as Segment,
        identify as identify,
    )
    from optax_lr.interop import *
    from optax_lr.linting import *
    from optax_lr.logs.log import Log as Log
    from optax_lr.logs.read import read_log as read_log
    from optax_lr.monitor import *
    from optax_lr.plots.pages.explore import explore as explore
    from optax_lr.plots.plot import plot as plot, plot_kinds as plot_kinds
    from optax_lr.schedules import *
    from optax_lr.sweeps import *
    from optax_lr.training import *


__version__ = "0.2.0"

# Every public name except the schedule classes: `optax_lr.schedules` lists them.
_HOMES = {
    "linting": "Recommendation lint recommend",
    "auditing.audit": "Audit audit",
    "identification.identify": "Answer Identified Segment identify",
    "logs.log": "Log",
    "auditing.patterns": "patterns",
    "logs.read": "read_log",
    "batches": "Mixed concatenate grid stack table",
    "interop": "SCHEDULERS from_torch get_scheduler to_javascript to_torch",
    "configs": "ConfigError Plan RunConfig convert read_config read_configs write_config",
    "training": (
        "EarlyStopping InjectSchedulesState RangeTest ScheduleState cooldown greedy hold_on_plateau inject_schedules "
        "keras_callback observe range_test rates reduce_on_plateau restore_checkpoint save_checkpoint scale_by_group "
        "scale_by_learning_rate set_scales set_schedule to_keras"
    ),
    "plots.pages.explore": "explore",
    "findings": "Edit Finding Rule",
    "monitor": "Monitor",
    "plots.plot": "plot plot_kinds",
    "schedules": "from_dict schedule",
    "sweeps": "Summary shard sweep sweep_summary sweep_to",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

_IMPORTING = threading.RLock()


if not TYPE_CHECKING:  # if a type checker saw __getattr__, it would accept any name

    def __getattr__(name: str) -> object:
        # One thread at a time: modules that import each other, such as those of JAX, fail if two threads begin to import them.
        with _IMPORTING:
            if name in _HOME_OF:
                value = getattr(importlib.import_module(f"optax_lr.{_HOME_OF[name]}"), name)
            elif name == "__all__":
                value = sorted([*_HOME_OF, *_schedules()])
            elif name[:1].isupper() and name in (schedules := _schedules()):  # a module's name is in lower case
                value = schedules[name]
            else:
                # Python adds a suggestion.
                raise AttributeError(f"optax_lr has no {name!r}", name=name, obj=sys.modules[__name__])
        globals()[name] = value
        return value

    def _schedules() -> dict[str, type]:
        return importlib.import_module("optax_lr.schedules")._CLASSES


def __dir__() -> list[str]:
    return sorted({*globals(), *getattr(sys.modules[__name__], "__all__")})  # noqa: B009 - hidden from type checkers
