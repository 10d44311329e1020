"""Archives of classifiers that take radiomics beside the image, measured as they predict: they run Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...bundle_configs import BundleConfigs
from ...errors import InputError
from ...files import check_folder, write_atomically
from ...programs import install_command
from ...references import evaluated, is_plain
from ...temporary import temporary_folder
from ...training_record import read_training_record
from ..verification.archive import write_archive
from ..verification.manifest import write_manifest
from .archive_configs import as_json, named_files, portable_settings, with_cache_elsewhere
from .archive_metadata import archive_metadata
from .library import copy_library
from .provenance import write_provenance
from .trained_classifier import read_json_with, recorded_settings, weights_file
from .trained_configs import counted

__all__ = ["TARGET", "needs_radiomics", "package_hybrid"]

TARGET = "hybrid"
CONFIG = "infer_hybrid"
SCALING = "scaling.json"
OF_TRAINING = ("as_trained", "log_training_subjects")  # steps that read a checkpoint's record; the config has it all
README = """# {name}

A classifier that sees the radiomics of the lesion beside the image. It measures them itself, from `image` and `mask`
of each row, and needs the packages in `configs/metadata.json`, PyRadiomics among them. From the unpacked folder:

```bash
python -m monai.bundle run evaluating --config_file configs/inference.json --dataset_dir FOLDER --output_dir results
```

`FOLDER/datalist.json` has a section `testing` of rows `{{"image": ..., "mask": ..., "subject": ...}}`;
`results/predictions.csv` has a probability of each class. Classes: {classes}.

For research only, not for clinical use.
"""


def needs_radiomics(bundle: str | Path, weights: str | Path) -> bool:
    """Whether a classifier takes radiomics beside the image, by the record of its training.

    Args:
        bundle: name or folder of the bundle.
        weights: ``model.pt`` of ``train.yaml``.
    """
    configs = BundleConfigs(bundle)
    if CONFIG not in configs.names():
        return False
    record = read_training_record(weights)
    found = {**configs.ids("train"), **(record["settings"] if record else {})}
    return bool(found.get("keep_radiomics")) or found.get("view") in ("both", "radiomics")


def package_hybrid(
    bundle: str | Path,
    output: str | Path = "dist",
    weights: str | Path | None = None,
    name: str | None = None,
    calibration: str | Path | None = None,
    *,
    metrics: str | Path | None = None,
    overlays: Sequence[str] = (),
    **settings: Any,
) -> Path:
    """Write ``<name>.zip``: weights, scale of the radiomics, config, the library that it needs, metadata, manifest.

    Args:
        bundle: name or folder of a bundle that has ``infer_hybrid.yaml``.
        output: folder for the archive.
        weights: ``model.pt`` of ``train.yaml``, with ``scaling.json`` beside it; by default those of the bundle.
        name: name of the archive; by default ``<bundle>_hybrid``.
        calibration: ``calibration.json`` of ``scripts/calibrate.py``, whose temperature is used.
        metrics: ``metrics.json`` of an evaluation on held-out subjects.
        overlays: overlays of ``train.yaml`` in the training.
        settings: ids of the configs in the training, and their values.

    Returns:
        The archive.

    Raises:
        InputError: the bundle has no such config, a file is missing or invalid, or settings contradict the weights.
    """
    configs = BundleConfigs(bundle)
    if CONFIG not in configs.names():
        raise InputError(f"{configs.root.name}: has no {CONFIG}.yaml, so no radiomics; expected another --target")
    weights = weights_file(configs.root, weights)
    if not (scaling := weights.with_name(SCALING)).is_file():
        raise InputError(f"{scaling}: no such file; expected the scale of the radiomics beside {weights.name}; copy it")
    check_folder(output)
    calibrated = read_json_with(calibration, ("temperature", "num_classes"))
    judged = read_json_with(metrics, ("results",))
    own = {key: value for key, value in settings.items() if not key.startswith("_meta_#")}
    recorded = recorded_settings(configs.root, weights, overlays, own)
    portable, files = portable_settings({**recorded, **own})
    config = _config(configs, overlays, portable, weights, (calibrated or {}).get("temperature", 1.0))
    name = name or f"{configs.root.name}_{TARGET}"
    metadata = _metadata(configs, config, weights, calibrated, judged, settings)
    Path(output).mkdir(parents=True, exist_ok=True)
    with temporary_folder(output, f".{name}.") as temporary:
        archive = temporary / name
        (copied,) = copy_library(archive, f"{name}_lib", {"inference": config}).values()
        copied = with_cache_elsewhere(copied, name)
        for place in named_files(configs.root, {"inference": copied}):
            files[place] = configs.root / place
        files |= {"models/model.pt": weights, f"models/{SCALING}": scaling, "LICENSE": configs.root / "LICENSE"}
        for place, source in files.items():
            (archive / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, archive / place)
        write_atomically(archive / "configs/inference.json", as_json(copied))
        write_atomically(archive / "configs/metadata.json", as_json(metadata))
        classes = ", ".join(metadata["network_data_format"]["outputs"]["pred"]["channel_def"].values())
        write_atomically(archive / "docs/README.md", README.format(name=name, classes=classes))
        origin, of_bundle = archive / "docs/provenance.json", metadata["version"]
        known: dict[str, Any] = {"calibration": calibrated, "metrics": judged}
        write_provenance(origin, bundle=configs.root.name, version=of_bundle, target=TARGET, weights=weights, **known)
        write_manifest(archive)
        return write_archive(archive, Path(output) / f"{name}.zip")


def _config(
    configs: BundleConfigs, overlays: Sequence[str], settings: Mapping[str, Any], weights: Path, temperature: float
) -> dict[str, Any]:
    """``train`` and ``infer_hybrid`` as one config with the settings of the training."""
    from monai.bundle import ConfigParser

    files = [*configs.files(CONFIG), *(configs.path(overlay) for overlay in overlays)]
    merged = {**ConfigParser.load_config_files(files), **settings}
    merged |= {"checkpoint": str(weights), "temperature": temperature}
    sizes = {key: size for key in counted(merged) if is_plain(size := evaluated(merged, key))}
    first = [each for each in merged["initialize"] if not any(word in str(each) for word in OF_TRAINING)]
    unused = {"pretrained_encoder": None, "pretrained_weights": None}
    return {**merged, **sizes, **unused, "checkpoint": "$@bundle_root + '/models/model.pt'", "initialize": first}


def _metadata(
    configs: BundleConfigs,
    config: Mapping[str, Any],
    weights: Path,
    calibration: Mapping[str, Any] | None,
    metrics: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """The bundle's metadata for these weights, with PyRadiomics among the packages and without "no call"."""
    size, slices = config["image_size"], config.get("lesion_slices")
    found = archive_metadata(
        json.loads((configs.folder / "metadata.json").read_text(encoding="utf-8")),
        shape=[int(slices or config["in_channels"]), *size],
        num_classes=int(config["num_classes"]),
        calibration=calibration,
        metrics=metrics,
        settings={key: value for key, value in settings.items() if key.startswith("_meta_#")},
        record=read_training_record(weights),
        other=True,
        slices=slices is not None,
    )
    pred = found["network_data_format"]["outputs"]["pred"]
    names = dict(list(pred["channel_def"].items())[:-1])
    pred |= {"num_channels": len(names), "channel_def": names}
    packages = {**found["required_packages_version"], **_radiomics()}
    return {**found, "required_packages_version": dict(sorted(packages.items()))}


def _radiomics() -> dict[str, str]:
    """PyRadiomics as it is installed here: its features are those of the training."""
    for name in ("pyradiomics", "pyradiomics-cuda"):
        try:
            return {name: version(name)}
        except PackageNotFoundError:
            continue
    raise InputError(
        f"PyRadiomics: not installed; the archive declares its version; run: {install_command('radiomics')}"
    )
