"""Make the page of a comparison: verdict, figures and worst cases in one HTML file."""

from __future__ import annotations

from common.command_line import run_commands


def report(output_dir: str, datalist: str | None = None, seconds: float = 120.0) -> str:
    """Write report.html into the folder of a finished comparison, and report_files/ with its figures and tables.

    The page needs no other file and no network.

    Args:
        output_dir: folder of a study, or the output_dir of cross_validate.py or label_fractions.py.
        datalist: datalist of the cohort, for the flow of subjects, subgroups and pictures; default: that of the study.
        seconds: time limit of the heat maps of the worst cases, as on an idle machine.
    """
    from common.evaluation import write_study_report

    return str(write_study_report(output_dir, datalist, seconds=seconds))


if __name__ == "__main__":
    run_commands(report, show=print)
