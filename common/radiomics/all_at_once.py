"""Classes of PyRadiomics whose features are measured together, without an instance for each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radiomics.base import RadiomicsFeaturesBase

__all__ = ["AllAtOnce"]


class AllAtOnce(RadiomicsFeaturesBase):
    """A class of PyRadiomics whose features are measured together, or one by one by itself."""

    @classmethod
    def measure(cls, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """All features that are not deprecated, by name; ``None`` for PyRadiomics' own code.

        Args:
            args: PyRadiomics settings, with ``grey_levels``.
        """
        raise NotImplementedError

    @classmethod
    def values(cls, wanted: Sequence[str] | None, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Values of some features, all by default; ``None`` for PyRadiomics' own code.

        Deprecated features, if any is wanted, are left to PyRadiomics too.
        """
        deprecated = cls.getFeatureNames()
        if any(deprecated.get(name, True) for name in wanted or ()):
            return None
        found = cls.measure(args)
        return found and {name: found[name] for name in wanted or deprecated if not deprecated[name]}
