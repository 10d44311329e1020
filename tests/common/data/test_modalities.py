from __future__ import annotations

import pytest

from common.data import selected_modalities
from common.errors import InputError


def test_a_name_selects_one_and_none_selects_all():
    assert selected_modalities(["T1", "T2", "OUT"], "T2") == [1]
    assert selected_modalities(["T1", "T2", "OUT"], None) == [0, 1, 2]


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(InputError, match="modality: 'T9'; expected one of T1, T2"):
        selected_modalities(["T1", "T2"], "T9")
