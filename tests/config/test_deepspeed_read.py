"""DeepSpeed's scheduler block, alone and under a trainer's config; "auto" against the code of transformers."""

import copy
import json

import pytest
import transformers
from accelerate.utils.deepspeed import HfDeepSpeedConfig
from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

import optax_lr as olr

AUTO = {"warmup_min_lr": "auto", "warmup_max_lr": "auto", "warmup_num_steps": "auto"}
TRAINER = {"learning_rate": 3e-4, "lr_scheduler_type": "cosine", "warmup_steps": 20, "max_steps": 100}


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
    assert ("lr_scheduler_type" in dict(config.ignored)) == ("scheduler" in deepspeed)


@pytest.mark.parametrize("warmup", [0, 0.07, 20])
@pytest.mark.filterwarnings("ignore")
def test_auto_is_what_transformers_fills_in(tmp_path, warmup):
    # The class itself asks for an installed DeepSpeed; its methods need only the base that reads the mapping.
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


def test_alone(tmp_path):
    path = tmp_path / "ds.json"
    path.write_text(json.dumps(block("WarmupLR", warmup_max_lr=3e-5, warmup_num_steps=500)))
    config = olr.read_config(path)
    assert config.dialect == "deepspeed"
    assert repr(config.plan(max_steps=9).schedule) == repr(olr.DeepSpeedWarmup(3e-5, 500))
    path.write_text(
        json.dumps({"optimizer": {"type": "Adam", "params": {"lr": 0.5}}} | block("WarmupCosineLR", total_num_steps=70))
    )
    assert repr(olr.read_config(path).plan().schedule) == repr(olr.DeepSpeedWarmupCosine(0.5, 70, 1000))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (block("WarmupLR", warmup_max_lr=3e-5), "the length of the run is not in this file; give max_steps"),
        (block("WarmupLR", **AUTO), '"auto" for warmup_min_lr, warmup_max_lr, warmup_num_steps stands for a setting of the trainer'),
        (block("OneCycle"), "DeepSpeed's scheduler OneCycle cannot be read"),
        (block("WarmupLR", total_num_steps=5), "scheduler.params.total_num_steps is not a parameter of WarmupLR"),
        (block("WarmupLR", warmup_type="auto"), 'scheduler.params.warmup_type is "auto", and nothing fills it in'),
        (block("WarmupLR", warmup_num_steps=0), "warmup_num_steps must be above 0"),
        (block("WarmupLR", warmup_max_lr="3e-5"), "take the quotes away"),
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


def test_a_file_that_is_not_here_is_said():
    config = olr.read_config(TRAINER | {"deepspeed": "nowhere/ds.json"})
    assert config.notes == (
        "deepspeed: nowhere/ds.json is not here; a scheduler block in it would replace lr_scheduler_type",
    )
