from __future__ import annotations

import json
import re

import jsonschema
import pytest

from common import InputError
from common.deploy.packaging.archive_metadata import archive_metadata
from tests.bundles.bundle_files import METADATA_SCHEMA
from tests.common.deploy.tiny_bundles import FOLDERS

CALIBRATION = {
    "temperature": 1.7,
    "threshold": 0.8,
    "target_accuracy": 0.9,
    "num_subjects": 40,
    "num_classes": 2,
    "expected_calibration_error": {"before": 0.2, "after": 0.05},
    "coverage": 0.7,
    "accuracy_of_calls": 0.92,
}
METRICS = {"results": [{"set": "Supervised", "metrics": {"auc": {"value": 0.8, "low": 0.7, "high": 0.9}}}]}


@pytest.fixture
def metadata():
    return json.loads((FOLDERS["siam3d_imbalance"] / "configs/metadata.json").read_text())


def test_the_output_has_one_channel_more_which_says_no_call(metadata):
    before = json.dumps(metadata)
    found = archive_metadata(metadata, shape=(1, 27, 28, 29), num_classes=2)
    image, pred = (found["network_data_format"][k][n] for k, n in (("inputs", "image"), ("outputs", "pred")))
    assert (image["num_channels"], image["spatial_shape"]) == (1, [27, 28, 29])
    assert pred["num_channels"] == 3
    assert pred["channel_def"] == {"0": "benign", "1": "malignant", "2": "no call"}
    assert json.dumps(metadata) == before
    jsonschema.validate(found, json.loads(METADATA_SCHEMA.read_text()))


def test_calibration_and_scores_are_reported_or_that_there_are_none(metadata):
    found = archive_metadata(metadata, shape=(1, 27, 27, 27), num_classes=2)
    assert found["calibration"] == {"calibrated": False, "temperature": 1.0, "threshold": 0.0}
    assert found["eval_metrics"] == metadata["eval_metrics"]
    options = {"calibration": CALIBRATION, "metrics": METRICS}
    found = archive_metadata(metadata, shape=(1, 27, 27, 27), num_classes=2, **options)
    assert found["calibration"] == {"calibrated": True, **CALIBRATION}
    assert found["eval_metrics"] == {"auc": 0.8}


def test_other_weights_get_nothing_that_is_known_of_those_that_ship(metadata):
    metadata |= {"eval_metrics": {"auc": 0.9}, "reference_limitations": ["LIDC"], "limitations": ["Of the method."]}
    subjects = {"training": ["a", "b"], "validation": ["c"]}
    record = {"classes": ["I", "II", "III"], "subjects": subjects, "options": {"max_epochs": 7}, "datalist": "0" * 64}
    options = {"shape": (1, 27, 27, 27), "num_classes": 3, "record": record, "other": True}
    found = archive_metadata(metadata, **options, settings={"_meta_#failure_modes": ["Haste."]})
    assert found["eval_metrics"] == {"held_out_subjects": 0}  # the zoo wants none to be empty
    assert "LIDC" not in str({**found, "changelog": None, "references": None}) and found["limitations"][1:] == [
        "Of the method."
    ]
    assert found["data_source"].startswith("2 subjects of the packager's cohort, 1 held out")
    assert found["training"].startswith("Trained with max_epochs 7")
    assert found["label_classes"] == "0: I, 1: II, 2: III" and found["failure_modes"] == ["Haste."]
    assert found["pred_classes"] == "probability of I, probability of II, probability of III"
    jsonschema.validate(found, json.loads(METADATA_SCHEMA.read_text()))
    assert archive_metadata(metadata, **options, metrics=METRICS)["eval_metrics"] == {"auc": 0.8}


@pytest.mark.parametrize(
    ("bundle", "modalities", "expected"),
    [
        ("liver_cgc", ["t1pre", "flair", "t1post"], ["t1pre", "flair", "t1post", "mask"]),
        ("siam3d_imbalance", ["DWI", "ADC", "PET", "t1"], ["DWI", "ADC", "PET", "t1", "mask"]),
        ("mlsscl_3d", ["ADC"], ["ADC"]),
        ("radiomics_deep_contrast", ["CEUS"], ["CEUS", "mask"]),
        ("liver_cgc", ["in phase", "T2"], ["T2", "mask"]),  # no rule may have that name, other rules are not for it
        ("liver_cgc", ["T2", "OUT", "T1"], ["T1", "T2", "OUT", "mask"]),  # the bundle's own, found by their names
    ],
)
def test_an_archive_has_rules_of_its_own_modalities_alone_unless_the_bundle_has_all(
    bundle, modalities, expected, caplog
):
    metadata = json.loads((FOLDERS[bundle] / "configs/metadata.json").read_text())
    known, options = metadata["dicom_rules"], {"num_classes": 2, "record": {"modalities": modalities}, "other": True}
    found = archive_metadata(metadata, shape=(len(modalities), 8, 8), **options)["dicom_rules"]
    assert [*found] == expected
    assert [*found.items()][-1] == [*known.items()][-1] or "mask" not in known
    other = [name for name in modalities if name.lower() not in map(str.lower, known)]
    assert not other or f"the bundle has none for {', '.join(other)}; their DICOM series" in caplog.text
    for name in set(other) & found.keys():
        assert re.search(found[name]["SeriesDescription"], f"AX {name.lower()}_reg")
        assert not re.search(found[name]["SeriesDescription"], f"no{name}")
    if bundle == "siam3d_imbalance":
        assert found["t1"] == known["T1"]
    typed = {"_meta_#dicom_rules": {"flair": {"SeriesDescription": "x"}}}
    typed_rules = archive_metadata(metadata, shape=(len(modalities), 8, 8), **options, settings=typed)["dicom_rules"]
    assert typed_rules == typed["_meta_#dicom_rules"]


def test_the_weights_of_the_repository_get_what_is_known_of_them_and_nothing_of_another_network(metadata):
    metadata |= {"reference_limitations": ["LIDC"], "limitations": ["Any."], "segmentation": {"name": "Segmenter"}}
    found = archive_metadata(metadata, shape=(1, 27, 27, 27), num_classes=2)
    assert found["limitations"] == ["LIDC", "Any."] and "Segmenter" not in str(found)
    assert not [key for key in found if key.startswith("reference_")]


def test_other_classes_and_channels_must_be_named(metadata):
    with pytest.raises(
        InputError, match=r"outputs#pred names 2 channels \(benign, malignant\).*the network's 3.*--_meta_#"
    ):
        archive_metadata(metadata, shape=(1, 27, 27, 27), num_classes=3)
    with pytest.raises(InputError, match="inputs#image names 1 channels"):
        archive_metadata(metadata, shape=(4, 27, 27, 27), num_classes=2)
    settings = {
        "_meta_#network_data_format#outputs#pred#channel_def": {0: "I", 1: "II", 2: "III"},
        "_meta_#network_data_format#inputs#image#channel_def": ["PET"],
    }
    found = archive_metadata(metadata, shape=(1, 27, 27, 27), num_classes=3, settings=settings)["network_data_format"]
    assert found["outputs"]["pred"]["channel_def"] == {"0": "I", "1": "II", "2": "III", "3": "no call"}
    assert found["inputs"]["image"]["channel_def"] == {"0": "PET"}


@pytest.mark.parametrize(
    ("record", "settings", "name"),
    [
        ({"modalities": ["CT"], "settings": {"lesion_slices": 3}}, {}, "CT"),
        ({"modalities": ["CT"], "settings": {"lesion_slices": 3}}, {"channel_def": {0: "CT"}}, "CT"),
        ({"modalities": None, "settings": {"lesion_slices": 3}}, {"channel_def": {0: "PET"}}, "PET"),
        (None, {}, "US"),  # of the bundle
    ],
)
def test_slices_of_one_modality_have_its_name(record, settings, name):
    metadata = json.loads((FOLDERS["radiomics_deep_contrast"] / "configs/metadata.json").read_text())
    typed = {f"_meta_#network_data_format#inputs#image#{key}": value for key, value in settings.items()}
    options = {"shape": (3, 32, 32), "num_classes": 2, "record": record, "settings": typed, "other": True}
    found = archive_metadata(metadata, **options, slices=True)
    assert found["network_data_format"]["inputs"]["image"]["channel_def"] == {"0": name, "1": name, "2": name}
    with pytest.raises(InputError, match="expected CT, CT, CT, in this order"):
        typed = {"_meta_#network_data_format#inputs#image#channel_def": {0: "a", 1: "b", 2: "c"}}
        record = {"modalities": ["CT"], "settings": {"lesion_slices": 3}}
        archive_metadata(metadata, **options | {"settings": typed, "record": record}, slices=True)


def test_a_calibration_of_other_classes_and_unknown_ids_are_refused(metadata):
    with pytest.raises(InputError, match="calibration: made for 3 classes; expected the network's 2"):
        archive_metadata(metadata, shape=(1, 9, 9, 9), num_classes=2, calibration={**CALIBRATION, "num_classes": 3})
    with pytest.raises(InputError, match=r"_meta_#nothing#at: metadata\.json has no such id"):
        archive_metadata(metadata, shape=(1, 9, 9, 9), num_classes=2, settings={"_meta_#nothing#at": 1})
