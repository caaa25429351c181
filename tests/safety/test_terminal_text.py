"""Untrusted text stays text: control characters, markup and mathtext of a file have no effect. Any failure is one line."""

import importlib
import io
import json
import os
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import optax_lr as olr
from optax_lr import exit_codes
from optax_lr.cli import main
from optax_lr.text import one_line, visible
from tests.safety.commands import run

HERE = Path(__file__).parents[2]
EVIL = "\x1b]0;PWNED\x07\x1b[2J\x1b[31mRED\u202e\x9b31m\u2028[/bold][link=http://x]$\\frac{$"
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_safe(text):
    return all(character == "\n" or unicodedata.category(character) not in HIDDEN for character in text)


@given(st.text())
def test_visible_text_has_no_control_characters(text):
    assert is_safe(visible(text))
    assert is_safe(one_line(text))
    assert "\n" not in one_line(text)
    if is_safe(text) and "\n" not in text:
        assert visible(text) == text


BASE = {"learning_rate": 1e-4, "lr_scheduler_type": "cosine", "max_steps": 100, "warmup_steps": 90, "stage": "sft"}
CONFIGS = {
    "value": {**BASE, "deepspeed": EVIL},
    "key": {**BASE, EVIL: 1},
    "key alone": {EVIL: 1},
    "near a setting": {**BASE, f"warmup_step{EVIL[:1]}s": 1},
    "kind": {**BASE, "lr_scheduler_type": EVIL},
    "keyword": {**BASE, "lr_scheduler_kwargs": {EVIL: EVIL}},
    "number": {**BASE, "learning_rate": EVIL},
    "reference": {**BASE, "learning_rate": "${" + EVIL + "}"},
    "section": {EVIL: BASE},
    "deepspeed": {**BASE, "deepspeed": {"scheduler": {"type": EVIL, "params": {EVIL: 1}}}},
    "foreign": {**BASE, "num_epochs": EVIL},
    "metric": {**BASE, "metric_for_best_model": EVIL, "load_best_model_at_end": True, "eval_strategy": EVIL},
}
COMMANDS = [
    *(["lint", "--format", form] for form in ("text", "json", "github", "sarif")),
    ["lint", "--fix", "fixed.json", "--force"],
    ["show"],
    ["show", "--json"],
    ["show", "--png", "a.png", "--force"],
    ["compare", "plain.json"],
    ["sweep", "--json"],
    ["sweep", "--png", "a.png", "--force"],
]


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("plain.json").write_text(json.dumps(BASE))
    for file in (
        ("a.json",) if name != "value" else ("a.json", f"{EVIL[:30]}[link].json".replace("/", ":"), "$\\frac{$.json")
    ):
        Path(file).write_text(json.dumps(CONFIGS[name]))
        for command in COMMANDS:
            done = run(*command, file)
            assert is_safe(done.out), (command, done.out)
            assert is_safe(done.err), (command, done.err)
            assert done.code in (0, 1, 2), (command, done)
            assert "Traceback" not in done.err
            if "--png" in command and done.code == 0:
                assert Path("a.png").read_bytes()[:4] == b"\x89PNG"


def test_markup_is_shown_as_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run[link].json").write_text(json.dumps({**BASE, "deepspeed": "[/bold]"}))
    done = run("show", "run[link].json")
    assert done.code == 0
    assert "run[link].json" in done.out
    assert "[/bold] is not found" in done.out
    assert "run[link].json" in run("compare", "run[link].json", "run[link].json").err
    Path("other.json").write_text(json.dumps(BASE))
    assert "run[link].json" in run("compare", "run[link].json", "other.json").out


LOGS = {
    "a.csv": "step,learning_rate,loss," + EVIL.replace("\n", "") + "\n" + "".join(f"{n},{1e-4 * (1 - n / 9)},1,2\n" for n in range(9)),
    "b.csv": EVIL + "\n1\n",
    "c.jsonl": "".join(json.dumps({"step": n, "learning_rate": 1e-4 * (1 - n / 9), EVIL: EVIL}) + "\n" for n in range(9)),
    "d.json": json.dumps({EVIL: 1}),
    "e.json": json.dumps({"max_steps": 9, "log_history": [{"step": EVIL, "learning_rate": EVIL}]}),
    f"{EVIL[1:20]}.csv": "step,learning_rate\n" + "".join(f"{n},{1e-4 * (1 - n / 9)}\n" for n in range(9)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_logs(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(LOGS[name])
    Path("plan.json").write_text(json.dumps({**BASE, "deepspeed": EVIL}))
    for more in ([], ["--json"], ["--config", "plan.json"], ["--html", "a.html", "--png", "a.png", "--force"]):
        done = run("audit", name, *more)
        assert is_safe(done.out), done.out
        assert is_safe(done.err), done.err
        assert done.code in (0, 1, 2), done


def test_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(json.dumps(BASE))
    for arguments in (
        [EVIL], ["show", EVIL], ["show", f"--{EVIL}"], ["lint", "a.json", "--format", EVIL], ["recommend", "--method", EVIL],
        ["sweep", "a.json", "--learning-rate", EVIL], ["sweep", "a.json", "--past-end", EVIL], ["sweep", "a.json", "--out", EVIL],
        ["show", "a.json", "--transformers-version", EVIL], ["recommend", "--task", "code", "--trainer", EVIL],
    ):  # fmt: skip
        done = run(*arguments)
        assert done.code == 2, (arguments, done)
        assert is_safe(done.out + done.err)
        assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_lacks_characters_gets_a_replacement(tmp_path, monkeypatch, encoding):
    monkeypatch.chdir(tmp_path)
    Path("\u00e9.json").write_text(json.dumps({**BASE, "deepspeed": "\u65e5\u672c"}))
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "argv", ["optax-lr", "show", "\u00e9.json"])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert b"?? is not found" in raw.getvalue()


ERRORS = [
    (KeyError("x"), exit_codes.FAILED),
    (TypeError("a\nb"), exit_codes.FAILED),
    (UnicodeEncodeError("ascii", "\u00e9", 0, 1, "why"), exit_codes.FAILED),
    (OverflowError(), exit_codes.FAILED),
    (RecursionError("deep"), exit_codes.FAILED),
    (AssertionError(), exit_codes.FAILED),
    (RuntimeError(EVIL), exit_codes.FAILED),
    (ZeroDivisionError("x" * 10_000), exit_codes.FAILED),
    (MemoryError(), exit_codes.BAD_INPUT),
    (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 3200000000 bytes."), exit_codes.BAD_INPUT),
    (OSError(28, "No space left on device", "a\x1b.png"), exit_codes.BAD_INPUT),
    (ValueError("Linear: max_steps must be at least 0, not -1"), exit_codes.BAD_INPUT),
    (olr.ConfigError("a.yaml: no"), exit_codes.BAD_INPUT),
    (ImportError('needs pip install "x"'), exit_codes.BAD_INPUT),
    (KeyboardInterrupt(), exit_codes.INTERRUPTED),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_any_failure_is_one_line_and_an_exit_code(monkeypatch, error, code):
    def fails(*arguments, **options):
        raise error

    monkeypatch.setattr(importlib.import_module("optax_lr.commands.recommend"), "run", fails)
    done = run("recommend", "--task", "code")
    assert done.code == code
    assert done.out == ""
    assert len(done.err.splitlines()) == (code != exit_codes.INTERRUPTED)
    assert len(done.err) < 600
    assert is_safe(done.err)
    if code == exit_codes.FAILED:
        assert type(error).__name__ in done.err
        for place in (["--traceback", "recommend"], ["recommend", "--traceback"]):
            shown = run(*place, "--task", "code")
            assert shown.code == code
            assert "Traceback (most recent call last)" in shown.err
            assert shown.err.splitlines()[-1] == done.err.strip()


@pytest.mark.parametrize("command", ["lint", "show", "audit"])
def test_one_bad_file_does_not_stop_the_others(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    Path("good.json").write_text(json.dumps(BASE))
    Path("bad.json").write_bytes(b"\xff\x00")
    Path("late.json").write_text(
        json.dumps(
            {"max_steps": 9, "log_history": [{"step": n, "learning_rate": 1e-4 * (1 - n / 9)} for n in range(1, 9)]}
        )
    )
    good = "late.json" if command == "audit" else "good.json"
    done = run(command, "bad.json", "gone.json", good)
    assert done.code == 2
    assert "bad.json: " in done.err
    assert "gone.json: " in done.err
    assert good in done.out

    module = {"lint": "lint.lint", "show": "show.configs_of", "audit": "audit.audit"}[command]
    name, _, function = f"optax_lr.commands.{module}".rpartition(".")
    module = importlib.import_module(name)
    real = getattr(module, function)

    def fails(path, *arguments, **options):
        if "bad" in str(path):
            raise KeyError("inside")
        return real(path, *arguments, **options)

    monkeypatch.setattr(module, function, fails)
    done = run(command, "bad.json", good)
    assert done.code == exit_codes.FAILED
    assert "bad.json: internal error: KeyError: 'inside'" in done.err
    assert good in done.out


def test_a_closed_pipe_causes_no_traceback(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(BASE))
    program = "from optax_lr.cli import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", program, "show", *["a.json"] * 40],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(HERE)},
    )  # fmt: skip
    child.stdout.close()
    error = child.stderr.read()
    child.stderr.close()
    assert child.wait() == -signal.SIGPIPE
    assert error == b""
