"""Modules of Lightning in scripts: what is noted, what is asked for, and what is refused."""

import pytest

import optax_lr as olr

MODULE = """
import lightning as L
import torch
class Net(L.LightningModule):
    def __init__(self, lr=0.1, kind="step"):
        super().__init__()
        self.save_hyperparameters()
        self.kind = kind
    def configure_optimizers(self):
        opt = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)
        sched = torch.optim.lr_scheduler.StepLR(opt, 2)
        return RETURNED
"""
RUN = "L.Trainer(max_epochs=4, devices=1).fit(Net(), torch.utils.data.DataLoader(train, batch_size=8))\n"


def read(tmp_path, returned="[opt], [sched]", more=RUN, **options):
    path = tmp_path / "train.py"
    path.write_text(MODULE.replace("RETURNED", returned) + more)
    return olr.read_config(path, **options)


@pytest.mark.parametrize(
    ("hook", "note"),
    [
        ("    def on_train_epoch_end(self):\n        self.trainer.should_stop = True\n", "should_stop in line 14 may end the run before its"),
        ("    def on_train_start(self):\n        self.trainer.accumulate_grad_batches = 4\n", "self.trainer.accumulate_grad_batches in line 14 changes"),
        ("    def on_train_epoch_end(self):\n        raise KeyboardInterrupt\n", "on_train_epoch_end in line 13 may end the run before"),
        ("        torch.optim.lr_scheduler.ConstantLR(opt, 0.1)\n", "ConstantLR in line 13 is not what configure_optimizers returns"),
        ("self.optimizers().load_state_dict(saved)\n", "load_state_dict in line 13 may give the rates of a saved run"),
        ("trainer.fit_loop.max_epochs = 2\n", "trainer.fit_loop.max_epochs in line 13 changes the run"),
        ("Net.configure_optimizers = other\n", "Net.configure_optimizers in line 13 changes the run"),
        ("sched.last_epoch = 3\n", "sched.last_epoch in line 13 changes the run"),
        ("net.hparams['lr'] = 1.0\n", "hparams in line 13 may be changed"),
        ("trainer.lr_scheduler_configs[0].interval = 'step'\n", "lr_scheduler_configs in line 13 may be changed"),
        ("    def on_train_batch_start(self, batch, i):\n        return -1\n", "on_train_batch_start in line 13 may end an epoch before its last"),
        ("    def lr_scheduler_step(self, s, metric):\n        pass\n", "lr_scheduler_step in line 13 decides when the scheduler is stepped"),
        ("    def optimizer_step(self, *a):\n        if a[1] % 4 == 0:\n            super().optimizer_step(*a)\n", "optimizer_step in line 13 decides"),
        ("net.opt.param_groups[0].__setitem__('lr', 0.25)\n", 'net.opt.param_groups[0]["lr"] in line 13 sets the rate by hand'),
    ],
)  # fmt: skip
def test_what_changes_a_run_as_it_runs_is_noted(tmp_path, hook, note):
    config = read(tmp_path, more=hook + RUN)
    assert any(given.startswith(note) for given in config.notes)


def test_a_second_scheduler_that_the_module_steps_is_refused(tmp_path):
    hook = "    def on_train_batch_end(self, *a):\n        self.warm.step()\n    def first(self, opt):\n        self.warm = torch.optim.lr_scheduler.LinearLR(opt)\n"
    with pytest.raises(olr.ConfigError, match=r"self\.warm\.step\(\) in line 14 steps the scheduler"):
        read(tmp_path, more=hook + RUN)
    assert (
        read(tmp_path, more="    def lr_scheduler_step(self, s, metric):\n        s.step()\n" + RUN)
        .notes[-1]
        .startswith("Lightning")
    )


@pytest.mark.parametrize(
    ("returned", "more", "note"),
    [
        ("[opt], [sched]", RUN, "Lightning steps StepLR once an epoch, as nothing says interval: step"),
        ("[opt], [{'scheduler': sched, 'interval': 'step'}]", RUN, "Lightning steps StepLR at each update, by interval: step"),
        ("{'optimizer': opt, 'lr_scheduler': sched, 'interval': 'step'}", RUN, "interval next to the optimizer in configure_optimizers in line 9 is no key that Lightning reads"),
        ("opt", "model = Net()\nfor n in range(2):\n    L.Trainer(max_epochs=4, devices=1).fit(model)\nL.Trainer(max_epochs=9).fit(model)\n", "fit() is called in lines 15 and 16; this is the plan of the first run"),
        ("opt", RUN.replace("devices=1", "fast_dev_run=True"), "fast_dev_run of the Trainer in line 13 may end the run before its last update"),
        ("opt", RUN.replace("devices=1", "use_distributed_sampler=False"), "use_distributed_sampler of the Trainer in line 13 gives each process all examples"),
        ("opt", RUN.replace("devices=1", "callbacks=[L.pytorch.callbacks.EarlyStopping('a')]"), "EarlyStopping in line 13 may end the run before its last update"),
        ("opt", RUN.replace("devices=1", "callbacks=[L.pytorch.callbacks.GradientAccumulationScheduler({4: 2})]"), "the callback lightning.pytorch.callbacks.GradientAccumulationScheduler of the Trainer in line 13 is not read"),
        ("opt", "calls = [mine]\ncalls.append(L.pytorch.callbacks.StochasticWeightAveraging(0.1))\n" + RUN, "StochasticWeightAveraging in line 14 changes the run in a way that is not in this plan"),
        ("opt", "from mine import Own\ncalls = []\ncalls.append(Own())\n" + RUN.replace("devices=1", "callbacks=calls"), "the callback mine.Own of the Trainer in line 16 is not read; it may change the rate"),
        ("opt", RUN.replace("fit(Net()", "fit(Net.load_from_checkpoint('a')"), "the checkpoint in line 13 may give the module other arguments"),
        ("opt", RUN.replace("devices=1", "strategy=L.pytorch.strategies.DeepSpeedStrategy(config='a')"), "the config of DeepSpeedStrategy in line 13 may have a schedule of its own"),
        ("opt", RUN, "StepLR in line 11 is not what configure_optimizers returns"),
        ("opt", "    def on_train_batch_start(self, *a):\n        self.warmup(self.optimizers())\n" + RUN, "warmup in line 14 may change the rate, and is not read"),
        ("opt", "    def sample(self, x):\n        self.scheduler.step(x, 1, x)\n" + RUN, "StepLR in line 11"),
        ("[opt], [sched]", "    def lr_scheduler_step(self, scheduler, metric):\n        scheduler.step()\n" + RUN, "Lightning steps StepLR once an epoch"),
        ("opt", RUN + "torch.utils.data.random_split(a, [1, 2])\n", "random_split in line 14: the number of examples is that of the training part"),
    ],
)  # fmt: skip
def test_what_is_noted(tmp_path, returned, more, note):
    assert any(note in given for given in read(tmp_path, returned, more).notes)


@pytest.mark.parametrize(
    ("returned", "more", "message"),
    [
        ("opt", RUN.replace("Net()", "Net(lr=None)"), "the rate of the optimizer is None; give its value with --set learning_rate=VALUE"),
        ("[opt], [sched, other]", RUN, "returns 2 schedulers of one optimizer, which change its rate together, and are not read"),
        ("opt, sched", RUN, "returns an optimizer and a scheduler side by side, which Lightning refuses"),
        ("[opt], [{'scheduler': sched, 'interval': self.every}]", RUN, "interval=self.every is not a literal; give its value with --set interval=VALUE"),
        ("[opt], [{'scheduler': sched, 'interval': 'batch'}]", RUN, "interval must be one of step, epoch, not 'batch'"),
        ("[opt], [{'scheduler': sched, 'interval': 'step', 'frequency': 2}]", RUN, "frequency 2 with interval: step is not read"),
        ("[opt], [sched]", "    def lr_scheduler_step(self, scheduler, metric):\n        scheduler.step(self.current_epoch)\n" + RUN, "scheduler.step() in line 14 steps the scheduler, by code that is not run"),
        ("[opt], [sched]", "    def on_train_batch_end(self, *a):\n        self.lr_schedulers().step()\n" + RUN, "self.lr_schedulers().step() in line 14 steps the scheduler, by code that is not run"),
        ("[opt], [sched]", "    def on_train_epoch_end(self):\n        sch = self.lr_schedulers()\n        sch.step()\n" + RUN, "sch.step() in line 15 steps the scheduler"),
        ("opt", "    def on_train_epoch_start(self):\n        for group in self.optimizers().param_groups:\n            group['lr'] *= 0.5\n" + RUN, "sets the rate by hand"),
        ("opt", "    def optimizer_step(self, *a):\n        self.scheduler.step()\n" + RUN, "self.scheduler.step() in line 14 steps the scheduler"),
        ("[opt], [sched]", "L.pytorch.cli.LightningCLI(Net)\n", "LightningCLI in line 13 takes settings of the run from YAML files or its command"),
        ("[opt], [sched]", "class Mine(L.pytorch.cli.LightningCLI): ...\nMine(Net)\n", "Mine in line 14 takes settings of the run from YAML files or its command"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, returned, more, message):
    with pytest.raises(olr.ConfigError) as caught:
        read(tmp_path, returned, more)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("returned", "more", "facts", "message"),
    [
        ("[opt], [sched]", RUN, {}, "the length of the run needs the batches of an epoch; give the number of training examples (num_examples=..., --num-examples), or the length of the run"),
        ("[opt], [sched]", RUN, {"max_steps": 9}, "a scheduler that Lightning steps once an epoch needs the batches of an epoch; give the number of training examples"),
        ("[opt], [sched]", RUN.replace("size=8", "size=n"), {"num_examples": 80}, "the length of the run needs batch_size (n); give --set batch_size=VALUE, or the length of the run (max_steps=..., --max-steps)"),
        ("opt", "L.Trainer(max_epochs=n).fit(Net(), mine)\n", {"num_examples": 80}, "needs max_epochs (n), batch_size (that of a loader that is not read); give --set max_epochs=VALUE and --set batch_size=VALUE"),
        ("opt", "", {"num_examples": 80}, "needs max_epochs (that of a Trainer in another file)"),
        ("opt", "if cuda:\n    t = L.Trainer(max_epochs=1)\nelse:\n    t = L.Trainer(max_epochs=2)\nt.fit(Net())\n", {"num_examples": 80}, "needs max_epochs (that of one of several Trainers)"),
        ("opt", "L.Trainer(**options).fit(Net())\n", {"num_examples": 80}, "max_epochs (that of options)"),
        ("[opt], [torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=3)]", RUN, {"num_examples": 80}, "OneCycleLR has 3 steps, and torch stops the run at the next; this run steps it 4 times"),
        ("[opt], [torch.optim.lr_scheduler.CosineAnnealingLR(opt, self.trainer.max_epochs)]", "L.Trainer(max_epochs=n, limit_train_batches=2).fit(Net())\n", {"max_steps": 80}, "T_max=self.trainer.max_epochs needs max_epochs (n)"),
    ],
)  # fmt: skip
def test_what_a_plan_asks_for(tmp_path, returned, more, facts, message):
    config = read(tmp_path, returned, more)
    with pytest.raises(olr.ConfigError) as caught:
        config.plan(**facts)
    assert message in str(caught.value)


def test_numbers_of_the_run_can_be_given(tmp_path):
    returned = "[opt], [torch.optim.lr_scheduler.CosineAnnealingLR(opt, self.trainer.max_epochs)]"
    more = "L.Trainer(max_epochs=n).fit(Net(lr=0.5), mine)\n"
    config = read(tmp_path, returned, more, values={"max_epochs": 6, "batch_size": 10, "accumulate_grad_batches": 2})
    plan = config.plan(num_examples=35, world_size=1)
    assert repr(plan.schedule) == repr(olr.Every(olr.CosineAnnealing(0.5, 6), steps=2))
    assert (plan.max_steps, plan.steps_per_epoch) == (12, 2)


def test_the_epochs_of_a_trainer_that_states_none_are_listed(tmp_path):
    plan = read(tmp_path, "opt", RUN.replace("max_epochs=4, ", "")).plan(num_examples=16)
    assert plan.max_steps == 2000
    assert [(default.key, default.value) for default in plan.defaults] == [("max_epochs", 1000)]


@pytest.mark.parametrize(("made", "kind"), [("Net()", "StepLR"), ("Net(kind='none')", "AdamW")])
def test_a_branch_that_literals_decide(tmp_path, made, kind):
    path = tmp_path / "train.py"
    branch = "        if self.kind == 'none':\n            return opt\n        return [opt], [sched]"
    path.write_text(MODULE.replace("        return RETURNED", branch) + RUN.replace("Net()", made))
    assert olr.read_config(path).settings.lr_scheduler_type == kind


def test_a_branch_that_nothing_decides_leaves_the_scheduler_in_its_own_steps(tmp_path):
    path = tmp_path / "train.py"
    branch = "        if self.kind == mine:\n            return opt\n        return [opt], [sched]"
    path.write_text(MODULE.replace("        return RETURNED", branch) + RUN)
    config = olr.read_config(path)
    note = "configure_optimizers in line 9 is not read; Lightning steps a scheduler once an epoch, unless its dict says interval: step"
    assert (config.trainer, note in config.notes) == ("torch", True)
    said = branch.replace("[sched]", "[{'scheduler': sched, 'interval': 'step'}]")
    path.write_text(MODULE.replace("        return RETURNED", said) + RUN)
    assert note.partition(";")[0] in olr.read_config(path).notes


@pytest.mark.parametrize(
    ("devices", "count"),
    [
        ("devices=3, num_nodes=2", 6),
        ("devices=[0, 2]", 2),
        ("accelerator='cpu'", 1),
        ("devices='auto'", None),
        ("", None),
    ],
)
def test_the_processes_of_a_trainer(tmp_path, devices, count):
    assert read(tmp_path, "opt", RUN.replace("devices=1", devices)).processes.count == count


def test_a_module_that_steps_its_optimizer_itself_is_not_read_as_one(tmp_path):
    manual = MODULE.replace("self.kind = kind", "self.automatic_optimization = False").replace(
        "RETURNED", "[opt], [sched]"
    )
    path = tmp_path / "train.py"
    path.write_text(manual + RUN)
    assert olr.read_config(path).trainer == "torch"


def test_a_share_of_the_run_is_no_number_of_warmup_steps(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(
        "import torch, transformers\nopt = torch.optim.SGD(p, lr=0.1)\n"
        "transformers.get_linear_schedule_with_warmup(opt, 0.1, 100)\n"
    )
    with pytest.raises(olr.ConfigError, match=r"num_warmup_steps must be a whole number of steps, not 0\.1"):
        olr.read_config(path).plan()


def test_a_module_that_replaces_the_method_of_its_parent(tmp_path):
    child = "class Child(Net):\n    def configure_optimizers(self):\n        return torch.optim.SGD(self.parameters(), lr=0.5)\n"
    config = read(tmp_path, "[opt], [sched]", child + RUN.replace("Net()", "Child()"))
    assert (config.settings.lr_scheduler_type, config.settings.learning_rate) == ("SGD", 0.5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "model = Net()\nmodel.hparams.lr = 1.0\n"),
        ("", "Net().hparams.update({'lr': 1.0})\n"),
        ("        super().__init__()", "        super().__init__()\n        lr = 2 * lr"),
        ("save_hyperparameters()", "save_hyperparameters(mine(lr))"),
    ],
)
def test_a_rate_that_is_set_later_is_asked_for(tmp_path, old, new):
    path = tmp_path / "train.py"
    path.write_text((MODULE.replace(old, new) + RUN if old else MODULE + new + RUN).replace("RETURNED", "opt"))
    with pytest.raises(olr.ConfigError, match=r"--set learning_rate=VALUE"):
        olr.read_config(path)


def test_hyperparameters_that_a_dict_states(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(
        MODULE.replace("save_hyperparameters()", "save_hyperparameters({'lr': 0.3})").replace("RETURNED", "opt") + RUN
    )
    assert olr.read_config(path).settings.learning_rate == 0.3


def test_a_length_that_is_set_on_the_trainer_is_asked_for(tmp_path):
    more = "t = L.Trainer(max_epochs=4)\nt.max_epochs = 9\nt.fit(Net(), torch.utils.data.DataLoader(train, batch_size=8))\n"
    with pytest.raises(olr.ConfigError, match=r"needs max_epochs \(t\.max_epochs, set later\)"):
        read(tmp_path, "opt", more).plan(num_examples=80)


def test_a_warmup_that_is_counted_in_epochs_by_mistake_is_an_error(tmp_path):
    path = tmp_path / "train.py"
    scheduler = "transformers.get_linear_schedule_with_warmup(opt, 10, 40)"
    text = MODULE.replace("torch.optim.lr_scheduler.StepLR(opt, 2)", scheduler)
    path.write_text("import transformers\n" + text.replace("RETURNED", "[opt], [sched]") + RUN)
    (found,) = [finding for finding in olr.lint(path, num_examples=80) if finding.rule.code == "LR131"]
    assert found.remedy == "count the schedule in epochs, or give the dict of the scheduler interval: step"


def test_a_loader_in_the_branch_that_trains(tmp_path):
    more = (
        "if saved:\n    model = Net.load_from_checkpoint('a')\nelse:\n    data = torch.utils.data.DataLoader(train, batch_size=8)\n"
        "    model = Net(lr=0.2)\n    L.Trainer(max_epochs=2, devices=1).fit(model, data)\n"
    )
    plan = read(tmp_path, more=more).plan(num_examples=16)
    assert (plan.max_steps, float(plan.schedule(0))) == (4, pytest.approx(0.2))


def test_each_module_has_the_trainer_that_fits_it(tmp_path):
    other = MODULE.partition("class Net")[2].replace("lr=0.1", "lr=0.3").replace("RETURNED", "opt")
    path = tmp_path / "train.py"
    runs = "L.Trainer(max_epochs=2, limit_train_batches=1).fit(Net())\nL.Trainer(max_epochs=3, limit_train_batches=1).fit(Other())\n"
    path.write_text(f"{MODULE.replace('RETURNED', 'opt')}class Other{other}{runs}")
    assert [config.plan().max_steps for config in olr.read_configs(path)] == [2, 3]
    path.write_text(path.read_text().replace("fit(Other())", "fit(mine())"))
    (config,) = olr.read_configs(path)  # that of the module that is fitted for certain
    assert config.plan().max_steps == 2
    assert "the module that fit() in line 23 takes is not read" in config.notes


def test_a_module_that_a_function_makes(tmp_path):
    more = "def build():\n    return Net(lr=0.3)\nL.Trainer(max_epochs=2, limit_train_batches=3).fit(build())\n"
    assert read(tmp_path, "opt", more).plan().max_steps == 6


def test_a_trainer_of_modules_that_are_not_known(tmp_path):
    path = tmp_path / "train.py"
    other = MODULE.partition("class Net")[2].replace("lr=0.1", "lr=0.3").replace("RETURNED", "opt")
    path.write_text(f"{MODULE.replace('RETURNED', 'opt')}class Other{other}L.Trainer(max_epochs=2).fit(mine())\n")
    with pytest.raises(olr.ConfigError, match="that of the Trainer of another module"):
        olr.read_configs(path)[1].plan()


def test_trainers_in_branches_that_agree_on_the_length(tmp_path):
    more = "if cuda:\n    t = L.Trainer(max_epochs=4, gpus=1)\nelse:\n    t = L.Trainer(max_epochs=4)\n"
    loop = "for epoch in range(3):\n    sched.step()\n"  # a demonstration of the scheduler alone
    config = read(
        tmp_path, more=f"{more}{loop}t.fit(model=Net(), train_dataloaders=torch.utils.data.DataLoader(train, 8))\n"
    )
    assert (config.plan(num_examples=16).max_steps, config.processes.count) == (8, 1)


def test_a_loader_that_a_function_returns_with_others(tmp_path):
    more = (
        "from torch.utils.data import DataLoader\ndef loaders(size):\n    first = DataLoader(train, batch_size=size)\n"
        "    return first, DataLoader(val, batch_size=1)\ndata, other = loaders(4)\nL.Trainer(max_epochs=3, devices=1).fit(Net(), data, other)\n"
    )
    assert read(tmp_path, more=more).plan(num_examples=16).max_steps == 12


def test_a_scheduler_that_is_made_and_not_returned_sets_its_first_rate(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(MODULE.replace("StepLR(opt, 2)", "LinearLR(opt)").replace("RETURNED", "opt") + RUN)
    with pytest.raises(
        olr.ConfigError,
        match="LinearLR in line 11 is not what configure_optimizers returns, so that its first rate stays",
    ):
        olr.read_config(path)


@pytest.mark.parametrize(
    "returned",
    [
        "[{'optimizer': opt, 'lr_scheduler': {'scheduler': sched}}]",
        "[opt], sched",
        "dict(optimizer=opt, lr_scheduler=dict(scheduler=sched, monitor='a'))",
        "made",
        "first, second",
    ],
)
def test_the_forms_that_lightning_takes(tmp_path, returned):
    path = tmp_path / "train.py"
    made = "        made = {'optimizer': opt}\n        made['lr_scheduler'] = sched\n        first, second = [opt], [{'scheduler': sched}]\n"
    path.write_text(MODULE.replace("        return RETURNED", f"{made}        return {returned}") + RUN)
    assert olr.read_config(path).settings.own["interval"] == "epoch"


def test_a_list_that_is_changed_is_not_read(tmp_path):
    path = tmp_path / "train.py"
    made = "        all = []\n        all.append(sched)\n        return [opt], all"
    path.write_text(MODULE.replace("        return RETURNED", made) + RUN)
    assert olr.read_config(path).trainer == "torch"


@pytest.mark.parametrize(
    ("more", "rate"),
    [
        ("def run(epochs, **kw):\n    L.Trainer(max_epochs=epochs).fit(Net(**kw))\nrun(2, lr=0.25)\n", 0.25),
        ("def run(lr, **kw):\n    L.Trainer(max_epochs=2).fit(Net(**kw))\nrun(lr=0.25)\n", 0.1),
        (
            "from argparse import Namespace\nargs = Namespace(lr=0.6)\nL.Trainer(max_epochs=2).fit(Net(**vars(args)))\n",
            0.6,
        ),
        ("given = {'lr': 0.05}\nL.Trainer(max_epochs=2).fit(Net(**given))\n", 0.05),
        ("given = {'lr': 0.05}\ngiven['lr'] = 0.07\nL.Trainer(max_epochs=2).fit(Net(**given))\n", None),
        ("def run(**kw):\n    kw.pop('lr')\n    L.Trainer(max_epochs=2).fit(Net(**kw))\nrun(lr=0.4)\n", None),
        ("L.Trainer(max_epochs=2).fit(Net(*given))\n", None),
    ],
)
def test_arguments_that_a_call_unpacks(tmp_path, more, rate):
    if rate is None:
        with pytest.raises(olr.ConfigError, match=r"--set learning_rate=VALUE"):
            read(tmp_path, "opt", more)
    else:
        assert read(tmp_path, "opt", more).settings.learning_rate == rate


def test_a_warmup_that_is_a_fraction_of_the_run_is_refused_where_it_is_not_whole(tmp_path):
    total = "self.trainer.estimated_stepping_batches"
    path = tmp_path / "train.py"
    made = f"transformers.get_linear_schedule_with_warmup(opt, 0.25 * {total}, {total})"
    text = MODULE.replace("torch.optim.lr_scheduler.StepLR(opt, 2)", made).replace(
        "RETURNED", "[opt], [{'scheduler': sched, 'interval': 'step'}]"
    )
    path.write_text(f"import transformers\n{text}{RUN}")
    config = olr.read_config(path)
    assert repr(config.plan(num_examples=80).schedule) == repr(olr.Linear(0.1, 40, 10))
    with pytest.raises(olr.ConfigError, match=r"num_warmup_steps must be a whole number of steps, not 11\.75"):
        config.plan(num_examples=80, max_steps=47)


def test_a_trainer_of_command_line_arguments_names_what_to_read(tmp_path):
    (tmp_path / "main.py").write_text(
        "import pytorch_lightning as pl\nfrom net import Net\ntrainer = pl.Trainer.from_argparse_args(args)\ntrainer.fit(Net())\n"
    )
    with pytest.raises(olr.ConfigError, match="line 3 runs a LightningModule; read the file with its configure_optim"):
        olr.read_configs(tmp_path / "main.py")


NET = """
import lightning as L
import torch
from torch.optim import lr_scheduler as lrs
class Net(L.LightningModule):
    def __init__(self, args=None, lr=0.1):
        super().__init__()
        self.args, self.lr = args, lr
    def configure_optimizers(self):
        opt = torch.optim.SGD(self.parameters(), lr=self.lr)
        if self.args.kind == "plateau":
            return {"optimizer": opt, "lr_scheduler": lrs.ReduceLROnPlateau(opt), "monitor": "loss"}
        return [opt], [lrs.StepLR(opt, self.args.every)]
"""
PARSER = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--kind', default='KIND')\nargs = parser.parse_args()\n"


@pytest.mark.parametrize(
    ("files", "script", "message"),
    [
        ({"net.py": NET}, "from net import Net\nL.Trainer().fit(Net(lr=0.3))\n", r"line 3 runs Net, with lr=0.3 \(line 3\); read net.py$"),
        ({"nets/__init__.py": "from .net import *", "nets/net.py": NET}, "from nets import Net\nL.Trainer().fit(Net())\n", "runs Net; read nets/net.py$"),
        ({"nets/__init__.py": "from nets.net import Net", "nets/net.py": NET}, "import nets\nL.Trainer().fit(nets.Net())\n", "runs Net; read nets/net.py$"),
        ({"net.py": NET, "old.py": NET}, "import net, old\nteacher = old.Net.load_from_checkpoint('a')\nmodel = net.Net(lr=LR)\nL.Trainer().fit(model)\n",
         r"runs Net, with lr=LR \(line 4\); read net.py$"),
        ({"net.py": NET}, "from net import Net\nL.Trainer().fit(made(Net))\n", "runs a LightningModule; read net.py$"),
        ({"net.py": NET}, "from net import Net\nclass Mine(Net):\n    def __init__(self, lr=0.5):\n        pass\nL.Trainer().fit(Mine(c.lr))\n",
         r"runs Mine, with lr=c.lr \(line 6\); read net.py$"),
        ({"net.py": NET}, "from net import Net\nclass Mine(Net):\n    def __init__(self, lr=0.5):\n        pass\nL.Trainer().fit(Mine())\n",
         r"runs Mine, with lr=0.5 \(line 4\); read net.py$"),
        ({"net.py": NET.replace("StepLR", "LambdaLR")}, "from net import Net\nL.Trainer().fit(Net())\n", "line 12 of net.py makes ReduceLROnPlateau; it follows a metric"),
        ({"net.py": NET}, PARSER.replace("KIND", "step") + "from net import Net\nL.Trainer().fit(Net(args))\n", "runs Net; read net.py$"),
        ({"net.py": NET}, PARSER.replace("KIND", "plateau") + "from net import Net\nL.Trainer().fit(Net(args))\n",
         "runs Net; line 12 of net.py makes ReduceLROnPlateau, as args.kind is 'plateau', the default of --kind; it follows a metric"),
    ],
)  # fmt: skip
def test_a_module_in_another_file_is_named(tmp_path, files, script, message):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "train.py").write_text(f"import lightning as L\n{script}")
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(tmp_path / "train.py")


@pytest.mark.parametrize("kind", ["plateau", "step"])
def test_an_option_decides_what_a_module_in_another_file_makes(tmp_path, kind):
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "train.py").write_text(
        f"import lightning as L\n{PARSER}from net import Net\nL.Trainer().fit(Net(args))\n"
    )
    message = "makes ReduceLROnPlateau; it follows a metric" if kind == "plateau" else "runs Net; read net.py$"
    with pytest.raises(olr.ConfigError, match=message):
        olr.read_config(tmp_path / "train.py", values={"kind": kind})


def test_everything_that_a_module_leaves_open_is_asked_for_at_once(tmp_path):
    path = tmp_path / "net.py"
    made = "torch.optim.lr_scheduler.MultiStepLR(opt, self.hparams.ends)"
    text = MODULE.replace("torch.optim.lr_scheduler.StepLR(opt, 2)", made).replace("RETURNED", "[opt], [sched]")
    path.write_text(text)
    ways = (
        r"--set milestones=\[N,N\] --set batch_size=VALUE --set max_epochs=VALUE, and the length with --num-examples$"
    )
    with pytest.raises(olr.ConfigError, match=ways):
        olr.read_config(path)
    values = {"milestones": [2, 3], "batch_size": 8, "max_epochs": 4}
    plan = olr.read_config(path, values=values).plan(num_examples=80)
    assert [round(float(plan.schedule(step)), 6) for step in (0, 19, 20, 30)] == [0.1, 0.1, 0.01, 0.001]
    with pytest.raises(olr.ConfigError, match=r"milestones must be a list of steps, such as \[30,60\], not '2,3'"):
        olr.read_config(path, values=values | {"milestones": "2,3"})


def test_the_length_of_a_schedule_is_not_that_of_the_run(tmp_path):
    """A module that computes both in `setup`; the dict of its scheduler has the name of the scheduler."""
    made = "transformers.get_linear_schedule_with_warmup(opt, 4, self.total_steps)\n        sched = {\n            'scheduler': sched,\n            'interval': 'step',\n        }"
    setup = "    def setup(self, stage):\n        self.total_steps = len(self.data)\n"
    path = tmp_path / "train.py"
    text = MODULE.replace("torch.optim.lr_scheduler.StepLR(opt, 2)", made).replace("RETURNED", "[opt], [sched]")
    path.write_text(f"import transformers\n{text}{setup}{RUN}")
    with pytest.raises(olr.ConfigError, match=r"num_training_steps=self.total_steps is not .*--set num_training_steps"):
        olr.read_config(path).plan(num_examples=80, max_steps=40)
    config = olr.read_config(path, values={"num_training_steps": 200})
    plan = config.plan(num_examples=80)
    assert (plan.max_steps, repr(plan.schedule)) == (40, repr(olr.Linear(0.1, 200, 4)))
    assert not any("self.total_steps" in note for note in config.notes)
