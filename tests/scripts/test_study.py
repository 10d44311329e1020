"""A study by its command: from a cohort of phantoms to a report and a model that is packaged, checked and tried."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import zipfile
from functools import partial
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from monai.bundle import ConfigParser
from PIL import Image
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score

from common.data.phantoms import BrainPhantoms
from common.training_record import read_training_record
from tests.python_commands import run_python
from tests.scripts.study_commands import PROJECT, files, study

pytestmark = pytest.mark.slow

CONFIGS = PROJECT / "bundles/siam3d_imbalance/configs"
SETTINGS = {"box_size": [27, 27, 27], "channels": [4, 4, 4, 4], "batch_size": 4, "amp": False, "device": "cpu"}
STAGES = {
    "pretrain": {"candidates_per_cluster": 4, "max_epochs": 1},
    "train": {"max_epochs": 8, "learning_rate": 0.003},
}
TYPED = ["siam3d_imbalance", "data", "study", "--methods", "radiomics,se"]
TYPED += [f"--{name}={value}" for name, value in {**SETTINGS, **STAGES}.items()]
TIMES = {"study.json", "final/trial/results.csv", "final/trial/results.json"}  # files with the time of day
CHOSEN = "3DSiam + SE + fine-tuned"


@pytest.fixture(scope="module")
def made(made_once) -> Path:
    """Folder of a cohort of 16 subjects in ``data`` and its finished ``study``; ``said.json`` has what was printed."""

    def make(folder: Path) -> None:
        options = {"num_subjects": 16, "shape": (32, 32, 32), "centres": {"A": (5, 3), "B": (4, 4)}, "num_folds": 2}
        partial(BrainPhantoms(**options).make, num_workers=1)(folder / "data")
        said = {"plan": study(folder, *TYPED, "--until", "plan")}
        said["planned"] = sorted({name.split("/")[0] for name in files(folder / "study")})
        said |= {step: study(folder, step, "study") for step in ("compare", "conclude", "finish")}
        (folder / "said.json").write_text(json.dumps(said))

    return made_once("study_of_phantoms", make)


@pytest.fixture(scope="module")
def said(made) -> dict[str, str]:
    return json.loads((made / "said.json").read_text())


@pytest.fixture(scope="module")
def predictions(made) -> pd.DataFrame:
    return pd.read_csv(made / "study/compare/report/predictions.csv")


@pytest.fixture(scope="module")
def page(made) -> str:
    """The text of the report."""
    text = re.sub(r"<style.*?</style>", "", (made / "study/report.html").read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_a_plan_alone_runs_no_training_and_has_what_was_typed_and_measured(made, said):
    assert said["planned"] == ["cache", "cohort.json", "datalist.json", "logs", "plan.yaml", "study.json"]
    plan = yaml.safe_load((made / "study/plan.yaml").read_text())
    assert {**plan["settings"], **SETTINGS} == plan["settings"] and plan["methods"] == ["radiomics", "se"]
    assert all({**plan[stage], **typed} == plan[stage] for stage, typed in STAGES.items())
    stages = {stage["what"]: (stage["runs"], stage["epochs"]) for stage in plan["estimate"]["stages"]}
    assert stages == {
        "report, archive, trial": (1, 0),
        "radiomics": (1, 0),
        "pre-training 3DSiam + SE": (2, 1),
        f"training {CHOSEN}": (2, 8),
    }
    assert all(f"\n{what} " in said["plan"] for what in stages)
    for key, cost in plan["estimate"]["measured"].items():
        assert cost["images"] == 4 and cost["setup"] > 0 and cost["load"] > 0 and cost["step"] > 0, key


def test_each_subject_is_predicted_once_by_a_network_that_has_not_seen_it(made, predictions):
    rows = json.loads((made / "data/datalist.json").read_text())["training"]
    folds = {row["subject"]: row["fold"] for row in rows}
    for _, own in predictions.groupby("set"):
        assert dict(zip(own["subject"], own["fold"], strict=True)) == folds
    for fold in (0, 1):
        for run in ("se", "labels100/seed0/se+train"):
            record = read_training_record(made / f"study/compare/{run}/fold{fold}/model.pt")
            assert set(record["subjects"]["training"]) == {name for name, other in folds.items() if other != fold}


def test_the_numbers_of_page_and_tables_are_those_of_the_predictions(made, predictions, page):
    table = pd.read_csv(made / "study/report_files/methods.csv").set_index(["method", "metric"])["value"]
    confusion = pd.read_csv(made / "study/report_files/confusion.csv").set_index(["method", "true", "predicted"])
    for name, own in predictions.groupby("set"):
        auc = roc_auc_score(own["label"], own["probability_1"])
        assert table[name, "auc"] == pytest.approx(auc) and f"{name} {auc:.3f} " in page
        balanced = balanced_accuracy_score(own["label"], own["prediction"])
        assert table[name, "balanced_accuracy"] == pytest.approx(balanced)
        counts = confusion.loc[name, "subjects"].unstack().loc[["low grade", "high grade"], ["low grade", "high grade"]]
        assert np.array_equal(counts.fillna(0), confusion_matrix(own["label"], own["prediction"]))
    assert "16 Subjects judged by every method 9 low grade 7 high grade" in page


def test_the_worst_cases_are_those_farthest_from_their_class_with_image_and_heat_map(made, predictions):
    own = predictions[predictions["set"] == CHOSEN]
    of_class = np.where(own["label"] == 1, own["probability_1"], own["probability_0"])
    worst = own["subject"].to_numpy()[np.argsort(of_class, kind="stable")][:10]
    found = pd.read_csv(made / "study/report_files/worst_cases.csv")
    assert found["subject"].tolist() == worst.tolist()
    for subject in worst:
        pictures = [
            np.asarray(Image.open(next((made / "study/report_files/cases").glob(f"{kind}_of_{subject}_*.png"))))
            for kind in ("image", "heat")
        ]
        assert all(picture.std() > 5 for picture in pictures)
        assert np.ptp(pictures[1].astype(int), axis=-1).max() > 50  # colours of the heat over grey


def test_the_first_method_is_compared_with_a_network_to_hand_on(made, said, predictions):
    entry = json.loads((made / "study/study.json").read_text())
    assert entry["choice"]["name"] == CHOSEN  # radiomics is no network
    own = predictions[predictions["set"] == CHOSEN]
    assert entry["choice"]["value"] == pytest.approx(roc_auc_score(own["label"], own["probability_1"]))
    assert said["conclude"].startswith(f"{CHOSEN}: auc {entry['choice']['value']:.3f}")
    assert said["finish"].strip().endswith(f"next: {entry['next']}") and entry["final"]["archive"] in entry["next"]


def test_the_tried_archive_gives_the_probabilities_of_the_calibrated_weights(made):
    final = json.loads((made / "study/study.json").read_text())["final"]
    file = final["calibration"]
    temperature = 1.0 if file is None else json.loads((made / "study" / file).read_text())["temperature"]
    parser = ConfigParser()
    parser.read_config([CONFIGS / "train.yaml", CONFIGS / "evaluate.yaml"])
    options = {"dataset_dir": str(made / "data"), "checkpoint": str(made / "study/final/model.pt")}
    options |= {"cache_dir": str(made / "study/cache"), "all_subjects": True, "allow_training_subjects": True}
    parser.update({**SETTINGS, **options})
    rows = {row["subject"]: row for row in parser.get_parsed_content("scored")}
    network, prepare = parser.get_parsed_content("trained").eval(), parser.get_parsed_content("preprocessing")
    assert len({case["label"] for case in final["cases"]}) == 2 and len(final["cases"]) == 5
    for case in final["cases"]:
        with torch.no_grad():
            plain = network(torch.as_tensor(prepare(rows[case["subject"]])["image"])[None])
        expected = torch.softmax(plain.log() / temperature, 1)[0]
        assert case["predicted"] == int(expected.argmax()) and case["label"] == rows[case["subject"]]["label"]
        assert case["probability"] == pytest.approx(float(expected.max()), abs=2e-3)


def test_the_archive_is_the_one_in_the_journal_and_its_card_has_the_held_out_scores(made, predictions):
    final = json.loads((made / "study/study.json").read_text())["final"]
    archive = made / "study" / final["archive"]
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == final["sha256"]
    with zipfile.ZipFile(archive) as opened:
        metadata = json.loads(opened.read(f"{archive.stem}/configs/metadata.json"))
        card = opened.read(f"{archive.stem}/docs/README.md").decode()
    own = predictions[predictions["set"] == CHOSEN]
    auc = roc_auc_score(own["label"], own["probability_1"])
    assert metadata["eval_metrics"]["auc"] == pytest.approx(auc, abs=1e-3)
    assert f"{auc:.3f}" in card and "low grade" in card and "16 subjects" in card
    done = run_python([PROJECT / "scripts/verify.py", archive], made)
    assert done.returncode == 0, done.stderr


def test_the_same_command_again_gives_the_same_files_and_trains_nothing(made, said):
    before = files(made / "study")
    assert study(made, *TYPED) == said["finish"]
    after = files(made / "study")
    trained = ("compare/", "final/training/", "plan.yaml", "datalist.json", "cohort.json")
    kept = {name for name in before if name.startswith(trained)}
    assert kept and {name: after[name] for name in kept} == {name: before[name] for name in kept}
    changed = {name for name in {**before, **after} if before.get(name, (0, b""))[1] != after.get(name, (0, b""))[1]}
    others = {name for name in changed if not name.startswith(("logs/", "cache/"))}
    assert {name for name in others if not name.startswith("final/trial/studies/")} <= TIMES


def test_what_contradicts_the_plan_is_refused_and_nothing_is_written(made):
    before = files(made / "study")
    other = [word if not word.startswith("--batch_size") else "--batch_size=2" for word in TYPED]
    done = run_python([PROJECT / "scripts/study.py", *other], made)
    assert done.returncode == 1 and "batch_size: 4 in the plan, 2 typed" in done.stderr
    assert files(made / "study") == before


def test_what_the_cases_were_predicted_as_is_in_the_table_of_the_trial(made):
    final = json.loads((made / "study/study.json").read_text())["final"]
    with open(made / "study/final/trial/results.csv", encoding="utf-8") as table:
        rows = {row["study"]: row for row in csv.DictReader(table)}
    for case in final["cases"]:
        name = ("low grade", "high grade")[case["predicted"]]
        assert rows[case["subject"]]["call"] in (name, "no call")
        assert float(rows[case["subject"]][f"probability of {name}"]) == pytest.approx(case["probability"], abs=1e-4)
