"""Python scripts: literal arguments of known constructors, read from the syntax tree and never run."""

from __future__ import annotations

import ast
import dataclasses
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from optax_lr.findings import Edit
from optax_lr.sources.documents import numbered
from optax_lr.sources.errors import ConfigError
from optax_lr.sources.source import Source

_ARGUMENTS = frozenset({"TrainingArguments", "Seq2SeqTrainingArguments", "UnslothTrainingArguments"})
_TRL = frozenset(
    {
        "SFTConfig",
        "DPOConfig",
        "GRPOConfig",
        "KTOConfig",
        "RewardConfig",
        "RLOOConfig",
        "ORPOConfig",
        "CPOConfig",
        "BCOConfig",
    }
    | {
        "GKDConfig",
        "OnlineDPOConfig",
        "NashMDConfig",
        "XPOConfig",
        "PRMConfig",
        "PPOConfig",
        "AsyncGRPOConfig",
        "GOLDConfig",
    }
)
# transformers' functions: the schedule's name, and the names of the arguments behind the optimizer.
_WARMUP_AND_LENGTH = ("num_warmup_steps", "num_training_steps")
FUNCTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "get_scheduler": ("", ("optimizer", *_WARMUP_AND_LENGTH)),
    "get_linear_schedule_with_warmup": ("linear", _WARMUP_AND_LENGTH),
    "get_cosine_schedule_with_warmup": ("cosine", (*_WARMUP_AND_LENGTH, "num_cycles")),
    "get_cosine_with_hard_restarts_schedule_with_warmup": ("cosine_with_restarts", (*_WARMUP_AND_LENGTH, "num_cycles")),
    "get_polynomial_decay_schedule_with_warmup": ("polynomial", (*_WARMUP_AND_LENGTH, "lr_end", "power")),
    "get_constant_schedule": ("constant", ()),
    "get_constant_schedule_with_warmup": ("constant_with_warmup", ("num_warmup_steps",)),
    "get_inverse_sqrt_schedule": ("inverse_sqrt", ("num_warmup_steps", "timescale")),
    "get_cosine_with_min_lr_schedule_with_warmup": (
        "cosine_with_min_lr",
        (*_WARMUP_AND_LENGTH, "num_cycles", "last_epoch", "min_lr", "min_lr_rate"),
    ),
    "get_wsd_schedule": ("warmup_stable_decay", ("num_warmup_steps", "num_decay_steps")),
}
# Schedules of other packages, with the names of their arguments.
_STEPS = "transition_steps"
SCHEDULES: Mapping[str, tuple[str, ...]] = {
    "optax.constant_schedule": ("value",),
    "optax.linear_schedule": ("init_value", "end_value", _STEPS, "transition_begin"),
    "optax.polynomial_schedule": ("init_value", "end_value", "power", _STEPS, "transition_begin"),
    "optax.cosine_decay_schedule": ("init_value", "decay_steps", "alpha", "exponent"),
    "optax.warmup_cosine_decay_schedule": (
        "init_value",
        "peak_value",
        "warmup_steps",
        "decay_steps",
        "end_value",
        "exponent",
    ),
    "optax.warmup_constant_schedule": ("init_value", "peak_value", "warmup_steps"),
    "torch.optim.lr_scheduler.StepLR": ("optimizer", "step_size", "gamma", "last_epoch"),
    "torch.optim.lr_scheduler.MultiStepLR": ("optimizer", "milestones", "gamma", "last_epoch"),
    "torch.optim.lr_scheduler.ExponentialLR": ("optimizer", "gamma", "last_epoch"),
    "torch.optim.lr_scheduler.CosineAnnealingLR": ("optimizer", "T_max", "eta_min", "last_epoch"),
    "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts": ("optimizer", "T_0", "T_mult", "eta_min", "last_epoch"),
    "torch.optim.lr_scheduler.LinearLR": ("optimizer", "start_factor", "end_factor", "total_iters", "last_epoch"),
    "torch.optim.lr_scheduler.ConstantLR": ("optimizer", "factor", "total_iters", "last_epoch"),
    "torch.optim.lr_scheduler.PolynomialLR": ("optimizer", "total_iters", "power", "last_epoch"),
}
# Calls that make one schedule of several: their parts are not the schedule.
_COMPOSED = (
    "join_schedules",
    "SequentialLR",
    "ChainedScheduler",
    "inject_hyperparams",
    "piecewise_interpolate_schedule",
)
_OTHERS = {
    "torch.optim.lr_scheduler": "make the scheduler in Python and hand it to olr.from_torch",
    "optax": "it is a schedule of the step already: olr.plot draws it, and docs/from_optax.md has its counterparts",
    "keras": "olr's classes have the same curves; docs/schedules.md has the table",
}
_CALLS: Mapping[str, Any] = {"int": int, "float": float, "round": round, "max": max, "min": min, "abs": abs, "str": str}
_MATH: Mapping[str, Any] = {"ceil": math.ceil, "floor": math.floor, "sqrt": math.sqrt}
_MOST_DIGITS = 10**30
_MOST_CONFIGS = 50


class _UnknownError(Exception):
    """An expression that is no literal."""


class Call(NamedTuple):
    """A call of a known constructor."""

    node: ast.Call
    constructor: str
    scope: int


def script_sources(path: str, text: str, folder: Path | None) -> list[Source]:
    """A source for each call of a known constructor.

    Raises:
        ConfigError: for a file that is no Python, and for one without such a call.

    >>> found = script_sources("a.py", "from transformers import TrainingArguments\\nTrainingArguments(learning_rate=LR)", None)
    >>> found[0].values, dict(found[0].unknown), found[0].constructor
    ({}, {'learning_rate': 'LR'}, 'transformers.TrainingArguments')
    """
    reader = Reader(path, text)
    made = [reader.source(call, folder) for call in reader.calls()]
    if not made:
        raise ConfigError(f"{path}: {reader.nothing()}")
    if len(made) > _MOST_CONFIGS:
        raise ConfigError(f"{path}: {len(made)} configs are too many for a file")
    return [dataclasses.replace(source, name=name) for name, source in numbered(path, made)]


class Reader:
    """The syntax tree of a script, its imports, and its names with literal values."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                self.tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            raise ConfigError(
                f"{path}: not Python: {getattr(error, 'msg', None) or 'too deeply nested'}{line}"
            ) from None
        self.text = text
        self.imported: dict[str, str] = {}
        self.modules: set[str] = set()
        self.scopes: list[dict[str, list[ast.expr | None]]] = []
        self.attributes: dict[tuple[str, str], list[ast.expr | None]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.parents: list[int] = []
        self.found: list[Call] = []
        self.composed = False
        try:
            self._scope(self.tree, -1)
        except RecursionError:
            raise ConfigError(f"{path}: nested too deeply") from None

    # --- what is where ---

    def _scope(self, node: ast.AST, parent: int) -> None:
        number = len(self.scopes)
        self.scopes.append({})
        self.parents.append(parent)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            arguments = node.args
            for argument in (
                *arguments.posonlyargs,
                *arguments.args,
                *arguments.kwonlyargs,
                arguments.vararg,
                arguments.kwarg,
            ):
                if argument is not None:
                    self._bind(number, argument.arg, None)
        body = node.body if isinstance(node.body, list) else [node.body]  # type: ignore[attr-defined]
        for statement in body:
            self._visit(statement, number)

    def _visit(self, node: ast.AST, scope: int) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for decorator in node.decorator_list:
                self._visit(decorator, scope)
            self._scope(node, scope)
            return
        if isinstance(node, ast.Lambda):
            self._scope(node, scope)
            return
        if isinstance(node, ast.ClassDef):
            self.classes[node.name] = node
        if isinstance(node, ast.Import):
            for name in node.names:
                self.modules.add(name.name)
                self.imported[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            self.modules.add(node.module or "")
            for name in node.names:
                self.imported[name.asname or name.name] = f"{node.module}.{name.name}"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._target(target, node.value, scope)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._target(node.target, node.value, scope)
        elif isinstance(node, ast.AugAssign):
            self._target(node.target, None, scope)
        elif isinstance(node, ast.NamedExpr):
            self._target(node.target, node.value, scope)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._target(node.target, None, scope)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._target(node.optional_vars, None, scope)
        elif isinstance(node, ast.Call):
            constructor = self.qualified(node.func)
            last = constructor.rpartition(".")[2]
            root = constructor.partition(".")[0]
            local = last in self.classes or (
                root not in ("transformers", "trl", "unsloth", last) and "." in constructor and root in self.imported
            )
            self.composed = self.composed or last in _COMPOSED
            if constructor in SCHEDULES or ((last in _ARGUMENTS | _TRL or last in FUNCTIONS) and not local):
                self.found.append(Call(node, constructor, scope))
        for child in ast.iter_child_nodes(node):
            self._visit(child, scope)

    def _bind(self, scope: int, name: str, value: ast.expr | None) -> None:
        self.scopes[scope].setdefault(name, []).append(value)

    def _target(self, target: ast.expr, value: ast.expr | None, scope: int) -> None:
        if isinstance(target, ast.Name):
            self._bind(scope, target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            values: list[ast.expr | None] = [None] * len(target.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                values = list(value.elts)
            for part, inner in zip(target.elts, values, strict=True):
                self._target(part, inner, scope)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            self.attributes.setdefault((target.value.id, target.attr), []).append(value)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            self._bind(scope, target.value.id, None)  # a dict that is changed is not known

    def qualified(self, node: ast.expr) -> str:
        """The full name of what is called, by the imports: `transformers.TrainingArguments`."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imported.get(node.id, node.id), *reversed(parts)])

    def calls(self) -> list[Call]:
        """The calls of known constructors, in the order of the file."""
        found = [call for call in self.found if call.constructor not in SCHEDULES]
        if not found and not self.composed:
            found = self.found
        return sorted(found, key=lambda call: (call.node.lineno, call.node.col_offset))

    # --- values ---

    def value(self, node: ast.expr, scope: int, depth: int = 0) -> Any:
        """The value of an expression of literals. Raises `_UnknownError` for any other."""
        if depth > 50:
            raise _UnknownError
        match node:
            case ast.Constant(value=value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._number(operand, scope, depth)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._number(operand, scope, depth)
            case ast.Name(id=name):
                return self._name(name, scope, depth)
            case ast.Dict(keys=keys, values=values):
                made: dict[Any, Any] = {}
                for key, inner in zip(keys, values, strict=True):
                    made |= (
                        self.value(inner, scope, depth + 1)
                        if key is None
                        else {self.value(key, scope, depth + 1): self.value(inner, scope, depth + 1)}
                    )
                return made
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [self.value(element, scope, depth + 1) for element in elements]
            case ast.BinOp(left=left, op=operator, right=right):
                return self._operation(operator, self._number(left, scope, depth), self._number(right, scope, depth))
            case ast.Attribute(attr=name) if self.qualified(node).split(".")[-2:-1] in (
                ["SchedulerType"],
                ["IntervalStrategy"],
            ):
                return name.lower()
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return self._attribute(owner, name, scope, depth)
            case ast.Call():
                return self._call(node, scope, depth)
        raise _UnknownError

    def _number(self, node: ast.expr, scope: int, depth: int) -> Any:
        value = self.value(node, scope, depth + 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _MOST_DIGITS:
            raise _UnknownError
        return value

    def _operation(self, operator: ast.operator, left: Any, right: Any) -> Any:
        try:
            match operator:
                case ast.Add():
                    return left + right
                case ast.Sub():
                    return left - right
                case ast.Mult():
                    return left * right
                case ast.Div():
                    return left / right
                case ast.FloorDiv():
                    return left // right
                case ast.Mod():
                    return left % right
                case ast.Pow() if abs(right) <= 64 and abs(left) <= 10**6:
                    return left**right
        except (ZeroDivisionError, OverflowError):
            pass
        raise _UnknownError

    def _name(self, name: str, scope: int, depth: int) -> Any:
        here = scope
        while here >= 0:
            if name in self.scopes[here]:
                bound = self.scopes[here][name]
                if len(bound) != 1 or bound[0] is None:
                    raise _UnknownError
                return self.value(bound[0], here, depth + 1)
            here = self.parents[here]
        raise _UnknownError

    def _attribute(self, owner: str, name: str, scope: int, depth: int) -> Any:
        """A value in the body of a class, of the class or of an object made of it without arguments."""
        if (owner, name) in self.attributes:
            raise _UnknownError
        kind = owner
        if kind not in self.classes:
            made = next((self.scopes[here][owner] for here in self._up(scope) if owner in self.scopes[here]), [])
            if len(made) != 1 or not isinstance(made[0], ast.Call) or made[0].args or made[0].keywords:
                raise _UnknownError
            kind = self.qualified(made[0].func)
        if kind not in self.classes:
            raise _UnknownError
        values = [
            statement.value
            for statement in self.classes[kind].body
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None
            for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
            if isinstance(target, ast.Name) and target.id == name
        ]
        if len(values) != 1:
            raise _UnknownError
        return self.value(values[0], 0, depth + 1)

    def _up(self, scope: int) -> Iterator[int]:
        while scope >= 0:
            yield scope
            scope = self.parents[scope]

    def _call(self, node: ast.Call, scope: int, depth: int) -> Any:
        """`dict(a=1)`, `int(0.1 * 100)`, `math.ceil(2.5)`, `max(1, 2)`, of literals."""
        if isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
            made: dict[Any, Any] = {}
            for keyword in node.keywords:
                value = self.value(keyword.value, scope, depth + 1)
                made |= {keyword.arg: value} if keyword.arg is not None else value
            return made
        function = None
        if isinstance(node.func, ast.Name) and node.func.id not in self.imported:
            function = _CALLS.get(node.func.id)
        elif isinstance(node.func, ast.Attribute) and self.qualified(node.func).startswith("math."):
            function = _MATH.get(node.func.attr)
        if function is None or node.keywords or not node.args:
            raise _UnknownError
        arguments = [self.value(argument, scope, depth + 1) for argument in node.args]
        if not all(
            isinstance(argument, (int, float, str))
            and (not isinstance(argument, (int, float)) or abs(argument) < _MOST_DIGITS)
            for argument in arguments
        ):
            raise _UnknownError
        try:
            return function(*arguments)
        except (ValueError, TypeError, OverflowError):
            raise _UnknownError from None

    # --- sources ---

    def source(self, call: Call, folder: Path | None) -> Source:
        """The config that a call holds."""
        last = call.constructor.rpartition(".")[2]
        if call.constructor in SCHEDULES:
            return self._schedule(call, folder)
        if last in FUNCTIONS:
            return self._function(call, folder, last)
        values: dict[str, Any] = {}
        unknown: dict[str, str] = {}
        lines: dict[str, int] = {}
        if call.node.args:
            self._take("output_dir", call.node.args[0], call.scope, values, unknown, lines)
            for place, argument in enumerate(call.node.args[1:], 2):
                unknown[f"*{place}"] = ast.unparse(argument)[:60]
        self._keywords(call, values, unknown, lines)
        for (owner, name), assigned in self.attributes.items():
            if self._is_made_by(owner, call):
                values.pop(name, None)
                unknown.pop(name, None)
                value = assigned[0] if len(assigned) == 1 else None
                if value is None:
                    unknown[name] = f"{owner}.{name}, which is set later"
                else:
                    self._take(name, value, call.scope, values, unknown, lines)
        return dataclasses.replace(self._made(call, folder, values, unknown, lines), notes=self._replaced())

    def _replaced(self) -> tuple[str, ...]:
        """A note where the script gives its Trainer a scheduler of its own."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name in (
                "create_scheduler",
                "create_optimizer_and_scheduler",
            ):
                return (f"{node.name} in line {node.lineno} replaces the schedule of these arguments",)
            if isinstance(node, ast.keyword) and node.arg == "optimizers" and isinstance(node.value, ast.Tuple):
                second = node.value.elts[-1]
                if not (isinstance(second, ast.Constant) and second.value is None):
                    shown = ast.unparse(second)[:40]
                    return (
                        f"optimizers=(..., {shown}) in line {node.value.lineno} replaces the schedule of these arguments",
                    )
        return ()

    def _is_made_by(self, owner: str, call: Call) -> bool:
        return any(bound == [call.node] for scope in self.scopes for name, bound in scope.items() if name == owner)

    def _keywords(self, call: Call, values: dict[str, Any], unknown: dict[str, str], lines: dict[str, int]) -> None:
        for keyword in call.node.keywords:
            if keyword.arg is not None:
                self._take(keyword.arg, keyword.value, call.scope, values, unknown, lines)
                continue
            try:
                unpacked = self.value(keyword.value, call.scope)
            except _UnknownError:
                unknown[f"**{ast.unparse(keyword.value)[:40]}"] = "a dict that is no literal"
                continue
            if isinstance(unpacked, dict):
                values |= {str(key): value for key, value in unpacked.items()}
                lines |= {str(key): keyword.value.lineno for key in unpacked}

    def _take(
        self,
        name: str,
        node: ast.expr,
        scope: int,
        values: dict[str, Any],
        unknown: dict[str, str],
        lines: dict[str, int],
    ) -> None:
        lines[name] = node.lineno
        try:
            values[name] = self.value(node, scope)
        except _UnknownError:
            text = ast.unparse(node)
            unknown[name] = text if len(text) <= 60 else f"{text[:57]}..."

    def _function(self, call: Call, folder: Path | None, last: str) -> Source:
        """A call of `get_scheduler` or one of its family."""
        kind, names = FUNCTIONS[last]
        names = ("name", *names) if last == "get_scheduler" else ("optimizer", *names)
        given: dict[str, Any] = {}
        unknown: dict[str, str] = {}
        lines: dict[str, int] = {}
        optimizer: ast.expr | None = None
        pairs = [*zip(names, call.node.args, strict=False), *((word.arg, word.value) for word in call.node.keywords)]
        for name, node in pairs:
            if name is None:
                unknown["num_training_steps"] = "**..."
            elif name == "optimizer":
                optimizer = node
            else:
                self._take(name, node, call.scope, given, unknown, lines)
        self._rate(optimizer, call.scope, given, unknown, lines)
        renamed = {
            "name": "lr_scheduler_type",
            "num_warmup_steps": "warmup_steps",
            "num_training_steps": "max_steps",
            "scheduler_specific_kwargs": "lr_scheduler_kwargs",
        }
        keywords = dict(given.pop("scheduler_specific_kwargs", None) or {})
        values: dict[str, Any] = {"lr_scheduler_type": kind} if kind else {}
        for name, value in given.items():
            if name in renamed or name == "learning_rate":
                values[renamed.get(name, name)] = value
            elif name != "last_epoch" and value is not None:
                keywords[name] = value
        if keywords:
            values["lr_scheduler_kwargs"] = keywords
        missing = {renamed.get(name, name): text for name, text in unknown.items() if name != "last_epoch"}
        places = {renamed.get(name, name): line for name, line in lines.items()}
        notes = (
            (
                f"the schedule of {last}: its unit is a call of scheduler.step(), and one that accelerate prepared is stepped once "
                "for each process"
            ),
        )
        made = self._made(call, folder, values, missing, places)
        return dataclasses.replace(made, notes=notes)

    def _schedule(self, call: Call, folder: Path | None) -> Source:
        """A schedule of Optax or torch."""
        values: dict[str, Any] = {}
        unknown: dict[str, str] = {}
        lines: dict[str, int] = {}
        names = SCHEDULES[call.constructor]
        pairs = [*zip(names, call.node.args, strict=False), *((word.arg, word.value) for word in call.node.keywords)]
        for name, node in pairs:
            if name == "optimizer":
                self._rate(node, call.scope, values, unknown, lines)
            else:
                self._take(name or "**...", node, call.scope, values, unknown, lines)
        notes = [f"{call.constructor} is read as the schedule of the learning rate"]
        if len(self.found) > 1:
            notes.append(f"this script makes {len(self.found)} schedules; which one runs when is not read")
        return dataclasses.replace(self._made(call, folder, values, unknown, lines), notes=tuple(notes))

    def _rate(
        self, node: ast.expr | None, scope: int, given: dict[str, Any], unknown: dict[str, str], lines: dict[str, int]
    ) -> None:
        """The rate of an optimizer that is made in the same file."""
        if isinstance(node, ast.Name):
            bound = next((self.scopes[here][node.id] for here in self._up(scope) if node.id in self.scopes[here]), [])
            node = bound[0] if len(bound) == 1 else None
        if isinstance(node, ast.Call):
            keyword = next((word.value for word in node.keywords if word.arg == "lr"), None)
            rate = keyword if keyword is not None else node.args[1] if len(node.args) > 1 else None
            if rate is not None:
                self._take("learning_rate", rate, scope, given, unknown, lines)
                return
        unknown["learning_rate"] = "the optimizer's lr"

    def _made(
        self, call: Call, folder: Path | None, values: dict[str, Any], unknown: dict[str, str], lines: dict[str, int]
    ) -> Source:
        return Source(
            self.path,
            values,
            lines,
            "python",
            self.text,
            folder,
            constructor=call.constructor,
            modules=frozenset(name.partition(".")[0] for name in self.modules),
            unknown=unknown,
        )

    def nothing(self) -> str:
        """Why the file holds no config."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                name = self.qualified(node.func)
                for module, way in _OTHERS.items():
                    schedule = name.startswith((f"{module}.", f"tensorflow.{module}.")) and any(
                        word in name.lower() for word in ("schedule", "lr_scheduler", "decay", "onecycle")
                    )
                    if schedule:
                        return f"{name} in line {node.lineno} is made in Python, and is not read as a config; {way}"
        if "HfArgumentParser" in self.text or "TrlParser" in self.text or "argparse" in self.modules:
            return (
                "this script takes its settings from the command line; read the command that starts it, such as in a shell "
                "script, or its options as a list of words"
            )
        return (
            "no call of TrainingArguments(...), one of TRL's configs or get_scheduler(...) is in this script; write the keys "
            "of its training to a YAML file"
        )


def rewritten_script(path: str, text: str, edits: Iterable[Edit]) -> str:
    """The text of a script with keywords of its one config changed; every other byte stays.

    Raises:
        ConfigError: for several configs, and where a value is not written as a literal in the call.

    >>> print(rewritten_script("a.py", "TrainingArguments(learning_rate=1e-2)  # high", [Edit("learning_rate", 5e-5)]))
    TrainingArguments(learning_rate=5e-05)  # high
    """
    for edit in edits:
        reader = Reader(path, text)
        calls = reader.calls()
        if len(calls) != 1:
            raise ConfigError(f"{path} holds {len(calls)} configs; --fix fixes a file of one")
        text = _spliced(path, text, calls[0].node, edit)
    return text


def _spliced(path: str, text: str, call: ast.Call, edit: Edit) -> str:
    by_hand = ConfigError(f"{path}: {edit.key} cannot be changed in this call; make the change by hand")
    rows = text.encode().splitlines(keepends=True)

    def place(line: int, column: int) -> int:
        return sum(map(len, rows[: line - 1])) + column

    raw = text.encode()
    keyword = next((word for word in call.keywords if word.arg == edit.key), None)
    if "." in edit.key:
        raise by_hand
    if keyword is None:
        if edit.value is None or not call.keywords:
            raise by_hand
        first = call.keywords[0]
        at = place(first.lineno, first.col_offset)
        return (raw[:at] + f"{edit.key}={edit.value!r}, ".encode() + raw[at:]).decode()
    value = keyword.value
    if value.end_lineno is None or value.end_col_offset is None:
        raise by_hand
    if edit.value is not None:
        if not isinstance(value, (ast.Constant, ast.UnaryOp)):
            raise by_hand
        start, end = place(value.lineno, value.col_offset), place(value.end_lineno, value.end_col_offset)
        return (raw[:start] + repr(edit.value).encode() + raw[end:]).decode()
    start, end = place(keyword.lineno, keyword.col_offset), place(value.end_lineno, value.end_col_offset)
    rest = raw[end:]
    cut = len(rest) - len(rest.lstrip(b" \t"))
    if rest[cut : cut + 1] == b",":
        end += cut + 1
        tail = raw[end:]
        end += len(tail) - len(tail.lstrip(b" \t"))
        if raw[end : end + 1] == b"\n" and not raw[:start].rsplit(b"\n", 1)[-1].strip():
            start = raw.rfind(b"\n", 0, start) + 1
            end += 1
    return (raw[:start] + raw[end:]).decode()
