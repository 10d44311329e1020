"""Comparisons whose figures nobody looks at."""

from __future__ import annotations

from typing import Any


def draw_nothing(monkeypatch: Any) -> None:
    """Reports have no figures, which would take most of the time; the text names them all the same."""
    reports = "common.evaluation.reports"
    monkeypatch.setattr(f"{reports}.report.draw_all", lambda *_: {})
    monkeypatch.setattr(f"{reports}.label_fraction_figure.label_fraction_figure", lambda _, path, *__, **___: path)
