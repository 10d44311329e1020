"""Datalists, subject-wise folds and sampling of batches; the packages cohorts and phantoms create datalists."""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .balance import balance_classes
    from .datalist import load_datalist
    from .datalist_counts import by_modality, modality_names, number_of_classes, number_of_images
    from .datalist_parts import keep_label_fraction, mark_unlabelled, rows_to_probe
    from .datalist_writer import write_datalist
    from .folds import assign_folds, check_hold_out, hold_out
    from .imbalance import Clusters, cluster_features, cluster_purity, reweight, select_balanced
    from .modality_statistics import ModalityStatistics, measure_modalities
    from .names import class_names, selected_modalities, subject_index
    from .samplers import CandidateBatchSampler
    from .slices import slice_datalist
    from .traits import lesion_traits
    from .volume_cache import DiskCacheDataset, SharedCacheDataset, cached_dataset

__all__ = [
    "CandidateBatchSampler",
    "Clusters",
    "DiskCacheDataset",
    "ModalityStatistics",
    "SharedCacheDataset",
    "assign_folds",
    "balance_classes",
    "by_modality",
    "cached_dataset",
    "check_hold_out",
    "class_names",
    "cluster_features",
    "cluster_purity",
    "hold_out",
    "keep_label_fraction",
    "lesion_traits",
    "load_datalist",
    "mark_unlabelled",
    "measure_modalities",
    "modality_names",
    "number_of_classes",
    "number_of_images",
    "reweight",
    "rows_to_probe",
    "select_balanced",
    "selected_modalities",
    "slice_datalist",
    "subject_index",
    "write_datalist",
]

__getattr__ = lazy_exports(__name__)
