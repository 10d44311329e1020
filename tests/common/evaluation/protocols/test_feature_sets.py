from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.evaluation.protocols.feature_sets import FeatureSets, with_traditional
from common.feature_table import read_table


def test_tables_are_put_side_by_side_by_subject_whatever_their_order(make_table):
    a = make_table("a")
    b = make_table("b", edit=lambda table: table.sample(frac=1, random_state=0).drop(columns=["fold", "label"]))
    sets = FeatureSets({"both": [a, b], "b": [b]})
    features = sets.features("both", 0)
    assert features.shape == (40, 12) and features.dtype == np.float64
    plain = read_table(b).set_index("subject")
    subject = sets.cohort["subject"][7]
    np.testing.assert_array_equal(features[7, 6:], plain.loc[subject].to_numpy())
    assert sets.folds == [0, 1, 2, 3, 4] and sets.num_classes == 2


def test_each_fold_has_the_features_of_its_own_encoder(make_table, tmp_path):
    for fold in range(5):
        make_table(
            f"learnt{fold}", seed=fold, edit=lambda table: table.set_axis([*"abcdef", *table.columns[6:]], axis=1)
        )
    sets = FeatureSets({"learnt": [tmp_path / "learnt{fold}.csv"], "fixed": [tmp_path / "learnt0.csv"]})
    for fold in range(5):
        expected = read_table(tmp_path / f"learnt{fold}.csv")[list("abcdef")].to_numpy()
        np.testing.assert_array_equal(sets.features("learnt", fold), expected)
    assert sets.per_fold("learnt") and not sets.per_fold("fixed")
    (tmp_path / "learnt3.csv").unlink()
    with pytest.raises(InputError, match=r"learnt\{fold\}.csv: no file for fold 3"):
        FeatureSets({"learnt": [tmp_path / "learnt{fold}.csv"]})


def test_a_subject_in_two_folds_is_an_error(make_table):
    def twice(table: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([table, table.head(2).assign(fold=3)])

    with pytest.raises(InputError, match=r"sub-000 is in folds \[0, 3\]"):
        FeatureSets({"a": [make_table("a", edit=twice)]})


def test_tables_that_disagree_on_folds_or_labels_are_an_error(make_table):
    a = make_table("a")
    b = make_table("b", edit=lambda table: table.assign(fold=table["fold"].replace({0: 1})))
    c = make_table("c", edit=lambda table: table.assign(label=1 - table["label"]))
    with pytest.raises(InputError, match=r"sub-000: fold 0 in .*a.csv, 1 in .*b.csv"):
        FeatureSets({"a": [a, b]})
    with pytest.raises(InputError, match=r"40 problems\n.*sub-000: label 0 in .*a.csv, 1 in .*c.csv"):
        FeatureSets({"a": [a], "c": [c]})


def test_subjects_that_a_table_lacks_are_all_listed(make_table):
    a, b = make_table("a"), make_table("b", edit=lambda table: table.drop(index=[3, 9]))
    with pytest.raises(InputError, match=r"b.csv: lacks 2 of 40 subjects: sub-003, sub-009"):
        FeatureSets({"a": [a], "b": [b]})


def test_a_fold_without_a_class_is_an_error(make_table):
    path = make_table("a", edit=lambda table: table.assign(label=table["label"].where(table["fold"] != 2, 0)))
    with pytest.raises(InputError, match=r"fold 2: no subject of class 1"):
        FeatureSets({"a": [path]})


def test_infinite_values_and_labels_without_a_class_are_errors(make_table):
    infinite = make_table("a", edit=lambda table: table.assign(a_001=np.inf))
    with pytest.raises(InputError, match=r"a.csv: infinite values in a_001"):
        FeatureSets({"a": [infinite]})
    with pytest.raises(InputError, match=r"labels \[0, 1, 2\]; expected 0 to 1"):
        FeatureSets({"b": [make_table("b", n=45, classes=3)]}, num_classes=2)


def test_subjects_without_a_label_are_left_out_with_a_word(make_table, caplog):
    def unlabelled(table: pd.DataFrame) -> pd.DataFrame:
        return table.astype({"label": "Int64"}).assign(label=lambda t: t["label"].mask(t["subject"] == "sub-004"))

    sets = FeatureSets({"a": [make_table("a", edit=unlabelled)]})
    assert len(sets.cohort) == 39 and "sub-004" not in set(sets.cohort["subject"])
    assert "1 subjects without fold or label are left out: sub-004" in caplog.text


def visits(table: pd.DataFrame) -> pd.DataFrame:
    """Two images of each of the first ten subjects."""
    twins = pd.concat([table, table.head(10).assign(a_000=9.0)], ignore_index=True)
    return twins.assign(row=range(50))


def test_several_images_of_a_subject_are_matched_by_their_place_in_the_datalist(make_table):
    images = make_table("a", edit=visits)
    shuffled = make_table("b", edit=lambda t: visits(t.rename(columns={"b_000": "a_000"})).sample(frac=1))
    people = make_table("c", edit=lambda table: table.drop(columns=["fold", "label"]))
    sets = FeatureSets({"all": [images, shuffled, people]})
    assert (
        sets.cohort["subject"].tolist()[:4] == ["sub-000", "sub-000", "sub-001", "sub-001"] and len(sets.cohort) == 50
    )
    assert sets.cohort["row"].tolist()[:4] == [0, 40, 1, 41]
    features = sets.features("all", 0)
    for line, (subject, row) in enumerate(sets.cohort[["subject", "row"]].itertuples(index=False)):
        for column, path in ((0, images), (6, shuffled)):
            found = read_table(path).set_index("row").loc[row].drop(["subject", "fold", "label"])
            np.testing.assert_array_equal(features[line, column : column + 6], found.to_numpy(dtype=float))
        person = read_table(people).set_index("subject").loc[subject].to_numpy()
        np.testing.assert_array_equal(features[line, 12:], person)


def test_images_that_a_table_lacks_or_has_twice_are_reported(make_table):
    images = make_table("a", edit=visits)
    with pytest.raises(InputError, match=r"b.csv: lacks 2 of 50 images, of sub-000, sub-009"):
        FeatureSets({"a": [images, make_table("b", edit=lambda table: visits(table).drop(index=[40, 9]))]})
    with pytest.raises(InputError, match=r"c.csv: subject sub-003 is listed twice; expected one line per row"):
        FeatureSets({"a": [make_table("c", edit=lambda table: visits(table).replace({"row": {43: 3}}))]})
    with pytest.raises(
        InputError, match=r"d.csv: .*sub-000 is listed twice; expected one line per subject, or a column r"
    ):
        FeatureSets({"a": [make_table("d", edit=lambda table: visits(table).drop(columns="row"))]})


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
