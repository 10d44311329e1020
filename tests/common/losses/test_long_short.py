from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from common.errors import InputError
from common.handlers import KeyQueue
from common.losses import LongShortLoss, QueueInfoNCELoss
from common.networks import LongShortOutput, MomentumContrastOutput, key_views

FEATURES = 4


def unit(*shape: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)), dim=-1)


def output(batch: int) -> LongShortOutput:
    return LongShortOutput(*(unit(batch, FEATURES, seed=seed) for seed in range(6)))


def filled(views: list[str], steps: list[list[int]], length: int = 7) -> KeyQueue:
    """A queue that has seen batches of these subjects."""
    queue = KeyQueue(views, length, FEATURES).double()
    for number, subjects in enumerate(steps):
        keys = {v: unit(len(subjects), FEATURES, seed=100 + 10 * number + i) for i, v in enumerate(views)}
        queue.enqueue(keys, torch.tensor(subjects))
    return queue


def term(q, k, negatives, own: list[int], others: list[int], masked: bool, temperature: float) -> float:
    """One InfoNCE of the slides, by loops; ``others`` are the subjects of the negatives, -1 for an empty place."""
    total = 0.0
    for i in range(len(q)):
        positive = math.exp(float(q[i] @ k[i]) / temperature)
        total_negative = 0.0
        for n, subject in zip(negatives, others, strict=True):
            if subject == -1 or (masked and subject == own[i]):
                continue
            total_negative += math.exp(float(q[i] @ n) / temperature)
        total -= math.log(positive / (positive + total_negative))
    return total / len(q)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 2.0), (0.0, 1.0), (3.0, 0.0)])
@pytest.mark.parametrize("masked", [True, False])
def test_it_is_the_weighted_sum_of_the_four_terms_with_visits_of_one_subject_masked(alpha, beta, masked):
    views = key_views(alpha, beta)
    queue, own = filled(views, [[0, 1, 2], [3, 0]]), [0, 5, 1]
    out = output(3)
    others = queue.subjects.tolist()
    assert others == [0, 1, 2, 3, 0, -1, -1]

    def info_nce_of(query: str, key: str) -> float:
        q, k = getattr(out, f"q_{query}"), getattr(out, f"k_{key}")
        return term(q, k, queue.negatives(key), own, others, masked, 0.2)

    expected = 0.0
    if alpha:
        expected += alpha * (
            info_nce_of("axial", "coronal") + info_nce_of("axial", "sagittal") + info_nce_of("coronal", "sagittal")
        )
    if beta:
        expected += beta * info_nce_of("short", "axial")
    loss = LongShortLoss(queue, temperature=0.2, alpha=alpha, beta=beta, mask_same_subject=masked)
    assert loss(out, torch.tensor(own)).item() == pytest.approx(expected, abs=1e-9)


def test_masking_matters_and_a_row_whose_subject_fills_the_queue_has_no_loss():
    queue = filled(["axial"], [[4, 4, 4]])
    out = output(2)
    masked = LongShortLoss(queue, alpha=0)(out, torch.tensor([4, 4]))
    assert masked == 0 and LongShortLoss(queue, alpha=0, mask_same_subject=False)(out, torch.tensor([4, 4])) > 0.1


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (0, 1), (1, 0)])
def test_the_gradient_reaches_the_queries_of_the_terms_and_no_key(alpha, beta):
    queue, out = filled(key_views(alpha, beta), [[0, 1, 2]]), output(2)
    for vectors in out:
        vectors.requires_grad_()
    LongShortLoss(queue, alpha=alpha, beta=beta)(out, torch.tensor([7, 8])).backward()
    reached = {name for name, vectors in zip(out._fields, out, strict=True) if vectors.grad is not None}
    expected = ({"q_axial", "q_coronal"} if alpha else set()) | ({"q_short"} if beta else set())
    assert reached == expected


def test_with_an_empty_queue_the_first_step_s_loss_is_0_with_a_gradient_of_0():
    out = output(3)
    out.q_axial.requires_grad_()
    loss = LongShortLoss(KeyQueue(key_views(), 5, FEATURES).double())(out, torch.tensor([0, 1, 2]))
    loss.backward()
    assert loss == 0 and torch.equal(out.q_axial.grad, torch.zeros_like(out.q_axial))


def test_an_absent_term_needs_neither_its_vectors_nor_its_queue():
    out = output(2)._replace(q_axial=None, q_coronal=None, k_coronal=None, k_sagittal=None)
    assert LongShortLoss(filled(["axial"], [[0]]), alpha=0)(out, torch.tensor([1, 2])).isfinite()
    with pytest.raises(InputError, match=r"^clips: the term axial -> coronal lacks one; expected the clips axial, cor"):
        LongShortLoss(filled(key_views(), [[0]]))(out, torch.tensor([1, 2]))


def test_the_queue_is_no_state_of_the_loss_s_own():
    queue = filled(key_views(), [[0, 1]])
    assert LongShortLoss(queue).queue is queue and not list(LongShortLoss(queue).parameters())


def test_moco_s_loss_is_one_term_against_its_queue():
    queue, own = filled(["image"], [[0, 1, 2], [1]]), [1, 9]
    q, k = unit(2, FEATURES, seed=1), unit(2, FEATURES, seed=2)
    others = queue.subjects.tolist()
    for masked in (True, False):
        found = QueueInfoNCELoss(queue, 0.07, mask_same_subject=masked)(MomentumContrastOutput(q, k), torch.tensor(own))
        expected = term(q, k, queue.negatives("image"), own, others, masked, 0.07)
        assert found.item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("loss", [LongShortLoss, QueueInfoNCELoss])
@pytest.mark.parametrize("temperature", [0.0, -0.1, float("nan")])
def test_a_temperature_that_is_not_above_0_is_one_line(loss, temperature):
    with pytest.raises(InputError, match=r"^temperature: .*expected a number above 0"):
        loss(KeyQueue(["axial"], 5, FEATURES), temperature)
