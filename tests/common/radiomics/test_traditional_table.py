from __future__ import annotations

from common.radiomics import traditional_table


def test_without_pyradiomics_nothing_is_written_and_the_log_states_how_to_install_it(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(traditional_table, "available", lambda: False)
    assert traditional_table.write_traditional_table([{}], tmp_path / "traditional.csv", cache_dir=tmp_path) is None
    assert not (tmp_path / "traditional.csv").exists() and "install.sh radiomics" in caplog.text
