"""Sources of configs: text in some format as keys with values and lines. Nothing in a file is executed.

- `source` has `Source`, which every reader gives; `errors`, `files` (the text of a file) and `marks` (what a script does not say).
- YAML, JSON and TOML: `documents`, with `parsing` and `interpolation`; `card` for model cards, `wandb` for runs of W&B.
- Shell scripts: `shell` follows statements, with `shell_words`, `conditions`, `shell_branches`, `shell_output` and `slurm`.
- Python scripts: `python` finds the configs. `scopes` has what is where, `literals` evaluates, `decided` takes tests, `arguments`
  reads calls, `python_schedules` schedules; `constructors` is the table of known calls, `overrides` has what changes a config
  later, `run_facts` the processes and examples of the run, and `python_edits` changes a script.
- Notebooks: `notebook` makes one Python script and one shell script of the cells.
"""
