"""Examination of an installation, a bundle, a datalist, a checkpoint or an archive: findings with what to do."""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .archive_findings import examine_archive
    from .bundle_findings import examine_bundle
    from .datalist_findings import examine_datalist
    from .findings import Finding, Findings
    from .installation_findings import examine_installation
    from .weights_findings import examine_weights

__all__ = [
    "Finding",
    "Findings",
    "examine_archive",
    "examine_bundle",
    "examine_datalist",
    "examine_installation",
    "examine_weights",
]

__getattr__ = lazy_exports(__name__)
