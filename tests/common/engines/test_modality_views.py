from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
from scipy.stats import chisquare

from common.engines import PrepareModalityViews
from common.engines.modality_views import draw_pairs
from common.errors import InputError

MEAN, STD = [0.3, 0.2, 0.1, 0.4], [0.25, 0.17, 0.16, 0.5]


def prepare(num_modalities: int = 3, augment=None, **settings) -> PrepareModalityViews:
    return PrepareModalityViews(augment, MEAN[:num_modalities], STD[:num_modalities], **settings)


def constant_batch(batch_size: int, num_modalities: int = 3) -> torch.Tensor:
    """Patient b's modality m is 10 b + m everywhere."""
    values = 10.0 * torch.arange(batch_size)[:, None] + torch.arange(num_modalities)
    return values[:, :, None, None].expand(-1, -1, 4, 5).contiguous()


def drawn(views: list[torch.Tensor]) -> list[tuple[int, int]]:
    """Modalities of both views of each patient, read from their values; asserts patient and normalisation."""
    pairs = []
    for patient, (x1, x2) in enumerate(zip(*views, strict=True)):
        pair = []
        for view in (x1, x2):
            value = view.unique()
            assert len(value) == 1 and view.shape == (1, 4, 5)
            fits = [m for m in range(4) if abs(value * STD[m] + MEAN[m] - (10 * patient + m)) < 1e-3]
            assert len(fits) == 1  # only the right modality's figures give its value back
            pair += fits
        pairs.append(tuple(pair))
    return pairs


def naive_pair(first: float, second: float, pairs: str, present: list[int]) -> tuple[int, int]:
    """Algorithm 1's draw for one patient, with and without replacement."""
    one = present[int(first * len(present))]
    if pairs == "same":
        return one, one
    left = present if pairs == "independent" or len(present) == 1 else [m for m in present if m != one]
    return one, left[int(second * len(left))]


@pytest.mark.parametrize("pairs", ["different", "independent", "same"])
@pytest.mark.parametrize("num_modalities", [2, 3, 4])
def test_pairs_are_those_of_a_loop_over_patients_with_and_without_missing_modalities(pairs, num_modalities):
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(500, 2, dtype=torch.float64, generator=generator)
    missing = torch.rand(500, num_modalities, generator=generator) < 0.3
    missing[missing.all(1), 0] = False
    found = draw_pairs(uniform, pairs, missing).tolist()
    for (first, second), row, pair in zip(uniform.tolist(), missing.tolist(), found, strict=True):
        present = [m for m in range(num_modalities) if not row[m]]
        assert tuple(pair) == naive_pair(first, second, pairs, present)


@pytest.mark.parametrize("num_modalities", [2, 3, 4])
def test_different_pairs_differ_always_and_all_ordered_ones_are_equally_likely(num_modalities):
    uniform = torch.rand(12000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    missing = torch.zeros(12000, num_modalities, dtype=torch.bool)
    counts = Counter(map(tuple, draw_pairs(uniform, "different", missing).tolist()))
    assert set(counts) == set(itertools.permutations(range(num_modalities), 2))
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_independent_pairs_are_equal_once_in_the_number_of_modalities():
    uniform = torch.rand(12000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    counts = Counter(map(tuple, draw_pairs(uniform, "independent", torch.zeros(12000, 3, dtype=torch.bool)).tolist()))
    assert set(counts) == set(itertools.product(range(3), repeat=2))
    assert chisquare(list(counts.values())).pvalue > 1e-3
    assert abs(sum(counts[m, m] for m in range(3)) / 12000 - 1 / 3) < 0.02


@pytest.mark.parametrize("pairs", ["different", "independent", "same"])
def test_views_show_the_right_patients_normalised_with_the_figures_of_their_modality(pairs):
    torch.manual_seed(3)
    views, weights = prepare(pairs=pairs)({"image": constant_batch(60)}, "cpu")
    found = drawn(views)
    torch.manual_seed(3)
    uniform = torch.rand(60, 2, dtype=torch.float64).tolist()
    assert found == [naive_pair(*numbers, pairs, [0, 1, 2]) for numbers in uniform]
    assert len(set(found)) == {"different": 6, "independent": 9, "same": 3}[pairs] and weights is None


def test_a_fixed_modality_makes_both_views():
    views, _ = prepare(pairs="same", modality=1)({"image": constant_batch(8)}, "cpu")
    assert drawn(views) == [(1, 1)] * 8


def test_one_modality_alone_works_without_mda():
    views, _ = prepare(1, pairs="same")({"image": constant_batch(5, 1)}, "cpu")
    assert drawn(views) == [(0, 0)] * 5


def test_a_missing_modality_is_never_drawn_while_there_is_another():
    missing = torch.tensor([[False, True, False], [True, False, True], [False, False, False]]).repeat(100, 1)
    for pairs in ("different", "independent", "same"):
        views, _ = prepare(pairs=pairs)({"image": constant_batch(300), "missing": missing}, "cpu")
        found = drawn(views)
        assert all(not missing[i, m] for i, pair in enumerate(found) for m in pair)
        if pairs == "different":
            assert {found[i] for i in range(0, 300, 3)} == {(0, 2), (2, 0)}
            assert {found[i] for i in range(1, 300, 3)} == {(1, 1)}


def test_each_view_is_augmented_on_its_own_before_it_is_normalised():
    seen = []

    def augment(view):
        seen.append(view.clone())
        return view + 100 * len(seen)

    image = constant_batch(6)
    torch.manual_seed(0)
    (x1, x2), _ = prepare(augment=augment)({"image": image}, "cpu")
    torch.manual_seed(0)
    pairs = draw_pairs(torch.rand(6, 2, dtype=torch.float64), "different", torch.zeros(6, 3, dtype=torch.bool))
    for k, view in enumerate((x1, x2)):
        for patient, modality in enumerate(pairs[:, k].tolist()):
            assert torch.equal(seen[k][patient, 0], image[patient, modality])
            expected = (image[patient, modality] + 100 * (k + 1) - MEAN[modality]) / STD[modality]
            torch.testing.assert_close(view[patient, 0], expected)


def test_the_batch_stays_as_it_is_and_weights_of_re_reach_the_loss():
    image, weight = constant_batch(4), torch.tensor([1.0, 2.0, 1.0, 1.0])
    _, weights = prepare()({"image": image, "weight": weight}, "cpu")
    assert torch.equal(image, constant_batch(4)) and torch.equal(weights, weight)


def test_two_processes_draw_what_one_draws_for_the_joined_batch(monkeypatch):
    image = constant_batch(8)
    missing = torch.rand(8, 3, generator=torch.Generator().manual_seed(0)) < 0.2
    torch.manual_seed(5)
    joined, _ = prepare()({"image": image, "missing": missing}, "cpu")
    state = torch.get_rng_state()
    for rank in (0, 1):
        monkeypatch.setattr("ignite.distributed.get_rank", lambda rank=rank: rank)
        monkeypatch.setattr("ignite.distributed.get_world_size", lambda: 2)
        torch.manual_seed(5)
        views, _ = prepare()({"image": image[rank::2], "missing": missing[rank::2]}, "cpu")
        assert all(torch.equal(own, view[rank::2]) for own, view in zip(views, joined, strict=True))
        assert torch.equal(torch.get_rng_state(), state)


def test_stored_half_precision_becomes_single_and_the_memory_format_is_kept():
    views, _ = prepare(memory_format=torch.channels_last)({"image": constant_batch(4).half()}, "cpu")
    assert all(x.dtype == torch.float32 and x.is_contiguous(memory_format=torch.channels_last) for x in views)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_modalities": 1}, "pairs is 'different' with one modality; expected two"),
        ({"pairs": "other"}, "pairs is 'other'; expected one of different, independent, same"),
        ({"modality": 0}, "modality is 0 with pairs 'different'; expected null"),
        ({"pairs": "same", "modality": 3}, "modality is 3 .* an index from 0 to 2"),
    ],
)
def test_arguments_that_make_no_pairs_are_reported(settings, message):
    with pytest.raises(InputError, match=f"PrepareModalityViews: {message}"):
        prepare(**settings)


def test_a_batch_of_other_channels_is_reported():
    with pytest.raises(InputError, match="the batch has 2 channels; expected 3, one for each mean"):
        prepare()({"image": constant_batch(4, 2)}, "cpu")


def test_patients_without_the_fixed_modality_are_reported():
    missing = torch.tensor([[False, True, False], [False, False, True]])
    with pytest.raises(InputError, match=r"1 patients of a batch lack modality 1, .*delete their rows"):
        prepare(pairs="same", modality=1)({"image": constant_batch(2), "missing": missing}, "cpu")
