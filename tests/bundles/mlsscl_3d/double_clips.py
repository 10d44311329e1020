"""Clips in double precision, precise enough to distinguish rounding from a different result."""

from __future__ import annotations

import torch

from common.engines import PrepareClips


class DoubleClips(PrepareClips):
    """:class:`PrepareClips` for a network in float64."""

    def _view(self, image: torch.Tensor) -> torch.Tensor:
        return super()._view(image).double()
