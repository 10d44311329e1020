"""Modalities by name."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError

__all__ = ["selected_modalities"]


def selected_modalities(modalities: Sequence[str], modality: str | None) -> list[int]:
    """Indices of the modalities that a run uses: of the named one, or of all.

    Args:
        modalities: names in the order of the datalist's ``image``.
        modality: one of them, or ``None`` for all.

    Raises:
        InputError: when there is none of that name.
    """
    if modality is None:
        return list(range(len(modalities)))
    if modality not in modalities:
        raise InputError(f"modality: {modality!r}; expected one of {', '.join(modalities)}; correct it")
    return [list(modalities).index(modality)]
