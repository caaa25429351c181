"""The formulas in 40 digits, as the references define them, without the identities that the library uses."""

from __future__ import annotations

import itertools

import mpmath
from mpmath import mpf

import optax_lr as olr

mpmath.mp.dps = 40


def exact(schedule: olr.Schedule, step: int) -> mpf:
    """The rate of a schedule at `step`, from its settings as they are written, in float64."""
    values = {name: _exactly(value) for name, value in vars(schedule).items() if value is not None and name[0] != "_"}
    if type(schedule) in _WHOLE:
        return _WHOLE[type(schedule)](values, mpf(step))
    warmup = values["warmup_steps"]
    if step < warmup:
        return values["learning_rate"] * step / max(1, warmup)
    return _AFTER_WARMUP[type(schedule)](values, mpf(step))


def _exactly(value):
    if isinstance(value, olr.Schedule):
        return value
    if isinstance(value, tuple):
        return [_exactly(item) for item in value]
    return value if isinstance(value, (str, bool)) else mpf(float(value))


def _share(v, step):
    return (step - v["warmup_steps"]) / max(1, v["max_steps"] - v["warmup_steps"])


def _linear(v, step):
    floor = v["min_lr"]
    return floor + (v["learning_rate"] - floor) * max(
        0, (v["max_steps"] - step) / max(1, v["max_steps"] - v["warmup_steps"])
    )


def _cosine(v, step):
    wave = (1 + mpmath.cos(2 * mpmath.pi * v["num_cycles"] * _share(v, step))) / 2
    return max(0, v["min_lr"] + (v["learning_rate"] - v["min_lr"]) * wave)


def _restarts(v, step):
    share = _share(v, step)
    return (
        mpf(0) if share >= 1 else v["learning_rate"] * (1 + mpmath.cos(mpmath.pi * ((v["num_cycles"] * share) % 1))) / 2
    )


def _polynomial(v, step):
    if step > v["max_steps"]:
        return v["min_lr"]
    left = 1 - (step - v["warmup_steps"]) / (v["max_steps"] - v["warmup_steps"])
    return v["min_lr"] + (v["learning_rate"] - v["min_lr"]) * left ** v["power"]


def _inverse_sqrt(v, step):
    timescale = v.get("timescale") or v["warmup_steps"] or 10_000
    return v["learning_rate"] / mpmath.sqrt((step + (timescale - v["warmup_steps"])) / timescale)


_AFTER_WARMUP = {
    olr.Constant: lambda v, step: v["learning_rate"],
    olr.Linear: _linear,
    olr.Cosine: _cosine,
    olr.CosineWithRestarts: _restarts,
    olr.Polynomial: _polynomial,
    olr.InverseSqrt: _inverse_sqrt,
}


def _half_cosine(share):
    return (1 + mpmath.cos(mpmath.pi * share)) / 2


def _cosine_with_warmup_lr(v, step):
    rate, warmup = v["learning_rate"], v["warmup_steps"]
    if step < warmup:
        if "warmup_lr" in v:
            return v["warmup_lr"] + (rate - v["warmup_lr"]) * step / max(1, warmup - 1)
        return rate * (step + 1) / max(1, warmup)
    share = (step - warmup + 1) / max(1, v["max_steps"] - warmup)
    return max(0, v["min_lr"] + (rate - v["min_lr"]) * _half_cosine(2 * v["num_cycles"] * share))


def _stable(v, step):
    rate, floor, warmup, decay = (v[name] for name in ("learning_rate", "min_lr", "warmup_steps", "decay_steps"))
    stable = v["stable_steps"] if "stable_steps" in v else v["max_steps"] - warmup - decay
    if step < warmup:
        p = step / max(1, warmup)
        share = {"linear": p, "cosine": 1 - _half_cosine(p), "1-sqrt": 1 - mpmath.sqrt(1 - p)}[v["warmup_type"]]
    elif step < warmup + stable:
        return rate
    elif step < warmup + stable + decay:
        p = (step - warmup - stable) / max(1, decay)
        wave = _half_cosine(2 * v["num_cycles"] * p)
        shares = {"linear": 1 - p, "cosine": wave, "1-sqrt": 1 - mpmath.sqrt(p), "1-square": 1 - p * p}
        shares |= {"exponential": 2 * mpf(0.5) ** p - 1, "power": (1 - p) ** v["power"]}
        share = shares[v["decay_type"]]
    else:
        return floor
    return max(0, floor + (rate - floor) * share)


def _warm_restarts(v, step):
    length, start = v["T_0"], mpf(0)
    while step >= start + length:
        start, length = start + length, length * v["T_mult"]
    return v["eta_min"] + (v["learning_rate"] - v["eta_min"]) * _half_cosine((step - start) / length)


def _cyclic(v, step):
    up = v["step_size_up"]
    down = v.get("step_size_down", up)
    cycle = mpmath.floor(step / (up + down))
    rest = step - cycle * (up + down)
    height = rest / up if rest <= up else (up + down - rest) / down
    height *= {"triangular": mpf(1), "triangular2": mpf(2) ** -cycle, "exp_range": v["gamma"] ** step}[v["mode"]]
    return v["base_lr"] + (v["max_lr"] - v["base_lr"]) * height


def _units(v, elapsed):
    units = elapsed / v["decay_steps"]
    return mpmath.floor(units) if v["staircase"] else units


def _one_cycle(v, step):
    first = v["max_lr"] / v["div_factor"]
    return _between(v, step, (first, v["max_lr"], first, first / v["final_div_factor"]))


def _between(v, step, values):
    total, top = v["total_steps"], v["pct_start"] * v["total_steps"] - 1
    start, peak, foot, last = values
    points = [(mpf(0), start), (top, peak), (total - 1, last)]
    if v["three_phase"]:
        points.insert(2, (2 * v["pct_start"] * total - 2, foot))
    for number, ((start, before), (stop, after)) in enumerate(itertools.pairwise(points)):
        if step <= stop or number == len(points) - 2:
            share = (step - start) / (stop - start)
            left = _half_cosine(share) if v["anneal_strategy"] == "cos" else 1 - share
            return after + (before - after) * left
    raise AssertionError


def _deepspeed_warmup(v, step):
    """The share of the warmup, or None after it."""
    iteration, length = max(mpf(0), step - 1), max(mpf(2), v["warmup_steps"])
    if iteration >= length:
        return None
    return mpmath.log(iteration + 1) / mpmath.log(length) if v["warmup_type"] == "log" else iteration / length


def _deepspeed_decay(v, step):
    share, length = _deepspeed_warmup(v, step), max(mpf(2), v["warmup_steps"])
    if share is None:
        share = max(mpf(0), (v["max_steps"] - (step - 1)) / max(1, v["max_steps"] - length))
    return v["min_lr"] + (v["learning_rate"] - v["min_lr"]) * share


def _deepspeed_cosine(v, step):
    share, length = _deepspeed_warmup(v, step), max(mpf(2), v["warmup_steps"])
    if share is not None:
        return v["learning_rate"] * (v["warmup_min_ratio"] + (1 - v["warmup_min_ratio"]) * share)
    done = min(mpf(1), (step - length) / max(1, v["max_steps"] - length))
    return v["learning_rate"] * (v["cos_min_ratio"] + (1 - v["cos_min_ratio"]) * _half_cosine(done))


def _deepspeed_one_cycle(v, step):
    first = v["first_steps"]
    second = v.get("second_steps", first)
    stairs = v["first_stairs"] if step <= first else v.get("second_stairs", v["first_stairs"])
    if step >= first + second:
        units = (step - first - second) / v["decay_steps"] if v["decay_steps"] else 0
        return v["min_lr"] / (1 + v["decay_rate"] * units)
    done, length = (step, first) if step <= first else (first + second - step, second)
    share = mpmath.floor(done * stairs / length) / stairs if stairs else done / length
    return v["min_lr"] + (v["max_lr"] - v["min_lr"]) * share


def _range_test(v, step):
    units = step / v["step_size"]
    return v["min_lr"] * (1 + v["step_rate"] * (mpmath.floor(units) if v["staircase"] else units))


def _jagged(v, step):
    restart, anneal, warmup = v["restart_steps"], v["restart_anneal_steps"], v["restart_warmup_steps"]
    at, share = step + v["ahead"], mpf(1)
    since = at % restart
    if at >= restart - anneal and since < warmup:
        share = since / warmup
    elif at >= restart - anneal and since > restart - anneal:
        share = (restart - since) / anneal
    return exact(v["schedule"], int(step) + 1) * (share * (1 - v["min_scale"]) + v["min_scale"])


def _rex(v, step):
    ahead, warmup, length = step + 1, v["warmup_steps"], max(1, v["max_steps"] - v["warmup_steps"])
    if ahead < warmup:
        return v["learning_rate"] * ahead / warmup
    left = max(mpf(0), v["max_steps"] - ahead) / length
    return v["min_lr"] + (v["learning_rate"] - v["min_lr"]) * left / (mpf(1) / 10 + mpf(9) / 10 * left)


def _of_cycles(v, step, shape):
    length, start, number = v["t_initial"], mpf(0), 0
    while step >= start + length and number < v["cycle_limit"]:
        start, length, number = start + length, length * v["cycle_mul"], number + 1
    if number >= v["cycle_limit"]:
        return v["min_lr"]
    top = v["learning_rate"] * v["cycle_decay"] ** number
    return v["min_lr"] + (top - v["min_lr"]) * shape((step - start) / length)


def _piecewise(v, step):
    return v["learning_rate"] * v["factors"][sum(step >= boundary for boundary in v["boundaries"])]


def _ramp(v, step):
    share = min(step, v["total_iters"]) / max(1, v["total_iters"])
    return v["learning_rate"] * (v["start_factor"] + (v["end_factor"] - v["start_factor"]) * share)


_WHOLE = {
    olr.InverseTime: lambda v, step: (
        v["learning_rate"] * step / max(1, v["warmup_steps"])
        if step < v["warmup_steps"]
        else v["learning_rate"] / (1 + v["decay_rate"] * _units(v, step - v["warmup_steps"]))
    ),
    olr.PowerLaw: lambda v, step: (
        v["learning_rate"] * step / max(1, v["warmup_steps"])
        if step < v["warmup_steps"]
        else v["learning_rate"] * (1 + (step - v["warmup_steps"]) / v["timescale"]) ** -v["power"]
    ),
    olr.Every: lambda v, step: exact(v["schedule"], int(mpmath.floor(step / v["steps"]))),
    olr.InSamples: lambda v, step: exact(v["schedule"], int(step * v["per_step"])),
    olr.Shift: lambda v, step: exact(v["schedule"], int(max(0, step + v["by"]))),
    olr.Warmup: lambda v, step: (
        v["warmup_lr"]
        + (exact(v["schedule"], int(v["warmup_steps"])) - v["warmup_lr"]) * step / max(1, v["warmup_steps"])
        if step < v["warmup_steps"]
        else exact(v["schedule"], int(step))
    ),
    olr.CyclicMomentum: lambda v, step: (
        v["max_momentum"] - _cyclic({**v, "base_lr": mpf(0), "max_lr": v["max_momentum"] - v["base_momentum"]}, step)
    ),
    olr.OneCycleMomentum: lambda v, step: _between(
        v, step, (v["max_momentum"], v["base_momentum"], v["max_momentum"], v["max_momentum"])
    ),
    olr.Rsqrt: lambda v, step: v["learning_rate"] / mpmath.sqrt(max(step, v["warmup_steps"], 1)),
    olr.CosineWarmupWithMinLR: _cosine_with_warmup_lr,
    olr.WarmupStableDecay: _stable,
    olr.Step: lambda v, step: v["learning_rate"] * v["gamma"] ** mpmath.floor(step / v["step_size"]),
    olr.MultiStep: lambda v, step: v["learning_rate"] * v["gamma"] ** sum(step >= m for m in v["milestones"]),
    olr.Exponential: lambda v, step: v["learning_rate"] * v["gamma"] ** step,
    olr.ConstantFactor: lambda v, step: v["learning_rate"] * (v["factor"] if step < v["total_iters"] else 1),
    olr.LinearRamp: _ramp,
    olr.PolynomialDecay: lambda v, step: v["learning_rate"] * max(0, 1 - step / v["total_iters"]) ** v["power"],
    olr.CosineAnnealing: lambda v, step: (
        v["eta_min"] + (v["learning_rate"] - v["eta_min"]) * _half_cosine(step / v["T_max"])
    ),
    olr.CosineAnnealingWarmRestarts: _warm_restarts,
    olr.Cyclic: _cyclic,
    olr.OneCycle: _one_cycle,
    olr.Rex: _rex,
    olr.Product: lambda v, step: mpmath.fprod(exact(factor, int(step)) for factor in v["schedules"]),
    olr.JaggedRestarts: _jagged,
    olr.DeepSpeedOneCycle: _deepspeed_one_cycle,
    olr.DeepSpeedRangeTest: _range_test,
    olr.DeepSpeedWarmup: lambda v, step: (
        _deepspeed_decay({**v, "max_steps": mpf(10) ** 30}, step)
        if _deepspeed_warmup(v, step) is not None
        else v["learning_rate"]
    ),
    olr.DeepSpeedWarmupDecay: _deepspeed_decay,
    olr.PiecewiseConstant: _piecewise,
    olr.TimmCosine: lambda v, step: _of_cycles(v, step, lambda p: _half_cosine(p ** v["k_decay"])),
    olr.TimmPoly: lambda v, step: _of_cycles(v, step, lambda p: (1 - p ** v["k_decay"]) ** v["power"]),
    olr.TimmTanh: lambda v, step: _of_cycles(
        v, step, lambda p: (1 - mpmath.tanh(v["lb"] * (1 - p) + v["ub"] * p)) / 2 if step else mpf(1)
    ),
    olr.DeepSpeedWarmupCosine: _deepspeed_cosine,
}
