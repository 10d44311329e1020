from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from monai.data import Dataset
from PIL import Image

from common.errors import InputError
from common.explain import ExplainModels, LayerCAM, pointing_game
from common.explain.figures import Panel, comparison_figure, overlay_figure
from common.reproduce.others import draw_heat_maps
from tests.common.explain.shared_encoder import SharedEncoder

MODALITIES = ["T1", "T2"]


def encoder(modalities: int, seed: int) -> SharedEncoder:
    torch.manual_seed(seed)
    return SharedEncoder(modalities)


@pytest.fixture
def models():
    shared = encoder(1, 0)
    return {
        "Pre-trained MCL": {"T1": shared, "T2": shared},
        "Fine-tuned": {"T1": encoder(1, 1), "T2": encoder(1, 2)},
        "MCL + CGC": encoder(2, 3),
    }


def rows(n: int = 2, mask: bool = True) -> list[dict]:
    generator = torch.Generator().manual_seed(0)
    lesion = torch.zeros(1, 12, 16)
    lesion[:, 2:6, 3:9] = 1
    return [
        {"image": torch.rand(2, 12, 16, generator=generator), "subject": f"p {i}", "label": i % 2}
        | ({"mask": lesion} if mask else {})
        for i in range(n)
    ]


def explain(models, folder, data=None, **options) -> pd.DataFrame:
    options = {"target_layer": "layer", "progress": False, "batch_size": 2, **options}
    return ExplainModels(models, Dataset(data or rows()), folder, MODALITIES, **options).run()


def test_every_patient_modality_and_model_has_its_map_and_all_files(models, tmp_path):
    explain(models, tmp_path)
    names = ["Pre-trained_MCL", "Fine-tuned", "MCL_+_CGC"]
    expected = {f"p_{i}.png" for i in range(2)} | {f"p_{i}_{name}.npy" for i in range(2) for name in names}
    expected |= {f"p_{i}_{m}_{name}.png" for i in range(2) for m in MODALITIES for name in names}
    assert {path.name for path in tmp_path.iterdir()} == expected | {"explanations.csv", "explanations_summary.csv"}
    for index, row in enumerate(rows()):
        x = row["image"][None]
        by_hand = {
            "Pre-trained_MCL": [LayerCAM(models["Pre-trained MCL"]["T1"], "layer")(x[:, [m]], 1) for m in (0, 1)],
            "Fine-tuned": [LayerCAM(models["Fine-tuned"][n], "layer")(x[:, [m]], 1) for m, n in enumerate(MODALITIES)],
            "MCL_+_CGC": [LayerCAM(models["MCL + CGC"], "layer")(x, 1)],
        }
        for name, parts in by_hand.items():
            found = np.load(tmp_path / f"p_{index}_{name}.npy")
            assert found.shape == (2, 12, 16) and found.dtype == np.float32
            np.testing.assert_allclose(found, torch.cat(parts, 1)[0], rtol=1e-4, atol=1e-7)


def test_the_table_has_probabilities_and_shares_of_the_mask(models, tmp_path):
    table = explain(models, tmp_path)
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "explanations.csv"))
    assert len(table) == 2 * 3 * 2 and set(table["label"]) == {0, 1}
    row = table.set_index(["subject", "model", "modality"]).loc[("p 1", "MCL + CGC", "T2")]
    patient = rows()[1]
    with torch.no_grad():
        p = models["MCL + CGC"](patient["image"][None]).softmax(1)[0, 1].item()
    game = pointing_game(np.load(tmp_path / "p_1_MCL_+_CGC.npy")[1], patient["mask"][0].numpy())
    np.testing.assert_allclose(row[["probability", *game._fields]].astype(float), [p, *game], rtol=1e-6)
    summary = pd.read_csv(tmp_path / "explanations_summary.csv").set_index(["model", "modality"])
    mean = table.query("model == 'Fine-tuned' and modality == 'T1'")["energy_inside"].mean()
    assert summary.loc[("Fine-tuned", "T1"), "energy_inside"] == pytest.approx(mean)
    assert summary["subjects"].eq(2).all() and next(iter(summary.index)) == ("Pre-trained MCL", "T1")


def test_a_figure_of_a_paper_finds_the_picture_of_every_patient(models, tmp_path):
    explain(models, tmp_path / "heat_maps")
    share = SimpleNamespace(repetition=SimpleNamespace(folds=(0,)))
    run = SimpleNamespace(shares=lambda: iter([share]), output_dir=tmp_path, trained=[])
    assert draw_heat_maps(run) == {f"p {i}": tmp_path / "heat_maps" / f"p_{i}.png" for i in range(2)}


def test_without_masks_there_are_maps_and_no_shares(models, tmp_path):
    table = explain(models, tmp_path, rows(1, mask=False))
    assert table["energy_inside"].isna().all() and table["probability"].between(0, 1).all()
    assert not (tmp_path / "explanations_summary.csv").exists() and (tmp_path / "p_0.png").is_file()


def test_models_take_normalised_images_and_another_class(models, tmp_path):
    only = {"a": models["MCL + CGC"]}
    plain = explain(only, tmp_path / "a", rows(1))
    scaled = [{**row, "image": row["image"] * 2 + 1} for row in rows(1)]
    same = explain(only, tmp_path / "b", scaled, normalize=lambda x: (x - 1) / 2)
    np.testing.assert_allclose(plain["probability"], same["probability"], rtol=1e-4)
    other = explain(only, tmp_path / "c", rows(1), target_class=2)
    assert not np.allclose(plain["probability"], other["probability"])


def test_only_the_subjects_asked_for_are_explained(models, tmp_path):
    assert set(explain(models, tmp_path, subjects=["p 1"])["subject"]) == {"p 1"}
    with pytest.raises(InputError, match="subjects: found p 9; expected some of the 2: p 0"):
        explain(models, tmp_path, subjects=["p 1", "p 9"])


@pytest.mark.parametrize(("radiological", "corner"), [(True, (-1, 0)), (False, (0, -1))])
def test_images_maps_and_masks_are_shown_as_radiologists_see_them_or_as_pictures(
    monkeypatch, tmp_path, radiological, corner
):
    """The patient's right and back is lower left for a radiologist; a picture's right and top is its upper right."""
    shown = []
    monkeypatch.setattr("common.explain.explain_models.overlay_figure", lambda panel, path: shown.append(panel))
    image, mask = torch.zeros(2, 12, 16), torch.zeros(1, 12, 16)
    image[:, -1, 0] = mask[:, -1, 0] = 1
    explain({"a": encoder(2, 0)}, tmp_path, [{"image": image, "mask": mask, "subject": "p"}], radiological=radiological)
    maps = np.load(tmp_path / "p_a.npy")
    for index, panel in enumerate(shown):
        assert panel.image.shape == (16, 12)
        assert panel.image[corner] == panel.mask[corner] == 1 == panel.image.sum() == panel.mask.sum()
        assert panel.activation[corner] == maps[index, -1, 0]


def test_the_figure_of_a_patient_has_the_map_in_colour_over_the_grey_image(tmp_path):
    image = torch.full((2, 12, 12), 0.5)
    panel = Panel("P = 0.5", image[0].numpy(), np.zeros((12, 12)))
    overlay_figure(panel, tmp_path / "none.png")
    half = np.zeros((12, 12))
    half[:, :6] = 1
    overlay_figure(panel._replace(activation=half, mask=half), tmp_path / "half.png")
    comparison_figure([[panel, panel]] * 3, ["a", "b", "c"], MODALITIES, "p", tmp_path / "all.png")
    with Image.open(tmp_path / "none.png") as none, Image.open(tmp_path / "half.png") as half:
        bare, drawn = (np.asarray(picture.convert("RGB")).astype(int) for picture in (none, half))
    assert bare.shape == drawn.shape == (430, 540, 3)
    rows, left, right = slice(120, 380), slice(60, 180), slice(260, 380)
    np.testing.assert_array_equal(bare[rows, right], drawn[rows, right])
    assert np.ptp(bare[rows, left], axis=-1).max() == 0  # grey
    assert np.ptp(drawn[rows, left], axis=-1).min() > 50  # colour
    with Image.open(tmp_path / "all.png") as picture:
        assert picture.width == 640 and picture.height == 960


def test_models_that_do_not_fit_are_reported_in_one_line(models, tmp_path):
    with pytest.raises(InputError, match="a: found modalities T1; expected T1, T2"):
        explain({"a": {"T1": encoder(1, 0)}}, tmp_path)
    with pytest.raises(InputError, match="expected names that differ in letters or digits"):
        explain({"a b": encoder(2, 0), "a_b": encoder(2, 0)}, tmp_path)
    with pytest.raises(InputError, match="models: 1 problem\n  found none"):
        explain({}, tmp_path)
    whole = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    with pytest.raises(InputError, match=r"models: a: found 1 maps; expected 2, .* give a network of one modality as"):
        explain({"a": whole}, tmp_path, target_layer="0")
