"""What a bundle compares in a study: the file ``study.yaml`` beside its configs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from ..bundle_configs import BundleConfigs
from ..errors import InputError

__all__ = ["DESCRIBED", "Protocol", "Task", "read_descriptions", "read_protocol"]

Task = Literal["classification", "segmentation"]
#: Entry of ``study.yaml`` with a line for each overlay of a row.
DESCRIBED = "described"


@dataclass(frozen=True)
class Protocol:
    """The comparison of a bundle for one task.

    Args:
        methods: rows of the comparison in the order of their value for it; the first is the reference.
        rules: names of the rules that choose settings, see :mod:`common.study.rules`.
        mask: whether each image needs a mask: "required", "optional" or "ignored".
        dims: allowed numbers of spatial axes.
        overlays: configs of the bundle for all stages.
        settings: ids for every config that has them.
        missing: whether a modality may be missing: "refuse" or "zeros".
    """

    methods: tuple[str, ...]
    rules: tuple[str, ...]
    mask: str = "optional"
    dims: tuple[int, ...] = (3,)
    overlays: tuple[str, ...] = ()
    settings: Mapping[str, Any] | None = None
    missing: str = "refuse"


def read_protocol(configs: BundleConfigs, task: Task, spatial_dims: int = 3) -> Protocol:
    """Read ``study.yaml``.

    Args:
        configs: configs of the bundle.
        task: task of the study.
        spatial_dims: number of spatial axes of the cohort; a start from ImageNet needs 2.

    Raises:
        InputError: the bundle has no study for this task.
    """
    found = _read(configs)
    if task not in found:
        known, path = ", ".join(name for name in found if name != DESCRIBED) or "none", configs.root / "study.yaml"
        raise InputError(f"{path}: no study of task {task}, expected one of {known}; choose another --task or bundle")
    content = dict(found[task])
    imagenet = content.pop("imagenet", None)
    if imagenet and spatial_dims == 2 and find_spec(imagenet["package"]):
        settings = {"pretrained_weights": imagenet["weights"]}
        content |= {"methods": imagenet["methods"], "overlays": imagenet["overlays"], "settings": settings}
    lists: dict[str, Sequence[Any]] = {name: value for name, value in content.items() if isinstance(value, list)}
    return Protocol(**{**content, **{name: tuple(value) for name, value in lists.items()}})


def read_descriptions(configs: BundleConfigs) -> dict[str, str]:
    """What each overlay of a row is, with its paper, by name; those that ``study.yaml`` describes."""
    return dict(_read(configs).get(DESCRIBED) or {})


def _read(configs: BundleConfigs) -> dict[str, Any]:
    import yaml

    path = configs.root / "study.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
