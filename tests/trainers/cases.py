"""One table of the trainers: a small config of each, and the rates that its own code gave.

A new trainer joins the laws by one line in `CASES`: it is recognised, refuses the keys of others, and has the length and
the rates of the real run. A name begins with the trainer's in `TRAINERS`, and holds the commit of the code that ran; the rates of
transformers, torch and Optax are computed by the installed ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optax
import torch
import transformers

import optax_lr as olr


class Case(NamedTuple):
    """A config, as a mapping, as the words of a command, or as the text of a file of Python, and what it gives.

    Fields:
        source: the config.
        options: those of `plan`.
        rates: the learning rate at some steps, or a function that runs the real scheduler and returns those of all steps.
        max_steps: the optimizer steps of the run; None if the source does not determine them.
    """

    source: Any
    options: dict[str, Any]
    rates: dict[int, float] | Callable[[], list[float]]
    max_steps: int | None = 1000


def stepped(make: Callable[[torch.optim.Optimizer], Any], peak: float, steps: int) -> list[float]:
    """The rates of a scheduler of torch or transformers before each update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ran(kind: str, peak: float, warmup: int, steps: int, every: int = 1) -> Callable[[], list[float]]:
    """A scheduler of transformers for `steps` updates; `every` is how often it is stepped in an update."""

    def rates() -> list[float]:
        make = transformers.get_scheduler
        return stepped(lambda optimizer: make(kind, optimizer, warmup, steps * every), peak, steps * every)[::every]

    return rates


MAXTEXT = {
    "base_config": "base.yml",
    "learning_rate": 3e-5,
    "warmup_steps_fraction": 0.1,
    "learning_rate_final_fraction": 0.1,
}
LEVANTER = {"model": {"type": "gpt2"}, "trainer": {"mp": "p=f32", "num_train_steps": 1000}}
MEGATRON = [
    *(
        "torchrun",
        "--nproc_per_node",
        "8",
        "pretrain_gpt.py",
        "--tensor-model-parallel-size",
        "2",
        "--lr",
        "1e-4",
        "--min-lr",
    ),
    *("1e-5", "--train-iters", "1000", "--global-batch-size", "8"),
]
WSD = ["--lr-decay-style", "WSD", "--lr-warmup-iters", "100", "--lr-wsd-decay-iters", "200", "--lr-wsd-decay-style"]
TORCHTUNE = {
    "optimizer": {"_component_": "torch.optim.AdamW", "lr": 3e-4},
    "lr_scheduler": {
        "_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
        "num_warmup_steps": 100,
    },
    "epochs": 1,
    "batch_size": 2,
    "gradient_accumulation_steps": 8,
}
SWIFT = ["swift", "sft", "--model", "m", "--dataset", "d", "--tuner_type", "lora", "--warmup_ratio", "0.05"]
MEGATRON_SWIFT = ["megatron", "sft", "--model", "m", "--dataset", "d", "--tuner_type", "lora"]
ACTOR = "actor_rollout_ref.actor.optim."
VERL = [
    "python3",
    "-m",
    "verl.trainer.main_ppo",
    "data.train_batch_size=1024",
    "trainer.total_epochs=5",
    f"{ACTOR}lr=1e-6",
]
KOHYA = [
    "accelerate",
    "launch",
    "train_network.py",
    "--pretrained_model_name_or_path",
    "m",
    "--network_module",
    "networks.lora",
]
MLX = {"model": "m", "data": "d", "train": True, "adapter_path": "a", "iters": 1000, "steps_per_report": 10}
VERL_SFT = ["torchrun", "--nproc_per_node=8", "-m", "verl.trainer.sft_trainer", "model.path=m"]
OLDER_SFT = ["torchrun", "--nproc_per_node=8", "-m", "verl.trainer.fsdp_sft_trainer", "model.partial_pretrain=m"]
TORCHTITAN = {
    "job": {"description": "d"},
    "optimizer": {"lr": 8e-4},
    "training": {"steps": 1000, "local_batch_size": 8},
}
HF = {"learning_rate": 2e-4, "lr_scheduler_type": "cosine", "warmup_steps": 5, "max_steps": 50}
SCRIPT = """
import torch
from transformers import get_scheduler
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
scheduler = get_scheduler("cosine", optimizer=optimizer, num_warmup_steps=5, num_training_steps=50)
"""

CASES = {
    "hf": Case(HF, {}, ran("cosine", 2e-4, 5, 50), 50),
    "trl": Case(HF | {"dataset_name": "d"}, {}, ran("cosine", 2e-4, 5, 50), 50),
    "llamafactory": Case(HF | {"stage": "sft", "finetuning_type": "lora"}, {}, ran("cosine", 2e-4, 5, 50), 50),
    "llamafactory-ui": Case(
        {"train.learning_rate": "2e-4", "train.lr_scheduler_type": "cosine", "train.num_train_epochs": "1.0",
         "train.gradient_accumulation_steps": 8, "train.warmup_steps": 5}, {"num_examples": 800}, ran("cosine", 2e-4, 5, 50), 50),
    "open-instruct": Case(
        {"model_name_or_path": "m", "checkpointing_steps": "epoch", "learning_rate": 2e-4, "num_train_epochs": 1, "max_train_steps": 50,
         "lr_scheduler_type": "linear", "warmup_ratio": 0.1, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 4},
        {"num_examples": 1003, "world_size": 8}, ran("linear", 2e-4, 40, 50, every=8), 50),
    "diffusers 0.42.1": Case(
        ["accelerate", "launch", "examples/train_text_to_image.py", "--learning_rate=1e-4", "--lr_warmup_steps=50",
         "--lr_scheduler=cosine", "--max_train_steps=200"], {"world_size": 4},
        {0: 0, 49: 9.8e-5, 50: 1e-4, 51: 9.998903417374228e-05, 160: 1.6543469682057106e-05, 199: 1.096582625772502e-08}, 200),
    "axolotl 0.19.0": Case(
        {"base_model": "m", "micro_batch_size": 1, "gradient_accumulation_steps": 1, "learning_rate": 5e-5, "lr_scheduler": "rex",
         "warmup_steps": 100, "max_steps": 1000}, {},
        {0: 5e-07, 1: 1e-06, 50: 2.5500000000000003e-05, 99: 5e-05, 100: 4.9994438883327775e-05, 500: 4.628083843442775e-05,
         998: 5.500550055005501e-07}),
    "get_scheduler": Case(SCRIPT, {}, ran("cosine", 2e-4, 5, 50), 50),
    "optax": Case(
        "import optax\nopt = optax.adamw(optax.warmup_cosine_decay_schedule(0.0, 2e-4, 5, 50, 1e-5))\n", {},
        lambda: [float(optax.warmup_cosine_decay_schedule(0.0, 2e-4, 5, 50, 1e-5)(step)) for step in range(50)], 50),
    "torch": Case(
        "import torch\nopt = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "scheduler = torch.optim.lr_scheduler.StepLR(opt, step_size=3, gamma=0.5)\n", {"max_steps": 12},
        lambda: stepped(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5), 0.1, 12), None),
    "own": Case(
        "import torch\nopt = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "scheduler = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: 0.9 ** step)\n", {"max_steps": 12},
        lambda: stepped(lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step), 0.1, 12), None),
    "optimizer": Case(
        "import torch\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n", {"max_steps": 4},
        lambda: [torch.optim.SGD([torch.zeros(1)], lr=0.1).param_groups[0]["lr"]] * 4, None),
    "lightning": Case(
        "import pytorch_lightning as pl, torch\nclass Net(pl.LightningModule):\n    def configure_optimizers(self):\n"
        "        opt = torch.optim.SGD(self.parameters(), lr=0.1)\n        return [opt], [torch.optim.lr_scheduler.ExponentialLR(opt, 0.5)]\n"
        "pl.Trainer(max_epochs=4).fit(Net(), torch.utils.data.DataLoader(data, batch_size=8))\n", {"num_examples": 20},
        lambda: np.repeat(stepped(lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5), 0.1, 4), 3).tolist(), 12),
    "deepspeed 0.19.8": Case(
        {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 5e-5, "warmup_num_steps": 100, "warmup_type": "linear"}}},
        {"max_steps": 1000},
        {0: 0, 1: 0, 2: 5.000000000000001e-07, 50: 2.45e-05, 100: 4.9500000000000004e-05, 101: 5e-05, 999: 5e-05}, None),
    "maxtext e591f30c cosine": Case(
        MAXTEXT | {"steps": 1000, "learning_rate_schedule_steps": 1000}, {},
        {0: 0, 1: 3.0000046535860747e-07, 99: 2.9699998776777647e-05, 100: 2.9999999242136255e-05, 101: 2.9999917387613095e-05,
         550: 1.647641147428658e-05, 998: 3.000082188009401e-06, 999: 3.000000106112566e-06},
    ),
    "maxtext e591f30c beyond its schedule": Case(
        MAXTEXT | {"steps": 1200, "learning_rate_schedule_steps": 1000}, {},
        {100: 2.9999999242136255e-05, 999: 3.000000106112566e-06, 1000: 0, 1100: 0}, 1200,
    ),
    "maxtext e591f30c wsd linear": Case(
        MAXTEXT | {"steps": 1000, "lr_schedule_type": "wsd", "wsd_decay_steps_fraction": 0.1}, {},
        {0: 0, 99: 2.9699998776777647e-05, 100: 3e-5, 899: 3e-5, 900: 3e-5, 901: 2.972727088490501e-05, 998: 3.2727275538491085e-06,
         999: 3.000000106112566e-06},
    ),
    "maxtext e591f30c wsd cosine": Case(
        MAXTEXT | {"steps": 1000, "lr_schedule_type": "wsd", "wsd_decay_steps_fraction": 0.2, "wsd_decay_style": "cosine"}, {},
        {99: 2.9699998776777647e-05, 799: 3e-5, 800: 3e-5, 801: 2.9998316676937975e-05, 998: 3.0016824439371703e-06, 999: 3e-6},
    ),
    "levanter 9263f81e defaults": Case(
        LEVANTER, {},
        {0: 0, 1: 5.9999991208314896e-05, 9: 0.0005400000372901559, 10: 6e-4, 11: 0.0005999986897222698, 500: 0.0003342838026583195,
         999: 6.0001355450367555e-05, 1000: 6e-5},
    ),
    "levanter 9263f81e linear": Case(
        LEVANTER | {"optimizer": {"lr_schedule": "linear", "warmup": 100}}, {},
        {0: 0, 99: 0.0005940000410191715, 100: 6e-4, 101: 0.0005993999657221138, 550: 0.0003299999807495624, 999: 6.0599988501053303e-05},
    ),
    "levanter 9263f81e linear with a stable phase": Case(
        LEVANTER | {"optimizer": {"lr_schedule": "linear", "warmup": 100, "decay": 0.2, "min_lr_ratio": 0.0}}, {},
        {799: 6e-4, 801: 5.97e-4, 900: 3e-4, 999: 3e-6},
    ),
    "levanter 9263f81e constant": Case(LEVANTER | {"optimizer": {"lr_schedule": "constant", "warmup": 10}}, {}, {0: 0, 5: 3e-4, 10: 6e-4, 999: 6e-4}),
    "megatron d98e8a64 cosine": Case(
        [*MEGATRON, "--lr-decay-style", "cosine", "--lr-warmup-iters", "100"], {},
        {0: 0, 1: 1e-6, 50: 5e-5, 99: 9.9e-5, 100: 1e-4, 101: 9.999972584460057e-05, 550: 5.5e-5, 999: 1.0000274155399433e-05, 1000: 1e-5},
    ),
    "megatron d98e8a64 linear is its default": Case(
        [*MEGATRON, "--lr-warmup-iters", "100"], {}, {1: 1e-6, 100: 1e-4, 101: 9.99e-5, 550: 5.5e-5, 999: 1.01e-5, 1001: 1e-5, 1200: 1e-5},
    ),
    "megatron d98e8a64 held after its decay": Case(
        [*MEGATRON, "--lr-decay-style", "cosine", "--lr-warmup-iters", "100", "--lr-decay-iters", "1000", "--train-iters", "1300"], {},
        {550: 5.5e-5, 1000: 1e-5, 1001: 1e-5, 1200: 1e-5}, 1300,
    ),
    "megatron d98e8a64 inverse square root": Case(
        [*MEGATRON, "--lr-decay-style", "inverse-square-root", "--lr-warmup-iters", "100", "--lr-decay-iters", "1000", "--train-iters", "1300"], {},
        {50: 5e-5, 100: 1e-4, 101: 9.950371902099894e-05, 550: 4.264014327112209e-05, 1000: 3.1622776601683795e-05, 1001: 1e-5}, 1300,
    ),
    "megatron d98e8a64 wsd cosine": Case(
        [*MEGATRON, *WSD, "cosine"], {}, {0: 0, 99: 9.9e-5, 100: 1e-4, 800: 1e-4, 801: 9.999444846167473e-05, 900: 5.5e-5, 999: 1.0005551538325275e-05},
    ),
    "megatron d98e8a64 wsd linear": Case([*MEGATRON, *WSD, "linear"], {}, {99: 9.9e-5, 800: 1e-4, 801: 9.955e-5, 900: 5.5e-5, 999: 1.045e-5}),
    "megatron d98e8a64 wsd minus_sqrt": Case([*MEGATRON, *WSD, "minus_sqrt"], {}, {801: 9.36360389693211e-05, 900: 3.636038969321073e-05}),
    "megatron d98e8a64 wsd exponential is its default": Case(
        [*MEGATRON, *WSD[:-1]], {}, {0: 0, 100: 1e-4, 800: 1e-4, 801: 9.937724730901621e-05, 900: 4.7279220613578566e-05, 999: 1.0312457365855255e-05, 1001: 1e-5},
    ),
    "megatron d98e8a64 warmup from a rate": Case(
        [*MEGATRON, "--lr-decay-style", "cosine", "--lr-warmup-iters", "100", "--lr-warmup-init", "2e-5"], {},
        {0: 2e-5, 1: 2.08e-5, 50: 6e-5, 99: 9.92e-5, 100: 1e-4, 101: 9.999972584460057e-05, 550: 5.5e-5, 900: 1.2713832064634127e-05},
    ),
    "megatron d98e8a64 wsd after a warmup from a rate": Case(
        [*MEGATRON, *WSD, "exponential", "--lr-warmup-init", "2e-5"], {},
        {1: 2.08e-5, 99: 9.92e-5, 100: 1e-4, 550: 1e-4, 801: 9.937724730901621e-05, 900: 4.7279220613578566e-05, 1000: 1e-5, 1001: 1e-5},
    ),
    "megatron d98e8a64 without a warmup": Case(
        [*MEGATRON, "--lr-decay-style", "cosine"], {}, {0: 1e-4, 1: 9.999977793408364e-05, 500: 5.5e-5, 999: 1.0000222065916382e-05},
    ),
    "megatron d98e8a64 a warmup and a decay between two iterations": Case(
        [*MEGATRON[:-4], "--train-samples", "20490", "--global-batch-size", "128", "--lr-decay-style", "cosine", "--lr-warmup-samples", "3905",
         "--lr-decay-samples", "19492"], {},
        {0: 0, 15: 4.9167733674775926e-05, 30: 9.833546734955185e-05, 31: 9.999637229088398e-05, 32: 9.996665963945627e-05,
         100: 4.50914325977702e-05, 152: 1.0001184568797633e-05, 153: 1e-5, 159: 1e-5}, 160,
    ),
    "megatron d98e8a64 a decay in minus_sqrt between two iterations": Case(
        [*MEGATRON[:-4], "--train-samples", "9550", "--global-batch-size", "100", *WSD[:2], "--lr-warmup-samples", "250", "--lr-decay-samples", "9050",
         "--lr-wsd-decay-samples", "1730", "--lr-wsd-decay-style", "minus_sqrt"], {},
        {1: 4e-05, 2: 8e-05, 3: 0.0001, 73: 0.0001, 74: 8.064628009946307e-05, 90: 1.1310113576816302e-05, 91: 1e-05}, 95,
    ),
    "megatron d98e8a64 a part of a run as warmup from a rate": Case(
        [*MEGATRON, "--train-iters", "90", "--lr-decay-style", "cosine", "--lr-warmup-fraction", "0.05", "--lr-warmup-init", "1e-6"], {},
        {0: 1e-6, 1: 2.3e-5, 4: 8.9e-5, 5: 9.999240587349952e-05, 6: 9.993166823949923e-05, 89: 1.0030373942857137e-05}, 90,
    ),
    "megatron-swift 3602360a a fraction of the epochs as warmup": Case(
        [*MEGATRON_SWIFT, "--tensor_model_parallel_size", "2", "--pipeline_model_parallel_size", "2", "--lr", "1e-4", "--min_lr", "1e-5",
         "--lr_warmup_fraction", "0.05", "--num_train_epochs", "3", "--split_dataset_ratio", "0.01"], {"num_examples": 10_000, "world_size": 8},
        {0: 0, 1: 1.0775862068965516e-06, 50: 5.387931034482758e-05, 92: 9.913793103448274e-05, 93: 9.999999714281018e-05,
         94: 9.999989714120416e-05, 900: 6.094786404402525e-05, 1854: 1.0000285718683853e-05}, 1856,
    ),
    "megatron-swift 3602360a completions of each prompt": Case(
        {"rlhf_type": "grpo", "model": "m", "dataset": "d", "tensor_model_parallel_size": 4, "lr": 5e-6, "lr_decay_style": "linear",
         "lr_warmup_iters": 5, "num_train_epochs": 1, "num_generations": 4, "steps_per_generation": 2, "global_batch_size": 32,
         "micro_batch_size": 4}, {"num_examples": 1001, "world_size": 8},
        {0: 0, 1: 1e-6, 4: 4e-6, 5: 5e-6, 10: 4.791666666666668e-06, 60: 2.708333333333334e-06, 124: 4.1666666666666524e-08}, 125,
    ),
    "megatron-swift 3602360a wsd after a warmup from a rate": Case(
        [*MEGATRON_SWIFT, "--train_iters", "100", "--lr_decay_style", "WSD", "--lr_wsd_decay_iters", "20", "--lr_wsd_decay_style", "cosine",
         "--lr_warmup_fraction", "0.1", "--lr_decay_iters", "80", "--lr_warmup_init", "1e-7", "--min_lr", "1e-6"], {},
        {0: 1e-07, 3: 3.7562500000000005e-05, 8: 1e-4, 59: 1e-4, 79: 1.6094271405406859e-06, 80: 1e-06, 99: 1e-06}, 100,
    ),
    "megatron-swift 3602360a its defaults in Python": Case(
        "from swift.megatron import MegatronSftArguments, megatron_sft_main\n"
        "megatron_sft_main(MegatronSftArguments(model='m', dataset=['d'], train_iters=100, tensor_model_parallel_size=2))\n", {},
        {0: 1e-05, 3: 9.9778098230154e-06, 10: 9.755282581475769e-06, 50: 5e-06, 99: 2.4671981713420003e-09}, 100,
    ),
    "torchtune bd2a0fc7": Case(
        TORCHTUNE, {"num_examples": 16_015},  # 8,007 batches without the last short one, 1,000 groups of 8
        {0: 0, 1: 3e-6, 99: 2.97e-4, 100: 3e-4, 101: 0.0002999990861486685, 550: 1.5e-4, 999: 9.138513314410623e-10},
    ),
    "torchtune bd2a0fc7 shorter than its warmup": Case(
        TORCHTUNE | {"max_steps_per_epoch": 60}, {"num_examples": 16_015}, {0: 0, 30: 9e-5, 59: 1.77e-4}, 60,
    ),
    "swift 3602360a": Case(
        SWIFT, {"num_examples": 8000, "world_size": 4},
        {0: 0, 1: 1.3333333333333334e-06, 74: 9.866666666666668e-05, 75: 1e-4, 76: 9.999987849060753e-05, 750: 5.4128967273616625e-05,
         1499: 1.2150939247002058e-10}, 1500,
    ),
    "swift 3602360a GRPO with the sampler of TRL": Case(  # that of trl f2cd577, run with these numbers
        ["swift", "rlhf", "--rlhf_type", "grpo", "--model", "m", "--dataset", "d", "--learning_rate", "1e-6", "--num_train_epochs", "2",
         *("--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "2", "--num_generations", "6", "--warmup_ratio", "0.1")],
        {"num_examples": 8000, "world_size": 3}, {0: 0, 400: 1e-6, 2200: 5e-7}, 4000,
    ),
    "megatron d98e8a64 the options of its own tests": Case(
        {"MODEL_ARGS": {"--tensor-model-parallel-size": 1, "--global-batch-size": 8, "--lr": 1e-4, "--min-lr": 1e-5, "--train-iters": 1000,
         "--lr-decay-style": "cosine", "--lr-warmup-fraction": ".1"}, "TEST_TYPE": "regular"}, {},
        {0: 0, 99: 9.9e-5, 100: 1e-4, 101: 9.999972584460057e-05, 550: 5.5e-5, 999: 1.0000274155399433e-05},
    ),
    "verl b178a3cd constant with a warmup": Case(
        [*VERL, f"{ACTOR}lr_warmup_steps_ratio=0.1"], {"num_examples": 102_450}, {0: 0, 1: 2e-8, 49: 9.8e-7, 50: 1e-6, 499: 1e-6}, 500,
    ),
    "verl b178a3cd cosine": Case(
        [*VERL, f"{ACTOR}warmup_style=cosine", f"+{ACTOR}lr_warmup_steps=50", f"{ACTOR}min_lr_ratio=0.1"], {"num_examples": 102_450},
        {0: 0, 49: 9.8e-7, 50: 1e-6, 275: 5.5e-7, 499: 1.0001096618257237e-07}, 500,
    ),
    "verl 1dda039b cosine with cycles": Case(
        [*VERL, f"{ACTOR}lr_scheduler_type=cosine", f"{ACTOR}lr_warmup_steps=10", f"{ACTOR}min_lr_ratio=0.1", f"{ACTOR}num_cycles=1.5",
         "trainer.total_training_steps=100"], {},
        {0: 0, 9: 9e-7, 10: 1e-6, 25: 5.5e-7, 40: 1e-7, 55: 5.5e-7, 70: 1e-6, 85: 5.5e-7, 99: 1.02465147084277e-07}, 100,
    ),
    "verl 1dda039b Megatron with a floor before the end": Case(
        [*VERL, "--config-name=ppo_megatron_trainer.yaml", f"{ACTOR}lr_warmup_steps=20", f"{ACTOR}lr_warmup_init=1e-7", f"{ACTOR}min_lr=1e-7",
         f"{ACTOR}lr_decay_style=cosine", f"{ACTOR}lr_decay_steps=400"], {"num_examples": 102_450},
        {0: 1e-7, 1: 1.45e-7, 19: 9.55e-7, 20: 1e-6, 21: 9.999846215488784e-07, 210: 5.5e-7, 400: 1e-7, 401: 1e-7, 499: 1e-7}, 500,
    ),
    "verl 1dda039b Megatron WSD": Case(
        [*VERL, "model_engine=megatron", f"{ACTOR}lr_warmup_steps=10", f"{ACTOR}lr_decay_style=WSD", f"{ACTOR}min_lr=1e-7",
         f"{ACTOR}lr_wsd_decay_steps=100", f"{ACTOR}lr_wsd_decay_style=linear"], {"num_examples": 102_450},
        {0: 0, 9: 9e-7, 10: 1e-6, 400: 1e-6, 401: 9.91e-07, 450: 5.5e-7, 499: 1.09e-7}, 500,
    ),
    "verl-sft 1dda039b Megatron linear": Case(
        [*VERL_SFT, "engine=megatron", "optim=megatron", "optim.lr=1e-6", "optim.lr_warmup_steps_ratio=0.1", "optim.lr_decay_style=linear",
         "trainer.total_training_steps=500"], {}, {0: 0, 50: 1e-6, 51: 9.977777777777778e-07, 275: 5e-7, 499: 2.2222222222222366e-09}, 500,
    ),
    "verl-sft 1dda039b FSDP": Case(
        [*VERL_SFT, "optim.lr=2e-5", "optim.lr_scheduler_type=cosine", "optim.lr_warmup_steps_ratio=0.1", "optim.min_lr_ratio=0.1",
         "data.train_max_samples=25600", "trainer.total_epochs=5"], {"num_examples": 102_450},
        {0: 0, 1: 4e-7, 49: 1.96e-5, 50: 2e-5, 51: 1.9999780676348558e-05, 275: 1.1e-5, 499: 2.0002193236514478e-06}, 500,
    ),
    "verl-sft 1dda039b its older trainer": Case(
        OLDER_SFT, {"num_examples": 102_450},
        {0: 0, 1: 6.25e-8, 159: 9.9375e-6, 160: 1e-5, 161: 9.99998810088676e-06, 880: 5e-6, 1599: 1.189911324084303e-11}, 1600,
    ),
    "verl-sft 1dda039b its older trainer WSD": Case(
        [*OLDER_SFT, "optim.lr_scheduler=wsd"], {"num_examples": 102_450},
        {0: 0, 159: 9.9375e-6, 160: 1e-5, 1455: 1e-5, 1456: 1e-5, 1457: 9.998810135399545e-06, 1500: 7.86788218175523e-06, 1599: 1.189864600454338e-09},
        1600,
    ),
    "openrlhf 3c3be623 SFT before 0.10.2": Case(
        ["deepspeed", "--module", "openrlhf.cli.train_sft", "--pretrain", "m", "--max_epochs", "2"], {"num_examples": 8000},
        {0: 0, 1: 1.25e-6, 3: 3.75e-6, 4: 5e-6, 5: 4.999228981195004e-6, 64: 2.75e-6, 123: 5.007710188049962e-7}, 124,
    ),
    "openrlhf 3c3be623 PPO": Case(
        ["python3", "-m", "openrlhf.cli.train_ppo_ray", "--rollout.n_samples_per_prompt", "8"], {"num_examples": 10_000},
        {0: 0, 1: 5.2631578947368416e-8, 18: 9.473684210526315e-7, 19: 1e-6, 20: 9.999939530546655e-7, 322: 5.5e-7,
         624: 1.000060469453344e-7}, 625,
    ),
    "sd-scripts 48d368f cosine in two processes": Case(
        [*KOHYA, "--unet_lr", "1e-4", "--text_encoder_lr", "5e-5", "--lr_scheduler", "cosine", "--lr_warmup_steps", "100", "--max_train_steps", "1000"],
        {"world_size": 2}, {0: 0, 1: 2e-6, 49: 9.8e-5, 50: 1e-4, 51: 9.999972660400536e-05, 525: 5e-5, 999: 2.7339599464326627e-10},
    ),
    "sd-scripts 48d368f polynomial to a floor by another rate": Case(
        {"network_arguments": {"network_dim": 8, "unet_lr": 1e-4, "network_train_unet_only": True}, "training_arguments": {"max_train_steps": 500},
         "optimizer_arguments": {"lr_scheduler": "polynomial", "lr_scheduler_power": 2.0, "lr_warmup_steps": 0.1}}, {},
        {0: 0, 9: 1.8e-5, 49: 9.8e-5, 50: 1e-4, 51: 9.957824691358027e-05, 250: 3.432098765432099e-05, 499: 5.000469135802469e-06}, 500,
    ),
    "sd-scripts 48d368f stable phase and shares": Case(
        [*KOHYA, "--learning_rate=1e-4", "--lr_scheduler=warmup_stable_decay", "--lr_scheduler_min_lr_ratio=0.1", "--lr_warmup_steps=10%",
         "--lr_decay_steps=0.2", "--max_train_epochs=4", "--gradient_accumulation_steps=2"], {"world_size": 4, "num_examples": 1995},
        {0: 1e-5, 50: 5.5e-5, 100: 1e-4, 101: 1e-4, 800: 1e-4, 801: 9.999444846167473e-05, 900: 5.5e-5, 999: 1.0005551538325275e-05},
    ),
    "sd-scripts 48d368f cosine with a floor": Case(
        [*KOHYA, "--learning_rate=1e-4", "--lr_scheduler=cosine_with_min_lr", "--lr_scheduler_num_cycles=3", "--lr_scheduler_min_lr_ratio=0.1",
         "--lr_warmup_steps=50", "--max_train_steps=500"], {},
        {0: 0, 49: 9.8e-5, 50: 1e-4, 51: 9.999013075636805e-05, 200: 1e-5, 275: 5.5e-5, 499: 1.0009869243631953e-05}, 500,
    ),
    "sd-scripts 48d368f inverse square root in two processes": Case(
        [*KOHYA, "--learning_rate=1e-4", "--lr_scheduler=inverse_sqrt", "--lr_scheduler_timescale=300", "--lr_warmup_steps=50", "--max_train_steps=500"],
        {"world_size": 2}, {0: 0, 24: 9.6e-05, 25: 1e-4, 26: 9.966832412776434e-05, 100: 8.164965809277262e-05, 499: 4.902903378454601e-05}, 500,
    ),
    "torchtitan 73a0e697 its defaults": Case(
        ["torchrun", "--nproc_per_node=8", "-m", "torchtitan.train", "--training.steps=1000"], {},
        {0: 4e-6, 1: 8e-6, 199: 8e-4, 200: 8e-4, 201: 7.99e-4, 600: 4e-4, 999: 9.999999999999788e-07},
    ),
    "torchtitan 73a0e697 stable phase and floor": Case(
        TORCHTITAN | {"lr_scheduler": {"warmup_steps": 100, "decay_ratio": 0.2, "decay_type": "sqrt", "min_lr_factor": 0.1}}, {},
        {0: 8e-6, 99: 8e-4, 100: 8e-4, 799: 8e-4, 800: 8e-4, 801: 0.0007490883117545686, 900: 0.0002908831175456857, 999: 8.180225564263992e-05},
    ),
    "torchtitan 73a0e697 a schedule that is longer than the run": Case(
        {"optimizer": {"lr": 3e-4}, "training": {"steps": 500},
         "lr_scheduler": {"warmup_steps": 100, "decay_ratio": 0.8, "decay_type": "cosine", "total_steps": 1000}}, {},
        {0: 3e-6, 99: 3e-4, 100: 3e-4, 200: 3e-4, 201: 0.0002999988434072206, 300: 0.000288581929876693, 499: 0.0002079462808131624}, 500,
    ),
    "torchtitan 73a0e697 a run that ends in its warmup": Case(
        TORCHTITAN | {"lr_scheduler": {"warmup_steps": 2000, "decay_ratio": 0.5}}, {}, {0: 8e-7, 500: 8e-4 * 501 / 1000, 999: 8e-4},
    ),
    "mlx-lm d78bf58e with mlx 0.32.4 cosine": Case(
        MLX | {"lr_schedule": {"name": "cosine_decay", "warmup": 100, "warmup_init": 1e-7, "arguments": [1e-5, 1000, 1e-7]}}, {},
        {0: 1e-7, 1: 1.99e-07, 99: 9.900999430101365e-06, 100: 1e-5, 101: 1e-5, 102: 9.999975191021804e-06, 500: 6.59441639072611e-06,
         999: 3.5197379588680633e-07},
    ),
    "mlx-lm d78bf58e with mlx 0.32.4 line in groups of four iterations": Case(
        MLX | {"grad_accumulation_steps": 4, "lr_schedule": {"name": "linear_schedule", "arguments": [2e-5, 1e-6, 600], "warmup": 50}}, {},
        {0: 0, 1: 4e-7, 50: 2e-5, 51: 2e-5, 99: 1.8479999198461883e-05, 249: 1.3729999409406446e-05}, 250,
    ),
    "mlx-lm d78bf58e with mlx 0.32.4 steps down": Case(
        MLX | {"lr_schedule": {"name": "step_decay", "arguments": [1e-5, 0.5, 100], "warmup": 10, "warmup_init": 1e-6}}, {},
        {0: 1e-6, 1: 1.9e-6, 110: 1e-5, 111: 5e-6, 500: 6.25e-07, 999: 1.9531249506599124e-08},
    ),
    "mlx-lm d78bf58e with mlx 0.32.4 exponential": Case(
        MLX | {"iters": 60, "lr_schedule": {"name": "exponential_decay", "arguments": ["1e-5", 0.99]}}, {}, {0: 1e-5, 59: 5.526837412617169e-06}, 60,
    ),
    "nanogpt 3adf61e1": Case(
        ["train.py", "--learning_rate=6e-4", "--warmup_iters=100", "--lr_decay_iters=1000", "--max_iters=1000", "--min_lr=6e-5"], {},
        {0: 5.94059405940594e-06, 1: 1.188118811881188e-05, 99: 0.000594059405940594, 100: 0.0006, 101: 0.0005999983550676034,
         550: 0.00033, 999: 6.0001644932396594e-05, 1000: 6e-05, 1001: 6e-05}, 1001,
    ),
}  # fmt: skip


def read(name: str, folder: Path, foreign: str | None = None, values: dict[str, object] | None = None) -> olr.RunConfig:
    """The config of a case, read; with a key of another trainer and with other `values`, if they are given."""
    source = CASES[name].source
    if isinstance(source, str):
        path = folder / "train.py"
        path.write_text(source)
        return olr.read_config(path)
    if foreign is not None:
        source = [*source, f"--{foreign}", "3"] if isinstance(source, list) else source | {foreign: 3}
    return olr.read_config(source, values=values)
