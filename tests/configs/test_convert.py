"""`convert`: the same curve as a config of another trainer, or an error of one line."""

import numpy as np
import optax
import pytest
import yaml

import optax_lr as olr
from optax_lr.configs.optax_code import parts

RUN = {"learning_rate": 3e-4, "max_steps": 1000, "warmup_steps": 100}
COSINE = RUN | {"lr_scheduler_type": "cosine"}
FLOOR = RUN | {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 3e-5}}
LINEAR = RUN | {"lr_scheduler_type": "linear"}


@pytest.mark.parametrize("to", ["hf", "llamafactory", "axolotl", "maxtext", "levanter"])
@pytest.mark.parametrize(
    "values", [COSINE, FLOOR, COSINE | {"warmup_steps": 0}, FLOOR | {"warmup_steps": 37, "max_steps": 77}]
)
def test_a_cosine_survives_a_round_trip(values, to, tmp_path):
    plan = olr.read_config(values).plan()
    path = tmp_path / "made.yaml"
    path.write_text(olr.convert(plan, to))
    made = olr.read_config(path)
    assert made.trainer == ("hf" if to == "llamafactory" else to)  # which has the same keys
    again = olr.read_config(yaml.safe_load(olr.convert(made.plan(), "hf"))).plan()
    steps = np.arange(plan.max_steps)
    for other in (made.plan(), again):
        assert other.max_steps == plan.max_steps
        assert np.asarray(other.schedule(steps)) == pytest.approx(np.asarray(plan.schedule(steps)), rel=1e-5, abs=1e-12)


def test_a_linear_schedule_is_converted_to_levanter_but_not_to_maxtext():
    plan = olr.read_config(LINEAR).plan()
    assert repr(olr.read_config(yaml.safe_load(olr.convert(plan, "levanter"))).plan().schedule(550)) == repr(
        plan.schedule(550)
    )
    with pytest.raises(olr.ConfigError, match="MaxText cannot express Linear"):
        olr.convert(plan, "maxtext")


@pytest.mark.parametrize(
    "schedule",
    [
        olr.Constant(3e-4),
        olr.Constant(3e-4, 10),
        olr.Linear(3e-4, 100),
        olr.Linear(3e-4, 100, 10, min_lr=1e-4),
        olr.Cosine(3e-4, 100, 10, min_lr=3e-5),
        olr.Cosine(3e-4, 100, min_lr=3e-5),
        olr.Polynomial(3e-4, 100, 10, power=2.0, min_lr=1e-6),
        olr.WarmupStableDecay(3e-4, decay_steps=20, max_steps=100, warmup_steps=10, min_lr=1e-5),
        olr.WarmupStableDecay(3e-4, decay_steps=20, max_steps=100, warmup_steps=10, decay_type="linear"),
        olr.Stages(
            [olr.LinearRamp(3e-4, start_factor=0.1, total_iters=9), olr.Linear(3e-4, 90, min_lr=1e-5)], boundaries=[10]
        ),
        olr.Stages(
            [olr.Constant(3e-4, 10), olr.HoldAfter(olr.Cosine(3e-4, 60), 60), olr.Constant(0.0)], boundaries=[11, 90]
        ),
    ],
)
def test_the_generated_optax_code_gives_the_same_rates(schedule):
    code = olr.convert(olr.Plan(schedule, 100, 0, None, None), "optax")
    assert code.startswith("import optax\n")
    calls, boundaries = parts(schedule)
    made = [getattr(optax, call.function)(**call.arguments) for call in calls]
    real = optax.join_schedules(made, boundaries) if boundaries else made[0]
    assert [float(real(step)) for step in range(100)] == pytest.approx(
        [float(schedule(step)) for step in range(100)], rel=3e-6, abs=1e-10
    )
    names = {}
    exec(code, names)
    assert float(names["schedule"](50)) == pytest.approx(float(schedule(50)), rel=3e-6)


def test_schedules_that_optax_does_not_have_use_this_library():
    schedule = olr.InverseSqrt(3e-4, warmup_steps=10)
    names = {}
    exec(olr.convert(olr.Plan(schedule, 100, 10, None, None), "optax"), names)
    assert repr(names["schedule"]) == repr(schedule)


@pytest.mark.parametrize(
    "schedule",
    [
        olr.Cosine(2e-5, 50, 50),
        olr.Cosine(2e-5, 50, 80),
        olr.Linear(2e-5, 50, 50, min_lr=1e-6),
        olr.Polynomial(2e-5, 50, 50),
        olr.HoldAfter(olr.Cosine(1e-4, 40, 5), 20),
        olr.Stages([olr.Cosine(1e-4, 20), olr.Constant(1e-5)], boundaries=[30]),
        olr.Stages([olr.Constant(1e-4, 20), olr.Constant(1e-5)], boundaries=[10]),
        olr.Stages([olr.Constant(1e-4), olr.Constant(1e-5)], boundaries=[0]),
        olr.Stages([olr.Constant(6e-4, 10), olr.HoldAfter(olr.Cosine(6e-4, 40), 20)], boundaries=[10]),
        olr.Stages(
            [olr.LinearRamp(1e-3, start_factor=0.1, total_iters=10), olr.CosineAnnealing(1e-3, T_max=90)],
            boundaries=[10],
        ),
        olr.Product((olr.Linear(1e-3, 50), olr.Warmup(olr.Constant(1.0), 7))),
        olr.Product((olr.Linear(1e-3, 50),)),
        olr.MultiStep(1e-3, [10, 20]) * 0.3,
        olr.Shift(olr.PiecewiseConstant(1e-3, [5, 9], [1.0, 0.5, 0.1]), 3),
        olr.Every(olr.Rex(1e-3, 20), 2),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_the_written_python_runs_and_has_the_same_rates(schedule):
    names = {}
    exec(olr.convert(olr.Plan(schedule, 100, 0, None, None), "optax"), names)
    assert [float(names["schedule"](step)) for step in range(100)] == [float(schedule(step)) for step in range(100)]


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": {"type": "adam", "learning_rate": 6e-4, "warmup": 0.05, "decay": 0.2, "min_lr_ratio": 0.1, "lr_schedule": "cosine"},
         "trainer": {"num_train_steps": 200}},
        {"adapter": "lora", "learning_rate": 1e-4, "lr_scheduler": "cosine", "cosine_constant_lr_ratio": 0.5, "cosine_min_lr_ratio": 0.1,
         "max_steps": 100, "warmup_steps": 5, "micro_batch_size": 1, "gradient_accumulation_steps": 1},
        {"base_config": "base.yml", "steps": 100, "learning_rate": 3e-4},
        COSINE | {"max_steps": 30, "warmup_steps": 30},
    ],
)  # fmt: skip
def test_the_python_of_a_config_runs_and_has_the_same_rates(values):
    plan, names = olr.read_config(values).plan(), {}
    exec(olr.convert(plan, "optax"), names)
    made = [float(names["schedule"](step)) for step in range(plan.max_steps)]
    assert made == pytest.approx([float(plan.schedule(step)) for step in range(plan.max_steps)], rel=3e-6, abs=1e-10)


def test_a_function_of_python_is_not_written():
    schedule = olr.Shift(olr.Function(lambda step: 1e-3 / (1 + step)), 3)
    with pytest.raises(olr.ConfigError, match="--to optax cannot write Function"):
        olr.convert(olr.Plan(schedule, 100, 0, None, None), "optax")


def test_a_run_longer_than_its_schedule_is_refused():
    maxtext = olr.read_config({"base_config": "base.yml", "steps": 1000, "learning_rate": 3e-4}).plan()
    with pytest.raises(olr.ConfigError, match="its schedule ends at step 999, and the run has 1000 updates"):
        olr.convert(maxtext, "hf")
    with pytest.raises(olr.ConfigError, match="--to keras: write one of"):
        olr.convert(maxtext, "keras")


def test_on_the_command_line(tmp_path, monkeypatch):
    from tests.safety.commands import run

    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(COSINE))
    done = run("convert", "a.yaml", "--to", "maxtext", "--out", "b.yml")
    assert done.code == 0, done
    assert "steps: 1000\nlearning_rate_schedule_steps: 1001\n" in (tmp_path / "b.yml").read_text()
    assert run("convert", "a.yaml", "--to", "maxtext", "--out", "b.yml").code == 2
    assert run("convert", "a.yaml", "--to", "optax").out.startswith("import optax\n")
    assert run("convert", "b.yml", "--to", "llamafactory").out.startswith("learning_rate: 0.0003\n")
