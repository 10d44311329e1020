"""Size and multiplications of networks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .paper import Row
from .plan import Request

if TYPE_CHECKING:
    from ..evaluation.protocols.methods import FineTuning
    from ..evaluation.protocols.stages import Stages

__all__ = ["LAYER_COSTS", "layer_cost", "multiply_adds", "number_of_parameters"]

#: Columns of complexity: they are counted, not measured.
LAYER_COSTS = ("layer_parameters", "layer_macs")


def layer_cost(request: Request, row: Row, name: str) -> str:
    """Parameters or multiply-adds, in millions, of the fusion that an overlay of ``train.yaml`` sets.

    Args:
        request: requested table or figure, with settings of the network.
        row: row with the overlay in ``layer``; others have no such cost.
        name: "layer_parameters" or "layer_macs".
    """
    if not row.layer:
        return "-"
    from monai.bundle import ConfigParser

    from ..benchmark.complexity import count_macs
    from ..bundle_configs import BundleConfigs

    configs = BundleConfigs(request.paper.bundle)
    parser = ConfigParser()
    parser.read_config([configs.path("train"), configs.path(row.layer)])
    known = {key: value for key, value in request.settings.items() if key.split("#")[0] in parser.get()}
    parser.update({"dataset_dir": str(request.dataset_dir), **known})
    fusion, backbone = (parser.get_parsed_content(part) for part in ("fusion", "backbone"))
    if name == "layer_parameters":
        return f"{sum(each.numel() for each in fusion.parameters()) / 1e6:.3f}"
    size = [-(-int(side) // 32) for side in parser.get_parsed_content("image_size")]
    shape = (backbone.num_features, int(parser.get_parsed_content("in_channels")), *size)
    return f"{count_macs(fusion, shape) / 1e6:.1f}"


def multiply_adds(run: Stages, row: FineTuning, training: str) -> str:
    """Multiply-adds of one input of the network that a row trains, in millions.

    Args:
        run: comparison with the row.
        row: row that trains a network.
        training: its config, "train" or "train_segmentation".
    """
    from ..benchmark.complexity import count_macs

    parser = run.config_of(training, row.overlays)
    if row.modality is not None:
        parser.update({"modality": row.modality})
    size = parser.get_parsed_content("roi_size" if "roi_size" in parser else "image_size")
    shapes = [(int(parser.get_parsed_content("in_channels")), *size)]
    if "num_radiomics" in parser:
        scaling = next(run.output_dir.glob(f"**/{row.folder}/**/scaling.json"), None)
        number = len(json.loads(scaling.read_text())["columns"]) if scaling else 1
        parser.update({"num_radiomics": number})
        shapes.append((number,))
    return f"{count_macs(parser.get_parsed_content('network_def'), *shapes) / 1e6:.1f} M"


def number_of_parameters(made: Path) -> str:
    """Number of weights in ``model.pt`` of a run, in millions; "-" if it has none.

    Args:
        made: ``model.pt`` itself, or a table of predictions below its folder.
    """
    found = [path for path in (made, made.parent.with_name("model.pt")) if path.name == "model.pt" and path.is_file()]
    if not found:
        return "-"
    from ..checkpoints import read_checkpoint

    try:
        weights = read_checkpoint(found[0])
    except InputError:
        return "-"
    trained = [each.numel() for name, each in _tensors(weights) if not name.endswith(("running_mean", "running_var"))]
    return f"{sum(trained) / 1e6:.3f} M"


def _tensors(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _tensors(value)
        elif getattr(value, "is_floating_point", bool)():
            yield name, value
