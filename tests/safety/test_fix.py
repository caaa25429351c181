"""`lint --fix`: the result parses, only the text of the named keys changes, and a second run changes nothing."""

import ast
import json
import os
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings, strategies as st

import optax_lr as olr
from optax_lr.linting.json_edits import changed
from optax_lr.linting.lint import apply_fixes
from optax_lr.sources.documents import document_of
from optax_lr.sources.python import script_sources
from tests.safety.commands import run

OPTIONS = {"num_examples": 1000, "world_size": 1, "transformers_version": None, "train_steps": None}
# Forms in which a value may be written: `{}` is the value.
STYLES = [
    "{key}: {value}", "{key}: {value}   # why", "{key}: '{value}'", '{key}: "{value}"', '"{key}": {value}', "{key}:\n  {value}",
    "{key}: >-\n  {value}", "{key}: |\n  {value}\n", "{key}:     {value}", "? {key}\n: {value}", "{key}: &anchor {value}", "# before\n{key}: {value}",
    "{key}: !!str {value}", "{key}: {value}\n\n",
]  # fmt: skip
VALUES = {
    "learning_rate": ["1e-3", "1.0e-3", "5.0e-5", "1", "0.1"],
    "lr_scheduler_type": ["cosine", "cosine_with_min_lr", "polynomial", "linear", "constant", "cosine_with_restarts"],
    "max_steps": ["100", "20", "600"],
    "warmup_steps": ["90", "500", "1", "0"],
    "warmup_ratio": ["0.9", "0.03"],
    "num_train_epochs": ["3", "1.0"],
    "num_cycles": ["3"],
    "min_lr": ["1.0e-6", "1e-6"],
    "lr_scheduler_kwargs": ["{min_lr: 1e-6}", "{num_cycles: 1, power: 2}", "\n  min_lr: 1.0e-6  # low\n  num_cycles: 2", '\'{"min_lr": 1e-6}\''],
    "stage": ["sft"],
    "finetuning_type": ["lora", "full"],
    "num_epochs": ["2"],
    "lr_warmup_steps": ["5"],
    "per_device_train_batch_size": ["4"],
}  # fmt: skip
OTHERS = [
    "output_dir: a/é b",
    "# a comment: 1",
    "",
    "template: [a, {b: 'c # d'}]",
    "note: >\n  long text\n  of two lines\n",
    "other: *anchor",
]


@st.composite
def files(draw):
    """The text of a YAML file as chunks, each with its key or None."""
    chosen = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=2, max_size=7, unique=True))
    chunks = []
    for key in chosen:
        style, value = draw(st.sampled_from(STYLES)), draw(st.sampled_from(VALUES[key]))
        if value.startswith(("{", "\n", "'")):
            style = "{key}: {value}" if value[0] != "\n" else "{key}:{value}"
        chunks.append((key, style.format(key=key, value=value)))
    for other in draw(st.lists(st.sampled_from(OTHERS), max_size=2, unique=True)):
        chunks.insert(draw(st.integers(0, len(chunks))), (None, other))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = "".join(f"{chunk}\n" for _, chunk in chunks)
    text = draw(st.sampled_from(["", "", "---\n", "# top\n---\n"])) + text
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return chunks, text.replace("\n", newline), newline


def _loads(text):
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def assert_fixed(chunks, text, newline):
    before = _loads(text)
    if not isinstance(before, dict):
        return
    body = text[text.index("---") + 3 :] if "---" in text else text
    try:
        draft = document_of("a.yaml", body, form="yaml", folder=None)
    except olr.ConfigError:
        return
    fixed, done, _ = apply_fixes(draft, OPTIONS)
    after = yaml.safe_load(fixed.text)
    named = {edit.key.partition(".")[0] for finding in done for edit in finding.edits}
    assert {key: value for key, value in before.items() if key not in named} == {
        key: value for key, value in after.items() if key not in named
    }
    position = 0
    for key, chunk in chunks:
        if key not in named:
            chunk = chunk.strip("\n").replace("\n", newline)
            position = fixed.text.index(chunk, position) + len(chunk)
    if newline == "\r\n":
        assert fixed.text.count("\n") == fixed.text.count("\r\n")
    again, nothing, _ = apply_fixes(fixed, OPTIONS)
    assert again.text == fixed.text
    assert not nothing
    if not done:
        assert fixed.text == body


@settings(max_examples=60)
@given(files())
def test_a_fix_changes_only_the_named_keys(file):
    assert_fixed(*file)


@pytest.mark.long
@settings(max_examples=3000)
@given(files())
def test_a_fix_changes_only_the_named_keys_with_many_examples(file):
    assert_fixed(*file)


# The same values as arguments of a call, and how a call may be written: `{}` are the arguments.
ARGUMENTS = {
    "learning_rate": ["1e-3", "5e-05", "1_0.0e-1"], "lr_scheduler_type": ["'cosine'", '"polynomial"', "'cosine_with_min_lr'"],
    "max_steps": ["100", "6_00", "(20)"], "warmup_steps": ["90", "500", "0x5a"], "warmup_ratio": ["0.9", ".03"], "num_cycles": ["3"],
    "lr_scheduler_kwargs": ["{'num_cycles': 2}", "dict(power=2)", "{'min_lr': 1e-6,}"], "per_device_train_batch_size": ["4"],
}  # fmt: skip
CALLS = [
    "args = TrainingArguments({})",
    "train(TrainingArguments({}), 'x', n=90)",
    "if True:\n    args = (TrainingArguments(\n        {}))",
    "a = 90; args = TrainingArguments('é', {}); b = 90",
]
SEPARATORS = [", ", ",", ",\n        ", ",  # why 90\n        "]


@st.composite
def scripts(draw):
    """A Python script with one call, its arguments as `(name, text)`, and the text around them."""
    names = draw(st.lists(st.sampled_from(sorted(ARGUMENTS)), min_size=2, max_size=6, unique=True))
    arguments = [(name, draw(st.sampled_from(ARGUMENTS[name]))) for name in names]
    separator, call = draw(st.sampled_from(SEPARATORS)), draw(st.sampled_from(CALLS))
    inside = separator.join(f"{name}={text}" for name, text in arguments)
    text = f"# 90\nfrom transformers import TrainingArguments\n{call.format(inside)}\nwarmup_steps = 90\n"
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return arguments, text.replace("\n", newline), newline


def assert_script_fixed(arguments, text, newline):
    source = script_sources("a.py", text, None)[0]
    fixed, done, _ = apply_fixes(source, OPTIONS)
    ast.parse(fixed.text)
    named = {edit.key.partition(".")[0] for finding in done for edit in finding.edits}
    for name, value in arguments:
        if name not in named:
            assert f"{name}={value}" in fixed.text
    for part in ("# 90", f"{newline}warmup_steps = 90{newline}"):
        assert fixed.text.count(part) == text.count(part)
    assert fixed.text.count("\n") - fixed.text.count("\r\n") == (0 if newline == "\r\n" else fixed.text.count("\n"))
    assert (fixed.text != text) == bool(done)
    again, nothing, _ = apply_fixes(fixed, OPTIONS)
    assert again.text == fixed.text
    assert not nothing


@settings(max_examples=60)
@given(scripts())
def test_a_fix_of_a_script_changes_only_the_named_arguments(script):
    assert_script_fixed(*script)


@pytest.mark.long
@settings(max_examples=3000)
@given(scripts())
def test_a_fix_of_a_script_changes_only_the_named_arguments_with_many_examples(script):
    assert_script_fixed(*script)


WRONG = "# mine\nlearning_rate: 1.0e-4 # peak\nlr_scheduler_type: cosine\nmax_steps: 100\nwarmup_steps: 90\noutput_dir: \u00e9\n"


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (WRONG, WRONG.replace("90", "10")),
        (WRONG.replace("\n", "\r\n"), WRONG.replace("90", "10").replace("\n", "\r\n")),
        ("\ufeff" + WRONG, "\ufeff" + WRONG.replace("90", "10")),
        ("---\n" + WRONG, "---\n" + WRONG.replace("90", "10")),
        ("# above\n---\n" + WRONG, "# above\n---\n" + WRONG.replace("90", "10")),
        (WRONG.replace(" 90", "\n  90"), WRONG.replace(" 90", "\n  10")),
        (WRONG.replace(" 90", " >-\n  90") + "use_peft: true\n", WRONG.replace("90", "10") + "use_peft: true\n"),
        (WRONG.rstrip("\n"), WRONG.replace("90", "10").rstrip("\n")),
    ],
)
def test_bytes_permissions_and_links_are_kept(tmp_path, monkeypatch, before, after, in_place):
    monkeypatch.chdir(tmp_path)
    real = Path("real.yaml")
    real.write_bytes(before.encode())
    real.chmod(0o600)
    Path("in.yaml").symlink_to("real.yaml")
    target = Path("in.yaml" if in_place else "out.yaml")
    done = run("lint", "in.yaml", "--fix", target, *(["--force"] if in_place else []))
    assert done.code == 1, done
    assert target.read_bytes().decode() == after
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert Path("in.yaml").is_symlink()
    assert sorted(os.listdir()) == sorted({"in.yaml", "real.yaml", target.name})
    again = run("lint", target, "--fix", "again.yaml")
    assert "0 findings fixed" in again.err
    assert Path("again.yaml").read_bytes().decode() == after


@pytest.mark.parametrize(
    "text",
    [
        WRONG.replace("90", "&w 90") + "logging_steps: *w\n",
        "anchor: &w 90\n" + WRONG.replace("90", "*w"),
        "{learning_rate: 1.0e-4, lr_scheduler_type: cosine, max_steps: 100, warmup_steps: 90, min_lr: 1e-6}\n",
    ],
)
def test_an_edit_that_is_impossible_in_place_is_listed(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    Path("in.yaml").write_text(text)
    done = run("lint", "in.yaml", "--fix", "out.yaml")
    assert done.code == 1
    assert "must be fixed by hand" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ('{"a": 1}', {"a": 2}, '{"a": 2}'),
        ('{"a": 1, "b": 2}', {"b": 2}, '{"b": 2}'),
        ('{"a": 1, "b": 2}', {"a": 1}, '{"a": 1}'),
        ('{"a": 1}', {}, "{}"),
        ("{}", {"a": [1]}, '{"a": [1]}'),
        ('{\n\t"a": 1,\n\t"b": {"c": null}\n}\n', {"a": 1, "b": {"c": None}, "d": 1}, '{\n\t"a": 1,\n\t"d": 1,\n\t"b": {"c": null}\n}\n'),
        ('{"a" :1e-4 , "b": {"c": [1,2] ,"d":3}}', {"a": 1e-4, "b": {"c": [1, 2], "d": 4}}, '{"a" :1e-4 , "b": {"c": [1,2] ,"d":4}}'),
    ],
)  # fmt: skip
def test_json_is_changed_in_place(text, change, expected):
    assert changed(text, change, after=["a"]) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(
    st.dictionaries(st.text(max_size=3), JSON, max_size=4),
    st.dictionaries(st.text(max_size=3), JSON, max_size=4),
    st.sampled_from([None, 2, "\t"]),
)
def test_any_json_can_be_changed_to_any_other(old, new, indent):
    made = changed(json.dumps(old, indent=indent), new, after=["a"])
    assert json.loads(made) == new
    assert changed(made, new, after=["a"]) == made
