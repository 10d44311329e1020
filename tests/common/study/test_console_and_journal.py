"""A quiet terminal, the bar of all runs, and the notes of a study."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import time

import pytest
from tqdm import tqdm

from common.console import bar_stream, logged, quiet
from common.errors import InputError
from common.study import Study
from common.study.compare import measured_pace
from common.study.journal import Journal
from common.study.pace import Pace
from common.study.progress import Watched, _Watch, duration, watching
from tests.common.study.builders import plan


def test_all_that_is_printed_or_logged_goes_to_the_file_and_the_terminal_has_the_bar(tmp_path, capfd):
    with quiet(tmp_path / "logs/x.log") as terminal:
        print("printed")
        logging.getLogger("some").warning("logged")
        os.write(1, b"descriptor\n")
        subprocess.run([sys.executable, "-c", "import sys; print('child', file=sys.stderr)"], check=True)
        terminal.write("bar\n")
    print("after")
    shown = capfd.readouterr()
    assert shown.out == "after\n" and shown.err == "bar\n"
    lines = {line.split()[-1] for line in (tmp_path / "logs/x.log").read_text().splitlines()}
    assert lines == {"printed", "logged", "descriptor", "child"}


def test_a_command_shows_its_bar_and_each_new_warning_of_the_project_once(tmp_path, capfd):
    log = tmp_path / "run.log"
    log.write_text("10:00:00 WARNING common.data: of an earlier run\n")
    with pytest.raises(ValueError), logged(log):
        tqdm(total=1, desc="runs", file=bar_stream()).close()
        for name, message in (("common.data", "two images are left out"), ("monai", "is deprecated")) * 2:
            logging.getLogger(name).warning(message)
        raise ValueError
    shown = capfd.readouterr()
    assert shown.out == "" and "runs:" in shown.err and bar_stream() is None
    assert [line for line in shown.err.splitlines() if "warning" in line] == ["warning: two images are left out"]
    assert shown.err.startswith(f"Log: {log}\n") and log.read_text().count("is deprecated") == 2


def test_a_handler_that_a_library_made_in_one_step_writes_into_the_log_of_the_next_one(tmp_path, capfd):
    logger = logging.getLogger("of_a_library")
    with quiet(tmp_path / "first.log"):
        handler = logging.StreamHandler(sys.stdout)
    logger.addHandler(handler)
    try:
        with quiet(tmp_path / "second.log"):
            logger.warning("later")
    finally:
        logger.removeHandler(handler)
    assert "later\n" in (tmp_path / "second.log").read_text()
    assert "Logging error" not in (tmp_path / "second.log").read_text() + capfd.readouterr().err


def test_a_step_runs_without_the_options_that_were_typed_for_the_plan(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["study.py", "--box_size=[9,9,9]"])
    with Study(tmp_path)._step("compare"):
        assert sys.argv == ["study.py"]
    assert sys.argv == ["study.py", "--box_size=[9,9,9]"]


def test_an_error_leaves_the_terminal_as_it_was(tmp_path, capfd):
    handlers = list(logging.root.handlers)
    with pytest.raises(ValueError), quiet(tmp_path / "x.log"):
        raise ValueError
    print("visible")
    assert capfd.readouterr().out == "visible\n" and logging.root.handlers == handlers


def lines(terminal: io.StringIO) -> list[str]:
    return terminal.getvalue().replace("\r", "\n").split("\n")


def test_the_bar_knows_what_is_done_by_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr("common.study.progress.EVERY", 0.01)
    runs = [Watched("first", tmp_path / "a", 30.0), Watched("second", tmp_path / "b", 10.0)]
    (tmp_path / "a").touch()
    terminal = io.StringIO()
    with watching([*runs, Watched("report", None, 5.0)], terminal, "compare"):
        (tmp_path / "b").touch()
    assert any("100%" in line and "3/3 runs" in line for line in lines(terminal))


def test_the_bar_shows_the_epoch_of_the_run_and_its_share(tmp_path):
    (tmp_path / "se/fold0").mkdir(parents=True)
    (tmp_path / "se/fold0/metrics.csv").write_text("epoch,loss\n1,0.5\n2,0.4\n3,0.3\n")
    runs = [
        Watched("pre-training SE, fold 0", tmp_path / "se/fold0/model.pt", 40.0, "pre-training SE", 4),
        Watched("SE, fold 0", tmp_path / "se+train/fold0/evaluate/predictions.csv", 60.0, "training SE", 2),
    ]
    watch = _Watch(runs, 1, Pace())
    assert watch.shares == [0.75, 0.0]
    assert watch._text(1.0) == "0/2 runs, 70 s left: pre-training SE, fold 0, epoch 3/4"
    (tmp_path / "se/fold0/model.pt").touch()
    (tmp_path / "se+train/fold0").mkdir(parents=True)
    (tmp_path / "se+train/fold0/metrics.csv").write_text("epoch,loss\n1,0.5\n2,0.4\n")
    watch._look(30.0)
    assert watch._text(1.0).endswith("SE, fold 0, epoch 2/2") and watch.shares[1] < 1  # its predictions are lacking


def test_the_time_left_shrinks_while_a_run_shows_nothing_of_what_it_does(tmp_path):
    runs = [Watched("radiomics", tmp_path / "a", 600.0), Watched("training", tmp_path / "b", 600.0, epochs=2)]
    watch = _Watch(runs, 1, Pace())
    for _ in range(30):
        watch._look(10.0)
    assert watch._text(300.0) == "0/2 runs, 15 min left: radiomics"
    (tmp_path / "a").touch()  # after half of the estimate
    watch._look(0.0)
    assert 300 < watch.pace.left({"training": 600.0}) < 600
    watch._look(1e6)
    assert watch._text(1e6) == "1/2 runs, 12 days so far: training, epoch 0/2"


def test_the_time_left_follows_the_pace_of_each_stage():
    pace = Pace()
    assert pace.left({"slow": 100.0, "fast": 100.0}) == 200.0
    pace.add("slow", took=6000.0, expected=2000.0)
    pace.add("fast", took=2000.0, expected=2000.0)
    found = {stage: pace.left({stage: 100.0}) for stage in ("slow", "fast", "new")}
    assert found["slow"] == pytest.approx(300, rel=0.01) and found["fast"] == pytest.approx(100, rel=0.05)
    assert found["new"] == pytest.approx(100 * 8060 / 4060)  # as all of them together


def test_a_study_that_goes_on_knows_the_pace_of_the_runs_before(tmp_path):
    runs = [Watched(f"fold {k}", tmp_path / f"compare/a/fold{k}/model.pt", 100.0, "training") for k in range(3)]
    for run in runs[:2]:
        run.makes.parent.mkdir(parents=True)
        run.makes.touch()
    costs = {f"a/fold{k}/model.pt": {"seconds": 300.0} for k in range(3)}
    (tmp_path / "compare/costs.json").write_text(json.dumps(costs))
    left = measured_pace(tmp_path, plan(workers=1), runs).left({"training": 100.0})
    assert 200 < left < 300 and measured_pace(tmp_path, plan(workers=2), runs).left({"training": 100.0}) < left


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (300, "5 min"), (7200, "2 h"), (7260, "2 h 1 min"), (1e6, "12 days")]
)
def test_durations_in_words(seconds, text):
    assert duration(seconds) == text


def test_the_journal_adds_the_seconds_of_interrupted_runs(tmp_path):
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path).step("compare"):
        raise KeyboardInterrupt
    assert json.loads((tmp_path / "study.json").read_text())["steps"]["compare"]["finished"] is None
    with Journal(tmp_path).step("compare"):
        time.sleep(0.11)
    found = Journal(tmp_path)["steps"]["compare"]
    assert found["seconds"] >= 0.1 and found["finished"]


def test_entries_written_during_a_step_stay(tmp_path):
    with Journal(tmp_path).step("finish"):
        Journal(tmp_path).write(final={"kind": "all"})
    assert Journal(tmp_path)["final"] == {"kind": "all"} and Journal(tmp_path)["steps"]["finish"]["finished"]


def test_a_damaged_journal_is_one_line(tmp_path):
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(InputError, match=r"study\.json: damaged .*delete it"):
        Journal(tmp_path)
