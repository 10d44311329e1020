from .clips import PrepareClipPair, PrepareClips
from .cosine_rate import CosineRate
from .image_and_radiomics import PrepareImageAndRadiomics
from .inferers import AutocastInferer
from .jigsaw import PrepareJigsaw
from .modality_views import PrepareModalityViews
from .prepare_batch import PrepareImage, PrepareViews
from .restoration import PrepareRestoration
from .rubik import PrepareRubik

__all__ = [
    "AutocastInferer",
    "CosineRate",
    "PrepareClipPair",
    "PrepareClips",
    "PrepareImage",
    "PrepareImageAndRadiomics",
    "PrepareJigsaw",
    "PrepareModalityViews",
    "PrepareRestoration",
    "PrepareRubik",
    "PrepareViews",
]
