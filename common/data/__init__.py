"""Datalists, subject-wise folds, phantom cohorts, readers of public cohorts, and which samples a step sees."""

from .class_names import class_names
from .cohorts import (
    brats_datalist,
    dicom_datalist,
    lgg_datalist,
    nsclc_datalist,
    slice_datalist,
    table_datalist,
)
from .datalist import load_datalist
from .datalist_writer import write_datalist
from .folds import assign_folds, hold_out
from .imbalance import Clusters, cluster_features, cluster_purity, reweight, select_balanced
from .modalities import selected_modalities
from .phantoms import make_brain_phantoms, make_liver_phantoms, make_lung_phantoms
from .samplers import CandidateBatchSampler

__all__ = [
    "CandidateBatchSampler",
    "Clusters",
    "assign_folds",
    "brats_datalist",
    "class_names",
    "cluster_features",
    "cluster_purity",
    "dicom_datalist",
    "hold_out",
    "lgg_datalist",
    "load_datalist",
    "make_brain_phantoms",
    "make_liver_phantoms",
    "make_lung_phantoms",
    "nsclc_datalist",
    "reweight",
    "select_balanced",
    "selected_modalities",
    "slice_datalist",
    "table_datalist",
    "write_datalist",
]
