"""Training commands: as a list of words, and in a shell script."""

import pytest

import optax_lr as olr


def scripts(tmp_path, text):
    path = tmp_path / "run.sh"
    path.write_text(text)
    return olr.read_configs(path)


@pytest.mark.parametrize(
    "words",
    [
        ["--learning_rate", "2e-5", "--lr_scheduler_type", "cosine", "--warmup_steps", "0.1"],
        ["--learning-rate=2e-5", "--lr_scheduler_type=cosine_with_min_lr", "--lr_scheduler_kwargs", '{"min_lr": 1e-6}'],
        ["--lr_scheduler_type", "cosine_with_min_lr", '--lr_scheduler_kwargs={"min_lr_rate": "0.1", "num_cycles": "2"}'],
        ["--max_steps", "-1", "--num_train_epochs", "2.5", "--dataloader_drop_last", "--warmup_steps", "3"],
        ["--per_device_train_batch_size", "3", "--gradient_accumulation_steps", "4", "--dataloader_drop_last", "True"],
        ["--dataloader_drop_last", "no", "--max_steps", "70", "--learning_rate", "1e-3", "--learning_rate", "1e-4"],
    ],
)  # fmt: skip
def test_a_command_line_is_parsed_like_transformers(tmp_path, words):
    import transformers

    parser = transformers.HfArgumentParser(transformers.TrainingArguments)
    (arguments,) = parser.parse_args_into_dataclasses([*words, "--output_dir", str(tmp_path)])
    settings = olr.read_config(words).settings
    for name in ("learning_rate", "lr_scheduler_type", "warmup_steps", "max_steps", "num_train_epochs", "dataloader_drop_last"):  # fmt: skip
        assert getattr(settings, name) == getattr(arguments, name)
    assert settings.lr_scheduler_kwargs == (arguments.lr_scheduler_kwargs or {})
    assert settings.per_device_train_batch_size == arguments.per_device_train_batch_size
    assert settings.gradient_accumulation_steps == arguments.gradient_accumulation_steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            (
                "#!/bin/bash\nLR=2e-5 # peak\nexport STEPS='10'\n# --learning_rate 9\ntorchrun --nproc_per_node 8 train.py \\\n"
                "    --learning_rate ${LR} \\\n    --max_steps=$STEPS --output_dir $OUT 2>&1 | tee log.txt\n"
            ),
            [(2e-5, 10)],
        ),
        ('ARGS=(\n  --learning_rate 1e-4 # peak\n  --max_steps 10\n)\npython t.py "${ARGS[@]}"\n', [(1e-4, 10)]),
        ('A="--learning_rate 1e-4"\nA="$A --max_steps 5"\npython t.py $A && python t.py $A --max_steps 7', [(1e-4, 5), (1e-4, 7)]),
        ("python t.py --learning_rate ${LR:-3e-5} --max_steps 5 > log", [(3e-5, 5)]),
        ("accelerate launch --max_steps 1 train.py --learning_rate 1e-4 --max_steps 6 &\nwait\n", [(1e-4, 6)]),
        ("cat > note.txt <<'EOF'\nit's --learning_rate\nEOF\nCUDA_VISIBLE_DEVICES=0 python t.py --max_steps 4 --learning_rate 1", [(1, 4)]),
        ("for lr in 1 2; do\npython t.py --learning_rate $lr --max_steps 3\ndone", [(1, 3), (2, 3)]),
        ("if true; then\n  python -m t --learning_rate 1 --max_steps 3\nfi\n", [(1, 3)]),
    ],
)  # fmt: skip
def test_scripts(tmp_path, text, expected):
    found = [config.settings for config in scripts(tmp_path, text)]
    assert [(settings.learning_rate, settings.max_steps) for settings in found] == expected


def test_lines_and_dialect_of_a_command(tmp_path):
    (config,) = scripts(
        tmp_path, "A=1\nllamafactory-cli train --stage sft \\\n  --learning_rate 1e-4 \\\n --max_steps 3\n"
    )
    assert config.lines == {"stage": 2, "learning_rate": 3, "max_steps": 4}
    assert config.trainer == "llamafactory"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python t.py --learning_rate $1 --num_train_epochs 3 --epochs 3 --lr_scheduler cosine", "give it with --set learning_rate=VALUE; --epochs, --lr_scheduler are not options of TrainingArguments but of t.py; give what it means by them: --set epochs=null --set lr_scheduler=null --set num_train_epochs=VALUE --set lr_scheduler_type=VALUE"),
        ("for lr in $(seq 3); do\npython t.py --learning_rate $lr\ndone", "does not say what --learning_rate $lr in the command of line 2 is"),
        ("python t.py --learning_rate $1 --warmup_steps $(wc -l < x)", "--learning_rate $1, --warmup_steps $(wc -l < x)"),
        ("swift sft @a.txt --learning_rate 1", "the command in line 1 takes options from a.txt, which is not read; write them into the command"),
        ("python t.py --learning_rate 1 --bf16 @b/c.args", "the command in line 1 takes options from b/c.args"),
        ('LR=$(python -c "print(1)")\npython t.py --learning_rate "$LR"', '--learning_rate $(python -c "print(1)")'),
        ("if [ $A ]; then\nLR=1\nelse\nLR=2\nfi\npython t.py --learning_rate $LR", "--learning_rate $LR"),
        ("python eval.py --per_device_eval_batch_size 4", "no command of this script gives an option of a schedule"),
        ("llamafactory-cli train a.yaml", "the settings of the command in line 1 are in a.yaml, which is not found from the folder of this file or from the working directory; start optax-lr in the folder where the script is started, or read that file"),
        ('echo "open\npython t.py --learning_rate 1', "the command in line 1 cannot be read as shell: a quote or bracket is not closed"),
        ("python t.py --learning_rate 1 --lr_scheduler_kwargs num_cycles=2", "lr_scheduler_kwargs is not JSON: 'num_cycles=2'"),
        ("python t.py --learning_rate 1 2", "learning_rate must be a number, not ['1', '2']"),
    ],
)  # fmt: skip
def test_values_that_a_script_does_not_determine_are_refused(tmp_path, text, message):
    with pytest.raises(olr.ConfigError) as caught:
        scripts(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python - <<'E'\nargs = TrainingArguments('o', learning_rate=1e-4)\nE", "line 1 runs Python code of this script, with learning_rate=1e-4 in line 2"),
        ("python -c 'f(learning_rate=1e-4)'", "line 1 runs Python code of this script, with learning_rate=1e-4; write that code to a .py file"),
        ("tmux new -d\ntmux send-keys 'python t.py --learning_rate 1e-4' C-m", "line 2 hands a command with --learning_rate 1e-4 to tmux"),
        ("cat seeds | xargs -I{} python t.py --learning_rate 1e-4 --seed {}", "line 1 hands a command with --learning_rate 1e-4 to xargs"),
        ("cd x\npython -m my.train --lr 1e-6 --epochs 2", "only my.train in line 2 knows the use of --lr 1e-6; my/train.py is not found from the folder of this file"),
        ("lr=2e-5\ntorchrun f.py --config-name=a optim.lr=$lr", "only f.py in line 2 knows the use of optim.lr=2e-5"),
        ("J=$(mktemp)\ncat > $J <<'E'\npython t.py --learning_rate ___RATE___\nE\nsed -i s/___RATE___/$LR/ $J\nsbatch $J", "line 2 writes a file with --learning_rate ___RATE___ in line 3, which is to be filled in"),
        ('C="python t.py --lr $1"\nif [ $# = 4 ]; then C="torchrun --nproc_per_node 4 t.py --lr 3"; fi\neval $C', "line 3 runs $C, which differs between branches of the script, with --lr $1 in line 1"),
        ("python prepare.py a\nbash scripts/train.sh", "read that: prepare.py (line 1), scripts/train.sh (line 2)"),
    ],
)  # fmt: skip
def test_a_script_without_a_training_command_is_refused_with_the_line_that_matters(tmp_path, text, message):
    with pytest.raises(olr.ConfigError) as caught:
        scripts(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arguments_that_are_passed_on_to_a_script_are_named(tmp_path):
    (tmp_path / "t.py").write_text(
        "import argparse, yaml\nfrom transformers import TrainingArguments\np = argparse.ArgumentParser()\n"
        "p.add_argument('--config')\np.add_argument('--lr')\nargs = p.parse_args()\nargs.lr = load(args)\n"
        "TrainingArguments('o', learning_rate=args.lr, max_steps=9)\n"
    )
    named = r't\.py gets the arguments of this script \("\$@"\); read its command with them, or the YAML file of its --config, or'
    with pytest.raises(
        olr.ConfigError, match=rf"learning_rate=args\.lr is not a literal; {named} give its value with --set"
    ):
        scripts(tmp_path, 'python t.py --seed 1 "$@"').pop().plan()
    with pytest.raises(olr.ConfigError, match=r"learning_rate=args\.lr is not a literal; give its value with --set"):
        scripts(tmp_path, "python t.py --seed 1").pop().plan()


def test_what_hydras_words_say_is_filled_in_and_found(tmp_path):
    (tmp_path / "main.py").write_text("from mine import train\ntrain()\n")
    words = "optim.lr=2e-6 optim.lr_warmup_steps=100 optim.lr_scheduler_type=linear trainer.total_training_steps=1"
    with pytest.raises(olr.ConfigError) as caught:
        scripts(tmp_path, f"torchrun main.py {words}")
    given = "--set learning_rate=2e-06 --set lr_scheduler_type=linear --set warmup_steps=100 --set max_steps=1"
    assert str(caught.value).endswith(f"knows the use of optim.lr=2e-6; state the schedule: optax-lr show {given}")
    with pytest.raises(olr.ConfigError, match=r"only other\.py .*; other\.py is not found from .*; start optax-lr"):
        scripts(tmp_path, f"torchrun other.py {words}")
    with pytest.raises(
        olr.ConfigError, match=r"line 2 starts src/t\.py with experiment=big,.* read experiment/big\.yaml in"
    ):
        scripts(tmp_path, "cd /data\npython src/t.py experiment=big")
    (tmp_path / "configs" / "experiment" / "old").mkdir(parents=True)
    (tmp_path / "configs" / "experiment" / "old" / "big.yaml").write_text("a: 1\n")
    with pytest.raises(olr.ConfigError, match=r"the settings may be in \S*configs/experiment/old/big\.yaml: read that"):
        scripts(tmp_path, "cd /data\npython src/t.py experiment=big")


def test_a_script_that_another_one_starts_with_options_is_named(tmp_path):
    with pytest.raises(
        olr.ConfigError, match=r"line 1 gives --lr 6e-7 to scripts/dpo\.sh; read that script, whose values"
    ):
        scripts(tmp_path, "bash scripts/dpo.sh --gpus 0,1 --lr 6e-7\n")


def test_a_command_that_is_one_word_of_a_program_that_submits_it(tmp_path):
    text = "bitfusion run -n 1 'cd a && torchrun --nproc_per_node 4 t.py --learning_rate 1e-4 --max_steps 4'"
    (config,) = scripts(tmp_path, text)
    assert (config.settings.learning_rate, config.processes.count) == (1e-4, 4)


@pytest.mark.parametrize(
    ("launcher", "program", "count"),
    [
        ("srun -n 4 bash -c", "python", 4),
        ("srun -N 2 apptainer exec a.sif sh -c", "torchrun --nnodes 2 --nproc_per_node 3", 6),
        ("mpirun -np 2 -x A bash -c", "python", 2),
        ("nohup bash -c", "python", 1),
    ],
)
def test_the_tasks_of_a_launcher_that_starts_a_shell(tmp_path, launcher, program, count):
    (config,) = scripts(tmp_path, f"{launcher} 'cd x; export B=1; {program} t.py --learning_rate 1e-4 --max_steps 4'")
    assert config.processes.count == count
    written = (
        f"cat <<E > j.sh\n{program} t.py --learning_rate 1e-4 --max_steps 4\nE\n{launcher.removesuffix(' -c')} j.sh"
    )
    assert scripts(tmp_path, written)[0].processes.count == count


@pytest.mark.parametrize(
    "start",
    [
        "sbatch job.sh",
        "nohup bash job.sh",
        "bash ./job.sh x",
        "source job.sh",
        "./job.sh",
        'sbatch --wrap="bash job.sh"',
    ],
)
def test_a_script_that_was_written_before_is_followed(tmp_path, start):
    text = "export LR=1e-4\ncat <<'E' > job.sh\n#SBATCH --nodes=2\npython t.py --learning_rate $LR --max_steps $SLURM_NNODES\nsbatch job.sh\nE\n"
    (config,) = scripts(tmp_path, text + start.replace("sbatch job", "sbatch --mem 1G job"))
    assert config.settings.learning_rate == 1e-4
    assert config.lines["learning_rate"] == 4


@pytest.mark.parametrize("other", ["chat", "export", "webchat", "api"])
def test_commands_of_a_trainer_that_do_not_train_are_skipped(tmp_path, other):
    train = "llamafactory-cli train --stage sft --learning_rate 1e-4 --max_steps 5"
    (config,) = scripts(tmp_path, f"llamafactory-cli {other} --model_name_or_path m --template t\n{train}\n")
    assert config.settings.max_steps == 5
    with pytest.raises(olr.ConfigError, match="no command of this script"):
        scripts(tmp_path, f"llamafactory-cli {other} --model_name_or_path m --template t\n")


def test_a_variable_that_is_read_from_a_here_document(tmp_path):
    text = "read -r -d '' cmds <<EOF\n{} \\\n  --max_epochs 1 --learning_rate 5e-6 \\\n  --max_steps 9\nEOF\n"
    (config,) = scripts(
        tmp_path, text.replace("--max_epochs 1", "").format("train.py") + "deepspeed --num_gpus 2 $cmds\n"
    )
    assert (config.settings.max_steps, config.processes.count) == (9, 2)
    text = text.replace("--max_steps 9", "--train_batch_size 8")
    served = "python -m openrlhf.cli.serve_rm --port 5000 --batch_size 128 &\n"  # which does not train
    (config,) = scripts(tmp_path, served + text.format("openrlhf.cli.train_sft") + "deepspeed --module $cmds\n")
    assert (config.trainer, config.plan(num_examples=80).max_steps) == ("openrlhf", 10)


def test_lengths_of_megatron_that_a_script_computes_need_set(tmp_path):
    run = "torchrun pretrain_gpt.py --tensor-model-parallel-size 1 --lr 1e-4 --global-batch-size 8 --train-samples $((TOKENS/1024))\n"
    (config,) = scripts(tmp_path, f"TOKENS=8_192_000\nTOKENS=${{TOKENS//_}}\n{run}")
    assert config.settings.max_steps == 1000
    with pytest.raises(olr.ConfigError, match=r"--train_samples \$\(\(TOKENS/1024\)\).*--set train_samples=VALUE"):
        scripts(tmp_path, run)


def test_abbreviated_options_are_read_as_by_argparse(tmp_path):
    import transformers

    words = [
        "--learning_rate",
        "1e-4",
        "--per_device_train_batch",
        "2",
        "--max_step",
        "7",
        "--lr_scheduler_type",
        "cosine",
    ]
    parser = transformers.HfArgumentParser(transformers.TrainingArguments)
    (real,) = parser.parse_args_into_dataclasses([*words, "--output_dir", str(tmp_path)])
    config = olr.read_config(["train.py", *words])
    made = config.settings
    assert (real.per_device_train_batch_size, real.max_steps) == (2, 7)
    assert (made.per_device_train_batch_size, made.max_steps) == (2, 7)
    assert "--max_step is read as --max_steps: argparse takes the beginning of an option" in config.notes
    with pytest.raises(
        olr.ConfigError,
        match="--warmup is not an option of TrainingArguments; --set warmup=null leaves it out if the schedule",
    ):
        olr.read_config([*words, "--warmup", "5"])


def test_nothing_is_executed(tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(olr.ConfigError, match="does not say"):
        scripts(tmp_path, f"python t.py --learning_rate $(touch {mark}) --max_steps `touch {mark}`")
    assert not mark.exists()


def test_a_script_that_a_command_starts_is_read_with_its_options(tmp_path):
    (tmp_path / "train.py").write_text(
        "import argparse\nfrom transformers import TrainingArguments\np = argparse.ArgumentParser()\n"
        "p.add_argument('--lr', type=float, default=1e-4)\np.add_argument('--epochs', type=int, default=3)\n"
        "args = p.parse_args()\nTrainingArguments('o', learning_rate=args.lr, num_train_epochs=args.epochs)\n"
    )
    script = tmp_path / "run.sh"
    script.write_text("torchrun --nproc_per_node 4 train.py --epochs 2\npython ./train.py --lr 3e-5\n")
    first, second = olr.read_configs(script)
    assert repr(first.plan(num_examples=1000).schedule) == repr(olr.Linear(1e-4, 64))
    assert first.notes == (
        "the settings are those in train.py, with the options of the command in line 1",
        "args.lr is 0.0001, the default of --lr",
    )
    assert repr(second.plan(num_examples=1000).schedule) == repr(olr.Linear(3e-5, 375))
    assert (first.processes.count, second.processes.count) == (4, 1)


@pytest.mark.parametrize(
    ("file", "start"),
    [
        ("pkg/train.py", "torchrun --nproc_per_node 2 -m pkg.train"),
        ("pkg/train.py", "accelerate launch --num_processes 2 -m pkg.train"),
        ("pkg/train/__main__.py", "srun python -u -m pkg.train"),
        ("lib/pkg/train.py", "PYTHONPATH=$PWD/lib:$PYTHONPATH python -m pkg.train"),
        ("lib/pkg/train.py", 'export PYTHONPATH="./lib"\npython -m pkg.train'),
        ("src/pkg/train.py", "python -m pkg.train"),
        ("sub/pkg/train.py", "cd sub && python -m pkg.train"),
    ],
)
def test_a_module_that_a_command_starts_is_read_as_a_script_is(tmp_path, file, start):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(
        "from transformers import HfArgumentParser, TrainingArguments\nfrom other import EPOCHS\nfrom .own import BATCH\n"
        "TrainingArguments('o', learning_rate=1e-4, num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH)\n"
    )
    root = path.parents[2 if path.name == "__main__.py" else 1]
    (root / "other.py").write_text("EPOCHS = 2\n")
    (root / "own.py").write_text("BATCH = 1\n")
    (path.parent / "own.py").write_text("BATCH = 4\n")
    (config,) = scripts(tmp_path, f"{start} --seed 1\n")
    settings = config.settings
    assert (settings.learning_rate, settings.num_train_epochs, settings.per_device_train_batch_size) == (1e-4, 2, 4)
    assert not any("not read" in note for note in config.notes)


def test_a_command_that_is_continued_as_on_windows_is_no_plan(tmp_path):
    windows = "accelerate launch --num_processes 1 ^\n  t.py --learning_rate 1e-4 ^\n  --save_strategy no ^\n  --max_steps 9\n"
    with pytest.raises(
        olr.ConfigError, match=r"line 1 is continued by \^, as in a batch file of Windows; write \\ there"
    ):
        scripts(tmp_path, windows)
    (config,) = scripts(tmp_path, f"{windows}\n{windows}".replace("^", "\\", 3))
    assert config.plan().max_steps == 9
    assert any("line 6 is continued by ^" in note for note in config.notes)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("other/train.py", "cd ../other; python train.py SETTINGS --num_train_epochs 1", r"is outside of this folder; start optax-lr in \.\.,"),
        ("run/train.py", "cd ../other; python train.py SETTINGS --num_train_epochs 1", "is not found from here; start optax-lr"),
        ("other/a", "python reward_models.py SETTINGS --max_length 512 --per_device_train_batch_size 1", "is not found from here"),
    ],
)  # fmt: skip
def test_defaults_of_a_script_that_is_elsewhere_are_no_plan(tmp_path, monkeypatch, name, line, message):
    for folder in ("run", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / name).write_text("from mine import train\ntrain()\n")
    (tmp_path / "run" / "run.sh").write_text(line.replace("SETTINGS", "--learning_rate 1e-5 --save_strategy no"))
    monkeypatch.chdir(tmp_path / "run")
    with pytest.raises(olr.ConfigError, match=rf"would be defaults, and \w+\.py, which may have others, {message}"):
        olr.read_config("run.sh")
    given = {"lr_scheduler_type": "cosine", "per_device_train_batch_size": 1, "num_train_epochs": 1}
    assert "and may have" in " ".join(olr.read_config("run.sh", values=given).notes)


def test_do_train_is_asked_for_by_scripts_that_test_it(tmp_path):
    (tmp_path / "run_tests.py").write_text("from transformers import Trainer\nif args.do_train: train()\n")
    (tmp_path / "run_trains.py").write_text("from transformers import Trainer\ntrain()\n")
    names = ("run_tests.py", "run_trains.py", "run_mine.py", "run_glue.py")
    line = "--learning_rate 1e-5 --max_steps 9 --save_strategy no\n"
    found = scripts(tmp_path, "".join(f"python {name} {line}" for name in names))
    assert [any("do_train" in note for note in one.notes) for one in found] == [True, False, False, True]


def test_a_module_of_a_trainer_is_not_read_as_a_script(tmp_path):
    (tmp_path / "trl" / "scripts").mkdir(parents=True)
    text = "from transformers import TrainingArguments\nTrainingArguments('o', max_steps=7)\n"
    (tmp_path / "trl" / "scripts" / "sft.py").write_text(text)
    (config,) = scripts(tmp_path, "python -m trl.scripts.sft --max_steps 9 --learning_rate 1e-4\n")
    assert (config.trainer, config.plan().max_steps) == ("trl", 9)


@pytest.mark.parametrize(
    ("start", "command", "rate", "epochs"),
    [
        ("from fire import Fire\n{}Fire(train)", "--learning_rate 3e-5 --epochs=2", 3e-5, 2),
        ("import fire\n{}fire.Fire(train)", "--epochs 5", 1e-6, 5),
        ("import typer\n{}typer.run(train)", "--learning-rate 3e-5", 3e-5, 1),
    ],
)
def test_options_of_a_function_are_those_of_the_command(tmp_path, start, command, rate, epochs):
    function = (
        "from transformers import TrainingArguments\ndef train(learning_rate: float = 1e-6, epochs=1):\n"
        "    TrainingArguments('o', learning_rate=learning_rate, num_train_epochs=epochs)\n"
    )
    (tmp_path / "train.py").write_text(start.format(function))
    (config,) = scripts(tmp_path, f"python train.py {command}\n")
    plan = config.plan(num_examples=80)
    assert (float(plan.schedule.learning_rate), plan.max_steps) == (rate, 10 * epochs)


@pytest.mark.parametrize("kind", ["Optional[int]", "typing.Optional[int]", "int | None", "'int'", "int"])
def test_a_field_that_may_be_none_has_the_number_of_the_command(tmp_path, kind):
    (tmp_path / "train.py").write_text(
        "import typing\nfrom dataclasses import dataclass\nfrom typing import Optional\n"
        "from transformers import HfArgumentParser, TrainingArguments\n"
        f"@dataclass\nclass Options:\n    steps: {kind} = None\n"
        "options = HfArgumentParser(Options).parse_args_into_dataclasses()[0]\n"
        "TrainingArguments('o', learning_rate=1e-4, max_steps=options.steps)\n"
    )
    (config,) = scripts(tmp_path, "python train.py --steps 200\n")
    assert config.plan().max_steps == 200


def test_the_launchers_file_and_a_divided_model_decide_for_a_script_too(tmp_path):
    text = "from transformers import TrainingArguments\nTrainingArguments('o', num_train_epochs=1)\n"
    (tmp_path / "train.py").write_text(text)
    (tmp_path / "divided.py").write_text("model.is_parallelizable = True\n" + text)
    (tmp_path / "two.yaml").write_text("num_processes: 2\n")
    first, second, third = scripts(
        tmp_path,
        "accelerate launch --config_file two.yaml train.py --seed 1\nCUDA_VISIBLE_DEVICES=0,1,2,3 python divided.py --seed 1\n"
        "CUDA_VISIBLE_DEVICES=0,1,2,3 python train.py --seed 1\n",
    )
    assert [config.plan(num_examples=64).max_steps for config in (first, second, third)] == [4, 8, 2]


def test_a_script_with_a_parser_and_a_loop_of_its_own_is_not_one_of_the_trainer(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "main.py").write_text("from pkg import options\nfrom pkg.loop import run\nrun(options.args)\n")
    (tmp_path / "pkg" / "options.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--learning_rate')\n"
    )
    (tmp_path / "pkg" / "loop.py").write_text("from .more import step\n")
    more = tmp_path / "pkg" / "more.py"
    more.write_text("def step(): pass\n")
    (tmp_path / "acc.yaml").write_text("num_processes: 2\ndeepspeed_config: {gradient_accumulation_steps: 4}\n")
    line = "accelerate launch --config_file acc.yaml main.py --learning_rate 1e-5 --num_train_epochs 2 --save_strategy no\n"
    with pytest.raises(
        olr.ConfigError, match=r"main\.py parses --learning_rate 1e-5, .* itself, and only its code has the"
    ):
        scripts(tmp_path, line)
    more.write_text("from transformers import Trainer\n")
    (config,) = scripts(tmp_path, line)
    assert config.trainer == "hf"
    assert any("gradient_accumulation_steps 4 in acc.yaml: loops of accelerate" in note for note in config.notes)
    assert config.processes.count == 2


def test_commands_of_examples_that_do_not_train_are_left_out(tmp_path):
    (config,) = scripts(
        tmp_path,
        "python run_swag.py --do_train --num_train_epochs 1 --learning_rate 1e-5\n"
        "python run_swag.py --do_predict --per_device_train_batch_size 8 --output_dir o\n"
        "python run_glue.py --do_eval --num_train_epochs 3 --learning_rate 2e-5\n",
    )
    assert float(config.plan(num_examples=64).schedule.learning_rate) == 1e-5
    (tmp_path / "t.py").write_text(
        "from transformers import TrainingArguments\nTrainingArguments(learning_rate=1e-5)\n"
    )
    assert len(scripts(tmp_path, "python t.py --do_eval --seed 1\n")) == 1
    (tmp_path / "t.py").write_text((tmp_path / "t.py").read_text() + "if args.do_train:\n    trainer.train()\n")
    with pytest.raises(olr.ConfigError, match="line 1 has --do_eval and no --do_train, so that it trains nothing; add"):
        scripts(tmp_path, "python t.py --do_eval --seed 1\n")
    words = ["run_summarization.py", "--do_predict", "--per_device_train_batch_size", "8"]
    with pytest.raises(olr.ConfigError, match="do_predict without do_train trains nothing"):
        olr.read_config(words)


@pytest.mark.parametrize(
    ("declared", "options", "rate"),
    [
        ("p.add_argument('--rate', dest='lr', type=float, default=5e-5)", "--rate 1e-4", 1e-4),
        ("p.add_argument('--lr', '--learning-rate', type=float, default=5e-5)", "--learning_rate 1e-4", 1e-4),
        ("p.add_argument('--rate', dest='lr', type=float, default=5e-5)", "", 5e-5),
        ("p.add_argument('-l', '--lr', type=float, default=5e-5)", "-l 1e-4", 1e-4),
        ("p.add_argument('--rate', '-lr', dest='lr', type=float)\np.add_argument('--lrs')", "-lr 1e-4 -x 2", 1e-4),
        ("p.add_argument('-l', dest='lr', type=float, default=5e-5)", "-l2", 2),
        ("p.add_argument('--full', action=argparse.BooleanOptionalAction, default=True)", "--no-full", 7),
        ("p.add_argument('--full', action=argparse.BooleanOptionalAction, default=False)", "--full", 8),
        ("p.add_argument('--quick', dest='full', action='store_false', default=True)", "--quick", 7),
        ("p.add_argument('--quick', dest='full', action='store_false', default=True)", "", 8),
    ],
)
def test_an_option_gives_the_value_under_its_name(tmp_path, declared, options, rate):
    value = "8 if args.full else 7" if "full" in declared else "args.lr"
    (tmp_path / "train.py").write_text(
        f"import argparse\nfrom transformers import TrainingArguments\np = argparse.ArgumentParser()\n{declared}\n"
        f"args = p.parse_args()\nTrainingArguments('o', learning_rate={value}, max_steps=5)\n"
    )
    (config,) = scripts(tmp_path, f"python train.py --x 1 {options}\n")
    assert float(config.plan().schedule.learning_rate) == rate


def test_an_option_of_click_has_the_type_of_its_default(tmp_path):
    (tmp_path / "train.py").write_text(
        "import click\nfrom transformers import TrainingArguments\n@click.command()\n@click.option('-l', '--lr', default=1e-4)\n"
        "@click.option('--epoch', '-e', 'steps', default=9)\ndef main(lr, steps):\n"
        "    TrainingArguments('o', learning_rate=lr, max_steps=steps)\nmain()\n"
    )
    (config,) = scripts(tmp_path, "python train.py -l 3e-4 --epoch 5\n")
    assert repr(config.plan().schedule) == repr(olr.Linear(3e-4, 5))


def test_words_in_forms_that_are_not_read_have_a_note(tmp_path):
    (tmp_path / "train.py").write_text(
        "import fire\nfrom transformers import TrainingArguments\ndef main(lr=1e-4, x=1, y=2):\n"
        "    TrainingArguments('o', learning_rate=lr, max_steps=9)\nfire.Fire(main)\n"
    )
    (config,) = scripts(tmp_path, "python train.py 2e-4 data --x 2 -learning_rate 3 -y 1\n")
    assert "-learning_rate, 2e-4, data in the command: not read, and may set values of train.py" in config.notes
    (config,) = scripts(tmp_path, "python train.py --x 2 -y 1\n")
    assert not any("not read" in note for note in config.notes)


def test_a_file_of_options_may_replace_every_default(tmp_path):
    (tmp_path / "train.py").write_text(
        "import configargparse\nfrom transformers import TrainingArguments\np = configargparse.ArgumentParser()\n"
        "p.add_argument('-c', '--config', is_config_file=True)\np.add_argument('--lr', type=float, default=1e-4)\n"
        "TrainingArguments('o', learning_rate=p.parse_args().lr, max_steps=9)\n"
    )
    with pytest.raises(olr.ConfigError, match="learning_rate is not a literal"):
        scripts(tmp_path, "python train.py -c a.yaml\n")


@pytest.mark.parametrize("command", ["LR=3e-4 python env.py --x 1", "export LR=3e-4\npython env.py --x 1"])
def test_variables_of_the_command_are_those_of_its_script(tmp_path, command):
    (tmp_path / "env.py").write_text(
        "import os\nfrom transformers import TrainingArguments\n"
        "TrainingArguments('o', learning_rate=float(os.environ.get('LR', '5e-5')), max_steps=5)\n"
    )
    (config,) = scripts(tmp_path, command + "\n")
    assert float(config.plan().schedule.learning_rate) == 3e-4


def test_options_that_the_script_states_itself(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(
        "import argparse\nfrom transformers import TrainingArguments\np = argparse.ArgumentParser()\n"
        "p.add_argument('--lr', type=float, default=5e-5)\nargs = p.parse_args(['--lr', '2e-4'])\n"
        "TrainingArguments('o', learning_rate=args.lr, max_steps=5)\n"
    )
    config = olr.read_config(path)
    assert (float(config.plan().schedule.learning_rate), config.notes) == (2e-4, ())
    path.write_text(path.read_text().replace("['--lr', '2e-4']", "[]"))
    assert float(olr.read_config(path).plan().schedule.learning_rate) == 5e-5


def test_an_option_that_is_given_twice_is_noted(tmp_path):
    (config,) = scripts(tmp_path, "python run_clm.py --learning_rate 3e-5 --max_steps 5 --learning_rate=1e-4\n")
    assert float(config.plan().schedule.learning_rate) == 1e-4
    assert "--learning_rate is given more than once; the last counts" in config.notes


def test_an_option_and_its_beginning_are_refused_together():
    with pytest.raises(olr.ConfigError, match="--num_train_ep and --num_train_epochs are the same option to argparse"):
        olr.read_config(["run_clm.py", "--learning_rate", "1e-4", "--num_train_epochs", "3", "--num_train_ep", "5"])


def test_options_of_diffusers_count_although_its_script_computes_with_them(tmp_path):
    (tmp_path / "train_dreambooth.py").write_text(
        "from diffusers.optimization import get_scheduler\nargs = parse_args()\n"
        "get_scheduler(args.lr_scheduler, optimizer=o, num_training_steps=args.max_train_steps * accelerator.num_processes)\n"
    )
    (config,) = scripts(
        tmp_path,
        "accelerate launch train_dreambooth.py --learning_rate 2e-6 --lr_scheduler constant --max_train_steps 800 "
        "--instance_prompt p --instance_data_dir d\n",
    )
    assert (config.trainer, config.plan().max_steps) == ("diffusers", 800)


def test_the_beginning_of_an_option_is_completed(tmp_path):
    (tmp_path / "train.py").write_text(
        "import argparse\nfrom transformers import TrainingArguments\np = argparse.ArgumentParser()\n"
        "p.add_argument('--lr', type=float, default=1e-4)\np.add_argument('--lr_end', type=float, default=0)\n"
        "p.add_argument('--num_epochs', type=int, default=3)\nargs = p.parse_args()\n"
        "TrainingArguments('o', learning_rate=args.lr, num_train_epochs=args.num_epochs)\n"
    )
    (config,) = scripts(tmp_path, "python train.py --lr 2e-4 --num_epoch 5\n")
    assert repr(config.plan(num_examples=80).schedule) == repr(olr.Linear(2e-4, 50))


def test_an_unsupported_command_is_noted_next_to_a_supported_one(tmp_path):
    text = "torchrun train.py --learning_rate 1e-4 --num_train_epochs 1\npython other.py --learning_rate 1 --mine 3\n"
    (config,) = scripts(tmp_path, text)
    assert config.trainer == "hf"
    assert config.notes[-1].startswith("another command is left out: ")
    assert "only other.py knows the use of" in config.notes[-1]
    (config,) = scripts(tmp_path, text + "python other.py --learning_rate 1 --mine 3\n" * 4)
    assert sum(note.startswith("another command is left out: ") for note in config.notes) == 3
    assert config.notes[-1] == "2 more commands are left out"


def test_a_launcher_in_an_unknown_variable(tmp_path):
    (config,) = scripts(tmp_path, "$LAUNCHER python train.py --learning_rate 1e-4 --num_train_epochs 1\n")
    assert config.processes.count is None
    origin = "assumed; $LAUNCHER may start several, and the script does not define it; give --world-size"
    assert config.plan(num_examples=80).world_size_from == origin


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CFG=$(make_config)\naccelerate launch -m llamafactory.cli train $CFG\n", "the command in line 2 takes its settings from $(make_config), which is not run"),
        ("llamafactory-cli train --stage sft --do_train\n", "the command gives no settings; read the YAML"),
        ("CFG=$1\naccelerate launch run_sft.py --config $CFG --learning_rate 1e-4 --dataset_name d\n", "the settings of the command are in $1"),
        ("python train.py --config $CFG --learning_rate 1e-4 --num_train_epochs 1\n", "the settings of the command are in $CFG"),
        ("python train.py run.yaml --learning_rate 1e-4\n", "are in run.yaml, which is not found from the folder of this file or from the working directory; start optax-lr in the folder where the script is started, or read that file with --set learning_rate=1e-4"),
        ("torchrun --nproc_per_node 4 -m llamafactory.launcher my.yaml\n", "in line 1 are in my.yaml, which is not found from the folder of this file or from the working directory; start optax-lr in the folder where the script is started, or read that file with --world-size 4"),
        ("trl sft --config ../../etc/x.yaml\n", "are in ../../etc/x.yaml, which is not found"),
        ("python -m MaxText.train $CONFIG steps=10 learning_rate=1e-4\n", "the settings of the command are in $CONFIG"),
    ],
)  # fmt: skip
def test_a_file_of_settings_is_never_ignored(tmp_path, text, message):
    with pytest.raises(olr.ConfigError) as caught:
        scripts(tmp_path, text)
    assert message in str(caught.value)


def test_an_unknown_override_of_a_named_file_is_reported(tmp_path):
    (tmp_path / "f.yaml").write_text(
        "stage: sft\nfinetuning_type: lora\nlearning_rate: 1.0e-5\nmax_steps: 9\nmine: 1\n"
    )
    (config,) = scripts(tmp_path, "llamafactory-cli train f.yaml wobble=3 learning_rate=3e-5")
    assert config.unknown == ("wobble",)
    assert any("f.yaml has 1 key, which is not known to LLaMA-Factory" in note for note in config.notes)


@pytest.mark.parametrize(
    "program", ["torchrun --nproc_per_node 1 src/train.py", "llamafactory-cli train", "python -m llamafactory.launcher"]
)
def test_a_yaml_of_llamafactory_is_read_by_omegaconf_behind_any_program(tmp_path, program):
    (tmp_path / "f.yaml").write_text(
        "stage: sft\nfinetuning_type: full\ntemplate: qwen\nlearning_rate: 3e-4\nmax_steps: 9\n"
    )
    (config,) = scripts(tmp_path, f"{program} f.yaml warmup_steps=2")
    assert (config.settings.learning_rate, config.settings.warmup_steps, config.unknown) == (3e-4, 2, ())


def test_words_behind_a_yaml_of_llamafactory_are_read_by_omegaconf(tmp_path):
    (tmp_path / "f.yaml").write_text(
        "stage: sft\nlearning_rate: 1.0e-5\nmax_steps: 9\nlr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs:\n  num_cycles: 1.5\n"
    )
    (config,) = scripts(
        tmp_path, "llamafactory-cli train f.yaml lr_scheduler_kwargs.min_lr=1e-6 learning_rate=2e-5 mine.a=1"
    )
    assert config.settings.lr_scheduler_kwargs == {"num_cycles": 1.5, "min_lr": 1e-6}
    assert (config.settings.learning_rate, config.unknown) == (2e-5, ("mine",))
    for word in ("x={[", "x='!!python/name:os'", "'x=[&a [1], *a]'", f"'x={'[' * 3000}'"):
        with pytest.raises(olr.ConfigError, match="OmegaConf does not read x="):
            scripts(tmp_path, f"llamafactory-cli train f.yaml {word}")


def test_a_value_that_is_given_for_several_configs_is_noted(tmp_path):
    path = tmp_path / "runs.sh"
    path.write_text("trl sft --max_steps 9 --learning_rate 1e-4\ntrl dpo --max_steps 5 --learning_rate 1e-5\n")
    for config in olr.read_configs(path, values={"learning_rate": 2e-4}):
        assert "--set learning_rate holds for each of the 2 configs of this file" in config.notes
