"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.bundles.commands import run_bundle

BAD_OPTIONS = {
    "temperature of 0": ({"temperature": 0}, r"temperature: found 0"),
    "no such settings": ({"radiomics_settings": "nowhere.yaml"}, r"nowhere.yaml.*parameter file"),
    "mask label absent": ({"mask_label": 7}, r"1 problem$"),  # of all 20 rows
    "no such fold": ({"fold": 9}, r"fold: found 9, expected one of \[0, 1, 2, 3\]"),
    "volumes expected": ({"lesion_slices": 10, "in_channels": 10}, r"1 problem$"),  # of all 20 rows
    "momentum of 1": ({"bank_momentum": 1.0}, r"bank_momentum: found 1.0; expected a number from 0 to below 1"),
    "no negatives": ({"negatives": 0}, r"negatives: found 0; expected whole numbers from 1"),
}
LATER_OPTIONS = {
    "no such weights": ({"pretrained_weights": "nowhere.pth"}, r"nowhere.pth: no such checkpoint"),
    "unknown network": ({"depth": 19}, r"no ResNet-19"),
    "batch larger than the cohort": ({"batch_size": 16}, r"batch_size: 16 .*cohort of 15"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_reported_in_one_line(case, error_lines, configs, tiny):
    options, expected = BAD_OPTIONS[case]
    first, *others = error_lines(configs / "pretrain.yaml", **tiny | {"batch_size": 4} | options)
    assert re.search(expected, first), first
    assert len(others) == (1 if "1 problem" in first else 0)


@pytest.mark.parametrize("case", LATER_OPTIONS)
def test_an_option_that_needs_the_cohort_is_reported_before_training(case, run_config, configs, tiny, tmp_path):
    options, expected = LATER_OPTIONS[case]
    with pytest.raises(RuntimeError) as caught:  # MONAI wraps the InputError
        run_config(configs / "pretrain.yaml", output_dir=tmp_path, **tiny | {"batch_size": 4} | options)
    assert re.search(expected, str(caught.value.__cause__ or caught.value))
    assert [path.name for path in tmp_path.iterdir()] == ["scaling.json"]  # whole, and good for the next try


def damaged(tiny, tmp_path, change) -> str:
    """A datalist of the phantoms in which the fourth subject's image or mask is changed."""
    folder = tiny["dataset_dir"]
    content = json.loads((folder / "datalist.json").read_text())
    for row in content["training"]:
        row["image"], row["mask"] = str(folder / row["image"]), str(folder / row["mask"])
    image, mask = (np.array(Image.open(content["training"][3][key])) for key in ("image", "mask"))
    for key, pixels in zip(("image", "mask"), change(image, mask), strict=True):
        Image.fromarray(pixels).save(tmp_path / f"{key}.png")
        content["training"][3][key] = str(tmp_path / f"{key}.png")
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    return tmp_path / "datalist.json"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda image, mask: (image, np.zeros_like(mask)), r"mask.png.*0 everywhere"),
        (lambda image, mask: (image, mask[:-3]), r"mask.png.*(shape|size|grid)"),
        (lambda image, mask: (np.full_like(image, 9), mask), r"image.png.*one value everywhere"),
    ],
    ids=["empty mask", "another size", "constant"],
)
def test_a_bad_file_is_reported_with_row_and_file(change, expected, error_lines, configs, tiny, tmp_path):
    datalist = damaged(tiny, tmp_path, change)
    count, *lines = error_lines(configs / "pretrain.yaml", **tiny | {"datalist": datalist, "batch_size": 4})
    assert count.startswith(f"error: {datalist}: ") and lines
    assert all("training[3]" in line for line in lines) and re.search(expected, " ".join(lines)), lines


def test_a_lesion_too_small_to_measure_is_reported_by_its_subject(error_lines, configs, tiny, tmp_path):
    def shrink(image, mask):
        few = np.zeros_like(mask)
        few[20:22, 20:22] = 255
        return image, few

    datalist = damaged(tiny, tmp_path, shrink)
    subject = json.loads(datalist.read_text())["training"][3]["subject"]
    lines = error_lines(
        configs / "pretrain.yaml", **tiny | {"datalist": datalist, "batch_size": 4, "transductive": "true"}
    )
    assert any(f"subject {subject}" in line for line in lines), lines


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("extract_features.yaml", {"checkpoint": "classifier"}),
        ("evaluate.yaml", {"checkpoint": "pretrained"}),
        ("infer_hybrid.yaml", {"checkpoint": "pretrained", "section": "training"}),
        ("train.yaml", {"pretrained_encoder": "pretrained", "hidden_features": [8, 8]}),
    ],
)
def test_a_checkpoint_of_another_architecture_is_reported_in_one_line(
    config, options, run_config, configs, tiny, pretrained, classifier, tmp_path
):
    files = {"pretrained": pretrained, "classifier": classifier}
    options = {key: files.get(value, value) if isinstance(value, str) else value for key, value in options.items()}
    with pytest.raises(RuntimeError) as caught:
        run_config(configs / config, workflow_type=None, output_dir=tmp_path, **tiny | options)
    message = str(caught.value.__cause__ or caught.value)
    assert "another architecture" in message and ".pt" in message


def test_weights_without_their_scaling_are_reported(error_lines, configs, tiny, classifier, tmp_path):
    lonely = tmp_path / "model.pt"
    lonely.write_bytes(classifier.read_bytes())
    (line,) = error_lines(configs / "evaluate.yaml", workflow_type="infer", **tiny | {"checkpoint": lonely})
    assert "scaling.json" in line


@pytest.mark.slow
def test_the_command_line_reports_an_empty_mask_and_fails(configs, tiny, tmp_path):
    datalist = damaged(tiny, tmp_path, lambda image, mask: (image, np.zeros_like(mask)))
    overrides = tiny | {"datalist": datalist, "output_dir": tmp_path / "output", "quiet": False}
    result = run_bundle("training", [configs / "pretrain.yaml"], **overrides)
    assert result.returncode == 1
    errors = result.stderr[result.stderr.index("error: ") :].splitlines()
    assert len(errors) == 2 and "training[3]" in errors[1] and "Traceback" not in result.stderr + result.stdout
    assert not (tmp_path / "output").exists()
