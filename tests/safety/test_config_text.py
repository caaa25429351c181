"""An untrusted config can refer only to its own keys, and to files in two folders."""

import json
import os
import re
import textwrap
import time

import omegaconf
import pytest

import optax_lr as olr
from optax_lr.sources.files import text_of
from optax_lr.sources.interpolation import resolved
from tests.safety.commands import run

VALUE = "xyzzy-plugh"
DIALECTS = {
    "llamafactory": {"stage": "sft"},
    "shared": {},
    "llamafactory-v1": {"model_class": "llm", "max_steps": 5},
    "trl": {"dataset_name": "a/b", "use_peft": True},
    "axolotl": {"base_model": "x", "sequence_len": 10, "micro_batch_size": 1, "lr_scheduler": "cosine"},
    "section": {},
    "deepspeed": {
        "scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 10}},
        "optimizer": {"params": {"lr": 1e-4}},
    },
}
RESOLVERS = [
    "${oc.env:SECRET}", "${oc.env:SECRET,x}", "${ oc.env : SECRET }", "a${oc.env:SECRET}b", "${oc.env:${name}}",
    "${oc.decode:${oc.env:SECRET}}", "${oc.create:{a: 1}}", "${oc.select:learning_rate}", "${oc.dict.keys:x}", "${oc.deprecated:x}",
    "${made.up:1}", "${oc.env:SECRET}${oc.env:SECRET}",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _secret(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET", VALUE)
    monkeypatch.chdir(tmp_path)


KEYS = ("learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "deepspeed", "nested")


@pytest.mark.parametrize(
    ("dialect", "key", "text"),
    [
        *(("shared", "learning_rate", text) for text in RESOLVERS),
        *((dialect, key, RESOLVERS[0]) for dialect in DIALECTS for key in KEYS),
    ],
)
def test_resolvers_are_refused_for_every_trainer_and_field(tmp_path, dialect, text, key):
    values = {"learning_rate": 1e-4, "max_steps": 10, "name": "SECRET", **DIALECTS[dialect]}
    if dialect == "deepspeed":
        values = dict(DIALECTS[dialect])
    values |= {key: text if key not in ("lr_scheduler_kwargs", "nested") else {"min_lr": [text]}}
    if dialect == "section":
        values = {"training": values}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(values))
    for source in (path, values, omegaconf.OmegaConf.create(values)):
        with pytest.raises(olr.ConfigError) as caught:
            olr.read_config(source)
        assert text in str(caught.value)
        assert VALUE not in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_a_resolver_in_a_place_or_a_replaced_key_stays_text():
    recipe = {"optimizer": {"_component_": "torch.optim.AdamW", "lr": 1e-4}, "epochs": 1, "batch_size": 2}
    recipe |= {"output_dir": "${oc.env:SECRET}/x", "tokenizer": {"path": "${oc.env:SECRET}"}}
    config = olr.read_config(recipe)
    assert config.values["output_dir"] == "${oc.env:SECRET}/x"
    assert olr.read_config(omegaconf.OmegaConf.create(recipe)).values["tokenizer"] == {"path": "${oc.env:SECRET}"}
    assert VALUE not in repr(config) + repr(config.plan(num_examples=8))
    for key in ("config_path", "lr_scheduler.path", "epochs"):
        with pytest.raises(olr.ConfigError, match="calls a resolver"):
            olr.read_config(recipe | {key: "${oc.env:SECRET}"})
    with pytest.raises(olr.ConfigError, match="must be a number"):  # which the trainer would refuse, too
        olr.read_config(recipe | {"optimizer": {"_component_": "a", "lr": "${output_dir}"}})
    replaced = {**recipe, "epochs": "${oc.env:SECRET}"}
    assert olr.read_config(replaced, values={"epochs": 2}).plan(num_examples=8).max_steps == 8


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_no_command_shows_the_environment(tmp_path, form):
    (tmp_path / "a.yaml").write_text("stage: sft\nlearning_rate: ${oc.env:SECRET}\nmax_steps: 10\n")
    for arguments in (
        ["lint", "--format", form],
        ["show"],
        ["sweep"],
        ["compare", "a.yaml"],
        ["lint", "--fix", "b.yaml"],
    ):
        done = run(*arguments, "a.yaml")
        assert done.code in (1, 2)
        assert "${oc.env:SECRET}" in done.out + done.err
        assert VALUE not in done.out + done.err


def test_references_to_keys_of_the_same_file():
    values = {
        "base": 1e-4, "learning_rate": "${base}", "chain": "${learning_rate}", "run": "lr-${base}/${ on }", "on": True,
        "list": [{"x": 3}, "${list[0].x}"], "kwargs": {"cycles": "${..base}", "other": "${.cycles}"}, "all": "${kwargs}",
        "literal": "\\${base}", "path": "${OUTPUT}/run", "mixed": "${base}${OUTPUT}", "number": 7,
    }  # fmt: skip
    made = resolved("a.yaml", values, frozenset())
    # OmegaConf is the reference if it can resolve the text.
    loaded = omegaconf.OmegaConf.create(values)
    for key in set(values) - {"path", "mixed"}:
        node = loaded[key]
        expected = omegaconf.OmegaConf.to_container(node, resolve=True) if omegaconf.OmegaConf.is_config(node) else node
        assert made[key] == expected, key
    assert made["path"] == "${OUTPUT}/run"
    assert made["mixed"] == "${base}${OUTPUT}"


BOMB = (
    "stage: sft\nlearning_rate: ${a0}\n"
    + "".join(f"a{n}: ${{a{n + 1}}}${{a{n + 1}}}\n" for n in range(28))
    + "a28: x\n"
)
HOSTILE = {
    "bomb": BOMB,
    "bomb in another key": BOMB.replace("learning_rate: ${a0}", "learning_rate: 1e-4\noutput_dir: ${a0}"),
    "cycle": "learning_rate: ${a}\na: ${b}\nb: ${a}\n",
    "itself": "learning_rate: ${learning_rate}\n",
    "mapping of itself": "learning_rate: 1\nlr_scheduler_kwargs: {a: '${lr_scheduler_kwargs}'}\n",
    "many": "learning_rate: " + "${a}" * 20_000 + "\na: 1\n",
    "many in many": "learning_rate: 1\n" + "".join(f"k{n}: ${{learning_rate}}\n" for n in range(3_000)),
    "nested": "learning_rate: " + "${" * 3_000 + "a" + "}" * 3_000 + "\n",
    "long": "learning_rate: ${" + "a" * 250_000 + "}\n",
    "open": "learning_rate: ${a\na: 1\n",
    "wide": "a: " + "x" * 900 + "\nb: ${a}${a}\nlearning_rate: ${b}\n",
    "not a name": "learning_rate: ${a b}\n",
    "empty": "learning_rate: ${}\n",
    "dots": "learning_rate: ${" + "." * 500 + "a}\n",
    "digits": "max_steps: " + "9" * 400 + "\nlearning_rate: 1.0\n",
    "hexadecimal": "max_steps: 0x" + "f" * 300 + "\nlearning_rate: 1.0\n",
    "hexadecimal kwargs": "learning_rate: 1.0\nmax_steps: 9\nlr_scheduler_kwargs: {num_cycles: 0x" + "f" * 250_000 + "}\n",
    "sexagesimal": "learning_rate: 1.0\nmax_steps: 1" + ":59" * 2_000 + "\n",
    "overflow": "learning_rate: 1e400\nmax_steps: 9\n",
    "epochs": "learning_rate: 1e-4\nnum_train_epochs: 1e308\nmax_samples: 1000\nlr_scheduler_type: cosine\n",
    "tab": "learning_rate:\t1.0\nmax_steps:\t9\n",
    "list for a word": "learning_rate: 1.0\nlr_scheduler_type: [1]\nmax_steps: 9\n",
    "mapping for a word": "learning_rate: 1.0\nlr_scheduler_type: {a: 1}\nmax_steps: 9\n",
    "date": "learning_rate: 2026-01-01\nmax_steps: 9\n",
    "binary": "learning_rate: !!binary aGVsbG8=\nmax_steps: 9\n",
    "set": "learning_rate: !!set {a, b}\nmax_steps: 9\n",
    "key that is a list": "? [a]\n: 1\nlearning_rate: 1\n",
    "escape in a key": '"a\\e[31mb": 1\n',
    "twice": "".join("a: 1\n" for _ in range(9_000)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_within_a_second(tmp_path, name):
    (tmp_path / "a.yaml").write_text(HOSTILE[name])
    olr.read_config({"learning_rate": 1.0})  # imports are not what is timed
    start = time.process_time()
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_config("a.yaml").plan(num_examples=1000)
    took = time.process_time() - start
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("a.yaml: ")
    assert took < 1
    for arguments in (["show"], ["lint"], ["lint", "--fix", "b.yaml"]):
        done = run(*arguments, "a.yaml", "--num-examples", "1000")
        assert done.code in (1, 2)
        assert "--fix" in arguments or len(done.err.splitlines()) == 1, done.err
        assert "Traceback" not in done.err
        assert "internal error" not in done.err


def test_hostile_json_is_refused_within_a_second(tmp_path):
    for text in (
        "{" + ", ".join('"a": 1' for _ in range(9_000)) + "}",
        '{"learning_rate": 1e400}',
        '{"learning_rate": ' + "9" * 400 + "}",
        '{"learning_rate": NaN, "max_steps": 9}',
        '{"learning_rate": 1, "lr_scheduler_type": "\\ud800", "max_steps": 9}',
        '{"learning_rate": 1, "lr_scheduler_type": "\\u001b[31m", "max_steps": 9}',
    ):
        (tmp_path / "a.json").write_text(text)
        start = time.process_time()
        with pytest.raises(olr.ConfigError) as caught:
            olr.read_config("a.json").plan()
        assert time.process_time() - start < 1
        assert str(caught.value).isprintable()
        assert run("show", "a.json").code == 2


TOML = {
    "dotted name": "a" + ".a" * 50_000 + " = 1\n",
    "dotted name of words": "abc" + " . 'abc'" * 20_000 + " = 1\n",
    "dotted header": "[a" + ".a" * 50_000 + "]\n",
    "one word": "a" * 250_000 + " = 1\n",
    "brackets": "a = " + "[" * 100_000,
    "braces": "a = " + "{b = " * 50_000,
    "digits": "learning_rate = " + "9" * 400 + "\n",
    "headers": "[[a]]\n" * 40_000,
}


@pytest.mark.parametrize("name", TOML)
def test_hostile_toml_is_refused_within_a_second(tmp_path, name):
    (tmp_path / "a.toml").write_text(TOML[name])
    start = time.process_time()
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_config("a.toml").plan()
    assert time.process_time() - start < 1
    assert str(caught.value).count("a.toml") == 1
    assert len(str(caught.value)) <= 1000


BLOCK = {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.5, "warmup_num_steps": 3}}}


def test_a_file_that_a_config_names_must_be_in_a_known_folder(tmp_path, monkeypatch):
    outside, folder, here = tmp_path / "outside", tmp_path / "configs", tmp_path / "here"
    for made in (outside, folder, here, folder / "ds"):
        made.mkdir()
    monkeypatch.chdir(here)
    (outside / "ds.json").write_text(json.dumps(BLOCK))
    (folder / "ds" / "ds.json").write_text(json.dumps(BLOCK))
    (folder / "link.json").symlink_to(outside / "ds.json")
    (folder / "link").symlink_to(outside)

    def config(name):
        (folder / "a.yaml").write_text(f"learning_rate: 1.0e-4\nmax_steps: 9\ndeepspeed: {json.dumps(str(name))}\n")
        return olr.read_config(folder / "a.yaml")

    assert config("ds/ds.json").settings.scheduler_block.type == "WarmupLR"
    assert config(folder / "ds" / "ds.json").settings.scheduler_block.type == "WarmupLR"
    for name in (
        outside / "ds.json",
        "../outside/ds.json",
        "link.json",
        "link/ds.json",
        "/proc/self/environ",
        "/dev/zero",
        "/etc/passwd",
    ):
        read = config(name)
        assert read.settings.scheduler_block is None
        assert any("is outside of the folders" in note or "is not found" in note for note in read.notes), name


@pytest.mark.parametrize(
    "content",
    [
        b"SECRET=xyzzy", b"\xff\xfe\x00", b'{"scheduler": {"type": "xyzzy"}}', b'{"scheduler": "xyzzy"}', b"{" * 5000, b"x" * 10**6,
        b'{"scheduler": {"type": "WarmupLR", "params": {"xyzzy": 1}}}',
        b'{"scheduler": {"type": "OneCycle", "params": {"cycle_min_lr": "xyzzy"}}}',
    ],
)  # fmt: skip
def test_the_content_of_a_named_file_is_never_quoted(tmp_path, content):
    (tmp_path / "ds.json").write_bytes(content)
    (tmp_path / "a.yaml").write_text("learning_rate: 1.0e-4\nmax_steps: 9\ndeepspeed: ds.json\n")
    with pytest.raises(olr.ConfigError, match=r"deepspeed: ds.json is not a usable DeepSpeed config") as caught:
        olr.read_config("a.yaml")
    assert "xyzzy" not in str(caught.value)
    assert "xyzzy" not in str(run("lint", "a.yaml"))


# Each way to name a file, with a file that is complete without a secret.
HF = "learning_rate: 1.0e-4\nmax_steps: 9\nlogging_steps: 1\nper_device_train_batch_size: 2\n"
NAMING = {
    "trl sft --config c.yaml --max_steps 9": HF,
    "python t.py --config c.yaml --max_steps 9": HF,
    "swift sft --config c.yaml": HF,
    "llamafactory-cli train c.yaml max_steps=9": HF + "stage: sft\nfinetuning_type: lora\n",
    "axolotl train c.yaml": "base_model: m\nlearning_rate: 1.0e-4\nmax_steps: 9\nmicro_batch_size: 1\nnum_epochs: 1\n",
    "python3 -m MaxText.train c.yaml": "base_config: base.yml\nsteps: 10\nlearning_rate: 1.0e-4\n",
    "tune run lora_finetune_single_device --config c.yaml": "optimizer:\n  _component_: torch.optim.AdamW\n  lr: 1.0e-4\nepochs: 1\n",
    "accelerate launch --config_file c.yaml t.py --learning_rate 1e-4 --max_steps 9": "num_processes: 2\n",
    "deepspeed t.py --deepspeed c.yaml --learning_rate 1e-4 --max_steps 9": "scheduler:\n  type: WarmupLR\n  params:\n    warmup_max_lr: auto\n",
}  # fmt: skip
SECRET_AT = [
    "xyzzy: 1", "password: xyzzy", "x: {xyzzy: {xyzzy: [xyzzy, 1, {xyzzy: xyzzy}]}}", "# xyzzy", "xyzzy_learning_rate: 1", "warmup_xyzzy: 1",
    "learning_rate: xyzzy", "learning_rate: [xyzzy]", "learning_rate: {xyzzy: xyzzy}", "lr_scheduler_type: xyzzy", "lr_scheduler_type: [xyzzy]",
    "lr_scheduler_kwargs: {xyzzy: xyzzy}", "lr_scheduler_kwargs: {num_cycles: xyzzy}", "lr_scheduler_kwargs: xyzzy", "max_steps: xyzzy", "decay_type: xyzzy",
    "evaluation_strategy: xyzzy", "metric_for_best_model: xyzzy", "optim: xyzzy", "dataset: xyzzy", "max_train_samples: xyzzy", "deepspeed: xyzzy",
    "deepspeed: {scheduler: {type: xyzzy}}", "num_processes: xyzzy", "distributed_type: xyzzy", "scheduler: {type: xyzzy}", "scheduler: {type: WarmupLR, params: {xyzzy: xyzzy}}",
    "optimizer: {xyzzy: xyzzy, lr: xyzzy}", "lr_scheduler: xyzzy", "lr_scheduler: {_component_: xyzzy}", "wsd_decay_style: xyzzy", "warmup_steps: ${xyzzy}",
    "warmup_steps: ${oc.env:xyzzy}", "a: &xyzzy 1\nb: *xyzzyx", "a: !xyzzy 1", "a: !!python/name:xyzzy 1", "xyzzy: 1\nxyzzy: 2", "learning_rate: xyzzy\nlearning_rate: 1", "a: [xyzzy",
    "- xyzzy", "--- xyzzy", 'a: "xyzzy', "xyzzy", '"\\xyzzy": 1',
]  # fmt: skip


@pytest.mark.parametrize("command", NAMING)
def test_no_message_contains_text_of_a_named_file(tmp_path, command):
    (tmp_path / "a.sh").write_text(f"{command}\n")
    for secret in SECRET_AT:
        for text in (f"{NAMING[command]}{secret}\n", f"{secret}\n"):
            (tmp_path / "c.yaml").write_text(text)
            said = [str(finding) for finding in olr.lint("a.sh", num_examples=100)]
            try:
                for config in olr.read_configs("a.sh"):
                    said += [*config.notes, *map(str, config.ignored), *config.unknown, *map(str, config.defaults)]
                    said += [config.recognized_by, str(config.section), str(config.processes)]
                    said += config.plan(num_examples=100).notes
            except olr.ConfigError as error:
                said.append(str(error))
            assert not re.search("xyzzy|<text", "\n".join(said)), (secret, said)


@pytest.mark.parametrize(
    "secret", ["password: xyzzy\nmetric_for_best_model: xyzzy\ndeepspeed: xyzzy", "learning_rate: xyzzy"]
)
def test_no_command_shows_a_text_of_a_named_file(tmp_path, secret):
    (tmp_path / "c.yaml").write_text(f"{HF}{secret}\n")
    (tmp_path / "a.sh").write_text("trl sft --config c.yaml --max_steps 9\n")
    (tmp_path / "log.csv").write_text("step,learning_rate\n" + "".join(f"{n},1e-4\n" for n in range(9)))
    for arguments in (
        *(["lint", "a.sh", "--format", form] for form in ("text", "json", "github", "sarif")),
        ["show", "a.sh"], ["show", "a.sh", "--json"], ["sweep", "a.sh"], ["compare", "a.sh", "a.sh"], ["convert", "a.sh", "--to", "hf"],
        ["explore", "a.sh", "--html", "a.html"], ["audit", "log.csv", "--config", "a.sh"],
    ):  # fmt: skip
        assert "xyzzy" not in str(run(*arguments)), arguments
    page = tmp_path / "a.html"
    assert not page.exists() or "xyzzy" not in page.read_text()


def test_a_bad_setting_of_a_named_file_is_named_without_its_value(tmp_path):
    for text, line in {
        "learning_rate: xyzzy": "a.sh: learning_rate must be a number, not a text",
        "learning_rate: 1\nnum_train_epochs: 0": "a.sh: num_train_epochs must be above 0, not 0: no step would be trained",
        "max_steps: 9\nmin_epochs: 3\nxyzzy: 1": "a.sh: min_epochs is not a key of TRL; --set min_epochs=null leaves it out if "
        "the schedule does not depend on it; otherwise state the schedule: optax-lr show --set learning_rate=RATE "
        "--set lr_scheduler_type=KIND --set warmup_steps=N --set max_steps=9",
        "a: [xyzzy": "a.sh: c.yaml cannot be used; read that file itself to see why",
        "learning_rate: 1": "a.sh: warmup_steps must be a number, not 'few'",
    }.items():
        few = " --warmup_steps few" * ("few" in line)
        (tmp_path / "a.sh").write_text(f"trl sft --config c.yaml{few}\n")
        (tmp_path / "c.yaml").write_text(f"dataset_name: d\n{text}\n")
        with pytest.raises(olr.ConfigError) as caught:
            olr.read_config("a.sh").plan(num_examples=9)
        assert str(caught.value) == line


def test_a_named_file_with_a_section_or_keywords_of_a_schedule_keeps_its_notes(tmp_path):
    run_of = "learning_rate: 1.0e-4\nmax_steps: 9\nwarmup_ratio: 0.5\nlr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr_rate: 0.1}\n"
    (tmp_path / "c.yaml").write_text("my_part:\n" + textwrap.indent(run_of, "  ") + "xyzzy: 1\n")
    (tmp_path / "a.sh").write_text("python t.py --config c.yaml\n")
    plan = olr.read_config("a.sh", trainer="hf").plan()
    assert plan.schedule.min_lr == pytest.approx(1e-5)
    assert any("warmup_ratio is gone" in note for note in plan.notes)


def test_the_settings_of_a_named_file_for_another_program_are_named_without_its_texts(tmp_path):
    (tmp_path / "a.sh").write_text("python train.py --config c.yaml\n")
    (tmp_path / "c.yaml").write_text("training: {lr: 1.0e-4, scheduler: xyzzy}\nxyzzy: {warmup_steps: 5}\n")
    with pytest.raises(
        olr.ConfigError, match=r"c\.yaml: only the program that reads this file knows the use of training\.lr 0"
    ):
        olr.read_config("a.sh")
    (tmp_path / "c.yaml").write_text("xyzzy: a\n")
    with pytest.raises(
        olr.ConfigError, match=r"c\.yaml: no setting of a schedule is there, such as learning_rate, but \.\.\.;"
    ):
        olr.read_config("a.sh")
    (tmp_path / "c.yaml").write_text("xyzzy: xyzzy.sh\n")
    with pytest.raises(olr.ConfigError, match=r"c\.yaml: no trainer is recognised by its settings"):
        olr.read_config("a.sh")


def test_a_script_that_a_command_starts_is_not_quoted(tmp_path):
    (tmp_path / "t.py").write_text("from trl import SFTConfig\nSFTConfig(learning_rate=xyzzy(1), output_dir='xyzzy')\n")
    (tmp_path / "a.sh").write_text("python t.py\n")
    with pytest.raises(olr.ConfigError, match="learning_rate is not a literal; give its value with --set"):
        olr.read_config("a.sh")
    assert "xyzzy" not in str([*olr.lint("a.sh"), *olr.lint("a.sh", values={"learning_rate": 1e-4})])
    (tmp_path / "t.py").write_text(
        "from trl import SFTConfig\nSFTConfig(learning_rate=1e-4, max_steps=len(xyzzy), output_dir='xyzzy')\n"
    )
    with pytest.raises(olr.ConfigError, match="max_steps is computed from the data; give the number"):
        olr.read_config("a.sh").plan()
    assert "xyzzy" not in str(olr.lint("a.sh"))
    assert "xyzzy" in str(olr.lint("t.py"))  # which the user names
    (tmp_path / "t.py").write_text(
        "import torch\noptimizer = xyzzy(1)\ntorch.optim.lr_scheduler.StepLR(optimizer, 30, xyzzy)\n"
    )
    with pytest.raises(olr.ConfigError, match=r"learning_rate \(the optimizer's lr\), gamma are not literals; give"):
        olr.read_config("a.sh")


def test_notes_on_a_script_that_a_command_starts_leave_its_texts_out(tmp_path):
    (tmp_path / "t.py").write_text(
        "import argparse, torch\nfrom transformers import EarlyStoppingCallback, TrainingArguments\np = argparse.ArgumentParser()\n"
        "p.add_argument('--num_epochs', '--xyzzy', default=2)\nargs = p.parse_args()\ndata = xyzzy.filter(xyzzy)\n"
        "t = TrainingArguments(num_train_epochs=args.num_epochs, deepspeed='xyzzy.json')\nEarlyStoppingCallback(xyzzy)\nTrainer(args=t).train()\n"
    )
    (tmp_path / "a.sh").write_text("python t.py --batch_size 4\n")
    notes = "\n".join(olr.read_config("a.sh").notes)
    for note in (
        "deepspeed: the file is not found from",
        "filter in line 6: the number",
        "the code in line 8 may end the run early",
    ):
        assert note in notes
    assert not re.search("xyzzy|<text", notes)
    (tmp_path / "t.py").write_text("from trl import SFTConfig\nSFTConfig(**xyzzy(1))\n")
    with pytest.raises(olr.ConfigError, match="a mapping that the call unpacks is not a literal"):
        olr.read_config("a.sh")
    (tmp_path / "t.py").write_text("import optax\noptax.warmup_cosine_decay_schedule(0.0, xyzzy, 10, 100)\n")
    with pytest.raises(
        olr.ConfigError, match="peak_value is not a literal; give its value with --set peak_value=VALUE"
    ):
        olr.read_config("a.sh")


def test_a_file_that_is_replaced_by_a_fifo_before_it_is_opened(tmp_path, monkeypatch):
    path = tmp_path / "a.yaml"
    path.write_text("learning_rate: 1.0e-4\n")
    looked = os.stat

    def replacing(name, **more):
        state = looked(name, **more)
        if os.fspath(name) == str(path):
            path.unlink()
            os.mkfifo(path)
        return state

    monkeypatch.setattr(os, "stat", replacing)
    with pytest.raises(olr.ConfigError, match="the file was replaced meanwhile; read it again"):
        text_of(str(path))


def test_a_fifo_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "ds.json")
    (tmp_path / "a.yaml").write_text("learning_rate: 1.0e-4\nmax_steps: 9\ndeepspeed: ds.json\n")
    assert olr.read_config("a.yaml").settings.scheduler_block is None
    assert run("show", "ds.json").code == 2
    assert run("lint", "ds.json").code == 2
    assert run("audit", "ds.json").code == 2
