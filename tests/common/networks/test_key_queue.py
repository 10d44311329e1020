from __future__ import annotations

from collections import deque

import pytest
import torch

from common.errors import InputError
from common.networks.key_queue import KeyQueue

VIEWS = ["axial", "coronal"]


def batch(size: int, number: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Keys that encode step and row, and subjects."""
    rows = torch.arange(size) + 100.0 * number
    keys = {view: torch.stack([rows, rows + 0.25 * place], dim=1) for place, view in enumerate(VIEWS, start=1)}
    return keys, torch.arange(size) * 7 + number


def state_of(queue: KeyQueue, view: str) -> list[tuple]:
    """What the queue holds of a view, in the order of its places."""
    found = zip(queue.negatives(view).tolist(), queue.subjects.tolist(), strict=True)
    return [(tuple(key), subject) for key, subject in found]


@pytest.mark.parametrize("length", [1, 4, 7, 12])
@pytest.mark.parametrize("sizes", [[4] * 20, [3] * 30, [1, 5, 2, 7] * 8, [12, 25, 3], [30, 1], [0, 2, 0]])
def test_over_many_wraps_it_holds_the_latest_keys_exactly_as_a_first_in_first_out_list(length, sizes):
    queue = KeyQueue(VIEWS, length, 2)
    latest: dict[str, deque] = {view: deque(maxlen=length) for view in VIEWS}
    places, done = [None] * length, 0
    for number, size in enumerate(sizes):
        keys, subjects = batch(size, number)
        queue.enqueue(keys, subjects)
        for row in range(size):
            for view in VIEWS:
                latest[view].append((tuple(keys[view][row].tolist()), int(subjects[row])))
            places[(done + row) % length] = latest[VIEWS[0]][-1]
        done += size
        for view in VIEWS:
            held = [entry for entry in state_of(queue, view) if entry[1] != -1]
            assert sorted(held) == sorted(latest[view])
        assert [e for e in state_of(queue, VIEWS[0]) if e[1] != -1] == [p for p in places if p is not None]
        assert int(queue.pointer) == done % length
        assert int(queue.allowed().sum()) == min(done, length)


def test_empty_places_and_keys_of_the_own_subject_are_no_negatives():
    queue = KeyQueue(["axial"], 5, 2)
    queue.enqueue({"axial": torch.rand(3, 2)}, torch.tensor([4, 0, 4]))
    assert queue.allowed().tolist() == [[True, True, True, False, False]]
    found = queue.allowed(torch.tensor([4, 0, 9]))
    assert found.tolist() == [
        [False, True, False, False, False],
        [True, False, True, False, False],
        [True, True, True, False, False],
    ]


def test_keys_are_copied_without_their_gradient_and_in_the_queue_s_type():
    queue, keys = KeyQueue(["axial"], 3, 2), torch.rand(2, 2, dtype=torch.float64, requires_grad=True)
    queue.enqueue({"axial": keys}, torch.tensor([0, 1]))
    assert queue.keys.dtype == torch.float32 and not queue.keys.requires_grad
    with torch.no_grad():
        expected = keys.float().clone()
        keys.zero_()
    assert torch.equal(queue.negatives("axial")[:2], expected)


def test_the_state_is_all_in_the_checkpoint_and_a_restored_queue_goes_on_alike(tmp_path):
    one, two = KeyQueue(VIEWS, 5, 2), KeyQueue(VIEWS, 5, 2)
    for number in range(3):
        one.enqueue(*batch(4, number))
    torch.save(one.state_dict(), tmp_path / "queue.pt")
    two.load_state_dict(torch.load(tmp_path / "queue.pt", weights_only=True))
    for queue in (one, two):
        queue.enqueue(*batch(3, 9))
    assert set(one.state_dict()) == {"keys", "subjects", "pointer"}
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


def test_keys_of_other_views_are_one_line():
    with pytest.raises(InputError, match=r"^queue: keys of axial; expected axial, coronal"):
        KeyQueue(VIEWS, 5, 2).enqueue({"axial": torch.rand(1, 2)}, torch.tensor([0]))


@pytest.mark.parametrize(
    ("views", "length", "reported"), [([], 5, "views"), (["a", "a"], 5, "views"), (["a"], 0, "num_keys")]
)
def test_a_queue_of_nothing_is_one_line(views, length, reported):
    with pytest.raises(InputError, match=f"^{reported}: .*; expected "):
        KeyQueue(views, length, 2)
