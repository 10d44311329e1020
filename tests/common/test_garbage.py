from __future__ import annotations

import gc

import pytest

from common.garbage import collection


@collection(enabled=False)
def with_pause() -> list[bool]:
    found = [gc.isenabled()]
    with collection(enabled=True):
        found.append(gc.isenabled())
    return [*found, gc.isenabled()]


def test_a_pause_holds_for_each_call_but_for_what_needs_collections():
    assert with_pause() == with_pause() == [False, True, False] and gc.isenabled()


def test_collections_go_on_after_an_error():
    with pytest.raises(ValueError), collection(enabled=False):
        raise ValueError
    assert gc.isenabled()


def test_threads_that_overlap_leave_the_collection_as_it_was():
    first, second = collection(enabled=False), collection(enabled=False)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()
