"""`optax-lr show`, `compare`, `lint` and `recommend`: their output, their files and their exit codes."""

import functools
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from matplotlib import image

import optax_lr as olr
from tests.commands.test_cli import HERE, run

WARM = "stage: sft\nlearning_rate: 1e-4\nlr_scheduler_type: {}\nwarmup_steps: 20\nmax_steps: 100\n"
BAD = "stage: sft\nlearning_rate: 1e-3   # bold\nlr_scheduler_type: cosine\nwarmup_steps: 500\nmax_steps: 600\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cosine.yaml").write_text(WARM.format("cosine"))
    (tmp_path / "linear.yaml").write_text(WARM.format("linear"))
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "epochs.yaml").write_text(WARM.format("linear").replace("max_steps: 100", "num_train_epochs: 2"))
    return tmp_path


@pytest.fixture
def here(folder):
    """`optax-lr` in the folder."""
    return functools.partial(run, folder=folder)


def test_show_does_not_count_the_rise_of_another_schedule_as_warmup(here, folder):
    block = {"type": "OneCycle", "params": {"cycle_min_lr": 1e-5, "cycle_max_lr": 1e-3}}
    (folder / "one.json").write_text(
        json.dumps({"learning_rate": 1e-4, "max_steps": 9, "deepspeed": {"scheduler": block}})
    )
    shown = here("show", "one.json").stdout
    assert re.search(r"^steps +9 *$", shown, re.MULTILINE)


def stepped(kind):
    import torch
    import transformers

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    scheduler = transformers.get_scheduler(kind, optimizer, 20, 100)
    seen = []
    for _ in range(100):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_show(folder, here):
    done = run("show", "cosine.yaml", "--png", "curve.png", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "Cosine(learning_rate=0.0001, max_steps=100, warmup_steps=20, min_lr=0.0, num_cycles=0.5)" in done.stdout
    assert "100, of them 20 of warmup, 20.0% of the run" in done.stdout
    assert re.search("[⠁-⣿]", done.stdout)  # the curve
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert image.imread(folder / "curve.png").shape[2] == 4
    (folder / "slow.yaml").write_text(WARM.format("cosine").replace("20", "200"))
    assert "4.95e-05 at the highest" in here("show", "slow.yaml").stdout  # the warmup is longer than the run
    (told,) = json.loads(here("show", "cosine.yaml", "--json").stdout)
    rates = stepped("cosine")
    assert told["first_rate"] == rates[0]
    assert told["last_rate"] == pytest.approx(rates[-1], rel=1e-6)
    assert (told["max_steps"], told["warmup_steps"], told["trainer"]) == (100, 20, "llamafactory")


def test_show_lists_keys_that_the_trainer_does_not_know(folder, here):
    (folder / "strange.yaml").write_text(
        WARM.format("cosine") + "finetuning_type: lora\nkto_ftx: 0.1\ntrain_size: 50\n"
    )
    rows = [
        line for line in here("show", "strange.yaml").stdout.splitlines() if line.startswith(("refused", "unknown"))
    ]
    assert [" ".join(row.split()) for row in rows] == [
        "refused train_size: not known to LLaMA-Factory itself, which stops with an error; a fork may have its own schedule",
        "unknown kto_ftx: assumed to have no effect on the curve",  # which older versions have
    ]


def test_show_says_which_examples_are_counted_and_lists_no_key_that_has_a_note(folder, here):
    (folder / "cut.yaml").write_text("learning_rate: 1e-4\nper_device_train_batch_size: 2\nmax_train_samples: 90\n")
    said = " ".join(here("show", "cut.yaml", "--num-examples", "90").stdout.split())
    assert "examples 90 as given: those that the program's own splits, filters and selections leave" in said
    assert "note max_train_samples: the number of examples must be that after the cut" in said
    assert "unknown" not in said
    said = " ".join(here("show", "cut.yaml", "cut.yaml", "--num-examples", "90").stdout.split())
    assert said.count("and selections leave, in each of the 2 configs") == 2


def test_a_narrow_terminal(folder):
    for columns in (40, 200):
        for command in (["show", "cosine.yaml"], ["compare", "cosine.yaml", "linear.yaml"]):
            done = run(*command, folder=folder, COLUMNS=str(columns))
            assert max(map(len, done.stdout.splitlines())) <= columns, command


def test_compare(folder, here):
    done = here("compare", "cosine.yaml", "linear.yaml", "--png", "both.png", "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)["others"]["linear.yaml"]
    cosine, linear = stepped("cosine"), stepped("linear")
    apart = [abs(one - other) for one, other in zip(cosine, linear, strict=True)]
    first = next(step for step, gap in enumerate(apart) if gap > 1e-10)
    assert found["first_difference"]["step"] == first == 21
    assert found["first_difference"]["rates"] == pytest.approx([cosine[first], linear[first]], rel=1e-6)
    assert apart[found["largest_difference"]["step"]] == pytest.approx(max(apart), rel=1e-5)
    assert found["areas"] == pytest.approx([sum(cosine), sum(linear)], rel=1e-6)
    assert image.imread(folder / "both.png").shape[2] == 4
    told = here("compare", "cosine.yaml", "linear.yaml").stdout
    assert "linear.yaml: differs from cosine.yaml from step 21 on" in told


def test_compare_equal_curves_and_other_lengths(folder, here):
    (folder / "again.yaml").write_text(WARM.format("cosine"))
    done = here("compare", "cosine.yaml", "again.yaml")
    assert done.returncode == 0
    assert "again.yaml: the same rate as cosine.yaml at each of 100 steps" in done.stdout
    (folder / "constant.yaml").write_text(WARM.format("constant_with_warmup"))
    (folder / "longer.yaml").write_text(WARM.format("constant_with_warmup").replace("100", "250"))
    done = here("compare", "constant.yaml", "longer.yaml")
    assert done.returncode == 1
    assert "the same rates as constant.yaml over the 100 steps of both" in done.stdout
    assert "trains 250 steps instead of 100" in done.stdout


def test_lint_and_its_exit_codes(folder, here):
    done = here("lint", "bad.yaml")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "bad.yaml:2: LR121 error: learning_rate 0.001 is 10 times the 0.0001 that is usual for LoRA; set learning_rate: 0.0001",
        "bad.yaml:4: LR132 error: warmup is 83% of 600 steps; the decay has 100; set warmup_steps: 60, about 10 %",
    ]
    assert done.stderr == "1 file: 2 errors\n"
    assert here("lint", "cosine.yaml").returncode == 0
    missing = here("lint", "bad.yaml", "gone.yaml")
    assert missing.returncode == 2
    assert "gone.yaml: cannot be read: No such file or directory" in missing.stderr
    assert "LR121" in missing.stdout  # the other files are checked nevertheless
    alone = here("lint", "gone.yaml")
    assert (alone.returncode, alone.stdout, len(alone.stderr.splitlines())) == (2, "", 1)


def test_lint_writes_a_fixed_copy(folder, here):
    done = here("lint", "bad.yaml", "--fix", "fixed.yaml")
    assert done.returncode == 1
    fixed = BAD.replace("1e-3   # bold", "0.0001   # bold").replace("500", "60")
    assert (folder / "fixed.yaml").read_text() == fixed
    assert (folder / "bad.yaml").read_text() == BAD
    assert "+learning_rate: 0.0001   # bold" in done.stderr
    assert here("lint", "fixed.yaml").returncode == 0
    again = here("lint", "bad.yaml", "--fix", "fixed.yaml")
    assert again.returncode == 2
    assert "fixed.yaml exists" in again.stderr
    (folder / "run.sh").write_text("python train.py --learning_rate 1e-3 --max_steps 600 --warmup_steps 500\n")
    script = here("lint", "run.sh", "--fix", "run2.sh")
    assert script.returncode == 2
    assert "only YAML, JSON, Python files and notebooks are fixed" in script.stderr
    assert not (folder / "run2.sh").exists()


def test_machine_readable_findings(folder, here):
    found = json.loads(here("lint", "bad.yaml", "--json").stdout)
    assert [(one["code"], one["line"], one["key"], one["edits"]) for one in found] == [
        ("LR121", 2, "learning_rate", [{"key": "learning_rate", "value": 1e-4}]),
        ("LR132", 4, "warmup_steps", [{"key": "warmup_steps", "value": 60}]),
    ]
    assert all((HERE / one["docs"].split("#")[0]).exists() for one in found)
    lines = here("lint", "bad.yaml", "--format", "github").stdout.splitlines()
    assert lines[1].startswith(
        "::error file=bad.yaml,line=4,title=LR132 a run that is mostly warmup::warmup is 83%25 of 600"
    )
    sarif = json.loads(here("lint", "bad.yaml", "--format", "sarif").stdout)
    (made,) = sarif["runs"]
    assert sarif["version"] == "2.1.0"
    assert [result["ruleId"] for result in made["results"]] == ["LR121", "LR132"]
    assert {rule["id"] for rule in made["tool"]["driver"]["rules"]} == {"LR121", "LR132"}
    place = made["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "bad.yaml"}, "region": {"startLine": 2}}
    (folder / "good.yaml").write_text(BAD.replace("1e-3", "1e-4").replace("500", "60"))
    assert json.loads(here("lint", "good.yaml", "--json").stdout) == []


def test_the_pre_commit_hook_runs_the_linter(folder, here):
    (hook,) = yaml.safe_load((HERE / ".pre-commit-hooks.yaml").read_text())
    program, *arguments = shlex.split(hook["entry"])
    assert program == "optax-lr"
    assert here(*arguments, "bad.yaml", "cosine.yaml").returncode == 1
    assert here(*arguments, "cosine.yaml", "linear.yaml").returncode == 0


def test_recommend(folder, here):
    done = here("recommend", "--method", "qlora", "--num-examples", 5000, "--out", "train.yaml")
    assert done.returncode == 0, done.stderr
    config = olr.read_config(folder / "train.yaml")
    assert config.settings.learning_rate == 2e-4
    assert here("lint", "train.yaml", "--num-examples", 5000).returncode == 0
    printed = here("recommend", "--method", "qlora", "--num-examples", 5000).stdout
    assert printed == Path(folder / "train.yaml").read_text()
    told = json.loads(here("recommend", "--method", "lora", "--json", "--trainer", "axolotl").stdout)
    assert told["config"]["lr_scheduler"] == "cosine"
    refused = here("recommend")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "cosine.yaml"], "compare needs at least two configs"),
        (["compare", "cosine.yaml", "cosine.yaml"], "is given twice; name each config once"),
        (["show", "gone.yaml"], "cannot be read"),
        (["show", "cosine.yaml", "--png", "nowhere/curve.png"], "the folder nowhere does not exist"),
        (["lint", "cosine.yaml", "--format", "xml"], "--format xml: write one of text, json, github, sarif"),
        (["lint", "cosine.yaml", "linear.yaml", "--fix", "x.yaml"], "--fix fixes one file at a time"),
        (["recommend", "--method", "lore"], "did you mean 'lora'"),
        (["recommend", "--method", "LoRA"], "did you mean 'lora'"),
        (["recommend", "lora"], "(lora); optax-lr recommend --help lists the options"),
        (["recommend", "--num-train-epochs", "x"], "--num-train-epochs must be a number, not x; optax-lr recommend --help"),
        (["show"], "name a file, or state the schedule: optax-lr show --set learning_rate=RATE"),
        (["show", "--set", "learning_rate=x"], "--set: learning_rate must be a number, not 'x'"),
        (["sweep"], "Missing argument"),
        (["show", "cosine.yaml", "--max-steps", "a"], "--max-steps must be a whole number, not a; optax-lr show --help lists"),
        (["show", "cosine.yaml", "--max-steps", "2.5"], "--max-steps must be a whole number, not 2.5"),
        (["show", "cosine.yaml", "--max-steps", "0"], "max_steps must be at least 1, not 0"),
        (["show", "cosine.yaml", "--colour", "red"], "No such option: --colour; optax-lr show --help lists the options"),
        (["show", "cosine.yaml", "--png"], "'--png' requires an argument; optax-lr --help"),
        (["show", "cosine.yaml", "--png", "curve.jpg"], "curve.jpg: the name must end in .png"),
        (["show", "cosine.yaml", "--png", f"{'x' * 300}.png"], ".png: cannot be written: File name too long"),
        (["show", "cosine.yaml", "cosine.yaml", "--png", "curve.png"], "is given twice; name each config once"),
        (["shew", "cosine.yaml"], "No such command 'shew'"),
        (["lint", "cosine.yaml", "--json", "--format", "sarif"], "--json and --format sarif are two formats; give one"),
        (["lint", "cosine.yaml", "linear.yaml", "--num-examples", "-1"], "num_examples must be at least 1, not -1"),
        (["lint", "cosine.yaml", "--transformers-version", "new"], "transformers_version must be like 5.8.0, not 'new'"),
        (["audit", "log.csv", "--html", "report.txt"], "report.txt: the name must end in .html or .htm"),
        (["sweep", "gone.yaml"], "gone.yaml: cannot be read: No such file or directory"),
        (["sweep", "epochs.yaml"], "epochs.yaml: the length of the run is not known: give max_steps in the file"),
        (["sweep", "cosine.yaml", "--learning-rate", "a"], "--learning-rate a: write values as 0,100,500 or a range"),
        (["sweep", "cosine.yaml", "--learning-rate", "0:1:5:log"], "a log range must be above 0 at both ends"),
        (["sweep", "cosine.yaml", "--warmup-steps", "1.5"], "warmup_steps must be a whole number of optimizer steps, not 1.5"),
        (["sweep", "cosine.yaml", "--power", "2"], "--power: none of these schedules has it"),
        (["sweep", "cosine.yaml", "--out", "x.csv"], "--out x.csv: end the name in .parquet (for pandas) or .zarr (for xarray)"),
        (["sweep", "cosine.yaml", "--out", "nowhere/x.parquet"], "the folder nowhere does not exist"),
        (["sweep", "cosine.yaml", "--past-end", "stop"], "--past-end must be one of reference, hold, nan, not stop"),
        (["sweep", "cosine.yaml", "--steps", "0"], "--steps must be at least 1, not 0"),
        (["sweep", "cosine.yaml", "--max-steps", "0,10"], "max_steps must be at least 1, not 0"),
        (["sweep", "cosine.yaml", "--min-lr", "0:1:100000000000"], "100,000,000,000 values are too many; give at most 10,000,000"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(here, folder, arguments, message):
    before = sorted(folder.iterdir())
    done = here(*arguments)
    assert (done.returncode, len(done.stderr.splitlines()), done.stdout) == (2, 1, ""), done.stderr
    assert message in done.stderr
    assert "Errno" not in done.stderr
    assert sorted(folder.iterdir()) == before


def test_each_option_has_a_help_text(here):
    for command in ("sweep", "lint", "show", "compare", "convert", "recommend", "audit"):
        text = here(command, "--help").stdout
        options = re.findall(r"^│ (?:\* +| +)?(--[a-z-]+)", text, re.MULTILINE)
        explained = re.findall(r"^│ (?:\* +| +)?(--[a-z-]+) +(?:<?[A-Za-z\[\]]+>? +)?\S+ \S+", text, re.MULTILINE)
        assert len(options) > 6
        assert explained == options, text
    assert "optimizer steps of the run" in here("show", "--help").stdout


def test_a_schedule_is_stated_without_a_file(folder, here):
    """The command that a refusal names works as it is, once the values are filled in."""
    (folder / "own.yaml").write_text("optim: {lr: 1e-3}\nscheduler: {name: cosine, warmup_steps: 50}\niters: 5\n")
    command = (
        here("show", "own.yaml").stderr.rpartition("optax-lr ")[2].replace("max_steps=N", "max_steps=1000").split()
    )
    (told,) = json.loads(here(*command, "--json").stdout)
    schedule = "Cosine(learning_rate=0.001, max_steps=1000, warmup_steps=50, min_lr=0.0, num_cycles=0.5)"
    assert (told["config"], told["schedule"]) == ("--set", schedule)
    converted = here("convert", "--to", "optax", *command[1:]).stdout
    assert "optax.warmup_cosine_decay_schedule(init_value=0.0, peak_value=0.001, warmup_steps=50" in converted
    (folder / "log.csv").write_text("step,loss,learning_rate\n1,2,0.00002\n2,2,0.00004\n3,2,0.00006\n")
    assert "every logged rate is on it" in here("audit", "log.csv", *command[1:]).stdout
