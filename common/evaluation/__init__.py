"""Evaluation by subject: the papers' protocols, metrics with intervals, comparisons, figures and reports."""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .predictions import read_predictions
    from .protocols.classifier import FittedProbe, fit_probe, linear_classifier
    from .protocols.cross_validation import CrossValidation
    from .protocols.feature_sets import with_traditional
    from .protocols.final_model import FinalModel
    from .protocols.label_fractions import LabelFractions
    from .protocols.probe import LinearProbe
    from .protocols.segmentation import Segmentation
    from .reports.feature_figures import feature_correlation_density, parameter_sweep
    from .reports.lesion_report import write_lesion_report
    from .reports.report import write_report
    from .reports.study_report import write_study_report
    from .statistics.compare import corrected_resampled_t_test, delong_test, mcnemar_test
    from .statistics.lesion_metrics import LESION_METRIC_NAMES, lesion_metrics
    from .statistics.metrics import METRIC_NAMES, Estimate, classification_metrics
    from .statistics.structure_metrics import structure_metrics

__all__ = [
    "LESION_METRIC_NAMES",
    "METRIC_NAMES",
    "CrossValidation",
    "Estimate",
    "FinalModel",
    "FittedProbe",
    "LabelFractions",
    "LinearProbe",
    "Segmentation",
    "classification_metrics",
    "corrected_resampled_t_test",
    "delong_test",
    "feature_correlation_density",
    "fit_probe",
    "lesion_metrics",
    "linear_classifier",
    "mcnemar_test",
    "parameter_sweep",
    "read_predictions",
    "structure_metrics",
    "with_traditional",
    "write_lesion_report",
    "write_report",
    "write_study_report",
]

__getattr__ = lazy_exports(__name__)
