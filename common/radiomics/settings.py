"""Settings of the extraction: PyRadiomics parameters, checked once, and limits beyond which lesions are refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError, one_line
from ..programs import install_command
from .compiled import pyradiomics_folder
from .filters import FILTERS
from .names import FEATURES

__all__ = ["RadiomicsSettings", "available"]

logger = logging.getLogger(__name__)

#: ``RadiomicsFeatureExtractor._getDefaultSettings``, whose module imports SimpleITK.
DEFAULTS: Mapping[str, Any] = {
    "minimumROIDimensions": 2,
    "minimumROISize": None,
    "normalize": False,
    "normalizeScale": 1,
    "removeOutliers": None,
    "resampledPixelSpacing": None,
    "interpolator": "sitkBSpline",
    "preCrop": False,
    "padDistance": 5,
    "distances": [1],
    "force2D": False,
    "force2Ddimension": 0,
    "resegmentRange": None,
}


def available() -> bool:
    """Whether PyRadiomics is installed; without it there are only learnt features."""
    return pyradiomics_folder() is not None


@dataclass(frozen=True)
class RadiomicsSettings:
    """Complete PyRadiomics parameters, including defaults, and additional limits; created by :meth:`load`.

    Args:
        setting: section ``setting`` of the parameters, e.g. ``binWidth`` and ``resampledPixelSpacing``.
        image_types: section ``imageType``: ``Original`` and filters.
        feature_classes: section ``featureClass``: an empty list of names means all features of the class.
        mask_label: label of the mask to measure; ``None``: all labels above 0 together.
        min_voxels: minimum number of voxels of a lesion; PyRadiomics accepts 4 voxels without a warning. The default,
            a cube of 3 voxels, is ours.
        max_levels: maximum number of grey levels after discretisation; time grows with their cube. The default is ours.
    """

    setting: Mapping[str, Any]
    image_types: Mapping[str, Any]
    feature_classes: Mapping[str, Any]
    mask_label: int | None = None
    min_voxels: int = 27
    max_levels: int = 512

    @classmethod
    def load(
        cls,
        parameters: str | Path | Mapping[str, Any] | RadiomicsSettings | None = None,
        *,
        mask_label: int | None = None,
        **limits: int,
    ) -> RadiomicsSettings:
        """Check parameters with the schema of PyRadiomics and add its defaults.

        Args:
            parameters: a PyRadiomics parameter file (YAML), its content, or ``None`` for the defaults of PyRadiomics:
                the original image, ``binWidth`` 25, all classes except ``shape2D``, which are the 107 features of the
                paper.
            mask_label: label of the mask to measure; by default ``label`` of the parameters, or else all labels above
                0 together.
            limits: ``min_voxels`` and ``max_levels``.

        Returns:
            The complete settings.

        Raises:
            InputError: PyRadiomics is not installed, or the parameters are invalid or have entries without effect.
        """
        if isinstance(parameters, RadiomicsSettings):
            changes: dict[str, Any] = {**limits} if mask_label is None else {"mask_label": mask_label, **limits}
            return replace(parameters, **changes)
        if not available():
            raise InputError(
                f"PyRadiomics is not installed: traditional features need it; run: {install_command('radiomics')}"
            )
        source = "radiomics settings" if parameters is None or isinstance(parameters, Mapping) else str(parameters)
        content = _read_parameters(parameters, source)
        if content:
            _check_by_schema(content, source)
        _refuse_ignored(content, source)
        # PyRadiomics gets a binary mask, and its provenance would hash all voxels again.
        setting = {**DEFAULTS, **content.get("setting", {}), "label": 1, "additionalInfo": False}
        classes = content.get("featureClass") or {name: [] for name in FEATURES if content or name != "shape2D"}
        if setting.get("preCrop"):
            logger.warning(
                "%s: preCrop changes the values of filters (up to threefold) and is not needed for speed", source
            )
        types = content.get("imageType") or {"Original": {}}
        for name in [name for name in types if name not in FILTERS]:
            logger.warning("%s: %s is left to PyRadiomics on the whole image, which is slow", source, name)
        if mask_label is None:
            mask_label = content.get("setting", {}).get("label")
        return cls(setting, types, classes, mask_label, **limits)

    @property
    def prepares_image(self) -> bool:
        """Whether PyRadiomics normalises, resamples or crops the image before filtering."""
        return bool(self.setting.get("normalize") or self.resamples_both or self.setting.get("preCrop"))

    @property
    def resamples_both(self) -> bool:
        """Whether PyRadiomics resamples image and mask to ``resampledPixelSpacing``."""
        return all(self.setting.get(name) is not None for name in ("resampledPixelSpacing", "interpolator"))

    @property
    def resamples(self) -> bool:
        """Whether PyRadiomics resamples image and mask, each from its own grid, or ``correctMask`` the mask."""
        return self.resamples_both or bool(self.setting.get("correctMask"))

    @property
    def sees_lesion_only(self) -> bool:
        """Whether features depend only on the voxels of the lesion: no filters, no preparation."""
        return list(self.image_types) == ["Original"] and not self.prepares_image

    def for_dimension(self, dimension: int) -> RadiomicsSettings:
        """These settings for images with ``dimension`` axes: in 2D with ``shape2D`` instead of ``shape``.

        By default PyRadiomics disables ``shape2D``, so that 2D images would have no shape features; with ``force2D``
        it would filter along one of the two axes only.
        """
        if dimension == 3:
            return self
        classes = {"shape2D" if name == "shape" else name: wanted for name, wanted in self.feature_classes.items()}
        if "shape" in self.feature_classes:
            classes["shape2D"] = self.feature_classes.get("shape2D") or []
        spacing = self.setting.get("resampledPixelSpacing")
        setting = {**self.setting, "force2D": False, "resampledPixelSpacing": spacing and list(spacing)[:2]}
        return replace(self, setting=setting, feature_classes=classes)

    def extractor(self):
        """A PyRadiomics extractor with exactly these parameters."""
        from radiomics.featureextractor import RadiomicsFeatureExtractor

        logging.getLogger("radiomics").setLevel(logging.CRITICAL)  # each new worker process would log
        extractor = RadiomicsFeatureExtractor()
        extractor.settings = dict(self.setting)
        extractor.enabledImagetypes = dict(self.image_types)
        extractor.enabledFeatures = dict(self.feature_classes)
        return extractor


def _read_parameters(parameters: str | Path | Mapping[str, Any] | None, source: str) -> dict[str, Any]:
    if parameters is None or isinstance(parameters, Mapping):
        return dict(parameters or {})
    try:
        content = yaml.safe_load(Path(parameters).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{source}: {error.strerror}; expected a PyRadiomics parameter file (YAML)") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: not YAML ({one_line(error)}); correct the file") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{source}: found {type(content).__name__}; expected setting, imageType, featureClass")
    return dict(content)


def _check_by_schema(content: Mapping[str, Any], source: str) -> None:
    """Check parameters as PyRadiomics does, by its schema, without its extractor, which imports SimpleITK."""
    from pykwalify.core import Core

    from . import parameter_checks

    # PyRadiomics and pykwalify also log errors of the file, which the one line below contains.
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    logging.getLogger("pykwalify.core").setLevel(logging.CRITICAL)
    if empty := [name for name, value in content.items() if value is None]:
        raise InputError(f"{source}: {empty[0]} is empty; expected entries; add them, or remove it")
    schema = str((pyradiomics_folder() or Path()) / "schemas" / "paramSchema.yaml")
    try:
        check = Core(source_data=dict(content), schema_files=[schema])
        check.loaded_extensions = [parameter_checks]
        check.validate()
    except Exception as error:
        reason = one_line(getattr(error, "msg", error))
        raise InputError(f"{source}: {reason}; expected PyRadiomics parameters; correct the named entry") from error


def _refuse_ignored(content: Mapping[str, Any], source: str) -> None:
    """Refuse valid entries that would change nothing: a mask is one channel and one region, measured as a whole."""
    setting, types = content.get("setting", {}), content.get("imageType", {})
    problems = []
    if "voxelSetting" in content:
        problems.append("voxelSetting is of maps by voxel, which are not extracted; remove it")
    if setting.get("label_channel"):
        problems.append("label_channel: expected 0; save that channel of the masks as files")
    if "LoG" in types and not {**setting, **types["LoG"]}.get("sigma"):
        problems.append("imageType LoG has no sigma, and so no feature; add sigma: [1.0, 3.0], or remove LoG")
    for name, custom in types.items():
        if chosen := sorted({"label", "label_channel"} & set(custom)):
            problems.append(f"imageType {name}: {chosen[0]} holds for all image types; write it under setting")
    if problems:
        raise InputError(f"{source}: {'; '.join(problems)}")
