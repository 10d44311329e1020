"""Classify a folder of DICOM studies, NIfTI files or pictures: tables of probabilities, and DICOM reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common import bundle_root
from common.command_line import run_commands
from common.files import check_folder
from common.locks import locked

SHOWN = 300  # characters of the name of a study


def predict(
    archive: str,
    folder: str,
    output: str,
    weights: str | None = None,
    rules: str | None = None,
    key: str | None = None,
    require: str | None = None,
    heat_map: bool = False,
    num_workers: int = 2,
    **settings: Any,
) -> None:
    """Predict every study and write results.json, results.csv and, for DICOM, a Structured Report per study.

    Studies that cannot be used are reported at the end; the results of the others are written. Run the same command
    again to continue: studies with unchanged images and model are not predicted again.

    The exit code is 0 if all studies were predicted, 3 if the folder holds none, 4 if a study could not be used, 5 if
    the archive was refused, 2 for a wrong command line, and 1 for another problem.

    Further options set ids of inference.json: --device cpu, and for a bundle those of the training, such as
    --image_size "[64,64]".

    Args:
        archive: zip file from scripts/package.py (--target inference), its folder, or name of a bundle of this
            checkout.
        folder: folder of DICOM studies at any depth, folder with a subfolder of volumes (NIfTI, NRRD, MetaImage or
            MINC) for each case, folder of pictures (a.png with its mask a_mask.png), or JSON of a datalist.
        output: folder for the results.
        weights: TorchScript for a bundle of this checkout, by default its models/model.ts; an archive contains its own.
        rules: YAML or JSON with the rules that distinguish the DICOM series; default: those of the archive.
        key: public Ed25519 key (PEM) of the signature that the archive must have.
        require: name of the bundle and condition on its version that the archive must fulfil, such as
            "siam3d_imbalance>=0.2.0".
        heat_map: whether to write a DICOM Secondary Capture with a heat map of the regions that the prediction depends
            on; it takes many passes of the network.
        num_workers: number of processes that read studies in parallel to the network.
        **settings: ids of inference.json and their values.
    """
    from common.deploy.prediction.quick_start import import_monai

    import_monai()
    from common.deploy.prediction.classifier import open_classifier
    from common.deploy.prediction.outcomes import ArchiveError, FailedStudiesError
    from common.deploy.prediction.predict import find_cases, predict_cases

    source = Path(archive) if Path(archive).exists() else Path(bundle_root(archive))
    if not source.exists():
        raise ArchiveError(f"{archive}: found no such file, folder or bundle, expected an archive; correct it")
    place = Path(output)
    check_folder(place)
    with (
        locked(place),
        open_classifier(source, weights=weights, rules=rules, key=key, require=require, **settings) as classifier,
    ):
        cases, unreadable = find_cases(Path(folder), classifier, skip=place.resolve())
        batch = predict_cases(classifier, cases, place, failed=unreadable, heat_map=heat_map, num_workers=num_workers)
    done = f"{len(batch.results)} predicted" + (f", {batch.skipped} of them before" if batch.skipped else "")
    print(f"{done}, {len(batch.failed)} failed\nresults: {batch.files[0]}\ntable: {batch.files[1]}")
    if batch.failed:
        lines = [f"{' '.join(name.split())[:SHOWN]}: {reason}" for name, reason in batch.failed.items()]
        raise FailedStudiesError.of_rows(str(Path(folder)), lines)


if __name__ == "__main__":
    run_commands(predict)
