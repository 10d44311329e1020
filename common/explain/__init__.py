"""Class activation maps of a classifier, their figures, and their overlap with a mask."""

from .explain_models import ExplainModels
from .layer_cam import LayerCAM, layer_name
from .pointing_game import PointingGame, pointing_game

__all__ = ["ExplainModels", "LayerCAM", "PointingGame", "layer_name", "pointing_game"]
