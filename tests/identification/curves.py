"""Logs with the rates of real schedulers of torch and transformers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import transformers

STEPS = 1000
lr_scheduler = torch.optim.lr_scheduler


class Curve(NamedTuple):
    """The name of a scheduler, its rate at every step, and the length of the run (None if it has no length)."""

    name: str
    rates: np.ndarray
    max_steps: int | None


def stepped(make, learning_rate: float = 2e-4, steps: int = STEPS, metric=None) -> np.ndarray:
    """The optimizer's rate before each update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=learning_rate)
    scheduler = make(optimizer)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that of a scheduler stepped without an update
        for step in range(steps + 1):
            rates.append(optimizer.param_groups[0]["lr"])
            if metric is None:
                scheduler.step()
            elif step % 50 == 49:
                scheduler.step(metric(step))
    return np.array(rates)


def _transformers(name: str, warmup: int, learning_rate: float = 2e-4, **kwargs) -> Curve:
    def make(optimizer):
        return transformers.get_scheduler(name, optimizer, warmup, STEPS, scheduler_specific_kwargs=kwargs)

    shown = ", ".join(f"{key}={value}" for key, value in kwargs.items())
    max_steps = None if name in ("inverse_sqrt", "constant_with_warmup") else STEPS
    return Curve(f"{name}({shown}), warmup {warmup}", stepped(make, learning_rate), max_steps)


def _torch(name: str, max_steps: int | None = None, **kwargs) -> Curve:
    shown = ", ".join(f"{key}={value}" for key, value in kwargs.items())
    kind = getattr(lr_scheduler, name)
    steps = STEPS if name != "OneCycleLR" else STEPS - 1
    return Curve(f"torch {name}({shown})", stepped(lambda optimizer: kind(optimizer, **kwargs), steps=steps), max_steps)


def curves() -> list[Curve]:
    """Common schedulers, and schedulers that are rare in public logs."""
    plateau = Curve(
        "reduce_lr_on_plateau(factor=0.5, patience=2)",
        stepped(
            lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2),
            metric=lambda step: math.exp(-step / 100) + 0.5 * (step > 300),
        ),
        STEPS,
    )
    return [
        _transformers("linear", 100),
        _transformers("cosine", 33),
        _transformers("constant_with_warmup", 57),
        _transformers("polynomial", 50),
        _transformers("polynomial", 50, power=2.0, lr_end=1e-6),
        _transformers("polynomial", 0, power=0.7, lr_end=0.0),
        _transformers("inverse_sqrt", 80),
        _transformers("inverse_sqrt", 80, timescale=300),
        _transformers("cosine_with_min_lr", 60, min_lr=2e-5),
        _transformers("cosine_with_min_lr", 0, min_lr_rate=0.1),
        _transformers("cosine_warmup_with_min_lr", 60, min_lr=1e-5),
        _transformers("cosine_with_restarts", 40, num_cycles=3),
        _transformers("cosine_with_restarts", 40, num_cycles=7),
        _transformers("warmup_stable_decay", 50, num_decay_steps=200),
        _transformers("warmup_stable_decay", 50, num_decay_steps=300, min_lr_ratio=0.1, decay_type="linear"),
        _transformers("warmup_stable_decay", 50, num_decay_steps=300, min_lr_ratio=0.05, decay_type="1-sqrt"),
        _torch("StepLR", step_size=150, gamma=0.5),
        _torch("MultiStepLR", milestones=[300, 700], gamma=0.1),
        _torch("ExponentialLR", gamma=0.995),
        _torch("ConstantLR", factor=0.25, total_iters=200),
        _torch("LinearLR", start_factor=0.25, total_iters=200),
        _torch("LinearLR", start_factor=1.0, end_factor=0.1, total_iters=500),
        _torch("PolynomialLR", STEPS, total_iters=STEPS, power=1.5),
        _torch("CosineAnnealingLR", STEPS, T_max=STEPS, eta_min=1e-5),
        _torch("CosineAnnealingLR", T_max=400),
        _torch("CosineAnnealingWarmRestarts", T_0=100, T_mult=2),
        _torch("CosineAnnealingWarmRestarts", T_0=250, eta_min=1e-6),
        _torch("CyclicLR", base_lr=1e-5, max_lr=2e-4, step_size_up=120, cycle_momentum=False),
        _torch("CyclicLR", base_lr=1e-5, max_lr=2e-4, step_size_up=80, step_size_down=150, cycle_momentum=False),
        _torch("OneCycleLR", STEPS, max_lr=2e-4, total_steps=STEPS, cycle_momentum=False),
        plateau,
    ]


def logged(curve: Curve, every: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """The steps and rates of a log: offset 0 is the rate of the next update, 1 that of the last."""
    step = np.arange(every, len(curve.rates), every)
    return step, curve.rates[step - offset]


def _printed(form: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rates: np.array([float(form % rate) for rate in rates])


ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "in full": lambda rates: rates,
    "6 digits": _printed("%.6g"),
    "float32": lambda rates: rates.astype(np.float32).astype(np.float64),
    "4 digits": _printed("%.4g"),  # transformers 5
    "3 digits": _printed("%.2e"),
    "7 decimals": _printed("%.7f"),
}


class Odd(NamedTuple):
    """A log that no single schedule of the library gives: its steps and rates in the order of the file, and the right answer.

    `parts` are the rows of each schedule that has to be found, with its rates at every step from 1 on. It is empty if the log
    must be reported as unexplained.
    """

    name: str
    step: np.ndarray
    rate: np.ndarray
    parts: tuple[tuple[slice, np.ndarray], ...] = ()


def _behind_a_warmup(kind):
    def make(optimizer):
        warmup = lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=100)
        return lr_scheduler.SequentialLR(optimizer, [warmup, kind(optimizer)], milestones=[100])

    return make


def odd_logs() -> list[Odd]:
    """Schedulers stepped once an epoch, joined and resumed runs, held ends, curves that are cut or have a warmup, custom curves."""
    step = np.arange(10, STEPS + 1, 10)
    at = np.arange(STEPS + 1)
    share = at / STEPS
    half = 1e-4 * (1 - share / 2)
    cosine = 5e-5 * (1 + np.cos(np.pi * share))
    stairs = cosine[at // 50 * 50]
    held = np.where(at < 800, 1e-5 + 9e-5 * 0.5 * (1 + np.cos(np.pi * at / 800)), 1e-5)
    shorter = 3e-4 * (1 - at / 600).clip(0)
    first, second = slice(0, 100), slice(100, 200)
    doubled = np.where(at <= 500, at, 500 + (at - 500) / 2)
    cut = stepped(lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 2e-4, total_steps=1700, cycle_momentum=False))
    fall, steps = (
        stepped(_behind_a_warmup(kind))
        for kind in (
            lambda optimizer: lr_scheduler.ExponentialLR(optimizer, gamma=0.997),
            lambda optimizer: lr_scheduler.MultiStepLR(optimizer, milestones=[400, 700], gamma=0.1),
        )
    )
    rng = np.random.default_rng(0)
    return [
        Odd("cosine once an epoch", step, stairs[step], ((first, stairs[1:]),)),
        Odd("cosine held at 80%", step, held[step], ((first, held[1:]),)),
        Odd("two runs in one file", np.tile(step, 2), np.append(half[step], shorter[step]), ((first, half[1:]), (second, shorter[1:]))),
        Odd("resumed at 500 with twice the length", step, np.where(step <= 500, 1e-4 * (1 - step / 1000), 1e-4 * (1 - step / 2000)),
            ((slice(0, 50), 1e-4 * (1 - at[1:] / 1000)), (slice(50, 100), 1e-4 * (1 - at[1:] / 2000)))),
        Odd("one cycle, cut before its end", step, cut[step], ((first, cut[1:]),)),
        Odd("exponential behind a warmup", step, fall[step], ((first, fall[1:]),)),
        Odd("steps behind a warmup", step, steps[step], ((first, steps[1:]),)),
        Odd("line at half the speed from 500 on", step, 1e-4 * (1 - doubled / 1000)[step]),
        Odd("custom REX", step, 1e-4 * ((1 - share) / (0.3 + 0.7 * (1 - share)))[step]),
        Odd("cosine with a wave on it", step, (cosine * (1 + 0.05 * np.sin(at / 30)))[step]),
        Odd("random walk", step, 1e-4 * np.exp(np.cumsum(rng.normal(scale=0.05, size=100)))),
        Odd("random numbers", step, rng.uniform(1e-5, 1e-4, 100)),
        Odd("reciprocal of a square", step, 1e-4 / (1 + (step / 300) ** 2)),
    ]  # fmt: skip
