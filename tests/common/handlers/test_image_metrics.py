from __future__ import annotations

from functools import partial

import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import AsDiscreted, Compose

from common.errors import InputError
from common.evaluation import lesion_metrics
from common.handlers import ImageMetrics
from tests.two_processes import run_two_processes


class TwoClasses(torch.nn.Module):
    def forward(self, image):
        return torch.cat([0.5 - image, image - 0.5], dim=1)


def rows():
    """Three images: two visits of one subject, both perfect, and one of another, whose lesion is missed."""
    found = []
    for index, (subject, hit) in enumerate([("a", True), ("a", True), ("b", False)]):
        label = torch.zeros(1, 4, 4, 4)
        label[0, 1, 1, 1] = 1
        image = label.clone() if hit else torch.zeros_like(label)
        found.append({"image": image, "label": label, "subject": subject, "index": index, "fold": 0})
    return found


def evaluator(handler, postprocessing=None, data=None):
    engine = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(data or rows()), batch_size=2),
        network=TwoClasses(),
        postprocessing=Compose([AsDiscreted(keys="pred", argmax=True)]) if postprocessing is None else postprocessing,
        val_handlers=[handler],
        decollate=True,
    )
    return engine


def test_means_are_over_subjects_and_each_image_has_a_row(tmp_path):
    engine = evaluator(ImageMetrics(lesion_metrics, tmp_path / "new" / "lesions.csv", prefix="val_"))
    engine.run()
    assert engine.state.metrics["val_dsc"] == 0.5  # of 1, 1 and 0 it would be 0.667 over images
    assert engine.state.metrics["val_ltpr"] == 0.5
    table = pd.read_csv(tmp_path / "new" / "lesions.csv")
    assert list(table["dsc"]) == [1, 1, 0] and list(table["subject"]) == ["a", "a", "b"]
    assert list(table.columns) == ["subject", "fold", "dsc", "ppv", "ltpr", "lfpr"]


def test_a_second_run_starts_anew_and_an_image_dealt_out_twice_counts_once(tmp_path):
    handler = ImageMetrics(lesion_metrics, tmp_path / "lesions.csv")
    engine = evaluator(handler, data=[*rows(), rows()[0]])
    engine.run()
    engine.run()
    assert len(pd.read_csv(tmp_path / "lesions.csv")) == 3


def test_a_config_names_the_metric_and_its_connectivity():
    content = {
        "_target_": "common.handlers.ImageMetrics",
        "function": {"_target_": "common.evaluation.lesion_metrics", "_mode_": "callable", "connectivity": 3},
    }
    handler = ConfigParser({"handler": content}).get_parsed_content("handler")
    mask = torch.zeros(3, 3, 3)
    mask[0, 0, 0] = mask[1, 1, 1] = 1
    other = torch.zeros(3, 3, 3)
    other[0, 0, 0] = 1
    assert handler.function(other, mask)["ltpr"] == 1 != partial(lesion_metrics, connectivity=2)(other, mask)["ltpr"]


def test_a_prediction_of_several_channels_is_reported():
    engine = evaluator(ImageMetrics(lesion_metrics), postprocessing=Compose([]))
    with pytest.raises(InputError, match="pred: found 2 channels, expected one of labels"):
        engine.run()


def test_metrics_that_no_image_has_are_left_out():
    engine = evaluator(ImageMetrics(lambda prediction, truth: {"here": 1.0, "nowhere": float("nan")}))
    engine.run()
    assert engine.state.metrics["here"] == 1 and "nowhere" not in engine.state.metrics


def measure_share(rank: int, folder: str) -> None:
    """One of two processes: three images dealt out evenly, so that one of them is in both shares."""
    share = [rows()[index] for index in ((0, 2), (1, 0))[rank]]
    engine = evaluator(ImageMetrics(lesion_metrics, f"{folder}/lesions.csv"), data=share)
    engine.run()
    torch.save(engine.state.metrics["dsc"], f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_two_processes_report_what_one_reports_of_all_images(tmp_path):
    run_two_processes(measure_share, tmp_path)
    assert [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)] == [0.5, 0.5]
    assert list(pd.read_csv(tmp_path / "lesions.csv")["dsc"]) == [1, 1, 0]
