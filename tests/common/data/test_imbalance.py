from __future__ import annotations

import pytest
import torch

from common.data.imbalance import (
    Clusters,
    cluster_eta_squared,
    cluster_features,
    cluster_purity,
    reweight,
    select_balanced,
)
from common.errors import InputError


def blobs() -> torch.Tensor:
    """Three groups on a line, at 0 (7 samples), 10 (2) and 100 (3)."""
    offsets = torch.tensor([0.0] * 7 + [10.0] * 2 + [100.0] * 3)
    return torch.stack([offsets + torch.linspace(0, 0.5, 12), torch.zeros(12)], dim=1)


def test_clusters_are_the_groups():
    clusters = cluster_features(blobs(), 3)
    groups = [set(clusters.assignment[part].tolist()) for part in (slice(0, 7), slice(7, 9), slice(9, 12))]
    assert all(len(group) == 1 for group in groups) and len(set.union(*groups)) == 3


def test_equal_features_and_seed_give_equal_clusters():
    features = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    first, second = (cluster_features(features, 3, seed=5) for _ in range(2))
    assert torch.equal(first.assignment, second.assignment) and torch.equal(first.centroids, second.centroids)


def test_fewer_samples_than_clusters_is_one_line():
    with pytest.raises(InputError, match="3 clusters for 2 samples"):
        cluster_features(torch.rand(2, 4), 3)


def test_weights_are_the_largest_count_over_the_cluster_s():
    assignment = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    weights = reweight(Clusters(assignment, torch.zeros(3, 2)))
    assert weights.tolist() == [1, 1, 1, 1, 2, 2, 4]


def test_weights_are_n_over_f_rescaled_to_a_minimum_of_one():
    clusters = cluster_features(torch.randn(30, 4, generator=torch.Generator().manual_seed(1)), 3)
    literal = torch.tensor([30 / int((clusters.assignment == j).sum()) for j in clusters.assignment])
    torch.testing.assert_close(reweight(clusters), literal / literal.min())


def naive_selection(features: torch.Tensor, centroids: torch.Tensor, m: int) -> tuple[set[int], set[int]]:
    """Section 2b by loops, for batches where no sample is near both centroids."""
    k = len(centroids)
    a, b = max(
        ((i, j) for i in range(k) for j in range(i + 1, k)), key=lambda p: (centroids[p[0]] - centroids[p[1]]).norm()
    )
    nearest = [
        sorted(range(len(features)), key=lambda i: (features[i] - centroids[c]).norm())[: m // 2] for c in (a, b)
    ]
    return set(nearest[0]), set(nearest[1])


@pytest.mark.parametrize("seed", range(5))
def test_selection_is_the_nearest_halves_round_the_farthest_centroids(seed):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.tensor([[0.0, 0, 0], [8, 0, 0], [0, 20, 0]])
    features = centres.repeat(10, 1) + torch.randn(30, 3, generator=generator)
    clusters = cluster_features(features, 3)
    chosen = select_balanced(features, clusters, 6)
    expected = naive_selection(features, clusters.centroids, 6)
    assert {frozenset(chosen[:3].tolist()), frozenset(chosen[3:].tolist())} == {frozenset(half) for half in expected}


def test_selection_takes_no_sample_twice_even_where_both_centroids_are_near():
    features = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)) * 1e-3
    chosen = select_balanced(features, cluster_features(features, 3), 6)
    assert len(set(chosen.tolist())) == 6


def test_a_contested_sample_goes_where_the_sum_of_distances_is_least():
    features = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    clusters = Clusters(torch.tensor([0, 0, 1, 1]), torch.tensor([[1.0], [1.2]]))
    chosen = select_balanced(features, clusters, 4)
    assert set(chosen[:2].tolist()) == {0, 1} and set(chosen[2:].tolist()) == {2, 3}


def test_purity_is_the_share_of_the_commonest_labels():
    clusters = Clusters(torch.tensor([0, 0, 0, 1, 1]), torch.zeros(2, 1))
    assert cluster_purity(clusters, torch.tensor([1, 1, 0, 0, 0])) == pytest.approx(4 / 5)


def test_eta_squared_is_the_share_of_the_variance_between_clusters():
    torch.manual_seed(0)
    clusters = Clusters(torch.tensor([0, 1, 0, 2, 1, 1, 0]), torch.zeros(4, 1))  # and an empty one
    values = torch.randn(7)
    means = torch.stack([values[clusters.assignment == j].mean() for j in clusters.assignment])
    naive = means.var(correction=0) / values.var(correction=0)
    assert cluster_eta_squared(clusters, values) == pytest.approx(float(naive))
    assert cluster_eta_squared(clusters, means) == pytest.approx(1.0)
    assert cluster_eta_squared(clusters, torch.ones(7)) == 0.0
