from __future__ import annotations

import copy
import json

import pytest

from common.deploy.packaging.model_card import described, render_model_card, with_card_section
from common.errors import InputError
from tests.bundles.bundle_files import BUNDLES, read_config

EACH_BUNDLE = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)


def section(card: str, title: str) -> str:
    """The text under a heading."""
    return card.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.fixture
def metadata():
    """Of 3DSiam, for a test to change."""
    return copy.deepcopy(
        read_config(next(bundle for bundle in BUNDLES if "siam3d" in bundle.name) / "configs/metadata.json")
    )


@EACH_BUNDLE
def test_the_card_in_a_bundle_s_reference_is_that_of_its_metadata_and_weights(bundle):
    text = (bundle / "docs/reference.md").read_text()
    assert text == with_card_section(text, *described(bundle)), f"run scripts/model_card.py {bundle.name}"


@EACH_BUNDLE
def test_the_card_in_a_bundle_s_reference_reports_the_calibration_that_ships(bundle):
    card = section((bundle / "docs/reference.md").read_text(), "Calibration and abstaining")
    file = bundle / "models/calibration.json"
    assert ("Not calibrated" in card) == (not file.is_file())
    for name, error in json.loads(file.read_text())["expected_calibration_error"].items() if file.is_file() else ():
        assert f"| Expected calibration error {name} | {error:.3f} (" in card


def test_a_card_of_a_calibration_says_whether_the_described_network_applies_it(metadata):
    metadata["calibration"] = {"temperature": 2.0, "threshold": 0.0}
    assert "gives probabilities without them" in " ".join(render_model_card(metadata, None, {}).split())
    metadata["network_data_format"]["outputs"]["pred"]["channel_def"]["2"] = "no call"
    assert "probabilities without them" not in " ".join(render_model_card(metadata, None, {}).split())


def test_the_card_of_a_bundle_with_a_segmenter_has_its_scores_and_its_data():
    bundle = next(bundle for bundle in BUNDLES if bundle.name == "mlsscl_3d")
    card, segmenter = (bundle / "docs/reference.md").read_text(), described(bundle)[0]["segmentation"]
    scores = segmenter["eval_metrics"]
    for title, name in (("Dice", "dice"), ("Dice of anterior", "dice_1"), ("Dice of posterior", "dice_2")):
        assert f"| {title} | {scores[name]:.3f} |" in card
    assert segmenter["data_source"] in " ".join(card.split())


def test_scores_are_left_out_where_nothing_was_evaluated():
    bundle = next(bundle for bundle in BUNDLES if bundle.name == "mlsscl_3d")
    metadata = copy.deepcopy(read_config(bundle / "configs/metadata.json"))
    del metadata["eval_metrics"], metadata["segmentation"]["eval_metrics"], metadata["segmentation"]["data_source"]
    card = render_model_card(metadata, None, {})
    assert (
        "None: no evaluation" in section(card, "Scores") and card.count("Source: ") == 1 and "| | value |" not in card
    )


@EACH_BUNDLE
def test_a_card_says_all_that_a_user_must_know(bundle):
    metadata = read_config(bundle / "configs/metadata.json")
    words = " ".join(render_model_card({**metadata, "eval_metrics": {}}, None, {}).split())
    reported = [
        metadata[name] for name in ("name", "version", "intended_use", "data_source", "image_classes", "pred_classes")
    ]
    reported += [
        *metadata["reference_limitations"],
        *metadata["limitations"],
        *metadata["failure_modes"],
        *metadata["references"],
    ]
    reported += metadata["network_data_format"]["outputs"]["pred"]["channel_def"].values()
    for text in reported:
        assert " ".join(text.split()) in words
    assert "Not calibrated" in words and "None: no evaluation" in words and "SHA-256" not in words


def test_channels_shapes_and_no_call_are_those_of_the_metadata(metadata):
    form = metadata["network_data_format"]
    card = section(render_model_card(metadata, None, {}), "Input and output")
    assert "| `image` (in) | B x 1 x 32 x 32 x 32 | float32 | 0 to 255 | CT |" in card
    assert "| `pred` (out) | B x 2 | float32 | 0 to 1 | benign, malignant |" in card and "no call" not in card
    form["outputs"]["pred"] |= {"num_channels": 3}
    form["outputs"]["pred"]["channel_def"]["2"] = "no call"
    card = section(render_model_card(metadata, None, {}), "Input and output")
    assert "| `pred` (out) | B x 3 | float32 | 0 to 1 | benign, malignant, no call |" in card
    assert '"no call", is 1 where the largest' in " ".join(card.split())


def test_a_calibration_is_reported_with_its_threshold_and_what_is_left(metadata):
    metadata["calibration"] = {
        "intervals": {"temperature": [1.6, 1.8], "expected_calibration_error": {"after": [0.03, 0.07]}},
        "temperature": 1.7321,
        "threshold": 0.8125,
        "target_accuracy": 0.9,
        "num_subjects": 62,
        "num_images": 71,
        "expected_calibration_error": {"before": 0.1239, "after": 0.0461},
        "coverage": 0.7096,
        "accuracy_of_calls": 0.8864,
    }
    card = section(render_model_card(metadata, None, {}), "Calibration and abstaining")
    with_intervals = ("1.732 (1.600 to 1.800)", "0.046 (0.030 to 0.070)")
    for value in ("62", "71", "0.124", "0.812", "0.900", "0.886", "0.710", *with_intervals):
        assert f" | {value} |" in card
    metadata["calibration"] |= {"target_accuracy": None, "accuracy_of_calls": None}
    card = section(render_model_card(metadata, None, {}), "Calibration and abstaining")
    assert "asked of the calls" not in card and "Accuracy of the calls" not in card and "| 1.732 (" in card


def test_uncalibrated_packaging_is_reported_as_such(metadata):
    metadata["calibration"] = {"temperature": 1.0, "threshold": 0.0}
    assert "Not calibrated" in section(render_model_card(metadata, None, {}), "Calibration and abstaining")


def test_scores_come_with_intervals_beside_the_majority_class(metadata):
    found = {"value": 0.8123, "low": 0.7, "high": 0.9, "std_over_seeds": 0.0}
    metrics = {
        "subjects": 62,
        "classes": [{"name": "low grade", "subjects": 30}, {"name": "high grade", "subjects": 32}],
        "confidence": 0.95,
        "majority_class": {"auc": {**found, "value": 0.5}},
        "results": [{"set": "Fine-tuned", "metrics": {"auc": found}}],
        "notes": ["The encoder has seen the held-out images."],
    }
    card = section(render_model_card(metadata, json.loads(json.dumps(metrics)), {}), "Scores")
    assert "| Held-out subjects | 62: 30 low grade, 32 high grade |" in card
    assert "| AUC | 0.812 (0.700 to 0.900); majority class 0.500 |" in card
    assert "\n- The encoder has seen the held-out images.\n" in card


def test_the_metadata_s_own_scores_are_reported_where_there_is_no_report(metadata):
    metadata["eval_metrics"] = {"auc": 0.8, "folds seen": "three"}
    card = section(render_model_card(metadata, None, {}), "Scores")
    assert "| AUC | 0.800 |" in card and "three" not in card


def test_files_are_listed_with_their_hashes(metadata):
    card = section(render_model_card(metadata, None, {"models/model.ts": "b" * 64, "models/a.onnx": "a" * 64}), "Files")
    assert card.index(f"| `models/a.onnx` | `{'a' * 64}` |") < card.index(f"| `models/model.ts` | `{'b' * 64}` |")


def test_what_the_card_would_leave_empty_is_refused(metadata):
    metadata |= {"failure_modes": [], "data_source": ""}
    with pytest.raises(
        InputError, match=r"^metadata.json: no failure_modes, data_source; expected what the model card"
    ):
        render_model_card(metadata, None, {})


@pytest.mark.parametrize("text", ["# A README\n", "<!-- end of the model card -->\n# A README\n"])
def test_a_readme_without_a_place_for_the_card_is_refused(metadata, text):
    with pytest.raises(InputError, match=r"^README.md: no place for the model card"):
        with_card_section(text, metadata)
