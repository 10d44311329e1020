"""What a classifier looks at: class activation maps, their figures, and how much of them lies where it should."""

from .explain_models import ExplainModels
from .layer_cam import LayerCAM, layer_name
from .pointing_game import PointingGame, pointing_game

__all__ = ["ExplainModels", "LayerCAM", "PointingGame", "layer_name", "pointing_game"]
