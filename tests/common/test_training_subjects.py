from __future__ import annotations

import logging

import pytest
import torch

from common import log_training_subjects
from common.training_record import with_training_record


@pytest.fixture
def weights(tmp_path):
    def write(name: str, *subjects: str) -> str:
        record = {"bundle": "b", "config": "train", "settings": {}}
        record |= {"subjects": {"training": list(subjects), "validation": []}}
        torch.save(with_training_record({"weight": torch.zeros(1)}, record), tmp_path / name)
        return str(tmp_path / name)

    return write


def test_subjects_of_the_training_are_one_warning_and_others_none(weights, caplog):
    rows = [{"subject": f"s{number}"} for number in range(7)]
    both, other = weights("T1.pt", "s0", "s1", "s9"), weights("other.pt", "s8")
    weights("T2.pt", "s1", "s2", "s3", "s4", "s5")
    with caplog.at_level(logging.WARNING):
        log_training_subjects(rows, [other, None, "nowhere.pt"])
        assert not caplog.messages
        log_training_subjects(rows, [both.replace("T1", "{modality}"), other], ["T1", "T2"])
        log_training_subjects(rows, [both], subjects=["s0", "s6"])
    first, second = caplog.messages
    assert first.startswith("6 of 7 subjects (s0, s1, s2, s3, s4, ...) were in the training of these weights")
    assert second.startswith("1 of 2 subjects (s0) were in the training")
