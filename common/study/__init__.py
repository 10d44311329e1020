"""One study: from a cohort to a model, in four steps that can be interrupted at any point.

``plan`` looks at the cohort and writes ``plan.yaml``; ``compare`` runs the methods; ``conclude`` writes the report and
chooses; ``finish`` trains, calibrates, packages and tries the final model. A step reads all that it needs from the
folder of the study::

    plan.yaml      what is to be done: written once, edited by the user, see Plan
    study.json     what has been done: seconds of the steps, rows, choice, final files, next command, see Journal
    cohort.json    the fingerprint of the cohort, see Cohort
    datalist.json  the rows of the study, with absolute paths and a fold each, see read_study_rows
    logs/          all that libraries print and log, a file for each step
    compare/       runs and report of the comparison
    final/         model.pt, calibration.json, metrics.json, the archive, trial/ with the predictions of five cases
    report.html    the conclusion
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .plan import Plan, read_plan, write_plan
    from .planning import Wishes, make_plan
    from .steps import Study

__all__ = ["Plan", "Study", "Wishes", "make_plan", "read_plan", "write_plan"]

__getattr__ = lazy_exports(__name__)
