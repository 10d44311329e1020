"""Prediction of a folder of studies; failures are reported at the end, finished studies are not repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.data.utils import no_collation
from torch.utils.data import DataLoader
from tqdm import tqdm

from ...errors import InputError
from ...files import check_folder
from ...hints import did_you_mean
from ...images.image_files import cases_of_folder, datalist_rows, image_folders
from ...images.studies import find_studies, irregular_files
from ...temporary import temporary_folder
from .cases import Case, DicomCase, FileCase
from .classifier import Classifier
from .dicom_results import HEAT_MAP, REPORT, write_dicom_results
from .outcomes import NoStudiesError
from .prediction import Prediction
from .prepared_cases import Prepared, PreparedCases, case_problem
from .results import discard, model_folder, result_folder, write_result, write_results
from .structured_report import check_highdicom

__all__ = ["Batch", "find_cases", "predict_cases"]


@dataclass
class Batch:
    """Outcome of a run.

    Attributes:
        results: entries of ``results.json``.
        failed: reason of each failure, by the study's name.
        skipped: number of studies that an earlier run had finished.
        files: ``results.json`` and ``results.csv``.
    """

    results: list[dict[str, Any]]
    failed: dict[str, str]
    skipped: int
    files: tuple[Path, Path]


def find_cases(source: Path, classifier: Classifier, skip: Path | None = None) -> tuple[list[Case], dict[str, str]]:
    """Find the cases to predict: DICOM studies anywhere in a tree, folders of volumes (NIfTI, NRRD, MetaImage, MINC)
    or pictures, or rows of a datalist.

    Args:
        source: folder or datalist.
        classifier: classifier with the rules and the input format.
        skip: folder below ``source`` to leave out.

    Returns:
        Cases with unique names, and the reason for each file that could not be read.

    Raises:
        NoStudiesError: there is no case.
        InputError: there is no such folder, or the datalist is of other modalities.
    """
    wanted = classifier.input
    if source.is_file():
        cases: list[Case] = [FileCase(name, row, wanted) for name, row in datalist_rows(source)]
        wanted.check_modalities(source)
        unreadable: dict[str, str] = {}
    elif source.is_dir():
        root = source.resolve()
        keywords = sorted({key for rule in classifier.rules.values() for key in rule.keywords})
        studies, unreadable = find_studies(root, keywords, skip)
        unreadable |= irregular_files(root, skip)
        cases = [DicomCase(study.uid, study, classifier.rules, wanted) for study in studies]
        taken = [study.folder for study in studies if study.folder is not None]
        for folder, files in image_folders(root, skip, taken).items():
            name = folder.relative_to(root).as_posix() if folder != root else root.name
            for part, images in cases_of_folder(files, wanted.modalities).items():
                cases.append(FileCase(f"{name}/{part}" if part else name, images, wanted))
    else:
        beside = [str(path) for path in source.parent.glob("*")]
        raise InputError(
            f"{source}: found no such folder or file, expected DICOM studies, NIfTI files or a datalist; "
            f"{did_you_mean(str(source), beside, 'correct the path')}"
        )
    if not cases and not unreadable:
        raise NoStudiesError(
            f"{source}: found neither DICOM images nor NIfTI files nor pictures, expected studies; give their folder"
        )
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
    tables: bool = True,
) -> Batch:
    """Predict all cases and write their results.

    Args:
        classifier: classifier to run.
        cases: cases of :func:`find_cases`.
        output: folder for the results, created if missing; if it has results of another model, a subfolder is used.
        failed: earlier failures to report, by name.
        heat_map: whether to write a heat map for each DICOM study.
        num_workers: number of processes that read and prepare studies while the network runs.
        tables: whether to write the tables of all cases.

    Raises:
        InputError: the archive itself, the folder or the number of processes is invalid; problems of a study are
            reported in the result.
    """
    if num_workers < 0:
        raise InputError(f"num_workers: found {num_workers}; expected 0 or more processes; correct it")
    check_folder(output)
    if any(isinstance(case, DicomCase) for case in cases):
        check_highdicom()
    output = model_folder(output, classifier.model)
    batch = Batch([], dict(failed or {}), 0, (output / "results.json", output / "results.csv"))
    with temporary_folder() as work:
        dataset = PreparedCases(classifier, cases, output, work, heat_map)
        _predict(classifier, dataset, batch, num_workers, tables)
    return batch


def _predict(classifier: Classifier, dataset: PreparedCases, batch: Batch, num_workers: int, tables: bool) -> None:
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
            discard(result_folder(output, item.case.name), (REPORT, HEAT_MAP))  # reports of other images
            if prediction is not None:
                _keep(batch, classifier, item, prediction, output, heat_map)
            else:
                batch.failed[item.case.name] = item.problem
    finally:  # results before an interruption are reported too
        if tables and (batch.results or batch.failed):
            write_results(batch.files, classifier.model, batch.results, batch.failed)


def _keep(
    batch: Batch, classifier: Classifier, item: Prepared, prediction: Prediction, output: Path, heat_map: bool
) -> None:
    """Write a study's results; the JSON file is written last, since it marks them as complete."""
    case, image, folder = item.case, item.image, result_folder(output, item.case.name)
    try:
        if isinstance(case, DicomCase) and image is not None:
            write_dicom_results(classifier, case, image, prediction, folder, heat_map)
        batch.results.append(write_result(folder, case.name, case.series(), prediction, item.key))
    except OSError:
        raise  # a full disk is not a problem of the study
    except Exception as error:  # such as a header that is not sufficient for a report
        batch.failed[case.name] = case_problem(case, error)


def _name_apart(cases: Sequence[Case]) -> None:
    """Add numbers to names of cases whose results would share a folder."""
    taken: set[str] = set()
    for case in cases:
        name, number = case.name, 1
        while (place := result_folder(Path(), case.name).name.lower()) in taken:
            number += 1
            case.name = f"{name}-{number}"
        taken.add(place)
