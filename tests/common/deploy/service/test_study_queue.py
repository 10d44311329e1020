from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from common.deploy.service.delivery_queue import Delivery
from common.deploy.service.study_queue import StudyQueue
from common.errors import InputError

RESULTS = Path("/results")


@pytest.fixture
def queue(tmp_path):
    queue = StudyQueue(tmp_path / "queue.sqlite")
    yield queue
    queue.close()


def receive(queue: StudyQueue, study: str, complete: bool = True, transfer: str = "first") -> None:
    queue.add(study, f"{study}.1", "digest", f"{transfer} of {study}")
    if complete:
        queue.complete(f"{transfer} of {study}")


def due(queue: StudyQueue, *destinations: str) -> Delivery | None:
    """The first delivery that is due to one of some destinations."""
    found = [queue.next_delivery(place) for place in destinations or ("dicom://A@a:1", "https://a", "https://b")]
    return next((delivery for delivery in found if delivery), None)


def predict(queue: StudyQueue) -> None:
    queue.settle(0)
    queue.take()
    queue.predicted("1", RESULTS, ["https://b"])


def state(queue: StudyQueue) -> list[str]:
    return [name for name, count in queue.counts().items() for _ in range(count)]


def test_a_study_goes_from_its_images_to_its_delivery(queue):
    receive(queue, "1")
    assert queue.settle(60) == ([], []) and queue.take() is None  # it may not have settled
    assert queue.settle(0, {"first of 1"}) == ([], [])  # its transfer is under way
    assert queue.settle(0) == (["1"], [])
    assert queue.take() == ("1", 1) and queue.take() is None
    assert due(queue) is None
    assert queue.predicted("1", RESULTS, ["dicom://A@a:1", "https://b"])
    for _ in range(2):
        assert state(queue) == ["delivering"]
        queue.delivered(due(queue))
    assert state(queue) == ["done"] and due(queue) is None


def test_a_study_without_destination_is_done_when_it_is_predicted(queue):
    receive(queue, "1")
    queue.settle(0)
    queue.take()
    assert queue.predicted("1", RESULTS, []) and state(queue) == ["done"]


@pytest.mark.parametrize("steps", range(4))
def test_a_known_image_changes_nothing_and_a_new_one_starts_the_study_again(queue, steps):
    receive(queue, "1")
    moves = [lambda: queue.settle(0), queue.take, lambda: queue.predicted("1", RESULTS, ["https://b"])]
    for move in moves[:steps]:
        move()
    assert queue.is_known("1", "1.1", "digest") == (steps > 0)
    assert not queue.is_known("1", "1.1", "changed") and not queue.is_known("1", "1.2", "digest")
    queue.add("1", "1.2", "digest", "SCANNER")
    assert state(queue) == ["receiving"] and due(queue) is None


def test_results_of_a_study_of_which_more_came_meanwhile_are_not_delivered(queue):
    receive(queue, "1")
    queue.settle(0)
    queue.take()
    queue.add("1", "1.2", "digest", "SCANNER")
    assert not queue.predicted("1", RESULTS, ["https://b"])
    assert due(queue) is None and state(queue) == ["receiving"]


def test_the_end_of_an_old_delivery_does_not_end_the_new_one(queue):
    receive(queue, "1")
    predict(queue)
    old = due(queue)
    queue.add("1", "1.2", "digest", "SCANNER", complete=True)
    predict(queue)
    queue.delivered(old)
    assert state(queue) == ["delivering"] and due(queue).number != old.number


def test_a_study_whose_sender_broke_off_fails_until_it_is_sent_again(queue):
    receive(queue, "1", complete=False)
    assert queue.settle(0) == ([], ["1"])
    ((study, failed, reason),) = queue.problems()
    assert (study, failed) == ("1", "failed") and "broke off" in reason
    assert not queue.is_known("1", "1.1", "digest") and queue.retry(["https://a", "https://b"]) == 0
    receive(queue, "1")
    assert queue.settle(0) == (["1"], []) and queue.problems() == []


def test_a_transfer_that_broke_off_is_not_excused_by_another_of_other_images(queue):
    receive(queue, "1", complete=False)
    queue.add("1", "1.2", "digest", "second")
    queue.complete("second")
    assert queue.settle(0) == ([], ["1"])


@pytest.mark.parametrize("settled", [False, True])
def test_a_transfer_that_broke_off_is_excused_by_another_of_all_its_images(queue, settled):
    receive(queue, "1", complete=False)
    if settled:
        assert queue.settle(0) == ([], ["1"])
    for image in ("1.1", "1.2"):
        assert not queue.is_known("1", image, "digest")
        queue.add("1", image, "digest", "second")
    queue.complete("second")
    assert queue.settle(0) == (["1"], [])


def test_a_study_waits_for_all_transfers_that_are_open_also_if_its_images_came_again_meanwhile(queue):
    receive(queue, "1", complete=False)
    receive(queue, "1", transfer="second")
    receive(queue, "2")
    assert queue.settle(0, {"first of 1", "of none"}) == (["2"], [])
    assert queue.settle(0) == (["1"], [])


def test_a_failed_attempt_is_repeated_after_the_pause_and_then_given_up(queue):
    receive(queue, "1")
    queue.settle(0)
    queue.take()
    queue.fail("1", "no memory", again=60)
    assert queue.take() is None and state(queue) == ["ready"]
    queue._base.execute("UPDATE studies SET due = 0")
    assert queue.take() == ("1", 2)
    queue.fail("1", "no memory")
    assert queue.problems() == [("1", "failed", "no memory")]
    assert queue.retry(["https://a", "https://b"]) == 1 and queue.take() == ("1", 1)


def test_a_study_that_was_tried_before_comes_after_the_others(queue):
    for study in "12":
        receive(queue, study)
    queue.settle(0)
    assert queue.take()[0] == "1"
    queue.fail("1", "no memory", again=0)
    assert [queue.take()[0] for _ in range(2)] == ["2", "1"]


def test_what_ran_when_the_process_ended_is_repeated_but_not_without_end(tmp_path):
    for count in range(1, 4):
        queue = StudyQueue(tmp_path / "queue.sqlite")
        if count == 1:
            receive(queue, "1")
            queue.settle(0)
        assert queue.recover(3) == ((["1"], []) if count > 1 else ([], []))
        assert queue.take() == ("1", count)
        queue.close()
    queue = StudyQueue(tmp_path / "queue.sqlite")
    assert queue.recover(3) == ([], ["1"]) and state(queue) == ["failed"]
    queue.close()


def test_failed_attempts_do_not_count_as_ends_of_the_process(queue):
    receive(queue, "1")
    queue.settle(0)
    for _ in range(4):
        queue.take()
        queue.fail("1", "no memory", again=0)
    assert queue.take() == ("1", 5) and queue.recover(3) == (["1"], [])


def test_a_destination_that_is_given_up_leaves_the_others_alone(queue):
    receive(queue, "1")
    queue.settle(0)
    queue.take()
    queue.predicted("1", RESULTS, ["https://a", "https://b"])
    first = due(queue, "https://a")
    queue.not_delivered(first, "refused", again=60)
    second = due(queue)
    assert second.destination != first.destination and state(queue) == ["delivering"]
    queue.delivered(second)
    queue.not_delivered(first, "refused", again=None)
    assert queue.problems() == [("1", "undelivered", "refused")] and due(queue) is None
    assert queue.retry(["https://a", "https://b"]) == 1 and due(queue).destination == first.destination
    queue.delivered(due(queue))
    assert state(queue) == ["done"]


def test_nothing_goes_to_a_destination_that_left_the_settings_and_a_retry_sends_to_the_new_one(queue):
    receive(queue, "1")
    predict(queue)
    assert queue.withdraw(["https://b"]) == 0 and queue.withdraw(["https://a"]) == 1
    assert due(queue) is None and "not in the settings" in queue.problems()[0][2]
    assert queue.retry([]) == 0 and queue.retry(["https://a"]) == 1
    assert due(queue).destination == "https://a"
    queue.delivered(due(queue))
    assert state(queue) == ["done"]


def test_only_results_that_every_destination_confirmed_may_be_removed(queue):
    for study in "123":
        receive(queue, study)
    queue.settle(0)
    for places in ([], ["https://a"], ["https://a", "https://b"]):
        assert queue.predicted(queue.take()[0], RESULTS, places)
    for _ in range(2):
        queue.delivered(due(queue, "https://a"))
    assert queue.delivered_before(60) == [] and queue.delivered_before(-1) == [("2", RESULTS)]
    queue.forget_results("2")
    assert queue.delivered_before(-1) == []
    queue.delivered(due(queue, "https://b"))
    assert queue.delivered_before(-1) == [("3", RESULTS)]


def test_images_of_finished_studies_are_forgotten_after_some_time(queue):
    for study in "12":
        receive(queue, study)
    queue.settle(0)
    queue.take()
    queue.predicted("1", RESULTS, [])
    assert queue.forget(60) == [] and queue.forget(-1) == ["1"] and queue.forget(-1) == []
    assert queue.instances() == {("2", "2.1")} and queue.counts()["done"] == 1


def test_a_file_that_is_no_queue_or_one_of_a_newer_release_is_refused_in_one_line(tmp_path):
    (tmp_path / "text").write_text("no database, but long enough to be taken for one" * 99)
    with pytest.raises(InputError, match="found no usable queue"):
        StudyQueue(tmp_path / "text")
    with sqlite3.connect(tmp_path / "newer") as base:
        base.execute("PRAGMA user_version = 9")
    with pytest.raises(InputError, match="found version 9, expected 2"):
        StudyQueue(tmp_path / "newer")


def test_a_queue_of_the_first_version_goes_on(tmp_path):
    with sqlite3.connect(tmp_path / "queue.sqlite") as base:
        base.executescript(
            """CREATE TABLE instances (study TEXT, uid TEXT, digest TEXT, peer TEXT, PRIMARY KEY (study, uid));
            CREATE TABLE transfers (study TEXT, peer TEXT, complete INTEGER, PRIMARY KEY (study, peer));
            INSERT INTO instances VALUES ('1', '1.1', 'digest', 'SCANNER'), ('2', '2.1', 'digest', 'SCANNER');
            INSERT INTO transfers VALUES ('1', 'SCANNER', 1), ('2', 'SCANNER', 0);
            CREATE TABLE studies (uid TEXT PRIMARY KEY, state TEXT, changed REAL, attempts INTEGER NOT NULL DEFAULT 0,
            crashes INTEGER, due REAL DEFAULT 0, reason TEXT, results TEXT);
            INSERT INTO studies (uid, state, changed) VALUES ('1', 'receiving', 0), ('2', 'receiving', 0);
            PRAGMA user_version = 1;"""
        )
    for _ in range(2):
        queue = StudyQueue(tmp_path / "queue.sqlite")
        assert queue.instances() == {("1", "1.1"), ("2", "2.1")}
        queue.close()
    queue = StudyQueue(tmp_path / "queue.sqlite")
    assert queue.settle(0) == (["1"], ["2"])
    queue.close()
