"""Masks of a test set, named as the server of a challenge expects them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import replacing
from ...temporary import temporary_folder

__all__ = ["write_submission"]

ENDING = "_lesions.nii.gz"  # of inference_segmentation.json


def write_submission(model: Path, dataset_dir: Path, datalist: Path, output_dir: Path, team: str) -> list[str]:
    """Segment a datalist's section "testing" with an exported network.

    Args:
        model: folder with ``segmenter.ts`` and the ``inference_segmentation.json`` that its export wrote.
        dataset_dir: folder of the images.
        datalist: datalist with the section.
        output_dir: folder for ``<subject>_<session>_<team>.nii``, binary masks on the grid of the images, as ISBI 2015
            names them (Carass et al. 2017).
        team: name of the team.

    Returns:
        Names of the files.

    Raises:
        InputError: no mask was made.
    """
    import nibabel
    import numpy as np
    from monai.bundle import ConfigWorkflow

    output_dir.mkdir(parents=True, exist_ok=True)
    names = []
    with temporary_folder() as folder:
        paths = {"dataset_dir": str(dataset_dir), "datalist": str(datalist), "output_dir": str(folder)}
        config, weights = str(model / "inference_segmentation.json"), str(model / "segmenter.ts")
        workflow = ConfigWorkflow(config, workflow_type="infer", logging_file=False, checkpoint=weights, **paths)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        for path in sorted(folder.glob(f"*{ENDING}")):
            mask: Any = nibabel.load(path)
            lesions = (np.asarray(mask.dataobj) > 0).astype(np.uint8)
            names.append(f"{path.name.removesuffix(ENDING)}_{team}.nii")
            with replacing(output_dir / names[-1]) as temporary:
                nibabel.save(nibabel.Nifti1Image(lesions, mask.affine), temporary)
    if not names:
        raise InputError(f"{datalist}: no image of the section testing was segmented")
    return names
