"""Findings in public logs, and in real trainings at rates that are too high, right and too low; healthy logs have none."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import optax
import pytest
from hypothesis import given, settings, strategies as st

import optax_lr as olr
from benchmarks.runs import digits_logs, public_logs
from optax_lr.auditing import loss_rules
from optax_lr.findings import rules_of
from tests.cases import CLASSES, usual
from tests.logs.made import beginning, log_of

FOLDER = os.environ.get("OPTAX_LR_CORPUS")
NAN, INF = float("nan"), float("inf")


def codes(log):
    return [found.code for found in olr.patterns(log)]


def only(log):
    (found,) = olr.patterns(log)
    return found


def cosine(rows, peak, warmup=0):
    """The rates of a log with a row every 10 steps."""
    return olr.Cosine(peak, max_steps=10 * rows, warmup_steps=warmup)(np.arange(1, rows + 1) * 10)


# Logs of public runs: two alternating kinds of text; a loss that falls in the second row; a plateau, then a drop per epoch.
IN_TURN = [2.4265, 1.136, 1.2947, 0.9325, 1.2886, 0.8942, 1.2749, 0.8763, 1.2756, 0.8228, 1.2144, 0.8549, 1.2902, 0.8589, 1.2288,
           0.8529, 1.2666, 0.8637, 1.2704, 0.8541]  # fmt: skip
FAST = [1.0495, 0.9687, 0.6331, 0.3067, 0.1252, 0.1111, 0.2513, 0.1467, 0.1155, 0.1669, 0.1074, 0.141, 0.0912, 0.1408, 0.0934,
        0.1233, 0.1079, 0.1325, 0.1595, 0.1865, 0.0833, 0.1633, 0.0933, 0.1386, 0.1324, 0.0788, 0.1104, 0.0598, 0.0712, 0.0836,
        0.074, 0.1297, 0.1345]  # fmt: skip
EPOCHS = [1.4566, 1.5515, 1.481, 1.5798, 1.5208, 1.5212, 1.1679, 1.0106, 0.9536, 1.0773, 1.0078, 1.0132, 0.8291, 0.4415, 0.4737,
          0.4761, 0.4742, 0.497, 0.4327, 0.1779, 0.1814, 0.1842, 0.1859, 0.1642, 0.1747, 0.0828, 0.0649, 0.0557, 0.055, 0.0438,
          0.0456, 0.0253, 0.0079, 0.0074, 0.0097, 0.0074, 0.0063]  # fmt: skip
CONSTANT = [2.0905, 1.6779, 1.1008, 0.7408, 0.5863, 0.2995, 0.3009, 0.191, 0.181, 0.1278, 0.1312, 0.1264, 0.0791, 0.0896, 0.0482,
            0.0669, 0.0639, 0.0563, 0.0581, 0.057, 0.0457, 0.0558, 0.0465, 0.0402, 0.0311, 0.0402, 0.0487, 0.0582, 0.0396, 0.0311,
            0.037, 0.0275, 0.0409, 0.0526, 0.0253, 0.0624, 0.0357, 0.045, 0.0642, 0.0775, 0.0699, 0.0653, 0.0609, 0.0689, 0.0642,
            0.0601, 0.0885, 0.0707]  # fmt: skip
# Memorised data: a loss below 0.00005 is written as 0.0, next to a gradient that is a number.
BY_HEART = [0.2363, 0.0418, 0.0463, 0.0161, 0.0135, 0.0165, 0.0162, 0, 0, 0, 0, 0.0084, 0, 0, 0, 0, 0]
GRADIENTS = [32.9, 0.0097, 0.0027, 0.0022, 0.0011, 0.0013, 0.0011, 3.6e-4, 3.9e-4, 2.8e-4, 2.2e-4, 1.6e-3, 1.6e-4, 1.2e-4,
             1.3e-4, 9.2e-5, 1.1e-4]  # fmt: skip
NOISE = np.random.default_rng(0).normal(size=200)
SLOPE = 2.7 + 0.7 * np.exp(-np.arange(200) / 5)

HEALTHY = {
    "two kinds of text in turn": log_of(IN_TURN, cosine(20, 2e-4), every=25, max_steps=625),
    "fast, then noise": log_of(FAST, cosine(33, 5e-6, 34), max_steps=336),
    "a step an epoch": log_of(EPOCHS, cosine(37, 1e-4, 38), max_steps=372),
    "a constant rate": log_of(CONSTANT, 5e-4, every=5, max_steps=240),
    "0.0 is rounded, by its gradients": log_of(BY_HEART, np.linspace(2e-5, 1e-6, 17), grad_norm=GRADIENTS, every=500),
    # The summary of this run gives a mean of 0.0160319, half of 0.0320639: the 0.0 was a rounded loss.
    "0.0 after 0.032": log_of([0.032, 0.0], 2e-4, max_steps=20),
    "0.0 from the second row on": log_of([0.0328] + [0.0] * 99, 2e-4, max_steps=1000),
    "a row": log_of([0.0], 4.5e-6, grad_norm=[0.5695], max_steps=12),
    "a skipped update": log_of(
        SLOPE + 0.05 * NOISE, np.linspace(5e-5, 0, 200), grad_norm=[1.0] * 90 + [NAN] + [1.0] * 109, max_steps=2000
    ),
    # The loss of GRPO starts at 0 and rises with the divergence from the first policy, or is negative.
    "a policy from 0": log_of([0.0, 0.0, 0.0, *np.linspace(1e-4, 0.08, 60)], 1e-6, grad_norm=0.3, max_steps=630),
    "a policy around 0": log_of(0.02 * NOISE, 1e-6, grad_norm=0.3, max_steps=2000),
    "batches of one example": log_of(SLOPE * np.exp(0.4 * NOISE), cosine(200, 1e-5), max_steps=2000),
    "evaluations with noise": log_of(
        SLOPE, cosine(200, 1e-5), eval_loss=[2.8 + 0.1 * NOISE[row] if row % 20 == 19 else None for row in range(200)]
    ),
    "three epochs": log_of(
        np.repeat([1.22, 1.06, 0.95], 40) + 0.2 * np.exp(-np.arange(120) / 6) + 0.03 * NOISE[:120],
        cosine(120, 1e-4),
        max_steps=1200,
    ),
    "after the warmup, then no more": log_of(
        2.7 + 0.7 / (1 + np.exp((np.arange(100) - 33) / 4)) + 0.01 * NOISE[:100], 5e-5, max_steps=1000
    ),
    "most of it is learned, and more to come": log_of(
        np.linspace(2.4, 0.55, 40) + 0.03 * NOISE[:40], 5e-5, max_steps=400
    ),
    "no rate": log_of(FAST, None, max_steps=330),
    "nothing": log_of([]),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_log_and_its_beginnings_have_no_findings(name):
    log = HEALTHY[name]
    for rows in range(len(log) + 1):
        assert codes(beginning(log, rows)) == [], rows


DIVERGED = [0.9974, 4.3459, 8.8061, 13.5352, 15.6576, 15.0001, 18.7846, 20.8277, 25.5949, 29.559]
AT_ONCE = [1.637, 11.8069, 11.6046, 10.3829, 10.3735, 10.3735, 10.3735, 10.3735, 10.3735, 10.3735]
LATE = [25445.9, 8560.4, 8621.7, 8448.3, 8202.6, 8323.8, 7784.6, 7541.4, 7135.1, 5424.2, 4348.3, 3768.0, 3517.7, 3386.6, 3026.1,
        2745.8, 2606.1, 2622.6, 2601.6, 2425.6, 2271.7, 2114.0, 2172.4, 2156.1, 2138.3, 2248.7, 2418.3, 2926.4, 3462.1, 4891.6,
        5723.1, 7678.4, 8333.4, 8629.3, 8595.1, 8165.6, 8491.6, 8514.4, 8581.1, 8545.8, 8545.9]  # fmt: skip
AFTER = 1.16 + 2 * np.exp(-np.arange(160) / 40) + 0.05 * NOISE[:160]
RESTORED = [0.3265, 0.3, 0.31, 0.33, *(2.9 + 0.1 * NOISE[:40]), *AFTER]
UNTIL_LOST = [2.1, 1.9, 1.8, 1.75, 2.4, 2.2]
# A network on digits, trained with AdamW at a rate of 10: such a training is chaotic, and its losses depend on the version of JAX.
SWINGS = [3.09, 2.53, 2.24, 2.44, 2.75, 2.66, 2.74, 2.8, 3.57, 3.46, 3.45, 3.3, 3.56, 3.62, 4.47, 4.84, 4.18, 3.51, 3.26, 3.16, 3.32,
          3.44, 3.34, 3.18, 3.02, 2.97, 2.76, 2.77, 2.92, 3.09, 3.31, 3.01, 3.18, 2.79, 2.88, 2.56, 2.75, 2.98, 2.81, 3.01, 3.01, 2.95,
          2.81, 2.51, 2.79, 2.64, 2.67, 2.79, 2.69, 3.03, 2.77, 2.92, 2.69, 2.56, 2.58, 2.66, 2.79, 2.77, 2.74, 2.55, 2.64, 2.6, 2.5,
          2.53, 2.55, 2.52, 2.44, 2.46, 2.42, 2.51, 2.45, 2.52, 2.41, 2.43, 2.47, 2.51, 2.45, 2.34, 2.42, 2.44, 2.35, 2.35, 2.33, 2.36,
          2.35, 2.34, 2.33, 2.33, 2.32, 2.33, 2.33, 2.34, 2.31, 2.32, 2.32, 2.3, 2.31, 2.32, 2.3, 2.3]  # fmt: skip
FORGETS = [[0.321, 0.3585, 0.3937, 0.4123, 0.42][row // 5] if row % 5 == 4 else None for row in range(25)]
FORGOT = [0.3048, 0.1674, 0.0587, 0.0424, 0.0184, 0.0062, 0.0039, 0.0019, 0.0009, 0.0007, *[0.0003] * 10, *[0.0001] * 5]


SHOWN = [
    (log_of(DIVERGED, 0.005),
     "LR301 error: the loss rises from 0.9974 (step 10) to 20.83 (step 100) at rates up to 0.005; set learning_rate to 0.0005, "
     "a tenth", (10, 40)),
    (log_of(AT_ONCE, 5.0, every=1),
     "LR301 error: the loss rises from 1.637 (step 1) to 10.38 (step 6) at rates up to 5; set learning_rate to 0.5, a tenth",
     (1, 2)),
    (log_of(LATE, 3e-4, every=50),
     "LR301 error: the loss rises from 2156 (step 1050) to 8546 (step 2050) at rates up to 0.0003; set learning_rate to 3e-05, "
     "a tenth", (1350, 1600)),
    (log_of(UNTIL_LOST + [NAN] * 4, 1e-3),
     "LR302 error: the loss is nan at step 70, after 2.2 at step 60, at a rate of 0.001; set learning_rate to 0.0001, a tenth",
     (60, 100)),
    (log_of([*UNTIL_LOST, INF, *UNTIL_LOST], None),
     "LR302 error: the loss is inf at step 70, after 2.2 at step 60; 6 later rows are numbers again; set learning_rate to a tenth",
     (60, 70)),
    (log_of(SWINGS, cosine(100, 10.0, warmup=100)),
     "LR303 warning: from row to row the loss swings by 4.2% while the rate is above 6, and by 0.7% once it is below 2.5; set "
     "learning_rate to 1, a tenth", (70, 490)),
    (log_of([NAN] * 5, 1e-3),
     "LR302 error: the loss is nan from the first row on (step 10); look for labels that are all masked, for fp16 and for bad "
     "rows in the data before the rate is changed", (10, 50)),
    (log_of([0.0] * 100, 5e-5, grad_norm=[NAN] * 100, every=5),
     "LR306 error: the loss is exactly 0.0 in all of 100 rows, every one of 100 gradient norms is NaN, and the rate stays at "
     "5e-05; set logging_nan_inf_filter to false to see the real losses, check the labels of a batch, and train in "
     "bf16 or float32 if it was fp16", (5, 500)),
    (log_of([8.2, 7.9, 8.4, 0, 0, 0], 2e-4),
     "LR307 error: the loss is exactly 0.0 in 3 of 6 rows, after 8.4 at step 30; set logging_nan_inf_filter to false to see NaN "
     "as NaN, and learning_rate to 2e-05, a tenth", (40, 60)),
    (log_of([0.0, 2.2, 2.1, 2.0], 2e-4, grad_norm=[NAN, 1.0, 1.0, 1.0]),
     "LR307 error: the loss is exactly 0.0 in 1 of 4 rows, with a gradient norm of NaN in it; set logging_nan_inf_filter to "
     "false to see NaN as NaN", (10, 10)),
    (log_of(FORGOT, 1e-5, every=200, eval_loss=FORGETS),
     "LR308 warning: the evaluation loss rises from 0.321 (step 1000) to 0.42 (step 5000) while the training loss falls from "
     "0.0587 to 0.0001; set max_steps to 1000, where the evaluation loss was lowest", (1000, 5000)),
    (log_of(4.775 + 0.008 * NOISE[:100], 3e-4, max_steps=1550),
     "LR309 warning: the loss goes from 4.776 to 4.772 in 1000 steps at rates up to 0.0003; try learning_rate at 0.003 and "
     "3e-05 for some hundred steps; if the loss falls with neither, the rate is not the cause", (10, 1000)),
    (log_of([*CONSTANT[:24], *CONSTANT[24:]], [2e-4] * 24 + [1e-4] * 24, every=5),
     "LR305 note: the rate goes from 0.0002 at step 120 to 0.0001 at step 125; right for restarts and stages; else look for a "
     "resumed run with another length or another schedule", (120, 125)),
]  # fmt: skip
SICK = [log for log, _, _ in SHOWN]


@pytest.mark.parametrize(("log", "text", "steps"), SHOWN, ids=lambda value: value[:5] if isinstance(value, str) else "")
def test_findings(log, text, steps):
    found = only(log)
    assert str(found) == text
    assert found.steps == steps


def test_a_loss_that_recovers_with_a_falling_rate_has_diverged():
    found = only(log_of(RESTORED, cosine(204, 2e-3), max_steps=2040))
    assert found.code == "LR301"
    assert "and ends at 1.199" in found.message


def test_for_a_small_rise_the_remedy_is_a_lower_rate():
    loss = 2 + 0.3 * (1 - np.exp(-np.arange(100) / 20)) + 0.01 * NOISE[:100]
    found = only(log_of(loss, 0.1, max_steps=1000))
    assert (found.code, found.remedy) == ("LR309", "set learning_rate to 0.01, a tenth")


def test_remedies_are_edits():
    def edits(log):
        return {tuple(edit) for edit in only(log).edits}

    assert edits(log_of(DIVERGED, 0.005)) == {("learning_rate", 0.0005)}
    assert edits(log_of(DIVERGED, None)) == set()  # the remedy would be a tenth of an unknown rate
    assert edits(log_of([8.2, 0, 0], 2e-4)) == {("logging_nan_inf_filter", False), ("learning_rate", 2e-5)}
    assert edits(log_of(FORGOT, 1e-5, every=200, eval_loss=FORGETS)) == {("max_steps", 1000)}


def test_the_current_rate_is_reported():
    rates = [1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4]
    (found,) = (found for found in olr.patterns(log_of([2.0, 2.1, 1.9, 2.0, NAN, NAN], rates)) if found.code == "LR302")
    assert "at a rate of 0.0001" in found.message
    assert [edit.value for edit in found.edits] == [1e-4]  # a tenth of the highest so far


# Rates.


JUMP = {"ConstantFactor", "CosineAnnealingWarmRestarts", "CosineWithRestarts", "DeepSpeedOneCycle", "Every", "Mixed", "MultiStep", "PiecewiseConstant",
        "Product", "Step", "TimmCosine"}  # fmt: skip


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_jumps_of_the_rate_are_found(kind):
    schedule = usual(kind)
    for every in (1, 3):
        steps = range(every, 101, every)
        log = log_of([None] * len(steps), [schedule(step) for step in steps], step=steps)
        expected = ["LR305"] if kind.__name__ in JUMP else []
        assert codes(log) == expected or (every > 1 and codes(log) == []), every


def test_a_planned_jump_is_not_reported():
    schedule = olr.CosineWithRestarts(1e-3, max_steps=400, num_cycles=2)
    steps = np.arange(1, 401)
    log = log_of([None] * 400, schedule(steps), step=steps)
    assert only(log).steps == (199, 200)
    assert olr.patterns(log, planned=schedule(steps)) == ()
    assert [found.code for found in olr.patterns(log, planned=olr.Cosine(1e-3, max_steps=400)(steps))] == ["LR305"]
    assert codes(log) == [found.code for found in olr.patterns(log, planned=np.full(400, np.nan))] == ["LR305"]
    with pytest.raises(ValueError, match=r"planned must hold a rate for each of the 400 rows of the log, not \(399,\)"):
        olr.patterns(log, planned=steps[1:])
    backwards = log_of([None] * 400, schedule(steps)[::-1], step=steps[::-1])
    assert olr.patterns(backwards, planned=schedule(steps)[::-1]) == ()


# Real trainings.


@pytest.fixture
def train(tmp_path):
    """The log of a real Trainer, which ran in `tmp_path`."""
    import torch
    import transformers

    from tests.tiny import Data, Model

    class Unlabelled(Data):
        def __getitem__(self, index):
            return super().__getitem__(index) | {"labels": torch.full((1,), torch.nan)}

    def run(rate, *, labels=True, resume=None, **values):
        torch.manual_seed(0)
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path), learning_rate=rate, use_cpu=True, report_to=[], logging_steps=1, disable_tqdm=True,
            dataloader_pin_memory=False, **({"max_steps": 60, "save_strategy": "no"} | values),
        )  # fmt: skip
        trainer = transformers.Trainer(Model(), arguments, train_dataset=(Data if labels else Unlabelled)(64))
        trainer.train(resume_from_checkpoint=resume and str(tmp_path / resume))
        rows = [row for row in trainer.state.log_history if "loss" in row]
        columns = ("loss", "learning_rate", "grad_norm", "step")
        columns = {name: [row.get(name) for row in rows] for name in columns}
        return log_of(columns.pop("loss"), **columns, max_steps=trainer.state.max_steps)

    return run


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("rate", "values", "expected"),
    [
        (0.05, {}, []),
        (0.05, {"lr_scheduler_type": "constant"}, []),
        (1e-3, {}, ["LR304"]),
        (1e-5, {}, ["LR309"]),
        (100, {}, ["LR301"]),
        (10, {"lr_scheduler_type": "cosine"}, ["LR301"]),
    ],
)
def test_a_real_trainer(train, rate, values, expected):
    log = train(rate, **values)
    assert codes(log) == expected
    for rows in range(len(log)):
        assert set(codes(beginning(log, rows))) <= set(expected), rows


@pytest.mark.filterwarnings("ignore")
def test_a_real_trainer_whose_loss_becomes_nan(train):
    """SGD without clipping: each step multiplies the distance to the goal."""
    values = {"optim": "sgd", "max_grad_norm": 0, "lr_scheduler_type": "constant"}
    hidden, *rest = olr.patterns(train(3, **values))
    assert (hidden.code, [found.code for found in rest]) == ("LR307", ["LR301"])
    assert "in 40 of 60 rows, with a gradient norm of NaN in each" in hidden.message
    lost, *rest = olr.patterns(train(3, logging_nan_inf_filter=False, **values))
    assert (lost.code, [found.code for found in rest]) == ("LR302", ["LR301"])
    assert "the loss is inf at step 20" in lost.message
    assert [tuple(edit) for edit in lost.edits] == [("learning_rate", 0.3)]
    assert codes(train(0.1, **values)) == []


@pytest.mark.filterwarnings("ignore")
def test_a_real_trainer_without_labels(train):
    assert codes(train(0.05, labels=False)) == ["LR306"]
    assert codes(train(0.05, labels=False, logging_nan_inf_filter=False)) == ["LR306"]


@pytest.mark.filterwarnings("ignore")
def test_a_real_trainer_that_resumes_with_another_length(train):
    assert codes(train(0.05, max_steps=20, save_strategy="steps", save_steps=20)) == []
    log = train(0.05, resume="checkpoint-20")
    assert len(log) == 60
    assert codes(log) == ["LR305"]
    assert only(log).steps[0] in (20, 21)


def momentum(schedule):
    return optax.sgd(schedule, momentum=0.9)


RATES = {
    optax.adamw: {1e-6: "LR309", 3e-5: "LR304", 1e-3: "", 1e-2: "", 0.1: "", 1.0: "LR301"},
    momentum: {1e-5: "LR309", 1e-4: "LR304", 3e-3: "", 0.03: "", 0.3: "", 10.0: "LR301"},
}


@pytest.mark.parametrize("optimizer", RATES, ids=lambda optimizer: optimizer.__name__)
def test_trainings_on_digits_at_low_and_high_rates(optimizer):
    rates = RATES[optimizer]
    schedules = olr.Cosine(np.array([*rates], np.float32), max_steps=1000, warmup_steps=100)
    logs = dict(zip(rates, digits_logs(optimizer, schedules), strict=True))
    for rate, expected in rates.items():
        assert "".join(codes(logs[rate])) == expected, rate
        for rows in range(0, 0 if expected else 100, 3):
            assert codes(beginning(logs[rate], rows)) == [], (rate, rows)


def test_every_code_has_an_example_without_other_codes():
    text = Path(__file__).read_text()
    assert all(f'"{rule.code}' in text for rule in rules_of(loss_rules).values())


# Laws.

NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([NAN, INF, -INF, 0.0, -0.0, 1e308, -1e308, 5e-324, 1e-5, 1.0]),
    st.floats(0.01, 10),
    st.floats(width=64),
)
ROWS = st.integers(0, 45).flatmap(
    lambda size: st.tuples(*(st.lists(NUMBERS, min_size=size, max_size=size) for _ in range(4)))
)


@settings(max_examples=300)
@given(ROWS, st.data(), st.sampled_from([None, 0, 1, 450]))
def test_any_input_gives_findings_with_finite_numbers(rows, data, max_steps):
    loss, rate, gradient, evaluation = rows
    steps = data.draw(st.lists(st.integers(0, 2**40), min_size=len(loss), max_size=len(loss)))
    log = log_of(loss, rate, grad_norm=gradient, eval_loss=evaluation, step=steps, max_steps=max_steps)
    for found in olr.patterns(log):
        words = f" {found.text} ".replace(";", " ").replace(",", " ").split()
        # Only a loss that is NaN may appear in a message: "the loss is nan".
        assert not {"inf", "-inf", "inf%", "nan%"} & set(words) or found.code == "LR302", found
        assert "nan" not in words or found.code == "LR302", found
        assert all(np.isfinite(edit.value) for edit in found.edits)
        assert min(steps) <= found.steps[0] <= found.steps[1] <= max(steps)


FALLING = log_of(4.775 - np.linspace(0, 0.5, 100) + 0.008 * NOISE[:100], 3e-4)
LOGS = st.sampled_from([*HEALTHY.values(), *SICK, FALLING])


@given(LOGS, st.integers(3, 30))
def test_findings_do_not_depend_on_the_scale_of_the_loss(log, power):
    """Scaled by powers of two, without rounding; only upwards, and not in a log that starts below LEAST_LOSS."""
    if np.nanmedian(np.append(log.loss[log.loss != 0][:3], 1)) < loss_rules.LEAST_LOSS or (log.loss == 0).any():
        return
    scaled = olr.Log(**{**vars(log), "loss": log.loss * 2.0**power, "eval_loss": log.eval_loss * 2.0**power})
    assert codes(scaled) == codes(log)


@given(LOGS, st.randoms(use_true_random=False))
def test_findings_do_not_depend_on_the_order_of_the_rows(log, random):
    order = np.array(random.sample(range(len(log)), len(log)), int)
    names = ("step", "learning_rate", "loss", "grad_norm", "eval_loss", "epoch")
    columns = {name: getattr(log, name)[order] for name in names}
    is_nan = {name: values[order] for name, values in log.is_nan.items()}
    assert olr.patterns(olr.Log(**{**vars(log), **columns, "is_nan": is_nan})) == olr.patterns(log)


# Public logs.

FOUND = {
    "007": ["LR309"],
    "011": ["LR301"],
    "024": ["LR308"],
    "034": ["LR301"],
    "036": ["LR305"],
    "042": ["LR301", "LR305"],
    "053": ["LR305"],
    "092": ["LR306"],
    "104": ["LR301"],
    "110": ["LR301"],
}


@pytest.mark.skipif(not FOLDER, reason="OPTAX_LR_CORPUS names no folder with runs/*.json")
def test_public_logs():
    logs = dict(public_logs(Path(FOLDER)))
    assert len(logs) >= 50
    assert {name: found for name, log in logs.items() if (found := codes(log))} == FOUND
    for name, log in logs.items():
        for rows in {*range(1, min(len(log), 30)), *np.linspace(1, len(log), 25).astype(int)}:
            early = {"LR307"} if name == "092" and rows < 3 else set()  # three rows show that a run is dead
            assert set(codes(beginning(log, rows))) <= {*FOUND.get(name, []), *early}, (name, rows)


def exploding(*places, length=400, seed=0):
    """A loss that falls, explodes at each of the places, and recovers."""
    step = np.arange(length)
    loss = 1.5 + 2 * np.exp(-step / 60) + 0.02 * np.random.default_rng(seed).normal(size=length)
    for place in places:
        loss[place : place + 60] += 40 * np.exp(-np.arange(60) / 40)
    return log_of(loss, np.full(length, 1e-3))


def test_each_divergence_is_a_finding_with_its_own_steps():
    for places in ((100,), (100, 280)):
        found = [finding for finding in olr.patterns(exploding(*places)) if finding.code == "LR301"]
        assert len(found) == len(places)
        for finding, place in zip(sorted(found, key=lambda one: one.steps), places, strict=True):
            assert 10 * (place - 10) <= finding.steps[0] <= 10 * (place + 2)
            assert finding.steps[0] < finding.steps[1] <= 10 * (place + 12)


def test_a_rise_followed_by_a_deep_fall_at_the_same_rate_is_not_a_divergence():
    step = np.arange(60)
    start = np.where(step < 2, 12.0, 7.5 + 34 * np.exp(-np.maximum(step - 2, 0) / 7))  # as at the start of pretraining
    rates = 1.5e-4 * np.minimum((step + 1) / 8, 1)
    assert codes(log_of(start, rates, max_steps=10_000)) == []
    assert codes(log_of(np.maximum(start, 10), rates, max_steps=10_000)) == ["LR301"]
    again = np.where(step < 50, start, start * 1.3 ** (step - 49))
    assert only(log_of(again, rates, max_steps=10_000)).steps[0] >= 450
    falling = np.where(step < 10, rates, 1e-5)
    assert "LR301" in codes(log_of(start, falling, max_steps=10_000))


def overfitting(metrics=None):
    step = np.arange(1, 11)
    log = log_of(2.0 / step, np.full(10, 1e-4), eval_loss=1.0 + 0.1 * np.maximum(step - 3, 0))
    return dataclasses.replace(log, metrics=metrics or {})


def test_overfitting_is_not_reported_while_a_metric_improves():
    falling, rising = np.linspace(60, 30, 10), np.linspace(0.5, 0.9, 10)
    assert [finding.code for finding in olr.patterns(overfitting())] == ["LR308"]
    assert olr.patterns(overfitting({"eval_wer": falling})) == ()
    assert olr.patterns(overfitting({"eval_accuracy": rising})) == ()
    for metrics in ({"eval_wer": rising}, {"eval_accuracy": falling}, {"eval_accuracy": np.full(10, 0.5)}):
        assert [finding.code for finding in olr.patterns(overfitting(metrics))] == ["LR308"]


def test_a_rate_is_too_low_only_if_the_evaluation_loss_falls_too():
    falls, rates = 2.0 - 0.004 * np.arange(1, 101) + 0.002 * NOISE[:100], np.full(100, 1e-5)

    def found(evaluations=None, loss=falls):
        logged = None
        if evaluations is not None:
            logged = [evaluations[row] if row % 10 == 9 else None for row in range(100)]
        return codes(log_of(loss, rates, eval_loss=logged, max_steps=1000))

    assert found() == found(falls + 0.1) == ["LR304"]
    assert found(np.full(100, 1.9)) == found(np.linspace(1.9, 2.0, 100)) == []
    assert found(np.maximum(falls, 1.8)) == []  # it falls at first only
    assert found(loss=np.append(2.3, falls[1:])) == []  # a sudden drop is not a slow fall


def test_rates_and_losses_of_one_step_may_be_in_separate_rows():
    step = np.repeat(np.arange(10, 1010, 10), 2)
    loss = np.where(np.arange(200) % 2, 1 + step / 10, np.nan)
    rate = np.where(np.arange(200) % 2, np.nan, 5e-3)
    loss, rate = ([None if np.isnan(value) else value for value in column] for column in (loss, rate))
    log = log_of(loss, rate, step=step)
    (finding,) = [finding for finding in olr.patterns(log) if finding.code == "LR301"]
    assert finding.edits == (olr.Edit("learning_rate", 5e-4),)
