"""The classes of a Python script: their methods, and which is based on which."""

from __future__ import annotations

import ast
import functools

from optax_lr.sources.python.scopes import Names, Scope
from optax_lr.sources.python.syntax import Named


class Classes(Names):
    """A script with the relations of its classes.

    >>> script = Classes("a.py", "class A:\\n    def f(self): ...\\nclass B(A): ...\\n")
    >>> script.parents("B"), script.children("A"), script.class_of(script.scopes[1])
    (['B', 'A'], ['B'], 'A')
    """

    def starts(self, kind: str) -> list[ast.FunctionDef]:
        """Each `__init__` of a class."""
        return [part for part in self.body(kind) if isinstance(part, ast.FunctionDef) and part.name == "__init__"]

    def body(self, kind: str) -> list[ast.stmt]:
        """The statements of a class."""
        return [part for definition in self.classes.get(kind, []) for part in definition.body]

    @functools.cached_property
    def _methods(self) -> dict[int, str]:
        """The name of the class of each method, by the identity of its node."""
        return {id(part): name for name in self.classes for part in self.body(name) if isinstance(part, Named)}

    def class_of(self, scope: Scope | None) -> str:
        """The class in whose method a scope is; empty for none."""
        while scope is not None and id(scope.function) not in self._methods:
            scope = scope.parent
        return "" if scope is None else self._methods[id(scope.function)]

    def parents(self, kind: str) -> list[str]:
        """A class of this file, and those on which it is based, the nearest first."""
        found = [kind]
        for name in found:
            bases = [self.qualified(base) for made in self.classes.get(name, ()) for base in made.bases]
            found += [base for base in bases if base in self.classes and base not in found]
        return found

    def children(self, kind: str) -> list[str]:
        """The classes of this file that are based on a class."""
        return [name for name in self.classes if name != kind and kind in self.parents(name)]

    def family(self, kind: str) -> set[str]:
        """A class of this file, with those on which it is based, and those that are based on it."""
        return {*self.parents(kind), *self.children(kind)}
