"""Images and radiomics in double precision, precise enough to distinguish rounding from a different result."""

from __future__ import annotations

from typing import Any

from common.engines import PrepareImageAndRadiomics


class DoubleImageAndRadiomics(PrepareImageAndRadiomics):
    """:class:`PrepareImageAndRadiomics` for a network in float64."""

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        image, target, (radiomics,), options = super().__call__(*args, **kwargs)
        return image.double(), target, (radiomics.double(),), options
