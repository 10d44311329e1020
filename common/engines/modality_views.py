"""Two views of each patient, drawn from the patient's modalities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ..errors import InputError
from ..transforms.base import column_to
from ..transforms.draw import rand_rows
from ..transforms.normalize import check_statistics
from .prepare_batch import DeviceBatch, PrepareImage

__all__ = ["PrepareModalityViews", "draw_pairs"]

PAIRS = ("different", "independent", "same")


class PrepareModalityViews(PrepareImage):
    """Multi-modality data augmentation (MDA): positives are two augmented modalities of one patient.

    "We randomly select two MR images x1 and x2 from a patient as positive pairs [...]. We then take two random
    augmentations for two samples" (Chiang et al. 2023, section 3.1). Each view is augmented separately and then
    normalised with its modality's statistics ("Normalization is performed after the data augmentation"). Modalities
    that a patient lacks (``missing``, the flags of :class:`~common.transforms.LoadModalitiesd`) are not drawn.

    Args:
        augment: function from a batch ``[B, 1, H, W]`` in [0, 1] to its random variant; ``None`` for no augmentation.
        mean: mean intensity of each modality, in the order of the channels.
        std: standard deviation of each modality.
        pairs: "different": two different modalities, all ordered pairs alike; "independent": two independent draws as
            in Algorithm 1, equal once in M; "same": both views from one modality, which is training without MDA.
        modality: index of the modality for "same"; ``None`` to draw one for each patient.
        memory_format: layout of the views in memory.

    Raises:
        InputError: an argument is invalid, ``pairs`` is "different" with one modality, the batch has another number of
            channels, or a patient lacks the fixed ``modality``.
    """

    def __init__(
        self,
        augment: Callable[[torch.Tensor], torch.Tensor] | None,
        mean: Sequence[float],
        std: Sequence[float],
        pairs: str = "different",
        modality: int | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__(augment, memory_format)
        self.mean, self.std = check_statistics(self, mean, std)
        num_modalities = len(self.mean)
        if pairs not in PAIRS:
            raise InputError(f"PrepareModalityViews: pairs is {pairs!r}; expected one of {', '.join(PAIRS)}")
        if pairs == "different" and num_modalities == 1:
            raise InputError("PrepareModalityViews: pairs is 'different' with one modality; expected two; set 'same'")
        if modality is not None and (pairs != "same" or modality not in range(num_modalities)):
            raise InputError(
                f"PrepareModalityViews: modality is {modality!r} with pairs {pairs!r}; expected null, or with 'same' "
                f"an index from 0 to {num_modalities - 1}"
            )
        self.pairs = pairs
        self.modality = modality

    def _prepare(self, batch: DeviceBatch) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        """``([x1, x2], weights)``, each view ``[B, 1, H, W]``, for a Siamese network and its loss."""
        image = batch.image()
        if image.shape[1] != len(self.mean):
            raise InputError(
                f"PrepareModalityViews: the batch has {image.shape[1]} channels; expected {len(self.mean)}, one for "
                "each mean"
            )
        missing = torch.zeros(image.shape[:2], dtype=torch.bool)
        if "missing" in batch.data:
            missing = torch.as_tensor(batch.data["missing"]).cpu()
        chosen = self._draw(missing)
        views = [self._normalized_view(image, modalities) for modalities in chosen.unbind(1)]
        return views, batch.tensor("weight")

    def _draw(self, missing: torch.Tensor) -> torch.Tensor:
        uniform = rand_rows(len(missing), 2)
        if self.modality is None:
            return draw_pairs(uniform, self.pairs, missing)
        if lacking := int(missing[:, self.modality].sum()):
            raise InputError(
                f"PrepareModalityViews: {lacking} patients of a batch lack modality {self.modality}, of which both "
                "views are to be made; expected it in each; delete their rows"
            )
        return torch.full((len(missing), 2), self.modality)

    def _normalized_view(self, image: torch.Tensor, modalities: torch.Tensor) -> torch.Tensor:
        """One modality of each patient, augmented, then normalised."""
        rows = column_to(torch.arange(len(image)) * image.shape[1] + modalities, image)
        view = self._view(image.flatten(0, 1).index_select(0, rows)[:, None])
        columns = torch.stack([1 / self.std, -self.mean / self.std])[:, modalities].float()
        gain, offset = column_to(columns, view).view(2, -1, *[1] * (view.ndim - 1))
        return torch.addcmul(offset, view, gain, out=view)


def draw_pairs(uniform: torch.Tensor, pairs: str, missing: torch.Tensor) -> torch.Tensor:
    """Two modalities for each patient, out of the available ones.

    A patient with a single modality gives it twice.

    Args:
        uniform: random numbers in [0, 1), ``[B, 2]``.
        pairs: "different", "independent" or "same", see :class:`PrepareModalityViews`.
        missing: flags of missing modalities, ``[B, M]``.

    Returns:
        Indices of modalities, ``[B, 2]``.
    """
    present_first = missing.int().argsort(dim=1, stable=True)
    count = (~missing).sum(1).clamp(min=1)
    first = (uniform[:, 0] * count).long()
    if pairs == "same":
        second = first
    elif pairs == "independent":
        second = (uniform[:, 1] * count).long()
    else:
        second = (uniform[:, 1] * (count - 1)).long()
        second = torch.where((second >= first) & (count > 1), second + 1, second)
    return present_first.gather(1, torch.stack([first, second], dim=1))
