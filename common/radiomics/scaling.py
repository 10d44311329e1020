"""Scaling of features: fitted on training subjects only, and stored beside the weights as plain numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from ..errors import InputError
from ..files import write_atomically

__all__ = ["CorrelationFilter", "FittedScaling", "scaling_pipeline"]


class CorrelationFilter(SelectorMixin, BaseEstimator):
    """Selects features that do not correlate strongly with those selected before them.

    Args:
        threshold: largest absolute Pearson correlation with an earlier feature.

    Shape:
        ``[n, d]`` without constant columns, to ``[n, selected]``.
    """

    def __init__(self, threshold: float = 0.95) -> None:
        self.threshold = threshold

    def fit(self, features: np.ndarray, y: np.ndarray | None = None) -> CorrelationFilter:
        """Select the features, in their order."""
        features = validate_data(self, features, dtype=np.float64, ensure_min_samples=2)
        alike = np.abs(np.atleast_2d(np.corrcoef(features, rowvar=False))) > self.threshold
        self.support_ = np.zeros(features.shape[1], dtype=bool)
        for column in range(features.shape[1]):
            self.support_[column] = not alike[column, self.support_].any()
        return self

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_


def scaling_pipeline(max_correlation: float | None = None) -> Pipeline:
    """Drop empty features, impute by the median, drop constants, standardise, and drop correlated features.

    It computes in float64, as radiomic features range from 0 to 1e10 and some are constant. Fit it on the training
    subjects of a fold; a classifier may follow in the same pipeline.

    Args:
        max_correlation: threshold of :class:`CorrelationFilter`; ``None``: no such filter.

    Returns:
        The pipeline, not fitted.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, np.nan]])
        >>> scaling_pipeline().fit_transform(x)
        array([[-1.],
               [ 1.]])
    """
    steps = [
        FunctionTransformer(_as_float64, feature_names_out="one-to-one"),
        KnownFeatures(),
        SimpleImputer(strategy="median"),
        VarianceThreshold(),
        StandardScaler(),
    ]
    return make_pipeline(*steps, *([] if max_correlation is None else [CorrelationFilter(max_correlation)]))


class KnownFeatures(SelectorMixin, BaseEstimator):
    """Drops features without any value; ``SimpleImputer`` does so too, but with a warning for each."""

    def fit(self, features: np.ndarray, y: np.ndarray | None = None) -> KnownFeatures:
        """Find the features with values."""
        features = validate_data(self, features, dtype=np.float64, ensure_all_finite="allow-nan")
        self.support_ = ~np.isnan(features).all(axis=0)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_


def _as_float64(features: np.ndarray) -> np.ndarray:
    return np.asarray(features, dtype=np.float64)


@dataclass(frozen=True)
class FittedScaling:
    """The numbers of a fitted :func:`scaling_pipeline`: selected columns, imputed values, means and scales.

    Args:
        columns: names of the selected features.
        median: median of each feature, for missing values.
        mean: mean of each feature.
        scale: standard deviation of each feature.
    """

    columns: tuple[str, ...]
    median: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, pipeline: Pipeline, names: Sequence[str]) -> FittedScaling:
        """The numbers of a fitted pipeline.

        Args:
            pipeline: fitted pipeline of :func:`scaling_pipeline`; steps after its own are ignored.
            names: names of the features before selection.
        """
        median = dict(
            zip(_names_after(pipeline, "knownfeatures", names), pipeline["simpleimputer"].statistics_, strict=True)
        )
        scaled = _names_after(pipeline, "variancethreshold", names)
        mean = dict(zip(scaled, pipeline["standardscaler"].mean_, strict=True))
        scale = dict(zip(scaled, pipeline["standardscaler"].scale_, strict=True))
        last = "correlationfilter" if "correlationfilter" in pipeline.named_steps else "variancethreshold"
        kept = _names_after(pipeline, last, names)
        return cls(tuple(kept), *(tuple(float(values[name]) for name in kept) for values in (median, mean, scale)))

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """Scaled features, float64, shape ``[rows, columns]``.

        Raises:
            InputError: the table lacks columns, or has infinite values.
        """
        missing = [name for name in self.columns if name not in table.columns]
        if missing:
            found = f"{len(missing)} of {len(self.columns)} features are missing ({missing[0]}, ...)"
            raise InputError(f"feature table: {found}; extract with the settings of the training")
        values = table[list(self.columns)].to_numpy(dtype=np.float64)
        if np.isinf(values).any():
            raise InputError(f"feature table: {int(np.isinf(values).sum())} infinite values; expected numbers or none")
        values = np.where(np.isnan(values), self.median, values)
        return (values - self.mean) / self.scale

    def save(self, path: str | Path) -> Path:
        """Write the numbers as JSON in full precision; the file is written completely or not at all."""
        return write_atomically(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> FittedScaling:
        """Read a file of :meth:`save`.

        Raises:
            InputError: the file is missing or invalid.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            fitted = cls(**{name: tuple(values) for name, values in content.items()})
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; expected the scaling saved beside the weights") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not a saved scaling; expected columns, median, mean, scale") from error
        if len({len(values) for values in vars(fitted).values()}) != 1:
            raise InputError(f"{path}: lists of different lengths; expected one number per column; save it again")
        return fitted


def _names_after(pipeline: Pipeline, step: str, names: Sequence[str]) -> list[str]:
    """Names of the features after the step called ``step``."""
    last = list(pipeline.named_steps).index(step)
    return list(pipeline[: last + 1].get_feature_names_out(list(names)))
