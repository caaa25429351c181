"""A wrong and a right example for each rule. docs/findings_page.py runs them and writes their findings into the rule's page."""

from __future__ import annotations

from typing import NamedTuple

BASE = """\
stage: sft
finetuning_type: lora
learning_rate: 1.0e-4
lr_scheduler_type: cosine
max_steps: 600
warmup_steps: 60
"""
STAGES = """\
import optax

warmup = optax.linear_schedule(0.0, 3e-4, transition_steps=100)
decay = optax.cosine_decay_schedule(PEAK, decay_steps=900)
schedule = optax.join_schedules([warmup, decay], boundaries=[100])
"""
PLATEAU = """\
stage: sft
finetuning_type: lora
learning_rate: 1.0e-4
lr_scheduler_type: reduce_lr_on_plateau
eval_strategy: steps
eval_steps: 50
max_steps: 2000
"""
WSD = """\
stage: sft
finetuning_type: lora
learning_rate: 1.0e-4
lr_scheduler_type: warmup_stable_decay
max_steps: 1000
warmup_steps: 100
"""
TRANSFORMERS = """\
use_peft: true
learning_rate: 1.0e-4
lr_scheduler_type: cosine
max_steps: 600
"""
AXOLOTL = """\
adapter: lora
learning_rate: 1.0e-4
lr_scheduler: linear
micro_batch_size: 1
gradient_accumulation_steps: 1
max_steps: 600
warmup_steps: 60
"""
SHELL = """\
llamafactory-cli train --stage sft --finetuning_type lora \\
    --learning_rate 1e-4 --lr_scheduler_type cosine \\
    --max_steps 600 \\{comment}
    --warmup_steps 60
"""


class Example(NamedTuple):
    """Two configs, and the options of `lint` for them."""

    wrong: str
    right: str
    options: dict[str, int] = {}  # noqa: RUF012 - never mutated
    suffix: str = ".yaml"


def changed(base: str, wrong: str, right: str = "", **options: int) -> Example:
    """Replace or append lines of `base`, by key, for the wrong and the right config; a line `key:` removes the key."""
    return Example(_merged(base, wrong), _merged(base, right), options)


def _merged(base: str, more: str) -> str:
    lines = {line.partition(":")[0]: line for line in base.splitlines()}
    key = ""
    for line in more.splitlines():
        if line.startswith(" "):
            lines[key] += "\n" + line
            continue
        key, _, value = line.partition(":")
        lines[key] = line
        if not value.strip() and f"{key}:\n " not in more:
            del lines[key]
    return "\n".join(lines.values()) + "\n"


KWARGS = "lr_scheduler_kwargs:\n  "
CONFIGS = {
    "LR101": Example("learning_rate: 1.0e-4\noptimizer: adamw\nepochs: 3\n", BASE),
    "LR102": Example(
        SHELL.format(comment="  # 10 %"), SHELL.format(comment=""), options={"world_size": 1}, suffix=".sh"
    ),
    "LR103": changed(BASE, "learning_rate:", "", world_size=1),
    "LR104": changed(TRANSFORMERS, "my_prompt: You are helpful."),
    "LR105": changed(BASE, "stage: pt"),
    "LR110": changed(BASE, "lr_scheduler_type: cosin"),
    "LR111": changed(
        BASE,
        "lr_scheduler_type: cosine_with_restarts\nnum_cycles: 3",
        "lr_scheduler_type: cosine_with_restarts\n" + KWARGS + "num_cycles: 3",
    ),
    "LR112": changed(
        BASE,
        KWARGS + "eta_min: 1.0e-6",
        "lr_scheduler_type: cosine_with_min_lr\n" + KWARGS + "min_lr: 1.0e-6",
    ),
    "LR113": changed(BASE, "num_train_epochs: 3"),
    "LR114": changed(BASE, "lr_scheduler_type: constant", "lr_scheduler_type: constant_with_warmup"),
    "LR115": changed(BASE, "warmup_steps: 5\nwarmup_ratio: 0.1"),
    "LR116": changed(TRANSFORMERS, "warmup_ratio: 0.1", "warmup_steps: 0.1"),
    "LR117": changed(
        BASE,
        "deepspeed:\n  scheduler:\n    type: WarmupLR\n    params:\n      warmup_max_lr: auto\n      warmup_num_steps: auto",
        "deepspeed:\n  zero_optimization:\n    stage: 2",
    ),
    "LR118": changed(TRANSFORMERS, "learning_rate: 1e-4"),
    "LR119": changed(BASE, "eval_strategy: no", 'eval_strategy: "no"'),
    "LR121": changed(BASE, "learning_rate: 1.0e-3"),
    "LR122": changed(
        BASE,
        "finetuning_type: full\nlearning_rate: 2.0e-4",
        "finetuning_type: full\nlearning_rate: 1.0e-5",
    ),
    "LR123": changed(
        BASE,
        "lr_scheduler_type: cosine_with_restarts\nmax_steps: 100\nwarmup_steps: 0\n" + KWARGS + "num_cycles: 2",
        "lr_scheduler_type: linear\nmax_steps: 100\nwarmup_steps: 0",
    ),
    "LR131": changed(BASE, "warmup_steps: 700"),
    "LR132": changed(BASE, "warmup_steps: 500"),
    "LR133": changed(BASE, "warmup_steps: 180"),
    "LR134": changed(BASE, "max_steps: 30\nwarmup_steps: 3", "max_steps: 30\nwarmup_steps: 0"),
    "LR135": changed(BASE, "max_steps: 1\nwarmup_steps:\nwarmup_ratio: 0.1"),
    "LR136": changed(BASE, "max_steps: 0\nwarmup_steps: 0"),
    "LR140": changed(
        BASE,
        "lr_scheduler_type: cosine_with_min_lr\n" + KWARGS + "min_lr_rate: 8.0e-6",
        "lr_scheduler_type: cosine_with_min_lr\n" + KWARGS + "min_lr: 8.0e-6",
    ),
    "LR141": changed(
        BASE,
        "lr_scheduler_type: cosine_with_restarts",
        "lr_scheduler_type: cosine_with_restarts\n" + KWARGS + "num_cycles: 3",
    ),
    "LR142": changed(
        BASE,
        KWARGS + "num_cycles: 3",
        "lr_scheduler_type: cosine_with_restarts\n" + KWARGS + "num_cycles: 3",
    ),
    "LR143": changed(
        BASE,
        "lr_scheduler_type: cosine_with_min_lr\n" + KWARGS + "min_lr: 9.0e-5",
        "lr_scheduler_type: cosine_with_min_lr\n" + KWARGS + "min_lr: 1.0e-5",
    ),
    "LR144": changed(
        BASE,
        "lr_scheduler_type: cosine_with_min_lr\n" + KWARGS + "min_lr_rate: 10",
        "lr_scheduler_type: cosine_with_min_lr\n" + KWARGS + "min_lr_rate: 0.1",
    ),
    "LR145": changed(
        WSD,
        KWARGS + "num_decay_steps: 100",
        KWARGS + "num_stable_steps: 800\n  num_decay_steps: 100",
    ),
    "LR146": changed(
        WSD,
        KWARGS + "num_stable_steps: 900\n  num_decay_steps: 300",
        KWARGS + "num_stable_steps: 600\n  num_decay_steps: 300",
    ),
    "LR147": changed(
        TRANSFORMERS,
        "lr_scheduler_type: warmup_stable_decay\nwarmup_steps: 100\n" + KWARGS + "num_decay_steps: 550",
        "lr_scheduler_type: warmup_stable_decay\nwarmup_steps: 50\n" + KWARGS + "num_decay_steps: 550",
    ),
    "LR148": Example(BASE, _merged(BASE, "max_steps: 900"), {"train_steps": 900}),
    "LR149": changed(
        BASE,
        "lr_scheduler_type: polynomial\n" + KWARGS + "power: 0.01",
        "lr_scheduler_type: polynomial\n" + KWARGS + "power: 1.0",
    ),
    "LR150": Example(
        STAGES.replace("PEAK", "1e-3"),
        STAGES.replace("PEAK", "3e-4"),
        suffix=".py",
    ),
    "LR151": changed(PLATEAU, 'eval_strategy: "no"'),
    "LR152": changed(PLATEAU, KWARGS + "patience: 200", KWARGS + "patience: 5"),
    "LR153": changed(
        PLATEAU,
        "metric_for_best_model: f1",
        "metric_for_best_model: f1\n" + KWARGS + "mode: max",
    ),
    "LR154": changed(
        PLATEAU,
        "lr_scheduler_type: greedy",
        "lr_scheduler_type: greedy\n" + KWARGS + "min_lr: 1.0e-6",
    ),
    "LR155": changed(
        BASE,
        "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 30\nsave_steps: 100",
        "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 50\nsave_steps: 100",
    ),
    "LR156": changed(PLATEAU, "warmup_steps: 50"),
    "LR161": changed(
        BASE,
        "finetuning_type: full\nlearning_rate: 1.0e-5\nuse_galore: true\ngalore_layerwise: true",
        "finetuning_type: full\nlearning_rate: 1.0e-5\nuse_galore: true",
    ),
    "LR198": changed(BASE, "max_steps:"),
}

PLAN = """\
plan = olr.Cosine(2e-5, max_steps=1000, warmup_steps=100)
step = np.arange(10, 1001, 10)
"""
AS_PLANNED = PLAN + 'findings = olr.audit({"step": step, "learning_rate": plan(step)}, plan).findings\n'


def rates(lines: str, plan: str = PLAN) -> str:
    """A program from lines that create `rate`: an audit of these rates with the plan."""
    return plan + lines + '\nfindings = olr.audit({"step": step, "learning_rate": rate}, plan).findings\n'


def unplanned(lines: str, more: str = "") -> str:
    """A program from lines that create 30 rows of `rate`: an audit of these rates without a plan."""
    columns = '"step": step, "learning_rate": rate' + more
    return f"step = np.arange(10, 301, 10)\n{lines}\nfindings = olr.audit({{{columns}}}).findings\n"


def constant(columns: str) -> str:
    """A program that audits a short log with a constant rate as its plan."""
    return f"log = {{{columns}}}\nfindings = olr.audit(log, olr.Constant(1e-5)).findings\n"


LOSS = """\
step = np.arange(10, 1001, 10)
noise = np.random.default_rng(0).normal(size=100)
rate = np.array(olr.Cosine(1e-3, max_steps=1000, warmup_steps=100)(step))
"""
HEALTHY = "loss = 0.5 + 2 * np.exp(-step / 100) + 0.02 * noise"
RESTARTS = "rate = olr.CosineWithRestarts(1e-3, max_steps=1000, num_cycles=2)(step)\n" + HEALTHY


def losses(lines: str, more: str = "", planned: str = "") -> str:
    """A program from lines that create `loss`: the patterns of a log with these losses."""
    columns = '"step": step, "learning_rate": rate, "loss": loss' + more
    return LOSS + lines + f"\nlog = olr.read_log({{{columns}}})\nfindings = olr.patterns(log{planned})\n"


LOGS = {
    "LR201": (rates("rate = 1e-5 * (1.2 + np.sin(step / 70))"), AS_PLANNED),
    "LR202": (rates("rate = olr.Linear(2e-5, max_steps=1000, warmup_steps=100)(step)"), AS_PLANNED),
    "LR203": (rates("rate = plan.replace(warmup_steps=30)(step)"), AS_PLANNED),
    "LR204": (rates("rate = plan.replace(max_steps=1250)(step)"), AS_PLANNED),
    "LR205": (rates("rate = 4 * plan(step)"), AS_PLANNED),
    "LR206": (rates("rate = plan(step - 1 - 2 * (step > 205))"), AS_PLANNED),
    "LR207": (
        rates("rate = np.full(100, 2e-5)", PLAN.replace(", warmup_steps=100", "")),
        rates("rate = plan(step)", PLAN.replace(", warmup_steps=100", "")),
    ),
    "LR208": (
        rates("rate = np.where(step <= 500, plan(step), plan.replace(max_steps=1200)(step))"),
        AS_PLANNED,
    ),
    "LR209": (rates("rate = np.array(plan(step))\nrate[41] *= 1.00001"), AS_PLANNED),
    "LR210": (
        unplanned("rate = 1e-5 * (1.2 + np.sin(step / 70))"),
        unplanned("rate = olr.Cosine(1e-5, max_steps=300, warmup_steps=30)(step)", ', "max_steps": 300'),
    ),
    "LR211": (
        constant('"step": [10, 20], "loss": [2.0, 1.5]'),
        constant('"step": [10, 20], "loss": [2.0, 1.5], "learning_rate": [1e-5, 1e-5]'),
    ),
    "LR212": (
        unplanned("rate = 2e-5 * (1 - step / 1000)", ', "max_steps": 1000'),
        rates(
            "rate = 2e-5 * (1 - step / 1000)",
            "step = np.arange(10, 301, 10)\nplan = olr.Linear(2e-5, max_steps=1000)\n",
        ),
    ),
    "LR213": (
        constant('"step": [1, 2, 3, 3], "learning_rate": [1e-5, 1e-5, 2e-5, 1e-5]'),
        constant('"step": [1, 2, 3, 4], "learning_rate": [1e-5, 1e-5, 1e-5, 1e-5]'),
    ),
    "LR301": (losses(HEALTHY + "\nloss[30:] += np.linspace(2, 9, 70)"), losses(HEALTHY)),
    "LR302": (losses(HEALTHY + "\nloss[60:] = np.nan"), losses(HEALTHY)),
    "LR303": (losses("loss = 0.5 + 2 * np.exp(-step / 100) + 300 * rate * noise"), losses(HEALTHY)),
    "LR304": (losses("loss = 2.5 - 0.8 * np.cumsum(rate) / np.sum(rate) + 0.005 * noise"), losses(HEALTHY)),
    "LR305": (losses(RESTARTS), losses(RESTARTS, planned=", planned=rate")),
    "LR306": (
        losses("loss = np.zeros(100)", ', "grad_norm": np.full(100, np.nan)'),
        losses(HEALTHY, ', "grad_norm": np.full(100, 1.5)'),
    ),
    "LR307": (losses(HEALTHY + "\nloss[60:] = 0.0"), losses(HEALTHY)),
    "LR308": (
        losses(
            "loss = 2 * np.exp(-step / 100) + 0.01\nevaluation = np.where(step % 100 == 0, 0.3 + (step - 200) ** 2 / 2e6, np.nan)",
            ', "eval_loss": evaluation',
        ),
        losses(
            "loss = 2 * np.exp(-step / 100) + 0.01\nevaluation = np.where(step % 100 == 0, 0.3 + np.exp(-step / 200), np.nan)",
            ', "eval_loss": evaluation',
        ),
    ),
    "LR309": (losses("loss = 4.775 + 0.008 * noise"), losses(HEALTHY)),
}
ALSO = {"LR201": {"LR210"}, "LR208": {"LR305"}, "LR213": {"LR209"}}  # codes that the same rows also cause
NONE = {"LR199": "It names a mistake of the linter itself, so no config shows it. Please report it with the config."}
