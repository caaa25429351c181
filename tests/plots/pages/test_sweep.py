"""The page on which the curves of a sweep are chosen, as a browser runs it."""

import numpy as np
import pytest

import optax_lr as olr
from optax_lr.plots.pages.sweep import MOST_ROWS, sweep_page
from tests.browser import needs_browser, seen

RATES = list(np.geomspace(1e-6, 1e-3, 12))


@needs_browser
def test_curves_are_selected_by_their_settings(tmp_path):
    cosines = olr.grid(olr.Cosine, learning_rate=RATES, max_steps=[60, 100], warmup_steps=[0, 20]).reshape(-1)
    scaled = olr.Scaled(olr.grid(olr.MultiStep, learning_rate=RATES, milestones=[30, 60]).reshape(-1), 0.5)
    batch = olr.concatenate([cosines, scaled])
    names = ["a.yaml"] * len(cosines) + ["</script>.yaml"] * len(scaled)
    found = seen(
        sweep_page(batch, names, steps=101, past_end="nan").html,
        tmp_path,
        """
        const soon = () => new Promise(done => setTimeout(done, 20)).then(chart.picture);
        const shown = () => [...byId("values").rows].map(row => [...row.cells].map(cell => cell.textContent));
        const lines = () => [...document.querySelectorAll("#chart .mark-line path")].map(line => line.getAttribute("d").length);
        const areas = () => document.querySelectorAll("#chart .mark-area path").length;
        const box = label => document.querySelector(`[aria-label="${label}"]`);
        await soon();
        read(80);
        const all = {rates: shown(), lines: lines(), areas: areas(), log: byId("log-y").value};
        box("max_steps 60").click();
        const slider = box("learning_rate from");
        slider.value = "6";
        slider.dispatchEvent(new Event("input"));
        byId("rows").querySelector("input").click();
        await soon();
        const some = {rates: shown(), count: byId("count").textContent, lines: lines()};
        byId("form").value = "curves";
        byId("form").dispatchEvent(new Event("input"));
        await soon();
        return {all, some, single: lines(), areas: areas(), first: [...byId("rows").rows[1].cells].map(cell => cell.textContent)};""",
    )
    rates = np.asarray(olr.sweep(batch, 101, past_end="nan"), np.float64)[:, 80]
    columns = olr.table(batch)
    quantiles = [np.nanquantile(rates, share) for share in (0, 0.5, 1)]
    assert [float(text) for text in found["all"]["rates"][0][1:]] == pytest.approx(quantiles, rel=1e-4)
    assert found["all"]["log"] == "log"
    assert (found["all"]["areas"], len(found["all"]["lines"])) == (4, 2)
    # A column that a kind does not have keeps its rows.
    peaks = np.fmax(columns["learning_rate"], columns["schedule.learning_rate"])
    kept = (columns["max_steps"] != 60) & ~(columns["learning_rate"] < RATES[6] * 0.999)
    assert found["some"]["count"] == f"{kept.sum()} of {len(batch)} curves"
    quantiles = [np.nanquantile(rates[kept], share) for share in (0, 0.5, 1)]
    assert [float(text) for text in found["some"]["rates"][0][1:]] == pytest.approx(quantiles, rel=1e-4)
    first = np.flatnonzero(kept)[0]
    assert found["first"][0].strip() == str(first + 1)
    assert float(found["first"][-1]) == pytest.approx(peaks[first], rel=5e-5)
    assert float(found["some"]["rates"][1][2]) == pytest.approx(rates[first], rel=1e-4)
    assert len(found["single"]) == kept.sum() + 1
    assert found["areas"] == 0


def test_a_large_sweep_is_thinned_and_the_page_says_so():
    batch = olr.grid(olr.Linear, learning_rate=np.geomspace(1e-6, 1e-3, 300), max_steps=np.arange(100, 200)).reshape(-1)
    page = sweep_page(batch, ["a.yaml"] * len(batch), steps=200, past_end="hold").html
    assert "30,000 curves of 200 optimizer steps. The page has 5,000 of them, evenly spread over the rows." in page
    assert f'"size": {MOST_ROWS}' in page
    assert len(page) < 1_300_000
