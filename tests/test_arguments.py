"""Wrong arguments of public functions raise an error of one line by this library, not by a library below it."""

import inspect
import sys
import traceback
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lr as olr
from optax_lr.arguments import file_name, shown, unknown, whole_number
from tests.wrong_types import wrong_types

PACKAGE = str(Path(olr.__file__).parent)
NAN = float("nan")


def cosine(**changes):
    return olr.Cosine(**({"learning_rate": 1e-3, "max_steps": 100} | changes))


def batch():
    return olr.grid(olr.Cosine, learning_rate=[1e-3, 2e-3], max_steps=100)


def log():
    return olr.read_log({"step": [10, 20, 30], "learning_rate": [3e-4, 2e-4, 1e-4]})


def config():
    return olr.read_config({"learning_rate": 1e-4, "num_train_epochs": 3})


def state(schedule=None):
    return olr.inject_schedules(optax.sgd)(schedule or cosine()).init({"w": np.zeros(3)})


WRONG = [
    # fields, in every schedule class
    (lambda: cosine(max_step=3), "Cosine: unknown field 'max_step'; did you mean 'max_steps'? Known: learning_rate, max_steps"),
    (lambda: olr.Cosine(lr=1e-3, max_steps=9), "unknown field 'lr'; did you mean 'learning_rate'?"),
    (lambda: olr.Cosine(init_value=1e-3, decay_steps=9), "unknown field 'init_value'; did you mean 'learning_rate'?"),
    (lambda: olr.Linear(1e-3, num_training_steps=9), "unknown field 'num_training_steps'; did you mean 'max_steps'?"),
    (lambda: olr.Linear(1e-3, 9, num_warmup_steps=9), "unknown field 'num_warmup_steps'; did you mean 'warmup_steps'?"),
    (lambda: olr.Cosine(1e-3, 9, end_value=0), "unknown field 'end_value'; did you mean 'min_lr'?"),
    (olr.Cosine, "Cosine: learning_rate and max_steps must be given; fields: learning_rate, max_steps, warmup_steps"),
    (lambda: cosine().replace(learning_rat=1), "Cosine: unknown field 'learning_rat'; did you mean 'learning_rate'?"),
    (lambda: olr.EarlyStopping(patients=1), "EarlyStopping: unknown field 'patients'; did you mean 'patience'?"),
    (olr.Schedule, "Schedule is a base class: use one such as olr.Cosine"),
    (lambda: cosine(learning_rate=[[1.0], [1.0, 2.0]]), "learning_rate must be a number or an array of numbers, not a list"),
    (lambda: cosine(learning_rate=np.array(["a"])), "not an ndarray: array(['a'], dtype='<U1')"),
    (lambda: cosine(learning_rate=np.full((9, 9), "a")), "Cosine: learning_rate must be a number"),
    (lambda: olr.MultiStep(1e-3, milestones=None), "MultiStep: milestones must be a list of numbers, not None"),
    (lambda: olr.Stages([cosine(), None], [5]), "Stages: schedules[1] must be a schedule, a number or a function of the step, not None"),
    (lambda: olr.reduce_on_plateau(cosine(), patience=2.5), "patience must be a whole number of metrics, not 2.5"),
    (lambda: olr.greedy(cosine(), reset_start=2.5), "reset_start must be a whole number of falls of the rate, not 2.5"),
    (lambda: olr.TimmCosine(1e-3, 10, cycle_limit=1.5), "cycle_limit must be a whole number of cycles, not 1.5"),
    (lambda: olr.CosineAnnealingWarmRestarts(1e-3, 10, T_mult=1.5), "T_mult must be a whole number, not 1.5"),
    # steps, indices, shapes
    (lambda: cosine()("5"), "Cosine: step must be a number or an array of numbers, not text: '5'; write 5 without the quotes"),
    (lambda: cosine()(None), "Cosine: step must be a number or an array of numbers, not None"),
    (lambda: cosine()({}), "Cosine: step must be a number or an array of numbers, not a dict: {}"),
    (lambda: cosine()([[1], [1, 2]]), "Cosine: step must be a number or an array of numbers, not a list"),
    (lambda: cosine()(NAN), "Cosine: step must be finite, not nan"),
    (lambda: olr.Linear(1e-3, 9)(NAN), "Linear: step must be finite, not nan"),
    (lambda: batch()(float("inf")), "Cosine: step must be finite, not inf"),
    (lambda: cosine()(np.array([3, 2**40])), "step must be at most 2**31 - 1, not 1099511627776: JAX counts in int32"),
    (lambda: batch()[2], "Cosine[2]: no index of a batch of shape (2,)"),
    (lambda: jax.tree.map(jnp.asarray, batch())[2], "Cosine[2]: no index of a batch of shape (2,)"),
    (lambda: batch()["a"], "Cosine['a']: no index of a batch of shape (2,)"),
    (lambda: batch().reshape(7), "Cosine.reshape(7): a batch of shape (2,) cannot take that shape"),
    (lambda: batch().reshape("a"), "Cosine.reshape('a'): a batch of shape (2,) cannot take that shape"),
    (lambda: cosine() / 0, "Cosine: divide by a number other than 0, not an int: 0"),
    (lambda: cosine() / None, "Cosine: divide by a number other than 0, not None"),
    (lambda: olr.Constant([1, 2]) * olr.Constant([1, 2, 3]), "Product: the fields do not broadcast: schedules.0"),
    # batches and sweeps
    (lambda: olr.grid("cosine", learning_rate=[1]), "grid() takes a schedule class such as olr.Cosine, not text"),
    (lambda: olr.grid(cosine(), learning_rate=[1]), "grid() takes a schedule class such as olr.Cosine, not a Cosine"),
    (lambda: olr.grid(olr.Schedule), "grid() takes a schedule class"),
    (lambda: olr.grid(olr.Cosine, learning_rate=[1e-3]), "Cosine: max_steps must be given"),
    (lambda: olr.stack(cosine()), "stack() takes a list of schedules, not a Cosine"),
    (lambda: olr.stack("ab"), "stack() takes a list of schedules, not text: 'ab'"),
    (lambda: olr.concatenate(None), "concatenate() takes a list of schedules, not None"),
    (lambda: olr.table(None), "table() takes a schedule or a batch of them"),
    (lambda: olr.shard([cosine()]), "shard() takes a schedule or a batch of them"),
    (lambda: olr.shard(batch(), "cpu"), "shard(): mesh must be a jax.sharding.Mesh, such as jax.make_mesh makes, not text: 'cpu'"),
    (lambda: olr.sweep([cosine()] * 40, 2), "sweep() takes a schedule or a batch of them, such as olr.Cosine(...), not a list"),
    (lambda: olr.sweep([cosine()], 2), "; stack([...]) makes a batch of several"),
    (lambda: olr.sweep_summary(None, 2), "sweep_summary() takes a schedule or a batch of them"),
    (lambda: olr.sweep(batch(), 2.5), "sweep(): steps must be a whole number of optimizer steps, not 2.5"),
    (lambda: olr.sweep_to(None, batch(), 2), "sweep_to(): path must be the path of a file or folder, not None"),
    (lambda: olr.sweep_to("x.zarr", None, 2), "sweep_to() takes a schedule or a batch of them"),
    (lambda: olr.sweep_to("x.zarr", batch(), 2, block_bytes=0), "sweep_to(): block_bytes must be at least 1, not 0"),
    # names
    (lambda: olr.get_scheduler(["cosine"], 1e-3), "get_scheduler(): name must be text such as 'cosine', not a list"),
    (lambda: olr.get_scheduler(None, 1e-3), "get_scheduler(): name must be text such as 'cosine', not None"),
    (lambda: olr.from_torch("cosine"), "from_torch() takes schedulers of torch.optim.lr_scheduler, not text: 'cosine'"),
    (lambda: olr.get_scheduler("cosine_with_min_lr", 1e-3, max_steps=9, min_lr_rate="x"), "min_lr_rate must be a number"),
    (lambda: olr.get_scheduler("cosine_with_min_lr", "x", max_steps=9, min_lr_rate=0.1), "learning_rate must be a number"),
    # pictures
    (lambda: olr.plot(None), "plot() draws a schedule, a batch, a list or a mapping of schedules, a plan or an audit, not None"),
    (lambda: olr.plot("cosine"), "plot() draws a schedule, a batch, a list or a mapping of schedules"),
    (lambda: olr.plot([None]), "plot() takes schedules, not None"),
    (lambda: olr.plot(cosine(), steps=-1), "plot(): steps must be at least 0, not -1"),
    (lambda: olr.plot(cosine(), steps="a"), "plot(): steps must be a number or an array of numbers, not text: 'a'"),
    (lambda: olr.plot(cosine(), past_end="cut"), "plot(): past_end must be one of 'reference', 'hold', 'nan', not 'cut'"),
    (lambda: olr.plot(cosine(), ax=3), "plot(): ax must be axes of matplotlib, such as pyplot.subplots()[1], not an int: 3"),
    (lambda: olr.plot(cosine(), color_by="rate"), "plot(): color_by must be a field of the schedules, not 'rate'"),
    (lambda: olr.plot_kinds(None), "plot_kinds() takes a schedule or a batch of them"),
    # configs
    (lambda: olr.read_config(None), "a config must be the path of a file, a mapping of its keys, or a command line as a list"),
    (lambda: olr.read_config(""), "a config must be the path of a file, a mapping of its keys, or a command line as a list"),
    (lambda: olr.lint(3), "a config must be the path of a file, a mapping of its keys"),
    (lambda: config().plan(num_examples="5000"), "num_examples must be a whole number, not text: '5000'; write 5000 without"),
    (lambda: config().plan(num_examples=2.5), "num_examples must be a whole number, not a float: 2.5"),
    (lambda: config().plan(num_examples=5e3), "num_examples must be a whole number, not a float: 5000.0; write 5000"),
    (lambda: config().plan(max_steps=True), "max_steps must be a whole number, not a bool: True"),
    (lambda: olr.lint(config(), num_examples=-1), "num_examples must be at least 1, not -1"),
    (lambda: olr.lint(cosine(), train_steps=0), "train_steps must be at least 1, not 0"),
    (lambda: olr.lint(config(), transformers_version="new"), "transformers_version must be like 5.8.0, not 'new'"),
    (lambda: olr.recommend(num_examples="a"), "num_examples must be a whole number, not text: 'a'"),
    (lambda: olr.recommend(num_examples=9, num_train_epochs="a"), "num_train_epochs must be a number, not 'a'"),
    (lambda: olr.recommend(method="lora", num_train_epochs=0), "num_train_epochs must be above 0, not 0"),
    (olr.recommend, "give at least one of method, task, situation, domain, hardware and num_examples"),
    (lambda: olr.write_config("cosine"), "write_config() takes a schedule or a batch of them"),
    # logs
    (lambda: olr.read_log(None), "a log must be the path of a file or folder, a list of entries, or a mapping of columns, not None"),
    (lambda: olr.read_log(""), "a log must be the path of a file or folder"),
    (lambda: olr.read_log({"step": [1, 2], "learning_rate": ["a", "b"]}), "hold steps, but no rate, loss or other number"),
    (lambda: olr.audit(log(), plan="plan.yaml"), "audit(): plan must be a schedule, a plan or a config, not text: 'plan.yaml'; read"),
    (lambda: olr.audit(log(), plan=optax.constant_schedule(1.0)), "audit(): plan must be a schedule, a plan or a config"),
    (lambda: olr.identify(["a"], [1]), "identify(): step must be an array of numbers, not a list: ['a']"),
    (lambda: olr.identify([1, 2], [1, {}]), "identify(): learning_rate must be an array of numbers, not a list: [1, {}]"),
    (lambda: olr.identify([[1], [1, 2]], [1, 2]), "identify(): step must be an array of numbers"),
    (lambda: olr.identify([1, 2], [1, 1], max_steps=-4), "identify(): max_steps must be at least 0, not -4"),
    (lambda: olr.patterns({"step": [1]}), "patterns() takes a log, as read_log(...) gives it, not a dict"),
    (lambda: olr.patterns(log(), planned=["a"] * 3), "patterns(): planned must be an array of rates, not a list"),
    # training
    (lambda: olr.inject_schedules("adamw"), "inject_schedules() takes the factory of an optimizer, such as optax.adamw, not text: 'adamw'"),
    (olr.inject_schedules(optax.adamw), "inject_schedules(adamw): missing a required argument: 'learning_rate'"),
    (lambda: olr.inject_schedules(optax.adamw)(cosine(), weight_deca=1), "inject_schedules(adamw): unknown argument 'weight_deca'; did you mean"),
    (lambda: olr.greedy(cosine(), longest_window="a"), "greedy: longest_window must be a whole number, not text: 'a'"),
    (lambda: olr.set_schedule(state(), None), "set_schedule(): give a schedule, a dictionary of them by group, or a position"),
    (lambda: olr.set_schedule(state(), "cosine"), "set_schedule(): learning_rate must be a schedule, a number or a function of the step, not text: 'cosine'"),
    (lambda: olr.observe(state(olr.reduce_on_plateau(cosine())), "0.5"), "must be a number, not text: '0.5'; write 0.5 without"),
    (lambda: olr.save_checkpoint(None, state()), "save_checkpoint(): path must be the path of a folder, not None"),
    (lambda: olr.save_checkpoint("x", None), "save_checkpoint(): state must be a pytree of arrays"),
    (lambda: olr.save_checkpoint("x", "a"), "save_checkpoint(): state must be a pytree of arrays"),
    (lambda: olr.restore_checkpoint(None, state()), "restore_checkpoint(): path must be the path of a folder, not None"),
    (lambda: olr.Monitor(3), "Monitor: folder must be the path of a folder, not an int: 3"),
    (lambda: olr.Monitor("x", logging_steps=2.5), "Monitor: logging_steps must be a whole number, not a float: 2.5"),
    (lambda: olr.Monitor("x", step=-1), "Monitor: step must be at least 0, not -1"),
    (lambda: olr.Monitor("x", max_steps="a"), "Monitor: max_steps must be a whole number, not text: 'a'"),
    (lambda: olr.Monitor("x", on_finding=3), "Monitor: on_finding must be called with a finding, such as print, not an int: 3"),
    (lambda: olr.Monitor("x", report_to=None), "Monitor: unknown report_to None"),
    (lambda: olr.Monitor("x", report_to=[3]), "Monitor: unknown report_to 3"),
]  # fmt: skip


@wrong_types
@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_wrong_arguments_raise_an_error_of_one_line(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    raised_in = traceback.extract_tb(caught.value.__traceback__)[-1].filename
    assert raised_in.startswith(PACKAGE), raised_in
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match=r"Monitor: the folder cannot be made: File exists: '.*file'"):
        olr.Monitor(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_every_kind_names_its_fields():
    kinds = [getattr(olr, name) for name in olr.__all__]
    kinds = [one for one in kinds if inspect.isclass(one) and issubclass(one, olr.Schedule)]
    kinds = [one for one in kinds if one not in (olr.Schedule, olr.Function)]  # which takes settings of any name
    assert len(kinds) > 35
    for kind in kinds:
        with pytest.raises(TypeError, match=f"{kind.__name__}: unknown field 'colour'"):
            kind(colour=1)
        assert "colour" not in inspect.signature(kind).parameters


def test_a_misspelt_name_of_the_package_has_a_suggestion():
    with pytest.raises(AttributeError) as caught:
        olr.Cosne  # noqa: B018
    told = "".join(traceback.format_exception(caught.value))
    assert "optax_lr has no 'Cosne'" in told
    assert "Did you mean: 'Cosine'?" in told or sys.version_info < (3, 12)


@wrong_types
def test_valid_arguments_are_accepted():
    assert np.isfinite(cosine()(2**40))  # beyond int32, in Python's floats
    assert cosine()(np.uint8(7)) == cosine()(7)
    assert batch()(np.array(7, np.int64)).shape == (2,)
    assert batch()[-1].learning_rate == 2e-3
    assert batch()[jnp.array([1, 0, 1])].batch_shape == (3,)
    assert jax.jit(lambda many, row: many[row](3))(batch(), 1) == pytest.approx(batch()[1](3), rel=2e-7)
    assert olr.identify([1, 2, 3], [1e-3, None, 1e-3]).explained  # None as NaN: a row without a rate
    assert config().plan(num_examples=np.int64(100)).max_steps == 39


def test_the_words_of_messages():
    assert shown(None) == "None"
    assert shown("a") == "text: 'a'"
    assert shown(3) == "an int: 3"
    assert len(shown(list(range(1000)))) < 120
    assert "\n" not in shown(np.zeros((3, 3)))
    assert unknown("f()", "field", "peak_value", ["learning_rate"]).startswith(
        "f(): unknown field 'peak_value'; did you mean 'learning"
    )
    assert unknown("f()", "method", None, ["lora", "none"]) == "f(): unknown method None. Known: lora, none"
    assert whole_number("n", np.int32(3)) == whole_number("n", jnp.int32(3)) == 3
    assert file_name("a log", Path("x")) == "x" == file_name("a log", b"x")
