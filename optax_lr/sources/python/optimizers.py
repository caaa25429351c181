"""Optimizers of a Python script that has no schedule, whose rates are constant."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from optax_lr.sources.python.arguments import Arguments
from optax_lr.sources.python.constructors import OPTIMIZERS
from optax_lr.sources.python.loops import take_length_of_loop, updates_in
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Call, only_one
from optax_lr.sources.python.unread import LIGHTNING

# What in a name or a text speaks of a rate that changes, or of a library that may change it by a config of its own.
_CHANGES = re.compile(
    r"(?i)sched|anneal|warm_?up|plateau|noam|cosine_?(?:lr|decay)|deepspeed|param_groups|colossalai|inject_hyperparams"
    r"|(?:lr|rate)_?(?:decay|lambda|mult|find|policy)|(?:decay|adjust|update|set|get|change|reduce)_?(?:the_?)?(?:lr|learning_?rate)"
    r"|swa_?lr|stochastic_?weight_?averaging|(?:base|backbone)finetuning"
)


def optimizers_alone(script: Script) -> list[Call]:
    """The calls that make optimizers, in a script in which nothing speaks of a schedule; none for any other script."""
    made = [call for call in script.calls if call.name in OPTIMIZERS]
    if not made or any(_CHANGES.search(text) for text in _texts(script)):
        return []
    if any(call.name.startswith("optax.scale") for call in script.calls):  # which multiply the rate
        return []
    own = set(script.classes)
    trained = any(call.last.endswith("Trainer") and call.last not in own for call in script.calls)
    return [] if trained and not LIGHTNING & {name.partition(".")[0] for name in script.modules} else made


def _texts(script: Script) -> list[str]:
    """All names of a script, and its texts that may be names or options."""
    found = []
    for node in script.nodes:
        match node:
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text) | ast.alias(name=text):
                found.append(text)
            case ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text) | ast.ClassDef(name=text):
                found.append(text)
            case ast.keyword(arg=str(text)) | ast.ImportFrom(module=str(text)):
                found.append(text)
            case ast.Constant(value=str(text)) if len(text.split()) == 1:
                found.append(text)
    return found


def arguments_of_optimizer(script: Script, call: Call, made: Sequence[Call]) -> tuple[Arguments, list[str]]:
    """The rate of one of the optimizers that a script has `made`, and notes."""
    found = Arguments(script)
    found.take_rate(call.node, call.scope)
    notes = [f"nothing in this script changes the rate of {call.name} in line {call.node.lineno}"]
    if only_one(made):
        notes.append(f"a branch of this script decides which of its {len(made)} optimizers is made")
    elif len(made) > 1:
        notes.append(f"this script makes {len(made)} optimizers, each with a rate of its own")
    else:
        notes += take_length_of_loop(found, call, updates_in(script))
    return found, notes
