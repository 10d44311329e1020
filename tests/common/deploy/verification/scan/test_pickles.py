"""The allow-list of globals is of whole names."""

from __future__ import annotations

import pytest

from common.deploy.verification.scan.pickles import scan_pickle


def of_global(module: str, name: str) -> bytes:
    """A pickle that names a global and ends."""
    return f"c{module}\n{name}\n.".encode()


@pytest.mark.parametrize("name", ["_rebuild_tensor_v2s", "_rebuild_tensor_v2.func", "_rebuild_parameters"])
def test_a_global_whose_name_only_begins_like_an_allowed_one_is_refused(name):
    assert scan_pickle(of_global("torch._utils", name)) == [f"a pickle that names torch._utils.{name}"]


@pytest.mark.parametrize("name", ["_rebuild_tensor_v2", "_rebuild_parameter"])
def test_what_tensors_are_made_of_is_allowed(name):
    assert scan_pickle(of_global("torch._utils", name)) == []
