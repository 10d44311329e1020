"""Is self-supervised training still learning something?"""

from __future__ import annotations

import logging
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.metrics import compute_embedding_collapse
from torch.nn.functional import normalize

from ..distributed import gather_rows
from ..errors import InputError

__all__ = ["CollapseMonitor", "feature_std", "knn_accuracy"]

logger = logging.getLogger(__name__)


class CollapseMonitor:
    """Watch the features of each epoch for collapse, at no forward pass of its own.

    A Siamese network without negatives can make all features equal, and its loss then looks perfect. From the features
    of the epoch's first views, one for each sample, come into ``engine.state.metrics``:

    - ``feature_std``: mean std per dimension of the L2-normalised features over ``1 / sqrt(F)``: 1 when they spread
      evenly, 0 when all are equal (Chen & He 2021, section 4.1);
    - ``effective_rank``: exponential of the entropy of the singular values, from 1 to ``min(N - 1, F)`` (RankMe,
      Garrido et al. 2023; :func:`monai.metrics.compute_embedding_collapse`);
    - ``knn_accuracy``, where rows have labels: leave-one-out, cosine, for logs only; compare with the majority class.

    Args:
        min_feature_std: warn below it: all features are equal.
        min_effective_rank: warn below it: all features lie on a line.
        patience: epochs in a row below either before the warning.
        stop: end the run with an error then, instead of warning.
        num_neighbours: of the kNN score.

    Raises:
        InputError: when features are not finite: the run stops, the last checkpoint stays.
    """

    def __init__(
        self,
        min_feature_std: float = 0.05,
        min_effective_rank: float = 1.5,
        patience: int = 2,
        stop: bool = False,
        num_neighbours: int = 5,
    ) -> None:
        self.min_feature_std = min_feature_std
        self.min_effective_rank = min_effective_rank
        self.patience = patience
        self.stop = stop
        self.num_neighbours = num_neighbours
        self.epochs_below = 0
        self._features: dict[str, list[torch.Tensor]] = {"index": [], "feature": [], "label": []}

    def attach(self, engine: Engine) -> None:
        """Collect in each iteration, judge at the end of each epoch."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.judge)

    def _collect(self, engine: Engine) -> None:
        batch, output = engine.state.batch, engine.state.output["pred"]
        self._features["index"].append(batch["index"])
        self._features["feature"].append(output.r1.float())
        if "label" in batch:
            self._features["label"].append(batch["label"])

    def judge(self, engine: Engine) -> None:
        """Compute the metrics, warn or stop."""
        index, features, labels = (self._joined(name) for name in ("index", "feature", "label"))
        latest = torch.zeros(int(index.max()) + 1, dtype=torch.long)
        latest.scatter_reduce_(0, index, torch.arange(len(index)), "amax")  # a sample that was seen often counts once
        rows = latest[index.unique()]
        features = features[rows]
        if not features.isfinite().all():
            bad = int((~features.isfinite().all(dim=1)).sum())
            raise InputError(
                f"epoch {engine.state.epoch}: features of {bad} of {len(features)} samples are not finite; lower "
                "learning_rate, or turn amp off"
            )
        metrics = {"feature_std": feature_std(features), "effective_rank": _effective_rank(features)}
        if labels is not None:
            metrics["knn_accuracy"] = knn_accuracy(features, labels[rows], self.num_neighbours)
        engine.state.metrics.update(metrics)
        self._features = {name: [] for name in self._features}
        low = metrics["feature_std"] < self.min_feature_std or metrics["effective_rank"] < self.min_effective_rank
        self.epochs_below = self.epochs_below + 1 if low else 0
        if self.epochs_below >= self.patience:
            self._tell(engine, metrics)

    def _tell(self, engine: Engine, metrics: dict[str, float]) -> None:
        message = (
            f"epoch {engine.state.epoch}: the features are collapsing for {self.epochs_below} epochs: feature_std "
            f"{metrics['feature_std']:.4f} (expected at least {self.min_feature_std:g}), effective rank "
            f"{metrics['effective_rank']:.2f} (at least {self.min_effective_rank:g}); lower learning_rate, or look at "
            "the augmentation"
        )
        if self.stop:
            raise InputError(message)
        logger.warning(message)

    def _joined(self, name: str) -> torch.Tensor | None:
        parts = self._features[name]
        return gather_rows(torch.cat(parts)).cpu() if parts else None

    def state_dict(self) -> dict[str, Any]:
        """What the running epoch has collected, and the epochs below the bound."""
        collected = {name: torch.cat(parts).cpu() for name, parts in self._features.items() if parts}
        return {"epochs_below": self.epochs_below, "collected": collected}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self.epochs_below = state["epochs_below"]
        self._features = {
            name: [state["collected"][name]] if name in state["collected"] else [] for name in self._features
        }


def feature_std(features: torch.Tensor) -> float:
    """Mean std per dimension of the L2-normalised features ``NxF``, relative to ``1 / sqrt(F)`` of an even spread."""
    normalised = normalize(features, dim=1)
    return float(normalised.std(dim=0, correction=0).mean() * features.shape[1] ** 0.5)


def knn_accuracy(features: torch.Tensor, labels: torch.Tensor, num_neighbours: int = 5) -> float:
    """Leave-one-out accuracy of a majority vote among the nearest neighbours by cosine similarity.

    Args:
        features: ``NxF``.
        labels: ``N``, integers from 0.
        num_neighbours: voters, at most ``N - 1``.
    """
    normalised = normalize(features, dim=1)
    similarity = normalised @ normalised.T
    similarity.fill_diagonal_(-torch.inf)
    neighbours = similarity.topk(min(num_neighbours, len(labels) - 1)).indices
    votes = torch.nn.functional.one_hot(labels[neighbours].long()).sum(dim=1)
    return float((votes.argmax(dim=1) == labels).float().mean())


def _effective_rank(features: torch.Tensor) -> float:
    scores = compute_embedding_collapse(features, include_indicators=["effective_rank"])
    return float(1 - scores["effective_rank_score"]) * min(len(features) - 1, features.shape[1])
