"""A classifier as its archive describes it: rules, preprocessing, network and inferer."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.inferers import Inferer
from monai.transforms import Compose

from ...errors import InputError, OptionError
from ...files import file_digest
from ...hints import unknown_options
from ...images.dicom_rules import MASK, DicomRule, parse_dicom_rules, read_dicom_rules
from ...option_limits import device_problem
from ...options import converted_options
from ...programs import command_of
from ...temporary import temporary_folder
from ..verification.archive import open_archive
from ..verification.manifest import MANIFEST
from ..verification.release import check_release
from ..verification.scan import scan_file, scan_folder
from .input_format import ANY_MODALITY, InputFormat, read_input_format
from .model_digest import model_digest
from .opening import brief_opening
from .outcomes import ArchiveError
from .prediction import NO_CALL, ModelIdentity, Prediction
from .preprocessing import Preprocessing

__all__ = ["Classifier", "open_classifier"]

WEIGHTS = "models/model.ts"
CALIBRATION = "models/calibration.json"  # of a bundle; an archive's network has it in it
OPERATION = ("amp", "batch_size", "num_workers", "section")  # ids without effect on a prediction
SHOWN = 5  # problems of an archive; one for another program has hundreds


@dataclass
class Classifier:
    """A classifier, from files to probabilities.

    Attributes:
        model: identity of the model.
        channels: names of the network's outputs.
        rules: rules that distinguish DICOM series, by modality, and for the mask.
        input: input format of preprocessing.
        preprocessing: transforms from a row of files to the network's input.
        network: network that returns probabilities.
        inferer: inferer that runs the network.
        device: device of the network.
        digest: hash of weights, configs and rules, on which a prediction depends besides the images.
    """

    model: ModelIdentity
    channels: tuple[str, ...]
    rules: Mapping[str, DicomRule]
    input: InputFormat
    preprocessing: Compose
    network: torch.nn.Module
    inferer: Inferer
    device: torch.device
    digest: str

    @torch.inference_mode()
    def __call__(self, image: torch.Tensor) -> Prediction:
        """Classify one image.

        Args:
            image: result of preprocessing, ``[C, ...]``.

        Raises:
            InputError: the number of outputs differs from the metadata's.
        """
        output = self.inferer(image[None].to(self.device), self.network)[0].float().cpu()
        if output.shape != (len(self.channels),):
            raise InputError(
                f"{self.model.name}: the network gives {tuple(output.shape)} numbers, expected {len(self.channels)}, "
                f"for {', '.join(self.channels)} of metadata.json; package weights and classes together "
                f"({command_of('package')})"
            )
        return Prediction.of_output(output, self.channels, self.model)


@contextmanager
def open_classifier(
    source: str | Path,
    *,
    weights: str | Path | None = None,
    rules: str | Path | None = None,
    key: str | Path | None = None,
    require: str | None = None,
    **settings: Any,
) -> Iterator[Classifier]:
    """Open the classifier of an archive, or of a bundle of a checkout; both are run by their own ``inference.json``.

    The probabilities of a bundle's own weights are calibrated as those of its archive, by ``models/calibration.json``.

    An archive, as zip or unpacked, is checked before anything of it is evaluated: each file against the manifest, the
    signature if a key is given, and all of it for code. Weights for a bundle are scanned like those of an archive, and
    loaded from a private copy, so that the scanned bytes are the ones used.

    Args:
        source: zip, its unpacked folder, or folder of a bundle.
        weights: TorchScript for a bundle, by default its ``models/model.ts``; an archive has its own.
        rules: file that replaces the archive's rules.
        key: public key with which the signature is verified.
        require: condition on name and version of the archive, see
            :func:`~common.deploy.verification.release.check_release`.
        settings: ids of ``inference.json`` and their values; for an archive only the device.

    Raises:
        ArchiveError: the archive was changed, contains code or is another release; the bundle lacks weights, or the
            weights contain code or were trained with other settings.
        OptionError: a setting is no id.
        InputError: this machine lacks the device.
    """
    if expected := device_problem(device := settings.get("device")):
        raise InputError(f"device: found {device!r}; expected {expected}; correct it")
    with ExitStack() as stack:
        try:
            opened = _opened_source(Path(source), weights, rules, key, require, settings)
            classifier = stack.enter_context(opened)
        except OptionError:
            raise
        except InputError as error:
            raise ArchiveError(str(error)) from error
        yield classifier


@contextmanager
def _opened_source(
    source: Path,
    weights: str | Path | None,
    rules: str | Path | None,
    key: str | Path | None,
    require: str | None,
    settings: Mapping[str, Any],
) -> Iterator[Classifier]:
    is_bundle = (source / "configs").is_dir() and not (source / MANIFEST).is_file()
    if is_bundle:
        with _copied_weights(source, weights, key, require, settings) as copy:
            calibration = source / CALIBRATION if weights is None else None  # that of the bundle's own weights
            yield _opened(source, copy, rules, settings, calibration)
        return
    if weights is not None or settings.keys() - {"device"}:
        names = ", ".join([*(["weights"] if weights is not None else []), *(settings.keys() - {"device"})])
        raise InputError(
            f"{names}: given with an archive, which is used as it was packaged; package it with them, as "
            f"options of {command_of('package')}"
        )
    with open_archive(source, key) as root:
        if require is not None:
            check_release(root, require)
        _check_no_code(source, scan_folder(root))
        yield _opened(root, root / WEIGHTS, rules, settings)


@contextmanager
def _copied_weights(
    root: Path, weights: str | Path | None, key: str | Path | None, require: str | None, settings: Mapping[str, Any]
) -> Iterator[Path]:
    """A private copy of the weights for a bundle, scanned for code."""
    weights = root / WEIGHTS if weights is None else Path(weights)
    if not weights.is_file():
        raise InputError(
            f"{root.name}: found no file {weights}, expected TorchScript of a classifier; set --weights model.ts"
        )
    if key is not None or require is not None:
        raise InputError(
            f"{root.name}: a bundle of this checkout has no signature and no release; give an archive, or neither "
            "--key nor --require"
        )
    if fixed := sorted(settings.keys() & {"bundle_root", "checkpoint"}):
        raise InputError(f"{', '.join(fixed)}: follows from the bundle and its weights; set --weights instead")
    with temporary_folder() as folder:
        copy = Path(shutil.copyfile(weights, folder / "model.ts"))
        _check_no_code(weights, scan_file(copy, WEIGHTS))
        if differing := sorted(_differences(root, copy, settings)):
            raise InputError(
                f"{weights}: trained with other {', '.join(differing)} than inference.json and metadata.json of "
                f"{root.name} have; set these ids, or package the weights: {command_of('package')} {root.name} "
                "--target inference --weights model.pt"
            )
        yield copy


def _differences(root: Path, weights: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """Settings and names that an exported TorchScript has with other values than the bundle; it need not have any."""
    own = {}
    with zipfile.ZipFile(weights) as file:
        for name in file.namelist():
            if name.split("/")[1:] in (["extra", "inference.json"], ["extra", "metadata.json"]):
                try:
                    own[Path(name).stem] = json.loads(file.read(name))
                    if not isinstance(own[Path(name).stem], dict):
                        raise ValueError("no object")
                except ValueError as error:
                    raise InputError(
                        f"{weights.name}: {name}: {error}; expected JSON; export the weights again"
                    ) from None
    typed = {name.split("#")[0] for name in settings}
    config = json.loads((root / "configs/inference.json").read_text())
    for key, value in own.get("inference", {}).items():
        is_fixed = not any(mark in str([value, config.get(key)]) for mark in "$@%")
        if key in config and is_fixed and key not in (*typed, *OPERATION) and value != config[key]:
            yield key
    found, ours = ([*_names_in(data)] for data in (own.get("metadata", {}), _read_metadata(root)))
    for place, names, expected in zip(("channels", "classes"), found, ours, strict=False):
        if names not in ([], [ANY_MODALITY], expected):
            yield place


def _read_metadata(root: Path) -> Any:
    return json.loads((root / "configs/metadata.json").read_text())


def _names_in(metadata: Mapping[str, Any]) -> Iterator[list[str]]:
    """Names of the input's channels and of the classes, without "no call"."""
    for kind, tensor in (("inputs", "image"), ("outputs", "pred")):
        form: Any = metadata
        for key in ("network_data_format", kind, tensor, "channel_def"):
            form = form.get(key) if isinstance(form, Mapping) else None
        yield [str(name) for name in form.values() if name != NO_CALL] if isinstance(form, Mapping) else []


def _check_no_code(source: str | Path, problems: Sequence[str]) -> None:
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        expected = f"expected --target inference of {command_of('package')}"
        heading = f"{source}: not used, as it holds what could be code ({expected})"
        raise InputError("\n  ".join([heading, *problems[:SHOWN], *more]))


def _opened(
    root: Path, weights: Path, rules: str | Path | None, settings: Mapping[str, Any], calibration: Path | None = None
) -> Classifier:
    with brief_opening(root.name, "classifier"):
        classifier = _read(root, weights, rules, settings)
        return _with_calibration(classifier, calibration) if calibration and calibration.is_file() else classifier


def _read(root: Path, weights: Path, rules: str | Path | None, settings: Mapping[str, Any]) -> Classifier:
    parser = ConfigParser()
    parser.read_meta(root / "configs/metadata.json")
    parser.read_config(root / "configs/inference.json")
    if unknown := unknown_options(settings, parser.config.keys(), f"{root.name}'s inference.json"):
        raise OptionError.of_rows("options", unknown)
    parser.update({"bundle_root": str(root), "checkpoint": str(weights.absolute()), **settings})
    if settings.keys() - {"device"}:  # of a bundle, whose configs have the types of their values
        parser.update(converted_options(parser.get(), root / "configs"))
    metadata = _read_metadata(root)
    if rules is None and "dicom_rules" not in metadata:
        raise InputError(f"{root.name}: metadata.json has no dicom_rules; give a file with rules (--rules)")
    in_channels = parser.get_parsed_content("in_channels") if "in_channels" in parser else 0  # reported below
    known, modalities = _rules_of(metadata, rules, in_channels)
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    model = ModelIdentity(metadata["name"], metadata["version"], file_digest(weights, "sha256"))
    preprocessing = Preprocessing(parser.get_parsed_content("preprocessing"))
    return Classifier(
        model=model,
        channels=tuple(channels[key] for key in sorted(channels, key=int)),
        rules=known,
        input=read_input_format(parser, preprocessing, modalities),
        preprocessing=preprocessing,
        network=parser.get_parsed_content("network").eval(),
        inferer=parser.get_parsed_content("inferer"),
        device=torch.device(parser.get_parsed_content("device")),
        digest=model_digest(root, model, known, settings),
    )


def _with_calibration(classifier: Classifier, path: Path) -> Classifier:
    """A classifier of plain probabilities with those of a ``calibration.json``, and with "no call"."""
    from .calibrated_network import CalibratedNetwork

    found = json.loads(path.read_text(encoding="utf-8"))
    values = {name: float(found[name]) for name in ("temperature", "threshold")}
    return replace(
        classifier,
        network=CalibratedNetwork(classifier.network, **values).eval(),
        channels=(*classifier.channels, NO_CALL),
        digest=hashlib.sha256(repr([classifier.digest, values]).encode()).hexdigest(),
    )


def _rules_of(
    metadata: Mapping[str, Any], given: str | Path | None, channels: int
) -> tuple[dict[str, DicomRule], list[str]]:
    """Rules for the network's channels and the mask, and the names of its modalities.

    The names are those of the channels, so that no image takes the place of another. A modality may be without a rule:
    then DICOM is refused, and other files are found by their names.

    Args:
        metadata: metadata of the archive, which may have rules for other cohorts too.
        given: file of rules in place of the metadata's.
        channels: number of channels of the network.
    """
    form = metadata["network_data_format"]["inputs"]["image"]
    described = [form["channel_def"][key] for key in sorted(form["channel_def"], key=int)]
    names = list(dict.fromkeys(described))  # slices have one name
    own = parse_dicom_rules(metadata["dicom_rules"], "dicom_rules") if metadata.get("dicom_rules") else {}
    rules = own if given is None else read_dicom_rules(given)
    others = [name for name in rules if name != MASK]
    alike = {name.casefold(): rule for name, rule in rules.items()}
    lacking = [name for name in names if name.casefold() not in alike]
    slices = len(others) == 1 and len(form["spatial_shape"]) == 2 and not set(names) <= own.keys()
    unnamed = len(names) == len(others) == 1 and (given is None or names == [ANY_MODALITY])  # one rule was packaged
    of_settings = len(described) != channels  # of a bundle
    if lacking and (slices or unnamed or of_settings):
        return rules, others
    if lacking and given is not None:
        raise InputError(
            f"{given}: found rules of {', '.join(others)}; expected {', '.join(names)}, the modalities of the network; "
            "name the rules so"
        )
    chosen = [name for name in [*names, MASK] if name.casefold() in alike]
    return {name: alike[name.casefold()] for name in chosen}, names
