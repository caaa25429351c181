"""Every log format of a file of `optax_lr.logs` is registered, and has a case in the table."""

import importlib
import pkgutil

from optax_lr import logs
from optax_lr.logs import read
from optax_lr.logs.formats import Format
from tests.logs.cases import KNOWN


def test_every_format_has_a_case():
    assert {known.format for known in KNOWN.values()} == {format.name for format in read.FORMATS}


def test_every_format_is_registered():
    modules = [importlib.import_module(f"optax_lr.logs.{found.name}") for found in pkgutil.iter_modules(logs.__path__)]
    declared = {value.name for module in modules for value in vars(module).values() if isinstance(value, Format)}
    assert declared == {format.name for format in read.FORMATS}
