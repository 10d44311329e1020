"""The page of a comparison of segmentations: differences, subgroups, worst cases with both outlines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.evaluation import write_lesion_report, write_study_report
from common.evaluation.reports.lesion_report import summarise_lesions
from common.evaluation.reports.study.overlaps import (
    difference_table,
    judge_overlaps,
    overlap_explanations,
    overlap_subgroups,
)
from common.evaluation.reports.study.segmentation_cases import PREDICTED, REFERENCE

SUBJECTS = 22
NAMES = [f"s{i:02d}" for i in range(SUBJECTS)]


def dice(subject: int, method: int) -> float:
    return round(0.5 + 0.02 * subject + 0.05 * method, 3)


def write_volume(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-1.0, -1.0, 1.0, 1.0])), path)


def write_comparison(folder: Path, labels: dict[str, str]) -> None:
    """Images whose planes have different greys; each prediction lacks label 2 in the third plane alone."""
    image = np.broadcast_to(np.arange(4, dtype=np.float32), (12, 12, 4)).copy()
    image[:, ::2] += 10
    truth = np.zeros((12, 12, 4), np.uint8)
    truth[2:10, 2:6] = 1
    truth[2:10, 6:10, 2] = 2
    predicted = np.where(truth == 2, 0, truth).astype(np.uint8)
    rows, tables = [], {}
    for i, name in enumerate(NAMES):
        write_volume(folder / f"{name}.nii.gz", image)
        write_volume(folder / f"{name}_label.nii.gz", truth)
        files = {"image": f"{name}.nii.gz", "label": f"{name}_label.nii.gz"}
        rows.append({**files, "subject": name, "fold": i % 2, "sex": "FM"[i < 11], "age": 20 + i})
    (folder / "datalist.json").write_text(json.dumps({"labels": labels, "training": rows}))
    for method, (name, part) in enumerate({"Supervised": "supervised", "Genesis": "genesis+train"}.items()):
        values = [dice(i, method) for i in range(SUBJECTS)]
        table = pd.DataFrame({"subject": NAMES, "fold": [row["fold"] for row in rows], "dice": values})
        tables[name] = table.assign(dice_1=table["dice"] + 0.01, dice_2=table["dice"] - 0.01)
        for fold, own in tables[name].groupby("fold"):
            evaluated = folder / part / f"fold{fold}" / "evaluate"
            evaluated.mkdir(parents=True)
            own.to_csv(evaluated / "lesions.csv", index=False)
            for subject in own["subject"]:
                write_volume(evaluated / "masks" / f"{subject}_lesions.nii.gz", predicted)
    write_lesion_report(tables, folder / "report", resamples=200)


@pytest.fixture(scope="module")
def comparison(made_once) -> Path:
    def make(folder: Path) -> None:
        write_comparison(folder, {"0": "background", "1": "head", "2": "tail"})
        write_study_report(folder)

    return made_once("segmentation_page", make)


def has(path: Path, colour: tuple[int, int, int]) -> bool:
    return bool((np.asarray(Image.open(path)) == colour).all(-1).any())


def test_the_worst_cases_show_reference_and_prediction_in_the_plane_where_they_differ(comparison):
    found = pd.read_csv(comparison / "report_files/worst_cases.csv")
    assert found["subject"].tolist() == NAMES[:10] and found["dice"].tolist() == [dice(i, 1) for i in range(10)]
    (truth,) = (comparison / "report_files/cases").glob("reference_of_s03_*.png")
    (predicted,) = (comparison / "report_files/cases").glob("prediction_of_s03_*.png")
    assert has(truth, REFERENCE) and not has(truth, PREDICTED)
    assert has(predicted, PREDICTED) and not has(predicted, REFERENCE)
    edges = (np.asarray(Image.open(truth)) == REFERENCE).all(-1).sum()
    assert edges > (np.asarray(Image.open(predicted)) == PREDICTED).all(-1).sum()  # label 2 is in the third plane alone


def test_the_page_names_labels_compares_in_pairs_and_splits_by_columns(comparison):
    page = (comparison / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 20
    for words in ("Dice of head", "Dice of tail", "Wilcoxon p", "sex: F", "age: ≤", "Blue: outlines of the prediction"):
        assert words in page
    assert "chosen is better" in page and "which is beyond chance" in page


def test_the_page_is_made_again_without_drawing_and_is_the_same(comparison, monkeypatch):
    before = (comparison / "report.html").read_bytes()
    drawn = "common.evaluation.reports.study.segmentation_cases.thumbnail"
    monkeypatch.setattr(drawn, lambda *_, **__: pytest.fail("drawn again"))
    assert write_study_report(comparison).read_bytes() == before


def test_without_predictions_the_page_says_what_to_delete_and_a_study_says_what_its_rows_are(comparison, tmp_path):
    study = shutil.copytree(comparison, tmp_path / "study")
    for masks in study.rglob("masks"):
        shutil.rmtree(masks)
    row = {"name": "Genesis", "folder": "genesis+train", "about": "restores distorted volumes (Zhou et al. 2019)"}
    (study / "study.json").write_text(json.dumps({"rows": [row], "choice": {"name": "Genesis"}}))
    page = write_study_report(study).read_text(encoding="utf-8")
    assert "For their outlines delete genesis+train/fold*/evaluate and start" in page
    assert "<dt>Genesis</dt><dd>restores distorted volumes (Zhou et al. 2019)</dd>" in page


def values(difference: list[float]) -> dict[str, pd.DataFrame]:
    index = [f"s{i}" for i in range(len(difference))]
    first = np.linspace(0.4, 0.6, len(difference))
    return {
        "a": pd.DataFrame({"dice": first + difference, "dice_1": first}, index=index),
        "b": pd.DataFrame({"dice": first, "dice_1": first}, index=index),
    }


def test_a_rank_test_that_contradicts_the_interval_is_explained_and_one_that_agrees_is_not():
    """18 of 20 subjects a little better, two much worse: most ranks are positive, the mean is not."""
    contradicting = values([0.01 + 0.001 * i for i in range(18)] + [-0.2, -0.15])
    table = difference_table(judge_overlaps(contradicting), contradicting, "a")
    row = table[table["metric"] == "dice"].iloc[0]
    assert row["low"] < 0 < row["high"] and row["p"] >= 0.05 and row["wilcoxon_p"] < 0.05
    (line,) = overlap_explanations(table, "dice", "Dice")
    assert line.startswith("Wilcoxon's test and the interval of the Dice disagree for b (p = 0.0")
    agreeing = values([0.01 + 0.001 * i for i in range(20)])
    table = difference_table(judge_overlaps(agreeing), agreeing, "a")
    assert (table["low"] > 0).iloc[0] and table["p"].iloc[0] < 0.05
    assert overlap_explanations(table, "dice", "Dice") == []


def test_a_metric_of_a_few_subjects_has_the_interval_of_the_lesion_report():
    table = pd.DataFrame({"dsc": [0.1, 0.2, 0.3, 0.4], "ltpr": [np.nan, np.nan, 0.5, 1.0]}, index=list("abcd"))
    judged, expected = judge_overlaps({"one": table}, resamples=200), summarise_lesions(table, resamples=200)
    assert np.isnan(judged.draws["one"]["ltpr"]).any()
    for name in table:
        assert vars(judged.metric("one", name)) == pytest.approx(vars(expected[name]))


def test_subgroups_have_the_mean_of_their_subjects_and_small_ones_none():
    table = pd.DataFrame({"dice": [0.1 * i for i in range(10)] + [0.95] * 3}, index=[f"s{i}" for i in range(13)])
    rows = [{"subject": f"s{i}", "site": "A" if i < 10 else "B"} for i in range(13)]
    large, small = overlap_subgroups(table, rows, None, 0.95)
    assert (large.value, large.subjects, large.differs) == ("A", 10, False)
    assert large.metrics["dice"].value == pytest.approx(0.45) and small.metrics == {}
