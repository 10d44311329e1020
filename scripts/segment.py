"""Segment a folder of DICOM studies: a DICOM segmentation of each, and the volumes of its structures."""

from __future__ import annotations

from pathlib import Path

from common import bundle_root
from common.command_line import run_commands
from common.files import check_folder
from common.locks import locked


def segment(
    archive: str,
    folder: str,
    output: str,
    rules: str | None = None,
    key: str | None = None,
    require: str | None = None,
    device: str | None = None,
) -> None:
    """Segment every study and write segmentation.dcm and result.json.

    Run the same command again to continue: studies with unchanged images and model are not segmented again.

    The exit code is 0 if all studies were segmented, 3 if the folder holds none, 4 if a study could not be used, 5 if
    the archive was refused or has no segmenter.

    Args:
        archive: zip file from scripts/package.py (--target monailabel_segmentation), its folder, or name or folder of a
            bundle of this checkout with a segmenter, such as mlsscl_3d.
        folder: folder of DICOM studies at any depth.
        output: folder for the results.
        rules: YAML or JSON with the rules that distinguish the DICOM series; default: those of the archive.
        key: public Ed25519 key (PEM) of the signature that the archive must have.
        require: name of the bundle and condition on its version that the archive must fulfil, such as
            "mlsscl_3d>=0.2.0".
        device: device of the network, such as cpu; default: CUDA if there is a GPU.
    """
    from common.deploy.prediction.quick_start import import_monai

    import_monai()
    from common.deploy.prediction.outcomes import FailedStudiesError
    from common.deploy.prediction.segment import segment_studies
    from common.deploy.prediction.segmenter import open_segmenter

    source = Path(archive) if Path(archive).exists() else Path(bundle_root(archive))
    check_folder(output)
    with locked(output), open_segmenter(source, rules=rules, key=key, require=require, device=device) as segmenter:
        written, failed = segment_studies(segmenter, Path(folder), Path(output))
    for path in written:
        print(f"segmentation: {path}")
    if failed:
        raise FailedStudiesError.of_rows(folder, [f"{name}: {reason}" for name, reason in failed.items()])


if __name__ == "__main__":
    run_commands(segment)
