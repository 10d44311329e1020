"""Tasks of the Medical Segmentation Decathlon (Antonelli et al. 2022), and folders of images and label maps."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ...datalist_json import indexed_names, read_datalist
from ...errors import InputError
from .collect import existing_folder, visible_files, write_cohort

__all__ = ["decathlon_datalist"]

TABLE = "dataset.json"
FOLDERS = ("imagesTr", "labelsTr", "imagesTs")
PLAIN_FOLDERS = ("images", "labels")
FIRST_MAPS = 10  # label maps that are read at least


class _Task(NamedTuple):
    pairs: list[tuple[Path, Path]]  # images with their label maps
    testing: list[Path]
    problems: list[str]
    labels: Sequence[str]
    modalities: Sequence[str]


def decathlon_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    labels: Sequence[str] = (),
    modalities: Sequence[str] = (),
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """Medical Segmentation Decathlon: a task as unpacked, or folders ``images`` and ``labels`` with equal file names.

    A task has ``dataset.json`` with the names of modalities and labels, ``imagesTr``, ``labelsTr`` and optionally
    ``imagesTs``, which becomes the test section. Several modalities are the channels of one 4D file. Each image is a
    separate subject. Hidden files, such as ``._hippocampus_001.nii.gz`` from macOS, are omitted and counted in the log.

    Args:
        root: folder of the task, or of ``images`` and ``labels``.
        output: JSON to write.
        labels: names of the values 0, 1, ... of the label maps, required without ``dataset.json``.
        modalities: names of the modalities in the order of the channels, allowed without ``dataset.json``. Default: no
            names; their number is that of the channels.
        incomplete: treatment of incomplete rows: "report" stops with a list of missing, repeated and surplus files;
            "drop" omits and logs them.
        num_folds: number of folds by subject.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: there is no task, its names do not fit the label maps, or files are incomplete and not dropped.
    """
    root = existing_folder(root)
    if (root / TABLE).is_file():
        if labels or modalities:
            raise InputError(f"labels, modalities: found names, expected none, as {root / TABLE} has them; omit them")
        task = _listed(root)
    elif all((root / name).is_dir() for name in PLAIN_FOLDERS):
        names = sorted({path.name for folder in PLAIN_FOLDERS for path in visible_files(root / folder)})
        pairs = [(root / PLAIN_FOLDERS[0] / name, root / PLAIN_FOLDERS[1] / name) for name in names]
        task = _Task(pairs, [], [], labels, modalities)
    else:
        raise InputError(f"{root}: found neither {TABLE} nor the folders images and labels; correct the path")
    counts = Counter(path for paths in (*task.pairs, task.testing) for path in paths)
    training, problems = _complete(root, task.pairs, counts)
    testing, more = _complete(root, [(path,) for path in task.testing], counts)
    problems = [*task.problems, *problems, *more]
    if not (root / TABLE).is_file() and (mismatch := _mismatch([Path(row["label"]) for row in training], labels)):
        raise InputError.of_rows(str(root), [mismatch, *problems])
    return write_cohort(
        root,
        output,
        training,
        problems,
        incomplete=incomplete,
        labels=task.labels,
        name=root.name,
        modality=task.modalities,
        num_folds=num_folds,
        seed=seed,
        testing=testing,
    )


def _listed(root: Path) -> _Task:
    """The files and names of ``dataset.json``, with a line per file that it does not list."""
    source = root / TABLE
    content = read_datalist(source)
    names = {}
    for key in ("labels", "modality"):
        by_index = indexed_names(source, content, key)
        names[key] = [str(by_index[str(index)]) for index in range(len(by_index))]
        if not by_index:
            raise InputError(f'{source}: found no {key}, expected {{"0": name, "1": name, ...}}; add them')
    problems: list[str] = []
    training = _entries(source, content, "training", ("image", "label"), problems)
    testing = [entry[0] for entry in _entries(source, content, "test", (), problems)]
    if not (root / FOLDERS[2]).is_dir():
        testing = []
    listed = {path for entry in (*training, testing) for path in entry}
    for path in (path for name in FOLDERS if (root / name).is_dir() for path in visible_files(root / name)):
        if path not in listed:
            problems.append(f"{_shown(path, root)}: not in {TABLE}")
    return _Task([(image, label) for image, label in training], testing, problems, names["labels"], names["modality"])


def _entries(
    source: Path, content: dict[str, Any], section: str, keys: Sequence[str], problems: list[str]
) -> list[list[Path]]:
    """The absolute paths of each entry of a section: of its ``keys``, or without these the entry itself."""
    entries = content.get(section, [] if section == "test" else None)
    if not isinstance(entries, list):
        raise InputError(f"{source}: found no list '{section}', expected that of a Decathlon task; correct the file")
    found = []
    for position, entry in enumerate(entries):
        values = ([entry.get(key) for key in keys] if isinstance(entry, dict) else []) if keys else [entry]
        paths = [Path(os.path.normpath(source.parent / value)) for value in values if isinstance(value, str) and value]
        if len(paths) == max(len(keys), 1):
            found.append(paths)
        else:
            expected = "the paths " + " and ".join(keys) if keys else "a path"
            problems.append(f"{TABLE}, {section}[{position}]: found {str(entry)[:60]}, expected {expected}")
    return found


def _complete(
    root: Path, entries: Iterable[tuple[Path, ...]], counts: Counter[Path]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of images with or without label maps whose files exist and are listed once, and one line per other image."""
    rows, problems = [], []
    for paths in entries:
        reasons = [f"no {_shown(path, root)}" for path in paths if not path.is_file()]
        reasons += [f"{_shown(path, root)} is listed {counts[path]} times" for path in paths if counts[path] > 1]
        if len({path.name for path in paths}) > 1:
            reasons.append(f"its label map has another name, {paths[1].name}")
        subject = paths[0].name.removesuffix(".gz").removesuffix(".nii")
        if reasons:
            problems.append(f"image {subject}: {'; '.join(reasons)}")
        else:
            rows.append(dict(zip(("image", "label"), map(str, paths), strict=False)) | {"subject": subject})
    return rows, problems


def _mismatch(maps: Sequence[Path], labels: Sequence[str]) -> str:
    """Why ``labels`` are not the values of the first label maps, or of all where the first lack a value; else ""."""
    from ...images.facts import read_image_facts
    from ...images.stored_image import UnreadableImageError

    found: set[float] = set()
    for number, path in enumerate(maps):
        if number >= FIRST_MAPS and len(found) >= len(labels) and found == set(range(len(found))):
            break
        try:
            values = read_image_facts(str(path), is_mask=True).values
        except (UnreadableImageError, OSError) as error:
            return f"labels/{path.name}: {error}"
        if values is None:
            return f"labels/{path.name}: found an image, expected a label map of a few integers"
        found |= {value for value, _ in values}
    if found == set(range(len(labels))) or not maps:
        return ""
    shown = ", ".join(f"{value:g}" for value in sorted(found)[:20])
    if found != set(range(len(found))):
        return f"labels: found label maps with the values {shown}, expected 0, 1, 2, ... without gaps; renumber them"
    names = ", ".join(f"{index} = {label}" for index, label in enumerate(labels)) or "no names"
    example = ",".join(["background", *(f"name{index}" for index in range(1, len(found)))])
    return f"labels: found {names} for label maps with the values {shown}; name each value, as in --labels {example}"


def _shown(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()
