from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_curve

from common.errors import InputError
from common.evaluation import feature_correlation_density, parameter_sweep, write_report
from common.evaluation.predictions import outcomes_of
from common.evaluation.reports.feature_figures import correlations, sweep_figure
from common.evaluation.reports.figures import GRID, _roc


def predictions(classes: int, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(classes), n)
    parts = []
    for name in ("Trad.", "3DSiam"):
        for fraction in (1.0, 0.5):
            keys = {"subject": [f"s{i:02d}" for i in range(n)], "fold": np.arange(n) // classes % 5}
            values = {f"probability_{k}": probabilities[:, k] for k in range(classes)}
            table = pd.DataFrame({**keys, "label": np.arange(n) % classes, **values})
            parts.append(table.assign(prediction=probabilities.argmax(1), set=name, fraction=fraction, seed=0))
    return pd.concat(parts)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_report_has_all_figures_900_pixels_wide_and_links_them(tmp_path, classes):
    write_report(predictions(classes), tmp_path, resamples=50)
    text = (tmp_path / "report.md").read_text()
    for name in ("roc", "confusion", "calibration", "label_fractions"):
        assert f"(figures/{name}.png)" in text
        with Image.open(tmp_path / "figures" / f"{name}.png") as image:
            assert image.width == 900 and len(image.convert("L").getcolors()) > 10
    assert len(list((tmp_path / "figures").iterdir())) == 4


def test_the_roc_is_that_of_scikit_learn():
    outcome = outcomes_of(predictions(2))[0]
    found = _roc(outcome, np.ones((1, 60)), positive=1)[0]
    false, true, _ = roc_curve(outcome.labels, outcome.scores[0], drop_intermediate=False)
    np.testing.assert_allclose(found, np.interp(GRID, false, true))


def test_correlations_are_pearsons_without_constant_features():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3))
    features = np.column_stack([x, np.ones(30), -2 * x[:, 0]])
    found = correlations(features)
    assert found.shape == (4, 4)
    np.testing.assert_allclose(found, np.corrcoef(features[:, [0, 1, 2, 4]].T))
    assert found[0, 3] == pytest.approx(-1)


def test_the_density_distinguishes_correlated_from_independent_features(tmp_path):
    rng = np.random.default_rng(0)
    independent = rng.normal(size=(200, 20))
    shared = independent + 3 * rng.normal(size=(200, 1))
    tables = [pd.DataFrame(x).rename(columns=str).assign(subject="s") for x in (independent, shared)]
    means = feature_correlation_density(tables, ["3DSiam", "3DSiam + SE"], tmp_path / "density.png")
    assert means["3DSiam"] < 0.1 and means["3DSiam + SE"] == pytest.approx(0.9, abs=0.05)
    with Image.open(tmp_path / "density.png") as image:
        assert image.width == 900


def test_a_collapsed_encoder_is_left_out_of_the_density_and_alone_has_none(tmp_path, caplog):
    rng = np.random.default_rng(0)
    tables = [pd.DataFrame(rng.normal(size=(20, 5)) * factor).rename(columns=str) for factor in (1, 0)]
    assert list(feature_correlation_density(tables, ["3DSiam", "flat"], tmp_path / "density.png")) == ["3DSiam"]
    assert "flat: 0 features vary over 20 complete subjects" in caplog.text
    with pytest.raises(InputError, match="flat: fewer than two features vary"):
        feature_correlation_density(tables[1:], ["flat"], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_a_sweep_is_drawn(tmp_path):
    points = {"SE": [(0.7, 0.6, 0.8), (0.8, 0.7, 0.9)]}
    with Image.open(parameter_sweep([0, 3], points, "k", tmp_path / "sweep.png")) as image:
        assert image.width == 900


def test_a_sweep_takes_the_areas_of_its_rows_at_the_largest_label_fraction(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr("common.evaluation.reports.feature_figures.parameter_sweep", lambda *args: drawn.append(args))
    rows = [(name, fraction) for name in ("SE, k 2", "SE, k 3", "Supervised") for fraction in (1.0, 0.5)]
    results = [
        {"set": name, "fraction": fraction, "metrics": {"auc": {"value": i, "low": i - 1, "high": i + 1}}}
        for i, (name, fraction) in enumerate(rows)
    ]
    summary = {"fractions": [1.0, 0.5], "results": results}
    sweep_figure(summary, {"se": ["SE, k 2", "SE, k 3"]}, "k", [2, 3], tmp_path / "sweep.png")
    assert drawn == [([2, 3], {"se": [[0, -1, 1], [2, 1, 3]]}, "k", tmp_path / "sweep.png")]
