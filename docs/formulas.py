"""Convert the formulas of docstrings to LaTeX; as a hook of MkDocs, convert LaTeX to MathML, which browsers show without a script.

A formula is written in Python. Its rows are definitions (`p = step / max_steps`, `share(s) = floor(s)`, several with `;`) and
the rate: an expression, or pieces `condition:  expression`. The first piece with a true condition applies.
"""

from __future__ import annotations

import ast
import dataclasses
import html
import re
from typing import Any

SYMBOLS = {
    "step": "n", "learning_rate": r"\eta", "max_steps": "N", "warmup_steps": r"n_\mathrm{w}", "min_lr": r"\eta_{\min}",
    "warmup_lr": r"\eta_\mathrm{w}", "num_cycles": "k", "power": r"\alpha", "timescale": r"\tau",
    "decay_steps": r"n_\mathrm{d}", "stable_steps": r"n_\mathrm{s}", "decay_rate": r"\rho", "gamma": r"\gamma",
    "factor": "f", "total_iters": "N", "start_factor": "f_0", "end_factor": "f_1", "step_size": r"n_\mathrm{s}",
    "milestones": "M", "T_max": r"N", "eta_min": r"\eta_{\min}", "T_0": "T_0", "T_mult": "m",
    "base_lr": r"\eta_{\min}", "max_lr": r"\eta_{\max}", "step_size_up": "n_+", "step_size_down": "n_-",
    "base_momentum": r"\mu_{\min}", "max_momentum": r"\mu_{\max}", "total_steps": "N", "pct_start": r"\pi_0",
    "div_factor": "d", "final_div_factor": r"d_\mathrm{f}", "schedule": "s", "schedules": "s", "boundaries": "B",
    "steps": "m", "per_step": "m", "by": "b", "restart_steps": "R", "restart_warmup_steps": r"R_\mathrm{w}",
    "restart_anneal_steps": r"R_\mathrm{a}", "min_scale": "c", "ahead": "a", "warmup_min_ratio": r"r_\mathrm{w}",
    "cos_min_ratio": r"r_{\min}", "first_steps": "n_1", "second_steps": "n_2", "first_stairs": "k_1",
    "second_stairs": "k_2", "step_rate": r"\rho", "t_initial": "t_0", "cycle_mul": "m", "cycle_decay": r"\gamma",
    "cycle_limit": "L", "k_decay": r"\kappa", "lb": r"\ell", "ub": "u", "factors": "f", "pi": r"\pi",
    "self.step": r"n_\mathrm{h}", "function": "f", "values": "v",  # self.step is the field, and step the variable
}  # fmt: skip
OPERATORS = {
    ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.Add: "+", ast.Sub: "-", ast.Mod: r"\bmod",
}  # fmt: skip
FUNCTIONS = {"cos": r"\cos", "tanh": r"\tanh", "log": r"\ln", "max": r"\max", "min": r"\min"}


@dataclasses.dataclass(frozen=True)
class Formula:
    """A parsed formula: the definitions by name, and the pieces of the rate with their conditions (None for "otherwise")."""

    definitions: dict[str, tuple[tuple[str, ...], ast.expr]]  # name: (parameters, expression)
    pieces: list[tuple[ast.expr | None, ast.expr]]


def of(docstring: str) -> str | None:
    """The formula in a schedule's docstring: a block, or the code with which the summary begins.

    >>> of("`rate * gamma**step`.")
    'rate * gamma**step'
    """
    found = re.search(r"```\n(.*?)```", docstring, re.DOTALL) or re.match(r"`([^`]*\bstep\b[^`]*)`", docstring)
    return found and found[1]


def read(text: str) -> Formula:
    """Parse the rows of a formula.

    >>> read("p = step / 2;  q = 1\\nstep < 3:  p\\notherwise:  q").pieces[1][0] is None
    True
    """
    definitions, pieces, row = {}, [], ""
    for line in text.strip().splitlines():
        row += line.strip() + " "
        if row.count("(") > row.count(")"):
            continue
        condition, colon, value = row.partition(": ")
        if found := re.match(r"(\w+)(?:\(([\w, ]*)\))? = ", row):
            for part in row.split(";"):
                found = re.match(r"\s*(\w+)(?:\(([\w, ]*)\))? = (.*)", part)
                name, parameters, expression = found.groups()
                names = tuple(re.findall(r"\w+", parameters or ""))
                definitions[name] = names, _parsed(expression)
        elif colon:
            pieces.append((None if condition == "otherwise" else _parsed(condition), _parsed(value)))
        else:
            pieces.append((None, _parsed(row)))
        row = ""
    return Formula(definitions, pieces)


def as_latex(text: str, name: str = r"\eta") -> list[str]:
    """The LaTeX of the rate, which is called `name`, and of each definition."""
    formula = read(text)
    if len(formula.pieces) == 1:
        rate = _latex(formula.pieces[0][1])
    else:
        rate = _cases([(value, condition) for condition, value in formula.pieces])
    rows = [f"{name}(n) = {rate}"]
    for defined, (parameters, value) in formula.definitions.items():
        arguments = f"({', '.join(map(_name, parameters))})" if parameters else ""
        rows.append(f"{_name(defined)}{arguments} = {_latex(value)}")
    return rows


def _parsed(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _name(name: str) -> str:
    if name in SYMBOLS:
        return SYMBOLS[name]
    return name if len(name) == 1 else rf"\mathrm{{{name}}}".replace("_", r"\_")


def _cases(cases: list[tuple[ast.expr, ast.expr | None]]) -> str:
    rows = [
        f"{_latex(value)} & " + (r"\text{otherwise}" if condition is None else rf"\text{{if }} {_latex(condition)}")
        for value, condition in cases
    ]
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _in_parentheses(node: ast.expr, *kinds: type[ast.operator]) -> str:
    """The LaTeX of a node, in parentheses if it is a sum, or an operation of `kinds`."""
    loose = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mod, *kinds))
    inside = _latex(node)
    return _parenthesised(inside) if loose or isinstance(node, (ast.IfExp, ast.UnaryOp)) else inside


def _parenthesised(latex: str) -> str:
    """`latex` in parentheses of its height."""
    high = any(word in latex for word in (r"\frac", r"\sum", "cases"))
    return rf"\left( {latex} \right)" if high else f"({latex})"


def _latex(node: ast.expr) -> str:  # noqa: C901, PLR0911, PLR0912 - a case for each node
    match node:
        case ast.Constant(value=str(text)):
            return rf"\text{{{text}}}"
        case ast.Constant(value=None):
            return r"\text{none}"
        case ast.Constant(value=number):
            return f"{number:,g}".replace(",", "{,}")
        case ast.Name(id=name) | ast.Starred(value=ast.Name(id=name)):
            return _name(name)
        case ast.Attribute():
            return _name(ast.unparse(node))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return rf"\text{{not }} {_latex(operand)}"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"-{_in_parentheses(operand)}"
        case ast.BinOp(left=ast.BinOp(left=first, op=ast.Mult(), right=left), op=ast.Div(), right=right):
            return rf"{_in_parentheses(first)} \, \frac{{{_latex(left)}}}{{{_latex(right)}}}"
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return rf"\frac{{{_latex(left)}}}{{{_latex(right)}}}"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"{{{_in_parentheses(left, ast.Mult, ast.Div)}}}^{{{_latex(right)}}}"
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            factor = _in_parentheses(right)
            return _in_parentheses(left) + (r" \cdot " if factor.strip("{")[:1].isdigit() else r" \, ") + factor
        case ast.BinOp(left=left, op=op, right=right):
            tight = (ast.Add, ast.Sub) if isinstance(op, ast.Sub) else ()
            after = _in_parentheses(right) if tight else _latex(right)
            return f"{_latex(left)} {OPERATORS[type(op)]} {after}"
        case ast.BoolOp(op=op, values=values):
            word = r" \text{ and } " if isinstance(op, ast.And) else r" \text{ or } "
            return word.join(map(_latex, values))
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[right]):
            return rf"{_latex(left)} \text{{ is }} {_latex(right)}"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"{_latex(left)} {OPERATORS[type(op)]} {_latex(right)}"
        case ast.IfExp():
            cases: list[tuple[ast.expr, ast.expr | None]] = []
            rest: ast.expr = node
            while isinstance(rest, ast.IfExp):
                cases.append((rest.body, rest.test))
                rest = rest.orelse
            return _cases([*cases, (rest, None)])
        case ast.Subscript(value=value, slice=index):
            return f"{_latex(value)}_{{{_latex(index)}}}"
        case ast.Call(func=ast.Name(id=name), args=[ast.GeneratorExp() as items]):
            return _over(name, items)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inside]):
            return rf"\sqrt{{{_latex(inside)}}}"
        case ast.Call(func=ast.Name(id="floor"), args=[inside]):
            return rf"\left\lfloor {_latex(inside)} \right\rfloor"
        case ast.Call(func=function, args=arguments):
            called = FUNCTIONS.get(getattr(function, "id", "")) or _latex(function)
            return called + _parenthesised(", ".join(map(_latex, arguments)))
    raise ValueError(f"formula: {ast.unparse(node)} has no form in LaTeX")


def _over(name: str, items: ast.GeneratorExp) -> str:
    """The LaTeX of a count, a sum, a product or a maximum over items."""
    (loop,) = items.generators
    variable = _latex(loop.target)
    if name == "sum" and isinstance(items.elt, ast.Compare):
        return rf"\left| \{{ {variable} \in {_latex(loop.iter)} : {_latex(items.elt)} \}} \right|"
    if name == "max":
        return rf"\max \{{ {variable} : {_latex(loop.ifs[0])} \}}"
    if name == "sum":
        return rf"\sum_{{{variable} < {_latex(loop.iter.args[0])}}} {_latex(items.elt)}"  # type: ignore[attr-defined]
    return rf"\prod_{{{variable} \in {_latex(loop.iter)}}} {_latex(items.elt)}"


def on_config(config: Any) -> Any:
    """Called by MkDocs: convert fenced blocks of `math`, as on GitHub, to MathML."""
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {}).setdefault("custom_fences", [])
    fences.append({"name": "math", "class": "math", "format": _fence})
    return config


def on_page_content(content: str, **_: Any) -> str:
    """Called by MkDocs: convert inline math, `$`\\`...\\``$` as on GitHub, to MathML."""
    return re.sub(r"\$<code>(.*?)</code>\$", lambda found: _mathml(html.unescape(found[1]), "inline"), content)


def _fence(source: str, *_: Any, **__: Any) -> str:
    return f'<div class="math">{_mathml(source, "block")}</div>'


def _mathml(latex: str, display: str) -> str:
    from latex2mathml.converter import convert

    return convert(latex, display=display)
