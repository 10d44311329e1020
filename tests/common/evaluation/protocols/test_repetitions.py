from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import InputError
from common.evaluation.protocols.dealt_folds import deal_folds
from common.evaluation.protocols.repetitions import modality_names, repetitions, write_images_only
from tests.common.evaluation.protocols.fake_bundle import write_cohort


@pytest.fixture
def datalist(tmp_path) -> Path:
    return write_cohort(tmp_path / "data") / "datalist.json"


def test_without_seeds_the_datalists_folds_are_those(datalist, tmp_path):
    (repetition,), root = repetitions(datalist, tmp_path / "out", [], None)
    assert repetition.folds == (0, 1) and repetition.output_dir == root == tmp_path / "out"
    assert repetition.overrides == {}
    deal_folds(datalist, repetition)
    assert not (tmp_path / "out").exists()


def test_each_seed_deals_as_many_folds_as_the_datalist_has_or_as_are_asked_for_or_five(datalist, tmp_path):
    found, root = repetitions(datalist, tmp_path, [7, 9], None)
    assert [(one.folds, one.output_dir.name) for one in found] == [((0, 1), "seed7"), ((0, 1), "seed9")]
    assert root == tmp_path / "seed{seed}"
    assert repetitions(datalist, tmp_path, [7], 3)[0][0].folds == (0, 1, 2)
    content = json.loads(datalist.read_text())
    content["training"] = [{**row, "fold": None} for row in content["training"]]
    datalist.write_text(json.dumps(content))
    assert repetitions(datalist, tmp_path, [7], None)[0][0].folds == (0, 1, 2, 3, 4)


def test_too_many_folds_are_refused_with_the_datalist_and_the_option_of_a_cross_validation(datalist, tmp_path):
    (repetition,) = repetitions(datalist, tmp_path, [7], 99)[0]
    with pytest.raises(InputError, match=rf"^{datalist}: folds: found .*, expected at least 99 \(folds\).*--folds \d"):
        deal_folds(datalist, repetition)


def test_a_dealt_datalist_names_the_same_files_and_keeps_all_else(datalist, tmp_path):
    (repetition,), _ = repetitions(datalist, tmp_path / "out", [5], None)
    deal_folds(datalist, repetition)
    before, after = (json.loads(path.read_text()) for path in (datalist, tmp_path / "out/seed5/datalist.json"))
    assert {key: value for key, value in after.items() if key != "training"} == {
        key: value for key, value in before.items() if key != "training"
    }
    row = after["training"][3]
    assert row["image"] == ["../../data/T1/3.png", None] and row["mask"] == "../../data/mask/3.png"
    for key in ("subject", "label"):
        assert [row[key] for row in after["training"]] == [row[key] for row in before["training"]]
    assert repetition.overrides == {"seed": 5, "datalist": str(tmp_path / "out/seed5/datalist.json")}


def test_seeds_deal_differently_and_the_same_seed_the_same(datalist, tmp_path):
    dealt = []
    for output, seeds in (("a", [0, 1]), ("b", [0])):
        for repetition in repetitions(datalist, tmp_path / output, seeds, None)[0]:
            deal_folds(datalist, repetition)
            rows = json.loads((repetition.output_dir / "datalist.json").read_text())["training"]
            dealt.append([row["fold"] for row in rows])
    assert dealt[0] != dealt[1] and dealt[0] == dealt[2]


def test_folds_that_are_dealt_already_are_kept_and_others_refused(datalist, tmp_path):
    (repetition,), _ = repetitions(datalist, tmp_path / "out", [5], None)
    deal_folds(datalist, repetition)
    deal_folds(datalist, repetition)
    other = write_cohort(tmp_path / "other", subjects=24) / "datalist.json"
    with pytest.raises(InputError, match=r"seed5/datalist.json: has other folds or another cohort than .*other"):
        deal_folds(other, repetition)


def test_dealt_folds_are_the_same_after_they_were_moved_with_the_cohort_and_find_one_that_was_moved_alone(tmp_path):
    def deal(data: Path, out: Path) -> str:
        (repetition,), _ = repetitions(data / "datalist.json", out, [5], None)
        deal_folds(data / "datalist.json", repetition)
        return (out / "seed5/datalist.json").read_text()

    write_cohort(tmp_path / "one/data")
    before = deal(tmp_path / "one/data", tmp_path / "one/out")
    (tmp_path / "one").rename(tmp_path / "two")
    assert deal(tmp_path / "two/data", tmp_path / "two/out") == before
    (tmp_path / "two/data").rename(tmp_path / "cohort")
    after = deal(tmp_path / "cohort", tmp_path / "two/out")
    assert after == before.replace("../../data/", "../../../cohort/") != before


def test_folds_that_an_earlier_version_dealt_with_absolute_paths_are_not_written_again(datalist, tmp_path):
    (repetition,), _ = repetitions(datalist, tmp_path / "out", [5], None)
    deal_folds(datalist, repetition)
    path = tmp_path / "out/seed5/datalist.json"
    path.write_text(absolute := path.read_text().replace("../../data", str(datalist.parent)))
    deal_folds(datalist, repetition)
    assert path.read_text() == absolute


def test_modalities_are_named_in_the_order_of_their_indices(datalist):
    assert modality_names(datalist) == ["T1", "T2"]
    content = json.loads(datalist.read_text())
    datalist.write_text(json.dumps({**content, "modality": {"1": "b", "2": "c", "0": "a"}}))
    assert modality_names(datalist) == ["a", "b", "c"]
    del content["modality"]
    datalist.write_text(json.dumps(content))
    assert modality_names(datalist) == []


def test_a_list_of_images_is_the_same_after_it_was_moved_with_the_cohort(tmp_path):
    (tmp_path / "study/data").mkdir(parents=True)
    rows = [{"subject": "a", "image": ["data/a.nii", None], "label": "a_seg.nii"}, {"subject": "b", "image": "/b.nii"}]
    (tmp_path / "study/datalist.json").write_text(json.dumps({"training": rows}))
    before = write_images_only(tmp_path / "study/datalist.json", tmp_path / "study/compare/images.json").read_text()
    moved = (tmp_path / "study").rename(tmp_path / "moved")
    assert write_images_only(moved / "datalist.json", moved / "compare/images.json").read_text() == before
    expected = [{"subject": "a", "image": ["../data/a.nii", None]}, {"subject": "b", "image": "/b.nii"}]
    assert json.loads(before)["training"] == expected
