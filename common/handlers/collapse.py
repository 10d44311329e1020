"""Monitoring of self-supervised training for collapse and learning."""

from __future__ import annotations

import logging
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.metrics import compute_embedding_collapse
from torch.nn.functional import normalize

from ..distributed import concatenate, gather_rows
from ..errors import InputError
from .checkpoint import save_with_checkpoint
from .loss_level import LossLevel
from .second_view import second_view

__all__ = [
    "CollapseMonitor",
    "alignment",
    "feature_std",
    "knn_accuracy",
    "knn_balanced_accuracy",
    "own_key_rank",
    "uniformity",
]

logger = logging.getLogger(__name__)
_COLLECTED = ("index", "feature", "second", "label")
_STATE = (
    *("epochs_below", "epochs_at_chance", "epochs_unlearnt", "epochs_knn_at_chance"),
    *("first_epoch", "first_alignment", "weighted"),
)
_KNN_PATIENCE = 10  # epochs; random weights, from which all start, are often at chance
_MOST_ROWS = 2048  # of matrices of samples by samples


class CollapseMonitor:
    """Monitor each epoch for collapse and for learning.

    A Siamese network without negatives can make all features equal, and its loss then looks perfect; a contrastive one
    can stay at the chance level of its loss, and so can a pretext task. From the latest output of each sample in the
    epoch, it adds to ``engine.state.metrics``:

    - ``feature_std``: mean std per dimension of the L2-normalised features over ``1 / sqrt(F)``: 1 when they spread
      evenly, 0 when all are equal (Chen & He 2021, section 4.1);
    - ``effective_rank``: exponential of the entropy of the singular values, from 1 to ``min(N - 1, F)`` (RankMe,
      Garrido et al. 2023; :func:`monai.metrics.compute_embedding_collapse`);
    - ``alignment`` and ``uniformity`` (Wang & Isola 2020), see :func:`alignment` and :func:`uniformity`, and
      ``own_key_rank``, see :func:`own_key_rank`: whether a sample finds its own second view among all others;
    - ``knn_accuracy`` and ``knn_balanced_accuracy``, where rows have labels: leave-one-out, cosine, never used for
      training. The log compares them with the majority class.

    The features are those of the **online** network: ``output.watched``, a pair of ``BxF`` for the two views. Pretext
    tasks have one view, and ``None`` for the other one: for ``alignment`` and ``own_key_rank`` the last tenth of an
    epoch's steps, and at least 16 samples, get one more forward pass
    (:func:`~common.handlers.second_view.second_view`), all else needs none.

    Where own keys are not found, nothing is learnt: ``epochs_at_chance`` counts the epochs since then. For pretext
    tasks it is 0, as who restores images need not tell them apart.

    The other verdict is a loss that is no lower than in the first epoch, or than its loss object's ``chance(output)``
    (:class:`~common.handlers.loss_level.LossLevel`). RE weights the loss after its warm-up: there it is compared with
    the first weighted epoch. With a queue it grows while the queue fills and its keys become harder: there it is
    compared with the second epoch, and only counts where ``alignment`` is not a fifth below that of the first: random
    weights may find own keys, but do not bring them nearer.

    ``epochs_unlearnt`` is the number of epochs since when either of the two holds. Where the neighbours' balanced
    accuracy is that of chance for ten epochs, the log says so once.

    Args:
        min_feature_std: lower bound of ``feature_std`` for a warning that all features are equal.
        min_effective_rank: lower bound of ``effective_rank`` for a warning that the features hardly span more than a
            plane; at most 0.4 of the maximum for the number of samples and dimensions. On 184 BraTS patients the
            paper's learning rate of 0.01 ends at 1.2 to 2.5, successful runs at 5 to 90.
        max_own_key_rank: upper bound of ``own_key_rank`` for a warning that samples do not find their own second view
            (chance is 0.5).
        patience: number of consecutive epochs beyond a bound before the warning.
        stop: whether to end the run with an error instead of a warning when the features collapse.
        num_neighbours: number of neighbours of the kNN score.

    Raises:
        InputError: features are not finite; the run stops and the last checkpoint is kept.
    """

    def __init__(
        self,
        min_feature_std: float = 0.05,
        min_effective_rank: float = 3.0,
        max_own_key_rank: float = 0.4,
        patience: int = 2,
        stop: bool = False,
        num_neighbours: int = 5,
    ) -> None:
        self.min_feature_std = min_feature_std
        self.min_effective_rank = min_effective_rank
        self.max_own_key_rank = max_own_key_rank
        self.patience = patience
        self.stop = stop
        self.num_neighbours = num_neighbours
        self.epochs_below = 0
        self.epochs_at_chance = 0
        self.epochs_unlearnt = 0
        self.epochs_knn_at_chance = 0
        self.loss = LossLevel()
        self.first_epoch = 0  # with which the loss is compared; 0 where it is unknown
        self.weighted = False  # whether samples have weights in the loss
        self._contrasted = True  # whether own keys should be found
        self.first_alignment = 0.0
        self._queued = False
        self._chance: float | None = None  # the loss of guessing
        self._features: dict[str, list[torch.Tensor]] = {name: [] for name in _COLLECTED}

    def attach(self, engine: Engine) -> None:
        """Collect in each iteration, compute at the end of each epoch."""
        save_with_checkpoint(engine, "collapse", self)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.judge)

    def _collect(self, engine: Engine) -> None:
        batch, output = engine.state.batch, engine.state.output["pred"]
        first, second = output.watched
        first = first.detach().float()
        self._features["index"].append(batch["index"])
        self._features["feature"].append(first)
        self._features["second"].append(second_view(engine, first) if second is None else second.detach().float())
        if "label" in batch:
            self._features["label"].append(batch["label"])
        if "weight" in batch and not self.weighted and self.first_epoch:  # RE's first step after its warm-up
            self.loss = LossLevel()
        self.weighted = "weight" in batch
        self.loss.add(engine.state.output["loss"])
        chance = getattr(getattr(engine, "loss_function", None), "chance", None)
        self._chance = None if chance is None else chance(output)
        self._queued = bool(getattr(output, "queue_keys", None))
        self._contrasted = output.watched[1] is not None

    def judge(self, engine: Engine) -> None:
        """Compute the metrics, warn or stop."""
        index, features, second = (self._joined(name) for name in ("index", "feature", "second"))
        labels = self._joined("label") if self._features["label"] else None
        latest = torch.zeros(int(index.max()) + 1, dtype=torch.long)
        latest.scatter_reduce_(0, index, torch.arange(len(index)), "amax")  # repeated samples count once
        rows = latest[index.unique()]
        features, second = features[rows], second[rows]
        if not features.isfinite().all():
            bad = int((~features.isfinite().all(dim=1)).sum())
            raise InputError(
                f"epoch {engine.state.epoch}: features of {bad} of {len(features)} samples are not finite; lower "
                "learning_rate, or turn amp off"
            )
        paired = ~second.isnan().any(dim=1)
        metrics = {
            "feature_std": feature_std(features),
            "effective_rank": _effective_rank(features),
            "alignment": alignment(features[paired], second[paired]),
            "uniformity": uniformity(features),
            "own_key_rank": own_key_rank(features[paired], second[paired]),
        }
        if labels is not None:
            known = labels[rows] >= 0  # see common.data.mark_unlabelled
            metrics |= self._judge_neighbours(engine, features[known], labels[rows][known])
        self._features = {name: [] for name in self._features}
        self._judge_loss(engine, metrics["alignment"])
        self._warn(engine, metrics, rank_limit=min(len(features) - 1, features.shape[1]))
        metrics["epochs_at_chance"] = self.epochs_at_chance
        metrics["epochs_unlearnt"] = max(self.epochs_at_chance, self.epochs_unlearnt)
        engine.state.metrics.update(metrics)

    def _judge_neighbours(self, engine: Engine, features: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        scores = {
            "knn_accuracy": knn_accuracy(features, labels, self.num_neighbours),
            "knn_balanced_accuracy": knn_balanced_accuracy(features, labels, self.num_neighbours),
        }
        counts = torch.bincount(labels.long())
        counts = counts[counts > 0]
        chance, balanced = 1 / len(counts), scores["knn_balanced_accuracy"]
        logger.info(
            f"epoch {engine.state.epoch}: kNN accuracy {scores['knn_accuracy']:.3f} (majority class "
            f"{float(counts.max() / counts.sum()):.3f}), balanced {balanced:.3f} (chance {chance:.3f})"
        )
        luck = chance + 2 * (chance * (1 - chance) * float((1 / counts).sum())) ** 0.5 / len(counts)
        self.epochs_knn_at_chance = self.epochs_knn_at_chance + 1 if len(counts) > 1 and balanced < luck else 0
        if self.epochs_knn_at_chance == _KNN_PATIENCE:
            logger.warning(
                f"epoch {engine.state.epoch}: kNN's balanced accuracy is that of chance for {_KNN_PATIENCE} epochs "
                f"({balanced:.2f} for {len(labels)} samples; by chance {chance:.2f}, up to {luck:.2f}): what is learnt "
                "does not separate the labels; compare with a training from scratch"
            )
        return scores

    def _warn(self, engine: Engine, metrics: dict[str, float], rank_limit: int) -> None:
        lowest_rank = min(self.min_effective_rank, 0.4 * rank_limit)
        low = metrics["feature_std"] < self.min_feature_std or metrics["effective_rank"] < lowest_rank
        self.epochs_below = self.epochs_below + 1 if low else 0
        at_chance = self._contrasted and metrics["own_key_rank"] > self.max_own_key_rank
        self.epochs_at_chance = self.epochs_at_chance + 1 if at_chance else 0
        if self.epochs_below >= self.patience:
            message = (
                f"epoch {engine.state.epoch}: the features are collapsing for {self.epochs_below} epochs: feature_std "
                f"{metrics['feature_std']:.4f} (expected at least {self.min_feature_std:g}), effective rank "
                f"{metrics['effective_rank']:.2f} (at least {lowest_rank:.3g}); lower learning_rate, raise batch_size, "
                "or check the augmentation"
            )
            if self.stop:
                raise InputError(message)
            logger.warning(message)
        if self.epochs_at_chance >= self.patience:
            logger.warning(
                f"epoch {engine.state.epoch}: nothing is learnt for {self.epochs_at_chance} epochs: own_key_rank "
                f"{metrics['own_key_rank']:.2f} (expected at most {self.max_own_key_rank:g}; chance 0.5): samples do "
                "not find their own second view; weaken the augmentation, raise learning_rate or max_epochs, or lower "
                "momentum"
            )

    def _judge_loss(self, engine: Engine, distance: float) -> None:
        if self.loss.first is None:
            self.first_epoch = engine.state.epoch
        fallen = self.loss.has_fallen(self._chance)
        if engine.state.epoch == 1:
            self.first_alignment = distance
        if self._queued:
            fallen = fallen or distance < 0.8 * self.first_alignment
            if engine.state.epoch == 1:  # queues are no longer than the cohort
                self.loss = LossLevel()
        self.epochs_unlearnt = 0 if fallen else self.epochs_unlearnt + 1
        if self.epochs_unlearnt >= self.patience:
            levels = [f"in epoch {self.first_epoch}: {self.loss.first:.4g}"] if self.first_epoch else []
            levels += [] if self._chance is None else [f"by chance: {self._chance:.4g}"]
            logger.warning(
                f"epoch {engine.state.epoch}: no fall of the loss beyond its noise for {self.epochs_unlearnt} epochs: "
                f"it is {self.loss.loss:.4g} ({', '.join(levels)}); raise learning_rate or max_epochs, or lower "
                "learning_rate where the loss grows"
            )

    def _joined(self, name: str) -> torch.Tensor:
        return gather_rows(concatenate(self._features[name])).cpu()

    def state_dict(self) -> dict[str, Any]:
        """Features and losses of the current epoch, numbers of epochs beyond the bounds, level of the first epoch."""
        collected = {name: concatenate(parts).cpu() for name, parts in self._features.items() if parts}
        judged = {name: getattr(self, name) for name in _STATE}
        return {**judged, "collected": collected, "loss": self.loss.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the result of :meth:`state_dict`; what earlier versions did not count starts at 0."""
        for name in _STATE:
            setattr(self, name, state.get(name, 0))
        self.loss.load_state_dict(state.get("loss", {}))
        collected = state.get("collected", {})
        self._features = {name: [collected[name]] if name in collected else [] for name in self._features}


def feature_std(features: torch.Tensor) -> float:
    """Mean std per dimension of the L2-normalised features ``NxF``, relative to ``1 / sqrt(F)`` of an even spread."""
    normalised = normalize(features, dim=1)
    return float(normalised.std(dim=0, correction=0).mean() * features.shape[1] ** 0.5)


def alignment(first: torch.Tensor, second: torch.Tensor) -> float:
    """Mean squared distance between L2-normalised features of two views, ``NxF`` each: 0 when equal (Wang & Isola)."""
    return float((normalize(first, dim=1) - normalize(second, dim=1)).square().sum(dim=1).mean())


def uniformity(features: torch.Tensor) -> float:
    """``log E exp(-2 |f_i - f_j|^2)`` over pairs of L2-normalised features ``NxF`` (Wang & Isola 2020, section 4.1).

    0 when all are equal, near -4 when they spread over the sphere. Of more than 2048 samples, the first 2048.
    """
    normalised = normalize(features[:_MOST_ROWS], dim=1)
    if len(normalised) < 2:
        return 0.0
    return float(torch.pdist(normalised).square().mul(-2).exp().mean().log())


def own_key_rank(first: torch.Tensor, second: torch.Tensor) -> float:
    """Mean share of the other samples whose second view is nearer to a sample's first view than its own is.

    0 when every sample finds its own, 0.5 by chance; a collapsed network, which ranks nothing, has 0.5 too, because
    ties count half. Of more than 2048 samples, the first 2048.

    Args:
        first: features of the first views, ``NxF``.
        second: features of the second views, ``NxF``.
    """
    similarity = normalize(first[:_MOST_ROWS], dim=1) @ normalize(second[:_MOST_ROWS], dim=1).T  # NxN
    own = similarity.diagonal()[:, None]
    nearer = (similarity > own).float() + 0.5 * (similarity == own).float()
    return float((nearer.sum(dim=1) - 0.5).div(max(len(nearer) - 1, 1)).mean())


def knn_accuracy(features: torch.Tensor, labels: torch.Tensor, num_neighbours: int = 5) -> float:
    """Leave-one-out accuracy of a majority vote among the nearest neighbours by cosine similarity.

    Args:
        features: features ``NxF``.
        labels: classes ``N``, integers from 0.
        num_neighbours: number of neighbours, at most ``N - 1``.
    """
    votes = _votes(features, labels, num_neighbours)
    return float((votes.argmax(dim=1) == labels).float().mean())


def knn_balanced_accuracy(features: torch.Tensor, labels: torch.Tensor, num_neighbours: int = 5) -> float:
    """Mean accuracy over classes with votes weighted by the inverse size of their class: chance is 1 / C.

    With imbalanced classes, an unweighted vote predicts the majority class for any features.

    Args:
        features: features ``NxF``.
        labels: classes ``N``, integers from 0.
        num_neighbours: number of neighbours, at most ``N - 1``.
    """
    votes = _votes(features, labels, num_neighbours)
    counts = torch.bincount(labels.long(), minlength=votes.shape[1])
    right = ((votes / counts.clamp_min(1)).argmax(dim=1) == labels).double()
    return float(torch.stack([right[labels == label].mean() for label in counts.nonzero().flatten()]).mean())


def _votes(features: torch.Tensor, labels: torch.Tensor, num_neighbours: int) -> torch.Tensor:
    """Votes of each sample's neighbours for each class, ``NxC``."""
    normalised = normalize(features, dim=1)
    similarity = normalised @ normalised.T
    similarity.fill_diagonal_(-torch.inf)
    neighbours = similarity.topk(min(num_neighbours, len(labels) - 1)).indices
    return torch.nn.functional.one_hot(labels[neighbours].long(), int(labels.max()) + 1).sum(dim=1)


def _effective_rank(features: torch.Tensor) -> float:
    scores = compute_embedding_collapse(features, include_indicators=["effective_rank"])
    return float(1 - scores["effective_rank_score"]) * min(len(features) - 1, features.shape[1])
