"""Times of an idle machine from clocks of a loaded one."""

from __future__ import annotations

import pytest

from common import idle_time
from common.idle_time import Moment, idle_seconds, moment


@pytest.mark.parametrize(
    ("end", "threads", "expected"),
    [
        (Moment(10.0, 10.0, {"1": 0.0}), 1, 10.0),  # idle, one thread
        (Moment(10.0, 2.0, {"1": 8.0}), 1, 2.0),  # others had the processor
        (Moment(10.0, 18.0, {"1": 0.0, "2": 0.1}), 2, 9.9),  # idle, two threads
        (Moment(10.0, 4.0, {"1": 3.0, "2": 7.0}), 2, 3.0),  # all have waited for the second one
        (Moment(10.0, 4.0, {"1": 0.0, "2": 9.5}), 2, 2.0),  # it was not needed for all of it
        (Moment(10.0, 1.0, {"1": 0.0}), 1, 10.0),  # a disk
        (Moment(10.0, 2.0, {}), 1, 2.0),  # a system that reports no waiting
        (Moment(10.0, 18.0, {}), 2, 10.0),
    ],
)
def test_waiting_for_processors_is_no_time_of_an_idle_machine(end, threads, expected):
    assert idle_seconds(Moment(0.0, 0.0, {"1": 0.0}), end, threads) == pytest.approx(expected)


def test_a_thread_that_has_started_meanwhile_counts_from_its_start():
    begin, end = Moment(0.0, 0.0, {"1": 5.0}), Moment(4.0, 1.0, {"1": 5.0, "9": 3.0})
    assert idle_seconds(begin, end) == pytest.approx(1.0)


def test_the_waiting_of_each_thread_is_read_from_the_kernel_and_no_problem_elsewhere(tmp_path, monkeypatch):
    for thread, text in {"11": "5 2500000000 7", "12": "5 0 1", "13": ""}.items():
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "schedstat").write_text(text)
    (tmp_path / "14").mkdir()  # it has ended
    monkeypatch.setattr(idle_time, "TASKS", tmp_path)
    assert moment().waited == {"11": 2.5, "12": 0.0}
    monkeypatch.setattr(idle_time, "TASKS", tmp_path / "none")
    assert moment().waited == {}


def test_a_kernel_that_keeps_no_account_of_threads_reports_no_waiting(tmp_path, monkeypatch):
    for thread in ("11", "12"):
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "schedstat").write_text("0 0 0\n")
    monkeypatch.setattr(idle_time, "TASKS", tmp_path)
    assert moment().waited == {}
