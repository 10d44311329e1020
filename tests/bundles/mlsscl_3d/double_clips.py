"""Clips in double precision, in which two ways to the same number can be told from two numbers."""

from __future__ import annotations

import torch

from common.engines import PrepareClips


class DoubleClips(PrepareClips):
    """:class:`PrepareClips` for a network in float64."""

    def _view(self, image: torch.Tensor) -> torch.Tensor:
        return super()._view(image).double()
