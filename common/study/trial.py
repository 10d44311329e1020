"""A trial of an archive: five cases of the study, predicted as a receiver would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import file_digest, write_atomically

__all__ = ["check_weights", "choose_cases", "try_archive", "try_hybrid"]

CASES = 5


def choose_cases(rows: Sequence[Mapping[str, Any]], number: int = CASES) -> list[dict[str, Any]]:
    """Cases of different subjects, the classes in turn."""
    by_class: dict[str, list[dict[str, Any]]] = {}
    seen: set[str] = set()
    for row in rows:
        if row.get("label") is not None and str(row["subject"]) not in seen:
            seen.add(str(row["subject"]))
            by_class.setdefault(str(row["label"]) if isinstance(row["label"], int) else "", []).append(dict(row))
    longest = max(map(len, by_class.values()), default=0)
    turns = [group[place] for place in range(longest) for _, group in sorted(by_class.items()) if place < len(group)]
    return turns[:number]


def check_weights(archive: Path, weights: Path) -> None:
    """Check that an archive was made of certain weights, by the hash in its provenance, which its manifest covers.

    Args:
        archive: archive of :func:`~common.study.finish.package` or :func:`~common.study.segmenter.export_segmenter`.
        weights: file of the weights; packaging has compared each format with the network that they make.

    Raises:
        InputError: it was made of others.
    """
    from ..deploy.verification.archive import open_archive

    with open_archive(archive) as unpacked:
        origin = json.loads((unpacked / "docs/provenance.json").read_text(encoding="utf-8"))
    found, expected = (origin.get("weights") or {}).get("sha256"), file_digest(weights, "sha256")
    if found != expected:
        raise InputError(
            f"{archive}: made of weights with the hash {found}; expected {expected}, that of {weights}; start the same "
            "command again"
        )


def try_archive(archive: Path, rows: Sequence[Mapping[str, Any]], folder: Path, device: str) -> list[dict[str, Any]]:
    """Predict cases by an archive, and compare with their labels. They were in the training: it shows that it runs.

    Args:
        archive: archive of ``scripts/package.py --target inference``.
        rows: cases of :func:`choose_cases`.
        folder: folder of the datalist and the results.
        device: device of the network.

    Returns:
        ``subject``, ``label``, ``predicted`` and ``probability`` of each case.

    Raises:
        InputError: a case cannot be predicted; all are listed.
    """
    from ..deploy.prediction.classifier import open_classifier
    from ..deploy.prediction.predict import find_cases, predict_cases

    testing = [{**row, "subject": str(row["subject"])} for row in rows]
    source = write_atomically(folder / "datalist.json", json.dumps({"training": [], "testing": testing}, indent=1))
    with open_classifier(archive, device=device) as classifier:
        cases, unreadable = find_cases(source, classifier)
        batch = predict_cases(classifier, cases, folder, failed=unreadable)
        channels = classifier.channels
    if batch.failed:
        raise InputError.of_rows(str(archive), [f"{name}: {reason}" for name, reason in batch.failed.items()])
    return [_entry(row, result, channels) for row, result in zip(testing, batch.results, strict=True)]


def try_hybrid(archive: Path, rows: Sequence[Mapping[str, Any]], folder: Path, device: str) -> list[dict[str, Any]]:
    """The same by an archive that measures radiomics itself: by its own command and Python, from its own folder.

    Args:
        archive: archive of ``scripts/package.py --target hybrid``.
        rows: cases of :func:`choose_cases`.
        folder: folder of the datalist and the results.
        device: device of the network.

    Returns:
        ``subject``, ``label``, ``predicted`` and ``probability`` of each case.

    Raises:
        InputError: the archive does not run.
    """
    import pandas as pd

    from ..deploy.verification.archive import open_archive

    testing = [{**row, "subject": str(row["subject"])} for row in rows]
    source = write_atomically(folder / "datalist.json", json.dumps({"training": [], "testing": testing}, indent=1))
    options = {"dataset_dir": folder, "datalist": source, "output_dir": folder, "device": device}
    words = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    command = ["-m", "monai.bundle", "run", "evaluating", "--config_file", "configs/inference.json", *words]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with open_archive(archive) as unpacked:  # compares it with its manifest
        done = subprocess.run([sys.executable, *command], cwd=unpacked, env=environment, capture_output=True, text=True)
    if done.returncode:
        *_, last = [f"exit code {done.returncode}", *(done.stderr.strip() or done.stdout.strip()).splitlines()]
        raise InputError(f"{archive}: does not run: {last}")
    table = pd.read_csv(folder / "predictions.csv", dtype={"subject": str}).set_index("subject")
    return [_entry_of_table(row, table.loc[row["subject"]]) for row in testing]


def _entry_of_table(row: Mapping[str, Any], found: Any) -> dict[str, Any]:
    likeliest = int(found["prediction"])
    probability = round(float(found[f"probability_{likeliest}"]), 4)
    return {"subject": row["subject"], "label": row["label"], "predicted": likeliest, "probability": probability}


def _entry(row: Mapping[str, Any], result: Mapping[str, Any], channels: Sequence[str]) -> dict[str, Any]:
    probabilities: Mapping[str, float] = result["probabilities"]
    likeliest = max(probabilities, key=lambda name: probabilities[name])
    return {
        "subject": row["subject"],
        "label": row["label"],
        "predicted": list(channels).index(likeliest),
        "probability": round(float(probabilities[likeliest]), 4),
    }
