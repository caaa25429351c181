"""Sources of configs: text in some format as keys with values and lines. Nothing in a file is executed.

- `source` has `Source`, which every reader gives; `errors`, `files` (the text of a file) and `marks` (what a script does not say).
- YAML, JSON and TOML: `documents`, with `parsing` and `interpolation`; `card` for model cards, `wandb` for runs of W&B.
- Shell scripts: `shell`. Python scripts: `python`.
- Notebooks: `notebook` makes one Python script and one shell script of the cells.
"""
