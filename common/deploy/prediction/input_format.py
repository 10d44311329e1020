"""What an archive's ``inference.json`` takes, read from its own transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monai.bundle import ConfigParser
from monai.transforms import Compose

from ...errors import InputError

__all__ = ["InputFormat", "Labels", "read_input_format"]

Labels = int | Sequence[int] | None


@dataclass(frozen=True)
class InputFormat:
    """The image that preprocessing starts from.

    Attributes:
        modalities: names of the files that make one image, in the order of its channels.
        spatial_dims: 2 or 3; of volumes for a network of slices, one slice is taken, or several.
        num_slices: of a volume's region, as channels of one image; 1 takes the slice with most of the mask.
        mask: "required", "optional" (it chooses the slice), or "ignored".
        mask_label: values of the mask that are the region; ``None`` for all above 0.
        slice_axis: of volumes turned to RAS.
        apply_mask: what lies outside the organ becomes 0.
        organ_label: values of the mask that are the organ; ``None`` for all above 0.
    """

    modalities: tuple[str, ...]
    spatial_dims: int = 3
    num_slices: int = 1
    mask: str = "ignored"
    mask_label: Labels = None
    slice_axis: int = 2
    apply_mask: bool = False
    organ_label: Labels = None


def read_input_format(parser: ConfigParser, preprocessing: Compose, modalities: Sequence[str]) -> InputFormat:
    """What a configuration takes.

    How volumes become slices stands in ids that training has too: ``slice_axis``, ``mask_label``, ``apply_mask`` and
    ``organ_label``; where ``inference.json`` has none of that name, the default of :class:`InputFormat` holds.

    Args:
        parser: with ``inference.json`` and the metadata.
        preprocessing: as the parser built it.
        modalities: names of the rules, without the mask's.

    Raises:
        InputError: the rules are of more or fewer modalities than the network takes, or the config is of an archive
            that was made for another program.
    """
    if "in_channels" not in parser:
        raise InputError(
            "inference.json: found no in_channels, expected the config of a bundle; package it with scripts/package.py "
            "--target inference"
        )
    shape = parser["_meta_"]["network_data_format"]["inputs"]["image"]["spatial_shape"]
    spatial_dims, num_slices = len(shape), 1
    in_channels = parser.get_parsed_content("in_channels")
    if len(modalities) == 1 and spatial_dims == 2:
        num_slices = in_channels
    elif len(modalities) != in_channels:
        raise InputError(
            f"rules: found {len(modalities)} ({', '.join(modalities)}), expected one for each of the network's "
            f"{in_channels} channels; give them in a file (--rules)"
        )
    looks_at, needs = _uses_of_mask(preprocessing.transforms)
    return InputFormat(
        modalities=tuple(modalities),
        spatial_dims=spatial_dims,
        num_slices=num_slices,
        mask="required" if needs else "optional" if looks_at or spatial_dims == 2 else "ignored",
        mask_label=_value(parser, "mask_label", None),
        slice_axis=_value(parser, "slice_axis", 2),
        # Where preprocessing itself looks at the mask, it masks too; but it knows but one mask for several slices.
        apply_mask=(not looks_at or num_slices > 1) and str(_value(parser, "apply_mask", False)).lower() == "true",
        organ_label=_value(parser, "organ_label", None),
    )


def _value(parser: ConfigParser, name: str, default: Any) -> Any:
    return parser.get_parsed_content(name) if name in parser else default


def _uses_of_mask(transforms: Sequence[Any]) -> tuple[bool, bool]:
    """Whether any transform looks at the mask, and whether any fails without it."""
    keyed = [t for t in transforms if "mask" in getattr(t, "keys", ())]
    guided = [t for t in transforms if "mask" in (getattr(t, "source_key", None), getattr(t, "mask_key", None))]
    return bool(keyed or guided), bool(guided) or not all(t.allow_missing_keys for t in keyed)
