"""What a study costs beyond its runs, and the study that is killed, without running either."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InputError
from common.study import overhead
from common.study.plan import write_plan
from tests.common.study.builders import plan
from tests.common.study.kills import _differences, _gaps


def test_study_and_bare_runs_take_turns_from_the_plan_alone(tmp_path, monkeypatch):
    planned, asked = tmp_path / "planned", []
    write_plan(planned, plan())
    (planned / "compare").mkdir()

    def used(name: str, arguments: list[str]) -> float:
        asked.append((name, *arguments[1:]))
        assert [path.name for path in Path(arguments[0]).iterdir()] == ["plan.yaml"]
        notes = {"choice": {"text": "se"}, "steps": {"compare": {"seconds": 9.0}}}
        (Path(arguments[0]) / "study.json").write_text(json.dumps(notes))
        return 110.0 if name == "run_study" else 100.0

    monkeypatch.setattr(overhead, "cpu_seconds", used)
    found = overhead.measure_overhead(planned, tmp_path / "copies", rounds=2)
    assert asked == [("run_study",), ("run_bare", "se")] * 2 and found["overhead"] == pytest.approx(0.1)
    assert "10.0%" in overhead.overhead_table(found) and "compare 9 s" in overhead.overhead_table(found)
    write_plan(planned, plan(workers=2))
    with pytest.raises(InputError, match=r"workers: found several; expected 1"):
        overhead.measure_overhead(planned, tmp_path / "copies")


def write_study(folder: Path, seconds: float, weight: float = 1.0, text: str = "equal") -> Path:
    (folder / "report_files/cases").mkdir(parents=True)
    (folder / "final").mkdir()
    (folder / "report.html").write_text(f"{folder} {folder.name} {text}")
    (folder / "report_files/learning_curves.csv").write_text(f"epoch,loss,seconds\n1,0.5,{seconds}\n")
    (folder / f"report_files/cases/heat_of_s1_{random.Random(seconds).randrange(16**10):010x}.png").write_bytes(b"png")
    torch.save({"a": torch.full((2,), weight)}, folder / "final/model.pt")
    return folder


def test_a_killed_study_may_differ_in_paths_and_seconds_and_in_nothing_else(tmp_path):
    one = write_study(tmp_path / "never_killed", 1.0)
    assert list(_differences(one, write_study(tmp_path / "killed1", 2.0))) == []
    other = write_study(tmp_path / "killed2", 2.0, weight=np.nextafter(np.float32(1), np.float32(2)), text="other")
    assert list(_differences(one, other)) == ["report.html: differs", "final/model.pt: other weights"]
    (one / "report_files/roc.svg").touch()
    assert "report_files/roc.svg: only in never_killed" in list(_differences(one, other))


def test_kills_come_at_moments_of_the_whole_study():
    gaps = _gaps(random.Random(0), 10, 100.0)
    assert len(gaps) == 10 and min(gaps) >= 5 and sum(gaps) < 100 + 10 * 5
