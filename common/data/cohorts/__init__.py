"""Datalists of public cohorts as they lie on disk, and of any cohort that a table describes."""

from .brats import brats_datalist
from .dicom import dicom_datalist
from .lgg import lgg_datalist
from .nsclc import nsclc_datalist
from .slices import slice_datalist
from .table import table_datalist

__all__ = ["brats_datalist", "dicom_datalist", "lgg_datalist", "nsclc_datalist", "slice_datalist", "table_datalist"]
