"""Random input for every reader and every constructor gives a result or an error of one line, quickly.

The searches of the suite are short; `pytest -m long tests/safety` runs each with many more examples.
"""

import json
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import optax_lr as olr
from optax_lr.trainers.settings import SETTING_NAMES
from tests.cases import CLASSES, USUAL
from tests.wrong_types import wrong_types

SOON = 2.0  # seconds of CPU time for one small input, imports included
LONG = 50  # times the examples of the suite

KEYS = [
    *sorted(SETTING_NAMES),
    "stage", "finetuning_type", "deepspeed", "dataset", "packing", "use_peft", "quantization_bit", "adapter", "lr_scheduler",
    "micro_batch_size", "num_epochs", "sequence_len", "cosine_min_lr_ratio", "jagged_restart_steps", "jagged_restart_warmup_steps",
    "jagged_restart_anneal_steps", "lr_quadratic_warmup", "base_model", "num_cycles", "min_lr", "power", "lr_end",
    "load_best_model_at_end", "metric_for_best_model", "early_stopping_patience", "eval_steps", "save_steps", "logging_steps",
    "eval_strategy", "save_strategy", "optim", "loraplus_lr_ratio", "parallelism_config", "training", "scheduler", "optimizer",
    "zero_optimization", "train_batch_size", "lr_scheduler_config", "model_class", "galore_layerwise", "type", "params", "",
]  # fmt: skip
WORDS = [
    "cosine", "linear", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt", "cosine_with_restarts", "cosine_with_min_lr",
    "warmup_stable_decay", "reduce_lr_on_plateau", "greedy", "rex", "one_cycle", "WarmupLR", "OneCycle", "auto", "lora", "no", "steps",
    "", "x", "1e-4", "1e400", "0x10", "9" * 400, "nan", "inf", "-1", "${learning_rate}", "${oc.env:HOME}", "${a", "\ud800", "\x1b[31m",
    "[/bold]", "a\nb", "$x$", "{", '{"min_lr": 1}', "\0", "/dev/zero", "/proc/self/environ", "..", "~", "é",
]  # fmt: skip
NUMBERS = [
    0,
    1,
    -1,
    2,
    10,
    100,
    2**31 - 1,
    2**31,
    2**63,
    10**400,
    -(10**400),
    0.0,
    -0.0,
    1e-4,
    0.1,
    2.5,
    -1.0,
    1e308,
    5e-324,
    float("nan"),
    float("inf"),
]
SCALARS = st.sampled_from([*WORDS, *NUMBERS, None, True, False]) | st.integers() | st.floats() | st.text(max_size=4)
ODD = st.sampled_from(
    [
        b"x",
        (1, 2),
        1j,
        object(),
        frozenset({1}),
        np.float32(0.5),
        np.ones(2),
        np.array("x"),
        np.datetime64("2026-01-01"),
        range(3),
        int,
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=4,
)
CONFIGS = st.builds(
    lambda base, more: base | more,
    st.sampled_from([{}, {"learning_rate": 1e-4, "max_steps": 100, "lr_scheduler_type": "cosine"}, {"learning_rate": 1e-4, "num_train_epochs": 2}]),
    st.dictionaries(st.sampled_from(KEYS), VALUES | ODD, min_size=1, max_size=3),
)  # fmt: skip
EXAMPLES = st.sampled_from([None, 1, 1000, 10**12, 10**400])


class Watch:
    """Passes what raises one of `errors` in one printable line; fails for what takes long."""

    def __init__(self, *errors: type[Exception]):
        self._errors = errors

    def __enter__(self) -> None:
        self._start = time.process_time()

    def __exit__(self, kind, error, _) -> bool:
        if error is None or not isinstance(error, Exception) or "Failed" in type(error).__name__:
            assert error is not None or time.process_time() - self._start < SOON
            return False
        if type(error) not in self._errors and not (
            olr.ConfigError in self._errors and isinstance(error, olr.ConfigError)
        ):
            return False  # a subclass of Python's, such as UnicodeError, is no message of this library
        assert time.process_time() - self._start < SOON
        assert str(error)
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 2000
        return True


def check_mapping(config, num_examples):
    with Watch(olr.ConfigError):
        olr.read_config(config).plan(num_examples=num_examples)
    with Watch(olr.ConfigError):
        for finding in olr.lint(config, num_examples=num_examples):
            assert len(str(finding).splitlines()) == 1


@wrong_types
@settings(max_examples=120)
@given(CONFIGS, EXAMPLES)
def test_mappings(config, num_examples):
    check_mapping(config, num_examples)


@pytest.mark.long
@wrong_types
@settings(max_examples=120 * LONG)
@given(CONFIGS, EXAMPLES)
def test_mappings_with_many_examples(config, num_examples):
    check_mapping(config, num_examples)


# Pieces of text for random files: the special characters of each format, keys and values.
PIECES = st.sampled_from([
    *KEYS, *(str(word) for word in WORDS if "\ud800" not in word), "\n", "\n", "\r\n", " ", "  ", "\t", ": ", ":", ",", "- ", "#", "'", '"', "{", "}", "[", "]",
    "|", ">-\n", "&a ", "*a", "<<: ", "!!str ", "!!python/name:os.system ", "---\n", "...\n", "? ", "%YAML 1.1\n", "\\", "$(", "`", "${", "}", "$((", "))", "<<EOF\n", "EOF\n",
    "--learning_rate ", "--max_steps=", "python t.py ", "for i in ", "do\n", "done\n", "if [ ", "fi\n", "A=(", ")", '"${A[@]}"', "export ", "; ", " && ", "|| ", "\\\n",
    "step,learning_rate,loss\n", "1,1e-4,2\n", '{"step": 1, "learning_rate": 1e-4}\n', '"log_history": [', "NaN", "1e400", "null", "true", "9" * 400,
    "### Training hyperparameters\n", "- learning_rate: 5e-05\n", "- lr_scheduler_type: cosine\n", "\ufeff", "\u2028", "\x85", "\0", "\x1b[0m",
])  # fmt: skip
TEXTS = (
    st.lists(PIECES | st.text(max_size=3), max_size=25)
    .map("".join)
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
)
BYTES = st.binary(max_size=60)
FORMS = ["a.yaml", "a.json", "a.sh", "a.md", "a.py", "a.ipynb", "a.toml"]
LOGS = ["a.csv", "a.json", "a.jsonl", "events.out.tfevents.1", "trainer_state.json"]


def check_file(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    with Watch(olr.ConfigError):
        for config in olr.read_configs(path):
            with Watch(olr.ConfigError):
                config.plan(num_examples=1000)
    with Watch(olr.ConfigError):
        olr.lint(path)


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=60)
@given(content=TEXTS | BYTES)
def test_config_files(tmp_path_factory, name, content):
    check_file(_folder(tmp_path_factory), name, content)


@pytest.mark.long
@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=60 * LONG)
@given(content=TEXTS | BYTES)
def test_config_files_with_many_examples(tmp_path_factory, name, content):
    check_file(_folder(tmp_path_factory), name, content)


def check_log(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    with Watch(olr.ConfigError):
        olr.read_log(path)


@pytest.mark.parametrize("name", LOGS)
@settings(max_examples=60)
@given(content=TEXTS | BYTES)
def test_logs(tmp_path_factory, name, content):
    check_log(_folder(tmp_path_factory), name, content)


@pytest.mark.long
@pytest.mark.parametrize("name", LOGS)
@settings(max_examples=60 * LONG)
@given(content=TEXTS | BYTES)
def test_logs_with_many_examples(tmp_path_factory, name, content):
    check_log(_folder(tmp_path_factory), name, content)


ROWS = st.lists(
    st.dictionaries(st.sampled_from(["step", "step", "learning_rate", "loss", "eval_loss", "grad_norm", "epoch", "x"]), SCALARS, max_size=4),
    max_size=6,
)  # fmt: skip


def check_rows(folder, rows, extra):
    (folder / "a.json").write_text(json.dumps({"log_history": rows, **extra}))
    (folder / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    for name in ("a.json", "a.jsonl"):
        with Watch(olr.ConfigError):
            olr.read_log(folder / name)


@settings(max_examples=80)
@given(ROWS, st.dictionaries(st.sampled_from(["max_steps", "epoch", "best_metric"]), SCALARS, max_size=2))
def test_rows_of_logs(tmp_path_factory, rows, extra):
    check_rows(_folder(tmp_path_factory), rows, extra)


@pytest.mark.long
@settings(max_examples=80 * LONG)
@given(ROWS, st.dictionaries(st.sampled_from(["max_steps", "epoch", "best_metric"]), SCALARS, max_size=2))
def test_rows_of_logs_with_many_examples(tmp_path_factory, rows, extra):
    check_rows(_folder(tmp_path_factory), rows, extra)


FIELDS = (
    SCALARS
    | ODD
    | st.lists(SCALARS, max_size=3)
    | st.sampled_from([olr.Linear(1.0, 9), [olr.Linear(1.0, 9)], olr.Linear, jnp.ones(2), jnp.float32(jnp.nan), np.ones((2, 0)), np.array([1, "x"], object), {}, {"a": 1}])
)  # fmt: skip


def check_constructor(kind, data):
    fields = dict(USUAL[kind])
    for name in data.draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=2, unique=True)):
        fields[name] = data.draw(FIELDS)
    with Watch(ValueError, TypeError):
        made = kind(**fields)
        assert repr(made)
        assert made.batch_shape is not None


@wrong_types
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_constructors(kind, data):
    check_constructor(kind, data)


@wrong_types
@pytest.mark.long
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@settings(max_examples=25 * LONG)
@given(data=st.data())
def test_constructors_with_many_examples(kind, data):
    check_constructor(kind, data)


LINEAR = olr.Linear(1.0, 9)
FIELD_LINES = [
    (lambda: olr.Cyclic(0, 1, mode=["triangular"]), "Cyclic: mode must be one of 'triangular', 'triangular2', 'exp_range', not a list: ['triangular']"),
    (lambda: olr.Cyclic(0, 1, mode=np.array(["triangular"])), "Cyclic: mode must be one of"),
    (lambda: olr.WarmupStableDecay(1.0, 10, 20, decay_type=np.ones(3)), "WarmupStableDecay: decay_type must be one of"),
    (lambda: olr.TimmCosine(1.0, 10, warmup_prefix=1), "TimmCosine: warmup_prefix must be one of False, True, not an int: 1"),
    (lambda: olr.Scaled("cosine", 2.0), "Scaled: schedule must be a schedule, a number or a function of the step, not text"),
    (lambda: olr.Scaled(jnp.ones(3) > 0, 2.0), "Constant: learning_rate must be a number or an array of numbers"),
    (lambda: olr.Scaled(olr.Linear, 2.0), "Scaled: schedule must be a schedule, a number or a function of the step, not a type"),
    (lambda: olr.Scaled(LINEAR, LINEAR), "Scaled: factor must be a number or an array of numbers, not a Linear"),
    (lambda: olr.Linear(1.0, LINEAR), "Linear: max_steps must be a number or an array of numbers, not a Linear"),
    (lambda: olr.Stages([LINEAR, LINEAR], [LINEAR]), "Stages: boundaries[0] must be a number or an array of numbers, not a Linear"),
    (lambda: olr.HoldAfter(LINEAR, step=LINEAR), "HoldAfter: step must be a number or an array of numbers, not a Linear"),
    (lambda: LINEAR(LINEAR), "Linear: step must be a number or an array of numbers, not a Linear"),
    (lambda: olr.sweep(LINEAR, LINEAR), "sweep(): steps must be a number or an array of numbers, not a Linear"),
]  # fmt: skip


@wrong_types
@pytest.mark.parametrize(("make", "line"), FIELD_LINES, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_wrong_types_of_fields_raise_the_error_of_the_field(make, line):
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert str(caught.value).startswith(line)


def _folder(factory) -> Path:
    """One folder for all examples: each overwrites the files of the one before."""
    folder: Path = factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    return folder
