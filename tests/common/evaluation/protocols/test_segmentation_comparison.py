"""Segmentation from several starts: which networks see whom, and what is pooled."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.evaluation import Segmentation

STARTS = ["scratch", "moco", "mlsscl"]


class Recorded(Segmentation):
    """Stages are noted instead of run; each leaves the files that the real one would."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.stages: list[tuple[str, list[str], dict]] = []

    def _run(self, stage, overlays, **overrides):
        self.stages.append((stage, [Path(file).stem for file in overlays], overrides))
        folder = Path(overrides["output_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        if stage != "evaluate_segmentation" or "run_id" in overrides:
            (folder / "model.pt").touch()
            return
        rows = json.loads(Path(overrides.get("datalist", self.datalist)).read_text())["training"]
        held_out = [row["subject"] for row in rows if row["fold"] == overrides["fold"]]
        table = pd.DataFrame({"subject": held_out, "session": "01"})
        value = 0.2 if "datalist" in overrides else 0.6 + 0.1 * ("moco" in overrides["checkpoint"])
        table[["dsc", "ppv", "ltpr", "lfpr"]] = value
        table.to_csv(folder / "lesions.csv", index=False)

    def _check_run(self, what, stage, overlays, keep=None, **overrides):
        assert not self.stages  # the cohort has no images; all checks come first
        path = Path(overrides["datalist"]).name if "datalist" in overrides else None
        self.checked = [*getattr(self, "checked", []), (stage, overrides["fold"], path)]


@pytest.fixture
def start(tmp_path):
    def rows(rater: int) -> list[dict]:
        return [{"image": f"{i}.nii", "label": f"{i}_{rater}.nii", "subject": f"p{i}", "fold": i} for i in range(3)]

    (tmp_path / "data").mkdir()
    for name, rater in (("datalist", 1), ("rater2", 2)):
        (tmp_path / f"data/{name}.json").write_text(json.dumps({"training": rows(rater)}))
    options = {"methods": STARTS, "overlays": ["pretrain:unet"], "raters": {"second": tmp_path / "data/rater2.json"}}
    return lambda **more: Recorded("mlsscl_3d", tmp_path / "data", tmp_path / "out", **{**options, **more})


def test_each_network_starts_from_the_encoder_of_its_fold_and_is_judged_by_each_rater(start):
    run = start()
    run.run()
    trainings = [("train_segmentation", 0, path) for path in (*[None] * len(STARTS), "rater2.json")]
    assert Counter(run.checked) == Counter([("pretrain", 0, "images.json")] * 2 + trainings)
    stages = [(stage, overrides["fold"]) for stage, _, overrides in run.stages]
    assert [s for s in stages if s[0] == "pretrain"] == [("pretrain", fold) for _ in STARTS[1:] for fold in range(3)]
    for fold in range(3):
        assert stages.count(("train_segmentation", fold)) == 3
        assert stages.count(("evaluate_segmentation", fold)) == 6
    kept = [ids["masks"] for stage, _, ids in run.stages if stage == "evaluate_segmentation" and "datalist" not in ids]
    assert len(set(kept)) == 9 and all(Path(path).parent.name == "evaluate" for path in kept)
    assert not any("masks" in ids for _, _, ids in run.stages if "rater" in ids["output_dir"])
    trained = [overrides for stage, _, overrides in run.stages if stage == "train_segmentation"]
    for ids in trained:
        expected = {f"moco/fold{ids['fold']}", f"mlsscl/fold{ids['fold']}", None}
        found = ids["pretrained_encoder"]
        assert (found and str(Path(found).parent.relative_to(run.output_dir))) in expected
    images = {overrides["datalist"] for stage, _, overrides in run.stages if stage == "pretrain"}
    ((rows, folder),) = ((json.loads(Path(path).read_text())["training"], Path(path).parent) for path in images)
    assert len(rows) == 3 and not any("label" in row for row in rows)
    assert (folder / rows[0]["image"]).resolve() == run.dataset_dir / "0.nii"
    again = start()
    again.run()
    assert again.stages == []


def test_the_report_pools_folds_and_raters_and_says_that_a_fold_is_one_patient(start):
    report = start().run()
    summary = json.loads((report.parent / "metrics.json").read_text())
    assert summary["subjects"] == 3 and [row["set"] for row in summary["results"]] == [
        *("Supervised", "MoCo + fine-tuned", "MLSSCL + fine-tuned")
    ]
    found = [row["metrics"]["dsc"]["value"] for row in summary["results"]]
    assert found == pytest.approx([np.mean([0.6, 0.2]), np.mean([0.7, 0.2]), np.mean([0.6, 0.2])])
    assert "A fold is one patient" in report.read_text() and "3 patients are too few" in report.read_text()
    second = json.loads((report.parent / "rater_second/metrics.json").read_text())
    assert [row["metrics"]["dsc"]["value"] for row in second["results"]] == pytest.approx([0.2] * 3)


def test_a_submission_is_of_networks_of_all_subjects_and_needs_a_test_set(start, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"datalist\.json: no section testing; submission needs its images"):
        start(submission="us")
    path = tmp_path / "data/datalist.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "testing": [{"image": "x.nii", "subject": "x"}]}))
    written = []
    monkeypatch.setattr(
        "common.evaluation.protocols.challenge.write_submission", lambda *args: written.append(args) or ["x_us.nii"]
    )
    run = start(submission="us")
    run.run()
    trained = [o["pretrained_encoder"] for s, _, o in run.stages if s == "train_segmentation" and o.get("all_subjects")]
    assert trained == [None, *(str(run.output_dir / name / "all/model.pt") for name in STARTS[1:])]
    pretrained = [o["transductive"] for s, _, o in run.stages if s == "pretrain"]
    assert pretrained.count(True) == 2 and len(written) == 3
    assert {args[3:] for args in written} == {
        (run.output_dir / name / "all/submission", "us") for name in ("supervised", "moco+train", "mlsscl+train")
    }


def test_raters_of_other_subjects_or_folds_are_refused(start, tmp_path):
    path = tmp_path / "data/rater2.json"
    path.write_text(path.read_text().replace('"fold": 2', '"fold": 1'))
    with pytest.raises(InputError, match=r"rater2\.json: rater second: other subjects, sessions or folds"):
        start()
