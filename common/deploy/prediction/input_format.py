"""Input format of an archive's ``inference.json``, read from its own transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.transforms import Compose

from ...datalist_json import indexed_names, read_datalist
from ...errors import InputError
from ...programs import command_of

__all__ = ["ANY_MODALITY", "InputFormat", "Labels", "read_input_format"]

Labels = int | Sequence[int] | None
#: Name of a column or file that says nothing of the modality.
ANY_MODALITY = "image"


@dataclass(frozen=True)
class InputFormat:
    """Image that preprocessing expects.

    Attributes:
        modalities: names of the files that form one image, in the order of its channels.
        channels: names of the network's channels in training; a datalist may have these or the names of the rules.
        spatial_dims: number of spatial dimensions of the network's input, 2 or 3; with 2, slices of volumes are taken.
        num_slices: number of slices of a volume's region, which become channels of one image; with ``None``, the slice
            with the largest mask area is taken.
        mask: "required", "optional" (used to choose the slice), or "ignored".
        mask_label: mask values of the region; ``None`` for all above 0.
        slice_axis: slice axis of volumes in RAS orientation.
        apply_mask: whether to set voxels outside the organ to 0.
        organ_label: mask values of the organ; ``None`` for all above 0.
        pictures: whether the network was trained on pictures alone, so that volumes are refused.
        missing: "zeros" if files may lack a modality, which becomes zeros as in training; else "refuse".
    """

    modalities: tuple[str, ...]
    spatial_dims: int = 3
    num_slices: int | None = None
    mask: str = "ignored"
    mask_label: Labels = None
    slice_axis: int = 2
    apply_mask: bool = False
    organ_label: Labels = None
    pictures: bool = False
    missing: str = "refuse"
    channels: tuple[str, ...] = ()

    def check_modalities(self, datalist: Path) -> None:
        """Refuse a datalist that names other modalities than these, or these in another order; case does not matter.

        Args:
            datalist: datalist to predict; one without ``modality`` passes.

        Raises:
            InputError: they differ.
        """
        names = indexed_names(datalist, read_datalist(datalist), "modality")
        found = [str(names[str(index)]) for index in range(len(names))]
        given, *known = ([name.casefold() for name in each] for each in (found, self.channels, self.modalities))
        if found and given not in known and [ANY_MODALITY] not in (given, *known):
            expected = self.channels or self.modalities
            order = " in this order," if len(expected) > 1 else ""
            raise InputError(
                f"{datalist}: modality: found {', '.join(map(_shown, found))}; expected "
                f"{', '.join(expected)},{order} as the archive takes; take an archive of these modalities, or correct "
                "the names where they are wrong"
            )


def read_input_format(parser: ConfigParser, preprocessing: Compose, modalities: Sequence[str]) -> InputFormat:
    """Read the input format of a configuration.

    Slices of volumes are chosen by ids that training has too: ``lesion_slices``, ``slice_axis``, ``mask_label``,
    ``apply_mask`` and ``organ_label``; if ``inference.json`` lacks one, the default of :class:`InputFormat` is used.

    Args:
        parser: parser of ``inference.json`` and the metadata.
        preprocessing: transforms built by the parser.
        modalities: names of the rules, without the mask's.

    Raises:
        InputError: the number of rules differs from the network's number of modalities, or the config belongs to an
            archive for another program.
    """
    if "in_channels" not in parser:
        raise InputError(
            "inference.json: found no in_channels, expected the config of a bundle; package it with "
            f"{command_of('package')} --target inference"
        )
    form = parser["_meta_"]["network_data_format"]["inputs"]["image"]
    shape, names = form["spatial_shape"], form["channel_def"]
    spatial_dims, num_slices = len(shape), _value(parser, "lesion_slices", None)
    in_channels, modalities = parser.get_parsed_content("in_channels"), list(dict.fromkeys(modalities))
    if num_slices is not None and len(modalities) != 1:
        raise InputError(
            f"rules: found {len(modalities)} ({', '.join(modalities)}), expected one, for the volume whose slices are "
            "the network's channels; give it in a file (--rules)"
        )
    if len(modalities) == 1 and spatial_dims == 2 and in_channels > 1:
        num_slices = in_channels
    elif num_slices is None and len(modalities) != in_channels:
        raise InputError(
            f"rules: found {len(modalities)} ({', '.join(modalities)}), expected one for each of the network's "
            f"{in_channels} channels; give them in a file (--rules)"
        )
    uses, needs = _uses_of_mask(preprocessing.transforms)
    return InputFormat(
        modalities=tuple(modalities),
        channels=tuple(dict.fromkeys(names[key] for key in sorted(names, key=int))),  # slices have one name
        spatial_dims=spatial_dims,
        num_slices=num_slices,
        mask="required" if needs or num_slices is not None else "optional" if uses or spatial_dims == 2 else "ignored",
        mask_label=_value(parser, "mask_label", None),
        slice_axis=_value(parser, "slice_axis", 2),
        # Preprocessing that uses the mask applies it too, except for chosen slices, for which it has only one mask.
        apply_mask=(not uses or num_slices is not None) and str(_value(parser, "apply_mask", False)).lower() == "true",
        organ_label=_value(parser, "organ_label", None),
        pictures=spatial_dims == 2 and num_slices is None and "slice_axis" not in parser,
        missing=_value(parser, "missing", "refuse"),
    )


def _shown(name: str) -> str:
    """A name for messages, in quotes where something of it would not be seen."""
    return name if name and name == name.strip() and name.isprintable() else ascii(name)


def _value(parser: ConfigParser, name: str, default: Any) -> Any:
    return parser.get_parsed_content(name) if name in parser else default


def _uses_of_mask(transforms: Sequence[Any]) -> tuple[bool, bool]:
    """Whether any transform uses the mask, and whether any fails without it."""
    keyed = [t for t in transforms if "mask" in getattr(t, "keys", ())]
    guided = [t for t in transforms if "mask" in (getattr(t, "source_key", None), getattr(t, "mask_key", None))]
    return bool(keyed or guided), bool(guided) or not all(t.allow_missing_keys for t in keyed)
