"""The page on which schedules are explored, as a browser runs it."""

import json
import sys

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
import yaml

import optax_lr as olr
from optax_lr.identification.exact import exact_rates
from optax_lr.plots.pages.examples import EXAMPLES
from optax_lr.plots.pages.functions import javascript_of
from optax_lr.plots.pages.page import vega
from tests.browser import needs_browser, seen
from tests.cases import CLASSES
from tests.numerics.test_javascript import random_schedules
from tests.safety import commands
from tests.wrong_types import wrong_types

CONFIG = "learning_rate: 1.0e-4\nlr_scheduler_type: cosine\nwarmup_steps: 10\nnum_train_epochs: 3\n"
CURVES = """const lines = () => [...document.querySelectorAll("#chart .mark-line path")].map(line => line.getAttribute("d"));
const soon = () => new Promise(done => setTimeout(done, 20)).then(chart.picture);
const input = (label, value) => {
  const made = document.querySelector(`[aria-label="${label}"]`);
  made.value = value;
  made.dispatchEvent(new Event("input", {bubbles: true}));
  made.dispatchEvent(new Event("change", {bubbles: true}));
  return soon();
};
const text = id => document.getElementById(id).textContent;
await soon();
"""
STEPS = np.arange(64)


def page(**changes):
    return olr.explore({"short": olr.Cosine(3e-4, 500, 50), "long": olr.Linear(3e-4, 1000) * 0.5} | changes)


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_curves_are_drawn_and_follow_a_slider(tmp_path, dark):
    found = seen(
        page(damped=olr.Function(lambda step: 1e-4 * jnp.exp(-step / 100))).html,
        tmp_path,
        CURVES
        + """
        const before = lines(), start = text("at"), values = text("values"), marks = text("chart");
        const box = document.querySelector("#chart svg .background").getBoundingClientRect();
        document.querySelector("#chart svg").dispatchEvent(new MouseEvent("mousemove", {clientX: box.left + box.width / 2, clientY: box.top + 9, bubbles: true}));
        await soon();
        const sampled = curveOf(entries[2].tree);
        const jagged = {kind: "CosineAnnealingWarmRestarts", learning_rate: 1, T_0: 50_000, T_mult: 1, eta_min: 0};
        const lows = pointsOf({rate: curveOf(jagged), tree: jagged}, 990_000, false).filter(point => point[1] < 1e-4).length;
        const samples = [500, 1150, 1151].map(sampled);
        const under = [text("at"), document.getElementById("values").rows[1].cells[1].textContent];
        await input("learning_rate, by a slider", 0.25);
        const after = lines(), copied = text("copy");
        await input("axis of the rates", "log");
        const logarithmic = lines();
        const figure = document.getElementById("chart");
        for (const key of ["Home", "ArrowRight", "ArrowRight"]) figure.dispatchEvent(new KeyboardEvent("keydown", {key}));
        const at = text("at");
        await input("kind of schedule", "WarmupStableDecay");
        await input("decay_type", '"1-sqrt"');
        await input("warmup_steps", "-1");
        return {marks, start, under, samples, lows, before, after, logarithmic, values, copied, at, wsd: text("copy"), refused: text("refused"),
          ground: getComputedStyle(document.body).backgroundColor, wide: document.documentElement.scrollWidth - innerWidth};""",
        dark=dark,
    )
    for lines in (found["before"], found["after"], found["logarithmic"]):
        assert [len(line) > 200 for line in lines] == [True] * 3
    assert found["after"][0] != found["before"][0]
    assert found["logarithmic"][0] != found["after"][0]
    assert found["after"][1:] != found["logarithmic"][1:]
    assert "damped (sampled)" in found["values"]
    assert found["lows"] >= 19  # at each restart within 990,000 steps, though a pixel has more than 1,000 of these
    assert found["samples"][:2] == pytest.approx([1e-4 * np.exp(-5), 1e-4 * np.exp(-11.5)], rel=1e-4)
    assert found["samples"][2] is None  # NaN: past the last step that Python computed
    assert found["copied"].endswith("schedule = olr.Cosine(learning_rate=1e-6, max_steps=500, warmup_steps=50)\n")
    assert all(mark in found["marks"] for mark in ("warmup ends", "end, and past it"))
    assert found["start"] == "at step 288"  # a quarter of the 1,150 steps
    step = int(found["under"][0].removeprefix("at step "))
    assert abs(step - 575) <= 2  # the middle, up to a pixel
    assert float(found["under"][1]) == pytest.approx(1.5e-4 * (1 - step / 1000), rel=1e-4)
    assert found["at"] == "at step 2"
    assert "refused: warmup_steps must be at least 0" in found["wsd"]
    assert "Not drawn: warmup_steps" in found["refused"]
    assert found["ground"] == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    assert found["wide"] <= 0


@needs_browser
def test_copies_give_the_same_curve(tmp_path):
    schedules = [schedule for example in EXAMPLES for schedule in [example, *random_schedules(type(example), 3)]]
    schedules += [olr.Constant(1e-3), olr.Linear(1e-3, 40), olr.Cosine(1e-3, 40)]
    schedules += [olr.WarmupStableDecay(1e-3, 9, 40, decay_type="linear")]
    trees = [schedule.to_dict() for schedule in schedules]
    copies = "tree => Object.fromEntries(Object.keys(COPIES).map(target => [target, copyOf(target, tree)]))"
    found = seen(page().html, tmp_path, f"return {json.dumps(trees)}.map({copies})")
    expressed = dict.fromkeys(found[0], 0)
    for schedule, texts in zip(schedules, found, strict=True):
        expected = exact_rates(schedule, STEPS)
        for target, check in CHECKS.items():
            expressed[target] += "text" in texts[target]
            check(schedule, texts[target], target, expected)
    least = dict(zip(CHECKS, (150, 30, 30, 150, 20), strict=True))
    assert all(expressed[target] > least[target] for target in CHECKS), expressed


def same_in_python(schedule, copy, target, expected):
    names = {}
    exec(copy["text"], names)
    assert names["schedule"] == schedule


def same_config(schedule, copy, target, expected):
    trainer = {"transformers": "hf", "LLaMA-Factory": "llamafactory"}[target]
    try:
        keys = olr.write_config(schedule, trainer=trainer)
        read = olr.read_config(keys | {"max_steps": keys.get("max_steps", 50)}, trainer=trainer).plan().schedule
        can = np.allclose(exact_rates(read, STEPS), expected, rtol=1e-9, atol=1e-12 * expected.max())
    except ValueError:
        can = False
    assert ("text" in copy) == can, (schedule, copy)
    if can:
        keys = yaml.safe_load(copy["text"])
        read = olr.read_config({"max_steps": 50} | keys, trainer=trainer).plan().schedule
        np.testing.assert_allclose(exact_rates(read, STEPS), expected, rtol=1e-9, atol=1e-12, err_msg=repr(schedule))


def same_in_torch(schedule, copy, target, expected):
    names = {"parameters": [torch.nn.Parameter(torch.zeros(1))]}
    exec(copy["text"], names)
    length = schedule.end if isinstance(schedule, olr.OneCycle) else len(STEPS)  # torch refuses to continue
    rates = []
    for _ in STEPS[:length]:
        rates.append(names["scheduler"].get_last_lr()[0])
        names["optimizer"].step()
        if len(rates) < length:
            names["scheduler"].step()
    np.testing.assert_allclose(rates, expected[:length], rtol=1e-6, atol=1e-9 * expected.max(), err_msg=repr(schedule))


def same_in_optax(schedule, copy, target, expected):
    if "cannot" in copy:
        return
    names = {"optax": optax}
    exec(copy["text"], names)
    within = [step for step in STEPS if schedule.end is None or step <= schedule.end]
    rates = names["schedule"](jnp.asarray(within))
    np.testing.assert_allclose(rates, expected[within], rtol=1e-5, atol=1e-6 * expected.max(), err_msg=repr(schedule))


CHECKS = {
    "optax_lr": same_in_python,
    "transformers": same_config,
    "LLaMA-Factory": same_config,
    "PyTorch": same_in_torch,
    "Optax": same_in_optax,
}


@needs_browser
def test_a_config_is_shown_with_its_findings_and_its_text_is_escaped(tmp_path):
    config = tmp_path / "<b>sft.yaml"
    config.write_text(
        "stage: sft\nfinetuning_type: lora\nlearning_rate: 1.0e-3\nlr_scheduler_type: cosine\nmax_steps: 600\nwarmup_steps: 500\n"
        '"</script><img src=x onerror=problems.push(1)>": 1\n'
    )
    made = olr.explore(config)
    assert made.html.count("</script>") == 2  # those of the page itself
    found = seen(made.html, tmp_path, CURVES + "return {config: text('config'), lines: lines(), title: document.title}")
    assert found["title"] == "<b>sft.yaml: explore its learning rate"
    assert "600, of them 500 of warmup" in found["config"]
    assert "</script><img" in found["config"]
    assert "LR121 error" in found["config"]
    assert "Line 6: warmup is 83% of 600 steps" in found["config"]
    assert len(found["lines"]) == 1


def test_notebooks_and_files(tmp_path):
    made = page()
    assert made._repr_html_().startswith(
        '<iframe title="Explore learning-rate schedules" sandbox="allow-scripts allow-downloads"'
    )
    path = made.save(tmp_path / "page.html")
    assert path.read_text() == made.html
    with pytest.raises(OSError, match="exists; choose another name"):
        made.save(path)
    with pytest.raises(OSError, match=r"must end in \.html or \.htm"):
        made.save(tmp_path / "page.txt")


@wrong_types
def test_refusals(monkeypatch):
    with pytest.raises(ValueError, match=r"not a batch of shape \(2,\); take some of its rows"):
        olr.explore(olr.Constant([1.0, 2.0]))
    with pytest.raises(ValueError, match="up to 8 curves, not 9"):
        olr.explore([olr.Constant(1.0)] * 9)
    with pytest.raises(TypeError, match="takes a config's file, schedules or plans"):
        olr.explore([olr.Constant])
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ImportError, match=r'pip install "optax-lr\[pages\]"'):
        vega.__wrapped__()  # past what is kept of an earlier call


def test_every_schedule_is_on_the_page_and_lists_of_any_length():
    assert [type(example) for example in EXAMPLES] == list(dict.fromkeys(map(type, EXAMPLES)))
    assert set(map(type, EXAMPLES)) == set(CLASSES) - {olr.Function, olr.Mixed}
    long = olr.MultiStep(0.1, milestones=list(range(1, 21)))
    for examples in (EXAMPLES, [*EXAMPLES, long]):
        assert ('"[true,20,true]"' in javascript_of(examples)) == (long in examples)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["explore", "sft.yaml", "--num-examples", "500"], "sft.yaml: explore its learning rate"),
        (["sweep", "sft.yaml", "--num-examples", "500", "--warmup-steps", "0,10"], "2 curves of"),
    ],
    ids=["explore", "sweep"],
)
def test_on_the_command_line(tmp_path, arguments, shown):
    (tmp_path / "sft.yaml").write_text(CONFIG)
    written = commands.run(*arguments, "--html", "page.html", folder=tmp_path)
    assert written[0] == 0
    assert "wrote page.html" in written[2]
    assert shown in (tmp_path / "page.html").read_text()
    refused = {"page.html": "exists; choose another name", "sft.yaml": "the name must end in .html or .htm"}
    for output, why in refused.items():
        code, _, told = commands.run(*arguments, "--html", output, folder=tmp_path)
        assert code == 2
        assert why in told
    assert (tmp_path / "sft.yaml").read_text() == CONFIG
