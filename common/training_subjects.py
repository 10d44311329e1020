"""Check that evaluated subjects were not used for training."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import InputError
from .training_record import read_training_record

__all__ = ["log_training_subjects", "notes_on_subjects", "unseen_rows"]

logger = logging.getLogger(__name__)

Rows = Sequence[Mapping[str, Any]]
_SHOWN = 5  # subjects named in a message


def unseen_rows(rows: Rows, checkpoint: str | Path, allow_training_subjects: bool = False) -> Rows:
    """The rows to score, after a check that none of their subjects was used for training.

    Args:
        rows: rows of a datalist.
        checkpoint: weights of the classifier, whose training record has the subjects of training and validation.
        allow_training_subjects: whether to score subjects of the training too, which is noted in the report, see
            :func:`notes_on_subjects`.

    Returns:
        ``rows``.

    Raises:
        InputError: there are subjects of the training among them.
    """
    seen = _seen(rows, checkpoint)
    if seen and not allow_training_subjects:
        raise InputError(
            f"{checkpoint}: {len(seen)} of {_count(rows)} subjects to score were in its training "
            f"({', '.join(seen[:_SHOWN])}{', ...' if len(seen) > _SHOWN else ''}); expected none; name the "
            "checkpoint or the fold that they were held out of, or add --allow_training_subjects true"
        )
    return rows


def notes_on_subjects(rows: Rows, checkpoint: str | Path) -> list[str]:
    """Sentences for a report if subjects were used for training, or if this is not known.

    Args:
        rows: rows that were scored.
        checkpoint: weights of the classifier.
    """
    seen = _seen(rows, checkpoint)
    if seen is None:
        return ["The checkpoint does not say which subjects trained it: these may be among them."]
    if seen:
        return [
            f"{len(seen)} of {_count(rows)} subjects were in the training of this classifier: these scores do not "
            "apply to new subjects."
        ]
    return []


def log_training_subjects(
    rows: Rows,
    checkpoints: Sequence[str | Path | None],
    modalities: Sequence[str] = (),
    subjects: Sequence[str] | None = None,
) -> None:
    """Log one warning if subjects whose results are no scores, such as maps, were used for training.

    Args:
        rows: rows of a datalist.
        checkpoints: weights of the networks, with ``{modality}`` for the name of each modality; ``None`` is left out.
        modalities: names of the modalities.
        subjects: names of the subjects among ``rows`` that count; ``None`` for all.
    """
    chosen = [row for row in rows if subjects is None or row.get("subject") in subjects]
    texts = [str(path) for path in checkpoints if path is not None]
    paths = {text.replace("{modality}", name) for text in texts for name in (modalities or [""])}
    seen = sorted({subject for path in paths if Path(path).is_file() for subject in _seen(chosen, path) or ()})
    if seen:
        logger.warning(
            f"{len(seen)} of {_count(chosen)} subjects ({', '.join(seen[:_SHOWN])}{', ...' * (len(seen) > _SHOWN)}) "
            "were in the training of these weights: what they show does not apply to new subjects"
        )


def _seen(rows: Rows, checkpoint: str | Path) -> list[str] | None:
    record = read_training_record(checkpoint)
    if record is None or record["subjects"].get("training") is None:
        return None
    trained = {subject for part in record["subjects"].values() for subject in part or ()}
    return sorted(trained & {str(row.get("subject")) for row in rows})


def _count(rows: Rows) -> int:
    return len({str(row.get("subject")) for row in rows})
