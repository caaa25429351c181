"""Checks of the curve: its cycles, its floor, and where it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from optax_lr.findings import Edit, Finding, Rule
from optax_lr.linting.case import Case
from optax_lr.linting.edits import scalar
from optax_lr.schedules import WarmupStableDecay
from optax_lr.schedules.compositions import Stages

NO_RESTART = Rule(
    "LR141",
    "restarts without a restart",
    "warning",
    "`cosine_with_restarts` with `num_cycles` 1, its default, is the plain cosine to the last bit.",
)
WAVES = Rule(
    "LR142",
    "a cosine that does not end at its floor",
    "warning",
    "On `cosine`, `num_cycles` counts whole waves: 0.5 falls once, 1 falls and comes back to the peak. Restarts are "
    "`cosine_with_restarts`.",
)
HIGH_FLOOR = Rule(
    "LR143",
    "a floor near the peak",
    "warning",
    "A floor of half the peak or more leaves a schedule that is nearly constant.",
)
WRONG_FLOOR = Rule(
    "LR144",
    "a floor above the peak",
    "error",
    "transformers takes it as it is: the rate rises to a floor above the peak. A floor below 0 is refused (LR110).",
)
ENDS_EARLY = Rule(
    "LR145",
    "a schedule that ends before the training",
    "warning",
    "The rest of the run stays at the floor, often 0. LLaMA-Factory fills in a third of the run as the stable phase of "
    "`warmup_stable_decay`, whatever `num_decay_steps` says.",
)
ENDS_LATE = Rule(
    "LR146",
    "training that ends before the schedule",
    "warning",
    "The decay is cut off, and the last updates are large.",
)
LOOKS_ABSOLUTE = Rule(
    "LR140",
    "a share of the peak that looks like a rate",
    "warning",
    "`min_lr_rate` and `min_lr_ratio` are multiplied by the peak; `min_lr` is a rate.",
)
FLAT_POWER = Rule(
    "LR149",
    "a polynomial without a decay",
    "warning",
    "With a power near 0 the rate stays at the peak and falls at the very end.",
)
NO_ROOM = Rule(
    "LR147",
    "phases longer than the run",
    "error",
    "Warmup and decay do not fit: the decay begins partly done, and the rate jumps.",
)
RISES = Rule(
    "LR148",
    "a rate that rises after the end",
    "error",
    "A cosine of transformers continues as a wave past `max_steps`: the rate rises to the peak again.",
)
JUMPS = Rule(
    "LR150",
    "a jump between two stages",
    "warning",
    "Each stage counts from its own step 0, and one that begins at another rate than the last one ended at makes a jump: a "
    "warmup to another peak, or a decay that is cut off.",
)
JUMP = 0.15  # of the highest rate at a boundary
LOOKS_LIKE_A_RATE = 1e-3  # a share of the peak this small is a floor of nothing
NEAR = 0.5  # of the peak: a floor this high leaves little of a schedule


def shape(case: Case) -> Iterator[Finding]:
    """Cycles and floors."""
    cycles, place, given = case.cycles, "lr_scheduler_kwargs.num_cycles", "num_cycles" in case.keywords
    of_card = case.config is not None and case.config.form == "card"  # which does not list the keywords
    if case.kind == "cosine_with_restarts" and (cycles == 1 or not given) and not of_card:
        edits = case.keyword_edits(num_cycles=2)
        message = "cosine_with_restarts with num_cycles 1 never restarts: it is the plain cosine"
        key = place if given else "lr_scheduler_type"
        yield case.finding(
            NO_RESTART, message, "set lr_scheduler_kwargs.num_cycles: 2, or lr_scheduler_type: cosine", key, edits
        )
    if case.kind in ("cosine", "cosine_with_min_lr") and cycles is not None and cycles % 1 != 0.5:
        yield _waves(case, cycles, place)
    power = case.keywords.get("power")
    if case.kind == "polynomial" and isinstance(power, (int, float)) and 0 <= power < 0.1:
        message = f"power {power:g} keeps the rate near the peak until the last steps"
        yield case.finding(FLAT_POWER, message, "set it to 1, its default", "lr_scheduler_kwargs.power")
    yield from _floor(case)


def _waves(case: Case, cycles: float, place: str) -> Finding:
    top = (1 + math.cos(2 * math.pi * cycles)) / 2
    edits: tuple[Edit, ...] = case.keyword_edits(without=("num_cycles",))
    remedy = "take it out: 0.5 is its default"
    if cycles % 1 == 0 and cycles > 1 and case.kind == "cosine":
        remedy = f"set lr_scheduler_type: cosine_with_restarts for {cycles:g} cycles, or take it out"
        edits = (case.edit("lr_scheduler_type", "cosine_with_restarts"),)
    message = f"num_cycles {cycles:g} on {case.kind} ends at {top:.0%} of the way from the floor to the peak"
    return case.finding(WAVES, message, remedy, place, edits)


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
        set_to: dict[str, Any] = {name: tenth}
        place, edits = f"lr_scheduler_kwargs.{name}", case.keyword_edits(**set_to)
        remedy = f"set {place}: {scalar(tenth)}, a tenth of the peak"
        if floor > peak:
            what = f"above the peak of {peak:g}: the rate rises to it"
            yield case.finding(WRONG_FLOOR, f"{name} {value:g} is {what}", remedy, place, edits)
        elif share and 0 < value < LOOKS_LIKE_A_RATE:
            remedy = f"if it is the floor itself, write lr_scheduler_kwargs.min_lr: {scalar(value)}"
            yield case.finding(
                LOOKS_ABSOLUTE, f"{name} {value:g} is a share of the peak: the floor is {floor:.3g}", remedy, place
            )
        elif floor >= NEAR * peak:
            message = f"{name} {value:g} is {floor / peak:.3g} of the peak of {peak:g}: the schedule is nearly constant"
            yield case.finding(HIGH_FLOOR, message, remedy, place, edits)


def ends(case: Case) -> Iterator[Finding]:
    """The end of the schedule against the end of the training."""
    plan = case.plan
    if plan is None:
        return
    trained = case.train_steps or plan.max_steps
    end = plan.schedule.end
    if end is None or trained <= 1:
        return
    end, key = int(end), "lr_scheduler_kwargs" if case.keywords else "lr_scheduler_type"
    schedule = plan.schedule
    if isinstance(schedule, WarmupStableDecay):
        stable = (
            schedule.stable_steps
            if schedule.stable_steps is not None
            else end - schedule.warmup_steps - schedule.decay_steps
        )
        if stable < 0 and plan.warmup_steps < plan.max_steps:
            before, after = case.rate(int(schedule.warmup_steps) - 1), case.rate(int(schedule.warmup_steps))
            message = (
                f"warmup {schedule.warmup_steps} and decay {schedule.decay_steps} do not fit in {plan.max_steps} steps: the "
                f"decay begins partly done, {before:.3g} and then {after:.3g}, and the peak is never reached"
            )
            room = max(1, plan.max_steps - plan.warmup_steps)
            edits = case.keyword_edits(num_decay_steps=room)
            yield case.finding(NO_ROOM, message, f"set num_decay_steps: {room} or less", key, edits)
            return
    last, peak = case.rate(trained - 1), max(case.rate(plan.warmup_steps), 1e-300)
    if trained > end + 1:  # the floor at the last update is what many trainers mean
        after = max(case.rate(step) for step in (end + (trained - end) // 2, trained - 1, min(2 * end, trained - 1)))
        if after > case.rate(end) + 1e-3 * peak:
            message = f"the schedule ends at step {end}, training at {trained}: the rate rises again, to {after:.3g}"
            yield case.finding(
                RISES, message, f"set max_steps: {trained}, or hold the rate with HoldAfter", "max_steps"
            )
        else:
            message = f"the schedule ends at step {end} of {trained}: the other {trained - end} have rate {last:.3g}"
            yield case.finding(ENDS_EARLY, message, f"make it last {trained} steps", key, _wsd_edits(case, trained))
    elif trained < end and last > case.rate(end) + 0.01 * peak:
        message = (
            f"training ends at step {trained}, the schedule at {end}: the last rate is {last:.3g}, {last / peak:.0%} of the "
            "peak"
        )
        yield case.finding(
            ENDS_LATE, message, f"make the schedule last {trained} steps", key, _wsd_edits(case, trained)
        )


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
            yield case.finding(JUMPS, message, "let each stage begin at the rate at which the last one ends")


def _wsd_edits(case: Case, trained: int) -> tuple[Edit, ...]:
    """A stable phase that fills what is left of the run."""
    decay = case.keywords.get("num_decay_steps")
    if case.kind != "warmup_stable_decay" or case.plan is None or not isinstance(decay, int):
        return ()
    stable = trained - case.plan.warmup_steps - decay
    return case.keyword_edits(num_stable_steps=stable) if stable >= 0 else ()


CHECKS = (shape, ends, jumps)
