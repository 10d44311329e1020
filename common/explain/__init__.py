"""Class activation maps of a classifier, their figures, and their overlap with a mask."""

from .explain_models import ExplainModels
from .heat_picture import heat_picture
from .layer_cam import LayerCAM, layer_name
from .occlusion import occlusion_map, upright
from .pointing_game import PointingGame, pointing_game

__all__ = [
    "ExplainModels",
    "LayerCAM",
    "PointingGame",
    "heat_picture",
    "layer_name",
    "occlusion_map",
    "pointing_game",
    "upright",
]
