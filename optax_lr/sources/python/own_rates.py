"""Schedules that a script computes itself: the function of a `LambdaLR`, and rates that its loop sets."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from optax_lr.sources.python.arguments import Arguments
from optax_lr.sources.python.branches import notes_on_branches, that_run
from optax_lr.sources.python.constructors import LAMBDA, NOT_READ_WHOLE, SCHEDULES
from optax_lr.sources.python.counters import notes_on_turns
from optax_lr.sources.python.formula import STEP, Formula, Term
from optax_lr.sources.python.loops import take_length_of_loop
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.overrides import rates_by_hand, rates_set
from optax_lr.sources.python.own_classes import OwnClass, own_class, rate_of
from optax_lr.sources.python.scheduler_use import notes_on_scheduler, steps_of
from optax_lr.sources.python.scopes import Call, Scope
from optax_lr.sources.python.syntax import UnknownError, places_of
from optax_lr.sources.python.truth import holds
from optax_lr.sources.source import OwnRate
from optax_lr.text import start_of

_UNIT = "a step of this plan is a call of scheduler.step(), an epoch in some scripts and an update in others"


class Own(NamedTuple):
    """A schedule of a script's own.

    Fields:
        found: its settings, by their names in the script, and its length as `max_steps`.
        rate: the formula.
        notes: what a step is, and what else is not in the formula.
        schedules: the calls that make schedulers, also those that do not run.
    """

    found: Arguments
    rate: OwnRate
    notes: list[str]
    schedules: tuple[ast.expr, ...] = ()


def own_rates(script: Script) -> Iterator[Own]:
    """The rates that a script computes itself.

    Raises:
        UnknownError: where it has another schedule too, and where a rate is no formula.
    """
    classes = {id(call.node): kind for call in script.calls if (kind := own_class(script, call)) is not None}
    every = [
        call
        for call in script.calls
        if call.name in SCHEDULES or call.last in NOT_READ_WHOLE or id(call.node) in classes
    ]
    made = that_run(script, every)
    if not made:
        yield _by_hand(script)
    for call in made:
        if id(call.node) in classes:
            own = _of_class(script, call, classes[id(call.node)])
        elif call.name == LAMBDA:
            own = _of_lambda(script, call)
        else:
            raise UnknownError
        several = [f"this script makes {len(made)} schedules; which one runs when is not read"] if len(made) > 1 else []
        notes = own.notes + several + notes_on_branches(script, call, every)
        yield own._replace(notes=notes, schedules=tuple(one.node for one in every))


def _of_lambda(script: Script, call: Call) -> Own:
    """The rate of the optimizer times the function of a `LambdaLR`."""
    found, given = Arguments(script), call.given(("optimizer", "lr_lambda", "last_epoch"))
    if "last_epoch" in given and script.value(given["last_epoch"], call.scope) != -1:
        raise UnknownError
    function = given.get("lr_lambda")
    if isinstance(function, ast.List) and len(function.elts) == 1:
        function = function.elts[0]
    formula = Formula(found)
    factor = _of_step(formula, function, call.scope)
    rate = Term(lambda step, settings: settings["learning_rate"] * factor.of(step, settings), True)
    name = start_of(ast.unparse(function), 60) if function is not None else ""
    return _of_scheduler(formula, call, given.get("optimizer"), name, rate)


def _of_class(script: Script, call: Call, own: OwnClass) -> Own:
    """The rate of a scheduler of the script's own class."""
    formula = Formula(Arguments(script))
    rate, optimizer = rate_of(formula, call, own)
    return _of_scheduler(formula, call, optimizer, call.last, rate)


def _of_scheduler(formula: Formula, call: Call, optimizer: ast.expr | None, name: str, rate: Term) -> Own:
    found, script = formula.found, formula.script
    found.take_rate(optimizer, call.scope)
    settings = frozenset({"learning_rate", *formula.settings})
    notes = [_UNIT, *notes_on_scheduler(script, call), *rates_by_hand(script)]
    notes += take_length_of_loop(found, call, steps_of(script, call))
    return Own(found, OwnRate(name, rate.of, settings), notes)


def _of_step(formula: Formula, node: ast.expr | None, scope: Scope) -> Term:
    """What a function returns for a step, its first argument."""
    given = {}
    if (
        isinstance(node, ast.Call)
        and formula.script.qualified(node.func) == "functools.partial"
        and len(node.args) == 1
    ):
        for word in node.keywords:
            given[word.arg or ""] = functools.partial(formula.term, word.value, scope, {})
        node = node.args[0]
    if isinstance(node, ast.Call) and (returned := formula.script.returned(node)) is not None:
        node, scope = returned  # a function that another one makes
    made = None if node is None else formula.function(node, scope)
    names = [] if made is None else places_of(made.function)
    first = next((name for name in names if name not in given), None)
    if made is None or first is None:
        raise UnknownError
    return formula.result(made, {**given, first: lambda: STEP})


def _by_hand(script: Script) -> Own:
    """The rate that the one statement `group["lr"] = ...` of a script sets, by a variable that counts."""
    stores = list(rates_set(script))
    assigned = script.around[stores[0][0]] if len(stores) == 1 else None
    if not isinstance(assigned, ast.Assign) or len(assigned.targets) > 1:
        raise UnknownError
    formula = Formula(Arguments(script), assigned)
    scope, before = _place(script, assigned)
    term = formula.block([*before, ast.Return(assigned.value)], scope, {})
    counter = formula.counter
    if counter is None:
        raise UnknownError
    if counter.turns is not None and "max_steps" not in formula.found.values.keys() | formula.found.unknown.keys():
        formula.found.take("max_steps", counter.turns, counter.scope)
    name = start_of(ast.unparse(script.single(assigned.value, scope) or assigned.value), 60)
    turn = f"a step of this plan is a turn in which line {counter.line} counts {counter.name}"
    notes = [f"{turn}; line {assigned.lineno} sets the rate", *notes_on_turns(script, counter.loop, assigned)]
    if "param_groups[" in ast.unparse(stores[0][0]):
        notes.append(f"line {assigned.lineno} sets the rate of one group; others keep that of the optimizer")
    return Own(formula.found, OwnRate(name, term.of, frozenset(formula.settings)), notes)


def _place(script: Script, assigned: ast.stmt) -> tuple[Scope, list[ast.stmt]]:
    """The scope of a statement that sets the rate, and the statements before it in a function that has it in no loop.

    Raises:
        UnknownError: where a test may leave it out.
    """
    inside, group, tests = assigned, assigned, list[tuple[ast.expr, bool]]()
    while not isinstance(outside := script.around[inside], (ast.Module, ast.FunctionDef)):
        match outside:
            case ast.For() if inside is group and re.search(r"groups\b", ast.unparse(outside.iter)):
                group = outside
            case ast.If(test=test, body=body):
                tests.append((test, inside in body))
            case ast.For() | ast.While() | ast.With():
                pass
            case _:
                raise UnknownError
        inside = outside
    scope = next((made for made in script.scopes if made.function is outside), script.top)
    for test, wanted in tests:
        main = ast.unparse(test) == "__name__ == '__main__'"
        if not main and holds(functools.partial(script.value, scope=scope), test) is not wanted:
            raise UnknownError
    in_function = isinstance(outside, ast.FunctionDef) and group in outside.body
    return scope, outside.body[: outside.body.index(group)] if in_function else []
