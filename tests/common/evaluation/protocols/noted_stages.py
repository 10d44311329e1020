"""Protocols whose stages are noted as they run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


class NotedStages:
    """Comes before a protocol among the bases of a class: ``stages`` has name, overlays and overrides of each run."""

    stages: list[tuple[str, list[str], dict[str, Any]]]

    def _run(self, stage: str, overlays: Iterable[str], **overrides: Any) -> None:
        overlays = list(overlays)
        self.stages = [*getattr(self, "stages", []), (stage, [Path(file).stem for file in overlays], overrides)]
        super()._run(stage, overlays, **overrides)
