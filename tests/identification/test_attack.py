"""Logs of real schedulers with random settings, resumed, joined, held, stepped by epochs and printed in every form."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
import torch
import transformers

import optax_lr as olr
from tests.identification.curves import ROUNDINGS, lr_scheduler, stepped

FORMS = {**ROUNDINGS, "5 digits": lambda rates: np.array([float(f"{rate:.5g}") for rate in rates])}
PEAKS = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 1e-3)
KINDS = ("linear", "cosine", "cosine_with_min_lr", "polynomial", "constant_with_warmup", "cosine_with_restarts",
         "warmup_stable_decay", "inverse_sqrt")  # fmt: skip
TORCH = {
    "StepLR": lambda rng, steps: {"step_size": int(steps * rng.uniform(0.15, 0.4)), "gamma": float(rng.choice([0.1, 0.5]))},
    "ExponentialLR": lambda rng, steps: {"gamma": float(rng.choice([0.99, 0.995, 0.999]))},
    "CosineAnnealingLR": lambda rng, steps: {"T_max": steps, "eta_min": float(rng.choice([0.0, 1e-6]))},
    "OneCycleLR": lambda rng, steps: {"max_lr": 1e-3, "total_steps": steps + 2, "cycle_momentum": False},
    "CyclicLR": lambda rng, steps: {"base_lr": 1e-6, "max_lr": 1e-3, "step_size_up": int(steps / 7), "cycle_momentum": False},
}  # fmt: skip
WAYS = ("plain", "plain", "plain", "resumed", "joined", "held", "first rows of another run", "by epochs")


class Made(NamedTuple):
    """A log, the rates of each of its parts at every step, and the length of the run if the log states it."""

    what: str
    step: np.ndarray
    rate: np.ndarray
    parts: tuple[tuple[slice, np.ndarray], ...]
    max_steps: int | None
    error: float


def curve(rng: np.random.Generator, steps: int) -> tuple[str, np.ndarray]:
    """The rate at every step up to the end of a run."""
    peak = float(rng.choice([*PEAKS, float(f"{10 ** rng.uniform(-6, -2):.3g}")]))
    if rng.random() < 0.25:
        name = str(rng.choice(list(TORCH)))
        kind, settings = getattr(lr_scheduler, name), TORCH[name](rng, steps)
        return name, stepped(lambda optimizer: kind(optimizer, **settings), peak, steps)
    kind = str(rng.choice(KINDS))
    warmup = math.ceil(steps * rng.choice([0, 0.03, 0.05, 0.1, rng.uniform(0, 0.2)])) or int(kind == "inverse_sqrt")
    options = {"cosine_with_min_lr": {"min_lr": peak / 10}, "cosine_with_restarts": {"num_cycles": int(rng.integers(2, 5))},
               "warmup_stable_decay": {"num_decay_steps": steps // 4}}.get(kind, {})  # fmt: skip
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = transformers.get_scheduler(kind, optimizer, warmup, steps, scheduler_specific_kwargs=options)
    (factor,) = scheduler.lr_lambdas
    return f"{kind}, warmup {warmup}, peak {peak}", np.array([peak * factor(at) for at in range(steps + 1)])


def made(rng: np.random.Generator) -> Made:
    steps, every = int(rng.integers(60, 1500)), int(rng.choice([1, 10]))
    way, form, offset = str(rng.choice(WAYS)), str(rng.choice(list(FORMS))), int(rng.integers(2))
    what, rates = curve(rng, steps)
    step = np.arange(every, steps + 1, every)
    step = step[: max(5, int(len(step) * rng.uniform(0.3, 1)))] if rng.random() < 0.3 else step
    at, cut = step - offset, int(rng.integers(len(step) // 3, 2 * len(step) // 3 + 1))
    first, rest = slice(0, len(step)), slice(0, 0)
    other = curve(rng, 2 * steps)[1] if way in ("resumed", "joined", "first rows of another run") else rates
    logged, after = rates[at], other
    if way in ("resumed", "first rows of another run"):
        cut = 3 if way != "resumed" else cut
        first, rest = slice(0, cut), slice(cut, len(step))
        logged = np.where(np.arange(len(step)) < cut, rates[at], other[at])
    elif way == "joined":
        first, rest = slice(0, cut), slice(cut, cut + len(step))
        step, logged = np.concatenate([step[:cut], step]), np.concatenate([rates[at[:cut]], other[at]])
    elif way == "held":
        rates = np.append(rates, np.full(steps, rates[-1]))
        step = np.arange(every, int(1.5 * steps), every)
        first, logged = slice(0, len(step)), rates[step - offset]
    elif way == "by epochs":
        rates = np.repeat(rates, every * 5)
        step = np.arange(every, min(len(rates), 3000), every)
        first, logged = slice(0, len(step)), rates[step - offset]
    printed = FORMS[form](logged)
    known = steps if way == "plain" and rng.random() < 0.5 else None
    both = ((first, rates), (rest, after))[: 1 + bool(rest.stop)]
    error = 1e-6 + 4 * float(abs(printed - logged).max() / logged.max())
    words = f"{way}; {what}; {steps} steps, every {every}, offset {offset}, {form}"
    return Made(words, step, printed, both, known, error)


def judged(log: Made) -> str:
    """The verdict on an answer; `wrong` means that the only answer, or a segment, was not run."""
    found = olr.identify(log.step, log.rate, max_steps=log.max_steps)
    if not found.explained:
        return "unexplained"
    words = set()
    for segment in found.segments:
        alone = segment.count == 1 and not segment.text
        true = [rates for rows, rates in log.parts if rows.start <= segment.row[0] and segment.row[-1] < rows.stop]
        steps = np.arange(segment.step[0], segment.step[-1] + 1)
        answer = segment.answers[0].rates(steps)
        far = [abs(answer - rates[steps - offset]).max() / rates.max() for rates in true for offset in (0, 1)]
        confident = alone or (not true and len(found.segments) > 1)
        words.add("right" if min(far, default=math.inf) < log.error else "wrong" if confident else "open")
    if len(found.segments) > len(log.parts):
        return "wrong"
    return next(word for word in ("wrong", "open", "right") if word in words)


@pytest.mark.long
def test_no_answer_is_confidently_wrong_in_343_logs():
    rng, counted, wrong = np.random.default_rng(0), Counter(), []
    for _ in range(343):
        log = made(rng)
        word = judged(log)
        counted[word] += 1
        wrong += [log.what] if word == "wrong" else []
    assert wrong == []
    assert counted["right"] >= 230, counted


def test_some_logs_are_identified_and_no_answer_is_confidently_wrong():
    """Larger tolerances would allow more settings that explain the rows, and reduce the number of right answers."""
    rng = np.random.default_rng(1)
    words = Counter(judged(made(rng)) for _ in range(12))
    assert words["wrong"] == 0
    assert words["right"] >= 7, words
