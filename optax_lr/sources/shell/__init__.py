"""Shell scripts: the commands that one runs, read from its syntax tree without executing anything."""

from optax_lr.sources.shell.shell import Ran as Ran
from optax_lr.sources.shell.statements import commands_of as commands_of
