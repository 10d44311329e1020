"""Tables of a study's page."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from common.evaluation.reports.study import heat_maps, tables, worst_cases
from common.evaluation.reports.study.inline_svg import inline_svg
from common.evaluation.reports.study.overlaps import judge_overlaps
from common.evaluation.reports.study.page_figures import subgroup_figure
from common.evaluation.reports.study.pictures import Pictures, stamp
from common.evaluation.reports.study.runs import read_curves
from common.evaluation.reports.study.segmentation_page import sentences
from common.evaluation.reports.study.subgroups import Subgroup
from common.evaluation.reports.study.worst_cases import Case
from common.evaluation.statistics.metrics import Estimate
from tests.common.evaluation.reports.fake_comparison import write_curves


def test_a_class_of_which_nobody_was_judged_has_no_share_of_its_row(monkeypatch):
    monkeypatch.setattr(tables, "subject_confusion", lambda _: np.array([[3, 1], [0, 0]]))
    found = tables.confusion_rows(SimpleNamespace(name="SE"), ["low", "high"])
    assert [[cell["share"] for cell in row["cells"]] for row in found["rows"]] == [[0.75, 0.25], [0.0, 0.0]]
    assert (found["right"], found["all"]) == (3, 4)


def test_a_single_method_of_segmentation_is_beyond_no_other():
    judged = judge_overlaps({"Supervised": pd.DataFrame({"dsc": [0.7, 0.9]}, index=["1", "2"])})
    found = sentences(judged, {"subjects": 2, "reference": "Supervised"}, "Supervised", "dsc", "DSC")
    assert "0.800 (95% interval 0.700 to 0.900)" in found[0]
    assert found[1:] == ["No other method was compared, and other hospitals were not tested."]


def test_a_value_of_a_column_is_text_in_a_figure_and_neither_formula_nor_markup(tmp_path):
    auc = Estimate(0.7, 0.6, 0.8)
    groups = [Subgroup("site", value, 20, {"auc": auc}, 5) for value in (r"a$\foo$b", "<script>alert(1)</script>--!>")]
    text = inline_svg(subgroup_figure(groups, 0.7, tmp_path / "a.svg"), "AUC")
    assert r"site: a$\foo$b (20)" in text and "<script" not in text and "--!>" not in text


def test_a_heat_map_is_computed_once_and_found_again_until_weights_or_image_change(tmp_path, monkeypatch):
    weights, image, asked = tmp_path / "model.pt", tmp_path / "s3", []
    image.mkdir()

    def computed(checkpoint, datalist, wanted, **_):
        asked.append(dict(wanted))
        yield from ((row, np.full((4, 6, 3), row, np.uint8)) for row in wanted)

    monkeypatch.setattr("common.evaluation.reports.study.heat_maps.heat_maps", computed)
    changes = (("one", 1, [{3: 0, 5: 0}]), ("one", 1, []), ("other", 1, [{3: 0, 5: 0}]), ("other", 2, [{3: 0}]))
    for content, slices, expected in changes:
        if not weights.exists() or weights.read_text() != content:
            weights.write_text(content)
        (image / "slice").write_bytes(bytes(slices))
        os.utime(image / "slice", (0, 0))
        cases = [Case("s3", 1, 0, 0.1, 0, row=3, stamps=tuple(stamp(image))), Case("s5", 1, 0, 0.1, 0, row=5)]
        asked.clear()
        pictures = Pictures(tmp_path / "cases")
        found = dict(worst_cases._of_fold(weights, tmp_path / "datalist.json", cases, pictures, 256, 60.0))
        pictures.drop_others()
        assert asked == expected and {row: int(heat.max()) for row, heat in found.items()} == {3: 3, 5: 5}
        assert len(list((tmp_path / "cases").iterdir())) == 2


def test_the_page_says_where_heat_maps_are_missing_for_lack_of_time(tmp_path, monkeypatch):
    def computed(checkpoint, datalist, wanted, **_):
        yield next(iter(wanted)), np.zeros((4, 6, 3), np.uint8)

    monkeypatch.setattr("common.evaluation.reports.study.heat_maps.heat_maps", computed)
    (weights := tmp_path / "model.pt").touch()
    study, pictures = SimpleNamespace(datalist=tmp_path / "datalist.json"), Pictures(tmp_path / "cases")
    cases = [Case(f"s{row}", 1, 0, 0.1, 0, row=row) for row in (3, 5)]
    found, reason = worst_cases._heat(cases, study, {0: weights}, pictures, 256, 60.0)
    assert list(found) == [3] and reason == "they would have taken too long on this machine"
    assert worst_cases._heat(cases, study, {0: weights}, pictures, 256, 60.0)[1] == ""  # the other one


def test_the_page_says_where_heat_maps_are_missing_for_lack_of_weights_or_of_their_record(tmp_path):
    study, pictures = SimpleNamespace(datalist=tmp_path / "datalist.json"), Pictures(tmp_path / "cases")
    cases = [Case(f"s{row}", 1, 0, 0.1, fold=row, row=row) for row in (0, 1)]
    torch.save({"weight": torch.zeros(1)}, weights := tmp_path / "model.pt")
    found, reason = worst_cases._heat(cases, study, {0: weights}, pictures, 256, 60.0)
    record = f"{weights}: no record of its training, as of an earlier version; train it again"
    assert found == {} and reason == f"there are no weights of fold 1; {record}"


def test_the_time_limit_of_heat_maps_is_that_of_the_threads_at_work(tmp_path, monkeypatch):
    def picture(*_):
        end = time.process_time() + 0.2  # of a single thread
        while time.process_time() < end:
            pass
        return np.zeros((4, 6, 3), np.uint8)

    rows = [{"row": row} for row in range(3)]
    content = {"dataset": type("Rows", (list,), {"data": rows})(rows), "evaluator": None}
    monkeypatch.setattr(heat_maps, "read_training_record", lambda _: {})
    monkeypatch.setattr(heat_maps, "_evaluation", lambda *_: SimpleNamespace(get_parsed_content=content.get))
    monkeypatch.setattr(heat_maps, "_is_picture", lambda _: True)
    monkeypatch.setattr(heat_maps, "_picture", picture)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    drawn = heat_maps.heat_maps(tmp_path / "model.pt", tmp_path / "datalist.json", {0: 1, 1: 1, 2: 1}, seconds=0.1)
    assert [row for row, _ in drawn] == [0]


def test_curves_are_named_as_rows_and_encoders_where_a_study_knows_them(tmp_path):
    for place in ("se/fold0", "simsiam/T1/fold0", "labels100/seed0/se+train/fold0", "other/fold0"):
        write_curves(tmp_path / place, pretraining=True, seed=0, epochs=1)
    rows = [
        {"folder": "se+train", "name": "SE + fine-tuned", "encoder": {"se": "SE"}},
        {"folder": "simsiam+single/T1", "name": "SCL + Single + T1", "encoder": {"simsiam": "SimSiam"}},
    ]
    found = read_curves(tmp_path, {"rows": rows})["method"]
    assert sorted(found) == ["SE", "SE + fine-tuned", "SimSiam + T1", "other"]
