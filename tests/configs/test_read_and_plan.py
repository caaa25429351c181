"""Configs are read by the rules of their trainer, and the steps are counted by its arithmetic."""

import json

import pytest

import optax_lr as olr

RECIPE = "learning_rate: 1e-4\nlr_scheduler_type: cosine\nwarmup_ratio: 0.1\nmax_steps: 200\n"


def written(tmp_path, text, name="train.yaml"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate: 1e-4", 1e-4),
        ("learning_rate: 1.0e-4", 1e-4),
        ("learning_rate: 2e-5 # note", 2e-5),
        ("stage: sft\nfinetuning_type: full\nbase: 3e-5\nlearning_rate: ${base}", 3e-5),
        ('{"learning_rate": 1e-4}', 1e-4),
        ("lr_scheduler_type: linear\nlearning_rate: null", 5e-5),
        ("learning_rate: 1\noutput_dir: ${OUTPUT}/run", 1.0),
    ],
)
def test_numbers_as_omegaconf_reads_them(tmp_path, text, expected):
    assert olr.read_config(written(tmp_path, text)).settings.learning_rate == expected


@pytest.mark.parametrize("kwargs", ["{num_cycles: 3}", "'{\"num_cycles\": 3}'", "\n  num_cycles: 3"])
def test_scheduler_kwargs_as_mapping_or_json(tmp_path, kwargs):
    text = (
        f"learning_rate: 1e-4\nlr_scheduler_type: cosine_with_restarts\nmax_steps: 100\nlr_scheduler_kwargs: {kwargs}\n"
    )
    assert repr(olr.read_config(written(tmp_path, text)).plan().schedule) == repr(
        olr.CosineWithRestarts(1e-4, 100, num_cycles=3)
    )


def test_several_documents_are_several_configs(tmp_path):
    path = written(tmp_path, RECIPE + "---\n" + RECIPE.replace("cosine", "linear"))
    configs = olr.read_configs(path)
    assert [type(config.plan().schedule) for config in configs] == [olr.Cosine, olr.Linear]
    with pytest.raises(olr.ConfigError, match=r"holds 2 configs; read_configs\(\) reads them all"):
        olr.read_config(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n- b\n", "the file holds a list, not keys with values"),
        ("- {step: 1, loss: 2.0}\n", "the file holds a list, not keys with values; it looks like a log, which audit reads"),
        ("just text\n", "the file holds a str, not keys with values"),
        ("learning_rate: 1e-4\nlearning_rate: 2e-4\n", "learning_rate is given twice, in lines 1 and 2; keep one"),
        ("lr: 1\nf: !name:torch.optim.Adam\n  lr: !ref <lr>\n", "!name:torch.optim.Adam in line 2 is a tag of SpeechBrain's HyperPyYAML, which"),
        ("learning_rate: [1e-4\n", "not YAML: did not find expected ',' or ']' in line 2"),
        ("model:\n  path: {{root}}/m\nlr: 1\n", "a template, whose {{root}} in line 2 is not filled in"),
        ("stage: sft\ntemplate: t\nlearning_rate: '1e-4'\n", "must be a number, not the text '1e-4': write 0.0001, without quotes"),
        ("learning_rate: fast\n", "learning_rate must be a number, not 'fast'"),
        ("stage: sft\ntemplate: t\nlearning_rate: ${nowhere}\n", "refers to nowhere, and there is no such key in this file"),
        ("learning_rate: .nan\n", "learning_rate must be finite, not nan"),
        ("learning_rate: 1e-4\nmax_steps: 10.5\n", "max_steps must be a whole number, not 10.5"),
        ("learning_rate: 1e-4\nlr_scheduler_kwargs: 3\n", "lr_scheduler_kwargs must hold keys with values"),
        ("learning_rate: 1e-4\nlr_scheduler_kwargs: '{'\n", "lr_scheduler_kwargs is not JSON"),
        ("learning_rate: 1e-4\nnum_cycles: 3\n", "num_cycles is refused at the top level; move it: lr_scheduler_kwargs: {num_cycles: 3}"),
        ("learning_rate: 1e-4\nlr_scheduler: cosine\n", "lr_scheduler is not a key of TrainingArguments; write lr_scheduler_type, if the program that reads the file means that by it"),
        (
            "learning_rate: 1e-4\nlr_scheduler_type: cosine\nmin_lr: 1e-6\nnum_cycles: 2\nlr_scheduler: cosine\nnum_epochs: 2\nepochs: 2\n",
            "min_lr, num_cycles are refused at the top level; move them: lr_scheduler_kwargs: {min_lr: 1.0e-06, num_cycles: 2}; "
            "lr_scheduler, num_epochs, epochs are not keys of TrainingArguments; write lr_scheduler_type, num_train_epochs, if the ",
        ),
        ("model: llama\n", "no setting of a schedule is there, such as learning_rate, but model; read the file"),
        ("jobs:\n- train: {lr: 1e-4, noise_scheduler: x}\n", "knows the use of jobs.0.train.lr 1e-4; read that"),
        (b"\xff\xfe\x00", "this is not UTF-8 text"),
        (b"learning_rate: 1\x00", "this is a binary file"),
        ("a: &a [1]\n" + "".join(f"b{i}: *a\n" for i in range(60)) + "learning_rate: 1\n", "60 YAML aliases are more than a config needs"),
        ("x" * (2**20 + 1), "bytes are too many for a config"),
        ("[" * 5000, ""),
    ],
)  # fmt: skip
def test_files_that_are_not_configs_are_refused_in_one_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_config(path).plan()
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.sh", "a.py"])
def test_conflict_markers_of_git_are_named(tmp_path, name):
    text = "\n<<<<<<< HEAD\nlearning_rate: 1.0e-4\n=======\nlearning_rate: 2.0e-4\n>>>>>>> other\nmax_steps: 10\n"
    (tmp_path / name).write_text(text)
    with pytest.raises(olr.ConfigError, match="Git's conflict markers are in line 2; keep one of the two sides"):
        olr.read_config(tmp_path / name)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(olr.ConfigError, match="cannot be read: No such file or directory"):
        olr.read_config(tmp_path / "no.yaml")
    with pytest.raises(olr.ConfigError, match="this is a folder; name the config file in it"):
        olr.read_config(tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 1e-4}, "the length of the run is not known: give max_steps in the file, or the number of training examples"),
        ({"learning_rate": 1e-4, "streaming": True}, "streaming data has no length; give max_steps"),
        ({"max_steps": 9, "lr_scheduler_type": "greedy"}, "follows the evaluation's metric, not the step"),
        ({"max_steps": 9, "lr_scheduler_type": "cosin"}, "unknown scheduler 'cosin'; did you mean 'cosine'?"),
        ({"max_steps": 9, "lr_scheduler_kwargs": {"num_cycle": 1}, "lr_scheduler_type": "cosine"}, "unknown keyword 'num_cycle'"),
        ({"max_steps": 9, "warmup_steps": -1}, "warmup_steps must be at least 0, not -1"),
        ({"max_steps": 9, "warmup_ratio": -0.5}, r"warmup_ratio must lie in [0, 1], not -0.5"),
    ],
)  # fmt: skip
def test_configs_without_a_plan(values, message):
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_config(values).plan()
    assert message in str(caught.value)


def test_a_config_follows_the_trainer_where_the_class_differs():
    constant = {"learning_rate": 1e-4, "lr_scheduler_type": "constant", "warmup_steps": 10, "max_steps": 100}
    plan = olr.read_config(constant).plan()
    assert (repr(plan.schedule), plan.warmup_steps) == (repr(olr.Constant(1e-4)), 0)
    ratio = olr.read_config(constant | {"warmup_steps": 0, "warmup_ratio": 0.1}).plan()
    assert ratio.warmup_steps == 0
    polynomial = {"learning_rate": 1e-4, "lr_scheduler_type": "polynomial", "max_steps": 100}
    assert olr.read_config(polynomial).plan().schedule.min_lr == pytest.approx(1e-7)


@pytest.mark.parametrize(("version", "steps"), [("4.48.3", 250), ("4.49.0", 0), (None, 0)])
def test_max_steps_of_0_by_version(version, steps):
    # Trainer of 4.48.3: `if args.max_steps > 0`, else the epochs; set_initial_training_values of 4.49.0: `max_steps < 0`.
    config = olr.read_config({"max_steps": 0, "num_train_epochs": 2, "per_device_train_batch_size": 8})
    plan = config.plan(num_examples=1000, transformers_version=version)
    assert plan.max_steps == steps
    assert any("before that give --transformers-version 4.48.3" in note for note in plan.notes) == (steps == 0)


def batches(size, group=1, **more):
    """The keys of a run: the batch size, the batches per step, and other keys."""
    return {"per_device_train_batch_size": size, "gradient_accumulation_steps": group, **more}


def kind(name, warmup=0, **keywords):
    """The keys of a schedule."""
    keys = {"lr_scheduler_type": name, "warmup_steps": warmup}
    return keys | ({"lr_scheduler_kwargs": keywords} if keywords else {})


@pytest.mark.parametrize(
    ("examples", "values"),
    [
        (100, batches(8, num_train_epochs=3.0)),
        (100, batches(8, 4, num_train_epochs=3.0)),
        (100, batches(8, 4, dataloader_drop_last=True)),
        (103, batches(8, dataloader_drop_last=True, num_train_epochs=2.5)),
        (103, batches(8, 5, num_train_epochs=2)),  # 13 batches: groups of 5, 5 and 3
        (103, batches(8, 20, num_train_epochs=2)),  # one group, smaller than it should be
        (103, batches(8, 5, dataloader_drop_last=True, num_train_epochs=1.3)),
        (7, batches(8, 2, num_train_epochs=3)),
        (1, batches(1, num_train_epochs=5, **kind("cosine"))),
        (33, batches(4, 3, num_train_epochs=1.5, warmup_steps=0.2)),
        (40, batches(4, num_train_epochs=1.1, **kind("cosine", 3))),
        (40, batches(4, max_steps=7, **kind("constant", 3))),
        (40, batches(4, max_steps=25, **kind("constant_with_warmup", 3))),
        (40, batches(4, max_steps=25, num_train_epochs=1, **kind("linear", 0.1))),  # past the epochs, of 10 steps each
        (40, batches(4, 3, max_steps=11, **kind("cosine", 0.07))),
        (40, batches(4, num_train_epochs=2, **kind("linear", 0.5))),
        (40, batches(4, num_train_epochs=2, **kind("linear", 0.999))),
        (40, batches(4, max_steps=10, **kind("linear", 30))),  # a warmup that does not end
        (40, batches(4, max_steps=10, **kind("cosine", 1))),
        (40, batches(4, num_train_epochs=2, **kind("cosine", 2, num_cycles=1.5))),
        (40, batches(4, num_train_epochs=2, **kind("cosine_with_restarts", num_cycles=2))),
        (40, batches(4, num_train_epochs=3, **kind("cosine_with_restarts", 0.1, num_cycles=5))),
        (40, batches(4, num_train_epochs=2, **kind("cosine_with_min_lr", 3, min_lr=1e-4))),
        (40, batches(4, num_train_epochs=2, **kind("cosine_with_min_lr", 0.1, min_lr_rate=0.25, num_cycles=1.0))),
        (40, batches(4, num_train_epochs=2, **kind("cosine_warmup_with_min_lr", 4, min_lr_rate=0.1))),
        (40, batches(4, num_train_epochs=2, **kind("cosine_warmup_with_min_lr", 4, min_lr=1e-5, warmup_lr_rate=0.3))),
        (40, batches(4, num_train_epochs=2, **kind("polynomial", 3))),
        (40, batches(4, 3, num_train_epochs=4, **kind("polynomial", 0.2, power=2.5, lr_end=1e-5))),
        (40, batches(4, num_train_epochs=2, **kind("inverse_sqrt"))),
        (40, batches(4, num_train_epochs=2, **kind("inverse_sqrt", 4))),
        (40, batches(4, num_train_epochs=2, **kind("inverse_sqrt", 4, timescale=9))),
        (40, batches(4, num_train_epochs=2, **kind("warmup_stable_decay", 3, num_decay_steps=6))),
        (40, batches(4, num_train_epochs=2, **kind("warmup_stable_decay", 3, num_decay_steps=6, num_stable_steps=5))),
        (40, batches(4, num_train_epochs=2, **kind(
            "warmup_stable_decay", 0.2, num_decay_steps=9, warmup_type="cosine", decay_type="1-sqrt", min_lr_ratio=0.1))),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_the_plan_equals_the_run_of_a_real_trainer(tmp_path, examples, values):
    import transformers

    from tests.tiny import Data, Model

    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), learning_rate=1e-3, use_cpu=True, report_to=[], logging_steps=1, save_strategy="no",
        disable_tqdm=True, dataloader_pin_memory=False, **values,
    )  # fmt: skip
    trainer = transformers.Trainer(Model(), arguments, train_dataset=Data(examples))
    trainer.train()
    hf = {"learning_rate": 1e-3, "use_cpu": True, **values}  # use_cpu: LLaMA-Factory would fill in phases of its own
    plan = olr.read_config(hf).plan(num_examples=examples)
    logged = [row["learning_rate"] for row in trainer.state.log_history if "learning_rate" in row]
    assert plan.max_steps == trainer.state.max_steps == len(logged)
    used = values.get("lr_scheduler_type") != "constant"  # whose function takes no warmup
    assert plan.warmup_steps == used * arguments.get_warmup_steps(plan.max_steps)
    assert [float(plan.schedule(step)) for step in range(plan.max_steps)] == pytest.approx(logged, rel=1e-6, abs=1e-15)


def test_a_record_of_all_arguments_does_not_say_that_nothing_is_trained(tmp_path):
    import transformers

    path = tmp_path / "training_args.json"
    path.write_text(transformers.TrainingArguments(str(tmp_path), max_steps=9, report_to="none").to_json_string())
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.Linear(5e-5, 9))


def test_llamafactory_computes_the_stable_phase():
    values = {
        "stage": "sft",
        "finetuning_type": "full",
        "learning_rate": 1e-4,
        "lr_scheduler_type": "warmup_stable_decay",
    }
    values |= {"warmup_steps": 100, "max_steps": 1000}
    assert repr(olr.read_config(values).plan().schedule) == repr(
        olr.WarmupStableDecay(1e-4, decay_steps=600, max_steps=1000, warmup_steps=100, stable_steps=300)
    )
    given = olr.read_config(values | {"lr_scheduler_kwargs": json.dumps({"num_decay_steps": 100})}).plan().schedule
    assert (given.stable_steps, given.decay_steps) == (300, 100)
    assert given(500) == 0


def test_early_stopping_is_noted():
    keys = {
        "learning_rate": 1e-4,
        "save_total_limit": 1,
        "max_steps": 9,
        "early_stopping_patience": 3,
        "early_stopping": False,
    }
    config = olr.read_config(keys)
    assert "early_stopping_patience: the run may end early" in config.notes
    assert config.unknown == ("early_stopping",)


def test_a_printed_name_with_a_number_names_one_config_of_a_file(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text("{learning_rate: 1.0e-4, max_steps: 5}\n---\n{learning_rate: 2.0e-4, max_steps: 7}\n")
    second = olr.read_config(f"{path}#2")
    assert (second.source, second.plan().max_steps) == (f"{path}#2", 7)
    with pytest.raises(olr.ConfigError, match="holds 2 configs"):
        olr.read_config(f"{path}#3")
    (tmp_path / "two.yaml#2").write_text("{learning_rate: 3.0e-4, max_steps: 9}\n")
    assert olr.read_config(f"{path}#2").plan().max_steps == 9


def test_the_same_command_in_two_branches_is_noted(tmp_path):
    command = "python sft.py --learning_rate 1e-4 --lr_scheduler_type cosine --max_steps 9 --output_dir x"
    path = tmp_path / "run.sh"
    path.write_text(f'if [ -n "$A" ]; then\n  {command}\nelse\n  {command}\nfi\n')
    notes = [config.notes[0] for config in olr.read_configs(path)]
    assert notes[1] == f"the command is the same as that of {path}#1" != notes[0]


def test_a_repeated_key_without_effect_on_the_curve_is_not_noted(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "learning_rate: 1.0e-4\nlr_scheduler_type: cosine\nmax_steps: 5\nlora_rank: 8\nlora_rank: 9\npacking: true\npacking: false\n"
    )
    notes = olr.read_config(path).notes
    assert [note for note in notes if "twice" in note] == ["packing is given twice, in lines 6 and 7; the last counts"]
