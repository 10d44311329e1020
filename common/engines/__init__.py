from .clips import PrepareClipPair, PrepareClips, PrepareRestoration
from .cosine_rate import CosineRate
from .denoising import PrepareDenoising
from .image_and_radiomics import PrepareImageAndRadiomics
from .inferers import AutocastInferer
from .jigsaw import PrepareJigsaw
from .modality_views import PrepareModalityViews
from .prepare_batch import PrepareImage, PrepareViews
from .rubik import PrepareRubik

__all__ = [
    "AutocastInferer",
    "CosineRate",
    "PrepareClipPair",
    "PrepareClips",
    "PrepareDenoising",
    "PrepareImage",
    "PrepareImageAndRadiomics",
    "PrepareJigsaw",
    "PrepareModalityViews",
    "PrepareRestoration",
    "PrepareRubik",
    "PrepareViews",
]
