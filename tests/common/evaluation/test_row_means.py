from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.evaluation.row_means import mean_of_rows


def predictions(folder, name: str, rows: list[int], **columns) -> str:
    """A file with a row for each subject, in this order, whose probability is a tenth of its number."""
    p = np.array(rows) / 10
    table = pd.DataFrame({"subject": [f"s{n}" for n in rows], "fold": 0, "label": [n % 2 for n in rows], **columns})
    table = table.assign(prediction=(p > 0.5).astype(int), probability_0=1 - p, probability_1=p)
    table.to_csv(folder / f"{name}.csv", index=False)
    return folder / f"{name}.csv"


def test_rows_are_matched_by_subject_whatever_their_order(tmp_path):
    first, second = predictions(tmp_path, "a", [1, 2, 9]), predictions(tmp_path, "b", [9, 1, 2])
    found = mean_of_rows([first, second])
    assert found["subject"].tolist() == ["s1", "s2", "s9"] and found["prediction"].tolist() == [0, 0, 1]
    np.testing.assert_allclose(found["probability_1"], [0.1, 0.2, 0.9])


def test_images_are_matched_where_all_methods_have_them_or_else_the_means_of_subjects(tmp_path):
    images = predictions(tmp_path, "a", [1, 3, 2], row=[0, 1, 2])
    table = pd.read_csv(images).assign(subject=["s1", "s1", "s2"])
    table.to_csv(images, index=False)
    assert mean_of_rows([images, images])[["subject", "row"]].to_numpy().tolist() == [["s1", 0], ["s1", 1], ["s2", 2]]
    found = mean_of_rows([images, predictions(tmp_path, "b", [1, 2])])
    np.testing.assert_allclose(found["probability_1"], [(0.2 + 0.1) / 2, 0.2])


def test_in_the_mean_of_z_scores_a_method_whose_probabilities_are_nearly_alike_counts_as_much_as_another(tmp_path):
    weak = {"z_score_0": [1.0, -1.0, 0.0], "z_score_1": [-1.0, 1.0, 0.0]}
    strong = {"z_score_0": [0.5, 0.5, -2.0], "z_score_1": [-0.5, -0.5, 2.0]}
    paths = [predictions(tmp_path, "weak", [1, 2, 9], **weak), predictions(tmp_path, "strong", [1, 2, 9], **strong)]
    found = mean_of_rows(paths, z_scores=True)
    odds = np.exp([-1.5, 0.5, 2.0])  # two classes' mean z-scores differ by twice (-0.75, 0.25, 1)
    np.testing.assert_allclose(found["probability_1"], odds / (1 + odds))
    assert found.columns.tolist() == ["subject", "fold", "label", "prediction", "probability_0", "probability_1"]
    assert found["prediction"].tolist() == [0, 1, 1]


def test_predictions_without_z_scores_are_refused_with_their_file(tmp_path):
    path = predictions(tmp_path, "a", [1, 2])
    with pytest.raises(InputError, match=r"a\.csv: found no columns z_score_0, z_score_1, .* set another output_dir"):
        mean_of_rows([path, path], z_scores=True)


def test_a_method_without_some_of_the_subjects_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"2 images are not also those of .*: s3, s4"):
        mean_of_rows([predictions(tmp_path, "a", [1, 2, 3]), predictions(tmp_path, "b", [1, 2, 4])])
