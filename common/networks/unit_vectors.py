"""Vectors of length 1."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

__all__ = ["unit_vectors"]


def unit_vectors(vectors: torch.Tensor) -> torch.Tensor:
    """L2-normalised vectors, in float32 at least: in bfloat16 the cosines of near ones would be equal.

    Args:
        vectors: ``BxF``.
    """
    return normalize(vectors.to(torch.promote_types(vectors.dtype, torch.float32)), dim=1)
