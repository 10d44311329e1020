"""Studies prepared for the network, by any number of processes."""

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
from .patient_names import without_names
from .results import finished, result_folder

__all__ = ["Prepared", "PreparedCases", "case_key", "case_problem"]


@dataclass
class Prepared:
    """A case prepared for the network.

    Attributes:
        case: the case.
        key: hash of everything on which the prediction depends.
        problem: reason why it cannot be predicted.
        done: result of an earlier run.
        image: input of the network, ``[C, ...]``, if there is neither a problem nor an earlier result.
    """

    case: Case
    key: str = ""
    problem: str | None = None
    done: dict[str, Any] | None = None
    image: torch.Tensor | None = None


class PreparedCases(Dataset):
    """Cases as prepared images; it raises no errors, so that one invalid study does not end a run.

    Args:
        classifier: classifier with the preprocessing.
        cases: cases to prepare.
        output: folder of the results, where results of an earlier run are found.
        work: folder for temporary files.
        heat_map: whether a finished case has a heat map.
    """

    def __init__(self, classifier: Classifier, cases: Sequence[Case], output: Path, work: Path, heat_map: bool) -> None:
        # Not the classifier itself: its network stays in the process that runs it.
        self.preprocessing, self.input, self.digest = classifier.preprocessing, classifier.input, classifier.digest
        self.cases, self.output, self.work, self.heat_map = list(cases), output, work, heat_map

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Prepared:
        """The case with its image, its earlier result or its problem."""
        case = self.cases[index]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of readers; images are checked
            try:
                return self._prepared(case)
            except Exception as error:  # readers and transforms raise arbitrary errors
                return Prepared(case, problem=case_problem(case, error))

    def _prepared(self, case: Case) -> Prepared:
        key = case_key("".join([self.digest, *case.lacking()]), case.files())
        if done := finished(result_folder(self.output, case.name), key, _names(case, self.heat_map)):
            return Prepared(case, key, done=done)
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            row = self.preprocessing(prepare(case, self.input, Path(folder)))
        return Prepared(case, key, image=torch.as_tensor(row["image"]))


def _names(case: Case, heat_map: bool) -> list[str]:
    """Names of the files that a finished case has beside its result."""
    return [REPORT, HEAT_MAP][: 1 + heat_map] if isinstance(case, DicomCase) else []


def case_key(digest: str, files: Sequence[Path]) -> str:
    """Hash of everything on which the results of a case depend; the paths of its files are left out.

    Args:
        digest: hash of the model, its configs and rules.
        files: images and mask.
    """
    return hashlib.sha256("".join([digest, *map(image_digest, files)]).encode()).hexdigest()


def case_problem(case: Case, error: BaseException) -> str:
    """The innermost message of an input error, or the first line of any other error, without the patient's name.

    Args:
        case: case that cannot be used; the header of its DICOM files has the names to leave out.
        error: error of its preparation or its results.
    """
    cause = root_cause(error)
    text = str(cause) if isinstance(cause, InputError) else f"{type(cause).__name__}: {one_line(cause)}"
    files = [item.path for item in case.study.files] if isinstance(case, DicomCase) else []
    return without_names(" ".join(text.split()), files)
