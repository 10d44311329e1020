"""The two unsupervised strategies against imbalance, RE and SE, as pure functions of the features of a batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from ..errors import InputError

__all__ = ["Clusters", "cluster_eta_squared", "cluster_features", "cluster_purity", "reweight", "select_balanced"]


class Clusters(NamedTuple):
    """k-means clusters of one batch."""

    assignment: torch.Tensor  # N, the cluster of each sample
    centroids: torch.Tensor  # kxF

    @property
    def counts(self) -> torch.Tensor:
        """Number of samples in each cluster, shape ``k``."""
        return torch.bincount(self.assignment, minlength=len(self.centroids))


def cluster_features(features: torch.Tensor, num_clusters: int, seed: int = 0) -> Clusters:
    """Cluster a batch by k-means ("The k-means algorithm is used first to cluster the representation vectors").

    Args:
        features: representation vectors, ``NxF``.
        num_clusters: number of clusters k.
        seed: random seed for the initial centroids, so that equal features give equal clusters.

    Raises:
        InputError: there are fewer samples than clusters.
    """
    if len(features) < num_clusters:
        raise InputError(
            f"num_clusters: {num_clusters} clusters for {len(features)} samples; expected at least as many samples as "
            "clusters; lower num_clusters or add images"
        )
    points = features.detach().float().cpu().numpy()
    kmeans = KMeans(num_clusters, n_init="auto", random_state=seed).fit(points)
    return Clusters(torch.from_numpy(kmeans.labels_).long(), torch.from_numpy(kmeans.cluster_centers_))


def reweight(clusters: Clusters, max_weight: float | None = None) -> torch.Tensor:
    """RE: weight ``N / f_j`` for each sample of cluster j, "re-scaled to guarantee the minimum weight is 1".

    The rescaled weight is ``f_max / f_j``: 1 in the largest cluster, more in the smaller ones (Li et al. 2021, section
    2a).

    Args:
        clusters: clusters of N samples.
        max_weight: maximum weight, at least 1, as a cluster of one sample in a batch of m has a weight of up to
            ``m - k + 1``. ``None``, as in the paper: no maximum.

    Returns:
        Weights, shape ``N``, float32.
    """
    counts = clusters.counts
    weights = counts.max() / counts[clusters.assignment]
    return weights if max_weight is None else weights.clamp(max=max_weight)


def select_balanced(features: torch.Tensor, clusters: Clusters, num_selected: int) -> torch.Tensor:
    """SE: the samples nearest to the two farthest centroids, half of the new batch around each.

    "We find the maximum Euclidean distance among all pairs of centroids [...] we sample m/2 nearest sample points
    centered on each of the selected maximum-distance centroids" (Li et al. 2021, section 2b), out of all N samples. A
    sample that is among the nearest of both is assigned to one of them, such that the sum of distances is minimal, so
    that no sample is selected twice.

    Args:
        features: representation vectors, ``NxF``.
        clusters: clusters of these samples.
        num_selected: size m of the new batch, even.

    Returns:
        Positions in the batch, shape ``m``: first the half around one centroid, nearest first, then the other half.
    """
    centroids = clusters.centroids.double()
    between = torch.cdist(centroids, centroids)
    pair = divmod(int(between.argmax()), len(centroids))
    distances = torch.cdist(centroids[list(pair)], features.detach().double().cpu())  # 2xN
    seats = distances.repeat_interleave(num_selected // 2, dim=0)  # mxN, one row for each place in the new batch
    _, chosen = linear_sum_assignment(seats.numpy())
    halves = torch.from_numpy(chosen).view(2, -1)
    nearest_first = distances.gather(1, halves).argsort(dim=1, stable=True)
    return halves.gather(1, nearest_first).flatten()


def cluster_purity(clusters: Clusters, labels: torch.Tensor) -> float:
    """Fraction of samples with the most frequent label of their cluster, in [1/classes, 1]; for logs only.

    Args:
        clusters: clusters of N samples.
        labels: labels of the samples, shape ``N``, integers from 0.
    """
    table = torch.zeros(len(clusters.centroids), int(labels.max()) + 1)
    table.index_put_((clusters.assignment, labels.long().cpu()), torch.tensor(1.0), accumulate=True)
    return float(table.max(dim=1).values.sum() / len(labels))


def cluster_eta_squared(clusters: Clusters, values: torch.Tensor) -> float:
    """Share of the variance of ``values`` that lies between clusters, in [0, 1]: 0 for equal means; for logs only.

    Clusters that follow something else have ``(k - 1) / (N - 1)`` on average.

    Args:
        clusters: clusters of N samples.
        values: a number of each sample, shape ``N``.
    """
    values = values.double().cpu() - values.double().mean().cpu()
    sums = torch.zeros(len(clusters.centroids), dtype=torch.double).index_add_(0, clusters.assignment, values)
    between = (sums.square() / clusters.counts.clamp_min(1)).sum()
    total = values.square().sum()
    return float(between / total) if total > 0 else 0.0
