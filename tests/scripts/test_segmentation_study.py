"""A study of segmentations by its command: worst cases with outlines, a segmenter that is packaged and tried."""

from __future__ import annotations

import json
import zipfile
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.data.phantoms import LesionPhantoms
from common.evaluation.reports.study.segmentation_cases import PREDICTED, REFERENCE
from tests.scripts.study_commands import files, study

pytestmark = pytest.mark.slow

SETTINGS = {"roi_size": [16, 16, 16], "channels": [4, 8, 16], "batch_size": 2, "amp": False, "device": "cpu"}
TYPED = ["mlsscl_3d", "data", "study", "--methods", "scratch", "--train={'max_epochs': 8, 'learning_rate': 0.02}"]
TYPED += [f"--{name}={value}" for name, value in SETTINGS.items()]


def write_easy_labels(image: Path, label: Path) -> None:
    """Write a label map of the brighter voxels, which a few steps learn, as no lesion is."""
    flair = nibabel.load(image)
    voxels = flair.get_fdata()
    nibabel.save(nibabel.Nifti1Image((voxels > np.percentile(voxels, 60)).astype(np.uint8), flair.affine), label)


@pytest.fixture(scope="module")
def made(made_once) -> Path:
    """Folder of a cohort of six people in ``data`` and its finished ``study``."""

    def make(folder: Path) -> None:
        options = {"num_subjects": 6, "shape": (32, 32, 32), "mean_lesions": 8, "num_folds": 2}
        partial(LesionPhantoms(**options).make, num_workers=1)(folder / "data")
        for row in json.loads((folder / "data/datalist.json").read_text())["training"]:
            write_easy_labels(folder / "data" / row["image"][2], folder / "data" / row["label"])
        (folder / "said.txt").write_text(study(folder, *TYPED))

    return made_once("study_of_lesions", make)


@pytest.fixture(scope="module")
def rows(made) -> dict[str, dict]:
    return {row["subject"]: row for row in json.loads((made / "data/datalist.json").read_text())["training"]}


@pytest.fixture(scope="module")
def scores(made) -> pd.DataFrame:
    """Metrics of the held-out people of both folds."""
    parts = [pd.read_csv(made / f"study/compare/supervised/fold{fold}/evaluate/lesions.csv") for fold in (0, 1)]
    return pd.concat(parts).set_index("subject")


def dice(path: Path, truth: Path) -> float:
    found, expected = (np.asarray(nibabel.load(each).dataobj) > 0 for each in (path, truth))
    return 2 * np.sum(found & expected) / max(np.sum(found) + np.sum(expected), 1)


def test_each_person_is_judged_by_the_mask_of_the_network_of_another_fold(made, rows, scores):
    assert set(scores.index) == set(rows) and (scores["dice"] > 0.3).all()
    for subject, row in rows.items():
        mask = made / f"study/compare/supervised/fold{row['fold']}/evaluate/masks/{subject}_lesions.nii.gz"
        assert scores.loc[subject, "dice"] == pytest.approx(dice(mask, made / "data" / row["label"]))


def test_the_table_of_the_page_has_the_mean_of_all_people(made, scores):
    table = pd.read_csv(made / "study/report_files/methods.csv").set_index(["method", "metric"])["value"]
    (name,) = {method for method, _ in table.index}
    assert table[name, "dice"] == pytest.approx(scores["dice"].mean())
    assert f"{scores['dice'].mean():.3f}" in (made / "study/report.html").read_text(encoding="utf-8")


def test_the_worst_cases_come_first_with_both_outlines(made, scores):
    found = pd.read_csv(made / "study/report_files/worst_cases.csv")
    assert found["subject"].tolist() == scores["dice"].sort_values().index.tolist()
    assert found["dice"].tolist() == pytest.approx(sorted(scores["dice"]))
    for subject in scores.index:
        for kind, colour in (("reference", REFERENCE), ("prediction", PREDICTED)):
            (path,) = (made / "study/report_files/cases").glob(f"{kind}_of_{subject}_*.png")
            assert (np.asarray(Image.open(path)) == colour).all(-1).any()


def test_the_trial_has_the_dice_of_the_masks_that_the_segmenter_wrote(made, rows):
    final = json.loads((made / "study/study.json").read_text())["final"]
    assert len(final["cases"]) == 5 and final["calibration"] is None
    for case in final["cases"]:
        mask = made / f"study/final/trial/{case['subject']}_lesions.nii.gz"
        truth = made / "data" / rows[case["subject"]]["label"]
        assert case["dice"] == pytest.approx(dice(mask, truth), abs=1e-4)
        assert nibabel.load(mask).shape == nibabel.load(truth).shape
    low, high = (f([case["dice"] for case in final["cases"]]) for f in (min, max))
    assert f"tried on 5 of its training cases: it runs, Dice {low:.2f} to {high:.2f}" in (made / "said.txt").read_text()


def test_the_archive_of_the_segmenter_has_the_held_out_scores_and_the_sizes_of_the_training(made, scores):
    final = json.loads((made / "study/study.json").read_text())["final"]
    archive = made / "study" / final["archive"]
    with zipfile.ZipFile(archive) as opened:
        (metadata,) = (name for name in opened.namelist() if name.endswith("configs/metadata.json"))
        content = json.loads(opened.read(metadata))
    assert content["eval_metrics"]["dice"] == pytest.approx(scores["dice"].mean(), abs=1e-4)
    assert content["eval_metrics"]["held_out_subjects"] == 6
    config = json.loads((made / "study/final/inference_segmentation.json").read_text())
    assert config["roi_size"] == [16, 16, 16]


def test_the_same_command_again_trains_nothing(made):
    trained = ("compare/", "final/training/", "plan.yaml")
    before = {name: found for name, found in files(made / "study").items() if name.startswith(trained)}
    assert study(made, *TYPED).splitlines()[-3:] == (made / "said.txt").read_text().splitlines()[-3:]
    after = files(made / "study")
    assert before and {name: after[name] for name in before} == before
