"""Datalists, subject-wise folds, phantom cohorts, readers of public cohorts, and sampling of batches."""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .balance import balance_classes
    from .cohorts import (
        adni_datalist,
        bids_datalist,
        brats_datalist,
        busi_datalist,
        dicom_datalist,
        isbi_datalist,
        kits_datalist,
        lgg_datalist,
        npz_datalist,
        nsclc_datalist,
        oasis_datalist,
        slice_datalist,
        table_datalist,
        tn_scui_datalist,
    )
    from .datalist import load_datalist
    from .datalist_parts import keep_label_fraction, mark_unlabelled
    from .datalist_writer import write_datalist
    from .folds import assign_folds, hold_out
    from .imbalance import Clusters, cluster_features, cluster_purity, reweight, select_balanced
    from .modality_statistics import ModalityStatistics, measure_modalities
    from .names import class_names, selected_modalities, subject_index
    from .phantoms import (
        BrainPhantoms,
        DementiaPhantoms,
        KidneyPhantoms,
        LesionPhantoms,
        LiverPhantoms,
        LungPhantoms,
        ThyroidPhantoms,
    )
    from .samplers import CandidateBatchSampler
    from .volume_cache import DiskCacheDataset, cached_dataset

__all__ = [
    "BrainPhantoms",
    "CandidateBatchSampler",
    "Clusters",
    "DementiaPhantoms",
    "DiskCacheDataset",
    "KidneyPhantoms",
    "LesionPhantoms",
    "LiverPhantoms",
    "LungPhantoms",
    "ModalityStatistics",
    "ThyroidPhantoms",
    "adni_datalist",
    "assign_folds",
    "balance_classes",
    "bids_datalist",
    "brats_datalist",
    "busi_datalist",
    "cached_dataset",
    "class_names",
    "cluster_features",
    "cluster_purity",
    "dicom_datalist",
    "hold_out",
    "isbi_datalist",
    "keep_label_fraction",
    "kits_datalist",
    "lgg_datalist",
    "load_datalist",
    "mark_unlabelled",
    "measure_modalities",
    "npz_datalist",
    "nsclc_datalist",
    "oasis_datalist",
    "reweight",
    "select_balanced",
    "selected_modalities",
    "slice_datalist",
    "subject_index",
    "table_datalist",
    "tn_scui_datalist",
    "write_datalist",
]

__getattr__ = lazy_exports(__name__)
