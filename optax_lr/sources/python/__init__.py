"""Python scripts, read from their syntax tree; nothing is run. `reader` finds the configs.

Each module builds on those before it: `syntax` has the parts of the tree, `scopes` what is bound to which name, `options` the
options of the script, `flow` where its objects go and what changes them, `values` the values of expressions, `objects` those of
attributes and arguments, and `imports` those from other files.

`constructors` is the table of known calls, `arguments` reads them, `entries` the dicts that they unpack, and `schedules` those
that make a schedule. `branches` has the tests that decide which of them runs, `scheduler_use` what becomes of it, `overrides`
what changes a config later, `unread` the code that is not read, `optimizers` those without a schedule, `loops` the length of
their run, `rate_changes` what may change their rates, and `run_facts` the processes and examples of the run. `lightning` has
the modules of Lightning, `lightning_run` their `Trainer`, and `lightning_changes` what changes a run. `docstring` has the
commands that show how a script is started. `nothing` and `origins` say what is missing, and `edits` changes a script.
"""

from optax_lr.sources.python.docstring import docstring_commands as docstring_commands
from optax_lr.sources.python.reader import Reader as Reader, script_sources as script_sources
