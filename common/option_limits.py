"""Values of options that no run can use, and arguments that no component has; found before anything is read."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from functools import cache
from pydoc import locate
from typing import TYPE_CHECKING, Any

from .hints import did_you_mean

if TYPE_CHECKING:
    from monai.bundle import ComponentLocator

__all__ = ["device_problem", "limit_problem", "unknown_arguments"]

_SIZES = ("box_size", "image_size", "clip_size", "roi_size")
_COUNTS = (
    *("batch_size", "max_epochs", "num_clusters", "candidates_per_cluster", "num_slices", "patches_per_volume"),
    *("save_interval", "val_interval", "long_stride", "short_stride", "lesion_slices", "num_keys", "in_channels"),
    *("num_classes", "channels", "hidden_features", "head_features", "in_features", "out_features", "num_radiomics"),
    *("negatives", "depth", "groups", "radiomics_workers", "resamples", *_SIZES),
)
_INDICES = ("fold", "target_class", "target_layer", "slice_index", "crop_margin")
_SEEDS = ("seed", "seeds", "label_seed", "shuffle_seed")
_FROM_ZERO = (
    *("learning_rate", "encoder_rate", "lr", "num_workers", "weight_decay"),
    *("warmup_epochs", "warmup_steps", "probing_epochs"),
    *("alpha", "beta", "redundancy_weight"),  # weights of terms of a loss
)
_POSITIVE = ("temperature", "spacing", "c_grid", "widen_factor", "std")
_SHARES = (
    *("flip_prob", "prob", "dropout", "dropout_prob", "radiomics_dropout", "drop_connect_rate", "cache_rate"),
    *("affine_prob", "momentum", "average_share"),
)
_BELOW_ONE = ("bank_momentum", "overlap")  # at 1 a bank never changes, and windows never move
_PORTIONS = ("label_fraction", "label_fractions", "lesion_share", "max_correlation", "milestones", "layer_decay")
_INFINITY = float("inf")
_LARGEST_BELOW_ONE = math.nextafter(1.0, 0.0)
#: For each id the smallest and the largest value, whether the smallest one is allowed, and how a message says so.
_LIMITS: dict[str, tuple[float, float, bool, str]] = {
    **dict.fromkeys(_COUNTS, (1, _INFINITY, True, "whole numbers from 1")),
    **dict.fromkeys(_INDICES, (0, _INFINITY, True, "whole numbers from 0")),
    **dict.fromkeys(_SEEDS, (0, 2**32 - 1, True, "whole numbers from 0 to 4294967295")),
    **dict.fromkeys(_FROM_ZERO, (0, _INFINITY, True, "0 or more")),
    **dict.fromkeys(_POSITIVE, (0, _INFINITY, False, "more than 0")),
    **dict.fromkeys(_SHARES, (0, 1, True, "a number from 0 to 1")),
    **dict.fromkeys(_BELOW_ONE, (0, _LARGEST_BELOW_ONE, True, "a number from 0 to below 1")),
    **dict.fromkeys(_PORTIONS, (0, 1, False, "more than 0, at most 1")),
    "validation_fraction": (0, 0.5, True, "a number from 0 to 0.5"),  # one of two parts at most
    "max_weight": (1, _INFINITY, True, "a number from 1"),
    "slice_axis": (0, 2, True, "0, 1 or 2"),
}
_NAMES = {"class_weight": ("balanced",)}  # of those that are null otherwise
_LABELS = ("mask_label", "organ_label")
_LISTS = (*_SIZES, "channels", "spacing", "c_grid", "seeds", "label_fractions")  # that need an entry


def limit_problem(name: str, value: Any) -> str | None:
    """What was expected of a value, or of those of a list, that no run can use; ``None`` if it is usable.

    Args:
        name: id of the option.
        value: its value; null, references and values of ids without limits are not checked.

    Example:
        >>> limit_problem("batch_size", 0)
        'whole numbers from 1'
    """
    values = value if isinstance(value, list | tuple) else [value]
    numbers = [item for item in values if isinstance(item, int | float) and not isinstance(item, bool)]
    if name in _NAMES:
        words = [item for item in values if isinstance(item, str) and not item.startswith(("$", "@", "%"))]
        return f"{' or '.join(_NAMES[name])} or null" if set(words) - set(_NAMES[name]) else None
    if name in _LABELS:
        return "a label other than 0, the background" if 0 in numbers else None
    if name not in _LIMITS:
        return None
    low, high, included, expected = _LIMITS[name]
    right = all((low <= item if included else low < item) and item <= high and item < _INFINITY for item in numbers)
    return None if right and (values or name not in _LISTS) else expected


def device_problem(value: Any) -> str | None:
    """What was expected of a device that torch does not know or this machine lacks; ``None`` if it can be used.

    Args:
        value: value of the id ``device``: text, a device or nothing.
    """
    expected = "cpu, or cuda:0 and so on"
    if value is None or (isinstance(value, str) and (value == "cpu" or value.startswith(("$", "@", "%")))):
        return None
    import torch  # here, as scripts that import this package need not wait for torch

    if not isinstance(value, str | torch.device):
        return expected
    try:
        device = torch.device(value)
    except RuntimeError:
        return expected
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        return f"cpu, or one of the {torch.cuda.device_count()} CUDA devices that torch finds here"
    return None


def unknown_arguments(place: str, value: Any, known: Any = None) -> Iterator[str]:
    """A line for each argument that a component's class or function does not have.

    Args:
        place: id of the value.
        value: component, or a list or mapping with components in it.
        known: the same place in a config of the bundle, whose arguments are not looked up.
    """
    if isinstance(value, list):
        for number, item in enumerate(value):
            other = known[number] if isinstance(known, list) and number < len(known) else None
            yield from unknown_arguments(f"{place}#{number}", item, other)
        return
    if not isinstance(value, Mapping):
        return
    known = known if isinstance(known, Mapping) and known.get("_target_") == value.get("_target_") else {}
    new = [key for key in value if key not in known and not str(key).startswith("_")]
    names = _arguments(value["_target_"]) if new and isinstance(value.get("_target_"), str) else None
    for key in new:
        if names is None or key in names:
            continue
        hint = did_you_mean(str(key), names, f"it has {', '.join(names) or 'none'}")
        yield f"{place}#{key}: {value['_target_']} has no such argument; {hint}"
    for key, item in value.items():
        yield from unknown_arguments(f"{place}#{key}", item, known.get(key))


def _arguments(target: str) -> list[str] | None:
    """Names of a component's arguments; ``None`` if it takes any, or cannot be found."""
    try:
        path = target if "." in target else f"{_locator().get_component_module_name(target)}.{target}"
        found: Any = locate(path)
        parameters = inspect.signature(found).parameters.values()
    except Exception:  # a component that is wrong itself is reported where it is used
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]


@cache
def _locator() -> ComponentLocator:
    """MONAI's components by name; a new locator goes through all of its modules again."""
    from monai.bundle import ComponentLocator  # see device_problem

    return ComponentLocator()
