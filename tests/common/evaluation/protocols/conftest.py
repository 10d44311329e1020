"""Protocols run on stages that take no time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_garbage_collection():
    """It would take most of the time, and there is nothing to collect."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.evaluation.protocols.configured.gc", SimpleNamespace(collect=lambda: 0))
        patch.setattr("common.evaluation.protocols.configured._leave_out_of_collections", lambda: None)
        yield
