"""The fingerprint of a cohort: all that the rules of a plan and the flow of subjects need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .image_sample import ImageSample

__all__ = ["Cohort", "describe_cohort"]

_KNOWN = ("image", "mask", "label", "subject", "fold", "session", "case", "index", "row", "slice")
_FEW = 12  # values of a column that can be subgroups


@dataclass(frozen=True)
class Cohort:
    """A cohort in numbers.

    Attributes:
        subjects: number of subjects.
        images: number of images, that is rows of the datalist.
        several_images: number of subjects with several images.
        unlabelled: number of subjects without a label, whom only pre-training uses.
        test_subjects: number of subjects of a separate test set.
        classes: number of labelled subjects by class, as "<index> <name>", test subjects included. A subject whose
            images have several classes counts for that of its first image, as in the evaluation.
        several_classes: number of these subjects.
        modalities: names of the modalities, or their numbers.
        missing: number of images that lack a modality, by its name.
        columns: number of distinct values of further columns, such as the centre.
        subgroups: columns with few values, or of numbers, by which results can be split.
        sample: shapes, spacings, intensities and lesions of a sample of the images.
        excluded: rows left out: ``row``, ``subject``, ``reasons``.
    """

    subjects: int
    images: int
    several_images: int
    unlabelled: int
    test_subjects: int
    classes: Mapping[str, int]
    modalities: Sequence[str]
    missing: Mapping[str, int]
    columns: Mapping[str, int]
    subgroups: Sequence[str]
    sample: ImageSample
    excluded: Sequence[Mapping[str, Any]] = field(default=())
    several_classes: int = 0

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def labelled(self) -> int:
        """Number of subjects with a label who are not in the test set."""
        return self.subjects - self.unlabelled - self.test_subjects


def describe_cohort(
    rows: Sequence[Mapping[str, Any]],
    sample: ImageSample,
    labels: Mapping[str, str],
    modalities: Sequence[str],
    test_fold: int | None = None,
    excluded: Sequence[Mapping[str, Any]] = (),
) -> Cohort:
    """Count subjects, classes, modalities and columns.

    Args:
        rows: rows of the study's datalist.
        sample: measured images.
        labels: names of the classes by index as text; may be empty.
        modalities: names of the modalities.
        test_fold: fold of the separate test subjects.
        excluded: rows left out.
    """
    subjects = Counter(str(row["subject"]) for row in rows)
    labelled = {str(row["subject"]) for row in rows if row.get("label") is not None}
    columns = _columns(rows)
    return Cohort(
        subjects=len(subjects),
        images=len(rows),
        several_images=sum(number > 1 for number in subjects.values()),
        unlabelled=len(subjects) - len(labelled),
        test_subjects=len({str(row["subject"]) for row in rows if row["fold"] == test_fold}),
        classes=_classes(rows, labels),
        modalities=list(modalities),
        missing=_missing(rows, modalities),
        columns=columns,
        subgroups=[name for name, number in columns.items() if number > 1 and (number <= _FEW or _numbers(rows, name))],
        sample=sample,
        excluded=list(excluded),
        several_classes=sum(len(found) > 1 for found in _labels(rows).values()),
    )


def _classes(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> dict[str, int]:
    """Labelled subjects by class, each once."""
    first = [next(iter(found)) for found in _labels(rows).values()]
    of_class = Counter({int(index): 0 for index in labels})
    of_class.update(first)
    if labels and not first:  # label maps: the names are those of structures
        number = len({str(row["subject"]) for row in rows if row.get("label") is not None})
        return {f"{index} {name}": number for index, name in labels.items()}
    return {f"{index} {labels.get(str(index), '')}".strip(): number for index, number in sorted(of_class.items())}


def _labels(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, None]]:
    """Classes of each subject's images in their order."""
    found: dict[str, dict[int, None]] = {}
    for row in rows:
        if isinstance(row.get("label"), int):
            found.setdefault(str(row["subject"]), {})[row["label"]] = None
    return found


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a column has numbers alone, such as ages."""
    known = [row[name] for row in rows if row.get(name) not in (None, "")]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _missing(rows: Sequence[Mapping[str, Any]], modalities: Sequence[str]) -> dict[str, int]:
    lists = [row["image"] for row in rows if isinstance(row["image"], list)]
    counts = Counter(place for images in lists for place, path in enumerate(images) if path is None)
    return {str(modalities[place]): number for place, number in sorted(counts.items())}


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    names = dict.fromkeys(name for row in rows for name in row if name not in _KNOWN)
    return {name: len({str(row[name]) for row in rows if row.get(name) not in (None, "")}) for name in names}
