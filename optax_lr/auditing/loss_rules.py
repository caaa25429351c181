"""The findings in losses and rates: every rule and every threshold of `patterns`."""

from __future__ import annotations

from optax_lr.findings import Rule

DIVERGES = Rule.of(
    "LR301 error: learning rate too high: the loss diverges",
    "The loss rises by at least half of its lowest level, far beyond its noise, and stays high for a tenth of the rows. "
    "If it falls again when the rate falls, what the model had learned before is lost. A rise is not reported if the loss "
    "later falls far below its lowest level at equally high rates, as after the first steps of a pre-training. The remedy "
    "is a tenth of the highest rate so far. Data that become harder during the run have the same effect.",
)
NOT_A_NUMBER = Rule.of(
    "LR302 error: the loss is not a number",
    "The loss is NaN or infinite. If earlier losses are numbers, the likely cause is the rate; if the first row is NaN "
    "already, it is the data or the number format.",
)
OSCILLATES = Rule.of(
    "LR303 warning: learning rate too high: the loss oscillates",
    "From row to row the loss changes at least three times as much at high rates as at low rates; noise of the data would "
    "not change. At a constant rate the two kinds of noise cannot be distinguished, and nothing is reported.",
)
SLOW = Rule.of(
    "LR304 warning: learning rate too low: the loss falls slowly",
    "Until the end the loss falls in proportion to the summed rate, and so does the evaluation loss if it is logged: the "
    "run is still in its first phase. At a sufficient rate the loss falls fast and then slowly. If only the training loss "
    "falls, the model memorises the data.",
)
JUMPS = Rule.of(
    "LR305 note: the learning rate jumps",
    "From one row to the next the rate rises after a fall, or drops suddenly. Restarts and stages do this on purpose; in "
    "a run that was resumed with another length it is a mistake.",
)
DEAD = Rule.of(
    "LR306 error: dead run: nothing is learned",
    "Every loss is NaN or exactly 0.0, and no gradient norm is a number. In fp16 the scaler then skips every update, and "
    "the rate stays at its first value; in other formats the weights are NaN from the first update on.",
)
HIDDEN = Rule.of(
    "LR307 error: a loss of exactly 0.0 hides NaN",
    "transformers' Trainer leaves NaN out of the logged mean by default (`logging_nan_inf_filter`); if every loss since "
    "the last row was NaN, it logs 0.0. A gradient norm of NaN in the same row proves this. If no gradient norm is "
    "logged, the evidence is a loss of at least 0.5 that is followed by 0.0 in all later rows. Any other 0.0 may be a "
    "rounded loss.",
)
OVERFITS = Rule.of(
    "LR308 warning: overfitting: the evaluation loss rises",
    "The evaluation loss is a tenth above its lowest value while the training loss still falls: longer training makes the "
    "model worse on data that it has not seen.",
)
FLAT = Rule.of(
    "LR309 warning: the loss does not fall",
    "The last loss is within 2.5% of the first, or higher. Rates that are too low and too high give the same loss here, "
    "so try both; if the loss rises, the rate is too high.",
)
WHOLE_RUN = (SLOW, FLAT)  # only for runs whose end is near, which is assumed for a log without `max_steps`

# `python -m benchmarks.patterns FOLDER` prints how often each rule fires on real logs and on every beginning of them, and how
# often it would with each threshold halved and doubled.
BLOCKS = 240  # longer logs are reduced to the medians of this many blocks, which bounds the time
FEWEST = 6  # rows before a shape is reported
ENOUGH = 30  # rows before a trend, or the lack of one, is reported
LEAST_LOSS = (
    0.01  # a loss that starts below it is a policy's (GRPO's starts at 0 and rises), or has nothing left to learn
)
HIDDEN_BELOW = 0.5  # a loss above it does not come below 0.00005, which is written as 0.0, from one row to the next
LARGEST = 1e100  # in numbers; larger ones are taken as this
CERTAIN = 6.0  # standard errors
MOST_RISES = 3  # that are reported
RISE = 0.5  # of the lowest level, and of what was gained before
BEYOND_NOISE = 100.0  # times a level: no noise does that, however much the rows differ
SWING = 0.02  # of the loss, from row to row: the least that is called a swing
SWINGS = 3.0  # times the swing at a low rate
BENDS = 20  # three rows in a line, each at a high and at a low rate, before their swings are compared
# A fall in proportion to the summed rate has a quarter of itself in the first quarter, and half in the second half.
QUARTER = HALF = 0.1  # how far the share may lie from that
SLOW_FALL = 0.5  # of the start: a slow fall stays below it
FLAT_FALL = 0.025  # of the start: less is no fall
EVAL_SHARE = 0.5  # of the fall of the training loss: where the evaluation loss falls by less, data are learned by heart
EVAL_RISE = 0.1  # of the lowest evaluation loss, for the last two evaluations
JUMP_UP, JUMP_DOWN = 0.1, 0.3  # of the peak from one row to the next
ALONE = 5.0  # times the changes of the rate before and after a jump
