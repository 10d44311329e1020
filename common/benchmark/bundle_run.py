"""The real training run of a bundle, built from its config."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow
from monai.engines import SupervisedTrainer

from ..data.phantoms import BrainPhantoms, DementiaPhantoms, KidneyPhantoms, LiverPhantoms, ThyroidPhantoms
from ..data.phantoms.brain_mr import MR_MODALITIES
from ..data.phantoms.liver_mr import LIVER_MODALITIES
from ..errors import InputError
from ..references import evaluated
from ..training_record import is_counted

__all__ = ["BundleRun", "merged_config", "phantom_overrides", "read_setting"]

_ENDLESS = 1_000_000  # epochs: the benchmark decides when a run stops


class BundleRun:
    """The trainer that ``python -m monai.bundle run training`` would run, with all its handlers, before its start.

    Args:
        config_files: config and its overlays.
        overrides: config ids and their values, as on the command line.
        output_dir: folder for the output of the run, instead of the user's.
        dataset: dataset of another run to use, instead of caching the cohort again.
    """

    def __init__(
        self, config_files: Sequence[str], overrides: Mapping[str, Any], output_dir: Path, dataset: Any = None
    ) -> None:
        own: dict[str, Any] = {"output_dir": str(output_dir), "max_epochs": _ENDLESS}
        if dataset is not None:  # a component, as configs refer to its rows by train#dataset#data
            own["train#dataset"] = {"_target_": _first, "dataset": dataset, "data": list(dataset.data)}
        logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)  # it logs each logging.conf
        workflow = ConfigWorkflow(list(config_files), **{**overrides, **own})
        workflow.initialize()
        self.parser: ConfigParser = workflow.parser
        self.trainer: SupervisedTrainer = workflow.trainer
        self.dataset = workflow.train_dataset

    @property
    def warmup_steps(self) -> int:
        """Number of steps before timing: the epochs without RE/SE, at least one."""
        return self.trainer.state.epoch_length * max(1, self.setting("warmup_epochs", 1))

    def setting(self, name: str, default: Any = None) -> Any:
        """The value of a config id, or ``default`` if the config does not have it."""
        return self.parser.get_parsed_content(name) if name in self.parser else default


def _first(dataset: Any, data: Any) -> Any:
    return dataset


def merged_config(config_files: Sequence[str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The unparsed config, with overlays and overrides.

    Args:
        config_files: config and its overlays.
        overrides: config ids and their values.
    """
    parser = ConfigParser()
    parser.read_config(list(config_files))
    parser.update(dict(overrides))
    return parser.get()


def read_setting(config_files: Sequence[str], overrides: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """The value of a config id, without building the run.

    Args:
        config_files: config and its overlays.
        overrides: config ids and their values.
        name: config id.
        default: value if the config does not have the id, or reads it from the cohort's datalist.
    """
    config = merged_config(config_files, overrides)
    return evaluated(config, name) if name in config and not is_counted(config, name) else default


def phantom_overrides(
    config_files: Sequence[str], overrides: Mapping[str, Any], folder: Path, num_subjects: int
) -> dict[str, Any]:
    """Make a cohort of phantoms with the modalities that the config needs.

    They are thyroid nodules or kidney tumours for configs with radiomics, single visits of brains for configs that
    sample clips, slices of the liver for configs with named modalities, otherwise brains with a tumour; the
    preprocessing of the run crops, pads or resizes them. The cost of a step depends on shapes alone.

    Args:
        config_files: config and its overlays.
        overrides: config ids and their values.
        folder: folder for the cohort.
        num_subjects: number of subjects, all of whom are used for training.

    Returns:
        Overrides for :class:`BundleRun`.

    Raises:
        InputError: the config needs modalities that phantoms do not have.
    """
    if read_setting(config_files, overrides, "radiomics_settings"):
        if read_setting(config_files, overrides, "lesion_slices"):
            KidneyPhantoms(num_subjects=num_subjects, num_folds=2, clear_cell=None).make(folder)
        else:
            ThyroidPhantoms(num_subjects=num_subjects, num_folds=2).make(folder)
    elif read_setting(config_files, overrides, "num_slices"):
        DementiaPhantoms(num_subjects=num_subjects, num_folds=2, visits=1).make(folder)
    elif "modalities" in merged_config(config_files, overrides):
        modalities = read_setting(config_files, overrides, "modalities", LIVER_MODALITIES)
        LiverPhantoms(num_subjects=num_subjects, num_folds=2, modalities=modalities).make(folder)
    else:
        channels = read_setting(config_files, overrides, "in_channels", len(MR_MODALITIES))
        if channels not in range(1, len(MR_MODALITIES) + 1):
            raise InputError(
                f"in_channels: {channels!r}; phantoms have 1 to {len(MR_MODALITIES)} modalities; set --dataset_dir "
                "to your own cohort"
            )
        BrainPhantoms(num_subjects=num_subjects, num_folds=2, modalities=MR_MODALITIES[:channels]).make(folder)
    return {"dataset_dir": str(folder), "cache_dir": str(folder / "cache"), "transductive": True}
