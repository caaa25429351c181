"""Plots of schedules, checked through the artists of matplotlib."""

import matplotlib.colors
import numpy as np
import pytest
from matplotlib import pyplot

import optax_lr as olr


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


def test_few_curves_have_names_and_their_rates():
    schedules = {"one": olr.Linear(1e-4, 100), "two": olr.Cosine(5e-5, 100)}
    axes = olr.plot(schedules)
    assert [text.get_text() for text in axes.texts] == ["one", "two"]
    for line, schedule in zip(axes.lines, schedules.values(), strict=True):
        steps = line.get_xdata()
        assert (steps[0], steps[-1]) == (0, 100)
        np.testing.assert_allclose(line.get_ydata(), schedule(steps), rtol=1e-6)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimizer step", "learning rate")


def test_names_do_not_overlap():
    axes = olr.plot(
        [
            olr.Linear(1e-4, 100),
            olr.Cosine(1e-4, 100),
            olr.Polynomial(1e-4, 100, power=2),
            olr.CosineWithRestarts(1e-4, 100),
        ]
    )
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_names_say_what_differs():
    axes = olr.plot(olr.grid(olr.Polynomial, learning_rate=1e-4, max_steps=100, power=[1, 2]))
    assert [text.get_text() for text in axes.texts] == ["power 1", "power 2"]


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
    assert axes.get_title() == "400 schedules, 2 shapes"
    assert axes.get_ylabel() == "share of the peak"
    none, warmup = (curve[:, 1] for curve in axes.collections[0].get_segments())
    np.testing.assert_allclose(none, olr.Linear(1.0, 100)(np.arange(101)), rtol=1e-6)
    np.testing.assert_allclose(warmup, olr.Linear(1.0, 100, 10)(np.arange(101)), rtol=1e-6)


def test_a_panel_for_each_kind():
    rates = np.linspace(1e-5, 1e-4, 100)
    few = olr.plot_kinds(olr.concatenate([olr.Linear(rates, 100), olr.Constant(rates)]), past_end="nan")
    assert [axes.get_title() for axes in few.axes if axes.get_title()] == ["Constant: 100", "Linear: 100"]
    lengths = olr.grid(olr.Linear, learning_rate=rates[:10], max_steps=[50, 100, 150], warmup_steps=range(20)).reshape(
        -1
    )
    figure = olr.plot_kinds(olr.concatenate([lengths, olr.Constant(rates)]), steps=101)
    constant, linear, area = (axes for axes in figure.axes if axes.get_title())
    assert (constant.get_title(), linear.get_title()) == ("Constant: 100", "Linear: 600\nmax steps 100")
    drawn = [curve[:, 1].argmax() for curve in linear.collections[0].get_segments()]
    assert len(drawn) == 9
    assert (drawn[0], drawn[-1]) == (0, 19)
    points = dict(zip((line.get_label() for line in area.lines), area.lines, strict=True))
    np.testing.assert_allclose(points["Constant"].get_ydata(), 51 / 101)
    assert len(points["Linear"].get_ydata()) == 600


def test_it_draws_into_given_axes():
    axes = pyplot.figure().add_subplot()
    assert olr.plot(olr.Constant(1e-4), ax=axes) is axes


def test_long_runs_are_thinned():
    assert len(olr.plot(olr.Linear(1.0, 10**6)).lines[0].get_xdata()) == 1001


def test_a_curve_that_ends_early_has_its_name_at_its_end():
    axes = olr.plot({"short": olr.Linear(1e-4, 100), "long": olr.Cosine(1e-4, 1000)}, past_end="nan")
    short, long = axes.texts
    assert short.xy == (100, 0)
    assert long.xy[0] == 1000


def test_every_curve_is_visible_on_a_dark_background():
    with pyplot.style.context("dark_background"):
        axes = olr.plot([olr.Linear(rate, 100) for rate in np.linspace(1e-5, 8e-5, 8)])
        for line in axes.lines:
            assert max(matplotlib.colors.to_rgb(line.get_color())) > 0.5
