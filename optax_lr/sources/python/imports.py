"""Values that a script imports from modules in its folder; they are parsed as the script is, and never run.

A value is only taken where nothing in the script or the module may change it: a name that is bound once, outside of
branches, or the value in the body of a plain class. As in the files that a script loads, no text of a module but numbers
and names of schedules may come into a message.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import re
from collections.abc import Mapping
from pathlib import Path

from optax_lr.sources.errors import ConfigError, UnreadableError
from optax_lr.sources.files import LARGEST_FILE, file_below, text_of
from optax_lr.sources.python.loaded import shown
from optax_lr.sources.python.objects import Script
from optax_lr.sources.python.scopes import Call, Scope
from optax_lr.sources.python.syntax import UnknownError

_LAST = 10**9  # a line behind every statement
# Methods of a class that may set its fields otherwise.
_SETTING = (
    "__new__",
    "__getattr__",
    "__getattribute__",
    "__init_subclass__",
    "model_post_init",
)
_WRITES = ("globals(", "exec(", "setattr(", "__setattr__", "__dict__", "importlib", "reload(", "sys.path")

_DEEPEST_MODULE = 10  # parts of a module's name
_MOST_LOOKED_FOR = 5_000  # names of files
_IMPORTS = re.compile(
    r"(?m)^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+)?import[ \t]+(?:\(([\w,\s]{0,500})|([\w., \t]{1,500}))"
)
_OWN_FOLDER = re.compile(
    r"os\.path\.dirname\((?:os\.path\.(?:abspath|realpath)\()?__file__\)*|(?:pathlib\.)?Path\(__file__\)(?:\.resolve\(\))?\.parent"
)


class Program(Script):
    """A script with the modules in its folder."""

    def __init__(
        self,
        path: str,
        text: str,
        options: Mapping[str, object] | None = None,
        added: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(path, text, options, added)
        self._options = options, added
        self.beside: Path | None = None  # the folder of the script, in which Python looks for its modules
        self.package: Path | None = (
            None  # the folder of its own file, where `from .config import` looks, if that is another
        )
        self.reads_files = True  # whether files that it loads and imports are those in its folder
        self._files: dict[str, Path | None] = {}  # of modules, as `file_of` has found them
        self._modules: dict[Path, Program | None] = {}  # of the script and all of its modules together

    def elsewhere(self, name: str, attribute: str = "", *, made: bool = False) -> object:
        """The value of an imported name, such as `config.RATE`, or of an attribute of it, or of an object `made` of it."""
        module, _, last = name.rpartition(".")
        if attribute and (script := self._module(name)) is not None:  # `import config`
            module, last, attribute = name, attribute, ""
        else:
            script = self._module(module)
        if script is None or not self._is_steady(name) or not script._is_plain(last, attribute, made=made):
            raise UnknownError
        if any(
            key in (attribute or last, "*") and owner.partition(".")[0] in module.imported
            for module in self._beside
            for owner, key in module.attributes
        ):
            raise UnknownError
        before = dict(script.notes)
        script._depth, script._count = self._depth, self._count
        use = ast.Name(last, ast.Load(), lineno=_LAST)
        if made:
            value = script._of_new(Call(ast.Call(use, [], []), last, script.top), attribute)
        else:
            value = script._attribute(last, attribute, script.top) if attribute else script._name(use, script.top)
        self._count = script._count
        assumed = ", with defaults that the environment or a command may replace" if script.notes != before else ""
        self.notes[f"settings are taken from {file_name(module)}{assumed}"] = None
        return shown(value)

    def function_in_module(self, name: str) -> tuple[Script, Scope] | None:
        """The function of this full name in a module in the folder of the script, if that defines it once."""
        module, _, last = name.rpartition(".")
        script = self._module(module)
        if script is None or not self._is_steady(name):
            return None
        made = script.functions.get(last, [])
        plain = [one for one in made if isinstance(one.function, ast.FunctionDef) and not one.function.decorator_list]
        return (script, plain[0]) if len(made) == len(plain) == len(script.top.names.get(last, [1])) == 1 else None

    @property
    def option_names(self) -> frozenset[str]:
        """The names of the options of the script, and of the parsers in the modules that were read for it."""
        modules = [module for module in self._modules.values() if module is not None]
        return frozenset(name for script in (self, *modules) for name in script.options.names)

    def class_in_module(self, name: str) -> tuple[Script, list[ast.ClassDef]] | None:
        """The classes of this full name in a module in the folder of the script, and that module; None if it is not there."""
        module, _, last = name.rpartition(".")
        script = self._module(module)
        return None if script is None or last not in script.classes else (script, script.classes[last])

    def defined_in(self, name: str, depth: int = 5) -> tuple[Path, Program, str] | None:
        """Find the module in the folder that defines a class or a function, also if another module imports it from there.

        Returns:
            The file of the module, the module, and the name in it, such as `Net.build`; None if no module defines it.
        """
        parts = name.split(".")
        for place in range(min(len(parts) - 1, _DEEPEST_MODULE), 0, -1):
            module, inner = ".".join(parts[:place]), parts[place:]
            path = self.file_of(module)
            script = None if path is None else self._parsed(path)
            if script is None or path is None:
                continue
            if inner[0] in {*script.classes, *script.functions}:
                return path, script, ".".join(inner)
            passed_on = [script.imported[inner[0]]] if inner[0] in script.imported else []
            passed_on += [f"{starred}.{inner[0]}" for starred in script.starred]
            found = (script.defined_in(".".join([other, *inner[1:]]), depth - 1) for other in passed_on if depth)
            return next((made for made in found if made is not None), None)
        return None

    @functools.cached_property
    def _beside(self) -> list[Program]:
        """The script, and the modules in its folder that it imports, or that these import."""
        found = [self]
        for module in found:
            for name in sorted({*module.modules, *module.imported.values()}):
                made = self._module(name)
                if made is not None and made not in found:
                    found.append(made)
        return found

    def _is_steady(self, name: str) -> bool:
        """Whether the script imports a name once, outside of branches, and changes nothing in a way that is not followed."""
        local = [bound for bound, whole in self.imported.items() if f"{name}.".startswith(f"{whole}.")]
        once = all(
            self.times_imported[bound] == 1 and self.top.values(bound) == [None] and self.top.names[bound][0].until > 0
            for bound in local
        )
        free = not any(
            bound in self.shared or self.is_changed(bound, self.top) or self._has_alias(bound) for bound in local
        )
        return bool(local) and once and free and not self.starred and not any(text in self.text for text in _WRITES)

    def _has_alias(self, name: str) -> bool:
        """Whether the script gives an imported value another name."""
        values = [value for scope in self.scopes for bound in scope.names for value in scope.values(bound)]
        return any(isinstance(value, ast.Name) and value.id == name for value in values)

    def _is_plain(self, name: str, attribute: str, *, made: bool = False) -> bool:
        """Whether a module binds a name once, outside of branches, and where it is a class or an object, by a plain class."""
        if self.starred or any(text in self.text for text in _WRITES) or self.is_changed(name, self.top):
            return False
        if name in self.classes:
            return attribute != "" and self._is_plain_class(name, attribute, made=made)
        values = self.top.values(name)
        if len(values) != 1 or not self.top.names[name][0].until or name in self.shared:
            return False
        if name in self.imported:
            return self._is_steady(self.imported[name])
        if not attribute:
            return True
        kind = ast.unparse(values[0].func) if isinstance(values[0], ast.Call) else ""
        return kind in self.classes and not self._has_alias(name) and self._is_plain_class(kind, attribute, made=True)

    def _is_plain_class(self, name: str, attribute: str, *, made: bool) -> bool:
        """Whether nothing but the body of a class, and of an object that is `made` of it, its `__init__`, sets an attribute."""
        body = self.classes[name][0].body
        plain = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Pass, ast.FunctionDef, ast.ClassDef)
        return (
            len(self.classes[name]) == 1
            and name not in self.top.names
            and all(isinstance(part, plain) for part in body)
            and not any(isinstance(part, ast.FunctionDef) and part.name in _SETTING for part in body)
            and not any(key == attribute for owner, key in self.attributes if not made or owner != "self")
        )

    def _module(self, name: str) -> Program | None:
        """The module in the folder, parsed as a script; None if it cannot be read."""
        path = self.file_of(name) if self.reads_files else None
        return None if path is None else self._parsed(path)

    def _parsed(self, path: Path) -> Program | None:
        """The file of a module, parsed once; None if it cannot be read."""
        if path not in self._modules:
            self._modules[path] = None  # while it is parsed, in which it may import this one
            self._modules[path] = self._parsed_module(path)
        return self._modules[path]

    def file_of(self, module: str) -> Path | None:
        """The file of a module in the folder of the script; None if it is not there."""
        base = self.package if module.startswith(".") and self.package is not None else self.beside
        if base is None or not module or module.startswith(".."):
            return None
        if module not in self._files:
            names = module.removeprefix(".").split(".")
            of_own = not module.startswith(".") and names[0] == base.absolute().name
            if of_own and not (base / names[0]).exists():
                del names[0]  # a script in the folder `src` that imports `src.config`
            places = ["/".join([*names, "__init__.py"]), *(["/".join(names) + ".py"] if names else [])]
            found = ((base / place, file_below(place, base)[0]) for place in places)  # a package comes first
            self._files[module] = next((path for whole, path in found if path == whole), None)
        return self._files[module]

    def imported_in(self, module: str, name: str) -> str:
        """The full name under which a module in the folder imports a name that it does not define; empty for none."""
        script = self._module(module)
        return "" if script is None or script.top.values(name) != [None] else script.imported.get(name, "")

    def _parsed_module(self, path: Path) -> Program | None:
        """The parsed module; None if it is not Python, or if all modules together are longer than one script may be."""
        try:
            text = text_of(str(path))
            read = sum(len(module.text) for module in self._modules.values() if module is not None)
            if read + len(text) > LARGEST_FILE:
                return None
            made = Program(str(path), text, *self._options)
        except ConfigError:
            return None
        made.folder, made.beside, made.environment, made._modules = (
            self.folder,
            self.beside,
            self.environment,
            self._modules,
        )
        made.package = path.parent
        return made

    def _loaded(self, node: ast.Call, scope: Scope) -> object:
        if not self.reads_files:
            raise UnknownError
        return super()._loaded(node, scope)


def changes_folder(script: Script) -> bool:
    """Whether a script changes the working directory to another than its own folder."""
    changes = [call for call in script.calls if call.name in ("os.chdir", "contextlib.chdir")]
    return any(not _OWN_FOLDER.fullmatch(ast.unparse(call.node.args[0])) for call in changes if call.node.args)


def file_name(module: str) -> str:
    """The file of a module below the folder of the script."""
    return module.removeprefix(".").replace(".", "/") + ".py"


def texts_below(path: Path, beside: Path) -> list[str]:
    """The texts of a script and of the modules in the folder `beside` that it imports, or that these import, without parsing them.

    None are given if one cannot be read, if they are longer than four scripts may be, or for too many names.
    """
    root, paths, left = beside.resolve(), [path.resolve()], _MOST_LOOKED_FOR
    texts: list[str] = []
    for file in paths:
        try:
            texts.append(text_of(str(file)))
        except UnreadableError:
            return []
        except ConfigError:  # an empty one
            continue
        for dots, module, *names in _IMPORTS.findall(texts[-1]):
            folders = [file.parents[len(dots) - 1]] if 0 < len(dots) <= len(file.parents) else [root, file.parent]
            inner = [name.replace(".", "/") for name in re.findall(r"[\w.]+", " ".join(names))]
            parts = [
                folder / module.replace(".", "/") / name for folder in folders for name in ("", "__init__", *inner)
            ]
            left -= len(parts)
            if left < 0 or sum(map(len, texts)) > 4 * LARGEST_FILE:
                return []
            for part in parts:
                with contextlib.suppress(OSError, ValueError):  # such as a name that is too long
                    found = Path(f"{part}.py").resolve()
                    if found not in paths and found.is_relative_to(root) and found.is_file():
                        paths.append(found)
    return texts
