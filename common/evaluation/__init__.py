"""Honest evaluation: the papers' protocols, metrics with intervals over subjects, comparisons, figures and reports."""

from .classifier import FittedProbe, fit_probe, linear_classifier
from .compare import corrected_resampled_t_test, delong_test, mcnemar_test
from .cross_validation import CrossValidation
from .feature_figures import feature_correlation_density, parameter_sweep
from .label_fractions import LabelFractions
from .lesion_metrics import LESION_METRIC_NAMES, lesion_metrics
from .lesion_report import write_lesion_report
from .metrics import METRIC_NAMES, Estimate, classification_metrics
from .predictions import read_predictions
from .probe import LinearProbe
from .report import write_report
from .table_rows import with_traditional

__all__ = [
    "LESION_METRIC_NAMES",
    "METRIC_NAMES",
    "CrossValidation",
    "Estimate",
    "FittedProbe",
    "LabelFractions",
    "LinearProbe",
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
    "with_traditional",
    "write_lesion_report",
    "write_report",
]
