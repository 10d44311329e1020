"""Model cards (Mitchell et al. 2019): intended use of a network, its training data and its failure modes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...errors import InputError
from ...evaluation.reports.lesion_report import metric_title
from ...evaluation.statistics.metrics import METRIC_NAMES
from ..prediction.prediction import NO_CALL

__all__ = ["card_section", "described", "render_model_card", "render_template", "with_card_section"]

BEGIN = "<!-- rendered from configs/metadata.json and models/*.json by scripts/model_card.py -->"
_COUNTS = ("held_out_subjects",)
END = "<!-- end of the model card -->"
TEMPLATE = "model_card.md.j2"  # beside this file


def render_model_card(metadata: Mapping[str, Any], metrics: Mapping[str, Any] | None, hashes: Mapping[str, str]) -> str:
    """Markdown of a bundle's or archive's card.

    Args:
        metadata: metadata of the bundle with ``failure_modes``, and with ``calibration``, the content of
            ``calibration.json``, if the probabilities are calibrated.
        metrics: ``metrics.json`` of an evaluation (:func:`~common.evaluation.write_report`), or values by name as in
            the metadata's ``eval_metrics``, which are the default.
        hashes: SHA-256 of the described files, by name.

    Raises:
        InputError: the metadata lacks an entry of the card.

    Example:
        >>> render_model_card(metadata, None, {}).splitlines()[0]
        '# 3DSiam with RE/SE'
    """
    return render_template(TEMPLATE, metadata, metrics, hashes)


def render_template(
    template: str,
    metadata: Mapping[str, Any],
    metrics: Mapping[str, Any] | None,
    hashes: Mapping[str, str],
    **more: Any,
) -> str:
    """Markdown of a template that is or extends the one of the card.

    Args:
        template: file name of the template.
        metadata: as for :func:`render_model_card`.
        metrics: as for :func:`render_model_card`.
        hashes: as for :func:`render_model_card`.
        more: further values that the template uses.

    Raises:
        InputError: the metadata lacks an entry of the card.
    """
    needed = ("failure_modes", "data_source", "data_type", "image_classes", "label_classes", "pred_classes")
    if missing := [name for name in needed if not metadata.get(name)]:
        raise InputError(f"metadata.json: no {', '.join(missing)}; expected what the model card says; add it")
    environment = Environment(  # for Markdown, not HTML
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    segmenter = {"data_source": "", "eval_metrics": {}, **found} if (found := metadata.get("segmentation")) else None
    own = {key: metadata.get(f"reference_{key}", []) for key in ("limitations", "failure_modes")}
    text = environment.get_template(template).render(
        metadata={**metadata, "segmentation": segmenter, **{key: [*own[key], *metadata[key]] for key in own}},
        abstains=NO_CALL in metadata["network_data_format"]["outputs"]["pred"]["channel_def"].values(),
        scores=_scores(metrics or metadata.get("eval_metrics", {}), _labels(metadata)),
        notes=(metrics or {}).get("notes", []),
        segmenter_scores=_scores(segmenter["eval_metrics"], _labels(segmenter)) if segmenter else [],
        calibration=_calibration(metadata.get("calibration")),
        hashes=hashes,
        **more,
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def described(bundle: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What the card of a bundle is rendered from.

    Args:
        bundle: folder of the bundle.

    Returns:
        Its metadata, with the calibration that ships with its weights, and the metrics of their cross-validation;
        ``None`` where none ship.
    """
    metadata = json.loads((bundle / "configs/metadata.json").read_text(encoding="utf-8"))
    calibration, metrics = (
        json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        for path in (bundle / f"models/{name}.json" for name in ("calibration", "metrics"))
    )
    return {**metadata, "calibration": calibration}, metrics


def card_section(metadata: Mapping[str, Any], metrics: Mapping[str, Any] | None = None) -> str:
    """The card as a section of a bundle's page: a heading of the second level, between two marks."""
    _, _, card = render_model_card(metadata, metrics, {}).partition("\n")
    return f"{BEGIN}\n## Model card\n{re.sub('^## ', '### ', card, flags=re.MULTILINE)}{END}"


def with_card_section(
    text: str, metadata: Mapping[str, Any], metrics: Mapping[str, Any] | None = None, name: str = "README.md"
) -> str:
    """A page with its card rendered again.

    Args:
        text: text of the page, with one card between its marks.
        metadata: as for :func:`render_model_card`.
        metrics: as for :func:`render_model_card`.
        name: name of the file, for error messages.

    Raises:
        InputError: a mark is missing or occurs more than once.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise InputError(f"{name}: no place for the model card; expected the lines {BEGIN!r} and {END!r}; add them")
    before, _, rest = text.partition(BEGIN)
    return before + card_section(metadata, metrics) + rest.partition(END)[2]


def _labels(metadata: Mapping[str, Any]) -> dict[str, str]:
    return metadata["network_data_format"]["outputs"]["pred"]["channel_def"]


def _scores(metrics: Mapping[str, Any], labels: Mapping[str, str]) -> list[tuple[str, str]]:
    if "results" not in metrics:
        titles = {name: METRIC_NAMES.get(name) or metric_title(name, labels) for name in _scores_in(metrics)}
        return [(title, f"{metrics[name]:.3f}") for name, title in titles.items()]
    first = metrics["results"][-1]
    cohort = ", ".join(f"{entry['subjects']} {entry['name']}" for entry in metrics["classes"])
    rows = [("Held-out subjects", f"{metrics['subjects']}: {cohort}"), ("Method", first["set"])]
    for name, title in METRIC_NAMES.items():
        if name in first["metrics"]:
            found, majority = first["metrics"][name], metrics["majority_class"][name]["value"]
            interval = f"{found['low']:.3f} to {found['high']:.3f}"
            rows.append((title, f"{found['value']:.3f} ({interval}); majority class {majority:.3f}"))
    return [*rows, ("Intervals", f"{metrics['confidence']:.0%}, bootstrap over subjects")]


def _scores_in(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among them, without the number of subjects, which is 0 where nothing was evaluated."""
    return {key: value for key, value in metrics.items() if isinstance(value, int | float) and key not in _COUNTS}


def _calibration(found: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Rows of the known values; empty if nothing was fitted."""
    if not found or (found["temperature"], found["threshold"]) == (1.0, 0.0):
        return []
    error, spread = found.get("expected_calibration_error", {}), found.get("intervals", {})
    of_error = spread.get("expected_calibration_error", {})
    rows = [
        ("Held-out subjects", found.get("num_subjects"), None),
        ("Their images", found.get("num_images"), None),
        ("Temperature", found["temperature"], spread.get("temperature")),
        ("Expected calibration error before", error.get("before"), of_error.get("before")),
        ("Expected calibration error after", error.get("after"), of_error.get("after")),
        ("Threshold of the largest probability", found["threshold"], None),
        ("Accuracy asked of the calls", found.get("target_accuracy"), None),
        ("Accuracy of the calls", found.get("accuracy_of_calls"), spread.get("accuracy_of_calls")),
        ("Coverage: share of cases that are called", found.get("coverage"), None),
    ]
    return [(name, _with_interval(value, interval)) for name, value, interval in rows if value is not None]


def _with_interval(value: float, interval: list[float] | None) -> str:
    text = str(value) if isinstance(value, int) else f"{value:.3f}"
    return f"{text} ({interval[0]:.3f} to {interval[1]:.3f})" if interval else text
