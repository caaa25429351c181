"""The trainer and the plan of a config: one table for each trainer."""

import json

import numpy as np
import pytest
import torch
import transformers

import optax_lr as olr


def read(tmp_path, text, name="train.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return olr.read_config(path)


AXOLOTL = "learning_rate: 2e-5\nmicro_batch_size: 2\nnum_epochs: 2\ngradient_accumulation_steps: 1\n"
SHORT = {
    "learning_rate": 1e-3,
    "micro_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "lr_scheduler": "cosine",
    "num_epochs": 3,
}


@pytest.mark.parametrize(
    ("text", "trainer", "by"),
    [
        ("learning_rate: 1e-4", "hf", "keys that several trainers share with transformers"),
        ("stage: sft\nlearning_rate: 1e-4", "llamafactory", "its key stage"),
        ("train.learning_rate: 1e-4", "llamafactory-ui", "keys that begin with train."),
        ("model: m\nkernel_config: {name: auto}\nmicro_batch_size: 1\nmax_steps: 5", "llamafactory-v1", "its key kernel_config"),
        ("learning_rate: 1e-4\ndataset_mixer: {a: 1.0}\ntorch_dtype: bfloat16", "trl", "its keys dataset_mixer, torch_dtype"),
        ("training:\n  learning_rate: 1e-4\n  lr_scheduler_type: linear", "hf", "training arguments under training"),
        ("trainer:\n  args: {learning_rate: 1e-4, lr_scheduler_type: linear}", "hf", "training arguments under trainer.args"),
        (AXOLOTL, "axolotl", "its keys micro_batch_size, num_epochs"),
        ("learning_rate: 1e-4\nsequence_len: 2048\nmicro_batch_size: 1\ngradient_accumulation_steps: 1", "axolotl", "its keys micro_batch_size, sequence_len"),
    ],
)  # fmt: skip
def test_recognised(tmp_path, text, trainer, by):
    config = read(tmp_path, text)
    assert config.trainer == trainer
    assert config.recognized_by.startswith(by)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The last digits of a ratio are rounded down, a ratio of HF's up.
        (AXOLOTL + "warmup_ratio: 0.07\nmax_steps: 110", olr.Cosine(2e-5, 110, 7)),
        (AXOLOTL + "warmup_steps: 1\nmax_steps: 100", olr.Cosine(2e-5, 100, 2)),
        (AXOLOTL + "warmup_steps: 0\nmax_steps: 100", olr.Cosine(2e-5, 100, 0)),
        (AXOLOTL + "max_steps: 200", olr.Cosine(2e-5, 200, 6)),
        (AXOLOTL + "max_steps: 100000\nlr_scheduler: linear", olr.Linear(2e-5, 100000, 30)),  # 1000 * 2 / 2 steps of data
        (AXOLOTL, olr.Cosine(2e-5, 1000, 30)),
        (AXOLOTL.replace("steps: 1", "steps: 3"), olr.Cosine(2e-5, 334, 10)),  # once over all epochs, not 2 * 167.67
        (AXOLOTL + "val_set_size: 0.1", olr.Cosine(2e-5, 900, 27)),
        (AXOLOTL + "max_steps: 0", olr.Cosine(2e-5, 1000, 30)),
        (AXOLOTL + "lr_scheduler: rex\nwarmup_steps: 9\ncosine_min_lr_ratio: 0.1", olr.Rex(2e-5, 1000, 9, 2e-5 * 0.1)),
        (AXOLOTL + "warmup_steps: 9\ncosine_min_lr_ratio: '0.1'", olr.Cosine(2e-5, 1000, 9, 2e-5 * 0.1)),
        (
            AXOLOTL + "warmup_steps: 9\ncosine_min_lr_ratio: 0.1\ncosine_constant_lr_ratio: 0.8",
            olr.HoldAfter(olr.Cosine(2e-5, 800, 9, 2e-5 * 0.1), step=800),
        ),
        (
            AXOLOTL + "lr_scheduler: one_cycle\nwarmup_ratio: 0.25\nlr_scheduler_kwargs: {cycle_momentum: false, div_factor: 10}",
            olr.OneCycle(2e-5, 1000, pct_start=0.25, div_factor=10),
        ),
        (AXOLOTL + "lr_scheduler: constant\nwarmup_steps: 9", olr.Constant(2e-5)),
        (AXOLOTL + "lr_quadratic_warmup: yes\nwarmup_steps: 9", olr.Cosine(2e-5, 1000, 9) * olr.Constant(1.0, 9)),
        (AXOLOTL + "jagged_restart_steps: '50'\nwarmup_steps: 9", olr.JaggedRestarts(olr.Cosine(2e-5, 1000, 9), 50)),
        (AXOLOTL + "jagged_restart_steps: 50\njagged_restart_anneal_steps: false\nwarmup_steps: 9", olr.JaggedRestarts(olr.Cosine(2e-5, 1000, 9), 50)),
        (AXOLOTL + "jagged_restart_steps: 0\nwarmup_steps: 9", olr.Cosine(2e-5, 1000, 9)),
        (AXOLOTL + "rl: dpo\njagged_restart_steps: 50\nlr_quadratic_warmup: true\nwarmup_steps: 9", olr.Cosine(2e-5, 1000, 9)),
        ("learning_rate: '1e-5'\nmicro_batch_size: '4'\ngradient_accumulation_steps: 1\nlr_scheduler: linear", olr.Linear(1e-5, 250, 7)),
    ],
)  # fmt: skip
def test_axolotl(tmp_path, text, expected):
    assert repr(read(tmp_path, text).plan(num_examples=1000).schedule) == repr(expected)


RESTARTS = {"jagged_restart_steps": 10, "jagged_restart_warmup_steps": 3, "jagged_restart_anneal_steps": 2}
AT = [0, 1, 4, 8, 9, 10, 12, 18, 19, 20, 21, 28, 29]


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        ({"lr_quadratic_warmup": True, "cosine_min_lr_ratio": 0.1},
         [0.0, 4e-05, 0.00064, 0.0009648882, 0.0009381533, 0.0009045085, 0.000818712, 0.0004686047, 0.0004063093, 0.0003454915, 0.0002871104, 1.570842e-05, 3.942649e-06]),
        (RESTARTS, [0.0002, 0.0004, 0.001, 0.0004695457, 9.045085e-07, 0.0002887378, 0.0007679134, 0.0002033578, 3.454915e-07, 9.589486e-05, 0.0001548018, 1.973296e-06, 0.0]),
        ({"lr_quadratic_warmup": True, "cosine_min_lr_ratio": 0.1, **RESTARTS},
         [4e-05, 0.00016, 0.001, 0.0005159843, 9.045085e-05, 0.0003457937, 0.0007679134, 0.0002234701, 3.454915e-05, 0.0001148441, 0.0001624606, 2.168457e-06, 0.0]),
        ({"lr_scheduler": "linear", "cosine_min_lr_ratio": 0.1, "jagged_restart_steps": 12},
         [0.0002, 0.0004, 0.001, 0.00084, 0.0008, 0.00076, 0.0001292, 0.0003212, 0.000328, 0.0003276, 0.00032, 2.2e-05, 0.0]),
        ({"cosine_min_lr_ratio": 0.1, **RESTARTS},
         [0.0002, 0.0004, 0.001, 0.0005193859, 9.140576e-05, 0.0003512144, 0.0007911221, 0.0002561231, 4.109424e-05, 0.0001433597, 0.0002162146, 5.695161e-05, 1e-05]),
        ({"lr_scheduler": "rex", **RESTARTS},
         [0.0004, 0.0006, 0.0009958506, 9.756098e-07, 0.0003237755, 0.0006420321, 0.0009467456, 8.695652e-07, 0.0002835849, 0.0005501031, 0.0007954545, 0.0, 0.0]),
    ],
)  # fmt: skip
def test_axolotl_restarts_and_quadratic_warmup(values, rates):
    # What a transformers.Trainer with the SchedulerMixin of axolotl 0.19.0 logged in 30 updates.
    config = olr.read_config(SHORT | {"warmup_steps": 5, "max_steps": 30} | values)
    schedule = config.plan().schedule
    assert [schedule(step) for step in AT] == pytest.approx(rates, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("micro_batch_size: 2\nnum_epochs: 1\nlr_scheduler: linear", "axolotl needs learning_rate"),
        (AXOLOTL + "warmup_steps: 0.1", "not 0.1; a share of the steps is warmup_ratio: 0.1"),
        (AXOLOTL + "warmup_steps: 5\nwarmup_ratio: 0.1", "axolotl refuses warmup_steps with warmup_ratio; keep one"),
        (AXOLOTL + "rl: simpo\nwarmup_ratio: 0.1", "axolotl refuses warmup_ratio with rl: simpo; write warmup_steps"),
        (AXOLOTL + "val_set_size: 0.1\ntest_datasets: [{path: a}]", "axolotl refuses val_set_size with test_datasets"),
        (AXOLOTL + "pretraining_dataset: [{path: a}]", "streaming data has no length; give max_steps"),
        (AXOLOTL + "lr_quadratic_warmup: fast", "lr_quadratic_warmup must be true or false, not 'fast'"),
        (AXOLOTL + "jagged_restart_steps: -5", "jagged_restart_steps must be at least 1, not -5"),
        (AXOLOTL + "jagged_restart_steps: 50\njagged_restart_warmup_steps: 2.5", "jagged_restart_warmup_steps must be a whole number"),
        (AXOLOTL + "jagged_restart_steps: 50\nlr_scheduler: one_cycle", "axolotl stops at the last update; take one of the two out"),
        (AXOLOTL + "jagged_restart_steps: 50\nlr_scheduler: reduce_lr_on_plateau", "follows the evaluation's metric, not the step"),
        (AXOLOTL + "sample_packing: true\nsample_packing_eff_est: 0.9", "axolotl counts the steps by the number of tokens"),
        (AXOLOTL + "relora: true", "relora needs jagged_restart_steps"),
        ("learning_rate: 1e-4\nlr_scheduler_type: cosine\njagged_restart_steps: 9", "jagged_restart_steps is axolotl's, and TrainingArguments refuses it"),
        (AXOLOTL + "lr_scheduler: log_sweep", "lr_scheduler: unknown scheduler 'log_sweep'"),
        (AXOLOTL + "warmup_steps: 0.1", "warmup_steps must be a whole number, not 0.1"),
        (AXOLOTL + "warmup_steps: 90\nmax_steps: 100\ncosine_min_lr_ratio: 0.1\ncosine_constant_lr_ratio: 0.5", "ends the decay before the warmup does"),
        (AXOLOTL + "lr_scheduler_type: cosine", "micro_batch_size, num_epochs are not keys of TrainingArguments; write per_device_train_batch_size, num_train_epochs, if"),
        ("learning_rate: 1e-4\ncosine_min_lr_ratio: 0.1\nlr_scheduler_type: cosine", "cosine_min_lr_ratio is axolotl's, and TrainingArguments refuses it"),
        ("optimizer: {_component_: torch.optim.AdamW, lr: 1}\nlr_scheduler: {_component_: x}", "lr_scheduler x is not read; torchtune's own is"),
        ("generator: {learning_rate: 1e-4}\ndiscriminator: {learning_rate: 4e-4}", "settings are under generator and discriminator; write those of one to a file of its own, and name it with --trainer hf"),
        ("training: {learning_rate: 1}\ntrainer: {max_steps: 3}", "training arguments are under training and trainer; keep one"),
        ("training:\n  learning_rate: 1\n  lr_end: 0.1", "lr_end is refused under training; move it: lr_scheduler_kwargs: {lr_end: 0.1}"),
        ("training:\n  learning_rate: {base: 1}", "learning_rate must be a number, not {'base': 1}"),
        ("learning_rate: 1e-4\nlr_schedular_type: cosine", "did you mean lr_scheduler_type?"),
        ("learning_rate: 1e-4\nmax_steps: 10.0", "max_steps must be a whole number without a point, not 10.0: write 10"),
        ("learning_rate: 1e-4\ngradient_accumulation_steps: 0", "gradient_accumulation_steps must be at least 1, not 0"),
        ("learning_rate: 1e-4\nnum_train_epochs: 0", "num_train_epochs must be above 0, not 0: no step would be trained"),
        ("learning_rate: 1e-4\nmax_steps: 1000000000000000000000000", "not 1e+24; --set max_steps=VALUE gives another value"),
        ("stage: sft\nlearning_rate: 1e-4\nmax_samples: 1e5\ntemplate: t", "max_samples must be a whole number without a point"),
        ("learning_rate: 1e-4\nwarmup_steps: 1e300", "warmup_steps must be at most 2147483647"),
        ("learning_rate: -1e-4", "learning_rate must be at least 0"),
        ("learning_rate: 1e-4\nval_size: 5000", "a validation set of 5000 leaves none of 1000 examples"),
        ("learning_rate: 1e-4\nval_size: 0.1\neval_dataset: x", "val_size with eval_dataset is refused by LLaMA-Factory"),
        ("model_class: llm\nlearning_rate: 1e-4\nlr_scheduler_config: {name: cosine}", "lr_scheduler_config names a plugin"),
        ("model_class: llm\nlearning_rate: 1e-4", "the length of the run is not in this file; give max_steps"),
        ("train.learning_rate: 1e-4\ntrain.extra_args: '[1]'", "train.extra_args must be a JSON mapping"),
    ],
)  # fmt: skip
def test_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(olr.ConfigError) as caught:
        read(tmp_path, text).plan(num_examples=1000)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("most", ["1e11", "100000000000", "2147483647", "9999999999999999999999"])
def test_a_cap_above_any_number_of_steps_caps_no_example(tmp_path, most):
    config = read(tmp_path, f"stage: sft\ntemplate: t\nlearning_rate: 1e-4\nnum_train_epochs: 1\nmax_samples: {most}\n")
    plan = config.plan(num_examples=1000)
    assert (plan.max_steps, plan.notes) == (125, ())


def test_axolotl_notes_that_a_shard_is_a_part_of_the_data(tmp_path):
    notes = read(tmp_path, AXOLOTL + "dataset_shard_num: 4\ndataset_shard_idx: 0\n").notes
    assert "dataset_shard_num: the number of examples must be that of the shard" in notes


def test_axolotl_takes_a_warmup_of_0_steps_before_a_ratio(tmp_path):
    config = read(tmp_path, AXOLOTL + "warmup_steps: 0\nwarmup_ratio: 0.1\n")  # `_configure_warmup_and_logging`
    assert config.plan(num_examples=1000).warmup_steps == 0


def test_the_web_ui_keeps_no_validation_set_for_ppo_or_of_packed_rows():
    form = {"train.learning_rate": "5e-5", "train.num_train_epochs": "1", "train.val_size": 0.5}
    assert olr.read_config(form).plan(num_examples=1600).max_steps == 50
    for more in ({"train.training_stage": "PPO"}, {"train.packing": True}, {"train.neat_packing": True}):
        assert olr.read_config(form | more).plan(num_examples=1600).max_steps == 100


def test_the_config_form_of_the_web_ui(tmp_path):
    text = (
        "top.model_name: m\ntrain.learning_rate: 1e-4\ntrain.num_train_epochs: '2.0'\ntrain.max_samples: '500'\n"
        "train.batch_size: 4\ntrain.gradient_accumulation_steps: 8\ntrain.lr_scheduler_type: warmup_stable_decay\n"
        "train.warmup_steps: 2\ntrain.val_size: 0\nlearning_rate: 3\n"
        'train.extra_args: \'{"optim": "adamw_torch", "lr_scheduler_kwargs": {"num_decay_steps": 10}}\'\n'
    )
    config = read(tmp_path, text)
    plan = config.plan(num_examples=1000)
    assert repr(plan.schedule) == repr(
        olr.WarmupStableDecay(1e-4, decay_steps=10, max_steps=32, warmup_steps=2, stable_steps=10)
    )
    assert config.ignored == (("learning_rate", "the web UI reads keys that begin with train."),)
    assert config.lines["train.learning_rate"] == 2
    shown_first = read(tmp_path, "train.learning_rate: '5e-5'\n").plan(num_examples=1600)
    assert repr(shown_first.schedule) == repr(olr.Cosine(5e-5, 300))


def test_numbers_that_yaml_1_1_reads_as_text(tmp_path):
    config = read(tmp_path, "learning_rate: 2e-5\nmax_steps: 10\nbeta: 0.1\n")
    assert config.settings.learning_rate == 2e-5
    assert config.values["learning_rate"] == "2e-5"
    assert config.notes == ("learning_rate: the text '2e-5' is taken as a number, as the trainer's parser takes it",)
    with pytest.raises(olr.ConfigError, match=r"not the text '2e-5': write 2\.0e-05, without quotes"):
        read(tmp_path, json.dumps({"learning_rate": "2e-5", "beta": 0.1}), "args.json")


@pytest.mark.parametrize(
    ("values", "ignored"),
    [
        ({"lr_scheduler_type": "constant", "warmup_steps": 5, "lr_scheduler_kwargs": {"a": 1}}, ["lr_scheduler_kwargs", "warmup_steps"]),
        ({"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 5, "lr_scheduler_kwargs": {"a": 1}}, ["lr_scheduler_kwargs"]),
        ({"max_steps": 10, "num_train_epochs": 3}, ["num_train_epochs"]),
        ({"stage": "ppo", "lr_scheduler_type": "cosine", "lr_scheduler_kwargs": {"num_cycles": 3}}, ["lr_scheduler_kwargs"]),
        ({"learning_rate": 1.0, "micro_batch_size": 1, "gradient_accumulation_steps": 1, "num_epochs": 1, "lr_scheduler": "linear", "cosine_min_lr_ratio": 0.1, "min_lr": 0.5}, ["cosine_min_lr_ratio", "min_lr"]),
        ({"learning_rate": 1.0, "micro_batch_size": 1, "gradient_accumulation_steps": 1, "num_epochs": 1, "lr_scheduler": "cosine", "cosine_constant_lr_ratio": 0.1}, ["cosine_constant_lr_ratio"]),
        (SHORT | {"lr_quadratic_warmup": True, "cosine_min_lr_ratio": 0.1, "lr_scheduler_kwargs": {"num_cycles": 1}}, ["cosine_min_lr_ratio", "lr_scheduler_kwargs"]),
        (SHORT | {"lr_quadratic_warmup": True, "cosine_min_lr_ratio": 0.1, "jagged_restart_steps": 9}, []),
        (SHORT | {"lr_quadratic_warmup": True, "lr_scheduler": "linear"}, ["lr_quadratic_warmup"]),
        (SHORT | {"lr_quadratic_warmup": False, "lr_scheduler": "linear"}, []),
        (SHORT | {"jagged_restart_warmup_steps": 5}, ["jagged_restart_warmup_steps"]),
        (SHORT | {"rl": "dpo", "jagged_restart_steps": 5, "lr_quadratic_warmup": True}, ["jagged_restart_steps", "lr_quadratic_warmup"]),
    ],
)  # fmt: skip
def test_keys_that_the_trainer_ignores(values, ignored):
    config = olr.read_config(values)
    assert sorted(key for key, _ in config.ignored) == ignored
    config.plan(num_examples=100)


def test_null_means_not_given(tmp_path):
    config = read(tmp_path, AXOLOTL + "lr_scheduler:\nwarmup_steps: ~\ndeepspeed: # none\nmax_steps: null\n")
    assert repr(config.plan(num_examples=1000).schedule) == repr(olr.Cosine(2e-5, 1000, 30))
    assert olr.read_config({"learning_rate": None, "max_steps": 3, "num_cycles": None}).settings.learning_rate == 5e-5


def test_keys_have_line_numbers(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text("# first\nlearning_rate: 1\n---\n\nlearning_rate: 2\nlr_scheduler_kwargs:\n  min_lr: 1\n")
    first, second = olr.read_configs(path)
    assert first.lines == {"learning_rate": 2}
    assert second.lines == {"learning_rate": 5, "lr_scheduler_kwargs": 6, "lr_scheduler_kwargs.min_lr": 7}
    with pytest.raises(
        olr.ConfigError, match=r"lr_scheduler_kwargs\.min_lr is given twice, in lines 3 and 5; keep one"
    ):
        read(tmp_path, "learning_rate: 1\nlr_scheduler_kwargs:\n  min_lr: 1\n\n  min_lr: 2\n")


@pytest.mark.parametrize(
    ("values", "examples", "world", "steps"),
    [
        ({"per_device_train_batch_size": 10, "gradient_accumulation_steps": 4, "num_train_epochs": 10}, 91, 2, 20),
        ({"gradient_accumulation_steps": 2, "num_train_epochs": 0.5}, 64, 1, 2),
        ({"num_train_epochs": 1.1}, 400, 1, 56),  # 1.1 * 50 is 55.00000000000001
        ({"num_train_epochs": 1, "dataloader_drop_last": True}, 103, 1, 12),
        ({"num_train_epochs": 1, "val_size": 0.1}, 101, 1, 12),  # 11 held back
        ({"num_train_epochs": 1, "val_size": 21}, 101, 1, 10),
        ({"num_train_epochs": 1, "max_samples": 40}, 100, 1, 5),
        ({"num_train_epochs": 1, "max_samples": 40, "dataset": "a, b"}, 100, 1, 10),
        ({"num_train_epochs": 1, "parallelism_config": {"sp_size": 2}}, 64, 2, 8),
        ({"stage": "ppo", "num_train_epochs": 2, "gradient_accumulation_steps": 2, "ppo_buffer_size": 3}, 100, 1, 6),
        ({"max_steps": -5, "num_train_epochs": 1}, 8, 1, 1),
        ({"max_steps": 0, "num_train_epochs": 1}, 64, 1, 0),
    ],
)  # fmt: skip
def test_steps_of_each_trainer(values, examples, world, steps):
    plan = olr.read_config({"learning_rate": 1.0, **values}).plan(num_examples=examples, world_size=world)
    assert plan.max_steps == steps


def test_too_few_examples_for_a_batch_are_refused():
    with pytest.raises(olr.ConfigError, match="5 examples on 1 processes are fewer than 8 for each"):
        olr.read_config({"learning_rate": 1.0, "dataloader_drop_last": True}).plan(num_examples=5)


@pytest.mark.parametrize(
    ("values", "version", "steps", "note"),
    [
        ({"warmup_ratio": 0.1}, "5.24.0", 10, "5.24.0 refuses it; read as 5.0 to 5.14 read it: 10 steps"),
        ({"warmup_ratio": 0.1}, "5.14.1", 10, None),
        ({"warmup_ratio": 0.07}, "4.57.6", 8, None),  # 100 * 0.07 is 7.000000000000001 in float64
        ({"warmup_steps": 0, "warmup_ratio": 0.1}, "4.57.6", 10, None),
        ({"warmup_steps": 0.25}, "5.8.0", 25, None),
        ({"warmup_steps": 5, "warmup_ratio": 0.1}, "4.57.6", 5, "is 5 steps in transformers 4.57.6 and 10 in 5.8.0"),
        ({"warmup_steps": 5, "warmup_ratio": 0.1}, "5.24.0", 10, "is 10 steps in transformers 5.24.0 and 5 in 4.57.0"),
        ({"warmup_ratio": 1.0}, "4.57.6", 100, "is 100 steps in transformers 4.57.6 and 1 in 5.8.0"),
        ({"warmup_ratio": 1.0}, "5.8.0", 1, "is 1 steps in transformers 5.8.0 and 100 in 4.57.0"),
        ({"warmup_ratio": 1.5}, "5.8.0", 1, None),
    ],
)
def test_a_warmup_that_another_version_reads_differently_is_noted(values, version, steps, note):
    plan = olr.read_config({"max_steps": 100, **values}).plan(transformers_version=version)
    assert plan.warmup_steps == steps
    assert any(note in line for line in plan.notes) if note else not plan.notes


def test_rules_depend_on_the_version():
    config = olr.read_config(
        {"max_steps": 9, "lr_scheduler_type": "inverse_sqrt", "lr_scheduler_kwargs": {"timescale": 5}}
    )
    assert config.plan().schedule.timescale == 5
    assert config.plan(transformers_version="5.3.0").schedule.timescale is None
    with pytest.raises(olr.ConfigError, match=r"transformers_version must be like 5.8.0, not 'new'"):
        config.plan(transformers_version="new")
    assert config.plan(max_steps=7).max_steps == 7


MEGATRON = {
    "stage": "sft",
    "finetuning_type": "full",
    "learning_rate": 5e-6,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.05,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 3,
    "num_train_epochs": 1.5,
    "tensor_model_parallel_size": 2,
    "pipeline_model_parallel_size": 2,
    "context_parallel_size": 2,
}


@pytest.mark.parametrize(
    ("more", "processes", "steps", "warmup"),
    [  # of 1000 examples
        ({}, 16, 125, 7),  # two data-parallel groups: 500 batches, 250 of each, 83 whole groups of 3
        ({"expert_model_parallel_size": 2}, 16, 125, 7),  # the experts' processes have examples of their own
        ({}, None, 249, 13),  # one group: 500 batches, 166 whole groups
        ({"mixed_precision": "bf16_mixed"}, 8, 250, 12),  # Megatron-Bridge: 1000 / 6 * 1.5, and the ratio rounded down
        ({"mixed_precision": "bf16_mixed", "expert_model_parallel_size": 2}, 16, 250, 12),
        ({"mixed_precision": "bf16_mixed", "warmup_steps": 300}, 8, 250, 300),
        ({"max_steps": 40}, None, 40, 2),
    ],
)
def test_runs_of_llamafactory_on_megatron(more, processes, steps, warmup):
    config = olr.read_config(MEGATRON | more)
    plan = config.plan(num_examples=1000, world_size=processes)
    assert (plan.max_steps, plan.warmup_steps, plan.schedule) == (steps, warmup, olr.Cosine(5e-6, steps, warmup))
    assert plan.world_size == (processes or 8)
    assert processes or plan.world_size_from.startswith("assumed: those of one group, tensor_model_parallel_size 2 x")
    assert any("USE_MCA=1" in note for note in config.notes) is ("mixed_precision" not in more)


def test_what_llamafactory_on_megatron_does_otherwise_is_read_or_refused(tmp_path):
    plan = olr.read_config(MEGATRON | {"lr_scheduler_type": "constant", "sequence_packing": True}).plan(
        num_examples=1000
    )
    assert plan.schedule == olr.Constant(5e-6, 13)  # where transformers has no warmup
    with pytest.raises(olr.ConfigError, match="= 8 processes share an example, and 12 is not a multiple of this"):
        olr.read_config(MEGATRON).plan(num_examples=1000, world_size=12)
    experts = MEGATRON | {"context_parallel_size": 1, "expert_model_parallel_size": 4}
    assert olr.read_config(experts).plan(num_examples=1000).world_size == 16  # 2 x 2 x 4; a group has 4
    with pytest.raises(olr.ConfigError, match="16 processes share the experts, and 8 is not a multiple of this"):
        olr.read_config(experts).plan(num_examples=1000, world_size=8)
    with pytest.raises(olr.ConfigError, match="inverse_sqrt has another meaning on Megatron"):
        olr.read_config(MEGATRON | {"lr_scheduler_type": "inverse_sqrt"}).plan(num_examples=1000)
    with pytest.raises(olr.ConfigError, match="on which LLaMA-Factory has no stage ppo"):
        olr.read_config(MEGATRON | {"stage": "ppo"})
    (tmp_path / "m.yaml").write_text(json.dumps(MEGATRON))
    (tmp_path / "run.sh").write_text(
        "CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7 USE_MEGATRON_BRIDGE=1 llamafactory-cli train m.yaml"
    )
    assert olr.read_config(tmp_path / "run.sh").plan(num_examples=1000).max_steps == 250


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant"])
def test_each_process_of_ppo_steps_the_schedule(kind):
    ppo = {"stage": "ppo", "finetuning_type": "lora", "learning_rate": 1e-5, "lr_scheduler_type": kind, "max_steps": 20}
    plan = olr.read_config(ppo | {"warmup_steps": 3 if kind != "constant" else 0}).plan(world_size=2)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1e-5)
    scheduler = transformers.get_scheduler(kind, optimizer, 3, 20)
    rates = []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        scheduler.step()
    np.testing.assert_allclose([float(plan.schedule(step)) for step in range(20)], rates, atol=1e-12)
    assert any("which ends before the run does" in note for note in plan.notes) is (kind != "constant")


@pytest.mark.parametrize("more", [{"stage": "sft", "finetuning_type": "lora"}, {}])
def test_a_run_that_only_predicts_has_no_plan(more):
    with pytest.raises(olr.ConfigError, match="do_train is false, so that nothing is trained"):
        olr.read_config({"learning_rate": 1e-5, "per_device_train_batch_size": 1, "do_train": False, **more})


def test_the_keys_of_grpo_decide_in_a_file_of_ms_swift():
    keys = {"tuner_type": "lora", "model": "m", "dataset": "d", "learning_rate": 1e-6, "num_train_epochs": 1}
    keys |= {
        "reward_funcs": ["accuracy"],
        "num_generations": 4,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
    }
    config = olr.read_config(keys)
    assert config.plan(num_examples=100).max_steps == 100  # 2 x 2 completions are one prompt
    assert any(note.startswith("read as rlhf_type grpo, by ") for note in config.notes)


def test_what_changes_a_run_of_llamafactory_from_outside_has_a_note():
    keys = {"finetuning_type": "lora", "learning_rate": 1e-5, "max_steps": 9}
    layered = olr.read_config(keys | {"stage": "sft", "use_apollo": True, "apollo_layerwise": True})
    assert "apollo_layerwise: from transformers 5.1 on each parameter keeps its rate at the peak" in layered.notes[0]
    ray = {"ray_run_name": "r", "resources_per_worker": {"GPU": 1}, "placement_strategy": "PACK"}
    assert olr.read_config(keys | {"stage": "sft", **ray}).unknown == ()
    tokenized = olr.read_config(keys | {"stage": "sft", "tokenized_path": "p", "max_samples": 10})
    assert (
        "tokenized_path: where it exists, its rows are taken whole, and max_samples without effect" in tokenized.notes
    )
    assert any(note.startswith("stage foo is of a fork") for note in olr.read_config(keys | {"stage": "foo"}).notes)
    parallel = olr.read_config(keys | {"stage": "sft", "sequence_parallel_size": 8})
    assert any("may make 8 times as many steps" in note for note in parallel.notes)


def test_a_share_as_warmup_steps_is_of_no_version_with_an_older_key():
    keys = {"learning_rate": 1e-5, "per_device_train_batch_size": 8, "num_train_epochs": 1, "warmup_steps": 0.1}
    older = olr.read_config(keys | {"evaluation_strategy": "steps"})
    assert any("none of these takes a warmup_steps of 0.1" in note for note in older.notes)
    assert not any("none of these" in note for note in olr.read_config(keys).notes)


@pytest.mark.parametrize(("examples", "noted"), [(800, False), (808, True)])
def test_older_versions_are_only_mentioned_where_they_count_otherwise(examples, noted):
    keys = {
        "learning_rate": 1e-5,
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 4,
        "num_train_epochs": 1,
    }
    plan = olr.read_config(keys | {"overwrite_output_dir": True}).plan(num_examples=examples)
    assert any("before 4.52 rounds the updates of an epoch down" in note for note in plan.notes) is noted


def test_names_of_diffusers_scripts_lead_to_their_trainer():
    keys = {
        "learning_rate": 1e-5,
        "lr_scheduler": "constant",
        "lr_warmup_steps": 0,
        "train_batch_size": 1,
        "num_train_epochs": 3,
    }
    with pytest.raises(olr.ConfigError, match=r"but of diffusers' scripts \(--trainer diffusers\)"):
        olr.read_config(keys | {"per_device_eval_batch_size": 1})


def test_a_rate_that_transformers_leaves_text_has_a_note(tmp_path):
    config = read(tmp_path, "output_dir: o\nlearning_rate: 2e-5\nmax_steps: 10\nper_device_train_batch_size: 1\n")
    (arguments,) = transformers.HfArgumentParser(transformers.TrainingArguments).parse_yaml_file(
        tmp_path / "train.yaml"
    )
    assert arguments.learning_rate == "2e-5"
    assert any("the run stops unless the program converts it" in note for note in config.notes)
