"""The report of an audit: the page in a real browser, the picture, and the text."""

import dataclasses
import itertools
import json
import re

import numpy as np
import pytest
from matplotlib import image, pyplot

import optax_lr as olr
from optax_lr.plots.pages.audit import audit_page
from optax_lr.plots.pages.figure import ROOM
from optax_lr.plots.shown import shown_lines
from optax_lr.plots.terminal import drawn
from tests.browser import needs_browser, seen
from tests.commands.test_cli import run
from tests.logs.made import log_of

PLAN = olr.Cosine(1e-4, max_steps=1000)
STEP = np.arange(10, 1010, 10)
RATE = 1e-4 * (1 - STEP / 1000)


def a_log(**columns):
    """100 rows of a linear schedule; the 50th loss is infinite, the 61st norm NaN, every 10th row has an evaluation."""
    loss = 2.5 - STEP / 500
    loss[49] = np.inf
    norms = np.ones(100)
    norms[60] = np.nan
    evaluations = [2.5 - step / 600 if step % 100 == 0 else None for step in STEP]
    given = {"learning_rate": RATE, "grad_norm": norms, "eval_loss": evaluations, "source": "runs/a/trainer_state.json"}
    return log_of(loss, **(given | columns))


@pytest.fixture(scope="module")
def report():
    return olr.audit(a_log(), PLAN)


def page(report):
    return audit_page(report).html


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


def luminance(colour):
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@needs_browser
@pytest.mark.parametrize(("dark", "width"), [(False, 1100), (True, 500)], ids=["light", "dark and narrow"])
def test_the_browser_shows_the_findings(report, tmp_path, dark, width):
    assert {found.code for found in report.findings} == {"LR202", "LR302"}
    told = seen(
        page(report), tmp_path,
        """
  const behind = element => {
    const colour = element ? getComputedStyle(element).backgroundColor : "rgb(255, 255, 255)";
    return colour === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : colour;
  };
  const texts = [...document.querySelectorAll("body *")].filter(element => element.getClientRects().length &&
    [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
  const colours = texts.map(element => [element.textContent.trim().slice(0, 40), behind(element), getComputedStyle(element).color]);
  const top = element => element.getBoundingClientRect().top;
  const words = element => (element.innerText ?? element.textContent).replace(/\\s+/g, " ").trim();
  return {
    page: getComputedStyle(document.body).backgroundColor,
    colours,
    findings: [...document.querySelectorAll("#findings li")].map(words),
    tags: [...document.querySelectorAll(".lane b")].filter(code => code.getClientRects().length).map(words),
    lines: [...document.querySelectorAll("#figure path")].map(path => [path.getAttribute("class"), path.getTotalLength()]),
    table: words(document.querySelector(".schedules")),
    config: document.getElementById("config").innerText,
    targets: [...document.querySelectorAll("#findings a")].map(link => words(document.querySelector(link.hash))),
    outside: document.documentElement.scrollWidth > innerWidth,
    cut: texts.filter(text => top(text) < top(text.closest("#figure") ?? text) || text.getBoundingClientRect().height < 11).map(words),
    width: innerWidth,
  };""",
        dark=dark, width=width,
    )  # fmt: skip
    assert (luminance(told["page"]) < 0.05) == dark
    poor = [(text, contrast(back, front)) for text, back, front in told["colours"] if contrast(back, front) < 4.5]
    assert poor == []
    assert len(told["colours"]) > 40
    for shown_text, found in zip(told["findings"], report.findings, strict=True):
        assert shown_text.startswith(f"{found.code} {found.severity} {found.rule.title} (steps ")
        assert " ".join(found.message.split()) in shown_text
        assert f"what {found.code} means" in shown_text
        assert not found.remedy or f"Remedy: {found.remedy}" in shown_text
    assert all(found.rule.title in text for text, found in zip(told["targets"], report.findings, strict=True))
    assert told["tags"] == ["LR202", "LR302"]
    drawn_lines = dict(told["lines"])
    assert min(drawn_lines[kind] for kind in ("planned", "followed", "loss", "eval_loss")) > 850  # of 1,000 across
    assert "Linear(learning_rate=0.0001, max_steps=1000)" in told["table"]
    assert told["config"] == "learning_rate: 0.0001\nlr_scheduler_type: linear\nmax_steps: 1000"
    assert (told["outside"], told["cut"], told["width"]) == (False, [], width)


@needs_browser
def test_hovering_shows_the_values_of_the_nearest_row_and_a_finding_its_steps(report, tmp_path):
    told = seen(
        page(report), tmp_path,
        """
  const box = figure.getBoundingClientRect(), found = {tips: {}};
  const values = () => Object.fromEntries([...tip.querySelectorAll("tr")].map(row => [...row.cells].map(cell => cell.innerText)));
  for (const step of [104, 500, 610, 1000]) {
    figure.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + box.width * step / 1000, clientY: 200}));
    const {left, right} = tip.getBoundingClientRect();
    found.tips[step] = {...values(), inside: left >= box.left && right <= box.right + 1};
  }
  found.visible = [getComputedStyle(tip).visibility];
  figure.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
  found.before = values().step;
  figure.dispatchEvent(new PointerEvent("pointerleave"));
  found.visible.push(getComputedStyle(tip).visibility);
  const item = document.querySelector("#findings li:nth-child(2)"), bar = document.querySelectorAll(".lane [data-finding]")[1];
  const span = document.querySelectorAll(".span")[1], strength = () => Number(getComputedStyle(span).opacity);
  const place = span.getBoundingClientRect();
  found.span = [place.left, place.right].map(x => Math.round((x - box.left) / box.width * 1000));
  found.strengths = [strength()];
  for (const [element, event] of [[item, "pointerenter"], [item, "pointerleave"], [bar, "click"]]) {
    element.dispatchEvent(new PointerEvent(event));
    if (event === "click") element.dispatchEvent(new PointerEvent("pointerleave"));
    found.strengths.push(strength());
  }
  return found;""",
    )  # fmt: skip
    row = {"step": "100", "logged": "9e-05", "planned": f"{1e-4 * (1 + np.cos(0.1 * np.pi)) / 2:.8g}", "found": "9e-05"}
    row |= {"training loss": "2.3", "evaluation loss": "2.33333", "gradient norm": "1", "inside": True}
    assert told["tips"]["104"] == row
    assert told["tips"]["500"]["training loss"] == "Infinity"
    assert told["tips"]["610"]["gradient norm"] == "NaN"
    assert told["tips"]["1000"]["step"] == "1,000"
    assert all(tip["inside"] for tip in told["tips"].values())
    assert (told["before"], told["visible"]) == ("990", ["visible", "hidden"])
    assert told["span"] == list(report.findings[1].steps)
    plain, on, off, pinned = told["strengths"]
    assert plain == off < on == pinned


@needs_browser
def test_the_page_makes_no_request_and_escapes_text(report, tmp_path):
    hostile = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    finding = dataclasses.replace(
        report.findings[0], message=f"a {hostile} b", remedy=f"set lr_scheduler_type: {hostile}"
    )
    log = dataclasses.replace(report.log, source=f"runs/{hostile}", notes=(hostile,), format=hostile)
    made = page(dataclasses.replace(report, log=log, findings=(finding,)))
    told = seen(
        made, tmp_path,
        """
  const refused = [];
  document.addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective));
  const requested = performance.getEntriesByType("resource").length;
  document.body.appendChild(new Image()).src = "http://example.com/pixel.png";
  await fetch("http://example.com").catch(() => {});
  await new Promise(done => setTimeout(done, 100));
  return {hacked: window.hacked ?? null, requested, refused, text: document.body.innerText};""",
    )  # fmt: skip
    assert told["hacked"] is None
    assert told["requested"] == 0
    assert set(told["refused"]) == {"img-src", "connect-src"}  # the page forbids what the test tries
    assert told["text"].count("window.hacked = 1") >= 8  # as text: path, format, message, remedy, note
    assert not re.search(r"https?://|\bsrc=|\bhref=\"(?!#)|url\(|@import|<link", page(report))


def numbers(path):
    return np.array([[float(part) for part in place.split()] for place in re.findall(r"[\d.]+ [\d.]+", path)])


def test_points_are_drawn_at_their_values(report):
    made = page(report)
    ticks = re.findall(r'class="value" style="top:([\d.]+)px">([^<]+)<', made)
    rates = [(float(y), float(text)) for y, text in ticks if "e-" in text]
    (y0, v0), (y1, v1) = rates[0], rates[-1]
    for kind, curve in {"logged": RATE, "planned": 5e-5 * (1 + np.cos(np.pi * np.arange(0, 1001) / 1000))}.items():
        places = numbers(re.search(rf'<path class="{kind}" d="([^"]+)"', made)[1])
        assert (np.diff(places[:, 1]) >= 0).all()  # the rates fall, and y grows downwards
        values = v0 + (places[:, 1] - y0) * (v1 - v0) / (y1 - y0)
        np.testing.assert_allclose([values[0], values[-1]], [curve[0], curve[-1]], atol=1e-7)
        assert abs(values.mean() - curve.mean()) < 5e-7
    marks = re.findall(r'<path class="lost (\w+)" d="([^"]+)"><title>', made)
    assert {name: d.count("M") for name, d in marks} == {"loss": 1, "grad_norm": 1}
    loss = re.search(r'<path class="loss" d="([^"]+)"', made)[1]
    assert loss.count("M") == 2  # the line breaks at the infinite row


@pytest.mark.parametrize(("length", "largest"), [(200_000, 500_000), (2000, 300_000)])
def test_a_long_log_is_a_small_page_that_keeps_outliers(length, largest):
    random = np.random.default_rng(0)
    loss, norms = 2 + 0.1 * random.standard_normal(length), random.random(length)
    rates = 1e-4 * (1 - np.arange(1, length + 1) / length)
    high, lost, off = (round(share * length) for share in (0.617, 0.389, 0.75))
    loss[high], norms[lost], rates[off] = 9.5, np.nan, 0.999 * rates[off]
    log = log_of(loss, rates, every=1, grad_norm=norms)
    report = dataclasses.replace(olr.audit(log_of([2.0], [1e-4])), log=log, plan=None, planned=rates * 1.0, findings=())
    report.planned[off] /= 0.999
    made = page(report)
    assert len(made) < largest
    rows = {row[0]: row[1:] for row in json.loads(re.search(r'id="data">(.*?)</script>', made)[1])["rows"]}
    assert ("9.5" in rows[high + 1], "NaN" in rows[lost + 1]) == (True, True)
    assert {1, off + 1, length} <= rows.keys()  # one off the plan is kept, though no extreme of anything else
    assert (f"of {length:,} rows are drawn" in made) == (length > len(rows)) == (length > 2000)


def test_a_delayed_schedule_is_drawn_at_the_rows():
    rates = np.maximum(0, 1e-4 * (1 - (STEP - (STEP > 300) - 2 * (STEP > 700)) / 1000))
    report = olr.audit(log_of(np.full(100, 2.0), rates, max_steps=1000))
    assert report.identified.segments[0].lag
    (line,) = [line for line in shown_lines(report).panels[0].lines if line.name == "followed"]
    np.testing.assert_allclose(line.value[np.isin(line.step, STEP)], rates, rtol=1e-9, atol=1e-19)


def test_plot_draws_an_audit_with_its_losses_or_into_given_axes(report):
    axes = olr.plot(report)
    lines = {line.get_label(): line for panel in axes.figure.axes for line in panel.lines}
    np.testing.assert_array_equal(lines["rate in the log"].get_xydata(), np.column_stack([STEP, RATE]))
    planned = lines["rate of the plan"]
    np.testing.assert_allclose(planned.get_ydata(), PLAN(planned.get_xdata()), rtol=1e-5, atol=1e-11)
    assert {text.get_text() for text in axes.texts} == {"LR202", "LR302"}
    assert np.isfinite(lines["training loss"].get_ydata()).sum() == 99
    assert np.isfinite(lines["evaluation loss"].get_ydata()).sum() == 10
    np.testing.assert_array_equal(lines["gradient norm: NaN or infinite"].get_xdata(), [610])
    given = pyplot.figure().add_subplot()
    assert olr.plot(report, ax=given).figure.axes == [given]
    with pytest.raises(ValueError, match="leave out steps"):
        olr.plot(report, steps=10)


def test_plot_draws_a_plan_with_its_warmup_and_its_end():
    lengths = {"max_steps": 300, "warmup_steps": 30}
    plan = olr.read_config({"stage": "sft", "learning_rate": 1e-4, "lr_scheduler_type": "cosine"} | lengths).plan()
    axes = olr.plot(plan)
    curve, *marks = axes.lines
    assert curve.get_xdata()[-1] == 300
    np.testing.assert_allclose(curve.get_ydata(), plan.schedule(curve.get_xdata()), rtol=1e-6)
    assert [mark.get_xdata()[0] for mark in marks] == [30, 300]
    assert {"end of the warmup: 30", "max_steps: 300"} <= {text.get_text() for text in axes.texts}


@pytest.fixture(scope="module")
def many_spans():
    """Thirty short spans in one log: every bar is drawn, and as many codes as fit."""
    report = olr.audit(log_of([2.0] * 90, np.repeat(np.linspace(1e-4, 1e-3, 30), 3)))
    spans = [dataclasses.replace(report.findings[0], steps=(30 * k + 10, 30 * k + 30)) for k in range(30)]
    return dataclasses.replace(report, findings=tuple(spans))


def test_codes_of_short_spans_have_room(many_spans):
    made = page(many_spans)
    assert made.count('<i class="bar"') == 30
    for screen, room in ROOM.items():
        lefts = [float(x) for x in re.findall(rf'<b class="{screen}" style="left:([\d.]+)%', made)]
        assert len(lefts) > 0.6 / room
        assert min(np.diff(lefts)) >= 100 * room - 0.01


@pytest.mark.parametrize("what", ["report", "many_spans", "schedules"])
def test_texts_of_the_picture_do_not_overlap(what, request):
    kinds = [olr.Linear, olr.Cosine, olr.CosineWithRestarts, olr.Rex]
    axes = olr.plot([kind(1e-4, 100) for kind in kinds] if what == "schedules" else request.getfixturevalue(what))
    axes.figure.canvas.draw()
    titles = [axes.figure._suptitle] * (axes.figure._suptitle is not None)
    boxes = [text.get_window_extent() for text in (*axes.texts, *axes.get_yticklabels(), *titles)]
    assert len(boxes) > 5
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


@pytest.mark.parametrize(
    ("log", "panels", "is_log"),
    [
        (log_of([2.0], [1e-4]), 2, False),
        (log_of([None] * 20, np.linspace(1e-4, 0, 20)), 1, False),
        (log_of([2.0] * 20), 2, False),
        (log_of([np.nan] * 20, [0.0] * 20), 2, False),
        (log_of([-3.0, 1e6, None, -5.0], [1e-4, None, 1e-9, 1e-4], step=[30, 10, 10, 5]), 2, True),
        (log_of(np.geomspace(5, 1e-6, 50), np.geomspace(1e-3, 1e-9, 50)), 2, True),
    ],
    ids=["one row", "no losses", "no rates", "nothing but NaN and 0", "back and forth", "decades"],
)
def test_unusual_logs_are_drawn(log, panels, is_log):
    report = olr.audit(log)
    made = page(report)
    assert made.count("<h3>") == panels == len(olr.plot(report).figure.axes)
    assert not re.search(r'd="[^"]*(nan|inf)', made)
    assert bool(drawn(report)) == bool(np.isfinite(log.learning_rate).any())
    assert (">1e-7<" in made) == is_log


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A real Trainer's state of 30 steps, and the config of another schedule."""
    import transformers

    from tests.tiny import Data, Model

    folder = tmp_path_factory.mktemp("trained")
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=30, learning_rate=1e-3, logging_steps=1, lr_scheduler_type="linear", warmup_steps=5,
        use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(model=Model(), args=arguments, train_dataset=Data(64))
    trainer.train()
    trainer.state.save_to_json(str(folder / "trainer_state.json"))
    (folder / "sft.yaml").write_text(
        "stage: sft\nlearning_rate: 1e-3\nlr_scheduler_type: cosine\nmax_steps: 30\nwarmup_steps: 5\n"
    )
    return folder


@needs_browser
def test_the_command_writes_the_page_and_the_picture(trained, tmp_path):
    done = run(
        "audit", "trainer_state.json", "--config", "sft.yaml", "--html", "report.html", "--png", "report.png",
        folder=trained,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr  # a finding that is an error
    assert done.stderr == "wrote report.html\nwrote report.png\n"
    assert all(text in done.stdout for text in ("LR202 error", "0.001┤", "─── rate of the plan, o rate in the log"))
    assert seen((trained / "report.html").read_text(), tmp_path, "return byId('findings').innerText").startswith(
        "LR202"
    )
    picture = image.imread(trained / "report.png")
    assert min(picture.shape[:2]) > 700
    assert len(np.unique((picture[..., :3] * 255).astype(int).reshape(-1, 3), axis=0)) > 100
    assert not list(trained.glob(".*"))  # nothing half written is left


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["trainer_state.json", "--html", "there.html"], "there.html exists; choose another name, or overwrite it with --force"),
        (["trainer_state.json", "--html", "trainer_state.json", "--force"], "--html trainer_state.json: this file is an input; choose another name"),
        (["trainer_state.json", "--config", "sft.yaml", "--png", "./sft.yaml", "--force"], "--png sft.yaml: this file is an input; choose another name"),
        (["trainer_state.json", "sft.yaml", "--html", "new.html"], "--html shows one log, not 2; call audit once for each of them"),
        (["trainer_state.json", "--html", "new", "--png", "new"], "new: the name must end in .html or .htm"),
        (["trainer_state.json", "--png", "none/new.png"], "none/new.png: the folder none does not exist"),
    ],
)  # fmt: skip
def test_outputs_that_cannot_be_written_are_refused_first(trained, arguments, line):
    (trained / "there.html").write_text("mine")
    before = {path: path.read_bytes() for path in trained.iterdir() if path.is_file()}
    done = run("audit", *arguments, folder=trained)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"optax-lr: {line}\n")
    assert {path: path.read_bytes() for path in trained.iterdir() if path.is_file()} == before
