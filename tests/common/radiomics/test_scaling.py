from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from common.errors import InputError
from common.radiomics.scaling import CorrelationFilter, FittedScaling, scaling_pipeline

NAMES = ["a", "constant", "empty", "b", "twice a", "huge"]


def cohort(rows: int = 40, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    features = np.stack([a, np.full(rows, 7e9), np.full(rows, np.nan), b, 2 * a + 1e-3 * b, 1e9 + 1e5 * b**2], axis=1)
    features[3, 0] = np.nan
    return features


def naive(train: np.ndarray, x: np.ndarray, max_correlation: float) -> np.ndarray:
    """Step by step, as in the design: drop all-NaN, median, zero variance, standardise, correlation."""
    kept = []
    for column in range(train.shape[1]):
        known = train[:, column][~np.isnan(train[:, column])]
        if len(known) == 0:
            continue
        filled = np.where(np.isnan(train[:, column]), np.median(known), train[:, column])
        if filled.max() == filled.min():
            continue
        other = np.where(np.isnan(x[:, column]), np.median(known), x[:, column])
        if all(abs(np.corrcoef(filled, earlier)[0, 1]) <= max_correlation for earlier, _ in kept):
            kept.append((filled, (other - filled.mean()) / filled.std()))
    return np.stack([values for _, values in kept], axis=1)


@pytest.mark.parametrize("max_correlation", [None, 0.95])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_pipeline_is_the_five_steps_one_by_one_in_float64(max_correlation, dtype):
    train, x = cohort().astype(dtype), cohort(9, seed=1).astype(dtype)
    found = scaling_pipeline(max_correlation).fit(train).transform(x)
    assert found.dtype == np.float64 and found.shape == (9, 4 if max_correlation is None else 3)
    expected = naive(train.astype(float), x.astype(float), 2 if max_correlation is None else max_correlation)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("max_correlation", [None, 0.95])
def test_the_saved_numbers_do_what_the_pipeline_does_bit_for_bit(max_correlation, tmp_path):
    pipeline = scaling_pipeline(max_correlation).fit(cohort())
    saved = FittedScaling.load(FittedScaling.of(pipeline, NAMES).save(tmp_path / "scaling.json"))
    assert saved.columns == (("a", "b", "twice a", "huge") if max_correlation is None else ("a", "b", "huge"))
    x = cohort(9, seed=1)
    table = pd.DataFrame(x, columns=NAMES)[["huge", *NAMES[:5]]].assign(subject="s")  # other order, other columns
    assert saved.transform(table).tolist() == pipeline.transform(x).tolist()


def test_a_later_feature_goes_and_an_earlier_stays():
    x = np.random.default_rng(0).normal(size=(50, 3))
    x[:, 2] = -x[:, 0]
    assert CorrelationFilter(0.9).fit(x).get_support().tolist() == [True, True, False]
    assert CorrelationFilter(0.9).fit(x[:, :1]).get_support().tolist() == [True]


def test_a_classifier_may_follow_and_is_cross_validated_with_it():
    x, y = cohort(80), (cohort(80)[:, 3] > 0).astype(int)
    model = make_pipeline(*(step for _, step in scaling_pipeline(0.95).steps), LogisticRegression())
    assert cross_val_score(model, x, y, cv=5).mean() > 0.9
    assert cross_val_score(LogisticRegression(), x[:, [1, 3, 5]], y, cv=5).mean() < 0.9  # without scaling
    fitted = FittedScaling.of(model.fit(x, y), NAMES)
    np.testing.assert_array_equal(fitted.transform(pd.DataFrame(x, columns=NAMES)), model[:-1].transform(x))


def test_a_table_without_the_columns_of_the_training_is_refused(tmp_path):
    fitted = FittedScaling.of(scaling_pipeline().fit(cohort()), NAMES)
    table = pd.DataFrame(cohort(5), columns=NAMES)
    with pytest.raises(InputError, match=r"1 of 4 features are missing \(b, \.\.\.\); extract with the settings"):
        fitted.transform(table.drop(columns="b"))
    with pytest.raises(InputError, match="1 infinite values"):
        fitted.transform(table.assign(b=[0, np.inf, 1, 2, 3]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("{}", "not a saved scaling"),
        ("[1]", "not a saved scaling"),
        ('{"columns": ["a"], "median": [0], "mean": [0], "scale": []}', "different lengths"),
    ],
)
def test_a_file_that_is_no_saved_scaling_is_named(tmp_path, text, message):
    path = tmp_path / "scaling.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        FittedScaling.load(path)
    assert str(path) in str(caught.value)
