"""Deviations of real and simulated runs from their plan, and the reported reasons."""

import csv
import dataclasses
import itertools
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import optax_lr as olr
from benchmarks.runs import public_logs
from optax_lr.auditing import rate_rules
from optax_lr.findings import rules_of
from optax_lr.logs.writers import in_words_of
from tests.auditing.runs import trained
from tests.commands.test_cli import run
from tests.identification.curves import curves, logged

FOLDER = os.environ.get("OPTAX_LR_CORPUS")
STEP = np.arange(10, 1010, 10)
PLAN = olr.Cosine(2e-5, max_steps=1000, warmup_steps=100)


def rates_of(schedule, step=STEP, offset=0):
    """The rates of a schedule in float64, as a real scheduler computes them."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-5)
    scheduler = schedule(optimizer)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(int(step.max()) + 1):
            rates.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return np.array(rates)[step - offset]


def cosine(warmup, length):
    return lambda optimizer: transformers.get_cosine_schedule_with_warmup(optimizer, warmup, length)


def codes(report, below="LR4"):
    return [finding.code for finding in report.findings if finding.code < below]


def told(report, code):
    found = [finding for finding in report.findings if finding.code == code]
    assert len(found) == 1, report.text
    return found[0]


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("curve", curves()[:16], ids=lambda curve: curve.name)
def test_a_run_on_its_plan(curve, offset):
    step, rate = logged(curve, 10, offset)
    plan = olr.identify(step, rate, max_steps=curve.max_steps).schedule
    report = olr.audit({"step": step, "learning_rate": rate}, plan)
    assert codes(report) == []
    assert report.on_plan
    assert "every logged rate is on it" in report.text
    off = rate.copy()
    off[50] *= 1 + 1e-7
    report = olr.audit({"step": step, "learning_rate": off}, plan)
    assert told(report, "LR209").steps == (step[50], step[50])


def test_a_real_trainer_on_its_plan(tmp_path):
    arguments = {"learning_rate": 2e-4, "lr_scheduler_type": "cosine", "warmup_steps": 0.1, "max_steps": 30}
    trained(tmp_path, **arguments)
    report = olr.audit(tmp_path, olr.read_config(arguments))
    assert codes(report, "LR3") == []
    assert report.identified.answer.config == {**arguments, "warmup_steps": 3}
    assert "every logged rate is on it" in report.text


MADE = {
    "LR202": (lambda optimizer: transformers.get_linear_schedule_with_warmup(optimizer, 100, 1000), "lr_scheduler_type", "linear"),
    "LR203": (cosine(30, 1000), "warmup_steps", 30),
    "LR204": (cosine(100, 1250), "max_steps", 1250),
}  # fmt: skip


@pytest.mark.parametrize("code", MADE)
def test_another_setting_than_planned(code, tmp_path):
    schedule, key, value = MADE[code]
    report = olr.audit({"step": STEP, "learning_rate": rates_of(schedule)}, PLAN)
    finding = told(report, code)
    assert finding.severity == "error"
    assert (key, value) in finding.edits
    fixed = {"learning_rate": 2e-5, "lr_scheduler_type": "cosine", "warmup_steps": 100, "max_steps": 1000}
    fixed |= {edit.key: edit.value for edit in finding.edits}
    again = olr.audit({"step": STEP, "learning_rate": rates_of(schedule)}, olr.read_config(fixed))
    assert not codes(again), again.text


@pytest.mark.parametrize("factor", [2, 8])
@pytest.mark.parametrize("warmup_too", [True, False])
def test_a_length_in_other_units(factor, warmup_too):
    longer = rates_of(cosine(100 * factor if warmup_too else 100, 1000 * factor))
    finding = told(olr.audit({"step": STEP, "learning_rate": longer}, PLAN), "LR204")
    assert f"max_steps {1000 * factor} and not 1000, {factor} times the planned ones" in finding.message
    assert "counted in micro-batches, or times the processes" in finding.message


def test_a_scheduler_stepped_by_every_process():
    def four_at_once(optimizer):
        scheduler = cosine(100, 1000)(optimizer)
        once = scheduler.step
        scheduler.step = lambda: [once() for _ in range(4)]  # as accelerate's, prepared on four processes
        return scheduler

    step = np.arange(10, 250, 10)
    finding = told(olr.audit({"step": step, "learning_rate": rates_of(four_at_once, step)}, PLAN), "LR204")
    assert "1/4 of the planned ones, as of a scheduler that is stepped 4 times an update" in finding.message


def test_another_peak_than_planned():
    finding = told(olr.audit({"step": STEP, "learning_rate": 4 * rates_of(cosine(100, 1000))}, PLAN), "LR205")
    assert "every rate is 4 times the planned one, as if learning_rate were 8e-05 and not 2e-05" in finding.message
    assert finding.edits == (olr.Edit("learning_rate", 8e-5),)


def test_a_warmup_read_by_another_version():
    # If both are given, transformers 4 uses the steps, and transformers 5 the ratio.
    warmup = {"warmup_steps": 40, "warmup_ratio": 0.1}
    config = olr.read_config({"learning_rate": 2e-5, "lr_scheduler_type": "cosine", "max_steps": 1000, **warmup})
    finding = told(olr.audit({"step": STEP, "learning_rate": rates_of(cosine(40, 1000))}, config), "LR203")
    assert "the rates are those of this config as transformers 4.57.6 reads it" in finding.message


def test_skipped_steps():
    skips = {3, 205, 206}

    def skipping(optimizer):
        scheduler, count = cosine(100, 1000)(optimizer), itertools.count(1)
        once = scheduler.step
        scheduler.step = lambda: None if next(count) in skips else once()
        return scheduler

    rates = rates_of(skipping)
    for report in (
        olr.audit({"step": STEP, "learning_rate": rates}, PLAN),
        olr.audit({"step": STEP, "learning_rate": rates, "max_steps": 1000}),
    ):
        finding = told(report, "LR206")
        assert "behind by 1 at step 10, 3 at step 210" in finding.message
        assert codes(report) == ["LR206"]


def test_a_scheduler_that_was_never_stepped():
    rates = np.full(100, 2e-5)
    plan = olr.Linear(2e-5, max_steps=1000)
    finding = told(olr.audit({"step": STEP, "learning_rate": rates}, plan), "LR207")
    assert "every row shows 2e-05" in finding.message
    assert codes(olr.audit({"step": STEP, "learning_rate": rates}, olr.Constant(2e-5))) == []


def test_a_real_run_resumed_with_other_settings(tmp_path):
    first = {
        "lr_scheduler_type": "linear",
        "max_steps": 20,
        "warmup_steps": 4,
        "save_strategy": "steps",
        "save_steps": 20,
    }
    trained(tmp_path, **first)
    second = {**first, "lr_scheduler_type": "cosine", "max_steps": 60, "learning_rate": 1e-3, "save_steps": 60}
    trained(tmp_path, resume=str(tmp_path / "checkpoint-20"), **second)
    report = olr.audit(tmp_path)
    assert report.identified.explained
    finding = told(report, "LR208")
    kinds = [type(segment.answers[0].schedule) for segment in report.identified.segments]
    peaks = [float(segment.answers[0].schedule.learning_rate) for segment in report.identified.segments]
    assert kinds == [olr.Linear, olr.Cosine]
    assert peaks == pytest.approx([2e-4, 2e-4])  # the checkpoint's, not the new 1e-3
    assert "at step 22 the rate goes from 0 to" in finding.message  # the update 21 still has the checkpoint's rate
    assert codes(report, "LR3") == ["LR208"]
    planned = olr.audit(tmp_path, olr.Linear(2e-4, max_steps=20, warmup_steps=4))
    assert codes(planned, "LR3") == ["LR208"]
    assert planned.on_plan is False
    assert "every logged rate is on it" not in planned.text
    assert planned.findings[0].message.startswith("at step 22 the log has 0.00015")


def test_single_rates_that_deviate():
    rates = rates_of(cosine(100, 1000))
    rates[41] *= 1.000001
    report = olr.audit({"step": STEP, "learning_rate": rates, "max_steps": 1000})
    finding = told(report, "LR209")
    assert "1 of 100 rates is off the curve; at step 420" in finding.message
    assert finding.steps == (420, 420)


def test_rates_that_nothing_explains():
    rates = 1e-5 * np.random.default_rng(0).uniform(0.5, 1, 30)
    report = olr.audit({"step": STEP[:30], "learning_rate": rates})
    assert told(report, "LR210").steps == (10, 300)
    finding = told(olr.audit({"step": STEP[:30], "learning_rate": rates}, PLAN), "LR201")
    assert "no other schedule, explains it" in finding.message


def test_deepspeed_replaces_the_scheduler():
    # What DeepSpeed's WarmupLR gave in a public run whose script asked for a cosine: from 1e-5 in 4 steps to 2e-5.
    logged = [1e-5, 1e-5, 1.5e-5, 1e-5 + 1e-5 * np.log(3) / np.log(4)] + [2e-5] * 20
    plan = olr.Cosine(2e-5, max_steps=128, warmup_steps=4)
    finding = told(olr.audit({"step": np.arange(1, 25), "learning_rate": logged}, plan), "LR202")
    assert "DeepSpeedWarmup(learning_rate=2e-05, warmup_steps=4, min_lr=1e-05)" in finding.message
    assert "a scheduler block in the DeepSpeed JSON replaces lr_scheduler_type" in finding.remedy


def test_no_rates_open_rates_and_conflicting_rates():
    assert codes(olr.audit({"step": [1, 2], "loss": [2.0, 1.0]})) == ["LR211"]
    open_rates = olr.audit({"step": STEP[:40], "learning_rate": 2e-5 * (1 - STEP[:40] / 1000), "max_steps": 1000})
    assert codes(open_rates) == ["LR212"]
    assert "(at least 12 settings explain the rows)" in open_rates.findings[0].message
    twice = {"step": [1, 2, 3, 3], "learning_rate": [1e-5, 1e-5, 2e-5, 1e-5]}
    assert told(olr.audit(twice), "LR213").steps == (3, 3)


def test_every_rule_has_a_test_in_this_file():
    here = Path(__file__).read_text()
    rules = rules_of(rate_rules)
    assert [code for code in rules if code not in here] == []
    assert all(rule.why and rule.title for rule in rules.values())


@pytest.mark.parametrize(
    "inner", [PLAN, olr.Product([PLAN, olr.Constant(1.0, 100)])], ids=["cosine", "quadratic warmup"]
)
@pytest.mark.parametrize("restarts", [0, 200])
def test_a_plan_of_a_kind_that_identify_does_not_try(inner, restarts):
    plan = olr.JaggedRestarts(inner, restarts, 50, 30) if restarts else inner
    report = olr.audit({"step": STEP, "learning_rate": np.asarray(plan(STEP), np.float64)}, plan)
    assert report.on_plan
    assert codes(report) == []


def test_a_config_without_a_length_uses_that_of_the_log():
    config = olr.read_config({"learning_rate": 2e-5, "lr_scheduler_type": "cosine", "warmup_ratio": 0.1})
    log = {"step": STEP, "learning_rate": rates_of(cosine(100, 1000))}
    assert codes(olr.audit({**log, "max_steps": 1000}, config)) == []
    with pytest.raises(olr.ConfigError, match="num_examples"):
        olr.audit(log, config)
    with pytest.raises(ValueError, match="plan must be one schedule, not a batch"):
        olr.audit(log, olr.Linear([1e-4, 1e-5], max_steps=100))


def test_rates_on_the_plan_do_not_hide_a_bad_loss():
    log = {"step": STEP, "learning_rate": rates_of(cosine(100, 1000)), "max_steps": 1000}
    report = olr.audit({**log, "loss": np.linspace(2, 200, 100)}, PLAN)
    assert codes(report) == ["LR301"]
    healthy = olr.audit({**log, "loss": 2 * np.exp(-STEP / 300) + 0.5}, PLAN)
    assert codes(healthy) == []
    assert "that does not prove that the training went well" in healthy.text


@pytest.fixture
def files(tmp_path):
    trained(tmp_path / "run", max_steps=20, warmup_steps=4)
    for name, kind in (("same", "linear"), ("other", "cosine")):
        text = f"learning_rate: 2.0e-4\nlr_scheduler_type: {kind}\nwarmup_steps: 4\nmax_steps: 20\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "README.md").write_text(
        "### Training hyperparameters\n\n- learning_rate: 0.0002\n- lr_scheduler_type: linear\n"
        "- lr_scheduler_warmup_steps: 4\n- training_steps: 20\n"
    )
    (tmp_path / "empty.json").write_text("")
    return tmp_path


def test_the_command(files):
    log = str(files / "run" / "trainer_state.json")
    for plan in ("same.yaml", "README.md"):
        done = run("audit", log, "--config", str(files / plan), folder=files)
        assert done.returncode == 0, done.stderr
        assert "Linear(learning_rate=0.0002, max_steps=20, warmup_steps=4)" in done.stdout
        assert "every logged rate is on it" in done.stdout
    done = run("audit", log, "--config", str(files / "other.yaml"), "--json", folder=files)
    assert done.returncode == 1
    (report,) = json.loads(done.stdout)
    assert [finding["code"] for finding in report["findings"] if finding["code"] < "LR3"] == ["LR202"]
    assert report["segments"][0]["answers"][0]["config"]["lr_scheduler_type"] == "linear"
    done = run("audit", str(files / "empty.json"), log, folder=files)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].endswith("empty.json: the file is empty")
    assert "Linear(learning_rate=0.0002" in done.stdout


def test_the_losses_of_two_runs_in_one_file_are_checked_separately():
    step = np.arange(10, 1001, 10)
    rates = np.concatenate([1e-4 * (1 - step / 1000), 3e-3 * (1 - step / 2000)])
    falls, low = 3 * step**-0.2, 0.4 * step**-0.1
    rises = np.where(step < 500, low, low * np.exp((step - 500) / 100))
    columns = {"step": np.tile(step, 2), "learning_rate": rates}
    quiet = olr.audit(columns | {"loss": np.concatenate([falls, low])})
    assert [finding.code for finding in quiet.findings if finding.code >= "LR3"] == []
    report = olr.audit(columns | {"loss": np.concatenate([falls, rises])})
    (finding,) = [finding for finding in report.findings if finding.code >= "LR3"]
    assert finding.code == "LR301"
    assert finding.message.startswith("run 2: the loss rises from")
    assert 500 <= finding.steps[0] < finding.steps[1] <= 1000


def test_a_restarted_run_does_not_count_as_a_diverging_loss():
    step = np.arange(10, 401, 10)
    falls, rates = 3 * step**-0.6, 1e-4 * np.minimum(step / 50, (400 - step) / 350)
    loss = np.concatenate([falls, falls, np.where(step < 200, falls, falls * np.exp((step - 200) / 30))])
    entries = [
        {"epoch": at / 80, "learning_rate": rate, "loss": one}
        for at, rate, one in zip(np.tile(step, 3).tolist(), np.tile(rates, 3).tolist(), loss.tolist(), strict=True)
    ]
    assert olr.audit(entries[:80], logging_steps=10).findings == ()
    report = olr.audit(entries, olr.Linear(1e-4, max_steps=400, warmup_steps=50), logging_steps=10)
    assert report.on_plan
    assert [finding.message[:25] for finding in report.findings] == ["run 3: the loss rises fro"]


KINDS = {
    "linear": olr.Linear,
    "cosine": olr.Cosine,
    "constant": olr.Constant,
    "constant_with_warmup": olr.Constant,
    "warmup_stable_decay": olr.WarmupStableDecay,
    "deepspeed WarmupLR/log": olr.DeepSpeedWarmup,
}


@pytest.mark.skipif(not FOLDER, reason="OPTAX_LR_CORPUS names no folder with runs")
def test_public_logs_have_the_expected_schedules():
    index = {row["id"]: row for row in csv.DictReader((Path(FOLDER) / "runs" / "INDEX.csv").read_text().splitlines())}
    logs = dict(public_logs(Path(FOLDER)))
    assert len(logs) == len(index)
    for name, log in logs.items():
        row, report = index[name], olr.audit(log)
        segments = report.identified.segments
        several = np.isfinite(log.learning_rate).sum() > 1
        assert report.identified.explained == several, name
        if not several:
            continue
        if row["n_solutions"] and row["explained"] == "yes" and row["schedule"] in ("linear", "cosine"):
            assert segments[0].count >= int(row["n_solutions"]) or name == "120", name
        kind = KINDS.get(row["schedule"])
        if kind and not row["explained"].endswith("only)"):
            assert isinstance(segments[0].answers[0].schedule, kind), name
        if row["lag_last"]:
            assert segments[0].lag[-1][1] == int(row["lag_last"]), name
        if row["segments"]:
            assert len(segments) == len(row["segments"].split("|")), name
        elif row["base_lr"] and row["warmup"]:
            warmed = [one.schedule for one in segments[0].answers if hasattr(one.schedule, "warmup_steps")]
            near = [float(one.learning_rate) for one in warmed if one.warmup_steps == int(row["warmup"])]
            assert any(np.isclose(peak, float(row["base_lr"])) for peak in near), name
    for name, log in logs.items():
        told = np.flatnonzero(np.isfinite(log.learning_rate) & (log.learning_rate > 0))
        if len(told) > 1:
            changed = log.learning_rate.copy()
            changed[log.step == log.step[told[len(told) // 2]]] *= 1 + 1e-6
            assert not olr.identify(log.step, changed, max_steps=log.max_steps).explained, name


DIVERGING = {row: 2.0 if row < 10 else 2 * 1.2 ** (row - 10) for row in range(1, 41)}  # under a constant rate of 0.01


def lines(line, head=""):
    """A log of the diverging loss, with a line for each row."""
    return head + "".join(line.format(row=row, loss=loss) + "\n" for row, loss in DIVERGING.items())


STATE = {"log_history": [{"step": row, "learning_rate": 0.01, "loss": loss} for row, loss in DIVERGING.items()]}
MEGATRON = " iteration {row}0/ 400 | learning rate: 1.0E-02 | lm loss: {loss:E} |"
WRITTEN = {
    "megatron": (lines(MEGATRON), "set --lr to 0.001, a tenth"),
    "torchtune": (lines("Step {row} | loss:{loss} lr:0.01 tokens_per_second_per_gpu:1"), "set optimizer.lr to 0.001, a tenth"),
    "lightning": (lines("{row},0.01,{loss}", "step,lr-AdamW,train_loss_step\n"), "set the optimizer's lr to 0.001, a tenth"),
    "keras": (lines("{row},0.01,{loss}", "epoch,learning_rate,loss\n"), "set the optimizer's learning_rate to 0.001, a tenth"),
    "ultralytics": (lines("{row},0.01,{loss}", "epoch,lr/pg0,train/loss\n"), "set lr0 to 0.001, a tenth"),
    "transformers": (json.dumps(STATE), "set learning_rate to 0.001, a tenth"),
}  # fmt: skip


@pytest.mark.parametrize("writer", WRITTEN)
def test_remedies_use_the_settings_of_the_program_that_wrote_the_log(tmp_path, writer):
    text, remedy = WRITTEN[writer]
    (tmp_path / "log.txt").write_text(text)
    log = olr.read_log(tmp_path / "log.txt")
    assert log.writer == writer
    (finding,) = [finding for finding in olr.patterns(log) if finding.code == "LR301"]
    assert finding.remedy == remedy
    assert finding.edits[0].key in remedy


def test_a_setting_of_transformers_is_not_suggested_for_other_programs():
    rule = olr.patterns(olr.read_log({"step": [1, 2, 3], "loss": [0.0, 0.0, 0.0]}))[0]
    assert "set logging_nan_inf_filter to false" in rule.remedy
    other = in_words_of("nanogpt", rule)
    assert other.remedy.startswith("log each loss as it is to see the real losses")
    assert other.edits == ()
    assert other.key is None
    shorter = dataclasses.replace(rule, remedy="set max_steps to 12", key="max_steps", edits=())
    assert in_words_of("timm", shorter, epochs_are_steps=True).remedy == "set --epochs to 12"
    assert in_words_of("timm", shorter).remedy == "set max_steps to 12"  # 12 steps are not 12 epochs


def test_a_step_with_two_rates_is_counted_once():
    step = [*range(1, 20), 7]
    rates = [1e-4 * (1 - at / 40) for at in range(1, 20)] + [2e-4]
    report = olr.audit(
        {"step": sorted(step), "learning_rate": [rate for _, rate in sorted(zip(step, rates, strict=True))]}
    )
    assert told(report, "LR213").message.startswith("1 step has more than one rate: 7")
