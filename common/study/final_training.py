"""The chosen method, trained on all labelled subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..bundle_configs import PRETRAIN
from ..errors import InputError
from ..evaluation.protocols.methods import Encoder, FineTuning
from ..evaluation.protocols.read_methods import read_fine_tunings
from ..evaluation.protocols.repetitions import Repetition
from ..evaluation.protocols.stages import Stages
from ..locks import locked
from ..tasks import Task

__all__ = ["FinalTraining"]

DONE = "done"  # file that marks the end of a training: weights exist before it


class FinalTraining(Stages):
    """Pre-train on all subjects and train on all labelled ones; nobody is held out, as the comparison has judged.

    Args:
        bundle: name of the bundle, or its folder.
        dataset_dir: folder of the cohort.
        output_dir: folder for all outputs.
        method: row ``<start>[+<overlay>...]``.
        training: config that trains, ``train`` or ``train_segmentation``.
        overlays: further config files of the bundle for all stages.
        pretrain: ids of the pre-training alone.
        train: ids of the training alone.
        **settings: ids of the configs and their values, for every stage that has them.

    Raises:
        InputError: the method is unknown, or a network for each modality.
    """

    def __init__(
        self,
        bundle: str | Path,
        dataset_dir: str | Path,
        output_dir: str | Path,
        method: str,
        training: str = "train",
        overlays: Sequence[str] = (),
        pretrain: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            *(bundle, dataset_dir, output_dir),
            overlays=overlays,
            settings={"quiet": True, **settings},
            of_stage={PRETRAIN: pretrain or {}, training: train or {}},
        )
        self.training, self.repetition = training, Repetition(self.output_dir, (0,))
        rows = list(read_fine_tunings(self.configs, [method], self.modalities))
        if len(rows) != 1:
            raise InputError(f"{method}: found {len(rows)} networks, one for each modality; expected one; name another")
        self.row: FineTuning = rows[0]

    @property
    def folder(self) -> Path:
        """Folder of the final training."""
        return self.output_dir / self.row.folder / "all"

    def tasks(self) -> Iterator[Task]:
        """The pre-training, if there is one, and the training."""
        if isinstance(encoder := self.row.start, Encoder):
            call = partial(self._pretrain, self.repetition, encoder, None, None)
            yield Task(f"pre-training {encoder.name}, all", encoder.checkpoint(self.output_dir, None, None), call)
        needs = self._start_file(self.output_dir, self.row, None)
        yield Task(f"{self.row.name}, all", self.folder / DONE, self._train, needs)

    def run(self) -> Path:
        """Run all that is not done.

        Returns:
            The weights.
        """
        with locked(self.output_dir):
            self._check_identity()
            self._run_tasks(self.tasks(), "finish")
            return self.folder / "model.pt"

    def export(self, evaluation: str, overlays: Sequence[str], weights: Path, torchscript: Path) -> None:
        """Export weights as TorchScript with their inference config beside it.

        Args:
            evaluation: config with ``run exporting``.
            overlays: overlays of the row.
            weights: ``model.pt`` of the training, or of one with the same settings.
            torchscript: file to write.
        """
        paths = {"checkpoint": str(weights), "torchscript": str(torchscript), "output_dir": str(torchscript.parent)}
        self._run(evaluation, [self.configs.path(name) for name in overlays], **paths, run_id="exporting")

    def _train(self) -> None:
        if (self.folder / DONE).is_file():
            return
        overlays = [self.configs.path(name) for name in self.row.overlays]
        start = self._start(self.repetition, self.row, 0)
        if isinstance(encoder := self.row.start, Encoder):
            start = {"pretrained_encoder": str(encoder.checkpoint(self.output_dir, None, None))}
        self._run(self.training, overlays, all_subjects=True, **start, output_dir=str(self.folder))
        (self.folder / DONE).touch()

    def _identity(self) -> dict[str, Any]:
        return {**super()._identity(), "method": self.row.folder, **self.of_stage}
