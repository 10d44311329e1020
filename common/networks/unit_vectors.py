"""Vectors of length 1."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

__all__ = ["unit_vectors"]


def unit_vectors(vectors: torch.Tensor) -> torch.Tensor:
    """L2-normalised vectors, in float32 at least: in bfloat16 their lengths would be up to 0.4 % off.

    Args:
        vectors: vectors to normalise, ``BxF``.
    """
    if vectors.dtype == torch.bfloat16 or vectors.dtype == torch.float16:  # TorchScript has no promote_types
        vectors = vectors.float()
    return normalize(vectors, dim=1)
