"""What may change an object of a Python script after it was bound: under another name, in a function, in a part of it.

A change has a depth: 1 for an entry of an object, as in `a["x"] = 1`, and 2 for an entry of an entry. Where `b` is bound to
an expression with `a`, a change of `b` is one of `a`: at the same depth for `b = a`; one deeper for `b = a["x"]` and for
`for b in a`; and one less deep for `b = [a]`, where one of depth 1, such as `b.append(1)`, leaves `a` alone.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from optax_lr.sources.python.scopes import Call, Names, Scope
from optax_lr.sources.python.syntax import defaults_of, elements_of, parts_of, places_of, returns_of
from optax_lr.text import words

_CHANGING = re.compile(r"(?i)overrid|merge|patch")  # functions that may change a dict or list that they are given
_METHODS = words("__setitem__ update setdefault pop popitem clear append extend insert remove")
_LOOPED = words(
    "enumerate zip reversed sorted iter list tuple"
)  # functions, over whose results a loop has the parts of their arguments
_DEEPEST = 4  # that a change is followed
_MOST_FORMS = 200  # names that one object may have; those of one with more may be changed

_Name = tuple[Scope, str]  # a name in the scope that binds it; "()" is what a function returns


class _Held(NamedTuple):
    """A name in an expression: of changes of the expression that are deeper than `least`, its object has one deeper by `added`."""

    name: _Name
    least: int = 0
    added: int = 0

    def of_part(self) -> _Held:
        """The name in an expression of a part: `a["x"]`."""
        return self._replace(least=max(self.least - 1, 0), added=self.added + 1)

    def in_list(self) -> _Held:
        """The name in an expression of a list or a dict: `[a]`."""
        return self._replace(least=self.least + 1, added=self.added - 1)


class Changes:
    """The objects that a script changes, by the names that they have."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._bound: dict[_Name, list[_Held]] = {}  # by a name, those that are bound to an expression with it
        self._sources: dict[_Name, list[_Name]] = {}  # by a name, those in what is bound to it
        self._deepest: dict[_Name, int] = {}  # the depth of the deepest change of what a name has
        self._calls: dict[_Name, list[Call]] = {}  # that change it
        self._roundabout: set[_Name] = set()  # names whose object is changed in another scope, or in a part of a part
        self._forms: dict[_Name, dict[_Name, int]] = {}
        for scope in names.scopes:
            for value in returns_of(scope.function):
                self._bind((scope, "()"), self._held(value, scope))
            for name, default in defaults_of(scope.function).items():
                self._bind((scope, name), self._held(default, scope.parent or scope))
            for name, bindings in scope.names.items():
                for binding in bindings:
                    self._bind((scope, name), self._held(binding.value, binding.scope))
                    for held in self._held(binding.entry, binding.scope):
                        self._change(held.name, held.added, roundabout=held.name[0] is not scope)
        for loop, scope in names.loops:
            looped = loop.iter.args if isinstance(loop.iter, ast.Call) and _is_of_parts(loop.iter) else [loop.iter]
            held_by = [held.of_part() for part in looped for held in self._held(part, scope)]
            for target in parts_of(loop.target):
                if isinstance(target, ast.Name):
                    self._bind(self._name(target.id, scope), held_by)
        for call in names.calls:
            for called in names.called(call):
                for name, value in call.given(places_of(called.function)).items():
                    self._bind((called, name), self._held(value, call.scope))
            for holder in _changed_by(call):
                for held in self._held(holder, call.scope):
                    self._change(held.name, held.added + 1, roundabout=not isinstance(holder, ast.Name))
                    if isinstance(holder, ast.Name):
                        self._calls.setdefault(held.name, []).append(call)

    def _change(self, name: _Name, depth: int, *, roundabout: bool) -> None:
        self._deepest[name] = max(depth, self._deepest.get(name, 0))
        self._roundabout |= {name} if roundabout else set()

    def _bind(self, name: _Name, found: Iterable[_Held]) -> None:
        for held in found:
            self._bound.setdefault(held.name, []).append(held._replace(name=name))
            self._sources.setdefault(name, []).append(held.name)

    def _held(self, node: ast.expr | None, scope: Scope) -> Iterator[_Held]:
        """The names whose objects, or parts of them, an expression may be or hold."""
        match node:
            case ast.Name(id=name):
                yield _Held(self._name(name, scope))
            case ast.Subscript(value=inner) | ast.Attribute(value=inner):
                yield from (held.of_part() for held in self._held(inner, scope))
            case ast.Call(func=ast.Attribute(value=inner, attr="get" | "values" | "items")):
                yield from (held.of_part() for held in self._held(inner, scope))
            case ast.Call(func=function):
                yield from (_Held((made, "()")) for made in self._names.functions.get(ast.unparse(function), ()))
            case ast.IfExp(body=body, orelse=other):
                yield from itertools.chain(self._held(body, scope), self._held(other, scope))
            case ast.BoolOp(values=values):
                yield from (held for part in values for held in self._held(part, scope))
            case ast.NamedExpr(value=inner):
                yield from self._held(inner, scope)
            case ast.expr():
                yield from (held.in_list() for part in elements_of(node) for held in self._held(part, scope))

    def _name(self, name: str, scope: Scope) -> _Name:
        """A name in the scope that binds it; one that only sets entries of it does not."""
        here: Scope | None = scope
        while here is not None:
            if any(binding.entry is None for binding in here.names.get(name, ())):
                return here, name
            here = here.parent
        return self._names.top, name

    def _forms_of(self, name: _Name) -> dict[_Name, int]:
        """The names that the object of a name, or a part of it, may have; changes of them that are deeper change the object.

        What a function makes and returns is followed in the function only, where its changes are in order.
        """
        if name not in self._forms:
            found, left = {name: 0}, [name]
            while left and len(found) <= _MOST_FORMS:
                here = left.pop()
                for held in self._bound.get(here, ()):
                    least = max(held.least, found[here] - held.added)
                    if least < found.get(held.name, _DEEPEST) and held.name != (name[0], "()"):
                        found[held.name] = least
                        left.append(held.name)
            self._forms[name] = found
        return self._forms[name]

    # --- what is found ---

    def calls(self, name: str, scope: Scope) -> list[Call]:
        """The calls that change an object under this name, such as `a.update(b=1)`."""
        return self._calls.get(self._name(name, scope), [])

    def elsewhere(self, name: str, scope: Scope) -> bool:
        """Whether an object is changed other than by these calls, and by statements of the scope that set an entry of it."""
        here = self._name(name, scope)
        forms = self._forms_of(here)
        changed = {form for form, least in forms.items() if self._deepest.get(form, 0) > least}
        return here in self._roundabout or len(forms) > _MOST_FORMS or bool(changed - {here})

    def sets(self, owner: str, attribute: str, scope: Scope) -> bool:
        """Whether an attribute of an object is set, under whatever name of the object."""
        found, left = set[_Name](), [self._name(owner, scope)]
        while left and len(found) <= _MOST_FORMS:
            here = left.pop()
            if here not in found:
                found.add(here)
                left += self._sources.get(here, ())
        forms = {form for source in found for form, least in self._forms_of(source).items() if least == 0}
        pairs = {(name, key) for name in {owner, *(name for _, name in forms)} for key in (attribute, "*")}
        return len(forms) > _MOST_FORMS or bool(pairs & self._names.attributes.keys())


def _is_of_parts(call: ast.Call) -> bool:
    """Whether a loop over a call is one over the parts of its arguments: `enumerate(a)`."""
    return isinstance(call.func, ast.Name) and call.func.id in _LOOPED


def _changed_by(call: Call) -> list[ast.expr]:
    """The expressions whose objects a call may change in place."""
    function = call.node.func
    method = function.attr if isinstance(function, ast.Attribute) else ""
    holders = [function.value] if isinstance(function, ast.Attribute) and method in _METHODS else []
    if method.startswith("merge_with") and isinstance(function, ast.Attribute):
        holders = [function.value]
    given = _CHANGING.search(call.last) is not None or call.name.endswith("OmegaConf.update")
    return holders + (call.every if given else [])
