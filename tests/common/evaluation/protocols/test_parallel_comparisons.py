"""Comparisons on several processes: the same files as in one, and nothing done twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import InputError, OptionError
from common.evaluation import CrossValidation, LabelFractions
from common.evaluation.protocols.costs import COSTS
from tests.common.evaluation.protocols.fake_bundle import write_bundle, write_cohort
from tests.common.evaluation.protocols.fake_labels import write_label_bundle
from tests.common.evaluation.protocols.without_figures import draw_nothing
from tests.python_commands import ForkedExecutor


def contents(folder: Path) -> dict[str, bytes]:
    """Tables and weights by their path."""
    found = [
        path for path in folder.rglob("*") if path.suffix in (".pt", ".csv", ".json", ".md") and path.name != COSTS
    ]
    return {str(path.relative_to(folder)): path.read_bytes().replace(bytes(folder), b"") for path in found}


@pytest.fixture
def no_figures(monkeypatch):
    draw_nothing(monkeypatch)


@pytest.mark.slow
def test_a_curve_over_labels_by_two_processes_is_that_of_one(tmp_path, no_figures, monkeypatch):
    monkeypatch.setattr("joblib.externals.loky.ProcessPoolExecutor", ForkedExecutor)
    write_label_bundle(tmp_path / "bundle")
    write_cohort(tmp_path / "data")
    options = {"methods": ["scratch+cgc", "radiomics", "simsiam+linear_probe"], "fractions": [0.2], "resamples": 50}
    for name, workers in (("one", 1), ("two", 2)):
        LabelFractions(tmp_path / "bundle", tmp_path / "data", tmp_path / name, workers=workers, **options).run()
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.fixture
def start(tmp_path):
    root, data = write_bundle(tmp_path / "bundle"), write_cohort(tmp_path / "data")
    return lambda **options: CrossValidation(root, data, tmp_path / "out", **options)


def test_fine_tuning_and_features_wait_for_the_encoder_of_their_seed_fold_and_modality(start):
    run = start(methods=["simsiam"], finetune=["scl+single", "mcl+cgc", "scratch+cgc"], seeds=[0, 1])
    for repetition in run.repetitions:
        own = [task for task in run.tasks() if task.makes.is_relative_to(repetition.output_dir)]
        tasks = {task.makes.relative_to(repetition.output_dir): task for task in own}
        needs = {
            str(made): [path.relative_to(repetition.output_dir) for path in task.needs] for made, task in tasks.items()
        }
        for fold in (0, 1):
            assert needs[f"simsiam/T1/fold{fold}/model.pt"] == []
            assert needs[f"simsiam/learnt_fold{fold}_T2.csv"][0] == Path(f"simsiam/T2/fold{fold}/model.pt")
            trained = f"simsiam+single/T2/fold{fold}/evaluate/predictions.csv"
            assert needs[trained] == [Path(f"simsiam/T2/fold{fold}/model.pt")]
            assert needs[f"simsiam_mda+cgc/fold{fold}/evaluate/predictions.csv"] == [
                Path(f"simsiam_mda/fold{fold}/model.pt")
            ]
            assert needs[f"scratch+cgc/fold{fold}/evaluate/predictions.csv"] == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"probe": {"classifer": "svm"}}, OptionError, "probe: found classifer, which linear_probe.yaml does not have"),
        ({"probe": {"classifier": "tree"}}, InputError, r"linear probe: [\s\S]*classifier: found 'tree'"),
        ({"probe": {"seeds": []}}, InputError, r"seeds: found \[\]; expected at least one"),
    ],
)
def test_settings_of_the_probe_are_checked_before_anything_runs(start, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        start(methods=["simsiam_mda"], **options).run()
    assert not (tmp_path / "out/simsiam_mda").exists()


def test_every_seed_and_fold_is_checked_for_labels_before_anything_runs(start, tmp_path):
    """Fold 1 has all but one subject of class 1, so that one is left where it is held out."""
    datalist = tmp_path / "data/datalist.json"
    content = json.loads(datalist.read_text())
    for place, row in enumerate(content["training"]):
        row["fold"] = 0 if row["label"] == 0 and place % 4 else int(place > 1)
    datalist.write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"linear probe, fraction 1, seed 0, without fold 1: found \[\d+, 1\] subjects"
    ):
        start(methods=["simsiam_mda"]).run()
    assert not (tmp_path / "out/simsiam_mda").exists()
