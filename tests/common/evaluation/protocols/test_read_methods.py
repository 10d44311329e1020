from __future__ import annotations

from pathlib import Path

import pytest

from common.bundle_configs import BundleConfigs
from common.errors import InputError
from common.evaluation.protocols.read_methods import read_rows


def test_a_mean_of_a_start_with_a_row_for_each_modality_is_the_mean_of_these_rows_each_once():
    texts = ["mean:scratch+single", "mean:scratch+single:outline:scratch+single"]
    *rows, first, last, second = read_rows(BundleConfigs("liver_cgc"), texts, ["T1", "T2"])
    assert [row.folder for row in rows] == ["scratch+single/T1", "scratch+single/T2"]
    assert first.rows == tuple(rows) and last.folder == "outline" and second.rows == (*rows, last)


def test_a_mean_of_z_scores_is_a_row_of_its_own_beside_the_mean_of_probabilities():
    texts = ["mean:outline:radiomics", "mean_z_score:outline:radiomics"]
    *rows, mean, z_scores = read_rows(BundleConfigs("radiomics_deep_contrast"), texts, [])
    assert mean.rows == z_scores.rows == tuple(rows) and (mean.z_scores, z_scores.z_scores) == (False, True)
    assert z_scores.name == "Mean z-score of Outline, Radiomics" and mean.folder != z_scores.folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean_z_score:outline:scratch", "found Supervised, whose networks have no z-scores; .* take mean instead"),
        ("mean_z_score:outline:mean", "found a mean as a row"),
        ("mean:outline:mean_z_score:radiomics", "found a mean as a row"),
        ("mean_z_score:outline:", "found nothing as a row"),
        ("mean_z_score:outline:outline", "found fewer than two different rows"),
    ],
)
def test_a_mean_of_what_cannot_be_averaged_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        list(read_rows(BundleConfigs("siam3d_imbalance"), [text], []))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("position.T", "position has no number 'T'; "),
        ("outline.", "outline.: found no number after the dot; expected one, such as outline.LogVolume"),
        ("outline.Volume", "outline has no number 'Volume'; did you mean LogVolume?"),
        ("composition.Enhancing", "composition has no number 'Enhancing'; expected Label1 for the mask's 1, and so on"),
        ("modality_differences.t1 minus t1ce", "no number 't1 minus t1ce'; did you mean t1ce minus t1?"),
        ("radiomic", "radiomics, outline, composition, modality_differences, imagenet_slices, scratch, imagenet or"),
        ("simclrr+linear_probe", "simclrr: no such row, and no encoder to start from"),
        ("se+linearprobe", "linear_probe, lung"),
    ],
)
def test_a_row_or_number_that_does_not_exist_is_refused_with_those_that_do(text, message):
    with pytest.raises(InputError) as error:
        list(read_rows(BundleConfigs("siam3d_imbalance"), [text], ["t1", "t1ce"]))
    assert message in str(error.value)


def test_names_that_only_a_measurement_knows_are_left_to_it():
    texts = ["composition.Label12", "modality_differences.1 minus 0", "outline.Flatness"]
    assert [row.number for row in read_rows(BundleConfigs("siam3d_imbalance"), texts, [])] == [
        "Label12",
        "1 minus 0",
        "Flatness",
    ]


def test_a_row_of_one_number_has_the_table_of_its_features_and_a_name_with_pluses_and_dots():
    texts = ["outline.LogVolume", "modality_differences.t1.5+c minus t1.5", "outline"]
    volume, difference, outline = read_rows(BundleConfigs("siam3d_imbalance"), texts, ["t1.5", "t1.5+c"])
    assert (volume.name, volume.number, outline.number) == ("Outline (LogVolume)", "LogVolume", None)
    assert (difference.number, difference.overlays) == ("t1.5+c minus t1.5", ())
    assert volume.table(Path("out"), None) == outline.table(Path("out"), None) == Path("out/outline.csv")
