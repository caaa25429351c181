"""The linter finds each mistake, reports none in right configs, and agrees with the real trainer."""

import dataclasses
import difflib
import os
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings, strategies as st

import optax_lr as olr
from optax_lr.configs.gather import sources_of
from optax_lr.linting.edits import rewritten_document
from optax_lr.linting.lint import RULES, apply_fixes
from tests.linting.mistakes import CLEAN, HF, LORA, MISTAKES, PLATEAU, RUN
from tests.linting.said import SAID

OPTIONS = {"num_examples": None, "world_size": 1, "transformers_version": None, "train_steps": None}
FOLDER = os.environ.get("OPTAX_LR_CORPUS")


def named(cases):
    return [f"{code}-{message[:25]}" for code, _, _, message in cases]


def without_nulls(values):
    return {key: value for key, value in values.items() if value is not None}


@pytest.mark.parametrize(("code", "values", "options", "message"), MISTAKES, ids=named(MISTAKES))
def test_each_mistake_is_found_and_nothing_else(code, values, options, message):
    found = olr.lint(values, **options)
    here = [finding for finding in found if finding.code == code]
    assert len(here) == 1, found
    assert message in f"{here[0].message}; {here[0].remedy}"
    worse = [finding for finding in found if finding.code != code and finding.severity != "note"]
    assert not worse, worse


def test_every_rule_has_its_mistake():
    shown = {code for code, _, _, _ in MISTAKES}
    assert set(RULES) - shown == {"LR102", "LR118", "LR150", "LR199"}  # a file's alone: see below
    assert all(rule.why and rule.title for rule in RULES.values())


@pytest.mark.parametrize(("values", "options"), CLEAN)
def test_right_configs_have_no_findings(values, options):
    assert [found for found in olr.lint(values, **options) if found.code not in SAID] == []


@pytest.mark.parametrize(("code", "values", "options", "message"), MISTAKES, ids=named(MISTAKES))
def test_a_fix_changes_only_the_lines_of_the_finding(code, values, options, message, tmp_path):
    path = tmp_path / "train.yaml"
    # The order of keys, comments and odd spacing are a person's, and stay.
    lines = yaml.safe_dump(without_nulls(values), sort_keys=False).splitlines()
    path.write_text("# mine\n" + "\n".join(f"{line}   # {number}" for number, line in enumerate(lines)) + "\n\n# end\n")
    found = olr.lint(path, **options)
    assert code in {finding.code for finding in found}, found
    fixed, done, by_hand = apply_fixes(sources_of(path)[0], OPTIONS | options)
    assert not by_hand
    edited = {edit.key.split(".")[0] for finding in done for edit in finding.edits}
    changed = [
        line[1:].split(":")[0].strip()
        for line in difflib.ndiff(path.read_text().splitlines(), fixed.text.splitlines())
        if line[0] in "+-"
    ]
    assert "# mine\n" in fixed.text
    assert fixed.text.endswith("\n\n# end\n")
    top_level = [key for key in changed if key in values]
    assert set(top_level) <= edited
    path.write_text(fixed.text)
    left = [finding for finding in olr.lint(path, **options) if finding.edits]
    assert left == []
    fixable = [finding for finding in found if finding.code == code and finding.edits]
    assert not fixable or code not in {finding.code for finding in olr.lint(path, **options)}


def test_lines_and_nested_sections(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "model: x\ntraining:\n  learning_rate: 1e-3\n  use_peft: true\n  num_cycles: 2\n  max_steps: 600\n  lr_scheduler_type: cosine\n"
    )
    found = {finding.code: finding for finding in olr.lint(path)}
    assert (found["LR111"].key, found["LR111"].line) == ("training.num_cycles", 5)
    assert (found["LR118"].line, found["LR118"].message) == (3, "learning_rate: 1e-3 is text in YAML 1.1")
    assert found["LR118"].remedy == "write 0.001, without quotes"
    assert found["LR111"].message == "num_cycles is refused under training"
    fixed, _, _ = apply_fixes(sources_of(path)[0], OPTIONS)
    assert "  learning_rate: 0.0001\n" in fixed.text


@pytest.mark.parametrize(("steps", "share"), [(5, "67%"), (250, None)])
def test_a_share_is_of_the_highest_rate(steps, share):
    """DeepSpeed has a warmup of 2 steps where the trainer has none: update 1 has rate 0, and update 3 the peak."""
    automatic = dict.fromkeys(["warmup_min_lr", "warmup_max_lr", "warmup_num_steps", "total_num_steps"], "auto")
    block = {"scheduler": {"type": "WarmupDecayLR", "params": automatic}}
    found = olr.lint(LORA | {"learning_rate": 1e-4, "max_steps": steps, "warmup_steps": 0, "deepspeed": block})
    late = [finding.message for finding in found if finding.code == "LR146"]
    assert [message.rpartition(", ")[2] for message in late] == ([f"{share} of the peak"] if share else [])


def test_a_number_that_is_text_is_written_as_one(tmp_path):
    path = tmp_path / "args.yaml"
    path.write_text('output_dir: x\nlearning_rate: 1.0e-4\nwarmup_steps: "0.1"\nmax_steps: 600\n')
    texts = {str(finding) for finding in olr.lint(path)}
    assert {text for text in texts if "LR118" in text} == {
        "LR118 note: warmup_steps: 0.1 is text in quotes; take the quotes away",
    }
    fixed, _, _ = apply_fixes(sources_of(path)[0], OPTIONS)
    assert fixed.text.endswith("warmup_steps: 0.1\nmax_steps: 600\n")
    path.write_text(
        "output_dir: x\nlearning_rate: 1.0e-4\nmax_steps: 600\nlr_scheduler_type: cosine_with_min_lr\n"
        "lr_scheduler_kwargs:\n  min_lr: 1e-6\n"
    )
    refused = next(finding for finding in olr.lint(path) if finding.code == "LR110")
    assert refused.message.endswith("must be a number, not the text '1e-6': write 1.0e-06, without quotes")


def test_a_file_that_cannot_be_parsed_is_a_finding_with_its_line(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("stage: sft\ntemplate: t\nlogging_steps: 5\nlearning_rate: 1e-4\nlogging_steps: 100\n")
    (found,) = olr.lint(path)
    assert (found.code, found.line) == ("LR110", 5)
    assert found.message == "logging_steps is given twice, in lines 3 and 5; keep one"
    with pytest.raises(olr.ConfigError, match="cannot be read"):
        olr.lint(tmp_path / "missing.yaml")


def test_a_schedule_without_a_config():
    assert olr.lint(olr.Cosine(1e-4, 1000, 100)) == ()
    late = olr.PiecewiseConstant.from_rules("0:10,1", learning_rate=1e-4)
    assert "LR135" not in {finding.code for finding in olr.lint(late, train_steps=100)}  # it begins at 0, and rises
    assert {"LR135"} <= {finding.code for finding in olr.lint(olr.Linear(0.0, 100))}
    (found,) = olr.lint(olr.Cosine(1e-4, 1000, 100), train_steps=1500)
    assert found.code == "LR148"
    assert [finding.code for finding in olr.lint(olr.Linear(1e-4, 1000, 900))] == ["LR132"]
    assert [finding.code for finding in olr.lint(olr.Linear(1e-4, 1000), train_steps=1500)] == ["LR145"]
    with pytest.raises(olr.ConfigError, match="not a batch"):
        olr.lint(olr.Linear([1e-4, 1e-3], 1000))


def test_a_config_and_its_file_have_the_same_findings(tmp_path):
    path = tmp_path / "train.yaml"
    nested = {"training": HF | RUN | {"warmup_steps": 500, "learning_rate": 2e-3}}
    for values in (LORA | RUN | {"warmup_steps": 500}, nested):
        path.write_text(yaml.safe_dump(values))
        assert {"LR132"} <= {finding.code for finding in olr.lint(path)}
        assert olr.lint(olr.read_config(path)) == olr.lint(path)


class TestTheTrainerDoesWhatIsSaid:
    """The findings about refused and ignored settings, compared with transformers itself."""

    def arguments(self, folder, **values):
        import transformers

        return transformers.TrainingArguments(
            output_dir=str(folder), use_cpu=True, report_to=[], **without_nulls(values)
        )

    @pytest.mark.parametrize(
        ("code", "values"),
        [
            ("LR111", RUN | {"num_cycles": 0.5}),
            ("LR111", RUN | {"lerning_rate": 1e-4}),
            ("LR116", RUN | {"warmup_steps": None, "warmup_ratio": 0.1}),
            ("LR116", RUN | {"evaluation_strategy": "steps"}),
            ("LR119", RUN | {"eval_strategy": False}),
            ("LR151", PLATEAU | {"eval_strategy": "no"}),
            ("LR155", RUN | {"load_best_model_at_end": True}),
            ("LR155", RUN | {"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 30, "save_steps": 100}),
        ],
    )  # fmt: skip
    def test_settings_that_transformers_refuses(self, code, values, tmp_path):
        assert code in {finding.code for finding in olr.lint(HF | values)}
        with pytest.raises((TypeError, ValueError)):
            self.arguments(tmp_path, **values)
        fixed = tmp_path / "fixed.yaml"
        fixed.write_text(yaml.safe_dump(without_nulls(HF | values)))
        text = apply_fixes(sources_of(fixed)[0], OPTIONS)[0].text
        self.arguments(tmp_path, **{key: value for key, value in yaml.safe_load(text).items() if key not in HF})

    @pytest.mark.parametrize(
        ("kind", "keywords"),
        [("cosine", {"eta_min": 1e-6}), ("linear", {"num_cycles": 3}), ("warmup_stable_decay", {"decay_steps": 540})],
    )
    def test_keywords_that_transformers_refuses(self, kind, keywords):
        import transformers

        values = LORA | RUN | {"lr_scheduler_type": kind, "lr_scheduler_kwargs": keywords}
        assert "LR112" in {finding.code for finding in olr.lint(values)}
        with pytest.raises(TypeError):
            transformers.get_scheduler(kind, self.optimizer(), 60, 600, keywords)

    def optimizer(self, rate=1e-4):
        import torch

        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)

    def rates(self, kind, keywords, warmup, total, steps, rate=1e-4):
        import transformers

        optimizer = self.optimizer(rate)
        scheduler = transformers.get_scheduler(kind, optimizer, warmup, total, keywords)
        seen = []
        for _ in range(steps):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return seen

    def test_mistakes_that_transformers_accepts_silently(self):
        assert self.rates("constant", {}, 60, 600, 1) == [1e-4]  # LR114
        assert self.rates("cosine_with_restarts", {}, 60, 600, 600) == self.rates("cosine", {}, 60, 600, 600)  # LR141
        assert self.rates("cosine", {"num_cycles": 3}, 60, 600, 601)[-1] == pytest.approx(1e-4)  # LR142
        assert max(self.rates("cosine_with_min_lr", {"min_lr": 1e-3}, 0, 600, 601)) == pytest.approx(1e-3)  # LR144
        after = self.rates("cosine", {}, 60, 600, 901)
        assert after[900] > 0.4e-4 > after[599]  # LR148


word = st.sampled_from(
    ["cosine", "linear", "constant", "polynomial", "greedy", "rex", "no", "steps", "epoch", "", "1e-4", "x"]
)
number = st.one_of(st.integers(-(2**40), 2**40), st.floats(), st.booleans(), st.none(), word)
keys = st.sampled_from(
    ["learning_rate", "lr_scheduler_type", "warmup_steps", "warmup_ratio", "max_steps", "num_train_epochs", "num_cycles",
     "eval_strategy", "eval_steps", "save_steps", "load_best_model_at_end", "finetuning_type", "use_peft", "lr_scheduler",
     "micro_batch_size", "gradient_accumulation_steps", "per_device_train_batch_size", "early_stopping_steps", "min_lr", "stage"]
)  # fmt: skip
keywords = st.dictionaries(
    st.sampled_from(["num_cycles", "min_lr", "power", "patience", "eta_min", "num_decay_steps"]), number
)
configs = st.dictionaries(keys, number).flatmap(
    lambda made: st.builds(lambda inner: made | {"lr_scheduler_kwargs": inner}, st.one_of(keywords, number))
)


@given(configs, st.none() | st.integers(1, 10**6), st.none() | st.integers(1, 2000))
@settings(max_examples=400, deadline=None)
def test_each_finding_is_one_line_for_any_config(values, num_examples, train_steps):
    for finding in olr.lint(values, num_examples=num_examples, train_steps=train_steps):
        assert re.fullmatch(r"LR1\d\d (error|warning|note): [^\n]+", str(finding)), finding
        assert dataclasses.asdict(finding)["rule"]


def test_only_the_necessary_text_is_changed():
    text = 'a: {b: 1, c: 2}  # flow\n"quoted": 1\nempty:\nlist:\n- 1\n- 2\nnested:\n    deep: 3   # kept\n'
    edits = [olr.Edit("a.b", None), olr.Edit("empty", 4), olr.Edit("nested.deep", 5.5), olr.Edit("list", None)]
    expected = 'a: {c: 2}  # flow\n"quoted": 1\nempty: 4\nnested:\n    deep: 5.5   # kept\n'
    assert rewritten_document(text, edits, is_json=False) == expected
    assert (
        rewritten_document('{\n    "a": {"b": 1}\n}', [olr.Edit("a.b", 2)], is_json=True) == '{\n    "a": {"b": 2}\n}'
    )
    with pytest.raises(olr.ConfigError, match="make the change by hand"):
        rewritten_document("base: &x {learning_rate: 1}\n<<: *x\n", [olr.Edit("learning_rate", None)], is_json=False)


@pytest.mark.skipif(not FOLDER, reason="OPTAX_LR_CORPUS names no folder of configs")
def test_real_configs():
    files = [path for path in Path(FOLDER).rglob("*") if path.suffix in {".yaml", ".yml", ".json", ".sh"}]
    assert files
    for path in files:
        if "runs" in path.parts:
            continue
        for finding in olr.lint(path, num_examples=10_000):
            assert "\n" not in str(finding), path


@pytest.mark.parametrize("kind", ["cosine", "cosine_with_min_lr", "cosine_with_restarts"])
@pytest.mark.parametrize("cycles", ["many", "", None, [], {}, float("nan"), float("inf")])
def test_cycles_that_are_not_a_number_are_refused_in_one_line(kind, cycles):
    values = {
        "learning_rate": 1e-4,
        "max_steps": 50,
        "lr_scheduler_type": kind,
        "lr_scheduler_kwargs": {"num_cycles": cycles},
    }
    assert [finding.code for finding in olr.lint(values) if finding.code not in SAID] == ["LR110"]
