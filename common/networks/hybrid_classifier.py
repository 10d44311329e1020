"""A hybrid network, optionally frozen, with a linear classifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..errors import InputError
from .hybrid import HybridNetwork, freeze
from .probabilities import log_mean_probability
from .unit_vectors import unit_vectors

__all__ = ["HybridClassifier"]

_VIEWS = ("both", "image", "radiomics", "pooled")
_FINE_TUNING = ("image_encoder.layer4", "radiomics_encoder.1", "radiomics_encoder.2")


class HybridClassifier(nn.Module):
    """One fully connected layer on the vectors of a hybrid network (Zhao and Yang 2021, sections 2.3, 3.3 and 3.4).

    "Upon convergence, we add a fully-connected layer at the end of the pre-trained network and use it for tumor
    classification." Four of the paper's rows are this class: fine-tuning, with the default ``frozen``; the linear
    probe, with all three parts of the network frozen; from scratch, with nothing frozen; and ResNet-50 alone, with the
    view ``pooled``.

    Args:
        hybrid: hybrid network with its initial weights.
        num_classes: number of classes; 0 for the features themselves, without a linear layer.
        view: input of the classifier: ``both``: the concatenated vectors of image and radiomics; ``image`` or
            ``radiomics``: one of them; ``pooled``: the image encoder's pooled feature map, before the projection, as in
            a plain ResNet and after other pretext tasks that train the encoder alone; it is never normalised. Parts
            without effect on class scores are frozen too.
        frozen: names of modules of ``hybrid`` that keep weights and batch statistics. The default is the paper's: "the
            best results were obtained without fine-tuning the last group of convolutions layers in ResNet-50 and the
            last two layers in fully connected network for processing radiomics" (section 3.4), read literally.
        normalize: whether to normalise the classifier's input to length 1, as in pre-training. **Ours**: the paper
            normalises "before calculating the contrastive loss" and does not mention the classifier's input.
        batch_norm: whether to standardise each feature before the layer, by a batch norm without weights (He et al.
            2022, appendix A.1). **Ours**: features of unit vectors are so small and unequal that few steps of a linear
            probe hardly find the informative ones.
        dropout: probability of dropping a feature in training.
        keep_radiomics: whether the classifier also sees the radiomics as they come in, behind the vectors. **Ours**:
            the vectors keep what image and radiomics share, and the radiomics alone are strong where labels are few.
        test_flips: whether to average the probabilities of an image and its mirror image in evaluation. **Ours**.
        probabilities: module from logits to probabilities, for evaluation and export: ``torch.nn.Softmax`` or
            :class:`~common.networks.CalibratedSoftmax`. ``None`` returns logits, for cross-entropy. Both have
            the same weights.

    Raises:
        InputError: the view is unknown, or a name in ``frozen`` is no module; in ``forward``, radiomics required by the
            view are missing.

    Shape:
        - image: ``B[C]HW``.
        - radiomics: ``B[R]``, standardised; may be missing if the view is of the image alone.
        - result: ``B[num_classes]``, or the output of ``probabilities``.
    """

    def __init__(
        self,
        hybrid: HybridNetwork,
        num_classes: int,
        view: str = "both",
        frozen: Sequence[str] = _FINE_TUNING,
        normalize: bool = True,
        batch_norm: bool = False,
        dropout: float = 0.0,
        keep_radiomics: bool = False,
        test_flips: bool = False,
        probabilities: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if view not in _VIEWS:
            raise InputError(f"view: {view!r}; expected one of {', '.join(_VIEWS)}; correct it")
        self.hybrid = hybrid
        self.view = view
        self.normalize = normalize
        self.keep_radiomics = keep_radiomics
        self.test_flips = test_flips
        self.dropout = nn.Dropout(dropout)
        width = {"both": 2 * hybrid.out_features, "pooled": hybrid.num_features}.get(view, hybrid.out_features)
        width += hybrid.num_radiomics if keep_radiomics else 0
        # constant weights 1 and 0 instead of none, which synchronised batch norms of several processes do not support
        self.norm = nn.BatchNorm1d(width).requires_grad_(False) if batch_norm else nn.Identity()
        self.head = nn.Linear(width, num_classes) if num_classes else nn.Identity()
        self.probabilities = probabilities
        self.frozen = freeze(hybrid, [*frozen, *_unused(view)])
        self.head_alone = False

    def branches(self) -> list[list[tuple[nn.Module, ...]]]:
        """Layers that the classifier's view has, of each branch from its input on."""
        projection = () if self.view == "pooled" else ((self.hybrid.image_projection,),)
        image = [*self.hybrid.image_encoder.layers, *projection]
        radiomics: list[tuple[nn.Module, ...]] = [(layer,) for layer in self.hybrid.radiomics_encoder]
        both = {"both": [image, radiomics], "radiomics": [radiomics]}
        return both.get(self.view, [image])

    def train_head_alone(self, alone: bool) -> None:
        """Let batch norms outside the classifier keep their statistics in training, or no longer.

        Args:
            alone: whether only the classifier is trained; see :class:`~common.handlers.HeadFirst`.
        """
        self.head_alone = alone

    def train(self, mode: bool = True) -> HybridClassifier:
        """Set the trained parts to training mode; frozen batch norms keep and use their statistics."""
        super().train(mode)
        for name in self.frozen:
            self.hybrid.get_submodule(name).eval()
        if self.head_alone:
            self.hybrid.eval()
        return self

    def forward(self, image: torch.Tensor, radiomics: torch.Tensor | None = None) -> torch.Tensor:
        """Logits, or probabilities."""
        logits = self.logits(image, radiomics)
        if self.test_flips and not self.training:
            logits = log_mean_probability(torch.stack([logits, self.logits(image.flip(2), radiomics)]))
        return logits if self.probabilities is None else self.probabilities(logits)

    @torch.jit.export
    def logits(self, image: torch.Tensor, radiomics: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of the images as they are, in float32: under autocast a softmax would not add up to 1."""
        return self.head(self.dropout(self.norm(self.features(image, radiomics)))).float()

    @torch.jit.export
    def features(self, image: torch.Tensor, radiomics: torch.Tensor | None = None) -> torch.Tensor:
        """Input of the classifier, before its batch norm."""
        vectors = []
        if self.view == "pooled":
            vectors.append(self.hybrid.pooled_features(image))
        elif self.view != "radiomics":
            vectors.append(self.hybrid.image_projection(self.hybrid.pooled_features(image)))
        if radiomics is None and (self.keep_radiomics or self.view in ("both", "radiomics")):
            view = "view of the image without keep_radiomics" if self.keep_radiomics else "view of the image"
            raise InputError(f"radiomics: none, and the view is {self.view}; give them, or train a {view}")
        if radiomics is not None and self.view in ("both", "radiomics"):
            vectors.append(self.hybrid.radiomics_encoder(radiomics))
        if self.normalize and self.view != "pooled":
            vectors = [unit_vectors(vector) for vector in vectors]
        if radiomics is not None and self.keep_radiomics:
            vectors.append(radiomics)
        return torch.cat(vectors, dim=1)


def _unused(view: str) -> tuple[str, ...]:
    """Parts of the network without effect on class scores."""
    without = {"image": ("radiomics_encoder",), "radiomics": ("image_encoder", "image_projection")}
    without["pooled"] = ("image_projection", "radiomics_encoder")
    return without.get(view, ())
