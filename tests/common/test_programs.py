from __future__ import annotations

from common import programs


def test_a_command_is_a_script_in_a_checkout_and_the_console_command_elsewhere(monkeypatch, tmp_path):
    assert programs.command_of("study") == "python scripts/study.py"
    monkeypatch.setattr(programs, "SCRIPTS", tmp_path / "scripts")
    assert programs.command_of("study") == "clinical-ssl study"
