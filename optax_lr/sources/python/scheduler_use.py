"""What a Python script does with the scheduler that it makes: whether anything steps it, and what else changes its rates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from optax_lr.sources.errors import STATE, PartError
from optax_lr.sources.python.constructors import FUNCTIONS, HOMES, OPTIMIZERS, SCHEDULES
from optax_lr.sources.python.counters import steps_before_update
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.own_classes import own_class
from optax_lr.sources.python.scopes import Call, are_opposite
from optax_lr.text import words

_SCHEDULER = re.compile(r"(?:Scheduler|LR)$")  # the name of a class
# What a scheduler keeps and computes its rates from.
KEPT = words("last_epoch gamma gammas base_lrs milestones step_size T_max T_0 eta_min total_steps lr_lambdas")


def notes_on_scheduler(script: Script, call: Call) -> list[str]:
    """Notes on a scheduler that nothing steps, that is of another optimizer, or that the script changes or replaces.

    Raises:
        PartError: for one that is a part of another scheduler, which is not read; one line without the file.
    """
    names = _names_of(script, call)
    _refuse_a_part(script, call)
    kinds = (
        _handed(script, call),
        _unstepped(script, call),
        _before_update(script, call),
        _of_another(script, call),
        _with_another(script, call),
        _changed(script, call, names),
        _replaced(script, call, names),
    )
    return [note for kind in kinds if (note := next(kind, None)) is not None]


def never_stepped(script: Script, call: Call) -> bool:
    """Whether a scheduler has a name, and no code of the script that may run steps it or hands it to code that is not read."""
    names = _names_of(script, call)
    used = [
        node
        for node in script.nodes
        if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load)
    ]
    return bool(names) and not any(_hands_on(script, node) for node in used) and not steps_of(script, call)


def _hands_on(script: Script, name: ast.Name) -> bool:
    """Whether a scheduler's name gives it to code that is not read: not its attributes, and not to a function of the script."""
    match script.around[name]:
        case ast.Attribute():
            return False
        case ast.Call(func=function, args=given) if name in given:
            called = script.qualified(function)
            return called not in script.functions and called != "torch.save"
    return True


def steps_of(script: Script, call: Call) -> list[Call]:
    """The calls that may step a scheduler."""
    names = _names_of(script, call)
    return [made for made in script.calls if _steps(script, made, names)]


def _names_of(script: Script, call: Call) -> set[str]:
    return {name for scope in script.scopes for name in scope.names if call.node in scope.values(name)}


def _steps(script: Script, call: Call, names: set[str]) -> bool:
    """Whether a call that may run is a step of a scheduler: of one of the names, or of an argument of a function."""
    match call.node.func:
        case ast.Attribute(value=owner, attr="step"):
            text = ast.unparse(owner)
            known = text in names or re.search(r"(?i)sched|(?:^|[._])lr", text) is not None
            return known and script.outcome(call.tests) is not False and _is_reached(script, call)
    return False


def _is_reached(script: Script, call: Call) -> bool:
    """Whether the function that a call is in has a name that the script uses; methods are taken to be."""
    function = call.scope.function
    if not isinstance(function, ast.FunctionDef) or script.class_of(call.scope) or function.decorator_list:
        return True
    return any(isinstance(node, ast.Name) and node.id == function.name for node in script.nodes)


def _unstepped(script: Script, call: Call) -> Iterator[str]:
    if never_stepped(script, call):
        yield f"nothing in this script steps the scheduler of line {call.node.lineno}, so that the rate stays that of step 0"


def _before_update(script: Script, call: Call) -> Iterator[str]:
    """A step of the scheduler before the update in the same loop, as before torch 1.1."""
    for step in steps_of(script, call):
        if steps_before_update(script, step.node):
            yield f"line {step.node.lineno} steps the scheduler before the update, so that the rate of step 0 is not used"


def _refuse_a_part(script: Script, call: Call) -> None:
    """Refuse a scheduler that a warmup of another package, or of the script itself, takes for its part."""
    for whole in script.calls:
        if re.search("(?i)warm_?up", whole.last) and whole.last not in FUNCTIONS and _takes(script, whole, call):
            what = f"{whole.last} in line {whole.node.lineno} changes the schedule of line {call.node.lineno}"
            raise PartError(f"{what}, and is not read; {STATE}")


def _takes(script: Script, whole: Call, call: Call) -> bool:
    """Whether an argument of a call is the scheduler: the call of it, or a name or an attribute that it has."""
    owned = {
        f"{owner}.{key}"
        for (owner, key), bindings in script.attributes.items()
        if any(binding.value is call.node for binding in bindings)
    }
    names = _names_of(script, call) | owned
    return any(part is call.node or ast.unparse(part) in names for given in whole.every for part in _passed(given))


def _handed(script: Script, scheduler: Call) -> Iterator[str]:
    """A call of code that is not read, or of a trainer of no known package, that takes the scheduler."""
    imported = set(script.imported.values())
    for call in script.calls:
        known = call.name.partition(".")[0] in (*HOMES, "torch", "lightning", "pytorch_lightning")
        ours = call.name in script.classes and _SCHEDULER.search(call.name) is not None
        other = call.name in imported and call.last not in ("prepare", "print", "initialize", *script.functions)
        if (ours or (other and not known)) and _takes(script, call, scheduler):
            what = f"{call.last} in line {call.node.lineno} takes the scheduler, and is not read"
            yield f"{what}: it decides how often that is stepped"


def _passed(node: ast.expr) -> list[ast.expr]:
    """The objects in an expression: a name, and those in a list, a tuple or a dict; not what is computed from them."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Dict(values=elements):
            return [part for element in elements for part in _passed(element)]
        case ast.Starred(value=inner):
            return _passed(inner)
    return [node]


def _of_another(script: Script, call: Call) -> Iterator[str]:
    """An optimizer that the script does not step, where it steps another one."""
    mine = call.node.args[0] if call.node.args else None
    stepped = {
        ast.unparse(part)
        for made in script.calls
        if isinstance(made.node.func, ast.Attribute) and made.node.func.attr == "step"
        for part in (made.node.func.value, *made.node.args)
    }
    made_here = {name for made in script.calls if made.name in OPTIMIZERS for name in _names_of(script, made)}
    if isinstance(mine, ast.Name) and mine.id in made_here - stepped and stepped & made_here:
        yield f"the script steps {min(stepped & made_here)}, and the scheduler in line {call.node.lineno} is that of {mine.id}"


def _with_another(script: Script, call: Call) -> Iterator[str]:
    """A scheduler of the script's own class, such as a warmup, that may run too."""
    for other in script.calls:
        runs = other.node is not call.node and script.assumed(other.tests)[0] is not False
        if runs and not are_opposite(call.tests, other.tests) and own_class(script, other) is not None:
            yield f"{other.last} in line {other.node.lineno} is another schedule, which is not in this plan"


def _changed(script: Script, call: Call, names: set[str]) -> Iterator[str]:
    """Code that sets what a scheduler keeps, loads its state, or gives its step() a place, which timm's are always given."""
    for node in script.nodes:
        match node:
            case (
                ast.Attribute(value=ast.Name(id=name), attr=kept, ctx=ast.Store())
                | ast.Subscript(value=ast.Attribute(value=ast.Name(id=name), attr=kept), ctx=ast.Store())
            ) if name in names and (kept in KEPT or call.name not in SCHEDULES):
                yield f"{name}.{kept} in line {node.lineno} changes the schedule, which is not in this plan"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="load_state_dict")) if name in names:
                yield f"{name}.load_state_dict in line {node.lineno} begins at the step of a saved run"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="step"), args=[_, *_]) if (
                name in names and not call.name.startswith("timm.")
            ):
                yield f"{name}.step in line {node.lineno} is given a place in the schedule, which is not in this plan"


def _replaced(script: Script, call: Call, names: set[str]) -> Iterator[str]:
    """A later call that takes the scheduler's name in straight code."""
    for name in names & call.scope.names.keys():
        for made in call.scope.names[name]:
            later = isinstance(made.value, ast.Call) and made.line > call.node.lineno
            if later and script.outcome(made.tests) is not False and not are_opposite(call.tests, made.tests):
                yield f"{name} is made again in line {made.line}; this is the plan of line {call.node.lineno}"
