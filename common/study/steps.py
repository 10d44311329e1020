"""The four steps of a study; each does what is not done, those before it first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ..console import quiet, without_arguments
from ..errors import InputError
from ..files import file_digest
from ..locks import locked
from ..programs import command_of
from .budget import duration_text
from .choice import choose_row, main_metric, networks_of
from .compare import COMPARE, comparison_of, measured_pace, row_entries, watched_runs
from .finish import is_hybrid
from .journal import Journal
from .packages import check_packages
from .plan import PLAN, Plan, read_plan
from .plan_text import describe_plan
from .planning import Wishes, make_plan
from .progress import Watched, watching

__all__ = ["STEPS", "Study"]

STEPS = ("plan", "compare", "conclude", "finish")
#: What a message adds on options that are used where the plan is made, and nowhere else.
FITTED = {"budget": " (only a new plan fits epochs and methods to it; in this one edit these)"}
PLANNING, TABLES, REPORT = 45.0, 10.0, 40.0  # seconds on small cohorts, for the bar alone


class Study:
    """A study in a folder. Start the same command again to continue one that was interrupted.

    Args:
        folder: folder of the study.
        say: function that prints a text for the user; by default to standard output.

    Raises:
        InputError: the folder is a file, such as the plan in it.
    """

    def __init__(self, folder: str | Path, say: Callable[[str], object] = print) -> None:
        self.folder = Path(folder).resolve()
        self.say = say
        if self.folder.is_file():
            remedy = f"name {Path(folder).parent}" if self.folder.name == PLAN else "name another folder"
            raise InputError(f"output_dir: {folder}: found a file, expected the folder of a study; {remedy}")

    def plan(self, wishes: Wishes) -> Plan:
        """Make the plan, or read the one that is there; what was typed must not contradict it.

        Args:
            wishes: what the user has typed.

        Raises:
            InputError: see :func:`~common.study.planning.make_plan`; or a plan of other wishes is there.
        """
        if (self.folder / PLAN).is_file():
            plan = read_plan(self.folder)
            self._check_same(plan, wishes)
            return plan
        new, ours = not self.folder.exists(), False
        try:
            checks = Watched("checks of all files, three steps of each training", None, PLANNING)
            with self._step("plan") as terminal, watching([checks], terminal, "plan"):
                ours = new  # and not of another process, whose lock refuses this one
                Journal(self.folder).write(typed=_typed(wishes))
                plan = make_plan(wishes)
        except InputError:
            if ours:  # a study that is refused leaves nothing
                shutil.rmtree(self.folder, ignore_errors=True)
            raise
        Journal(self.folder).write(next=self._next(), folder=str(self.folder))
        self.say(describe_plan(Path(self._shown), plan))
        return plan

    def compare(self) -> Path:
        """Run the methods of the plan on its folds.

        Returns:
            The report of the numbers, ``compare/report/report.md``.
        """
        plan, report = read_plan(self.folder), self.folder / COMPARE / "report" / "report.md"
        comparison = comparison_of(self.folder, plan)
        runs, rows = watched_runs(comparison.tasks(), plan), row_entries(comparison, plan)
        networks_of(rows, plan.final.get("method"))  # not after hours of training
        comparison.check_identity()  # also where nothing is left to run: the page and the archive state these settings
        journal = Journal(self.folder)
        same = _names(rows) == _names(journal["rows"])  # or else a method that has left the plan may be chosen
        if same and report.is_file() and all(run.done() for run in runs) and _done(journal, "compare"):
            return report
        pace = measured_pace(self.folder, plan, runs)
        bar: dict[str, Any] = {"workers": plan.workers, "pace": pace}
        runs.append(Watched("tables and figures", None, TABLES))
        with self._step("compare") as terminal, watching(runs, terminal, "compare", **bar):
            Journal(self.folder).write(rows=rows)
            return comparison.run()

    def conclude(self) -> Path:
        """Choose the final method and write the report.

        Returns:
            ``report.html``.
        """
        self.compare()
        plan, journal = read_plan(self.folder), Journal(self.folder)
        summary = json.loads((self.folder / COMPARE / "report" / "metrics.json").read_text(encoding="utf-8"))
        choice = choose_row(summary, journal["rows"], plan.final.get("method"), tested=plan.test_datalist is not None)
        report = self.folder / "report.html"
        same = choice == journal["choice"] and journal["folder"] == str(self.folder)  # or its commands are others
        if not (same and self._is_concluded(report)):
            with self._step("conclude") as terminal, watching([Watched("report", None, REPORT)], terminal, "conclude"):
                final = journal["final"] if choice == journal["choice"] else None
                entries = {"choice": choice, "final": final, "next": self._next(final), "folder": str(self.folder)}
                Journal(self.folder).write(**entries)
                report = self._write_report()
        self.say(_verdict(summary, choice))
        self.say(f"report: {self._as_typed(report)}")
        return report

    def finish(self) -> Path:
        """Train, calibrate, package and try the final model.

        Returns:
            The archive.
        """
        from .finishing import finish

        plan = read_plan(self.folder)
        if plan.task == "classification":
            check_packages()
        self.conclude()
        plan, journal = read_plan(self.folder), Journal(self.folder)
        if not self._is_finished(journal):
            with self._step("finish") as terminal:
                finish(self.folder, plan, journal["choice"]["text"], terminal, self._conclude_with)
        journal = Journal(self.folder)
        archive = self.folder / journal["final"]["archive"]
        self.say(f"final model: {self._as_typed(archive)}")
        if reason := journal["final"].get("uncalibrated"):
            self.say(f"It is not calibrated: {reason}")
        self.say(_trial(journal["final"]["cases"]))
        self.say(f"next: {journal['next']}")
        return archive

    def _conclude_with(self, entry: Mapping[str, Any]) -> None:
        """Note the final model, and write its command, in which nothing else differs, into the report."""
        from ..evaluation.reports.study.page import renew_next_command
        from ..evaluation.reports.study.settings_box import next_of_study

        Journal(self.folder).write(final=entry, next=self._next(entry))
        report, found = self.folder / "report.html", next_of_study(Journal(self.folder).content)
        if not (found and self._is_concluded(report) and renew_next_command(report, *found)):
            self._write_report()

    def _next(self, final: Mapping[str, Any] | None = None) -> str:
        """The command that finishes the study, or applies its final model."""
        if final is None:
            return f"{command_of('study')} finish {self._shown}"
        return _use(Path(self._as_typed(self.folder / final["archive"])), read_plan(self.folder))

    @property
    def _shown(self) -> str:
        return self._as_typed(self.folder)

    @staticmethod
    def _as_typed(path: Path) -> str:
        """A path as a user would type it."""
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

    def _is_concluded(self, report: Path) -> bool:
        """Whether the report is younger than the plan and the comparison's numbers."""
        return _done(Journal(self.folder), "conclude") and self._is_younger(report)

    def _is_finished(self, journal: Journal) -> bool:
        """Whether the final model's archive is there as it was tried, and younger than plan and numbers."""
        final = journal["final"]
        if not (final and _done(journal, "finish")):
            return False
        archive, weights = (self.folder / final[name] for name in ("archive", "weights"))
        return weights.is_file() and self._is_younger(archive) and file_digest(archive, "sha256") == final["sha256"]

    def _is_younger(self, path: Path) -> bool:
        """Whether a file is there and no older than the plan and the comparison's numbers."""
        sources = (self.folder / PLAN, self.folder / COMPARE / "report" / "metrics.json")
        newest = max(source.stat().st_mtime_ns for source in sources)
        return path.is_file() and path.stat().st_mtime_ns >= newest

    def _write_report(self) -> Path:
        from ..evaluation.reports.study_report import write_study_report

        return write_study_report(self.folder)

    @contextmanager
    def _step(self, name: str) -> Iterator[TextIO]:
        """A step with its lock, its time in the journal and its log; the terminal for the bar."""
        log = self.folder / "logs" / f"{name}.log"
        with locked(self.folder), Journal(self.folder).step(name), without_arguments(), quiet(log) as terminal:
            yield terminal

    def _check_same(self, plan: Plan, wishes: Wishes) -> None:
        """Refuse options that contradict the plan, unless they made it: budget, rules and user may have changed it."""
        there, before = _as_typed(plan), Journal(self.folder)["typed"] or {}
        other = [
            f"{name}: {_shown(name, there.get(name))} in the plan, {_shown(name, now)} typed{FITTED.get(name, '')}"
            for name, now in _typed(wishes).items()
            if now not in (there.get(name), before.get(name))
        ]
        if other:
            path = self.folder / PLAN
            raise InputError.of_rows(f"{path}: another plan; edit it, delete it, or name another --output_dir", other)


def _shown(name: str, value: Any) -> str:
    """A value of an option as it is typed."""
    value = getattr(Wishes, name, None) if value is None else value
    if value is None:
        return "none"
    return duration_text(value) if name == "budget" else repr(value)


def _use(archive: Path, plan: Plan) -> str:
    """The command that applies the final model."""
    if is_hybrid(archive):
        return (
            f"unzip {archive} && cd {archive.stem} && python -m monai.bundle run evaluating --config_file "
            "configs/inference.json --dataset_dir <folder with datalist.json> --output_dir results"
        )
    if plan.task == "classification":
        return f"{command_of('predict')} {archive} <folder of new images> --output results"
    config, weights = archive.with_name("inference_segmentation.json"), archive.with_name("segmenter.ts")
    return (
        f"python -m monai.bundle run evaluating --config_file {config} --checkpoint {weights} "
        "--dataset_dir <folder with datalist.json> --output_dir results"
    )


def _trial(cases: list[dict[str, Any]]) -> str:
    """What the trial shows: that the archive runs."""
    found = f"{sum(case['label'] == case['predicted'] for case in cases if 'predicted' in case)} as labelled"
    if any("dice" in case for case in cases):
        found = f"Dice {min(case['dice'] for case in cases):.2f} to {max(case['dice'] for case in cases):.2f}"
    return f"tried on {len(cases)} of its training cases: it runs, {found}; the report judges it"


def _typed(wishes: Wishes) -> dict[str, Any]:
    """Options that differ from their defaults, by name."""
    from .planning import budget_seconds

    plain = Wishes(wishes.bundle, wishes.dataset_dir, wishes.output_dir)
    names = ["datalist", "test_datalist", "task", "methods", "seeds", "vary_pretraining", "fractions"]
    names += ["workers", "overlays", "recipe", "final"]
    found: dict[str, Any] = {"bundle": Path(wishes.bundle).name, "dataset_dir": wishes.dataset_dir}
    found |= {name: value for name in names if (value := getattr(wishes, name)) != getattr(plain, name)}
    if wishes.budget is not None:
        found["budget"] = budget_seconds(wishes.budget)
    return _plain(found, wishes)


def _as_typed(plan: Plan) -> dict[str, Any]:
    """The same of a plan."""
    budget = (plan.budget or {}).get("seconds")
    return _plain({**vars(plan), "bundle": Path(plan.bundle).name, "budget": budget, "final": plan.final["kind"]}, plan)


def _plain(found: dict[str, Any], of: Wishes | Plan) -> dict[str, Any]:
    """As JSON, with the ids of all configs and of each stage by name."""
    parts = {"": of.settings, "pretrain.": of.pretrain, "train.": of.train}
    ids = {prefix + name: value for prefix, part in parts.items() for name, value in part.items()}
    return json.loads(json.dumps({**found, **ids}, default=lambda path: str(Path(path).resolve())))


def _names(rows: Sequence[Mapping[str, Any]] | None) -> list[tuple[str, ...]]:
    """Rows without what only the report says of them."""
    return [tuple(row[key] for key in ("text", "name", "kind", "folder")) for row in rows or ()]


def _done(journal: Journal, step: str) -> bool:
    return bool((journal["steps"] or {}).get(step, {}).get("finished"))


def _verdict(summary: dict[str, Any], choice: dict[str, Any]) -> str:
    """The chosen row, the first row and the majority class, in a sentence each."""
    metric = main_metric(summary)
    lines = [_score(choice["name"], metric, choice) + f". Chosen: {choice['reason']}."]
    first = summary["results"][0]
    if first["set"] != choice["name"]:
        lines.append(_score(first["set"], metric, first["metrics"][metric]) + ", the reference.")
    if majority := summary.get("majority_class"):
        lines.append(f"The majority class has {metric} {majority[metric]['value']:.3f}.")
    return "\n".join(lines)


def _score(name: str, metric: str, score: dict[str, Any]) -> str:
    return f"{name}: {metric} {score['value']:.3f} ({score['low']:.3f} to {score['high']:.3f})"
