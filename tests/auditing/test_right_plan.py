"""With the right plan the audit reports no deviation, however the rates were rounded."""

import math

import numpy as np
import pytest
import torch
import transformers

import optax_lr as olr
from optax_lr.auditing.departures import differences
from optax_lr.identification.evidence import evidence_of
from tests.identification.test_attack import FORMS, PEAKS


def ordinary(rng):
    """A plan, and the log of a run that followed it, with the rates of the scheduler of transformers."""
    length = int(rng.choice([rng.integers(20, 500), rng.integers(500, 5000), rng.integers(5000, 60_000)]))
    share = rng.choice([0, 0.01, 0.03, 0.05, 0.1, rng.uniform(0, 0.2)])
    warmup = min(math.ceil(length * share), length - 2)
    peak = float(rng.choice([*PEAKS, float(f"{10 ** rng.uniform(-6, -2):.3g}")]))
    floor = peak / 10 if rng.random() < 0.5 or peak < 2e-6 else 1e-6
    kind, options, plan = [
        ("linear", {}, olr.Linear(peak, length, warmup)),
        ("cosine", {}, olr.Cosine(peak, length, warmup)),
        ("cosine_with_min_lr", {"min_lr": floor}, olr.Cosine(peak, length, warmup, min_lr=floor)),
        ("polynomial", {}, olr.Polynomial(peak, length, warmup, power=1.0, min_lr=1e-7)),
        ("constant_with_warmup", {}, olr.Constant(peak, warmup)),
        ("cosine_with_restarts", {"num_cycles": 3}, olr.CosineWithRestarts(peak, length, warmup, num_cycles=3)),
    ][rng.integers(6)]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    (factor,) = transformers.get_scheduler(kind, optimizer, warmup, length, options).lr_lambdas
    every = max(1, min(int(rng.choice([1, 5, 10, 20, 50, 100])), length // 8), length // 600)
    end = length if rng.random() < 0.6 else int(length * rng.uniform(0.3, 1))
    step = np.arange(every, end + 1, every)
    offset = int(rng.integers(2))
    form = str(rng.choice(list(FORMS)))
    rate = FORMS[form](np.array([peak * factor(int(at) - offset) for at in step]))
    return plan, step, rate, (kind, length, warmup, peak, every, end, offset, form)


@pytest.mark.long
def test_5000_logs_of_runs_on_their_plan_have_no_errors():
    rng = np.random.default_rng(0)
    wrong = []
    for _ in range(5000):
        plan, step, rate, what = ordinary(rng)
        if all(len(differences(plan, form)[0].off) for form in evidence_of(step, rate)):
            wrong.append(what)
    assert wrong == []


def test_some_logs_of_runs_on_their_plan_have_no_errors():
    rng = np.random.default_rng(1)
    for _ in range(25):
        plan, step, rate, what = ordinary(rng)
        report = olr.audit({"step": step, "learning_rate": rate, "max_steps": what[1]}, plan)
        assert report.on_plan, what
        assert [found for found in report.findings if found.code < "LR3"] == [], what
        assert report.verdict.startswith("every logged rate is that of the plan"), what


def test_a_wrong_plan_is_found_from_rounded_rates():
    rng = np.random.default_rng(2)
    step = np.arange(10, 1010, 10)
    for form, written in FORMS.items():
        rate = written(1e-4 * (1 - step / 1000))
        for peak, length, warmup in ((1e-4, 1010, 0), (1.02e-4, 1000, 0), (1e-4, 1000, int(rng.integers(20, 100)))):
            plan = olr.Linear(peak, length, warmup)
            report = olr.audit({"step": step, "learning_rate": rate}, plan)
            assert report.on_plan is False, (form, plan)
            assert any(found.severity == "error" for found in report.findings), (form, plan)
