"""Checks of the curve: its cycles, its floor, and where it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from optax_lr.findings import Finding, Rule
from optax_lr.linting.case import KWARGS, Case
from optax_lr.schedules import WarmupStableDecay
from optax_lr.schedules.compositions import Stages
from optax_lr.sources.parsing import scalar

NO_RESTART = Rule.of(
    "LR141 warning: restarts without a restart",
    "`cosine_with_restarts` with `num_cycles` 1, its default, equals the plain cosine exactly.",
)
WAVES = Rule.of(
    "LR142 warning: a cosine that does not end at its floor",
    "In `cosine`, `num_cycles` counts whole waves: with 0.5 the rate falls once, with 1 it falls and returns to the peak. "
    "Restarts are `cosine_with_restarts`.",
)
HIGH_FLOOR = Rule.of(
    "LR143 warning: a floor near the peak",
    "With a floor of half of the peak or more, the rate is nearly constant.",
)
WRONG_FLOOR = Rule.of(
    "LR144 error: a floor above the peak",
    "transformers accepts it: the rate rises to a floor above the peak. A floor below 0 is refused (LR110).",
)
ENDS_EARLY = Rule.of(
    "LR145 warning: a schedule that ends before the training",
    "The rest of the run stays at the floor, often 0. LLaMA-Factory sets the stable phase of `warmup_stable_decay` to a "
    "third of the run, independently of `num_decay_steps`.",
)
ENDS_LATE = Rule.of(
    "LR146 warning: training that ends before the schedule",
    "The decay is cut off, and the rate of the last updates is high.",
)
LOOKS_ABSOLUTE = Rule.of(
    "LR140 warning: a share of the peak that looks like a rate",
    "`min_lr_rate` and `min_lr_ratio` are multiplied by the peak; `min_lr` is a rate.",
)
FLAT_POWER = Rule.of(
    "LR149 warning: a polynomial without a decay",
    "With a power near 0 the rate stays near the peak and falls only at the end.",
)
NO_ROOM = Rule.of(
    "LR147 error: phases longer than the run",
    "The warmup and the decay are longer than the run: the decay begins in its middle, and the rate jumps.",
)
RISES = Rule.of(
    "LR148 error: a rate that rises after the end",
    "A cosine of transformers continues as a wave past `max_steps`: the rate rises to the peak again.",
)
JUMPS = Rule.of(
    "LR150 warning: a jump between two stages",
    "Each stage counts from its own step 0. If a stage begins at another rate than that at which the previous stage ends, "
    "the rate jumps: for example a warmup to another peak, or a decay that is cut off.",
)
JUMP = 0.15  # of the highest rate at a boundary
LOOKS_LIKE_A_RATE = 1e-3  # a share of the peak this small is a floor of nothing
NEAR = 0.5  # of the peak: a floor this high leaves little of a schedule


def shape(case: Case) -> Iterator[Finding]:
    """Cycles and floors."""
    cycles, place, given = case.cycles, f"{KWARGS}.num_cycles", "num_cycles" in case.keywords
    of_card = case.config is not None and case.config.form == "card"  # which does not list the keywords
    if case.kind == "cosine_with_restarts" and (cycles == 1 or not given) and not of_card:
        message = "cosine_with_restarts with num_cycles 1 never restarts: it is the plain cosine"
        remedy = f"set {place}: 2, or lr_scheduler_type: cosine"
        yield case.finding(NO_RESTART, message, place if given else "lr_scheduler_type", remedy, {place: 2})
    if case.kind in ("cosine", "cosine_with_min_lr") and cycles is not None and cycles % 1 != 0.5:
        top = (1 + math.cos(2 * math.pi * cycles)) / 2
        message = f"num_cycles {cycles:g} on {case.kind} ends at {top:.0%} of the way from the floor to the peak"
        if cycles % 1 == 0 and cycles > 1 and case.kind == "cosine":
            remedy = f"set lr_scheduler_type: cosine_with_restarts for {cycles:g} cycles, or take it out"
            yield case.finding(WAVES, message, place, remedy, {"lr_scheduler_type": "cosine_with_restarts"})
        else:
            yield case.finding(WAVES, message, place, "take it out: 0.5 is its default", {place: None})
    power = case.keywords.get("power")
    if case.kind == "polynomial" and isinstance(power, (int, float)) and 0 <= power < 0.1:
        message = f"power {power:g} keeps the rate near the peak until the last steps"
        yield case.finding(FLAT_POWER, message, f"{KWARGS}.power", "set it to 1, its default")
    yield from _floor(case)


def _floor(case: Case) -> Iterator[Finding]:
    settings = case.settings
    if settings is None or settings.learning_rate <= 0:
        return
    peak = settings.learning_rate
    for name, share in (("min_lr", False), ("lr_end", False), ("min_lr_rate", True), ("min_lr_ratio", True)):
        value = case.keywords.get(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            continue
        floor = value * peak if share else value
        tenth = 0.1 if share else float(f"{0.1 * peak:.3g}")
        place = f"{KWARGS}.{name}"
        remedy, changes = f"set {place}: {scalar(tenth)}, a tenth of the peak", {place: tenth}
        if floor > peak:
            message = f"{name} {value:g} is above the peak of {peak:g}: the rate rises to it"
            yield case.finding(WRONG_FLOOR, message, place, remedy, changes)
        elif share and 0 < value < LOOKS_LIKE_A_RATE:
            message = f"{name} {value:g} is a share of the peak: the floor is {floor:.3g}"
            remedy = f"if it is the floor itself, write {KWARGS}.min_lr: {scalar(value)}"
            yield case.finding(LOOKS_ABSOLUTE, message, place, remedy)
        elif floor >= NEAR * peak:
            message = f"{name} {value:g} is {floor / peak:.3g} of the peak of {peak:g}: the schedule is nearly constant"
            yield case.finding(HIGH_FLOOR, message, place, remedy, changes)


def ends(case: Case) -> Iterator[Finding]:
    """The end of the schedule against the end of the training."""
    plan = case.plan
    if plan is None:
        return
    trained = case.train_steps or plan.max_steps
    end = plan.schedule.end
    if end is None or trained <= 1:
        return
    end, key = int(end), KWARGS if case.keywords else "lr_scheduler_type"
    schedule = plan.schedule
    if isinstance(schedule, WarmupStableDecay):
        warmup, decay, stable = schedule.warmup_steps, schedule.decay_steps, schedule.stable_steps
        stable = end - warmup - decay if stable is None else stable
        if stable < 0 and plan.warmup_steps < plan.max_steps:
            before, after = case.rate(int(warmup) - 1), case.rate(int(warmup))
            message = (
                f"warmup {warmup} and decay {decay} do not fit in {plan.max_steps} steps: the decay begins partly done, "
                f"{before:.3g} and then {after:.3g}, and the peak is never reached"
            )
            room = max(1, plan.max_steps - plan.warmup_steps)
            remedy = f"set num_decay_steps: {room} or less"
            yield case.finding(NO_ROOM, message, key, remedy, {f"{KWARGS}.num_decay_steps": room})
            return
    looked_at = {plan.warmup_steps, *np.linspace(0, trained - 1, 200, dtype=int).tolist()}
    last, peak = case.rate(trained - 1), max(map(case.rate, looked_at))  # some warmups are longer than the trainer's
    if trained > end + 1:  # the floor at the last update is what many trainers mean
        after = max(case.rate(step) for step in (end + (trained - end) // 2, trained - 1, min(2 * end, trained - 1)))
        if after > case.rate(end) + 1e-3 * peak:
            message = f"the schedule ends at step {end}, training at {trained}: the rate rises again, to {after:.3g}"
            remedy = f"set max_steps: {trained}, or hold the rate with HoldAfter"
            yield case.finding(RISES, message, "max_steps", remedy)
        else:
            message = f"the schedule ends at step {end} of {trained}: the other {trained - end} have rate {last:.3g}"
            yield case.finding(ENDS_EARLY, message, key, f"make it last {trained} steps", _filled(case, trained))
    elif trained < end and last > case.rate(end) + 0.01 * peak:
        share = last / peak
        message = f"training ends at step {trained}, the schedule at {end}: the last rate is {last:.3g}, {share:.0%} of the peak"
        remedy = f"make the schedule last {trained} steps"
        yield case.finding(ENDS_LATE, message, key, remedy, _filled(case, trained))


def jumps(case: Case) -> Iterator[Finding]:
    """The boundaries between the stages of a schedule."""
    plan = case.plan
    if plan is None or not isinstance(plan.schedule, Stages):
        return
    places = [int(step) for step in plan.schedule.boundaries if 2 <= int(step) < (case.train_steps or plan.max_steps)]
    highest = max((case.rate(step + shift) for step in places for shift in (-1, 0)), default=0.0)
    for step in places:
        earlier, before, after = (case.rate(step + shift) for shift in (-2, -1, 0))
        if abs(after - before) > max(JUMP * highest, 3 * abs(before - earlier)):
            message = f"the rate jumps from {before:.3g} to {after:.3g} at step {step}, where a stage begins"
            yield case.finding(JUMPS, message, remedy="let each stage begin at the rate at which the last one ends")


def _filled(case: Case, trained: int) -> Mapping[str, object]:
    """A stable phase that fills what is left of the run."""
    decay = case.keywords.get("num_decay_steps")
    if case.kind != "warmup_stable_decay" or case.plan is None or not isinstance(decay, int):
        return {}
    stable = trained - case.plan.warmup_steps - decay
    return {f"{KWARGS}.num_stable_steps": stable} if stable >= 0 else {}


CHECKS = (shape, ends, jumps)
