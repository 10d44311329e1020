"""Datalists of public cohorts in their original layout, and of cohorts described by a table."""

from typing import TYPE_CHECKING

from ...lazy import lazy_exports

if TYPE_CHECKING:
    from .adni import adni_datalist
    from .bids import bids_datalist
    from .brats import brats_datalist
    from .busi import busi_datalist
    from .decathlon import decathlon_datalist
    from .dicom import dicom_datalist
    from .isbi import isbi_datalist
    from .kits import kits_datalist
    from .lgg import lgg_datalist
    from .lidc import lidc_datalist
    from .near_duplicates import near_duplicates_datalist
    from .npz import npz_datalist
    from .nsclc import nsclc_datalist
    from .oasis import oasis_datalist
    from .table import table_datalist
    from .tn_scui import tn_scui_datalist

__all__ = [
    "adni_datalist",
    "bids_datalist",
    "brats_datalist",
    "busi_datalist",
    "decathlon_datalist",
    "dicom_datalist",
    "isbi_datalist",
    "kits_datalist",
    "lgg_datalist",
    "lidc_datalist",
    "near_duplicates_datalist",
    "npz_datalist",
    "nsclc_datalist",
    "oasis_datalist",
    "table_datalist",
    "tn_scui_datalist",
]

__getattr__ = lazy_exports(__name__)
