"""Batches in double precision, precise enough to distinguish rounding from a different result."""

from __future__ import annotations

from typing import Any

import torch

from common.engines import PrepareImage, PrepareModalityViews, PrepareViews


class DoubleImage(PrepareImage):
    """:class:`PrepareImage` for a network in float64."""

    def _view(self, image: torch.Tensor) -> torch.Tensor:
        return super()._view(image).double()


class DoubleViews(PrepareViews):
    """:class:`PrepareViews` for a network in float64."""

    def _view(self, image: torch.Tensor) -> torch.Tensor:
        return super()._view(image).double()


class DoubleModalityViews(PrepareModalityViews):
    """:class:`PrepareModalityViews` for a network in float64."""

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        views, weights = super().__call__(*args, **kwargs)
        return [view.double() for view in views], weights
