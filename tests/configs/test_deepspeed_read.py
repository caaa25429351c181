"""DeepSpeed's scheduler block, alone and under a trainer's config; "auto" against the code of transformers."""

import copy
import json

import pytest

import optax_lr as olr

AUTO = {"warmup_min_lr": "auto", "warmup_max_lr": "auto", "warmup_num_steps": "auto"}
TRAINER = {"learning_rate": 3e-4, "lr_scheduler_type": "cosine", "warmup_steps": 20, "max_steps": 100}
CYCLE = {"cycle_min_lr": 1e-5, "cycle_max_lr": 1e-3}


def block(kind, **params):
    return {"scheduler": {"type": kind, "params": params}}


@pytest.mark.parametrize(
    ("deepspeed", "expected"),
    [
        (block("WarmupLR", **AUTO), olr.DeepSpeedWarmup(3e-4, 20)),
        (block("WarmupLR", **AUTO, warmup_type="linear"), olr.DeepSpeedWarmup(3e-4, 20, warmup_type="linear")),
        (block("WarmupDecayLR", **AUTO, total_num_steps="auto"), olr.DeepSpeedWarmupDecay(3e-4, 100, 20)),
        (block("WarmupDecayLR", total_num_steps="auto"), olr.DeepSpeedWarmupDecay(1e-3, 100, 1000)),
        (block("WarmupCosineLR", total_num_steps="auto", warmup_num_steps="auto", cos_min_ratio=0.1),
         olr.DeepSpeedWarmupCosine(3e-4, 100, 20, cos_min_ratio=0.1)),
        (block("OneCycle", **CYCLE), olr.DeepSpeedOneCycle(1e-5, 1e-3)),
        (block("OneCycle", **CYCLE, cycle_first_step_size=30.0, cycle_second_step_size=40, cycle_first_stair_count=-1,
               cycle_second_stair_count=5, decay_lr_rate=0.5, decay_step_size=7, cycle_momentum=True, cycle_min_mom=0.8),
         olr.DeepSpeedOneCycle(1e-5, 1e-3, 30, 40, 0, 5, 0.5, 7)),
        (block("LRRangeTest", lr_range_test_step_size=9, lr_range_test_step_rate=2, lr_range_test_staircase=True),
         olr.DeepSpeedRangeTest(1e-3, 9, 2.0, True)),
        ({"zero_optimization": {"stage": 2}}, olr.Cosine(3e-4, 100, 20)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["mapping", "file", "text"])
def test_the_block_replaces_the_trainers_schedule(tmp_path, deepspeed, expected, place):
    (tmp_path / "ds.json").write_text(json.dumps(deepspeed))
    named = {"mapping": deepspeed, "file": "ds.json", "text": json.dumps(deepspeed)}[place]
    path = tmp_path / "train.json"
    path.write_text(json.dumps(TRAINER | {"deepspeed": named}))
    config = olr.read_config(path)
    assert repr(config.plan().schedule) == repr(expected)
    ignored = dict(config.ignored)
    assert ("lr_scheduler_type" in ignored) == ("scheduler" in deepspeed)
    own_rates = isinstance(expected, (olr.DeepSpeedOneCycle, olr.DeepSpeedRangeTest))
    assert ({"learning_rate", "warmup_steps"} <= ignored.keys()) == own_rates
    assert config.plan().warmup_steps == (0 if own_rates else expected.warmup_steps)


@pytest.mark.parametrize("warmup", [0, 0.07, 20])
@pytest.mark.filterwarnings("ignore")
def test_auto_is_filled_in_as_by_transformers(tmp_path, warmup):
    import transformers
    from accelerate.utils.deepspeed import HfDeepSpeedConfig
    from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

    # The class itself requires an installed DeepSpeed; its methods need only the base class that reads the mapping.
    names = ("fill_match", "fill_only", "trainer_config_process", "trainer_config_finalize", "is_auto")
    filler = type("Filler", (HfDeepSpeedConfig,), {name: HfTrainerDeepSpeedConfig.__dict__[name] for name in names})
    deepspeed = block("WarmupDecayLR", **AUTO, total_num_steps="auto")
    filled = filler(copy.deepcopy(deepspeed))
    filled.mismatches = []
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, learning_rate=3e-4, warmup_steps=warmup
    )
    filled.trainer_config_process(arguments)
    filled.trainer_config_finalize(arguments, None, 100)
    params = filled.config["scheduler"]["params"]
    ours = olr.read_config(TRAINER | {"warmup_steps": warmup, "deepspeed": deepspeed}).plan().schedule
    assert (ours.learning_rate, ours.min_lr, ours.warmup_steps, ours.max_steps) == tuple(
        params[name] for name in ("warmup_max_lr", "warmup_min_lr", "warmup_num_steps", "total_num_steps")
    )


def test_a_deepspeed_config_alone(tmp_path):
    path = tmp_path / "ds.json"
    path.write_text(json.dumps(block("WarmupLR", warmup_max_lr=3e-5, warmup_num_steps=500)))
    config = olr.read_config(path)
    assert config.trainer == "deepspeed"
    assert repr(config.plan(max_steps=9).schedule) == repr(olr.DeepSpeedWarmup(3e-5, 500))
    path.write_text(
        json.dumps({"optimizer": {"type": "Adam", "params": {"lr": 0.5}}} | block("WarmupCosineLR", total_num_steps=70))
    )
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.DeepSpeedWarmupCosine(0.5, 70, 1000))
    path.write_text(json.dumps({"optimizer": {"type": "Adam", "params": {"lr": 0.5}}} | block("OneCycle", **CYCLE)))
    config = olr.read_config(path)
    assert repr(config.plan(max_steps=9).schedule) == repr(olr.DeepSpeedOneCycle(1e-5, 1e-3))
    assert config.settings.learning_rate == 1e-3
    assert config.plan(max_steps=9).notes == ()
    stairs = block("OneCycle", **CYCLE, cycle_first_stair_count=5, cycle_second_stair_count=0)
    assert olr.read_config(stairs).plan(max_steps=9).notes == (
        "cycle_first_stair_count: DeepSpeed before 0.19.4 takes it and goes along a line all the same",
    )
    path.write_text(json.dumps(block("LRRangeTest")))
    assert repr(olr.read_config(path).plan(max_steps=9).schedule) == repr(olr.DeepSpeedRangeTest())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (block("WarmupLR", warmup_max_lr=3e-5), "the length of the run is not in this file; give max_steps"),
        (block("WarmupLR", **AUTO), '"auto" for warmup_min_lr, warmup_max_lr, warmup_num_steps means a setting of the trainer'),
        (block("StepLR", step_size=3) | {"train_batch_size": 8}, "DeepSpeed's scheduler StepLR is not read"),
        ({"scheduler": {"type": "linear", "total_iters": 9}}, "only the program that reads this file knows the use of scheduler.type linear"),
        (block("OneCycle", cycle_min_lr=1e-5), "OneCycle needs scheduler.params.cycle_max_lr"),
        (block("OneCycle", **CYCLE, cycle_first_step_size=0), "scheduler.params.cycle_first_step_size must be at least 1"),
        (block("OneCycle", **CYCLE, cycle_first_step_size=9.5), "cycle_first_step_size must be a whole number, not 9.5"),
        (block("OneCycle", **CYCLE, decay_lr_rate=-0.5), "scheduler.params.decay_lr_rate must be at least 0, not -0.5"),
        (block("OneCycle", **CYCLE, total_num_steps=9), "total_num_steps is not a parameter of OneCycle"),
        (block("OneCycle", cycle_min_lr=[1e-5, 1e-6], cycle_max_lr=1e-3), "cycle_min_lr must be a number, not [1e-05, 1e-06]"),
        (block("OneCycle", cycle_min_lr="auto", cycle_max_lr=1e-3), 'cycle_min_lr is "auto", and nothing fills it in'),
        (block("LRRangeTest", lr_range_test_staircase=1), "lr_range_test_staircase must be true or false, not 1"),
        (block("LRRangeTest", lr_range_test_step_size=9.0), "must be a whole number without a point, not 9.0"),
        (block("LRRangeTest", lr_range_test_step_size=0), "lr_range_test_step_size must be at least 1"),
        (block("LRRangeTest"), "the length of the run is not in this file; give max_steps"),
        (block("WarmupLR", total_num_steps=5), "scheduler.params.total_num_steps is not a parameter of WarmupLR"),
        (block("WarmupLR", warmup_type="auto"), 'scheduler.params.warmup_type is "auto", and nothing fills it in'),
        (block("WarmupLR", warmup_num_steps=0), "warmup_num_steps must be at least 1"),
        (block("WarmupLR", warmup_max_lr="3e-5"), "write 3.0e-05, without quotes"),
        ({"zero_optimization": {"stage": 3}, "optimizer": {"type": "Adam", "params": {}}}, "has no scheduler block"),
        (TRAINER | {"deepspeed": block("WarmupLR", warmup_max_lr=1e-5)}, "warmup_max_lr 1e-05 differs from the trainer's 0.0003, which transformers refuses"),
        (TRAINER | {"deepspeed": block("WarmupDecayLR")}, "WarmupDecayLR needs scheduler.params.total_num_steps"),
        (TRAINER | {"deepspeed": 3}, "deepspeed must be a file or a mapping, not 3"),
    ],
)  # fmt: skip
def test_refused_in_one_line(values, message):
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_config(values).plan()
    assert message in str(caught.value)


def test_a_file_of_the_launcher_counts_as_the_trainers(tmp_path):
    (tmp_path / "ds.json").write_text(json.dumps(block("WarmupLR", **AUTO)))
    options = "--output_dir o --save_total_limit 1 --learning_rate 3e-4 --warmup_steps 20 --max_steps 100"
    command = f"accelerate launch --num_processes 2 --use_deepspeed --deepspeed_config_file {{}} train.py {options}"
    for file, expected in (("ds.json", olr.DeepSpeedWarmup(3e-4, 20)), ("other.json", olr.Linear(3e-4, 100, 20))):
        (tmp_path / "run.sh").write_text(command.format(file))
        config = olr.read_config(tmp_path / "run.sh")
        assert config.plan().schedule == expected
        assert any("other.json is not found" in note for note in config.notes) is (file != "ds.json")


@pytest.mark.parametrize("named", [True, False])
def test_a_mistaken_key_of_a_deepspeed_config_is_noted(tmp_path, named):
    wrong = {"lr_scheduler": {"type": "WarmupLR"}, "zero_optimization": {"stage": 2}}
    (tmp_path / "zero.json").write_text(json.dumps(wrong))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(TRAINER | {"deepspeed": "zero.json" if named else wrong}))
    assert olr.read_config(path).notes == (
        "lr_scheduler is not a key of DeepSpeed, which ignores it; the right key is scheduler",
    )


def test_a_missing_file_is_reported():
    config = olr.read_config(TRAINER | {"deepspeed": "nowhere/ds.json"})
    assert config.notes == (
        "deepspeed: nowhere/ds.json is not found from the folder of this file or from the working directory; a scheduler block in it would replace lr_scheduler_type",
    )


def test_a_block_that_a_script_writes_itself_is_read(tmp_path):
    block = json.dumps(
        {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": "auto", "warmup_num_steps": "auto"}}}
    )
    path = tmp_path / "run.sh"
    command = "deepspeed train.py --deepspeed ds.json --learning_rate 1e-4 --warmup_steps 5 --num_train_epochs 1"
    path.write_text(f"cat > ds.json << 'EOF'\n{block}\nEOF\n{command}\n")
    (config,) = olr.read_configs(path)
    assert repr(config.plan(num_examples=80).schedule) == repr(olr.DeepSpeedWarmup(1e-4, 5))


def test_a_file_that_is_not_a_literal_is_noted(tmp_path):
    path = tmp_path / "train.py"
    path.write_text("from transformers import TrainingArguments\nTrainingArguments('o', deepspeed=f'{HOME}/ds.json')\n")
    (config,) = olr.read_configs(path)
    assert config.notes == (
        "deepspeed=f'{HOME}/ds.json' is not read; a scheduler block in it would replace lr_scheduler_type",
    )


def test_a_program_that_is_not_here_may_have_other_main_defaults(tmp_path):
    path = tmp_path / "run.sh"
    path.write_text(
        "python grpo.py --num_generations 4 --per_device_train_batch_size 4\npython run_clm.py --learning_rate 1e-4 --num_train_epochs 1\n"
    )
    own, example = olr.read_configs(path)
    assert any(
        note.startswith("grpo.py is not found from here, and may have other defaults for learning_rate")
        for note in own.notes
    )
    assert not any("may have other defaults" in note for note in example.notes)


def test_a_flag_of_deepspeed_is_not_a_file():
    words = [
        "deepspeed",
        "train.py",
        "--learning_rate",
        "1e-5",
        "--lr_scheduler_type",
        "cosine",
        "--max_steps",
        "9",
        "--deepspeed",
    ]
    notes = olr.read_config(words).notes
    assert any(
        note.startswith("--deepspeed without a file is not that of TrainingArguments: train.py") for note in notes
    )
    assert not any("true is not found" in note for note in notes)
