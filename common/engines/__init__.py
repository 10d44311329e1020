from .inferers import AutocastInferer
from .modality_views import PrepareModalityViews
from .prepare_batch import PrepareImage, PrepareViews

__all__ = ["AutocastInferer", "PrepareImage", "PrepareModalityViews", "PrepareViews"]
