"""Shell scripts: `statements` follows them with `words`, `conditions`, `branches`, `output`, `placeholders` and `slurm`."""

from optax_lr.sources.shell.statements import Ran as Ran, commands_of as commands_of
