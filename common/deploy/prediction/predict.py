"""A folder of studies, predicted one by one: failures are reported at the end, finished studies are not repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.data.utils import no_collation
from torch.utils.data import DataLoader
from tqdm import tqdm

from ...errors import InputError
from ...images.image_files import datalist_rows, image_folders
from ...images.studies import find_studies
from ...temporary import temporary_folder
from .cases import Case, DicomCase, FileCase
from .classifier import Classifier
from .dicom_results import HEAT_MAP, REPORT, write_dicom_results
from .prediction import Prediction
from .prepared_cases import Prepared, PreparedCases, reason_of
from .results import discard, model_folder, result_folder, write_result, write_results
from .structured_report import check_highdicom

__all__ = ["Batch", "find_cases", "predict_cases"]


@dataclass
class Batch:
    """What came of a run.

    Attributes:
        results: entries of ``results.json``.
        failed: why a study has none, by its name.
        skipped: how many were done already.
        files: ``results.json`` and ``results.csv``.
    """

    results: list[dict[str, Any]]
    failed: dict[str, str]
    skipped: int
    files: tuple[Path, Path]


def find_cases(source: Path, classifier: Classifier, skip: Path | None = None) -> tuple[list[Case], dict[str, str]]:
    """What there is to predict: DICOM studies anywhere in a tree, folders of NIfTI files, or rows of a datalist.

    Args:
        source: the folder, or a datalist.
        classifier: whose rules and input decide what to look for.
        skip: a folder within that is not looked at.

    Returns:
        Cases with names of their own, and files that could not be read.

    Raises:
        InputError: there is nothing.
    """
    wanted = classifier.input
    if source.is_file():
        cases: list[Case] = [FileCase(name, row, wanted) for name, row in datalist_rows(source)]
        unreadable: dict[str, str] = {}
    elif source.is_dir():
        root = source.resolve()
        keywords = sorted({key for rule in classifier.rules.values() for key in rule.keywords})
        studies, unreadable = find_studies(root, keywords, skip)
        cases = [DicomCase(study.uid, study, classifier.rules, wanted) for study in studies]
        taken = [study.folder for study in studies if study.folder is not None]
        for folder, files in image_folders(root, skip, taken).items():
            name = folder.relative_to(root).as_posix() if folder != root else root.name
            cases.append(FileCase(name, files, wanted))
    else:
        raise InputError(f"{source}: found no such folder, expected DICOM studies, NIfTI files or a datalist")
    if not cases and not unreadable:
        raise InputError(f"{source}: found neither DICOM images nor NIfTI files, expected studies; give their folder")
    _name_apart(cases)
    return cases, unreadable


def predict_cases(
    classifier: Classifier,
    cases: Sequence[Case],
    output: Path,
    *,
    failed: dict[str, str] | None = None,
    heat_map: bool = False,
    num_workers: int = 0,
) -> Batch:
    """Predict all cases and write their results.

    Args:
        classifier: that predicts.
        cases: of :func:`find_cases`.
        output: folder of the results, made when missing; where it holds those of another model, a folder in it.
        failed: what failed before.
        heat_map: write one for each DICOM study.
        num_workers: processes that read and prepare studies while the network runs.

    Raises:
        InputError: the archive itself is wrong, not a study.
    """
    if any(isinstance(case, DicomCase) for case in cases):
        check_highdicom()
    output = model_folder(output, classifier.model)
    batch = Batch([], dict(failed or {}), 0, (output / "results.json", output / "results.csv"))
    with temporary_folder() as work:
        dataset = PreparedCases(classifier, cases, output, work, heat_map)
        _predict(classifier, dataset, batch, num_workers)
    return batch


def _predict(classifier: Classifier, dataset: PreparedCases, batch: Batch, num_workers: int) -> None:
    """Predict cases one by one into a batch."""
    loader = DataLoader(dataset, batch_size=None, num_workers=num_workers, collate_fn=no_collation)
    output, heat_map = dataset.output, dataset.heat_map
    try:
        for item in tqdm(loader, "predicting", unit="study", disable=len(dataset) == 1):
            if item.done is not None:
                batch.results.append(item.done)
                batch.skipped += 1
                continue
            prediction = None if item.image is None else classifier(item.image)
            discard(result_folder(output, item.case.name), (REPORT, HEAT_MAP))  # no report of other images stays
            if prediction is not None:
                _keep(batch, classifier, item, prediction, output, heat_map)
            else:
                batch.failed[item.case.name] = item.problem
    finally:  # what was done before an interruption is reported too
        if batch.results or batch.failed:
            write_results(batch.files, classifier.model, batch.results, batch.failed)


def _keep(
    batch: Batch, classifier: Classifier, item: Prepared, prediction: Prediction, output: Path, heat_map: bool
) -> None:
    """Write a study's results; the JSON comes last, as it says that all is there."""
    case, folder = item.case, result_folder(output, item.case.name)
    try:
        if isinstance(case, DicomCase):
            write_dicom_results(classifier, case, item.image, prediction, folder, heat_map)
        batch.results.append(write_result(folder, case.name, case.series(), prediction, item.key))
    except OSError:
        raise  # a full disk is no study's fault
    except Exception as error:  # such as a header that no report can be made of
        batch.failed[case.name] = reason_of(error)


def _name_apart(cases: Sequence[Case]) -> None:
    """Number the further ones of cases whose results would lie in one folder."""
    taken: set[str] = set()
    for case in cases:
        name, number = case.name, 1
        while (place := result_folder(Path(), case.name).name.lower()) in taken:
            number += 1
            case.name = f"{name}-{number}"
        taken.add(place)
