"""Values of configs as text for readers: of a component its name and arguments, no dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["component_name", "setting_text", "settings_text"]


def settings_text(settings: Mapping[str, Any]) -> str:
    """Settings by name on one line.

    Example:
        >>> settings_text({"box_size": [32, 32, 32], "scale": {"_target_": "monai.transforms.Scale", "keys": "image"}})
        'box_size [32, 32, 32], scale Scale (keys image)'
    """
    return ", ".join(f"{name} {setting_text(value)}" for name, value in settings.items())


def setting_text(value: Any) -> str:
    """A setting as text; of a component, also within a list, its name and arguments."""
    if isinstance(value, list | tuple) and _holds_components(value):
        return f"[{', '.join(map(setting_text, value))}]"
    if not isinstance(value, Mapping):
        return str(value)
    name, inner = component_name(value), settings_text({k: v for k, v in value.items() if not str(k).startswith("_")})
    return f"{name} ({inner})" if name and inner else name or inner or "nothing"


def component_name(value: Mapping[str, Any]) -> str:
    """The class of a component without its module; empty for other mappings."""
    return str(value.get("_target_", "")).rpartition(".")[2]


def _holds_components(value: Any) -> bool:
    inner = value if isinstance(value, list | tuple) else ()
    return isinstance(value, Mapping) or any(map(_holds_components, inner))
