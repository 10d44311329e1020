"""Archives of an exported segmenter, which the ``monaibundle`` app of MONAI Label 0.8.5 serves as segmentation."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...bundle_configs import BundleConfigs
from ...errors import InputError
from ...exported_inference import metadata_of_weights
from ...files import file_digest, write_atomically
from ...images.dicom_rules import series_rules
from ...references import closure
from ...temporary import temporary_folder
from ..packaging.archive_configs import as_json
from ..packaging.model_card import render_template
from ..packaging.provenance import write_provenance
from ..packaging.sbom import write_sbom
from ..packaging.versions import with_packages
from ..verification.archive import write_archive
from ..verification.manifest import write_manifest
from ..verification.scan import scan_folder
from ..verification.signature import read_private_key, sign

__all__ = ["TARGET", "package_segmenter", "segmenter_config"]

#: Value of ``scripts/package.py --target``.
TARGET = "monailabel_segmentation"
_CONFIG = "inference_segmentation"  # of bundles with a segmenter
_PART = "segmentation"  # of the metadata of such bundles, and in the archive's name, by which the app knows the task
_OTHER_TASKS = ("deepedit", "deepgrow", "detection")  # checked first by the app
_IDS = ("bundle_root", "device", "network_def", "preprocessing", "postprocessing", "inferer")  # read by the app
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip supports
_KEPT = ("Invertd", "AsDiscreted")  # the app saves the result itself


def package_segmenter(
    bundle: str | Path,
    output: str | Path = "dist",
    weights: str | Path | None = None,
    name: str | None = None,
    key: str | Path | None = None,
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write the archive of a segmenter: its TorchScript, and the config with which MONAI Label serves it.

    Args:
        bundle: name or folder of a bundle with ``inference_segmentation.json``.
        output: folder for the archive.
        weights: TorchScript that ``run exporting`` wrote, with its config and metadata in it; by default
            ``models/segmenter.ts`` of the bundle.
        name: name of the archive; by default ``<bundle>_segmentation``.
        key: private Ed25519 key (PEM) that signs the archive.
        entries: entries of the metadata that replace those in the weights, such as the scores of a study.

    Returns:
        Path of the zip.

    Raises:
        InputError: the bundle has no segmenter; the weights are missing, contain code or no config; MONAI Label would
            take the name for another task.
    """
    folder = BundleConfigs(bundle).root
    own = folder / "models/segmenter.ts"
    weights = own if weights is None else Path(weights)
    name = _checked(name or f"{folder.name}_{_PART}")
    if not (folder / f"configs/{_CONFIG}.json").is_file():
        raise InputError(f"{folder.name}: no configs/{_CONFIG}.json; expected a bundle with a segmenter: mlsscl_3d")
    if not weights.is_file():
        raise InputError(f"{weights}: no such file; expected TorchScript of run exporting; name it with --weights")
    if key is not None:
        read_private_key(key)
    Path(output).mkdir(parents=True, exist_ok=True)
    with temporary_folder(output, f".{name}.") as temporary:
        archive = temporary / name
        config, metadata = _embedded(weights)
        if own.is_file() and file_digest(weights) == file_digest(own):
            metadata = _own_metadata(folder)
        elif "dicom_rules" in metadata:
            names = metadata["network_data_format"]["inputs"]["image"]["channel_def"].values()
            metadata["dicom_rules"] = series_rules(metadata["dicom_rules"], [*names])
        metadata = {**metadata, **(entries or {})}
        contents = {"inference": segmenter_config(config), "metadata": with_packages(metadata, ("nibabel",))}
        _write_model(weights, archive / "models/model.ts", contents)
        _write_documents(archive, folder, weights, contents)
        if problems := scan_folder(archive):
            raise InputError.of_rows(f"{weights}: not packaged, as receivers would refuse it", problems)
        write_manifest(archive)
        if key is not None:
            sign(archive, key)
        return write_archive(archive, Path(output) / f"{name}.zip")


def segmenter_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """``inference.json`` of a segmenter for the app, which reads one image of a request and saves the label map itself.

    The app's own way back to the image's grid (``Restored``) resizes without turning, so the inversion of preprocessing
    is kept: the result has the image's grid before the app sees it.

    Args:
        config: content of ``inference_segmentation.json``, set as the weights were trained.
    """
    switched_off = {"$@spacing is None": config["spacing"] is None}
    switched_off["$str(@crop_foreground).lower() == 'false'"] = not config["crop_foreground"]
    preparation = [
        {key: value for key, value in part.items() if key != "_disabled_"} if isinstance(part, Mapping) else part
        for part in config["preprocessing"]["transforms"]
        if not (isinstance(part, Mapping) and switched_off.get(part.get("_disabled_", ""), False))
        and not (isinstance(part, Mapping) and part["_target_"] == "SelectItemsd")  # the app needs the other entries
    ]
    result = [part for part in config["postprocessing"]["transforms"] if part["_target_"] in _KEPT]
    changed = {
        **config,
        "bundle_root": ".",
        "checkpoint": "$@bundle_root + '/models/model.ts'",
        "preprocessing": {"_target_": "Compose", "transforms": preparation},
        "postprocessing": {"_target_": "Compose", "transforms": result},
    }
    return {key: changed[key] for key in closure(changed, _IDS)}


def _checked(name: str) -> str:
    others = [task for task in _OTHER_TASKS if task in name.lower()]
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or _PART not in name.lower() or others:
        raise InputError(
            f"{name}: no name of a segmenter's archive; expected letters, digits and _, with {_PART} and no other "
            "task; give another --name"
        )
    return name


def _embedded(weights: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Config and metadata in an exported TorchScript."""
    if not zipfile.is_zipfile(weights):
        raise InputError(f"{weights}: no TorchScript; expected what run exporting wrote; name it with --weights")
    with zipfile.ZipFile(weights) as file:
        found = {Path(name).stem: name for name in file.namelist() if name.split("/")[1:2] == ["extra"]}
        if missing := [name for name in (_CONFIG, "metadata") if name not in found]:
            raise InputError(
                f"{weights}: no {', '.join(missing)} in it; expected TorchScript of run exporting with "
                "train_segmentation.yaml and evaluate_segmentation.yaml; export it again"
            )
        config, metadata = (json.loads(file.read(found[name])) for name in (_CONFIG, "metadata"))
    return config, metadata


def _own_metadata(bundle: Path) -> dict[str, Any]:
    metadata = json.loads((bundle / "configs/metadata.json").read_text(encoding="utf-8"))
    return metadata_of_weights({**metadata, **metadata[_PART]}, other=False)


def _write_model(weights: Path, path: Path, contents: Mapping[str, Any]) -> None:
    """Copy TorchScript, with the config and metadata of the archive in place of its own."""
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(weights) as source, zipfile.ZipFile(path, "w") as target:
        members = {entry.filename: source.read(entry) for entry in source.infolist()}
        top = next(iter(members)).partition("/")[0]
        kept = {name: content for name, content in members.items() if name.split("/")[1:2] != ["extra"]}
        own = {f"{top}/extra/{name}.json": as_json(content).encode() for name, content in contents.items()}
        for name, content in {**kept, **own}.items():
            target.writestr(zipfile.ZipInfo(name, _FIRST_DATE), content)


def _write_documents(archive: Path, bundle: Path, weights: Path, contents: Mapping[str, Any]) -> None:
    metadata, docs = contents["metadata"], archive / "docs"
    for name, content in contents.items():
        write_atomically(archive / f"configs/{name}.json", as_json(content))
    docs.mkdir()
    for name in ("LICENSE", "docs/data_license.txt"):
        shutil.copyfile(bundle / name, archive / name)
    hashes = {"models/model.ts": file_digest(archive / "models/model.ts", "sha256")}
    tags = ["Segmentation", "3D", *metadata["network_data_format"]["outputs"]["pred"]["channel_def"].values()]
    text = render_template(
        "segmenter_readme.md.j2", metadata, None, hashes, name=archive.name, target=TARGET, tags=tags
    )
    write_atomically(docs / "README.md", text)
    write_sbom(docs / "sbom.cdx.json")
    write_provenance(
        docs / "provenance.json", bundle=bundle.name, version=metadata["version"], target=TARGET, weights=weights
    )
