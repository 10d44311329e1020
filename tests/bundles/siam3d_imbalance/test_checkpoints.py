"""A checkpoint says what trained it, and whatever reads it goes by that."""

from __future__ import annotations

import json
import logging
import re

import pandas as pd
import pytest
import torch

from common.checkpoints import read_checkpoint
from common.training_record import read_training_record

UNKNOWN = "nothing is known of its training"


@pytest.fixture
def cohort(tiny):
    """Options that say where the data are and nothing of the network."""
    return {key: tiny[key] for key in ("dataset_dir", "cache_dir", "quiet")}


@pytest.fixture
def rows(tiny):
    return json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"]


@pytest.fixture
def with_settings(classifier, tmp_path):
    """A copy of the checkpoint whose record has other settings."""

    def with_settings(**settings):
        state = read_checkpoint(classifier)
        state._metadata[""]["training"]["settings"] |= settings
        torch.save(state, tmp_path / "other.pt")
        return tmp_path / "other.pt"

    return with_settings


def test_the_record_has_network_preprocessing_classes_cohort_and_versions(classifier, tiny, rows):
    record = read_training_record(classifier)
    assert (record["bundle"], record["config"], record["fold"]) == ("siam3d_imbalance", "train", 0)
    settings = record["settings"]
    assert settings["channels"] == [4, 4, 4, 4] and settings["in_channels"] == 4 and settings["num_classes"] == 2
    assert settings["image_size"] == settings["box_size"] == [27, 27, 27] and settings["spacing"] is None
    assert settings["network_def"]["_target_"] == "common.networks.EncoderClassifier"
    assert not {"learning_rate", "dataset_dir", "datalist", "output_dir", "device"} & settings.keys()
    assert record["options"]["box_size"] == [27, 27, 27] and record["options"]["max_epochs"] == 1
    assert record["classes"] == ["low grade", "high grade"]
    trained = {row["subject"] for row in rows if row["fold"] != 0}
    parts = record["subjects"]
    assert {*parts["training"], *parts["validation"]} == trained and len(parts["validation"]) == 3
    assert len(record["datalist"]) == 64 and record["versions"]["torch"] == torch.__version__
    assert json.loads(json.dumps(record)) == record


def test_the_weights_are_a_plain_state_dict(classifier):
    state = torch.load(classifier, weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    assert read_training_record(classifier.with_name("checkpoint.pt")) == read_training_record(classifier)


def test_evaluation_needs_no_id_of_the_network_again(run_config, configs, cohort, tiny, classifier, tmp_path):
    for name, options in (("typed", tiny), ("read", cohort)):
        run_config(
            configs / "evaluate.yaml",
            checkpoint=classifier,
            output_dir=tmp_path / name,
            workflow_type="infer",
            **options,
        )
    tables = [pd.read_csv(tmp_path / name / "predictions.csv") for name in ("typed", "read")]
    pd.testing.assert_frame_equal(*tables)


def test_features_need_no_id_of_the_encoder_again(open_bundle, configs, cohort, pretrained, tmp_path):
    workflow = open_bundle(
        configs / "extract_features.yaml", checkpoint=pretrained, output_dir=tmp_path, workflow_type="infer", **cohort
    )
    workflow.initialize()
    assert workflow.parser.get_parsed_content("channels") == [4, 4, 4, 4]
    assert workflow.dataset[0]["image"].shape[1:] == (27, 27, 27)
    assert workflow.parser.get_parsed_content("trained") is not None


def test_fine_tuning_takes_the_network_and_warns_once_of_other_preprocessing(
    open_bundle, configs, cohort, pretrained, tmp_path, caplog
):
    workflow = open_bundle(
        configs / "train.yaml", pretrained_encoder=pretrained, output_dir=tmp_path, box_size=[32, 32, 32], **cohort
    )
    workflow.initialize()
    assert workflow.parser.get_parsed_content("channels") == [4, 4, 4, 4]
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    reported = [text for text in warnings if "preprocessing" in text]
    assert len(reported) == 1 and "box_size [32, 32, 32], trained with [27, 27, 27]" in reported[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"box_size": [32, 32, 32]}, r"box_size \[32, 32, 32\], trained with \[27, 27, 27\]; leave"),
        ({"channels": [4, 4, 4, 8]}, r"channels \[4, 4, 4, 8\], trained with \[4, 4, 4, 4\]"),
        ({"mask_label": 1}, r"mask_label 1, trained with None"),
        ({"scale_intensity__maxv": 1.0}, r"scale_intensity#maxv 1.0, trained with 255.0"),
    ],
)
def test_a_typed_value_that_contradicts_the_checkpoint_is_refused(
    options, expected, error_lines, configs, cohort, classifier
):
    (line,) = error_lines(configs / "evaluate.yaml", checkpoint=classifier, **cohort, **options)
    assert re.search(expected, line), line


def test_subjects_that_trained_the_classifier_are_scored_only_when_asked_for(
    run_config, error_lines, configs, cohort, classifier, tmp_path
):
    options = cohort | {"checkpoint": classifier, "fold": 1}
    (line,) = error_lines(configs / "evaluate.yaml", **options)
    assert "5 of 5 subjects to score were in its training" in line and "--allow_training_subjects true" in line
    run_config(
        configs / "evaluate.yaml",
        workflow_type="infer",
        output_dir=tmp_path,
        allow_training_subjects="true",
        report__resamples=50,
        report__figures=False,
        **options,
    )
    assert "5 of 5 subjects were in the training of this classifier" in (tmp_path / "report/report.md").read_text()


def test_of_a_checkpoint_without_a_record_one_line_says_that_nothing_is_known(
    open_bundle, configs, tiny, classifier, without_record, tmp_path, caplog
):
    options = tiny | {"checkpoint": without_record(classifier), "output_dir": tmp_path}
    workflow = open_bundle(configs / "evaluate.yaml", workflow_type="infer", **options)
    workflow.initialize()
    assert sum(UNKNOWN in record.message for record in caplog.records) == 1
    assert len(workflow.parser.get_parsed_content("held_out")) == 5
    assert "does not say which subjects" in workflow.parser.get_parsed_content("report#notes")[0]


@pytest.mark.parametrize(("key", "names"), [("labels", ["high grade", "low grade"]), ("modality", list("dcba"))])
def test_classes_and_modalities_in_another_order_are_refused(
    key, names, error_lines, configs, cohort, tiny, classifier, tmp_path
):
    content = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())
    content[key] = {str(index): name for index, name in enumerate(names)}
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps(content))
    (line,) = error_lines(configs / "evaluate.yaml", **cohort | {"checkpoint": classifier, "datalist": path})
    assert f"{key}: found {', '.join(names)}; expected " in line and "in this order" in line


@pytest.mark.parametrize(
    "settings",
    [
        {"spacing": "$__import__('os').system('touch hacked')"},
        {"scale_intensity": {"_target_": "os.system", "command": "touch hacked"}},
        {"box_size": ["$open('hacked', 'w')", 27, 27]},
        {"spacing": "%/etc/passwd"},
        {"scale_intensity": {"_target_": "ScaleIntensityd", "keys": "image", "_requires_": "$open('hacked', 'w')"}},
    ],
)
def test_a_record_runs_no_code(settings, error_lines, configs, cohort, with_settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (line,) = error_lines(configs / "evaluate.yaml", checkpoint=with_settings(**settings), **cohort)
    assert f"{next(iter(settings))}: a component or expression that no config of the bundle has" in line
    assert not (tmp_path / "hacked").exists()


def test_a_final_model_trains_on_all_labelled_subjects(run_config, error_lines, configs, tiny, rows, tmp_path, caplog):
    content = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())
    for row in content["training"]:
        row["image"] = [str(tiny["dataset_dir"] / name) for name in row["image"]]
        row["mask"] = str(tiny["dataset_dir"] / row["mask"])
        row["label"] = None if row["subject"] == rows[0]["subject"] else row["label"]
    datalist = tmp_path / "datalist.json"
    datalist.write_text(json.dumps(content))
    options = {"all_subjects": "true", "validation_fraction": 0, "max_epochs": 1, "datalist": datalist}
    run_config(configs / "train.yaml", output_dir=tmp_path / "all", **tiny | options)
    record = read_training_record(tmp_path / "all/model.pt")
    assert record["fold"] is None
    assert record["subjects"]["training"] == sorted(row["subject"] for row in rows[1:])
    (line,) = error_lines(
        configs / "evaluate.yaml", checkpoint=tmp_path / "all/model.pt", dataset_dir=tiny["dataset_dir"]
    )
    assert "19 of 20 subjects to score were in its training" in line


def test_the_encoder_of_another_fold_is_refused(error_lines, configs, tiny, pretrained):
    (line,) = error_lines(configs / "train.yaml", **tiny | {"pretrained_encoder": pretrained, "fold": 2})
    assert "its pre-training held out fold 0 and saw 5 of 5 subjects of fold 2" in line
