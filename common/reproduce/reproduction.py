"""A table or figure of a paper on a cohort, by one call."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ..bundle_configs import Recipe
from ..console import logged
from .paper import Paper
from .plan import Request, planned_runs

__all__ = ["Reproduction"]

logger = logging.getLogger(__name__)


class Reproduction:
    """Reproduce a table or figure of a bundle's paper on a cohort, laid out as in the paper.

    Start the same command again to continue after an interruption: finished runs are not repeated. Further options
    override ids of the configs in every stage that has them, e.g. --image_size "[96,96]" --device cpu. docs/papers.md
    lists all tables and figures.

    Beside the paper's metrics there are those that it lacks, intervals over subjects, the majority class, paired tests,
    and what the runs cost; and the paper's own numbers, which were measured on other data.

    Args:
        bundle: name of the bundle, e.g. siam3d_imbalance.
        dataset_dir: folder of the cohort's ``datalist.json``.
        output_dir: folder for all outputs, below it ``<table or figure>/<cohort>/``.
        table: number of the table, or its name if it is not numbered.
        figure: number of the figure instead.
        cohort: cohort of the paper that the data resemble, e.g. lung; by default the first of the table.
        budget: "paper" for its protocol in full, or "short" for a small one that shows the form.
        overlays: config files of the bundle for all stages instead of the cohort's, e.g. lidc.
        recipe: paper for its literal protocol, or default for this project's own settings in the paper's table.
        pretraining_datalist: datalist of other subjects on which encoders are pre-trained, where the paper has some.
        raters: further datalists of a segmentation with the masks of other raters, by name.
        submission: name of the team of a segmentation, for masks of the section "testing".
        pretrain: ids of ``pretrain.yaml`` alone, e.g. "{max_epochs: 100}".
        train: ids of ``train.yaml`` alone.
        probe: ids of ``linear_probe.yaml`` alone.
        workers: number of processes of this machine that run stages at the same time; with GPUs at most one for each.
        scheduler: address of a Dask scheduler whose workers run the stages instead, e.g. ``tcp://host:8786``.
        resources: resources of a worker of that cluster that each stage takes, e.g. "{GPU: 1}".
        **settings: ids of the configs and their values, for every stage that has them.

    Raises:
        OptionError: a setting is an id of no config.
        InputError: the paper has no such table, figure or cohort, or an option is invalid.
    """

    def __init__(
        self,
        bundle: str,
        dataset_dir: str | Path,
        output_dir: str | Path,
        table: str | None = None,
        figure: str | None = None,
        cohort: str | None = None,
        budget: Literal["short", "paper"] = "paper",
        overlays: Sequence[str] = (),
        recipe: Recipe = "paper",
        pretraining_datalist: str | Path | None = None,
        raters: Mapping[str, str] | None = None,
        submission: str = "",
        pretrain: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        probe: Mapping[str, Any] | None = None,
        workers: int = 1,
        scheduler: str | None = None,
        resources: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> None:
        paper = Paper.of(bundle)
        exhibit = paper.exhibit(table, figure)
        cohort = paper.cohort(exhibit, cohort)
        options: dict[str, Any] = {"overlays": list(overlays), "recipe": recipe}
        options |= {"pretraining_datalist": pretraining_datalist}
        options |= {"pretrain": pretrain, "train": train, "probe": probe, "scheduler": scheduler}
        options |= {"raters": raters, "submission": submission}
        options |= {"resources": resources, "workers": workers if workers != 1 else None}
        self.request = Request(
            paper,
            exhibit.of_cohort(cohort),
            cohort,
            Path(dataset_dir).resolve(),
            Path(output_dir).resolve(),
            budget,
            {name: value for name, value in options.items() if value},
            settings,
        )
        self.runs = planned_runs(self.request)

    def run(self) -> Path:
        """Run all that is not done, and write the table or figure.

        Returns:
            Its page, ``<output_dir>/<table or figure>/<cohort>/<table or figure>.md``.
        """
        for run in [*self.runs.values()][1:]:  # the first one checks itself
            run.check()
        reports = {}
        for name, run in self.runs.items():
            logger.info(f"{self.request.exhibit.key}: {name}")
            reports[name] = run.run().parent
        return self._written(reports)

    def run_logged(self) -> Path:
        """As :meth:`run`; the terminal shows bars, then warnings; ``run.log`` beside the page has the rest."""
        request = self.request
        with logged(request.output_dir / request.exhibit.folder / request.cohort / "run.log"):
            return self.run()

    def _written(self, reports: Mapping[str, Path]) -> Path:
        from . import others  # here, as --help needs none of it
        from .table import write_paper_table

        kind = self.request.exhibit.kind
        if kind == "counts":
            return others.write_counts(self.request)
        if kind == "architecture":
            return others.write_layers(self.request)
        if kind == "table":
            return write_paper_table(self.request, reports, self.runs)
        return others.write_figure(self.request, self._figures(reports))

    def _figures(self, reports: Mapping[str, Path]) -> dict[str, Path]:
        """Figures of the runs, by title."""
        pattern = {"sweep": "sweep_*.png", "correlation": "feature_correlation.png"}
        kind = self.request.exhibit.kind
        from .others import draw_curve, draw_heat_maps

        found: dict[str, Path] = {}
        if kind == "heat maps":
            for run in self.runs.values():
                found |= draw_heat_maps(run)
            return found
        for name, report in reports.items():
            if kind == "curve":
                found[f"{self.request.exhibit.title} ({name})"] = draw_curve(self.request, self.runs[name], report)
                continue
            for path in sorted((report / "figures").glob(pattern.get(kind, "*.png"))):
                found[f"{self.request.exhibit.title} ({name})"] = path
        return found
