"""A segmenter of an archive or a bundle, from a DICOM study to a segmentation of it."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
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
from ...option_limits import device_problem
from ...programs import command_of
from ...temporary import temporary_folder
from ..verification.archive import open_archive
from ..verification.manifest import MANIFEST
from ..verification.release import check_release
from ..verification.scan import scan_file, scan_folder
from .cases import DicomCase, prepare
from .input_format import InputFormat
from .model_digest import model_digest
from .opening import brief_opening
from .outcomes import ArchiveError
from .prediction import ModelIdentity

__all__ = ["Segmenter", "is_segmenter", "open_segmenter"]

METADATA = "configs/metadata.json"
LARGEST = 16 << 20  # bytes of metadata that are read of an unchecked archive
CONFIG, WEIGHTS = "inference_segmentation.json", "models/segmenter.ts"  # of a bundle


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
        digest: hash of weights, configs and rules, on which a segmentation depends besides the images.
    """

    model: ModelIdentity
    labels: Mapping[int, str]
    rules: Mapping[str, DicomRule]
    input: InputFormat
    preprocessing: Compose
    network: torch.nn.Module
    inferer: Any
    device: torch.device
    digest: str

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


def is_segmenter(source: Path) -> bool:
    """Whether an archive says that it holds a segmenter; nothing of it is checked yet, and little of it is read.

    Args:
        source: zip or its folder.
    """
    try:
        if source.is_dir():
            with (source / METADATA).open("rb") as file:
                content = file.read(LARGEST)
        else:
            with zipfile.ZipFile(source) as archive:
                (name,) = [name for name in archive.namelist() if name.partition("/")[2] == METADATA]
                with archive.open(name) as file:
                    content = file.read(LARGEST)
        return bool(_output(json.loads(content))["format"] == "segmentation")
    except Exception:  # of damaged files, of any type; opening it gives the reason
        return False


def _output(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    return metadata["network_data_format"]["outputs"]["pred"]


@contextmanager
def open_segmenter(
    source: Path,
    *,
    rules: str | Path | None = None,
    key: str | Path | None = None,
    require: str | None = None,
    device: str | None = None,
) -> Iterator[Segmenter]:
    """Open the segmenter of an archive or of a bundle; it is scanned for code, and loaded from a private copy.

    An archive is checked before anything of it is evaluated, as that of a classifier is, see
    :func:`~common.deploy.prediction.classifier.open_classifier`.

    Args:
        source: zip of ``scripts/package.py --target monailabel_segmentation``, its folder, or folder of a bundle.
        rules: file that replaces the rules of the archive or bundle.
        key: public key with which the signature of an archive is verified.
        require: condition on name and version of the archive.
        device: device of the network; default: that of the config.

    Raises:
        ArchiveError: there is no segmenter in it, or it holds code; the archive was changed or is another release.
    """
    if expected := device_problem(device):
        raise InputError(f"device: found {device!r}; expected {expected}; correct it")
    is_bundle = (source / "configs").is_dir() and not (source / MANIFEST).is_file()
    opened = _of_bundle(source, rules, device) if is_bundle else _of_archive(source, rules, key, require, device)
    with ExitStack() as stack:
        try:
            if is_bundle and (key is not None or require is not None):
                raise InputError(f"{source.name}: a bundle has no signature and no release; give an archive")
            segmenter = stack.enter_context(opened)
        except ArchiveError:
            raise
        except InputError as error:
            raise ArchiveError(str(error)) from error
        yield segmenter


@contextmanager
def _of_archive(
    source: Path, rules: str | Path | None, key: str | Path | None, require: str | None, device: str | None
) -> Iterator[Segmenter]:
    with open_archive(source, key) as root:
        if require is not None:
            check_release(root, require)
        if problems := scan_folder(root):
            raise ArchiveError.of_rows(f"{source}: not used, as it holds what could be code", problems)
        if not is_segmenter(root):
            raise ArchiveError(
                f"{source}: found no segmenter, expected an archive of {command_of('package')} --target "
                f"monailabel_segmentation; use {command_of('predict')} for a classifier"
            )
        with brief_opening(root.name, "segmenter"):
            metadata = _read_metadata(root)
            segmenter = _read(root, metadata, metadata, root / "models/model.ts", "inference.json", rules, device)
        yield segmenter


@contextmanager
def _of_bundle(root: Path, rules: str | Path | None, device: str | None) -> Iterator[Segmenter]:
    with brief_opening(root.name, "segmenter"):
        metadata = _read_metadata(root)
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
        with brief_opening(root.name, "segmenter"):
            segmenter = _read(root, metadata, known, weights, CONFIG, rules, device)
        yield segmenter


def _read_metadata(root: Path) -> Any:
    return json.loads((root / METADATA).read_text())


def _read(
    root: Path,
    metadata: Mapping[str, Any],
    known: Mapping[str, Any],
    weights: Path,
    config: str,
    rules: str | Path | None,
    device: str | None,
) -> Segmenter:
    """The segmenter that a part of the metadata describes."""
    parser = ConfigParser()
    parser.read_config(root / "configs" / config)
    parser.update({"bundle_root": str(root), "checkpoint": str(weights)} | ({"device": device} if device else {}))
    modalities = tuple(known["network_data_format"]["inputs"]["image"]["channel_def"].values())
    found = read_dicom_rules(rules) if rules else parse_dicom_rules(metadata["dicom_rules"], "dicom_rules")
    if missing := [name for name in modalities if name not in found]:
        raise ArchiveError(f"{root.name}: found no rule for {', '.join(missing)}; give a file with rules (--rules)")
    model = ModelIdentity(known["name"], metadata["version"], file_digest(weights, "sha256"))
    chosen = {name: found[name] for name in modalities}
    return Segmenter(
        model=model,
        labels={int(key): name for key, name in _output(known)["channel_def"].items() if int(key) > 0},
        rules=chosen,
        input=InputFormat(modalities),
        preprocessing=parser.get_parsed_content("preprocessing"),
        network=parser.get_parsed_content("network" if "network" in parser else "network_def").eval(),
        inferer=parser.get_parsed_content("inferer"),
        device=torch.device(parser.get_parsed_content("device")),
        digest=model_digest(root, model, chosen, {}, config),
    )
