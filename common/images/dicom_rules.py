"""Rules that distinguish the modalities of a DICOM study."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from ..errors import InputError

__all__ = ["MASK", "DicomRule", "Frame", "parse_dicom_rules", "read_dicom_rules", "series_rules"]

logger = logging.getLogger(__name__)

Frame = int | Literal["first", "middle"]
MASK = "mask"  # rule that is of no modality
_NAME = re.compile(r"[\w+-][\w.+-]*")  # of a modality and of a file
FRAME = "frame"  # key of a rule; no DICOM keyword begins with a small letter


@dataclass(frozen=True)
class DicomRule:
    """Conditions that the header of every slice of a modality fulfils.

    Attributes:
        texts: regular expressions by DICOM keyword, matched anywhere in the text of the element.
        ranges: minimum and maximum by DICOM keyword, both inclusive.
        frame: frame to take of a film, such as multi-frame ultrasound: its number from 1, "first" or "middle";
            ``None`` refuses films.
    """

    texts: Mapping[str, re.Pattern]
    ranges: Mapping[str, tuple[float, float]]
    frame: Frame | None = None

    @property
    def keywords(self) -> set[str]:
        """Keywords of the elements that the rule compares."""
        return {*self.texts, *self.ranges}

    def matches(self, header: Any) -> bool:
        """Whether a slice's header (:class:`pydicom.Dataset`) fulfils every condition; a missing element does not."""
        return all(pattern.search(text_of(header.get(key))) for key, pattern in self.texts.items()) and all(
            _in_range(header.get(key), low, high) for key, (low, high) in self.ranges.items()
        )


def text_of(value: Any) -> str:
    """The value of an element as text, multiple values separated by backslashes as in DICOM; empty for ``None``."""
    if value is None:
        return ""
    several = not isinstance(value, str) and isinstance(value, Sequence)
    return "\\".join(map(str, value)) if several else str(value)


def _in_range(value: Any, low: float, high: float) -> bool:
    try:
        return low <= float(value) <= high
    except (TypeError, ValueError):  # none, several values, or text
        return False


def read_dicom_rules(path: str | os.PathLike) -> dict[str, DicomRule]:
    """Read the rules of a YAML file.

    For example:

    .. code-block:: yaml

        T1: {SeriesDescription: "(?i)t1.*in"}
        T2: {EchoTime: [60, 120]} # ms
        OUT: {SeriesDescription: "(?i)opp|out", EchoTime: [1.0, 2.6]}
        US: {Modality: US, frame: middle} # of a film

    Each modality has one or more conditions, all of which a slice must fulfil: text is a regular expression, two
    numbers are a range. Any keyword of the DICOM standard may be used. ``frame`` is no condition, but what is taken of
    a film (:class:`DicomRule`).

    Args:
        path: YAML file.

    Returns:
        Rules by modality, in the order of the file, which becomes the order of the channels.

    Raises:
        InputError: the file is missing or invalid; the message lists all problems.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: found no such file, expected a YAML with a rule for each modality; set --rules")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: found no YAML ({reason}), expected rules; correct the file") from error
    return parse_dicom_rules(content, str(path))


def parse_dicom_rules(content: Any, source: str) -> dict[str, DicomRule]:
    """Parse rules that are part of another file.

    Args:
        content: mapping from modalities to conditions, see :func:`read_dicom_rules`.
        source: file and field of the rules, for error messages.

    Returns:
        Rules by modality.

    Raises:
        InputError: the content is invalid; the message lists all problems.
    """
    if not isinstance(content, dict) or not content:
        raise InputError(f"{source}: found no rules, expected {{modality: {{keyword: condition}}}}; correct the file")
    problems: list[str] = []
    rules = {str(name): _rule(str(name), conditions, problems) for name, conditions in content.items()}
    if problems:
        raise InputError.of_rows(source, problems)
    return rules


def series_rules(known: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Rules for the DICOM series of a network's modalities: the bundle's, where it has those of all of them.

    Else each has the bundle's of the same name in any case, or one that finds it by its name as a word in the series'
    description; the bundle's other rules would find images that the network does not know.

    Args:
        known: ``dicom_rules`` of the bundle's metadata.
        names: modalities, in the order of the channels.
    """
    if set(names) <= set(known):
        return dict(known)
    alike = {name.casefold(): rule for name, rule in known.items()}
    if other := [name for name in names if name.casefold() not in alike]:
        logger.warning(
            f"dicom_rules: the bundle has none for {', '.join(other)}; their DICOM series are found by these names in "
            "the description, or by a file of rules (--rules); other files by their own names"
        )
    rules = {name: alike.get(name.casefold()) or {"SeriesDescription": _as_word(name)} for name in names}
    # a name that no rule can have, as one with a space, leaves a datalist or files
    return {name: rule for name, rule in rules.items() if _NAME.fullmatch(name)} | {
        name: rule for name, rule in known.items() if name == MASK
    }


def _as_word(name: str) -> str:
    return f"(?i)(^|[^a-z0-9]){re.escape(name)}($|[^a-z0-9])"


def _rule(name: str, conditions: Any, problems: list[str]) -> DicomRule:
    from pydicom.datadict import tag_for_keyword

    texts, ranges, frame = {}, {}, None
    if not _NAME.fullmatch(name):
        problems.append(
            f"{name}: found a name that cannot be a file name, expected letters, digits and -_.+; rename it"
        )
    if not isinstance(conditions, dict) or not conditions:
        problems.append(
            f"{name}: found {conditions!r}, expected {{keyword: condition}}, such as {{EchoTime: [60, 120]}}"
        )
        conditions = {}
    for key, value in conditions.items():
        if key == FRAME:
            frame = value
            if value not in ("first", "middle") and not (type(value) is int and value > 0):
                problems.append(
                    f"{name} {FRAME}: found {value!r}, expected first, middle or a number from 1; correct it"
                )
        elif tag_for_keyword(str(key)) is None:
            problems.append(
                f"{name} {key}: found no such DICOM keyword, expected one such as SeriesDescription; correct it"
            )
        elif isinstance(value, str):
            try:
                texts[key] = re.compile(value)
            except re.error as error:
                problems.append(f"{name} {key}: {value!r} is no regular expression ({error}); correct it")
        elif _is_range(value):
            ranges[key] = (float(value[0]), float(value[1]))
        else:
            problems.append(f"{name} {key}: found {value!r}, expected text or two numbers [low, high]; correct it")
    return DicomRule(texts, ranges, frame)


def _is_range(value: Any) -> bool:
    numbers = isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    return numbers and len(value) == 2 and value[0] <= value[1]
