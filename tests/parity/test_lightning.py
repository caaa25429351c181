"""Modules of Lightning compared with the rates at which the real `Trainer` updates them."""

import warnings

import pytest
import torch
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

import optax_lr as olr

SCRIPT = """
import argparse
import pytorch_lightning as pl
import torch
from torch.optim.lr_scheduler import *
from torch.utils.data import DataLoader
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

rates = []
config = {"lr": 0.1, "name": "a"}
args = argparse.Namespace(lr=0.3)

class Data(pl.LightningDataModule):
    def __init__(self, batch_size):
        super().__init__()
        self.batch_size = batch_size
    def train_dataloader(self):
        return DataLoader([torch.ones(1)] * 21, batch_size=self.batch_size)

class Net(pl.LightningModule):
    def __init__(self, lr, config, args, size=1, epochs=4):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(size, 1)
        self.rate, self.config, self.args = lr, config, args
    def training_step(self, batch, index):
        return self.layer(batch).sum()
    def on_before_optimizer_step(self, optimizer):
        rates.append(optimizer.param_groups[0]["lr"])
    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=RATE)
        RETURNED

train = [torch.ones(1)] * 21
loader = DataLoader(train, LOADER)
trainer = pl.Trainer(TRAINER, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu")
model = Net(0.2, config=config, args=args)
trainer.fit(model, FIT)
"""
CASES = {  # what is returned, the arguments of the Trainer, and other parts of the script
    "once an epoch": ("return [optimizer], [StepLR(optimizer, 2, 0.5)]", "max_epochs=5, accumulate_grad_batches=4", {}),
    "the frequency of epochs": (
        "s = {'scheduler': ExponentialLR(optimizer, 0.5), 'interval': 'epoch', 'frequency': 2}\n        return [optimizer], s",
        "max_epochs=5",
        {"LOADER": "batch_size=8, drop_last=True"},
    ),
    "each update of the run": (
        "steps = self.trainer.estimated_stepping_batches\n"
        "        s = CosineAnnealingLR(optimizer, T_max=steps)\n"
        "        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': s, 'interval': 'step'}}",
        "max_epochs=3, accumulate_grad_batches=2, limit_train_batches=0.5",
        {"LOADER": "batch_size=3"},
    ),
    "a schedule of transformers that nothing steps at updates": (
        "return [optimizer], [get_cosine_schedule_with_warmup(optimizer, 2, 15)]",
        "max_steps=15",
        {"RATE": "self.hparams.lr"},
    ),
    "a schedule of transformers": (
        "n = self.trainer.estimated_stepping_batches\n"
        "        s = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=int(0.2 * n), num_training_steps=n)\n"
        "        return [optimizer], [dict(scheduler=s, interval='step', frequency=1)]",
        "max_epochs=3, max_steps=10",
        {"RATE": "self.hparams['lr']"},
    ),
    "one cycle": (
        "s = OneCycleLR(optimizer, max_lr=0.5, epochs=self.trainer.max_epochs, steps_per_epoch=len(loader))\n"
        "        return [optimizer], [{'scheduler': s, 'interval': 'step'}]",
        "max_epochs=2",
        {},
    ),
    "a sequence": (
        "first, s = LinearLR(optimizer, 0.1, total_iters=2), CosineAnnealingLR(optimizer, self.trainer.max_epochs - 2)\n"
        "        return [optimizer], [SequentialLR(optimizer, [first, s], milestones=[2])]",
        "max_epochs=6, limit_train_batches=3",
        {"RATE": "self.args.lr"},
    ),
    "an interval in the wrong dict": (
        "s = CosineAnnealingLR(optimizer, self.hparams.epochs)\n"
        "        return {'optimizer': optimizer, 'lr_scheduler': s, 'interval': 'step'}",
        "max_epochs=4",
        {"RATE": "self.config.get('lr')"},
    ),
    "a scheduler under another key": (
        "return {'optimizer': optimizer, 'scheduler': StepLR(optimizer, 1)}",
        "max_epochs=2",
        {"RATE": "self.config['lr']"},
    ),
    "the loader of a data module": (
        "n = len(self.trainer.datamodule.train_dataloader()) * self.trainer.max_epochs\n"
        "        s = PolynomialLR(optimizer, total_iters=n // self.trainer.accumulate_grad_batches)\n"
        "        if self.rate > 0.1:\n"
        "            return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': s, 'interval': 'step'}}\n"
        "        return optimizer",
        "max_epochs=3, accumulate_grad_batches=3",
        {"FIT": "datamodule=Data(batch_size=4)"},
    ),
    "no scheduler": ("return optimizer", "max_epochs=2, overfit_batches=2", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_rate_of_each_update(tmp_path, case, capfd, compared):
    returned, trainer, others = CASES[case]
    parts = {"RETURNED": returned, "TRAINER": trainer, "RATE": "self.rate", "LOADER": "batch_size=4", "FIT": "loader"}
    text = SCRIPT
    for name, value in (parts | others).items():
        text = text.replace(name, value)
    run = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(text, run)
    path = tmp_path / "train.py"
    path.write_text(
        text.replace(
            "import *",
            "import StepLR, ExponentialLR, CosineAnnealingLR, OneCycleLR, LinearLR, PolynomialLR, SequentialLR",
        )
    )
    config = olr.read_config(path)
    plan = config.plan(num_examples=21)
    assert plan.max_steps == len(run["rates"])
    assert [float(plan.schedule(step)) for step in range(plan.max_steps)] == pytest.approx(
        run["rates"], rel=1e-6, abs=1e-12
    )
    assert not [note for note in config.notes if "may change" in note]
    compared("Lightning's Trainer", plan.max_steps)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_batches_of_each_process(tmp_path, processes, drop_last):
    data = [torch.ones(1)] * 21
    sampler = DistributedSampler(data, num_replicas=processes, rank=0)
    loader = DataLoader(data, batch_size=4, sampler=sampler, drop_last=drop_last)
    path = tmp_path / "train.py"
    text = SCRIPT.replace("LOADER", f"batch_size=4, drop_last={drop_last}").replace(
        "TRAINER", "max_epochs=1, devices=2"
    )
    path.write_text(text.replace("RETURNED", "return optimizer").replace("RATE", "0.1").replace("FIT", "loader"))
    assert olr.read_config(path).plan(num_examples=21, world_size=processes).max_steps == len(loader)
    assert olr.read_config(path).plan(num_examples=21).world_size == 2
