"""Tables and figures of the paper end with the page that a reader opens, on phantoms and after one epoch.

Tables 1 and 3, which train nothing, are in ``tests/common/reproduce``. Table 2 of the brain and both figures of the
lung differ from these in their images alone.
"""

from __future__ import annotations

import pytest

from tests.bundles.exhibits import check_links, check_table, reproduce

pytestmark = pytest.mark.slow


@pytest.fixture
def options(cache_dir):
    """A box of 27^3 voxels, few channels, and RE/SE from the first epoch on."""
    return {
        "channels": [4, 4, 4, 4],
        "box_size": [27, 27, 27],
        "image_size": [27, 27, 27],
        "cache_dir": str(cache_dir),
        "pretrain": {"warmup_epochs": 0, "learning_rate": 0.001, "batch_size": 4},
        "probe": {"num_workers": 1, "validation_fraction": 0.5},
    }


def test_table_2_has_all_kinds_of_features_with_all_and_half_of_the_labels(lung_phantoms, options, scratch):
    options |= {"train": {"validation_fraction": 0.5, "batch_size": 2}, "spacing": [10.0, 10.0, 10.0]}
    page = reproduce("siam3d_imbalance", "table 2", "lung", lung_phantoms, scratch, **options)
    check_table(page)
    assert "Overall/minor-class accuracy, 50% labels" in page.table
    predictions = page.predictions("comparison")
    assert set(predictions["fraction"]) == {1.0, 0.5}
    assert (predictions.groupby(["set", "fraction"])["subject"].nunique() == 18).all()
    encoders = [page.path.parent / f"comparison/{name}/learnt_fold0.csv" for name in ("plain", "se", "re", "rubik")]
    assert len({path.read_text() for path in encoders}) == 4  # four different pre-trainings


def test_figure_2_has_the_features_of_one_encoder_of_all_patients_for_each_row(brain_phantoms, options, scratch):
    page = reproduce("siam3d_imbalance", "figure 2", "brats", brain_phantoms, scratch, **options)
    check_links(page)
    assert page.text.count("![") == 1
    found = sorted(path.parent.name for path in page.path.parent.glob("features/*/learnt_all.csv"))
    assert found == ["plain", "re", "rubik", "se"]


def test_figure_4_has_a_curve_over_clusters_with_plain_and_one_over_batch_sizes(brain_phantoms, options, scratch):
    page = reproduce("siam3d_imbalance", "figure 4", "brats", brain_phantoms, scratch, transductive=True, **options)
    check_links(page)
    assert page.text.count("![") == 2
    rows = [len(set(page.predictions(run)["set"])) for run in ("clusters", "batch_size")]
    assert rows == [2 * 5 + 1, 2 * 4 + 1]  # each alone, with radiomics, and these alone
