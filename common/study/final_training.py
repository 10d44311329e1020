"""The chosen method, trained on all labelled subjects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..evaluation.protocols.final_model import FinalModel
from ..tasks import Task
from .compare import REMEDY

__all__ = ["FinalTraining"]


class FinalTraining(FinalModel):
    """A final model without its folds: pre-trained on all subjects, trained on all labelled ones.

    Nobody is held out, as the comparison has judged.

    See :class:`~common.evaluation.FinalModel` for the arguments.
    """

    remedy = REMEDY

    def tasks(self) -> Iterator[Task]:
        """The pre-training, if there is one, and the training."""
        return self._tasks_without(None)

    @property
    def folder(self) -> Path:
        """Folder of the final training."""
        return self._made_without(None).parent

    def _identity(self) -> dict[str, Any]:
        """Without the method: the plan may name another one, which has its own folders."""
        return {name: value for name, value in super()._identity().items() if name != "method"}

    def _check_stages(self) -> None:
        """Nothing: the comparison has checked, and trained so."""

    def _report(self) -> Path:
        return self.folder / "model.pt"

    def export(self, weights: Path, torchscript: Path) -> None:
        """Export weights as TorchScript with their inference config beside it.

        Args:
            weights: ``model.pt`` of the training, or of one with the same settings.
            torchscript: file to write.
        """
        overlays = [self.configs.path(name) for name in self.row.overlays]
        paths = {"checkpoint": str(weights), "torchscript": str(torchscript), "output_dir": str(torchscript.parent)}
        self._run(self.evaluation, overlays, **paths, run_id="exporting")
