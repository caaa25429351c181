"""Notebooks: commands, files that cells write, and changes in place."""

import json

import pytest

import optax_lr as olr
from optax_lr.configs.gather import sources_of
from optax_lr.linting.lint import apply_fixes

OPTIONS = {"num_examples": None, "world_size": None, "transformers_version": None, "train_steps": None}
YAML = "base_model: m\nlearning_rate: 2e-4\nmicro_batch_size: 2\ngradient_accumulation_steps: 4\nnum_epochs: 1\nsequence_len: 5\nwarmup_steps: 10\n"
SCRIPT = "from transformers import TrainingArguments\nTrainingArguments(learning_rate=1e-4, num_train_epochs=1, warmup_steps=9)"
ARGUMENTS = 'from transformers import TrainingArguments\nTrainingArguments("o", learning_rate=rate, max_steps=steps)'
FACTORY = "dict(stage='sft', finetuning_type='lora', dataset='d', template='t', learning_rate=5e-5, lr_scheduler_type='cosine', warmup_steps=5)"


def notebook(tmp_path, *cells, **options):
    made = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": cell.splitlines(True)}
        for cell in cells
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(
        json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1, **options)
    )
    return path


@pytest.mark.parametrize(
    ("cells", "trainer", "expected", "processes"),
    [
        (["!torchrun --nproc_per_node 2 train.py \\\n  --learning_rate 1e-4 --num_train_epochs 1 \\\n  --warmup_steps 9\nprint(1)"], "hf", olr.Linear(1e-4, 63, 9), 2),
        (["%%bash\naccelerate launch --num_processes=2 train.py --learning_rate 1e-4 --num_train_epochs 1 --warmup_steps 9"], "hf", olr.Linear(1e-4, 63, 9), 2),
        (["lr = 1e-4\nname = 'x'", "!python train.py --learning_rate {lr} --num_train_epochs 1 --warmup_steps 9 --run {name}"], "hf", olr.Linear(1e-4, 125, 9), 1),
        (["%env CUDA_VISIBLE_DEVICES=0,1\n!llamafactory-cli train --stage sft --learning_rate 1e-4 --num_train_epochs 1 --warmup_steps 9"], "llamafactory", olr.Linear(1e-4, 63, 9), 2),
        (["%%writefile cfg.yaml\n" + YAML, "!axolotl train cfg.yaml"], "axolotl", olr.Cosine(2e-4, 125, 10), 1),
        (["%%writefile cfg.yaml\n" + YAML], "axolotl", olr.Cosine(2e-4, 125, 10), 1),
        (["%%writefile train.py\n" + SCRIPT, "!torchrun --nproc_per_node 2 train.py"], "hf", olr.Linear(1e-4, 63, 9), 2),
        (["%%writefile train.py\n" + SCRIPT], "hf", olr.Linear(1e-4, 125, 9), 1),
        ([f"import json\nargs = {FACTORY}\njson.dump(args, open('a.json', 'w'))\n!llamafactory-cli train a.json"], "llamafactory", olr.Cosine(5e-5, 375, 5), 1),
        ([f"import json\nwith open('a.json', 'w') as f:\n    json.dump({FACTORY}, f)\n!llamafactory-cli train a.json"], "llamafactory", olr.Cosine(5e-5, 375, 5), 1),
        ([f"from llamafactory.train.tuner import run_exp\nrun_exp({FACTORY})"], "llamafactory", olr.Cosine(5e-5, 375, 5), 1),
        (["from axolotl.utils.dict import DictDefault\nDictDefault(base_model='m', learning_rate=2e-4, micro_batch_size=2, gradient_accumulation_steps=4, warmup_steps=10)"], "axolotl", olr.Cosine(2e-4, 125, 10), 1),
        (["from swift.llm import sft_main, TrainArguments\nsft_main(TrainArguments(model='m', dataset=['d'], tuner_type='full', num_train_epochs=1))"], "swift", olr.Cosine(1e-5, 63), 1),
    ],
)  # fmt: skip
def test_commands_and_constructors_in_notebooks(tmp_path, cells, trainer, expected, processes):
    (config,) = olr.read_configs(notebook(tmp_path, *cells))
    plan = config.plan(num_examples=1000)
    assert (config.trainer, repr(plan.schedule), plan.world_size) == (trainer, repr(expected), processes)


def test_a_cell_that_is_not_python_is_named(tmp_path):
    path = notebook(
        tmp_path,
        "x = (1\n!= 2)\nwarmup = 2",
        "gpu = !nvidia-smi\nlr = 1\nlr?\n?lr",
        "args = TrainingArguments(\n  learning_rate=1e-4,\n  x=1\n  y=2)",
    )
    with pytest.raises(olr.ConfigError, match=r"row 3 of code cell 3 is not Python, and the whole cell is left out"):
        olr.read_config(path)


def test_a_notebook_that_colab_saved_as_a_script(tmp_path):
    path = tmp_path / "train.py"
    cells = "!pip install trl\n%load_ext autoreload\nfrom trl import SFTConfig\nargs = SFTConfig('o', max_steps=90)\n"
    path.write_text(cells + "!python train.py --learning_rate 1e-4 --max_steps 50\n")
    script, command = olr.read_configs(path)
    assert (script.trainer, script.plan().max_steps, script.lines["max_steps"]) == ("trl", 90, 4)
    assert (command.trainer, command.plan().max_steps, command.lines["max_steps"]) == ("hf", 50, 5)


COMMAND = "!python train.py --learning_rate 1e-4 \\\n  --max_steps 1000 \\\n  --warmup_steps 900"
CALL = "args = TrainingArguments(\n    learning_rate=LR,\n    max_steps=1000,\n    warmup_steps=900,\n)"


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        ([f"x = 1\n{COMMAND}"], "--warmup_steps 900"),
        (["!pip install trl\n%load_ext x\nLR = 2e-5", "%%bash\nthis is no python", CALL], "warmup_steps=900"),
    ],
)
def test_lines_are_those_of_the_file(tmp_path, cells, row):
    path = notebook(tmp_path, *cells)
    (found,) = [found for found in olr.lint(path) if found.code == "LR132"]
    assert row in path.read_text().splitlines()[found.line - 1]


def test_json_without_cells_is_refused(tmp_path):
    (tmp_path / "b.ipynb").write_text("{}")
    with pytest.raises(olr.ConfigError, match="not a notebook of Jupyter"):
        olr.read_config(tmp_path / "b.ipynb")


def test_a_variable_without_a_literal_value_is_refused(tmp_path):
    path = notebook(tmp_path, "!python train.py --learning_rate {lr} --lr_scheduler_type cosine")
    with pytest.raises(olr.ConfigError, match=r"what --learning_rate \$lr in the command of line 1 is"):
        olr.read_config(path)


def test_fix_changes_only_lines_of_a_cell(tmp_path):
    cell = "# é\nargs = TrainingArguments(\n    learning_rate=2e-5,\n    warmup_steps=900,\n    max_steps=1000,\n    num_train_epochs=3,\n)\n"
    path = notebook(tmp_path, "!pip install x", cell, ensure_ascii=False)
    (source,) = sources_of(path)
    fixed, done, by_hand = apply_fixes(source, OPTIONS)
    wanted = path.read_text().replace("warmup_steps=900", "warmup_steps=100")
    wanted = "".join(line for line in wanted.splitlines(True) if "num_train_epochs" not in line)
    assert fixed.text == wanted
    assert ({found.code for found in done}, by_hand) == ({"LR113", "LR132"}, [])


def test_fix_keeps_a_line_with_escaped_characters(tmp_path):
    cell = "TrainingArguments(learning_rate=2e-5, run_name='é', warmup_steps=900, max_steps=1000)\n"
    path = notebook(tmp_path, cell)  # the letter is written as \u00e9
    (source,) = sources_of(path)
    fixed, done, by_hand = apply_fixes(source, OPTIONS)
    assert (fixed.text, done, [found.code for found in by_hand]) == (path.read_text(), [], ["LR132"])


@pytest.mark.parametrize("magic", ["%%time", "%%capture output --no-stderr", "%%prun -l 5", "%%time\n%%capture"])
def test_cells_that_magics_time_or_capture_are_python(tmp_path, magic):
    path = notebook(tmp_path, "rate = 1e-4", f"{magic}\nrate = 1e-3", "%time steps = 50", f"{magic}\n{ARGUMENTS}")
    (config,) = olr.read_configs(path)
    assert (config.settings.learning_rate, config.plan().max_steps) == (1e-3, 50)


@pytest.mark.parametrize("load", ["rate = yaml.safe_load(open('c.yaml'))['rate']", "from config import rate"])
@pytest.mark.parametrize(
    "first",
    [
        "%cd sub",
        "cd sub",
        "os.chdir('sub')",
        "%%writefile config.py\nrate = 1e-3",
        "%%writefile c.yaml\nrate: 0.001",
        "!sed -i 's/4/3/' c.yaml",
    ],
)
def test_files_of_another_folder_and_files_that_cells_write_are_not_loaded(tmp_path, first, load):
    (tmp_path / "config.py").write_text("rate = 1e-4\n")
    (tmp_path / "c.yaml").write_text("rate: 0.0001\n")
    cells = "import os, yaml", f"{load}\nsteps = 50\n{ARGUMENTS}"
    (config,) = olr.read_configs(notebook(tmp_path, *cells))
    assert config.settings.learning_rate == 1e-4
    with pytest.raises(olr.ConfigError, match="give its value with --set learning_rate=VALUE"):
        olr.read_configs(notebook(tmp_path, cells[0], first, cells[1]))


def test_a_script_that_goes_to_its_own_folder_loads_files_of_that(tmp_path):
    (tmp_path / "c.yaml").write_text("rate: 0.0001\n")
    path = tmp_path / "train.py"
    text = f"import os, yaml\nos.chdir(FOLDER)\nrate = yaml.safe_load(open('c.yaml'))['rate']\nsteps = 9\n{ARGUMENTS}"
    path.write_text(text.replace("FOLDER", "os.path.dirname(os.path.abspath(__file__))"))
    assert olr.read_configs(path)[0].settings.learning_rate == 1e-4
    path.write_text(text.replace("FOLDER", "'sub'"))
    with pytest.raises(olr.ConfigError, match="give its value with --set learning_rate=VALUE"):
        olr.read_configs(path)


def test_a_command_behind_a_change_of_folder_and_a_script_of_run_are_noted(tmp_path):
    (tmp_path / "c.yaml").write_text("stage: sft\nlearning_rate: 1.0e-4\n")
    train = "!llamafactory-cli train c.yaml"
    noted = "changes the working directory; a file that the command names is looked for in the folder of this notebook"
    (config,) = olr.read_configs(notebook(tmp_path, "%cd sub", train))
    assert any(noted in note for note in config.notes)
    (config,) = olr.read_configs(notebook(tmp_path, train, "%cd sub"))
    assert not any(noted in note for note in config.notes)
    (config,) = olr.read_configs(notebook(tmp_path, f"rate, steps = 1e-4, 9\n%run -i more.py\n{ARGUMENTS}"))
    assert any("runs more.py, which is not read; it may replace any variable" in note for note in config.notes)


@pytest.mark.parametrize("more", [f"json.dump({FACTORY}, open('a.json', 'w'))", "args['warmup_steps'] = 9"])
def test_a_file_that_is_written_twice_or_of_a_changed_dict_is_not_read(tmp_path, more):
    (tmp_path / "a.json").write_text('{"stage": "sft", "learning_rate": 1}')
    path = notebook(
        tmp_path, f"args = {FACTORY}", "json.dump(args, open('a.json', 'w'))\n!llamafactory-cli train a.json"
    )
    assert olr.read_configs(path)[0].settings.learning_rate == 5e-5
    path = notebook(
        tmp_path, f"args = {FACTORY}", f"{more}\njson.dump(args, open('a.json', 'w'))\n!llamafactory-cli train a.json"
    )
    with pytest.raises(olr.ConfigError, match=r"a\.json is written by the script, with values that are not read"):
        olr.read_configs(path)
