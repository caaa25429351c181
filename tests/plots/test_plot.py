"""Plots of schedules, checked through the artists of matplotlib."""

import matplotlib.colors
import numpy as np
import pytest
from matplotlib import pyplot

import optax_lr as olr
from optax_lr.plots.scale import LOG, Scale, is_wide, scale_of


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([], Scale(0.0, 1.0)),
        ([0.0, np.nan], Scale(0.0, 1.0)),
        ([2.0, 3.0, 12.0], Scale(0.0, 12.6)),
        ([9.0, 10.0], Scale(8.94, 10.06)),
        ([-1.0, 1e6], Scale(-60001.06, 1060000.06)),
        ([0.0, 1e-9, 1e-5, 1.0], Scale(LOG["lowest"] / LOG["room"], LOG["room"], is_log=True)),
        ([1.0] * 20 + [100.0, np.inf], Scale(1 / LOG["room"], 100 * LOG["room"], is_log=True)),
        ([0.01] + [1.0] * 20, Scale(0.0, 1.0594)),
    ],
)
def test_the_axis_of_values_fits_them(values, scale):
    found = scale_of(np.array(values))
    assert (found.low, found.high) == pytest.approx((scale.low, scale.high))
    assert found.is_log == scale.is_log == is_wide(np.array(values))
    assert scale_of(np.array([9.0, 10.0]), from_zero=True).low == 0


def test_few_curves_have_names_and_their_rates():
    schedules = {"one": olr.Linear(1e-4, 100), "two": olr.Cosine(5e-5, 100)}
    axes = olr.plot(schedules)
    assert [text.get_text() for text in axes.texts] == ["one", "two"]
    for line, schedule in zip(axes.lines, schedules.values(), strict=True):
        steps = line.get_xdata()
        assert (steps[0], steps[-1]) == (0, 100)
        np.testing.assert_allclose(line.get_ydata(), schedule(steps), rtol=1e-6)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimizer step", "learning rate")
    powers = olr.plot(olr.grid(olr.Polynomial, learning_rate=1e-4, max_steps=100, power=[1, 2]))
    assert [text.get_text() for text in powers.texts] == ["power 1", "power 2"]
    decays = [olr.WarmupStableDecay(1e-4, 9, 99, decay_type=word) for word in ("cosine", "linear")]
    assert {text.get_text() for text in olr.plot(decays).texts} == {"decay_type cosine", "decay_type linear"}
    several = olr.plot([decays[0], olr.Constant(1e-4), olr.Constant(2e-4)])
    assert "Constant learning_rate 0.0002" in {text.get_text() for text in several.texts}
    axes = olr.plot({"short": olr.Linear(1e-4, 10_000), "long": olr.Cosine(1e-4, 10**6)}, past_end="nan")
    short, long = axes.texts
    assert (short.xy, long.xy[0]) == ((10_000, 0), 10**6)
    assert len(axes.lines[0].get_xdata()) == 1001
    assert not olr.plot(olr.Linear(1e-4, 100), steps=[200, 300], past_end="nan").texts


def test_many_curves_have_a_colour_bar_over_what_varies():
    batch = olr.grid(olr.Cosine, learning_rate=np.geomspace(1e-6, 1e-3, 20), warmup_steps=[0, 10], max_steps=100)
    axes = olr.plot(batch)
    assert axes.get_yscale() == "log"
    assert len(axes.collections[0].get_segments()) == 40
    bar = next(other for other in axes.figure.axes if other is not axes)
    assert bar.get_ylabel() == "learning rate"
    assert olr.plot(batch, color_by="warmup_steps").figure.axes[-1].get_ylabel() == "warmup steps"


def test_very_many_curves_are_shares_of_their_peaks():
    batch = olr.grid(olr.Linear, learning_rate=np.geomspace(1e-6, 1e-3, 200), warmup_steps=[0, 10], max_steps=100)
    axes = olr.plot(batch)
    assert (axes.get_title(), axes.get_ylabel()) == ("400 schedules, 2 shapes", "share of the peak")
    for curve, warmup in zip(axes.collections[0].get_segments(), [0, 10], strict=True):
        np.testing.assert_allclose(curve[:, 1], olr.Linear(1.0, 100, warmup)(np.arange(101)), rtol=1e-6)


def test_a_panel_for_each_kind():
    rates = np.linspace(1e-5, 1e-4, 100)
    few = olr.plot_kinds(olr.concatenate([olr.Linear(rates, 100), olr.Constant(rates)]), past_end="nan")
    assert [axes.get_title() for axes in few.axes if axes.get_title()] == ["Constant: 100", "Linear: 100"]
    lengths = olr.grid(olr.Linear, learning_rate=rates[:10], max_steps=[50, 100, 150], warmup_steps=range(20))
    figure = olr.plot_kinds(olr.concatenate([lengths.reshape(-1), olr.Constant(rates)]), steps=101)
    constant, linear, area = (axes for axes in figure.axes if axes.get_title())
    assert (constant.get_title(), linear.get_title()) == ("Constant: 100", "Linear: 600\nmax steps 100")
    drawn = [curve[:, 1].argmax() for curve in linear.collections[0].get_segments()]
    assert (len(drawn), drawn[0], drawn[-1]) == (9, 0, 19)
    points = dict(zip((line.get_label() for line in area.lines), area.lines, strict=True))
    np.testing.assert_allclose(points["Constant"].get_ydata(), 51 / 101)
    assert len(points["Linear"].get_ydata()) == 600


def test_every_curve_is_visible_on_a_dark_background():
    axes = pyplot.figure().add_subplot()
    with pyplot.style.context("dark_background"):
        assert olr.plot([olr.Linear(rate, 100) for rate in np.linspace(1e-5, 8e-5, 8)], ax=axes) is axes
    assert all(max(matplotlib.colors.to_rgb(line.get_color())) > 0.5 for line in axes.lines)
