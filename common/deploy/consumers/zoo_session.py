"""The model zoo's checks one after the other, each in a process that cannot import this repository.

A separate script, started by :mod:`~common.deploy.consumers.zoo_checks`: it imports only what the archive's users have.

usage: python -P zoo_session.py FOLDER WORK SCHEMA CHECK...     prints the name of each finished check
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import monai.bundle
import nibabel as nib
import numpy as np
import torch

PACKAGE = "common"  # of the repository; an archive contains a copy under another name
SECONDS = 1800  # a check that takes longer is stuck
SIZE = 32  # voxels along each axis, before the config's own preprocessing
EACH = 3  # subjects of each class in each fold
# One short epoch on the CPU; ids that a config does not have are ignored.
BRIEF = {"device": "cpu", "amp": False, "quiet": True, "max_epochs": 1, "batch_size": 2, "num_workers": 0}
BRIEF |= {"validation_fraction": 0.5, "fold": 0, "val_interval": 1}


class NotHere:
    """Finds no module of the repository, as on a machine without it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse the repository's package, leave all others to the other finders."""
        if name.partition(".")[0] == PACKAGE:
            raise ModuleNotFoundError(f"{name}: of the repository, which the archive's users do not have", name=name)


def make_cohort(folder: Path, metadata: dict[str, Any]) -> None:
    """Write images of noise and masks of boxes, with the metadata's channels, dimensions and classes, in two folds."""
    image, pred = (metadata["network_data_format"][kind] for kind in ("inputs", "outputs"))
    channels, dimensions = image["image"]["num_channels"], len(image["image"]["spatial_shape"])
    classes = [name for name in pred["pred"]["channel_def"].values() if name != "no call"]
    rows = [
        _row(folder, f"{fold}{label}{number}", label, fold, channels, dimensions)
        for fold in range(2)
        for label in range(len(classes))
        for number in range(EACH)
    ]
    testing = [{key: row[key] for key in ("image", "mask")} | {"subject": f"t{k}"} for k, row in enumerate(rows[:2])]
    labels = {str(label): name for label, name in enumerate(classes)}
    modalities = image["image"]["channel_def"]
    content = {"labels": labels, "modality": modalities, "training": rows, "testing": testing}
    (folder / "datalist.json").write_text(json.dumps(content))


def _row(folder: Path, subject: str, label: int, fold: int, channels: int, dimensions: int) -> dict[str, Any]:
    random = np.random.default_rng(int(subject))
    names = [f"{subject}_{channel}.nii.gz" for channel in range(channels)]
    for name in names:
        _write(folder / name, random.integers(1, 200 + 50 * label, [SIZE] * dimensions).astype(np.int16))
    mask = np.zeros([SIZE] * dimensions, np.uint8)
    mask[(slice(SIZE // 4, 3 * SIZE // 4),) * dimensions] = 1
    _write(folder / f"{subject}_mask.nii.gz", mask)
    files = {"image": names if channels > 1 else names[0], "mask": f"{subject}_mask.nii.gz"}
    return {**files, "label": label, "subject": f"s{subject}", "fold": fold}


def _write(path: Path, voxels: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)


class Checks:
    """The zoo's checks of one archive.

    Args:
        folder: the unpacked archive.
        work: folder for data, outputs and logs.
        schema: schema of the metadata.
    """

    def __init__(self, folder: Path, work: Path, schema: Path) -> None:
        self.folder, self.work, self.schema = folder, work, schema
        self.configs = folder / "configs"
        self.metadata = self.configs / "metadata.json"

    def metadata_schema(self) -> None:
        """The metadata pass the schema, which is part of this package."""
        monai.bundle.verify_metadata(meta_file=str(self.metadata), filepath=str(self.schema))

    def network(self) -> None:
        """The network's input and output agree with the metadata."""
        monai.bundle.verify_net_in_out(net_id="network_def", device="cpu", **self._for_verifying())

    def export(self) -> None:
        """The weights can be exported as TorchScript, and such a file can be loaded."""
        exported = self.work / "verify_model.ts"
        weights = self.folder / "models" / "model.pt"
        arguments = {"net_id": "network_def", "filepath": str(exported), "ckpt_file": str(weights)}
        monai.bundle.ckpt_export(**arguments, **self._for_verifying())
        for path in (exported, self.folder / "models" / "model.ts"):
            if path.is_file():
                torch.jit.load(path, map_location="cpu")

    def train(self) -> None:
        """train.json has all properties and runs."""
        self._run("train", ["train"])

    def evaluate(self) -> None:
        """evaluate.json over train.json has all properties and runs."""
        self._run("train", ["train", "evaluate"], checkpoint=str(self.folder / "models" / "model.pt"))

    def inference(self) -> None:
        """inference.json has all properties and runs."""
        self._run("infer", ["inference"])

    def processes(self) -> None:
        """Training runs in several processes; torchrun starts this check in each of them."""
        self._run("train", ["train", "multi_gpu_train"])

    def _for_verifying(self) -> dict[str, str]:
        sys.path.insert(0, str(self.folder))  # as the zoo's verify_bundle.py does
        config = str(self.configs / "inference.json")
        return {"meta_file": str(self.metadata), "config_file": config, "bundle_root": str(self.folder)}

    def _run(self, kind: str, names: list[str], **more: Any) -> None:
        output = self.work / "_".join(["output", *names])
        places = {"dataset_dir": self.work / "data", "cache_dir": self.work / "cache", "output_dir": output}
        sys.path.insert(0, str(self.folder))  # as the zoo's unit tests of bundles with Python do
        workflow = monai.bundle.ConfigWorkflow(
            config_file=[str(self.configs / f"{name}.json") for name in names],
            meta_file=str(self.metadata),
            logging_file=str(self.configs / "logging.conf"),
            workflow_type=kind,
            bundle_root=str(self.folder),
            **{name: str(place) for name, place in places.items()},
            **BRIEF,
            **more,
        )
        workflow.initialize()
        if missing := workflow.check_properties():
            raise ValueError(f"missing or wrong properties: {missing}")
        workflow.run()
        workflow.finalize()
        first = os.environ.get("RANK", "0") == "0"  # the one of several processes that writes
        if first and not any(output.rglob("*.*")):
            raise ValueError("no file was written")


def run_check(checks: Checks, name: str) -> None:
    """Run one check in this process; its output and its error are written to files beside the data."""
    with open(checks.work / f"{name}.log", "w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        getattr(checks, name)()
    except BaseException as error:
        traceback.print_exc()
        (checks.work / f"{name}.error").write_text(_described(error))
        raise SystemExit(1) from None


def _as_a_program(checks: Checks, name: str) -> None:
    """Run one check, then the steps of an interpreter's exit that multiprocessing skips and joblib relies on."""
    try:
        run_check(checks, name)
    finally:
        # private, without a hint; ends joblib's pool, for whose workers the next line would wait
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def _described(error: BaseException) -> str:
    """One line about an error: the first cause, which MONAI wraps several times, and MONAI's own message."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    texts = [f"{type(cause).__name__}: {_message(cause)}" for cause in reversed(causes)]
    return " <- ".join(dict.fromkeys([texts[0], texts[-1]]))


def _message(error: BaseException) -> str:
    """Message of an exception, without torch's advice to read pickles with ``weights_only=False``."""
    if "weights_only" in str(error):
        return "the file contains more than tensors and plain values, and loading it could run code"
    return " ".join(str(error).split())[:250]


def main(folder: str, work: str, schema: str, *names: str) -> None:
    """Run the checks in forks of this process, which has imported MONAI but nothing from the archive."""
    sys.meta_path.insert(0, NotHere())
    checks = Checks(Path(folder), Path(work), Path(schema))
    if "WORLD_SIZE" in os.environ:
        return run_check(checks, *names)
    data = checks.work / "data"
    if not data.is_dir():
        data.mkdir()
        make_cohort(data, json.loads(checks.metadata.read_text()))
    for name in names:
        process = multiprocessing.get_context("fork").Process(target=_as_a_program, args=(checks, name))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            (checks.work / f"{name}.error").write_text(f"not done after {SECONDS} seconds")
        elif process.exitcode and not (checks.work / f"{name}.error").exists():
            (checks.work / f"{name}.error").write_text(f"the process ended with {process.exitcode}")
        print(name, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
