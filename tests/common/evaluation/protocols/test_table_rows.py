from __future__ import annotations

from common.evaluation import with_traditional

LEARNT = {"3DSiam": "a.csv", "3DSiam + SE": "b.csv"}


def test_rows_are_those_of_table_2(tmp_path):
    traditional = tmp_path / "traditional.csv"
    traditional.write_text("subject\n")
    assert with_traditional(LEARNT, traditional) == {
        "Trad. radiomics": [str(traditional)],
        "3DSiam": ["a.csv"],
        "3DSiam + SE": ["b.csv"],
        "Trad. + 3DSiam": [str(traditional), "a.csv"],
        "Trad. + 3DSiam + SE": [str(traditional), "b.csv"],
    }


def test_without_traditional_features_the_learnt_stand_alone_and_the_log_says_so(tmp_path, caplog):
    assert with_traditional(LEARNT, tmp_path / "none.csv") == {"3DSiam": ["a.csv"], "3DSiam + SE": ["b.csv"]}
    assert "no table of traditional features" in caplog.text


def test_traditional_features_of_each_seed_are_found(tmp_path):
    (tmp_path / "seed4").mkdir()
    (tmp_path / "seed4" / "traditional.csv").write_text("subject\n")
    assert "Trad. radiomics" in with_traditional(LEARNT, tmp_path / "seed{seed}" / "traditional.csv")
