from __future__ import annotations

import json
import runpy
import sys


def test_full_softmax_is_compared_with_sampled_nce(project, tmp_path, monkeypatch, capsys):
    output = tmp_path / "result.json"
    sizes = ("--batch_size", "8", "--num_samples", "64", "--num_features", "16", "--negatives", "32")
    words = ["benchmark.py", "bank", *sizes, "--rounds", "2", "--steps", "1", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(project / "scripts" / "benchmark.py"), run_name="__main__")
    told, result = capsys.readouterr().out, json.loads(output.read_text())
    assert result["benchmark"] == "bank" and len(result["rounds"]) == 2
    assert result["settings"]["negatives"] == 32
    assert f"{result['summary']['speedup']['median']:.1f} times" in told
    assert result["environment"]["hardware"]["cpu"] in told
