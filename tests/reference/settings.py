"""The settings of the real schedulers: one table for the stored values and for the comparison with running code."""

from __future__ import annotations

from typing import Any

RATE = 5e-5
SHORT, LONG = 40, 1000
STEPS = {
    SHORT: [*range(9), 13, 20, 27, 33, *range(38, 43), 47, 54, 55, 56, 60],
    LONG: [0, 1, 2, 50, 98, 99, 100, 101, 249, 250, 500, 750, 998, 999, 1000, 1001, 1500],
}


def transformers_settings() -> list[dict[str, Any]]:
    """Every scheduler of `transformers` that is a function of the step, with typical and extreme settings."""
    found = []
    for total, warmups in ((SHORT, [0, 1, 7, SHORT - 1, SHORT, SHORT + 15]), (LONG, [0, 100])):
        for warmup in warmups:
            for name, keywords in _variants(total):
                divides_by_zero = name == "polynomial" and warmup == total
                if not divides_by_zero:
                    found.append({"name": name, "total": total, "warmup": warmup, "keywords": keywords})
    return found


def _variants(total: int) -> list[tuple[str, dict[str, Any]]]:
    cycles = (0, 0.5, 1, 1.5, 2, 3, 7)
    return [
        ("constant", {}),
        ("constant_with_warmup", {}),
        ("linear", {}),
        *(("cosine", {"num_cycles": n}) for n in cycles),
        *(("cosine_with_restarts", {"num_cycles": n}) for n in cycles),
        ("polynomial", {}),
        *(("polynomial", {"power": p, "lr_end": 0.0}) for p in (0, 0.5, 1, 2, 3, 2.7)),
        ("polynomial", {"power": 2, "lr_end": 2e-6}),
        ("inverse_sqrt", {}),
        ("inverse_sqrt", {"timescale": 3 * total}),
        ("inverse_sqrt", {"timescale": 5}),
        ("cosine_with_min_lr", {"min_lr": 5e-6}),
        ("cosine_with_min_lr", {"min_lr": 1e-4}),
        ("cosine_with_min_lr", {"min_lr_rate": 0.1, "num_cycles": 1.5}),
        ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1}),
        ("cosine_warmup_with_min_lr", {"min_lr": 5e-6, "warmup_lr_rate": 0.2}),
        ("cosine_warmup_with_min_lr", {"min_lr": 0.0, "num_cycles": 1.0}),
        *(
            ("warmup_stable_decay", {"num_decay_steps": total // 4, "decay_type": kind, "warmup_type": kind})
            for kind in ("linear", "cosine", "1-sqrt")
        ),
        ("warmup_stable_decay", {"num_decay_steps": total // 4, "min_lr_ratio": 0.1, "num_cycles": 1.0}),
        ("warmup_stable_decay", {"num_decay_steps": total // 4, "num_stable_steps": 3, "min_lr_ratio": 0.2}),
        ("warmup_stable_decay", {"num_decay_steps": 2 * total, "decay_type": "linear"}),
        ("warmup_stable_decay", {"num_decay_steps": 0}),
    ]


def torch_settings() -> list[dict[str, Any]]:
    """Every scheduler of torch that is a function of the step."""
    one_cycle = [
        {},
        {"anneal_strategy": "linear"},
        {"pct_start": 0.0},
        {"pct_start": 0.37, "div_factor": 10.0, "final_div_factor": 100.0},
        {"three_phase": True},
        {"three_phase": True, "anneal_strategy": "linear", "pct_start": 0.4},
    ]
    cyclic = {"base_lr": 1e-5, "max_lr": 5e-5, "step_size_up": 7, "cycle_momentum": False}
    variants = [
        ("ConstantLR", {}),
        ("ConstantLR", {"factor": 0.1, "total_iters": 20}),
        ("LinearLR", {}),
        ("LinearLR", {"start_factor": 0.01, "end_factor": 0.9, "total_iters": 20}),
        ("ExponentialLR", {"gamma": 0.875}),
        ("ExponentialLR", {"gamma": 1.015625}),
        ("StepLR", {"step_size": 7}),
        ("StepLR", {"step_size": 1, "gamma": 0.9375}),
        ("MultiStepLR", {"milestones": [5, 5, 17, 30], "gamma": 0.5}),
        ("MultiStepLR", {"milestones": [0, 12]}),
        ("PolynomialLR", {}),
        ("PolynomialLR", {"total_iters": 40, "power": 2.0}),
        ("PolynomialLR", {"total_iters": 40, "power": 0.7}),
        ("CosineAnnealingLR", {"T_max": 40}),
        ("CosineAnnealingLR", {"T_max": 13, "eta_min": 1e-6}),
        ("CosineAnnealingWarmRestarts", {"T_0": 7}),
        ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 2, "eta_min": 1e-6}),
        ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
        ("CyclicLR", cyclic),
        ("CyclicLR", {**cyclic, "step_size_down": 11, "mode": "triangular2"}),
        ("CyclicLR", {**cyclic, "mode": "exp_range", "gamma": 0.96875}),
        *(("OneCycleLR", {"max_lr": 5e-5, "total_steps": 40, **keywords}) for keywords in one_cycle),
    ]
    return [
        {"name": name, "keywords": keywords, "steps": 40 if name == "OneCycleLR" else 60} for name, keywords in variants
    ]
