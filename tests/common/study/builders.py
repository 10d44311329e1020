"""Cohorts in numbers, machines and plans for tests of a study."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from common.study.cohort import Cohort
from common.study.image_sample import ImageSample
from common.study.machine import Machine
from common.study.measurement import StageCost
from common.study.plan import Plan
from common.study.rules import Facts

CPU = Machine("cpu", 2, 16.0, 16.0, 100.0, False)
GPU = Machine("cuda:0", 8, 64.0, 80.0, 1000.0, True)
SAMPLE = ImageSample(
    measured=60,
    spatial_dims=3,
    channels=1,
    stored=["int16"],
    shape=[50, 60, 20],
    largest_shape=[64, 64, 24],
    spacing=[0.8, 0.8, 2.0],
    spacing_ratio=2.5,
    intensities=[[-950.0, -600.0, 300.0]],
    scaled=[[0.3, 0.2]],
    zero_share=0.01,
    lesion_extent=[20, 22, 8],
    lesion_extent_mm=[18.0, 20.0, 15.0],
    lesion_median=[10, 12, 4],
    lesion_intensities=[[-812.0, 10.0, 348.0]],
    labels=[1],
)
COHORT = Cohort(
    subjects=100,
    images=100,
    several_images=0,
    unlabelled=0,
    test_subjects=0,
    classes={"0 benign": 60, "1 malignant": 40},
    modalities=["CT"],
    missing={},
    columns={"site": 3},
    subgroups=["site"],
    sample=SAMPLE,
)
DEFAULTS: dict[str, dict[str, Any]] = {
    "pretrain": {
        **{"box_size": [96, 96, 96], "image_size": "@box_size", "spacing": None, "batch_size": 24, "amp": "$x"},
        "scale_intensity": {"_target_": "ScaleIntensityd", "keys": "image", "minv": 0.0, "maxv": 255.0},
    },
    "train": {"batch_size": 6, "validation_fraction": 0.2, "image_size": "@box_size", "cache": "memory"},
}


def facts(machine: Machine = CPU, sample: dict[str, Any] | None = None, **cohort: Any) -> Facts:
    """Facts of the standard cohort with changes."""
    found = replace(COHORT, sample=replace(SAMPLE, **(sample or {})), **cohort)
    return Facts(found, machine, DEFAULTS)


def plan(**changes: Any) -> Plan:
    """A small plan with changes."""
    content: dict[str, Any] = {
        "bundle": "siam3d_imbalance",
        "dataset_dir": "/data",
        "datalist": "/data/datalist.json",
        "task": "classification",
        "methods": ["radiomics", "scratch", "se"],
        "folds": [0, 1],
        "settings": {"box_size": [32, 32, 32], "device": "cpu"},
        "train": {"max_epochs": 3},
        "reasons": {"box_size": "95 % of the lesions fit", "train.max_epochs": "fits the budget"},
        "cohort": {
            **{"subjects": 100, "images": 100, "unlabelled": 2, "test_subjects": 0, "shape": [50, 60, 20]},
            **{"classes": {"0 benign": 60, "1 malignant": 40}, "modalities": ["CT"], "excluded": []},
        },
        "machine": {"device": "cpu", "cores": 2, "device_memory_gb": 16.0, "disk_gb": 100.0},
        "estimate": {
            **{"seconds": 754, "memory_gb": 1.2, "disk_gb": 0.1, "fits": True, "left_out": {}},
            "stages": [{"what": "training Scratch", "seconds": 600, "epochs": 3, "runs": 2}],
        },
    }
    return Plan(**{**content, **changes})


def cost(step: float = 1.0, images: int = 10, **others: float) -> StageCost:
    """A cost with round numbers."""
    known = {"setup": 0.0, "load": 0.0, "epoch_end": 0.0, "memory": 0, "weights": 0, **others}
    return StageCost(step=step, images=images, **known)  # type: ignore[arg-type]
