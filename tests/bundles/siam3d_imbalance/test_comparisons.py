"""Comparisons of this bundle's methods report what cannot run before the first stage runs."""

from __future__ import annotations

import json

import pytest

from common import InputError
from common.evaluation import CrossValidation, LabelFractions


@pytest.fixture
def options(tiny, configs, tmp_path):
    """Bundle, cohort and an output folder, and the settings of all stages."""
    settings = {key: tiny[key] for key in ("cache_dir", "box_size", "channels")}
    return (configs.parent, tiny["dataset_dir"], tmp_path / "results"), settings | {"batch_size": 2}


def never_runs(monkeypatch, kind):
    def run(self, stage, *args, **kwargs):
        raise AssertionError(f"{stage} ran")

    monkeypatch.setattr(kind, "_run", run)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"num_clusters": 16}, r"pre-training 3DSiam \+ SE: num_candidates: 15 .*num_clusters 16"),
        ({"learning_rate": "fast"}, r"learning_rate: found 'fast'; expected a number"),
        ({"batch_size": 16, "finetune": ["scratch"], "methods": []}, r"Supervised: batch_size: 16 .*cohort of 12"),
    ],
)
def test_sizes_and_types_of_all_stages_are_checked_before_the_first_runs(wrong, expected, options, monkeypatch):
    never_runs(monkeypatch, CrossValidation)
    folders, settings = options
    with pytest.raises(InputError, match=expected) as caught:
        CrossValidation(*folders, **{"methods": ["plain", "se"], **settings, **wrong}).run()
    assert "\n" not in str(caught.value)
    assert not [path for path in folders[2].rglob("*") if path.is_file()]


def test_too_few_labels_to_choose_the_epoch_are_reported_before_the_first_stage_runs(options, monkeypatch):
    never_runs(monkeypatch, LabelFractions)
    folders, settings = options
    with pytest.raises(
        InputError, match=r"SE \+ fine-tuned, without fold 0: validation_fraction 0.2 is one of 5 folds"
    ):
        LabelFractions(*folders, methods=["se", "scratch"], fractions=[0.1, 1.0], **settings).run()


@pytest.mark.parametrize("kind", [CrossValidation, LabelFractions])
def test_a_class_missing_in_a_training_part_is_reported_before_the_first_stage_runs(
    kind, options, tiny, monkeypatch, tmp_path
):
    never_runs(monkeypatch, kind)
    folders, settings = options
    content = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())
    for row in content["training"]:
        row["image"] = [str(tiny["dataset_dir"] / name) for name in row["image"]]
        row["mask"] = str(tiny["dataset_dir"] / row["mask"])
        row["fold"] = 0 if row["label"] == 1 else 1 + row["fold"] % 2
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    methods = {"methods": ["scratch"], "fractions": [1.0]} if kind is LabelFractions else {"methods": ["supervised"]}
    with pytest.raises(InputError, match="Supervised, without fold 0: label: found the classes 0 among"):
        kind(folders[0], tmp_path, folders[2], **methods, **settings).run()
