"""A segmenter of a bundle, from a DICOM study to a segmentation of it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import AsDiscrete, Compose, Invertd

from ...errors import InputError
from ...files import file_digest
from ...images.dicom_rules import DicomRule, parse_dicom_rules, read_dicom_rules
from ...images.read import read_image
from ...temporary import temporary_folder
from ..verification.scan import scan_file
from .cases import DicomCase, prepare
from .input_format import InputFormat
from .outcomes import ArchiveError
from .prediction import ModelIdentity

__all__ = ["Segmenter", "open_segmenter"]

CONFIG, WEIGHTS = "inference_segmentation.json", "models/segmenter.ts"


@dataclass
class Segmenter:
    """A segmenter, from a study to its label map.

    Attributes:
        model: identity of the model.
        labels: name of each label but the background.
        rules: rules that distinguish DICOM series, by modality.
        input: input format of preprocessing.
        preprocessing: transforms from a row of files to the network's input.
        network: network that returns logits of patches.
        inferer: inferer that runs the network over a volume.
        device: device of the network.
    """

    model: ModelIdentity
    labels: Mapping[int, str]
    rules: Mapping[str, DicomRule]
    input: InputFormat
    preprocessing: Compose
    network: torch.nn.Module
    inferer: Any
    device: torch.device

    @torch.inference_mode()
    def __call__(self, case: DicomCase) -> tuple[np.ndarray, np.ndarray]:
        """Segment a study.

        Args:
            case: study with the modality of the segmenter.

        Returns:
            The label map ``[x, y, z]`` on the grid of the series, and its affine to RAS millimetres.

        Raises:
            InputError: the study has problems, which are listed in one line.
        """
        with tempfile.TemporaryDirectory() as name:
            row = prepare(case, self.input, Path(name))
            image = read_image(row["image"] if isinstance(row["image"], str) else row["image"][0])
            shape, affine = image.voxels.shape, np.eye(4) if image.affine is None else image.affine
            data = self.preprocessing(row)
            prediction = self.inferer(data["image"][None].to(self.device), self.network)[0].cpu()
            data["pred"] = MetaTensor(prediction, meta=data["image"].meta)
            data = Invertd("pred", self.preprocessing, orig_keys="image", nearest_interp=False)(data)
            labels = AsDiscrete(argmax=True)(data["pred"])[0].numpy().astype(np.uint8)
        if labels.shape != shape:
            raise InputError(
                f"{self.model.name}: the label map has shape {labels.shape}, expected that of the image {shape}"
            )
        return labels, affine


@contextmanager
def open_segmenter(root: Path, *, rules: str | Path | None = None, device: str | None = None) -> Iterator[Segmenter]:
    """Open the segmenter of a bundle; its weights are scanned for code, and loaded from a private copy.

    Args:
        root: folder of the bundle.
        rules: file that replaces the bundle's rules.
        device: device of the network; default: that of the config.

    Raises:
        ArchiveError: the bundle has no segmenter, or its weights contain code.
    """
    metadata = json.loads((root / "configs/metadata.json").read_text())
    known = metadata.get("segmentation")
    if known is None or not (root / WEIGHTS).is_file():
        raise ArchiveError(
            f"{root.name}: found no {WEIGHTS} with metadata, expected a bundle with a segmenter (mlsscl_3d)"
        )
    with temporary_folder() as folder:
        weights = Path(shutil.copyfile(root / WEIGHTS, folder / "segmenter.ts"))
        # the config that exporting puts into the file is text that nothing reads here
        scanned = scan_file(weights, "models/model.ts")
        if problems := [line for line in scanned if f"/extra/{CONFIG}: no member" not in line]:
            raise ArchiveError.of_rows(str(root / WEIGHTS), problems)
        parser = ConfigParser()
        parser.read_config(root / "configs" / CONFIG)
        parser.update({"bundle_root": str(root), "checkpoint": str(weights)} | ({"device": device} if device else {}))
        inputs, outputs = (known["network_data_format"][kind] for kind in ("inputs", "outputs"))
        modalities = tuple(inputs["image"]["channel_def"].values())
        found = read_dicom_rules(rules) if rules else parse_dicom_rules(metadata["dicom_rules"], "dicom_rules")
        if missing := [name for name in modalities if name not in found]:
            raise ArchiveError(f"{root.name}: found no rule for {', '.join(missing)}; give a file with rules (--rules)")
        names = outputs["pred"]["channel_def"]
        yield Segmenter(
            model=ModelIdentity(known["name"], metadata["version"], file_digest(weights, "sha256")),
            labels={int(key): name for key, name in names.items() if int(key) > 0},
            rules={name: found[name] for name in modalities},
            input=InputFormat(modalities),
            preprocessing=parser.get_parsed_content("preprocessing"),
            network=parser.get_parsed_content("network").eval(),
            inferer=parser.get_parsed_content("inferer"),
            device=torch.device(parser.get_parsed_content("device")),
        )
