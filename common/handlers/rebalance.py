"""RE and SE on Ignite's events."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import PrepareBatch
from monai.inferers import Inferer, SimpleInferer
from torch import nn

from ..data.imbalance import Clusters, cluster_eta_squared, cluster_features, cluster_purity, reweight, select_balanced
from ..data.samplers import CandidateBatchSampler
from ..distributed import exchange_rows, gather_rows, own_rows
from ..engines import PrepareImage
from ..errors import InputError
from ..networks import folded_batch_norms
from .checkpoint import save_with_checkpoint
from .feature_bank import FeatureBank

__all__ = ["RebalanceHandler"]

logger = logging.getLogger(__name__)
_STRATEGIES = ("plain", "re", "se")
_FEATURES = ("fresh", "bank")


class RebalanceHandler:
    """The RE/SE module (Li et al. 2021, section 2): weight a batch's samples, or choose among candidates, before each
    step.

    After ``warmup_epochs`` of plain training each batch is clustered by its features: RE adds ``weight`` to the batch,
    SE replaces the batch by its chosen part. Features are ``fresh`` ("the encoder from the last iteration is employed
    for dynamic feature extraction": clean images, encoder in evaluation mode, no gradient) or come from the ``bank``,
    where each step leaves the mean feature of a sample's two views; then SE chooses before anything is loaded, through
    :meth:`select_from_bank` in the sampler. Under several processes all clusters are those of the joined batch.

    Metrics per epoch, means over the clustered batches: ``cluster_share_<j>``, the share of the j-th largest cluster,
    and what the clusters follow: ``cluster_purity`` by label, ``cluster_purity_centre``, each with the share of the
    most frequent label or centre as ``..._base``, which purity has at least, and ``cluster_eta2_size``, the share of
    the variance of the logarithm of the lesion's size between clusters. They are there where rows have labels, centres
    and masks, none of which is used for training.

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]``.
        strategy: name of the strategy, ``"re"``, ``"se"``, or ``"plain"`` for neither.
        features: source of the features, ``"fresh"`` or ``"bank"``.
        bank: bank of the features; required for ``"bank"``.
        num_clusters: number of clusters, the paper's k.
        batch_size: number of samples of a training step in all processes, the paper's m; even for SE.
        num_candidates: number of samples among which SE chooses, the paper's N = k * q; more than m. The paper has
            m < N / k.
        warmup_epochs: number of epochs of plain training at the start.
        max_weight: upper bound of RE's weights, at least 1; ``None``, as in the paper, for none.
        seed: random seed for k-means.
        prepare_batch: function that moves clean images to the device for fresh features.
        inferer: inferer that runs the encoder on them.
        sampler: batch sampler of the training loader, which chooses the samples for features from the bank.
        traits: ``centre`` and ``size`` of each sample, see :func:`~common.data.lesion_traits`.

    Raises:
        InputError: RE or SE is undefined for these sizes.
    """

    def __init__(
        self,
        encoder: nn.Module,
        strategy: str = "se",
        features: str = "fresh",
        bank: FeatureBank | None = None,
        num_clusters: int = 3,
        batch_size: int = 6,
        num_candidates: int = 30,
        warmup_epochs: int = 1,
        max_weight: float | None = None,
        seed: int = 0,
        prepare_batch: PrepareBatch | None = None,
        inferer: Inferer | None = None,
        sampler: CandidateBatchSampler | None = None,
        traits: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        _one_of("strategy", strategy, _STRATEGIES)
        _one_of("features", features, _FEATURES)
        if features == "bank" and (bank is None or warmup_epochs < 1):
            raise InputError("features: 'bank' needs a bank and warmup_epochs >= 1 to fill it; found less; set both")
        if strategy == "se":
            _check_selection_sizes(batch_size, num_candidates, num_clusters)
        if strategy == "re" and batch_size < num_clusters:
            raise InputError(
                f"batch_size: {batch_size} samples for num_clusters {num_clusters}; expected at least as many samples"
                " as clusters; raise batch_size or lower num_clusters"
            )
        if max_weight is not None and not max_weight >= 1:
            raise InputError(f"max_weight: {max_weight}; expected a number from 1, or null for no cap; correct it")
        self.encoder = encoder
        self.strategy = strategy
        self.features = features
        self.bank = bank
        self.num_clusters = num_clusters
        self.batch_size = batch_size
        self.warmup_epochs = warmup_epochs
        self.max_weight = max_weight
        self.seed = seed
        self.prepare_batch = prepare_batch or PrepareImage()
        self.inferer = inferer or SimpleInferer()
        self.sampler = sampler
        self.traits = dict(traits or {})
        self._sums: dict[str, float] = defaultdict(float)
        self._batches: Counter[str] = Counter()

    def attach(self, engine: Engine) -> None:
        """Act at the start of each iteration, update the bank at its end, log at the end of the epoch."""
        save_with_checkpoint(engine, "rebalance", self)
        if self.strategy == "plain":
            return
        engine.add_event_handler(Events.STARTED, self.warn_if_idle)
        engine.add_event_handler(Events.ITERATION_STARTED, self.rebalance)
        if self.features == "bank":
            if self.sampler is not None:
                self.sampler.select = self.select_from_bank
            engine.add_event_handler(Events.ITERATION_COMPLETED, self.remember)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.report)

    def warn_if_idle(self, engine: Engine) -> None:
        """Warn where the warm-up fills the whole training, which is plain 3DSiam then."""
        if (engine.state.max_epochs or 0) <= self.warmup_epochs:
            logger.warning(
                f"{self.strategy.upper()} never acts: max_epochs {engine.state.max_epochs}, and warmup_epochs "
                f"{self.warmup_epochs} of plain training; raise max_epochs, or compare no strategies"
            )

    def rebalance(self, engine: Engine) -> None:
        """Weight (RE) or choose (SE) the samples of ``engine.state.batch``."""
        chosen_by_sampler = self.strategy == "se" and self.features == "bank"
        if engine.state.epoch <= self.warmup_epochs or chosen_by_sampler:
            return
        batch = engine.state.batch
        from_bank = self.features == "bank"
        local = self._own_bank()(batch["index"]) if from_bank else self._fresh_features(engine, batch["image"])
        features = gather_rows(local)
        labels = gather_rows(batch["label"]) if "label" in batch else None
        clusters = self._cluster(features, gather_rows(batch["index"]), labels)
        if self.strategy == "re":
            batch["weight"] = own_rows(reweight(clusters, self.max_weight))
        else:
            chosen = select_balanced(features, clusters, self.batch_size)
            tensors = {key: value for key, value in batch.items() if isinstance(value, torch.Tensor)}
            engine.state.batch = {key: exchange_rows(value, chosen) for key, value in tensors.items()}

    def select_from_bank(self, candidates: torch.Tensor) -> torch.Tensor:
        """Positions of the chosen samples among the ``candidates`` (indices in the cohort), by features in the bank."""
        bank = self._own_bank()
        features, labels = bank(candidates), bank.labels[candidates]
        clusters = self._cluster(features, candidates, labels)
        return select_balanced(features, clusters, self.batch_size)

    def remember(self, engine: Engine) -> None:
        """Put the mean feature of each sample's two views into the bank."""
        batch, output = engine.state.batch, engine.state.output["pred"]
        first, second = output.features
        self._own_bank().update(batch["index"], (first + second) / 2, batch.get("label"))

    def report(self, engine: Engine) -> None:
        """Write the epoch's mean cluster shares and purity to ``engine.state.metrics`` and the log."""
        if self._sums:
            means = {name: total / self._batches[name] for name, total in self._sums.items()}
            engine.state.metrics.update(means)
            shares = ", ".join(f"{name} {value:.2f}" for name, value in means.items())
            logger.info(f"{self.strategy.upper()} over {max(self._batches.values())} batches: {shares}")
        self._sums.clear()
        self._batches.clear()

    def state_dict(self) -> dict[str, Any]:
        """The bank, and the sums of the current epoch for a checkpoint within it."""
        bank = None if self.bank is None else self.bank.state_dict()
        return {"bank": bank, "sums": dict(self._sums), "batches": dict(self._batches)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the result of :meth:`state_dict`; earlier versions counted the batches of all sums in one of them."""
        sums = dict(state["sums"])
        batches = dict.fromkeys(sums, int(sums.pop("batches", 0)))
        self._sums, self._batches = defaultdict(float, sums), Counter(state.get("batches", batches))
        if self.bank is not None:
            self.bank.load_state_dict(state["bank"])

    def _own_bank(self) -> FeatureBank:
        assert self.bank is not None  # checked in the constructor
        return self.bank

    @torch.no_grad()
    def _fresh_features(self, engine: Engine, image: torch.Tensor) -> torch.Tensor:
        """Features of clean images; the trainer sets the encoder to training mode again before its step."""
        self.encoder.eval()
        # A GPU takes as many at a time as a training step. On a CPU, the activations of two fit into the process's
        # memory; those of more may be returned to the system after each layer, up to a third of a pass's time.
        size = 2 if torch.device(engine.state.device).type == "cpu" else self.batch_size
        chunks = []
        with folded_batch_norms(self.encoder):
            for chunk in image.split(size):
                x, _ = self.prepare_batch({"image": chunk}, engine.state.device, engine.non_blocking)
                chunks.append(self.inferer(x, self.encoder).float())
        return torch.cat(chunks)

    def _cluster(self, features: torch.Tensor, index: torch.Tensor, labels: torch.Tensor | None) -> Clusters:
        clusters = cluster_features(features, self.num_clusters, self.seed)
        shares = clusters.counts.sort(descending=True).values / len(features)
        for rank, share in enumerate(shares.tolist(), start=1):
            self._add(f"cluster_share_{rank}", share)
        traits = {name: values[index.cpu()] for name, values in self.traits.items()}
        for name, values in (("cluster_purity", labels), ("cluster_purity_centre", traits.get("centre"))):
            if values is not None:
                self._add_purity(name, clusters, values.long().cpu())
        if "size" in traits:
            self._add("cluster_eta2_size", cluster_eta_squared(clusters, traits["size"]))
        return clusters

    def _add_purity(self, name: str, clusters: Clusters, groups: torch.Tensor) -> None:
        """Purity of the samples whose group is known, and the share of the largest group."""
        known = groups >= 0  # see common.data.mark_unlabelled
        if bool(known.any()):
            groups = groups[known]
            self._add(name, cluster_purity(clusters._replace(assignment=clusters.assignment[known]), groups))
            self._add(f"{name}_base", float(groups.bincount().max()) / len(groups))

    def _add(self, name: str, value: float) -> None:
        self._sums[name] += value
        self._batches[name] += 1


def _check_selection_sizes(batch_size: int, num_candidates: int, num_clusters: int) -> None:
    if batch_size % 2 or batch_size < 2:
        raise InputError(
            f"batch_size: {batch_size}; SE takes half a batch round each of two centroids; choose an even m"
        )
    if batch_size >= num_candidates:
        raise InputError(
            f"batch_size: m = {batch_size} of num_candidates N = {num_candidates}; SE chooses m out of more than m;"
            " lower batch_size or raise candidates_per_cluster"
        )
    if num_candidates < num_clusters:
        raise InputError(
            f"num_candidates: {num_candidates} samples for num_clusters {num_clusters}; expected at least as many;"
            " raise candidates_per_cluster"
        )
    if batch_size * num_clusters >= num_candidates:
        logger.warning(f"SE: m = {batch_size} is not below N / k = {num_candidates / num_clusters:g} as in the paper.")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name}: {value!r}; expected one of {', '.join(allowed)}; correct it")
