from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from common.evaluation.reports import label_fraction_figure as module
from common.evaluation.reports.label_fraction_figure import label_fraction_figure
from common.plotting import figure

METHODS = ["Scratch", "Radiomics", "Ours"]


def metrics(value: float) -> dict:
    return {name: {"value": value, "low": value - 0.1, "high": value + 0.05} for name in ("auc", "f1_weighted")}


def summary(fractions=(1.0, 0.05, 0.2)) -> dict:
    results = [
        {"set": method, "fraction": fraction, "metrics": metrics(0.5 + 0.1 * index + 0.2 * fraction)}
        for index, method in enumerate(METHODS)
        for fraction in fractions
    ]
    common = {"subjects": 30, "confidence": 0.95, "majority_class": metrics(0.4), "results": results}
    return common | {"fractions": list(fractions)}


@pytest.fixture
def axes(monkeypatch, tmp_path):
    """The panels of a figure that was drawn with a baseline."""
    kept = []

    @contextmanager
    def keep(*args, **kwargs):
        with figure(*args, **kwargs) as (drawing, panels):
            kept.append(panels)
            yield drawing, panels

    monkeypatch.setattr(module, "figure", keep)
    path = label_fraction_figure(summary(), tmp_path / "curve.png", baselines=["Scratch", "Radiomics"])
    with Image.open(path) as image:
        assert image.width == 900
    return kept[0].flat


def test_curves_pass_through_the_values_from_few_to_many_labels(axes):
    for axis in axes:
        assert [tick.get_text() for tick in axis.get_xticklabels()] == ["5 %", "20 %", "100 %"]
        for index, container in enumerate(axis.containers):
            line, _, (bars,) = container.lines
            expected = [0.5 + 0.1 * index + 0.2 * fraction for fraction in (0.05, 0.2, 1.0)]
            np.testing.assert_allclose(line.get_ydata(), expected)
            segments = [segment[:, 1] for segment in bars.get_segments()]
            np.testing.assert_allclose(segments, [[value - 0.1, value + 0.05] for value in expected])


def test_no_method_hides_another_and_baselines_are_dashed(axes):
    lines = [container.lines[0] for container in axes[0].containers]
    places = np.stack([line.get_xdata() for line in lines])
    assert np.diff(places, axis=0).min() >= 0.05 and np.abs(places - [0, 1, 2]).max() < 0.5
    assert [line.get_linestyle() for line in lines] == ["--", "--", "-"]
    majority = next(line for line in axes[0].lines if line.get_label() == "Majority class")
    assert majority.get_linestyle() == "--" and set(majority.get_ydata()) == {0.4}


def test_a_colour_that_comes_round_again_has_hollow_marks(monkeypatch, tmp_path):
    monkeypatch.setattr(f"{__name__}.METHODS", [f"m{index}" for index in range(9)])
    kept = []

    @contextmanager
    def keep(*args, **kwargs):
        with figure(*args, **kwargs) as (drawing, panels):
            kept.append(panels)
            yield drawing, panels

    monkeypatch.setattr(module, "figure", keep)
    label_fraction_figure(summary(), tmp_path / "curve.png")
    lines = [container.lines[0] for container in kept[0][0, 0].containers]
    looks = {(line.get_color(), line.get_markerfacecolor()) for line in lines}
    assert len(looks) == 9 and len({line.get_color() for line in lines}) < 9
