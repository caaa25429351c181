"""Where the objects of a Python script go: the names that they have, and what changes them under these names.

A change has a depth: 1 for an entry of an object, as in `a["x"] = 1`, and 2 for an entry of an entry. Where `b` is bound to
an expression with `a`, a change of `b` is one of `a`: at the same depth for `b = a`; one deeper for `b = a["x"]` and for
`for b in a`; and one less deep for `b = [a]`, where one of depth 1, such as `b.append(1)`, leaves `a` alone.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from optax_lr.sources.python.scopes import Call, Names, Scope
from optax_lr.sources.python.syntax import defaults_of, last_of, parts_of, places_of, returns_of
from optax_lr.sources.python.unread import changes_settings
from optax_lr.text import words

# Functions that may change a dict or list that they are given; not `save_pretrained_merged` and `push_to_hub_merged`.
_CHANGING = re.compile(r"(?i)(?!save|push).*(?:overrid|merge|patch)")
_METHODS = words("__setitem__ update setdefault pop popitem clear append extend insert remove")
_LOOPED = words(
    "enumerate zip reversed sorted iter list tuple"
)  # a loop over their result has the parts of their arguments
_DEEPEST = 4  # that a change is followed
_MOST_FORMS = 200  # names that one object may have; those of one with more may be changed

# A name in the scope that binds it. Others are "()" for what a function returns, "A()" for objects of a class, ".a" for the
# attribute of whatever object, and "@1" for what a call makes.
_Name = tuple[Scope, str]


class _Held(NamedTuple):
    """A name in an expression.

    Fields:
        name: the name.
        least: changes of the expression that are deeper than this are changes of the object of the name.
        added: these are deeper by this.
        attribute: whether the expression has an attribute of that object.
    """

    name: _Name
    least: int = 0
    added: int = 0
    attribute: bool = False

    @property
    def whole(self) -> bool:
        """Whether the expression has the object itself, or a list with it, and no part of it."""
        return self.added == -self.least and not self.attribute

    def of_part(self) -> _Held:
        """The name in an expression of a part: `a["x"]`."""
        return self._replace(least=max(self.least - 1, 0), added=self.added + 1)

    def in_list(self) -> _Held:
        """The name in an expression of a list or a dict: `[a]`."""
        return self._replace(least=self.least + 1, added=self.added - 1)


class Flow:
    """The objects of a script, by the names that they have."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._bound: dict[_Name, list[_Held]] = {}  # by a name, those that are bound to an expression with it
        self._sources: dict[_Name, list[_Name]] = {}  # by a name, those in what is bound to it
        self._deepest: dict[_Name, int] = {}  # the depth of the deepest change of what a name has
        self._calls: dict[_Name, list[Call]] = {}  # that change it
        self._roundabout: set[_Name] = set()  # names whose object is changed in another scope, or in a part of a part
        self._takers: dict[_Name, list[Call]] = {}  # calls of code that is not read, which it is given to
        self._forms: dict[_Name, dict[_Name, int]] = {}
        for scope in names.scopes:
            for value in returns_of(scope.function):
                self._bind((scope, "()"), self._held(value, scope))
            for name, default in defaults_of(scope.function).items():
                self._bind((scope, name), self._held(default, scope.parent or scope))
            for name, bindings in scope.names.items():
                for binding in bindings:
                    self._bind((scope, name), self._held(binding.value, binding.scope))
                    self._bind(
                        self._name(name, scope), (held.in_list() for held in self._held(binding.given, binding.scope))
                    )
                    for held in self._held(binding.entry, binding.scope):
                        self._change(held.name, held.added, roundabout=held.name[0] is not scope)
        for (_, name), bindings in names.attributes.items():
            for binding in bindings:
                self._bind((names.top, f".{name}"), self._held(binding.value, binding.scope))
        for loop, scope in names.loops:
            looped = (
                loop.iter.args if isinstance(loop.iter, ast.Call) and last_of(loop.iter) in _LOOPED else [loop.iter]
            )
            held_by = [held.of_part() for part in looped for held in self._held(part, scope)]
            for target in parts_of(loop.target):
                if isinstance(target, ast.Name):
                    self._bind(self._name(target.id, scope), held_by)
        for call in names.calls:
            for called in names.called(call):
                for name, value in call.given(places_of(called.function)).items():
                    self._bind((called, name), self._held(value, call.scope))
            if changes_settings(names, call):
                self._take(call)
            for holder in _changed_by(call):
                for held in self._held(holder, call.scope):
                    self._change(held.name, held.added + 1, roundabout=not isinstance(holder, ast.Name))
                    if isinstance(holder, ast.Name):
                        self._calls.setdefault(held.name, []).append(call)

    def _take(self, call: Call) -> None:
        """Remember what a call of code that is not read is given: whole objects, as parts such as numbers do not change."""
        for given in call.every:
            for held in self._held(given, call.scope):
                if held.whole:
                    self._takers.setdefault(held.name, []).append(call)

    def _change(self, name: _Name, depth: int, *, roundabout: bool) -> None:
        self._deepest[name] = max(depth, self._deepest.get(name, 0))
        self._roundabout |= {name} if roundabout else set()

    def _bind(self, name: _Name, found: Iterable[_Held]) -> None:
        for held in found:
            self._bound.setdefault(held.name, []).append(held._replace(name=name))
            self._sources.setdefault(name, []).append(held.name)

    def _held(self, node: ast.expr | None, scope: Scope) -> Iterator[_Held]:
        """The names whose objects, or parts of them, an expression may be or hold."""
        top = self._names.top
        match node:
            case ast.Name(id=name):
                yield _Held(self._name(name, scope))
            case ast.Attribute(value=inner, attr=name):
                yield _Held((top, f".{name}"))
                yield from (held.of_part()._replace(attribute=True) for held in self._held(inner, scope))
            case ast.Subscript(value=inner) | ast.Starred(value=inner):
                yield from (held.of_part() for held in self._held(inner, scope))
            case ast.Call(func=ast.Attribute(value=inner, attr="get" | "values" | "items")):
                yield from (held.of_part() for held in self._held(inner, scope))
            case ast.Call():
                name = last_of(node)
                yield from (_Held((made, "()")) for made in self._names.functions.get(name, ()))
                yield from (_Held((top, made)) for made in (f"{name}()", f"@{id(node)}"))
            case ast.BinOp(left=left, right=right):  # of two lists or dicts, a new one
                yield from (held.of_part().in_list() for part in (left, right) for held in self._held(part, scope))
            case (
                ast.List() | ast.Tuple() | ast.Set() | ast.Dict() | ast.ListComp() | ast.GeneratorExp() | ast.DictComp()
            ):
                parts = _elements(node)
                yield from (held.in_list() for part in parts for held in self._held(part, scope))
            case ast.IfExp() | ast.BoolOp() | ast.NamedExpr() | ast.Await():
                parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
                yield from (held for part in parts for held in self._held(part, scope))

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
                    own = held.name == (name[0], "()") or held.name[1].startswith(".")
                    if least < found.get(held.name, _DEEPEST) and not own:
                        found[held.name] = least
                        left.append(held.name)
            self._forms[name] = found
        return self._forms[name]

    @functools.cached_property
    def _owners(self) -> dict[str, list[str]]:
        """By an attribute, the texts of the objects that it is set on."""
        found: dict[str, list[str]] = {}
        for owner, attribute in self._names.attributes:
            found.setdefault(attribute, []).append(owner)
        return found

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

    def taker(self, name: str, scope: Scope, line: int) -> Call | None:
        """A call of code that is not read that takes an object before a line; None for none."""
        found, left = set[_Name](), [self._name(name, scope)]
        while left and len(found) <= _MOST_FORMS:
            here = left.pop()
            for call in self._takers.get(here, ()):
                if call.scope is not scope or call.node.lineno < line or scope.in_loop(call.node.lineno):
                    return call
            found.add(here)
            left += [held.name for held in self._bound.get(here, ()) if held.whole and held.name not in found]
        return None

    def sets(self, owner: str, attribute: str, scope: Scope) -> bool:
        """Whether an attribute of an object is set, under whatever name of the object."""
        found, left = set[_Name](), [self._name(owner, scope)]
        while left and len(found) <= _MOST_FORMS:
            here = left.pop()
            if here not in found:
                found.add(here)
                left += self._sources.get(here, ())
        forms = {form for source in found for form, least in self._forms_of(source).items() if least == 0}
        names = {owner, *(name for _, name in forms)}
        set_on = [text for key in (attribute, "*") for text in self._owners.get(key, ())]
        return len(forms) > _MOST_FORMS or any(text.rpartition(".")[2] in names or _is_of_any(text) for text in set_on)


class Reached:
    """The names that the objects which some calls make, or what holds them, may have."""

    def __init__(self, flow: Flow, made: Iterable[ast.Call]) -> None:
        self._flow = flow
        names, calls = flow._names, set(made)
        self.classes = {name for name, kinds in names.classes.items() for kind in kinds if calls & set(ast.walk(kind))}
        left = [
            (names.top, name) for name in (*(f"@{id(call)}" for call in calls), *(f"{name}()" for name in self.classes))
        ]
        self._found = set(left)
        while left:
            new = {held.name for held in flow._bound.get(left.pop(), ()) if not held.attribute} - self._found
            self._found |= new
            left += new

    def holds(self, node: ast.expr | None, scope: Scope) -> bool:
        """Whether an expression is such an object, or holds one."""
        return any(held.name in self._found for held in self._flow._held(node, scope) if not held.attribute)


def _is_of_any(owner: str) -> bool:
    """Whether the text of an object may be that of any: `type(a)`, `a.__class__`."""
    return owner.startswith("type(") or owner.endswith(".__class__")


def _elements(node: ast.expr) -> list[ast.expr]:
    """The expressions of the elements of a list, a tuple, a set, a dict or a comprehension; unpacked ones are starred."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return elements
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return [ast.Starred(value) if key is None else value for key, value in pairs]
        case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element) | ast.DictComp(value=element):
            return [element]
    return []


def _changed_by(call: Call) -> list[ast.expr]:
    """The expressions whose objects a call may change in place."""
    function = call.node.func
    method = function.attr if isinstance(function, ast.Attribute) else ""
    holders = [function.value] if isinstance(function, ast.Attribute) and method in _METHODS else []
    if method.startswith("merge_with") and isinstance(function, ast.Attribute):
        holders = [function.value]
    given = _CHANGING.match(call.last) is not None or call.name.endswith("OmegaConf.update")
    return holders + (call.every if given else [])
