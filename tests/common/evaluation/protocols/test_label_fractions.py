"""The protocol over label fractions, with stages that take no time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, f1_score, recall_score, roc_auc_score

from common.data import keep_label_fraction
from common.errors import InputError
from common.evaluation import LabelFractions
from tests.common.evaluation.protocols.fake_labels import write_cohort, write_label_bundle
from tests.common.evaluation.protocols.noted_stages import NotedStages
from tests.common.evaluation.protocols.without_figures import draw_nothing

METHODS = ["scratch+cgc", "radiomics", "simsiam+cgc", "pretrain+image+linear_probe", "radiomics+image"]
NAMES = ["Scratch + CGC", "Radiomics", "SimSiam + CGC", "SimSiam+ + Image + linear probe", "Radiomics Image"]
FRACTIONS, SEEDS, FOLDS = [1, 0.2], [0, 1], [0, 1]


class Counted(NotedStages, LabelFractions):
    """Stages run and are noted."""


def starter(folder: Path):
    """Starts runs in ``folder``, with the bundle and the cohort there."""

    def start(**options) -> Counted:
        defaults = {"methods": METHODS, "fractions": FRACTIONS, "seeds": SEEDS, "fold": FOLDS, "resamples": 50}
        return Counted(folder / "bundle", folder / "data", folder / "out", **{**defaults, **options})

    return start


@pytest.fixture
def start(tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    write_label_bundle(tmp_path / "bundle")
    write_cohort(tmp_path / "data")
    return starter(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_label_bundle(folder / "bundle")
    write_cohort(folder / "data")
    run = starter(folder)()
    return run, run.run()


def test_each_encoder_is_pre_trained_once_for_all_fractions_and_seeds_and_never_on_the_test_fold(whole):
    run, _ = whole
    calls = [(overlays, o["fold"], o["transductive"]) for stage, overlays, o in run.stages if stage == "pretrain"]
    assert calls == [(overlays, fold, False) for overlays in (["simsiam"], []) for fold in FOLDS]
    extracted = [
        (overlays, o["checkpoint"]) for stage, overlays, o in run.stages if o.get("checkpoint") and "ext" in stage
    ]
    assert extracted == [(["image"], str(run.output_dir / f"pretrain/fold{fold}/model.pt")) for fold in FOLDS]


def test_pre_trainings_vary_with_the_seed_where_that_is_wanted(start, tmp_path):
    run = start(methods=METHODS[2:4], fractions=[1], fold=[0], vary_pretraining=True)
    run.run()
    pretrained = [(o["seed"], o["output_dir"]) for stage, _, o in run.stages if stage == "pretrain"]
    names = ("simsiam", "pretrain")
    assert pretrained == [(s, str(tmp_path / f"out/seed{s}/{name}/fold0")) for s in SEEDS for name in names]
    starts = {o["seed"]: o["pretrained_encoder"] for stage, _, o in run.stages if stage == "train"}
    assert starts == {s: str(tmp_path / f"out/seed{s}/simsiam/fold0/model.pt") for s in SEEDS}
    with pytest.raises(InputError, match="vary_pretraining"):
        start(methods=METHODS[2:4], fractions=[1], fold=[0]).run()


def test_fine_tuning_has_its_labels_seed_and_encoder_of_the_same_fold(whole):
    run, _ = whole
    trained = [(overlays, overrides) for stage, overlays, overrides in run.stages if stage == "train"]
    assert len(trained) == 2 * len(FRACTIONS) * len(SEEDS) * len(FOLDS)
    reported = set()
    for overlays, ids in trained:
        assert overlays == ["cgc"] and ids["seed"] == ids["label_seed"]
        encoder = ids["pretrained_encoder"]
        assert encoder in (None, str(run.output_dir / f"simsiam/fold{ids['fold']}/model.pt"))
        reported.add((encoder is None, ids["label_fraction"], ids["seed"], ids["fold"]))
    assert len(reported) == len(trained)


def test_the_traditional_features_are_measured_without_a_network_once_for_each_row_of_them(whole):
    run, _ = whole
    measured = [(overlays, o) for _, overlays, o in run.stages if o.get("run_id") == "traditional"]
    assert [(overlays, Path(o["traditional_table"]).name) for overlays, o in measured] == [
        ([], "traditional.csv"),
        (["image"], "traditional+image.csv"),
    ]
    assert not any("checkpoint" in overrides for _, overrides in measured)
    others = [o["write_traditional"] for stage, _, o in run.stages if stage == "extract_features" and "run_id" not in o]
    assert others == [False] * len(FOLDS)  # a row of learnt features needs no others


def test_outlines_are_measured_and_judged_alone_and_a_mean_of_rows_has_the_mean_of_their_probabilities(start):
    options = {"methods": ["mean:outline:simsiam+cgc", "outline"], "fractions": [1], "seeds": [0]}
    run = start(**options)
    report = run.run()
    name = "Mean of Outline, SimSiam + CGC"
    assert [row.name for row in run.rows] == ["Outline", "SimSiam + CGC", name]
    measured = [Path(o["outline_table"]).name for _, _, o in run.stages if o.get("run_id") == "outline"]
    assert measured == ["outline.csv"]
    table = pd.read_csv(report.parent / "predictions.csv").pivot(index="subject", columns="set")
    parts = table["probability_1"][["Outline", "SimSiam + CGC"]].mean(axis=1)
    np.testing.assert_allclose(table["probability_1"][name], parts)
    assert (table["prediction"][name] == (parts > 0.5)).all()
    features = pd.read_csv(run.output_dir / "outline.csv")
    alone = {name: roc_auc_score(features["label"], features[name]) for name in ("LogVolume", "LogDiameter")}
    best = max(alone, key=alone.get)
    assert (
        f"Outline: one number alone, without training, has an AUC of {best} {alone[best]:.3f} (" in report.read_text()
    )


def test_a_mean_of_z_scores_ranks_as_the_sum_of_its_rows_z_scores_in_each_fold(start):
    run = start(methods=["mean_z_score:outline:outline.LogDiameter"], fractions=[0.5], seeds=[0])
    table = pd.read_csv(run.run().parent / "predictions.csv").pivot(index="subject", columns="set")
    mean, *rows = (run.rows[-1], *run.rows[:-1])
    expected = {}
    for fold in FOLDS:
        parts = [pd.read_csv(row.predictions(run.output_dir / "labels50/seed0", fold)) for row in rows]
        scores = sum(part.set_index("subject")["z_score_1"] for part in parts) / len(parts)
        expected |= dict(1 / (1 + np.exp(-2 * scores)))  # two classes' z-scores are opposite
    found = table["probability_1"][mean.name]
    np.testing.assert_allclose(found, [expected[subject] for subject in found.index])


def test_a_row_of_one_number_ranks_by_it_and_shares_the_table(start):
    run = start(methods=["outline.LogDiameter", "outline"], fractions=[1], seeds=[0], fold=[0], max_deviation=None)
    predicted = pd.read_csv(run.run().parent / "predictions.csv").query("set == 'Outline (LogDiameter)'")
    assert [o["run_id"] for _, _, o in run.stages] == ["outline"]
    numbers = pd.read_csv(run.output_dir / "outline.csv").set_index("subject").loc[predicted["subject"], "LogDiameter"]
    assert abs(spearmanr(numbers, predicted["probability_1"]).statistic) == pytest.approx(1)


def test_a_number_that_this_cohort_lacks_is_refused_before_any_pre_training(start):
    run = start(methods=["simsiam+cgc", "outline.LogDiameter", "outline.Flatness"], fractions=[1], seeds=[0])
    with pytest.raises(InputError, match=r"outline\.csv: no number 'Flatness'; expected one of LogVolume; LogDiameter"):
        run.run()
    assert [o["run_id"] for _, _, o in run.stages] == ["outline"]


def test_pre_trainings_wait_for_what_finds_faults_in_seconds(start):
    tasks = {task.makes.name: task for task in start(methods=["simsiam+cgc", "outline", "radiomics"], fold=[0]).tasks()}
    needs = {path.name for path in tasks["model.pt"].needs}
    assert "outline.csv" in needs and "traditional.csv" not in needs


def test_differences_of_one_modality_are_refused_before_anything_runs(start, tmp_path):
    path = tmp_path / "data/datalist.json"
    content = json.loads(path.read_text())
    content["training"] = [{**row, "image": row["image"][:1]} for row in content["training"]]
    content.pop("modality", None)
    path.write_text(json.dumps(content))
    config = tmp_path / "bundle/configs/extract_features.yaml"
    config.write_text(config.read_text() + "modality_differences: null\n")
    run = start(methods=["modality_differences"])
    with pytest.raises(InputError, match="modality_differences: found one modality, expected two or more; leave"):
        run.run()
    assert getattr(run, "stages", []) == []


@pytest.mark.parametrize("limit", [0, -1.0])
def test_a_limit_of_features_that_leaves_nothing_is_refused(start, limit):
    with pytest.raises(InputError, match=f"max_deviation: found {limit}; expected more than 0, or none"):
        start(methods=["outline"], max_deviation=limit)


def test_features_are_cut_where_the_option_says_and_results_of_other_limits_are_not_mixed(start):
    options = {"methods": ["outline"], "fractions": [1], "seeds": [0]}
    found = pd.read_csv(start(**options, max_deviation=0.01).run().parent / "predictions.csv")["probability_1"]
    assert found.round(2).nunique() < len(found) / 2  # nearly all features are at one of two limits
    with pytest.raises(InputError, match="max_deviation"):
        start(**options).run()


def test_what_needs_no_network_is_measured_before_any_pre_training(start):
    run = start(methods=["simsiam+cgc", "outline"], fractions=[1], seeds=[0])
    run.run()
    stages = [stage for stage, _, _ in run.stages]
    assert stages.index("extract_features") < stages.index("pretrain")


def test_slices_are_measured_once_and_judged_by_a_linear_classifier(start):
    run = start(methods=["imagenet_slices"], fractions=[1], seeds=[0])
    report = run.run()
    assert [Path(o["imagenet_slices_table"]).name for _, _, o in run.stages] == ["imagenet_slices.csv"]
    text = report.read_text()
    assert "| ImageNet slices |" in text and "one number" not in text


def test_slices_without_their_weights_are_refused_before_anything_runs(start, tmp_path):
    config = tmp_path / "bundle/configs/extract_features.yaml"
    network = "{_target_: common.networks.EfficientNetBackbone, model_name: efficientnet-b0}"
    weights = f"{{_target_: common.networks.load_imagenet_weights, path: imagenet, encoder: {network}}}"
    config.write_text(config.read_text().replace("encoder: null", f"encoder: {weights}"))
    expected = r"ImageNet slices: .*no package has weights of efficientnet-b0; .*; or leave imagenet_slices out"
    with pytest.raises(InputError, match=expected):
        start(methods=["imagenet_slices"]).run()
    assert not [*(tmp_path / "out").glob("*/*")]


def test_all_methods_predict_the_same_subjects_at_every_fraction_and_seed(whole):
    _, report = whole
    table = pd.read_csv(report.parent / "predictions.csv")
    groups = table.groupby(["set", "fraction", "seed"])["subject"].apply(lambda names: tuple(sorted(names)))
    assert set(groups) == {tuple(f"s{i:02d}" for i in range(40))}
    assert set(groups.index) == {(name, f, s) for name in NAMES for f in FRACTIONS for s in SEEDS}


def test_the_table_holds_mean_and_deviation_over_seeds_and_an_interval_over_subjects(whole):
    _, report = whole
    table = pd.read_csv(report.parent / "label_fractions.csv").set_index(["method", "fraction"])
    assert list(table.index) == [(name, f) for f in sorted(FRACTIONS) for name in ("Majority class", *NAMES)]
    predictions = pd.read_csv(report.parent / "predictions.csv")
    metrics = {
        "accuracy": accuracy_score,
        "sensitivity": recall_score,
        "specificity": lambda y, p: recall_score(1 - y, 1 - p),
        "f1_weighted": lambda y, p: f1_score(y, p, average="weighted"),
    }
    for (name, fraction), rows in predictions.groupby(["set", "fraction"]):
        for metric, function in metrics.items():
            by_seed = [function(part["label"], part["prediction"]) for _, part in rows.groupby("seed")]
            found = table.loc[(name, fraction)]
            assert found[metric] == pytest.approx(np.mean(by_seed))
            assert found[f"{metric}_std"] == pytest.approx(np.std(by_seed, ddof=1), abs=1e-12)
            assert found[f"{metric}_low"] <= found[f"{metric}_high"]
    scratch = table.loc["Scratch + CGC"]
    assert scratch["accuracy"].to_dict() == {0.2: (24 - 1) / 40, 1.0: (40 - 1) / 40}
    assert scratch["labelled"].to_dict() == {0.2: 4, 1.0: 20} and set(scratch["seeds"]) == {2}


def test_the_report_says_what_the_deviation_is_not_compares_methods_and_shows_the_curve(whole):
    _, report = whole
    text = (report.parent / "label_fractions.md").read_text()
    assert "standard deviation over seeds is no interval" in " ".join(text.split()).replace("**The", "**the").lower()
    assert "## 20 % of the labels: 4 training subjects" in text and "| *Majority class* | 0.500 (" in text
    assert "without labels, on all training subjects and no test subject" in text
    assert "(figures/label_fractions.png)" in text
    with Image.open(report.parent / "figures/label_fractions.png") as image:
        assert image.width == 900 and len(image.convert("RGB").getcolors(2**20)) > 50
    pairs = json.loads((report.parent / "metrics.json").read_text())["comparisons"]
    assert {(entry["fraction"], entry["set"]) for entry in pairs if entry["reference"] == NAMES[0]} == {
        (fraction, name) for fraction in FRACTIONS for name in NAMES[1:]
    }


def test_what_is_done_is_not_done_again_and_a_cut_training_goes_on(whole, tmp_path, monkeypatch):
    run, _ = whole
    draw_nothing(monkeypatch)
    shutil.copytree(run.output_dir.parent, tmp_path / "copy")
    start = starter(tmp_path / "copy")
    lost = tmp_path / "copy/out/labels20/seed1/simsiam+cgc/fold0/evaluate"
    shutil.rmtree(lost)
    again = start()
    again.run()
    assert [(stage, o["label_fraction"], o["seed"], o["fold"]) for stage, _, o in again.stages] == [
        ("train", 0.2, 1, 0),
        ("evaluate", 0.2, 1, 0),
    ]
    more = start(methods=["scratch+cgc"], seeds=[1, 2], fractions=[0.2])
    table = pd.read_csv(more.run().with_name("label_fractions.csv")).set_index("method")
    assert {(stage, o["seed"]) for stage, _, o in more.stages} == {("train", 2), ("evaluate", 2)}
    assert table["seeds"].to_dict() == {"Majority class": 0, "Scratch + CGC": 2}


def test_the_probe_learns_from_the_subjects_that_fine_tuning_has(whole):
    run, _ = whole
    rows = json.loads(run.datalist.read_text())["training"]
    training = keep_label_fraction([row for row in rows if row["fold"] != 1], 0.2, seed=1)
    table = pd.read_csv(run.output_dir / "traditional.csv").set_index("subject")
    known = table.loc[[row["subject"] for row in training]]
    scaling = json.loads((run.output_dir / "labels20/seed1/radiomics/fold1/scaling.json").read_text())
    assert scaling["mean"] == pytest.approx(known[scaling["columns"]].mean().tolist())
    assert "LogVolume" in scaling["columns"] and "LogDiameter" not in scaling["columns"]  # it says nearly the same


def test_one_encoder_of_all_subjects_serves_all_folds_where_it_is_transductive(start):
    run = start(methods=["simsiam+cgc", "simsiam+linear_probe"], fractions=[1.0], seeds=[0], transductive=True)
    text = run.run().read_text()
    pretrained = [o["transductive"] for stage, _, o in run.stages if stage == "pretrain"]
    starts = {o["pretrained_encoder"] for stage, _, o in run.stages if stage == "train"}
    assert pretrained == [True] and starts == {str(run.output_dir / "simsiam/all/model.pt")}
    assert "**transductive**" in text


def test_an_encoder_of_other_subjects_serves_all_folds(start, tmp_path):
    rows = [{"subject": "other"}]
    (tmp_path / "others.json").write_text(json.dumps({"training": rows}))
    others = tmp_path / "others.json"
    run = start(methods=["simsiam+cgc"], fractions=[1.0], seeds=[0], pretraining_datalist=others)
    text = run.run().read_text()
    assert [o["datalist"] for stage, _, o in run.stages if stage == "pretrain"] == [str(others)]
    starts = {o["pretrained_encoder"] for stage, _, o in run.stages if stage == "train"}
    assert starts == {str(run.output_dir / "simsiam/all/model.pt")}
    assert "on subjects of another datalist; one run, the same" in text and "transductive" not in text


def test_stages_have_settings_of_their_own_and_those_of_all(start):
    run = start(methods=["simsiam+cgc"], fractions=[1.0], seeds=[0], fold=[0], pretrain={"pairs": "two"}, fusion="x")
    run.run()
    pretrained = json.loads((run.output_dir / "simsiam/fold0/model.pt").read_text())
    trained = json.loads((run.output_dir / "labels100/seed0/simsiam+cgc/fold0/model.pt").read_text())
    assert pretrained["fold"] == 0 and trained["fusion"] == "x"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["mlc+cgc"]}, "mlc: no such row, and no encoder to start from"),
        (
            {"methods": ["scratch+linear_probe"]},
            r"scratch\+linear_probe: no encoder to probe; expected pretrain or an overlay",
        ),
        (
            {"methods": ["imagenet+linear_probe"]},
            r"imagenet\+linear_probe: .*label_fractions.md has the rows of ImageNet",
        ),
        ({"methods": ["simsiam+cmc+linear_probe"]}, "cmc: the bundle has no such config"),
        ({"methods": ["simsiam+single+linear_probe"]}, "single: sets fusion.*, which extract.* does not have"),
        ({"methods": ["radiomics+single"]}, "single: sets fusion.*, which extract.* does not have"),
        ({"methods": ["mean:radiomics:radiomics"]}, "mean:radiomics:radiomics: found fewer than two different rows"),
        ({"methods": ["mean:mean:radiomics"]}, "mean:mean:radiomics: found a mean as a row"),
        ({"methods": ["mean::radiomics"]}, "mean::radiomics: found nothing as a row"),
        ({"methods": ["mean:radiomics:outlin"]}, r"outlin: .* expected radiomics, outline, .*; did you mean outline\?"),
        ({"methods": ["outline.LogVolum"]}, r"outline.LogVolum: .* 'LogVolum'; did you mean LogVolume\?"),
        ({"methods": ["radiomics"], "device": "gpu"}, "device: found 'gpu'; expected cpu, or cuda:0 and so on"),
        ({"methods": ["imagenet+cgc"]}, "imagenet without a file of weights; set pretrained_weights"),
        ({"methods": []}, "methods: found none"),
        ({"fractions": [0.2, 20]}, "fractions: found 20; expected more than 0, at most 1"),
        ({"seeds": []}, "seeds: found none"),
        ({"seeds": [0, -1]}, r"seeds: found \[0, -1\]; expected whole numbers from 0 to 4294967295; correct it"),
        ({"resamples": 0}, "resamples: found 0; expected whole numbers from 1; correct it"),
        ({"pretrain": {"fold": 1}}, r"pretrain: fold: found one for all runs; expected none, as fold \(--fold\) has"),
        ({"seed": 1}, r"seed: found one for all runs; expected none, as seeds \(--seeds\) has those of the trainings"),
        ({"train": {"label_fraction": 0.5}}, "train: label_fraction: found one for all runs"),
        ({"fold": [0, 7]}, "fold: found 0, 7; expected some of 0, 1, the folds of labelled subjects"),
        ({"fusio": 3}, r"--fusio: .* one of pretrain, .*; did you mean fusion\?"),
        ({"train": {"fusio": 3}}, r"train: found fusio, which train.yaml does not have; did you mean fusion\?"),
        ({"methods": ["mcl+cgc", "simsiam_mda+cgc"]}, r"MCL \+ CGC: found as several rows"),
    ],
)
def test_what_cannot_be_run_is_reported_before_anything_runs(start, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        start(**options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("method", ["mcl+linear_probe", "outline"])
def test_a_linear_classifier_without_a_subject_of_each_class_is_refused_before_anything_runs(start, tmp_path, method):
    path = tmp_path / "data/datalist.json"
    content = json.loads(path.read_text())
    content["training"] = [{**row, "fold": row["label"]} for row in content["training"]]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"linear classifier, without fold 0: label: found the classes 1 among"):
        start(methods=[method], fold=[0]).run()
    assert not [*(tmp_path / "out").glob("*/*")]


def test_a_fold_on_which_no_network_can_be_judged_is_refused_before_anything_runs(start, tmp_path):
    path = tmp_path / "data/datalist.json"
    content = json.loads(path.read_text())
    content["training"] = [{**row, "fold": row["label"]} for row in content["training"]]
    content["training"][-1] |= {"label": 0, "fold": 1}
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"fold 0: found no subject of class 1; expected some"):
        start(methods=["scratch+cgc"], fold=[0]).run()
    assert not [*(tmp_path / "out").glob("*/*")]


def test_runs_of_other_settings_or_another_cohort_are_not_mixed(start, tmp_path):
    options = {"methods": ["scratch+cgc"], "fractions": [1.0], "seeds": [0], "fold": [0]}
    start(**options).run()
    with pytest.raises(InputError, match="from another comparison"):
        start(**options, train={"fusion": "x"}).run()
    datalist = tmp_path / "data/datalist.json"
    datalist.write_text(datalist.read_text().replace("stage 1", "stage one"))
    with pytest.raises(InputError, match="from another comparison"):
        start(**options).run()


def test_a_bundle_that_measures_no_radiomics_is_reported_so(start, tmp_path):
    config = tmp_path / "bundle/configs/extract_features.yaml"
    config.write_text(
        "\n".join(line for line in config.read_text().splitlines() if not line.startswith("traditional:"))
    )
    with pytest.raises(InputError, match=r"radiomics: extract_features\.yaml has no traditional"):
        start()


def test_a_row_that_other_bundles_have_is_refused_with_their_names(tmp_path):
    write_cohort(tmp_path / "data")
    with pytest.raises(InputError, match=r"no imagenet_slices, which only mlsscl_3d, siam3d_imbalance have; leave"):
        LabelFractions("radiomics_deep_contrast", tmp_path / "data", tmp_path / "out", ["imagenet_slices"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_epochs": "ten"}, "max_epochs: found 'ten'; expected a whole number"),
        ({"train": {"max_epochs": 0}}, "max_epochs: found 0; expected whole numbers from 1"),
        ({"cache_rate": 5}, "cache_rate: found 5; expected a number from 0 to 1"),  # which the checks do not use
    ],
)
def test_values_of_a_wrong_type_are_refused_before_labels_that_are_too_few(tmp_path, options, message):
    write_cohort(tmp_path / "data")
    one = {"methods": ["scratch"], "fractions": [0.05], "validation_fraction": 0.5}
    run = LabelFractions("siam3d_imbalance", tmp_path / "data", tmp_path / "out", **one, **options)
    with pytest.raises(InputError, match=message):
        run.check()
