"""Archive and trial of a segmenter: TorchScript with its inference config, as MONAI's own command runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..deploy.packaging.archive_configs import as_json
from ..deploy.packaging.provenance import write_provenance
from ..deploy.verification.archive import open_archive, write_archive
from ..deploy.verification.manifest import write_manifest
from ..errors import InputError
from ..files import write_atomically
from ..images.read import read_image
from ..temporary import temporary_folder
from .final_training import FinalTraining

__all__ = ["export_segmenter", "try_segmenter"]

INFERENCE, TORCHSCRIPT = "inference_segmentation", "segmenter.ts"


def export_segmenter(final: Path, training: FinalTraining, metrics: Path) -> Path:
    """Write ``<bundle>_segmentation.zip``: TorchScript, ``configs/inference.json``, metadata, provenance, manifest.

    Args:
        final: folder with ``model.pt``.
        training: training whose settings the weights have.
        metrics: ``metrics.json`` of the row's held-out subjects, for the metadata.

    Returns:
        The archive.
    """
    bundle = training.configs.root.name
    training.export(final / "model.pt", final / TORCHSCRIPT)
    with temporary_folder(final, f".{bundle}.") as temporary:
        folder = temporary / f"{bundle}_segmentation"
        for name in ("configs", "models"):
            (folder / name).mkdir(parents=True)
        shutil.copyfile(final / f"{INFERENCE}.json", folder / "configs" / "inference.json")
        shutil.copyfile(final / TORCHSCRIPT, folder / "models" / TORCHSCRIPT)
        metadata = _metadata(final / TORCHSCRIPT, metrics)
        write_atomically(folder / "configs" / "metadata.json", as_json(metadata))
        shutil.copyfile(training.configs.root / "LICENSE", folder / "LICENSE")
        origin, version = folder / "docs" / "provenance.json", metadata["version"]
        write_provenance(origin, bundle=bundle, version=version, target="study", weights=final / "model.pt")
        write_manifest(folder)
        archive = write_archive(folder, final / f"{folder.name}.zip")
    with open_archive(archive):  # compares it with its manifest
        return archive


def _metadata(torchscript: Path, metrics: Path) -> dict[str, Any]:
    """The metadata within the TorchScript, with the scores and the task of the study in place of the bundle's."""
    from monai.data import load_net_with_metadata

    _, found, _ = load_net_with_metadata(str(torchscript))
    summary = json.loads(metrics.read_text(encoding="utf-8"))
    (result,) = summary["results"]
    scores = {name: round(entry["value"], 4) for name, entry in result["metrics"].items() if entry["value"] is not None}
    labels = list(found["network_data_format"]["outputs"]["pred"]["channel_def"].values())[1:]
    study = {
        "name": f"Segmenter of {', '.join(labels)}",
        "task": f"Segmentation of {', '.join(labels)} by a 3D U-Net: {result['set']}",
        "eval_metrics": {"held_out_subjects": summary["subjects"], **scores},
        "training": "On all labelled subjects of a study; the scores are those of its held-out folds or test set.",
    }
    return {**found, **study}


def try_segmenter(archive: Path, cases: Sequence[Mapping[str, Any]], folder: Path, device: str) -> list[dict[str, Any]]:
    """Segment cases by ``inference.json`` of the archive, and compare with their label maps.

    Args:
        archive: archive of :func:`export_segmenter`.
        cases: rows with ``image``, ``label`` and ``subject``.
        folder: folder of the datalist and the results.
        device: device of the network.

    Returns:
        ``subject`` and ``dice`` of each case: of all labels above 0 together.

    Raises:
        InputError: a case has no result.
    """
    from monai.bundle import ConfigWorkflow

    testing = [{"image": row["image"], "subject": str(row["subject"])} for row in cases]
    source = write_atomically(folder / "datalist.json", json.dumps({"testing": testing}, indent=1))
    with open_archive(archive) as unpacked:
        options = {"bundle_root": str(unpacked), "datalist": str(source), "dataset_dir": str(folder)}
        workflow = ConfigWorkflow(
            str(unpacked / "configs" / "inference.json"),
            meta_file=str(unpacked / "configs" / "metadata.json"),
            workflow_type="infer",
            **{**options, "output_dir": str(folder), "device": device},
        )
        workflow.initialize()
        workflow.run()
        workflow.finalize()
    return list(_scores(cases, folder))


def _scores(cases: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[dict[str, Any]]:
    for row in cases:
        path = folder / f"{Path(str(row['subject'])).name}_lesions.nii.gz"  # as inference_segmentation.yaml names it
        if not path.is_file():
            raise InputError(f"{path}: no segmentation of {row['subject']}; expected one; see logs/finish.log")
        predicted, truth = (read_image(each, is_mask=True).voxels > 0 for each in (path, row["label"]))
        both = float(np.logical_and(predicted, truth).sum())
        yield {
            "subject": str(row["subject"]),
            "dice": round(2 * both / max(float(predicted.sum() + truth.sum()), 1.0), 4),
        }
