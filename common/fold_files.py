"""Files with a number for each fold and seed in their name."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from .errors import InputError

__all__ = ["FOLD", "SEED", "fold_files", "numbered_files"]

FOLD, SEED = "{fold}", "{seed}"


def numbered_files(path: str | Path) -> dict[tuple[int | None, int | None], Path]:
    """Files by seed and fold, for a ``path`` with ``{seed}`` and ``{fold}`` for their numbers; ``None`` without them.

    Raises:
        InputError: there is no such file.

    Example:
        >>> numbered_files("outputs/seed{seed}/fold{fold}/predictions.csv")
        {(0, 0): PosixPath('outputs/seed0/fold0/predictions.csv'), (0, 1): PosixPath('outputs/seed0/fold1/...')}
    """
    parts = re.split(r"(\{seed\}|\{fold\})", str(path))
    if len(parts) == 1:
        if not os.path.isfile(path):  # also where the text is too long for a path
            raise InputError(f"{path}: no such file; expected a table (CSV); run the step that writes it first")
        return {(None, None): Path(path)}
    pattern, mask = "", ""
    for part in parts:
        name = part.strip("{}")
        if part not in (FOLD, SEED):
            pattern, mask = pattern + re.escape(part), mask + glob.escape(part)
        else:  # the number may occur several times in the path, and must be the same each time
            pattern += f"(?P={name})" if f"(?P<{name}>" in pattern else rf"(?P<{name}>\d+)"
            mask += "*"
    matches = {file: match for file in glob.glob(mask) if (match := re.fullmatch(pattern, file))}
    if not matches:
        what = " and ".join(mark.strip("{}") for mark in (SEED, FOLD) if mark in parts)
        raise InputError(f"{path}: no such file for any {what}; expected one for each, with {{...}} as its number")
    found = {(_number(match, "seed"), _number(match, "fold")): Path(file) for file, match in matches.items()}
    return dict(sorted(found.items(), key=lambda entry: [number or 0 for number in entry[0]]))


def fold_files(path: str | Path) -> dict[int | None, Path]:
    """Files by fold, for a ``path`` with ``{fold}``; otherwise that one file under ``None``.

    Raises:
        InputError: there is no such file.

    Example:
        >>> fold_files("outputs/fold{fold}/features.csv")
        {0: PosixPath('outputs/fold0/features.csv'), 1: PosixPath('outputs/fold1/features.csv')}
    """
    return {fold: file for (_, fold), file in numbered_files(path).items()}


def _number(match: re.Match[str], name: str) -> int | None:
    return int(match[name]) if name in match.re.groupindex else None
