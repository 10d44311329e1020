"""Studies on their way to the network, read and prepared by as many processes as one likes."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from ...errors import InputError, one_line, root_cause
from ...images.read import image_digest
from .cases import Case, DicomCase, prepare
from .classifier import Classifier
from .dicom_results import HEAT_MAP, REPORT
from .results import finished, result_folder

__all__ = ["Prepared", "PreparedCases", "reason_of"]


@dataclass
class Prepared:
    """A case on its way to the network.

    Attributes:
        case: which.
        key: hash of all that its prediction depends on.
        problem: why it can't be predicted.
        done: the result of an earlier run.
        image: for the network, ``[C, ...]``, where neither of these is there.
    """

    case: Case
    key: str = ""
    problem: str | None = None
    done: dict[str, Any] | None = None
    image: torch.Tensor | None = None


class PreparedCases(Dataset):
    """Cases as prepared images; nothing is raised, so that one bad study does not end a run.

    Args:
        classifier: whose preprocessing it is.
        cases: what to prepare.
        output: folder of the results, where a case may be done already.
        work: folder for files that are made on the way.
        heat_map: whether being done includes one.
    """

    def __init__(self, classifier: Classifier, cases: Sequence[Case], output: Path, work: Path, heat_map: bool) -> None:
        # Not the classifier itself: its network stays in the process that runs it.
        self.preprocessing, self.input, self.digest = classifier.preprocessing, classifier.input, classifier.digest
        self.cases, self.output, self.work, self.heat_map = list(cases), output, work, heat_map

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Prepared:
        """The case, prepared, done before, or with its problem."""
        case = self.cases[index]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of readers; what matters is checked
            try:
                return self._prepared(case)
            except Exception as error:  # readers and transforms raise whatever they like
                return Prepared(case, problem=reason_of(error))

    def _prepared(self, case: Case) -> Prepared:
        key = _key(self.digest, case.files())
        if done := finished(result_folder(self.output, case.name), key, _names(case, self.heat_map)):
            return Prepared(case, key, done=done)
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            row = self.preprocessing(prepare(case, self.input, Path(folder)))
        return Prepared(case, key, image=torch.as_tensor(row["image"]))


def _names(case: Case, heat_map: bool) -> list[str]:
    """Files that a finished case has beside its result."""
    return [REPORT, HEAT_MAP][: 1 + heat_map] if isinstance(case, DicomCase) else []


def _key(digest: str, files: Sequence[Path]) -> str:
    """Hash of all that a prediction depends on; the places of the files do not count."""
    return hashlib.sha256("".join([digest, *map(image_digest, files)]).encode()).hexdigest()


def reason_of(error: BaseException) -> str:
    """The innermost message of an input error, or the first line of what else went wrong."""
    cause = root_cause(error)
    if isinstance(cause, InputError):
        return " ".join(str(cause).split())
    return f"{type(cause).__name__}: {one_line(cause)}"
