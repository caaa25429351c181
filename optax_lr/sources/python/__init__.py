"""Python scripts: `reader` finds the configs.

`scopes` has what is where, `literals` evaluates expressions, `loaded` and `imports` read the files that a script
loads and imports, `decided` tests,
`arguments` reads calls and `schedules` those of schedulers. `constructors` is the table of known calls, `optimizers` finds those
without a schedule, `overrides` has what changes a config later, `run_facts` the processes and examples of the run, and `edits`
changes a script.
"""

from optax_lr.sources.python.reader import Reader as Reader, script_sources as script_sources
