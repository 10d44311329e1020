from __future__ import annotations

import gc

import pytest

from common.garbage import collection_paused


def test_collection_is_paused_also_by_the_decorator_and_goes_on_after_an_error():
    @collection_paused()
    def enabled() -> bool:
        return gc.isenabled()

    assert not enabled() and not enabled() and gc.isenabled()
    with pytest.raises(ValueError), collection_paused():
        raise ValueError
    assert gc.isenabled()


def test_who_has_turned_collection_off_finds_it_off():
    gc.disable()
    try:
        with collection_paused(), collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
