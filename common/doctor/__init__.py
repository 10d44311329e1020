"""Examination of an installation, a bundle, a datalist, a checkpoint or an archive: findings with what to do."""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .bundle_findings import examine_bundle
    from .findings import Finding, Findings
    from .installation_findings import examine_installation

__all__ = ["Finding", "Findings", "examine_bundle", "examine_installation"]

__getattr__ = lazy_exports(__name__)
