"""The formula that each docstring and each card of docs/schedules.md shows gives the rates of the code."""

import ast
import dataclasses
import functools
import inspect
import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import optax_lr as olr

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import formulas
import gallery

FORMULAS = {type(shown): shown for group in gallery.SHOWN.values() for shown in group}
# Settings that the gallery does not show: other branches of the formulas.
MORE = [
    olr.CosineWarmupWithMinLR(1.0, 100, 10, num_cycles=1.5),
    olr.Polynomial(1.0, 80, 10, power=0.5, min_lr=0.25),
    *(
        olr.WarmupStableDecay(1.0, 30, 90, 20, min_lr=0.1, warmup_type=up, decay_type=down, num_cycles=0.7, power=1.5)
        for up, down in (("cosine", "1-square"), ("1-sqrt", "cosine"), ("linear", "power"), ("linear", "exponential"))
    ),
    olr.WarmupStableDecay(1.0, 30, stable_steps=40, warmup_steps=8),
    olr.Cyclic(0.1, 1.0, step_size_up=12, mode="exp_range", gamma=0.98),
    olr.CyclicMomentum(step_size_up=9, step_size_down=4, mode="triangular2"),
    olr.OneCycle(1.0, total_steps=101, anneal_strategy="linear", three_phase=True),
    olr.OneCycleMomentum(total_steps=101, three_phase=True),
    olr.DeepSpeedWarmup(1.0, warmup_steps=40, min_lr=0.1, warmup_type="linear"),
    olr.DeepSpeedWarmupCosine(1.0, 100, 20, warmup_type="linear"),
    olr.DeepSpeedOneCycle(0.1, 1.0, 30, 40, first_stairs=4, second_stairs=3),
    olr.DeepSpeedRangeTest(0.1, step_size=25, step_rate=2.0),
    olr.TimmCosine(1.0, 30, warmup_steps=9, warmup_lr=0.1, warmup_prefix=True, k_decay=2.0),
    olr.TimmTanh(1.0, 20, cycle_mul=2, cycle_limit=2, min_lr=0.1),
    olr.TimmPoly(1.0, 100, power=0.9, k_decay=0.5, warmup_steps=7),
]


class Names(dict):
    """The definitions of a formula, each evaluated when it is used."""

    def __init__(self, formula, settings):
        super().__init__(settings)
        self.formula = formula

    def __missing__(self, name):
        if name not in self.formula.definitions:
            raise KeyError(name)
        parameters, expression = self.formula.definitions[name]
        if parameters:
            return lambda *values: evaluated(expression, self | dict(zip(parameters, values, strict=True)))
        self[name] = evaluated(expression, self)
        return self[name]

    def __or__(self, more):
        return Names(self.formula, {**self, **more})


def evaluated(expression, names):
    if isinstance(expression, ast.IfExp):  # a definition is evaluated only where its branch is taken
        return evaluated(expression.body if evaluated(expression.test, names) else expression.orelse, names)
    inner = {name: names[name] for name in used(expression) if name in names or name in names.formula.definitions}
    return eval(compiled(expression), {**vars(math), "sum": sum, "max": max, **inner})  # generators read globals


@functools.cache
def compiled(expression):
    return compile(ast.Expression(expression), "formula", "eval")


@functools.cache
def used(expression):
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def rate(formula, settings, step):
    names = Names(formula, settings | {"self": types.SimpleNamespace(**settings), "step": step})
    for condition, expression in formula.pieces:
        if condition is None or evaluated(condition, names):
            return evaluated(expression, names)
    raise AssertionError("no piece applies")


def settings(schedule):
    values = {}
    for field in dataclasses.fields(schedule):
        value = getattr(schedule, field.name)
        values[field.name] = value.tolist() if hasattr(value, "tolist") else value
    return values


@pytest.mark.parametrize(
    "schedule",
    [*FORMULAS.values(), *MORE],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_formula_gives_the_rates(schedule):
    formula = formulas.read(formulas.of(inspect.getdoc(type(schedule))))
    steps = range(0, 125, 7) if schedule in MORE else [*range(0, 400, 21), 499, 500, 633, 800, 1000, 1100]
    ours = [float(schedule(step)) for step in steps]
    found = [rate(formula, settings(schedule), step) for step in steps]
    np.testing.assert_allclose(found, ours, rtol=1e-6, atol=1e-7 * max(ours))


def test_the_symbols_of_a_formula_differ():
    for kind in FORMULAS:
        formula = formulas.read(formulas.of(inspect.getdoc(kind)))
        parts = [part for piece in formula.pieces for part in piece if part is not None]
        parts += [expression for _, expression in formula.definitions.values()]
        names = {name for part in parts for name in used(part)} - vars(math).keys()
        symbols = [formulas.SYMBOLS.get(name, name) for name in names | formula.definitions.keys()]
        assert len(symbols) == len(set(symbols)), kind


def test_parentheses_and_fractions():
    (row,) = formulas.as_latex("(a - (b + c)) * d / 2 + (-a)**2 * 0.5**b")
    assert row == r"\eta(n) = (a - (b + c)) \, \frac{d}{2} + {(-a)}^{2} \cdot {0.5}^{b}"
