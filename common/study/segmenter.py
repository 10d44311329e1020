"""Archive and trial of a segmenter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..deploy.consumers.monai_label_segmentation import package_segmenter
from ..deploy.verification.archive import open_archive
from ..errors import InputError
from ..files import write_atomically
from ..images.read import read_image
from .final_training import FinalTraining

__all__ = ["TORCHSCRIPT", "export_segmenter", "try_segmenter"]

CONFIG, TORCHSCRIPT = "inference_segmentation.json", "segmenter.ts"  # that its export writes


def export_segmenter(final: Path, training: FinalTraining, metrics: Path) -> Path:
    """Write ``<bundle>_segmentation.zip``, which ``segment.py``, ``serve.py`` and MONAI Label take.

    Args:
        final: folder with ``model.pt``.
        training: training whose settings the weights have.
        metrics: ``metrics.json`` of the row's held-out subjects, for the metadata.

    Returns:
        The archive.
    """
    training.export(final / "model.pt", final / TORCHSCRIPT)
    entries = _entries(final / TORCHSCRIPT, metrics)
    return package_segmenter(training.configs.root, final, final / TORCHSCRIPT, entries=entries)


def _entries(torchscript: Path, metrics: Path) -> dict[str, Any]:
    """Entries of the metadata that the study knows: name, task, scores."""
    from monai.data import load_net_with_metadata

    _, found, _ = load_net_with_metadata(str(torchscript))
    summary = json.loads(metrics.read_text(encoding="utf-8"))
    (result,) = summary["results"]
    scores = {name: round(entry["value"], 4) for name, entry in result["metrics"].items() if entry["value"] is not None}
    labels = ", ".join(list(found["network_data_format"]["outputs"]["pred"]["channel_def"].values())[1:])
    return {
        "name": f"Segmenter of {labels}",
        "task": f"Segmentation of {labels} by a 3D U-Net: {result['set']}",
        "eval_metrics": {"held_out_subjects": summary["subjects"], **scores},
        "training": "On all labelled subjects of a study; the scores are those of its held-out folds or test set.",
    }


def try_segmenter(archive: Path, cases: Sequence[Mapping[str, Any]], folder: Path, device: str) -> list[dict[str, Any]]:
    """Segment cases by the weights of the archive and the config of their export, and compare with their label maps.

    Args:
        archive: archive of :func:`export_segmenter`, beside which the config is.
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
        options = {"checkpoint": str(unpacked / "models/model.ts"), "datalist": str(source), "dataset_dir": str(folder)}
        workflow = ConfigWorkflow(
            str(archive.with_name(CONFIG)),
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
