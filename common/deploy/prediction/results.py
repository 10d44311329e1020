"""Results of a prediction run: a folder for each study, and two tables of all."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from ...csv_text import plain_cell
from ...files import write_atomically
from .prediction import ModelIdentity, Prediction

__all__ = [
    "INTENDED_USE",
    "RESULT",
    "discard",
    "finished",
    "model_folder",
    "model_name",
    "result_folder",
    "write_result",
    "write_results",
]

INTENDED_USE = "Research only, not for clinical use"
TABLE, RESULT = "results.json", "result.json"
_LONGEST = 200  # bytes of a file name; most systems allow 255, and temporary names are longer


def result_folder(output: Path, name: str) -> Path:
    """Folder of one study's results, with a name that every file system allows.

    Args:
        output: output folder of the run.
        name: name of the study.
    """
    return output / "studies" / _file_name(name)


def model_folder(output: Path, model: ModelIdentity) -> Path:
    """Folder of one model's results: ``output`` itself for the first, a subfolder for any other.

    Args:
        output: output folder given by the user.
        model: identity of the model.
    """
    known = _models(output)
    if not known or asdict(model) in known:
        return output
    return output / model_name(model)


def model_name(model: ModelIdentity) -> str:
    """Name of a folder for the results of one model.

    Args:
        model: identity of the model.
    """
    return _file_name(f"{model.name}_{model.version}_{model.sha256[:8]}")


def _models(output: Path) -> list[Any]:
    """Models with results in a folder; results of studies count too, if a killed run left no table."""
    for path in (output / TABLE, *sorted(output.glob(f"studies/*/{RESULT}"))):
        with suppress(OSError, ValueError, TypeError, KeyError):
            return [json.loads(path.read_text(encoding="utf-8"))["model"]]
    return []


def _file_name(text: str) -> str:
    """A name of letters, digits, ``_``, ``.`` and ``-``; a long one is cut and followed by a hash."""
    name = re.sub(r"^\.|[^\w.-]+", "_", text) or "_"
    data = name.encode("utf-8", "backslashreplace")
    if len(data) <= _LONGEST:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"{data[: _LONGEST - 17].decode('utf-8', 'ignore')}-{digest}"


def write_result(
    folder: Path, name: str, series: Mapping[str, str], prediction: Prediction, key: str
) -> dict[str, Any]:
    """Write ``result.json`` of one study.

    Args:
        folder: folder for the study's results.
        name: Study Instance UID, or name of the case.
        series: source of each modality.
        prediction: prediction for the study.
        key: hash of everything on which the prediction depends.

    Returns:
        The content of the file, an entry of ``results.json``.
    """
    result = {
        "study": name,
        "series": dict(series),
        "probabilities": dict(prediction.probabilities),
        "call": prediction.call,
        "model": asdict(prediction.model),
        "intended_use": INTENDED_USE,
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "key": key,
    }
    write_atomically(folder / RESULT, _json(result))
    return result


def finished(folder: Path, key: str, files: Sequence[str]) -> dict[str, Any] | None:
    """Result of an earlier run on the same images with the same model, if it is complete.

    Args:
        folder: folder of the study's results.
        key: hash of everything on which the results depend.
        files: names of the files that must exist beside the result.
    """
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(result, dict) and result.get("key") == key and all((folder / name).is_file() for name in files)
    return result if whole else None


def discard(folder: Path, files: Sequence[str]) -> None:
    """Remove results of an earlier run on other images or with another model, ``result.json`` first.

    Args:
        folder: folder of the study's results.
        files: names of the files that may exist beside the result.
    """
    for name in (RESULT, *files):
        (folder / name).unlink(missing_ok=True)


def write_results(
    files: tuple[Path, Path], model: ModelIdentity, results: Sequence[Mapping[str, Any]], failed: Mapping[str, str]
) -> None:
    """Write the tables of all studies.

    Args:
        files: paths of the JSON and the CSV file.
        model: identity of the model.
        results: return values of :func:`write_result`, in the order of the studies.
        failed: reason of each failure, by the study's name.
    """
    content = {
        "model": asdict(model),
        "intended_use": INTENDED_USE,
        "results": list(results),
        "failed": [{"study": name, "reason": reason} for name, reason in failed.items()],
    }
    classes = list(dict.fromkeys(name for result in results for name in result["probabilities"]))
    probabilities = [plain_cell(f"probability of {name}") for name in classes]
    table = [["study", "series", *probabilities, "call", "model", "version", "sha256", "time", "intended use"]]
    for result in results:
        series = "; ".join(f"{name}={source}" for name, source in result["series"].items())
        numbers = [f"{result['probabilities'][name]:.6f}" for name in classes]
        identity = [result["model"][name] for name in ("name", "version", "sha256")]
        texts = [plain_cell(value) for value in (result["study"], series, result["call"], *identity)]
        table.append([*texts[:2], *numbers, *texts[2:], result["time"], INTENDED_USE])
    text = io.StringIO()
    # Python quotes a cell with a carriage return only if lines end in one too.
    end = "\r\n" if any("\r" in cell for row in table for cell in row) else "\n"
    csv.writer(text, lineterminator=end).writerows(table)
    write_atomically(files[0], _json(content))
    write_atomically(files[1], _bytes(text.getvalue()))


def _json(content: Any) -> bytes:
    return _bytes(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _bytes(text: str) -> bytes:
    """UTF-8; bytes of a file name that are not valid UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace")
