"""Heat maps of a comparison's fine-tuned networks for some of the images that they had not seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigWorkflow
from monai.data import list_data_collate
from torch import nn

from ....bundle_configs import BundleConfigs
from ....errors import InputError
from ....explain.heat_picture import heat_picture
from ....explain.occlusion import occlusion_map, upright
from ....idle_time import idle_seconds, moment
from ....images.pictures import PICTURE_SUFFIXES
from ....temporary import temporary_folder
from ....training_record import read_training_record

__all__ = ["heat_maps"]


class _Prepared(nn.Module):
    """A network with its further inputs, such as radiomics, called as an evaluator does."""

    def __init__(self, network: nn.Module, inferer: Any, further: tuple[torch.Tensor, ...]) -> None:
        super().__init__()
        self.network, self.inferer, self.further = network, inferer, further

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probabilities ``[B, K]``."""
        further = [value.expand(len(image), *value.shape[1:]) for value in self.further]
        return self.inferer(image, self.network, *further)


def heat_maps(
    checkpoint: Path, datalist: Path, wanted: Mapping[int, int], *, side: int = 256, seconds: float = 60.0
) -> Iterator[tuple[int, np.ndarray]]:
    """Pictures of the occlusion sensitivity of the predicted class.

    Args:
        checkpoint: weights of a classifier with the record of its training, see
            :func:`~common.training_record.read_training_record`.
        datalist: datalist of the cohort.
        wanted: class to explain for rows of the held-out fold, by their index in the datalist.
        side: longest side of the pictures in pixels.
        seconds: time after which no further map is begun, of an idle machine, so that other load changes no page.

    Yields:
        Index of a row and its picture, ``[rows, columns, 3]`` bytes.

    Raises:
        InputError: the checkpoint has no record, or the bundle's ``evaluate.yaml`` refuses it or the datalist.
    """
    record = read_training_record(checkpoint)
    if record is None:
        raise InputError(f"{checkpoint}: no record of its training, as of an earlier version; train it again")
    start, threads = moment(), torch.get_num_threads()
    with temporary_folder() as folder:
        parser = _evaluation(record, checkpoint, datalist, folder)
        dataset, evaluator = (parser.get_parsed_content(name) for name in ("dataset", "evaluator"))
        for index in _places(dataset.data, wanted):
            if idle_seconds(start, moment(), threads) > seconds:
                return
            row = dataset[index]
            place = int(dataset.data[index]["row"])
            yield place, _picture(row, dataset, evaluator, wanted[place], _is_picture(dataset.data[index]), side)


def _evaluation(record: Mapping[str, Any], checkpoint: Path, datalist: Path, folder: Path) -> Any:
    """The parser of the bundle's ``evaluate.yaml`` for a checkpoint."""
    configs = BundleConfigs(record["bundle"])
    files = configs.files("evaluate")
    known = {**configs.ids("train"), **configs.ids("evaluate")}
    options: dict[str, Any] = {"quiet": True, "cache_rate": 0.0, "num_workers": 0}
    if (cache := datalist.parent / "cache").is_dir():  # of a study, which has checked all files
        options["cache_dir"] = str(cache)
    if "amp" in record.get("options", {}):  # as the comparison has evaluated the network
        options["amp"] = record["options"]["amp"]
    workflow = ConfigWorkflow(
        config_file=files,
        logging_file=False,
        workflow_type="infer",
        checkpoint=str(checkpoint),
        dataset_dir=str(datalist.parent),
        datalist=str(datalist),
        output_dir=str(folder),
        **{name: value for name, value in options.items() if name in known},
    )
    workflow.initialize()
    return workflow.parser


def _places(rows: Any, wanted: Collection[int]) -> Iterator[int]:
    return (index for index, row in enumerate(rows) if row.get("row") in wanted)


def _picture(row: Any, dataset: Any, evaluator: Any, label: int, picture: bool, side: int) -> np.ndarray:
    batch = evaluator.prepare_batch(list_data_collate([row]), evaluator.state.device, False)
    inputs, further = batch[0], batch[2] if len(batch) == 4 else ()
    network = _Prepared(evaluator.network, evaluator.inferer, tuple(further)).eval()
    heat = occlusion_map(network, inputs[0].float(), label)
    image = upright(np.asarray(row["image"], dtype=np.float32), dataset.transform)
    return heat_picture(image, upright(heat[None], dataset.transform)[0], side=side, radiological=not picture)


def _is_picture(row: Mapping[str, Any]) -> bool:
    image = row["image"]
    name = next((str(path) for path in image if path), "") if isinstance(image, list) else str(image)
    return name.lower().endswith(PICTURE_SUFFIXES)
