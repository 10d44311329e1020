from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.feature_table import feature_columns, read_table, write_table
from common.radiomics import extract_features, extract_table, workers
from common.radiomics.features import measure_features
from tests.common.radiomics.killed_cases import kill_by_name
from tests.python_commands import Command

pytest.importorskip("radiomics")

AFFINE = np.diag([-1.5, -1.0, 2.0, 1.0])


def save(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> str:
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return str(path)


def ball(size: int = 14, radius: float = 4) -> np.ndarray:
    return (np.linalg.norm(np.indices((size,) * 3) - (size - 1) / 2, axis=0) <= radius).astype(np.uint8)


@pytest.fixture
def make_rows(tmp_path):
    """Make ``count`` datalist rows, each with ``modalities`` images."""

    def make(count: int, modalities: int = 1) -> list[dict]:
        rows = []
        for index in range(count):
            rng = np.random.default_rng(index)
            images = [
                save(tmp_path / f"{index}_{m}.nii.gz", rng.normal(500 + 100 * m, 80, (14,) * 3).astype(np.float32))
                for m in range(modalities)
            ]
            mask = save(tmp_path / f"{index}_mask.nii.gz", ball(radius=4 + index % 2))
            image = images if modalities > 1 else images[0]
            rows.append({"image": image, "mask": mask, "subject": f"0{index}", "fold": index % 2, "label": index % 2})
        return rows

    return make


@pytest.fixture
def measured(monkeypatch):
    """The images that were really measured, in this process."""
    calls = []

    def count(image, *args, **kwargs):
        calls.append(image)
        return measure_features(image, *args, **kwargs)

    monkeypatch.setattr(workers, "measure_features", count)
    return calls


def extract(rows, tmp_path, **options):
    return extract_table(rows, **{"cache_dir": tmp_path / "cache", "num_workers": 1, "progress": False, **options})


def test_a_row_per_case_with_keys_first_and_the_107_features(make_rows, tmp_path):
    rows = make_rows(3)
    table = extract(rows, tmp_path)
    assert list(table.columns[:4]) == ["subject", "fold", "label", "status"]
    assert table["subject"].tolist() == ["00", "01", "02"] and (table["status"] == "ok").all()
    assert len(feature_columns(table)) == 107
    direct = extract_features(rows[1]["image"], rows[1]["mask"])
    assert table.loc[1, list(direct)].to_dict() == direct
    pd.testing.assert_frame_equal(read_table(write_table(table, tmp_path / "t.csv")), table, check_exact=True)


def test_a_second_run_measures_nothing_and_gives_the_same_table(make_rows, tmp_path, measured):
    rows = make_rows(3)
    first = extract(rows, tmp_path)
    assert len(measured) == 3
    pd.testing.assert_frame_equal(extract(rows, tmp_path), first, check_exact=True)
    assert len(measured) == 3


def test_the_cache_goes_by_content_settings_and_mask_not_by_name(make_rows, tmp_path, measured):
    rows = make_rows(2)
    extract(rows, tmp_path)
    renamed = shutil.copy(rows[0]["image"], tmp_path / "renamed.nii.gz")
    extract([{**rows[0], "image": str(renamed)}], tmp_path)
    assert len(measured) == 2
    extract(rows[:1], tmp_path, settings={"setting": {"binWidth": 10}})
    extract(rows[:1], tmp_path, mask_label=1)
    extract([{**rows[0], "mask": rows[1]["mask"]}], tmp_path)
    assert len(measured) == 5
    save(tmp_path / "0_0.nii.gz", np.random.default_rng(9).normal(500, 80, (14,) * 3))
    extract(rows[:1], tmp_path)
    assert len(measured) == 6


def test_one_and_two_workers_give_the_same_table(make_rows, tmp_path):
    rows = make_rows(4)
    one = extract(rows, tmp_path)
    two = extract(rows, tmp_path, cache_dir=tmp_path / "other", num_workers=2)
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.slow
def test_a_killed_process_costs_its_case_a_retry_and_its_row_if_alone_it_is_killed_twice(
    make_rows, tmp_path, monkeypatch, caplog
):
    rows = make_rows(5)
    expected = extract(rows, tmp_path)
    monkeypatch.setattr(workers, "_measure_one", kill_by_name)
    table = extract(rows, tmp_path, cache_dir=tmp_path / "other", num_workers=2)
    assert Path(f"{rows[1]['image']}.killed").exists()
    others = [0, 1, 3, 4]
    pd.testing.assert_frame_equal(table.loc[others], expected.loc[others], check_exact=True)
    assert (
        "its process was killed twice" in table.loc[2, "status"] and table.loc[2, feature_columns(table)].isna().all()
    )
    assert f"02: {rows[2]['image']}: its process" in caplog.text


def test_a_pipe_or_a_device_is_reported_and_never_read(make_rows, tmp_path):
    rows = make_rows(3)
    os.mkfifo(tmp_path / "pipe.nii.gz")
    rows[0]["mask"], rows[1]["image"] = str(tmp_path / "pipe.nii.gz"), "/dev/zero"
    table = extract(rows, tmp_path)
    assert ["no regular file" in status for status in table["status"]] == [True, True, False]


def test_bad_cases_are_all_listed_and_the_rest_is_kept(make_rows, tmp_path, caplog):
    rows = make_rows(5)
    save(tmp_path / "empty.nii.gz", np.zeros((14,) * 3, dtype=np.uint8))
    save(tmp_path / "moved.nii.gz", ball(), np.diag([-1.5, -1.0, 3.0, 1.0]))
    rows[0]["mask"] = str(tmp_path / "empty.nii.gz")
    rows[1]["mask"] = str(tmp_path / "moved.nii.gz")
    rows[2]["image"] = str(tmp_path / "absent.nii.gz")
    del rows[3]["mask"]
    table = extract(rows, tmp_path)
    for row, reason in enumerate(["empty", "mm from the image", "no such file", "no mask in the datalist"]):
        assert reason in table.loc[row, "status"] and f"0{row}: {table.loc[row, 'status']}" in caplog.text
        assert table.loc[row, feature_columns(table)].isna().all()
    assert "4 of 5 cases are incomplete" in caplog.text
    assert table.loc[4, "status"] == "ok" and table.loc[4, feature_columns(table)].notna().all()
    assert len(feature_columns(table)) == 107


def test_where_no_case_can_be_measured_there_is_no_table(make_rows, tmp_path):
    rows = [{**row, "mask": "absent.nii.gz"} for row in make_rows(2)]
    with pytest.raises(InputError, match=r"no lesion could be measured: 2 problems\n.*00: absent.nii.gz"):
        extract(rows, tmp_path)


def test_an_interrupted_run_goes_on_where_it_was(make_rows, tmp_path, monkeypatch, measured):
    rows = make_rows(4)
    counting = workers.measure_features

    def interrupted(*args, **kwargs):
        if len(measured) == 2:
            raise KeyboardInterrupt
        return counting(*args, **kwargs)

    monkeypatch.setattr(workers, "measure_features", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(rows, tmp_path)
    monkeypatch.setattr(workers, "measure_features", counting)
    table = extract(rows, tmp_path)
    assert len(measured) == 4 == len(set(measured))
    pd.testing.assert_frame_equal(table, extract(rows, tmp_path, cache_dir=tmp_path / "other"), check_exact=True)


def test_a_run_killed_with_sigkill_leaves_whole_results_only(make_rows, tmp_path, project, measured):
    rows = make_rows(12)
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    code = (
        "import json, pathlib, sys; from common.radiomics import extract_table\n"
        "folder = pathlib.Path(sys.argv[1]); rows = json.loads((folder / 'rows.json').read_text())\n"
        "extract_table(rows, cache_dir=folder / 'cache', num_workers=1)"
    )
    command = Command(["-c", code, tmp_path], project)
    while len(list(tmp_path.glob("cache/[!.]*.json"))) < 2 and command.running:
        time.sleep(0.005)
    command.kill()
    kept = len(list(tmp_path.glob("cache/[!.]*.json")))  # without the one that was being written
    assert kept >= 2
    table = extract(rows, tmp_path)
    assert len(measured) == 12 - kept
    assert table[feature_columns(table)].notna().all(axis=None)


def test_the_modality_asked_for_is_measured(make_rows, tmp_path):
    rows = make_rows(2, modalities=3)
    second = extract(rows, tmp_path, modality=1)
    assert second["original_firstorder_Mean"].between(580, 620).all()
    with pytest.raises(InputError, match="3 images in the datalist; expected one with index 3"):
        extract(rows, tmp_path, modality=3)
    with pytest.raises(InputError, match="modality is 'flair'; expected an index from 0, or 'all'"):
        extract(rows, tmp_path, modality="flair")


def test_a_file_of_several_channels_is_measured_only_if_one_is_chosen(make_rows, tmp_path):
    rows = make_rows(2)
    channels = [nibabel.load(row["image"]).get_fdata(dtype=np.float32) for row in rows]
    save(Path(rows[0]["image"]), np.stack(channels, axis=-1))
    table = extract(rows, tmp_path)
    reason = "0_0.nii.gz: 2 channels; expected one; choose one, such as --modality 0; in a row of several files, save"
    assert reason in table.loc[0, "status"]
    assert extract(rows, tmp_path, modality=0)["status"].tolist() == ["ok", "ok"]
    assert extract(rows, tmp_path).loc[0, "status"] == table.loc[0, "status"]  # the chosen one is not in its place
    every = extract(rows, tmp_path, modality="all")
    assert every["status"].tolist() == [f"modality0: {table.loc[0, 'status']}", "ok"]


def test_all_modalities_share_shape_and_prefix_the_rest(make_rows, tmp_path, measured):
    rows = make_rows(2, modalities=2)
    first = extract(rows, tmp_path)
    both = extract(rows, tmp_path, modality="all", modality_names=["FLAIR", "T1"])
    assert len(measured) == 4  # the first modality came from the cache
    assert len(feature_columns(both)) == 14 + 2 * 93
    assert both["FLAIR_original_firstorder_Mean"].tolist() == first["original_firstorder_Mean"].tolist()
    assert both["original_shape_Sphericity"].tolist() == first["original_shape_Sphericity"].tolist()
    assert both["T1_original_firstorder_Mean"].between(580, 620).all()


def test_a_filter_that_fails_leaves_its_columns_empty_and_is_named_in_the_status(make_rows, tmp_path, caplog):
    rows = make_rows(2)
    save(tmp_path / "1_0.nii.gz", np.random.default_rng(1).normal(500, 80, (14, 14, 14)).astype(np.float32), np.eye(4))
    save(tmp_path / "1_mask.nii.gz", ball(), np.eye(4))
    settings = {"imageType": {"Original": {}, "LoG": {"sigma": [14.5]}}, "featureClass": {"firstorder": None}}
    table = extract(rows, tmp_path, settings=settings)  # 14 voxels of 2 mm on one axis, but the other image has 1 mm
    columns = [f"{image}_firstorder_Mean" for image in ("original", "log-sigma-14-5-mm-3D")]
    assert table["original_firstorder_Mean"].notna().all() and len(feature_columns(table)) == 2 * 18
    assert table[columns].notna().to_numpy().tolist() == [[True, False], [True, False]]
    assert table.loc[1, "status"].startswith(
        "log-sigma-14-5-mm-3D: PyRadiomics creates no such image of 14x14x14 voxels"
    )
    assert f"01: {table.loc[1, 'status']}" in caplog.text
    again = extract(rows, tmp_path, settings=settings)  # from the cache, with the reason
    pd.testing.assert_frame_equal(again, table, check_exact=True)


def test_a_failure_of_the_installation_is_measured_again_once_it_is_repaired(make_rows, tmp_path, monkeypatch):
    from common.radiomics import filters

    def broken(source, args):
        raise ImportError("no module named pywt")

    rows, settings = make_rows(1), {"imageType": {"Original": {}, "Gradient": {}}, "featureClass": {"firstorder": []}}
    with monkeypatch.context() as patch:
        patch.setitem(filters.FILTERS, "Gradient", broken)
        assert (
            extract(rows, tmp_path, settings=settings).loc[0, "status"].startswith("gradient: ImportError: no module")
        )
    assert extract(rows, tmp_path, settings=settings).loc[0, "status"] == "ok"


def test_what_pyradiomics_does_slowly_is_logged_once_and_not_for_each_case(make_rows, tmp_path, caplog, recwarn):
    pytest.importorskip("skimage")
    settings = {"imageType": {"LBP2D": {}}, "setting": {"force2D": True}, "featureClass": {"firstorder": ["Mean"]}}
    assert extract(make_rows(3), tmp_path, settings=settings)["status"].tolist() == ["ok"] * 3
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "radiomics settings: LBP2D is left to PyRadiomics on the whole image, which is slow"
    ]
    assert not [each for each in recwarn if "local_binary_pattern" in str(each.message)]


def test_images_of_another_dimension_than_most_fail(make_rows, tmp_path):
    rows = make_rows(3)
    save(tmp_path / "2_0.nii.gz", np.random.default_rng(1).normal(500, 80, (14, 14, 1)).astype(np.float32))
    save(tmp_path / "2_mask.nii.gz", ball()[:, :, 6:7])
    table = extract(rows, tmp_path)
    assert "2D, but most images are 3D" in table.loc[2, "status"] and len(feature_columns(table)) == 107
    planes = extract(rows[2:], tmp_path)
    assert planes.loc[0, "status"] == "ok" and len(feature_columns(planes)) == 9 + 93


def test_a_cohort_of_another_engine_is_measured_anew(make_rows, tmp_path, measured, monkeypatch):
    from common.radiomics import cache

    rows = make_rows(1)
    extract(rows, tmp_path)
    monkeypatch.setattr(cache, "ENGINE_VERSION", cache.ENGINE_VERSION + 1)
    extract(rows, tmp_path)
    assert len(measured) == 2


def test_pyradiomics_column_label_chooses_the_value_to_measure(tmp_path):
    image = np.random.default_rng(0).normal(500, 80, (14, 14, 14)).astype(np.float32)
    mask = ball()
    mask[:7] *= 2
    paths = {"image": save(tmp_path / "image.nii.gz", image), "mask": save(tmp_path / "mask.nii.gz", mask)}
    rows = [
        {**paths, "subject": name, **more} for name, more in (("a", {}), ("b", {"Label": "2"}), ("c", {"Label": 1}))
    ]
    rows += [{**paths, "subject": "d", "Label": "two"}, {**paths, "subject": "e", "Label_channel": "1"}]
    table = extract_table(rows, cache_dir=tmp_path / "cache", num_workers=1, progress=False).set_index("subject")
    volumes = table["original_shape_VoxelVolume"]
    assert volumes["b"] == pytest.approx(3 * (mask == 2).sum()) and volumes["c"] == pytest.approx(3 * (mask == 1).sum())
    assert volumes["a"] == pytest.approx(volumes["b"] + volumes["c"])
    assert table.loc["d", "status"].startswith("Label is 'two'; expected an integer")
    assert table.loc["e", "status"].startswith("Label_channel is '1'; expected none")


def test_the_same_bytes_under_a_name_that_says_otherwise_have_a_result_of_their_own(tmp_path):
    image = np.random.default_rng(0).normal(500, 80, (14, 14, 14)).astype(np.float32)
    right, mask = save(tmp_path / "a.nii", image), save(tmp_path / "mask.nii.gz", ball())
    shutil.copy(right, tmp_path / "A.NII")
    shutil.copy(right, tmp_path / "b.nii.gz")
    for order in (["A.NII", "b.nii.gz"], ["b.nii.gz", "A.NII"]):
        rows = [{"image": str(tmp_path / name), "mask": mask, "subject": name} for name in order]
        options = {"cache_dir": tmp_path / f"cache {order}", "num_workers": 1, "progress": False}
        status = extract_table(rows, **options).set_index("subject")["status"]
        assert status["A.NII"] == "ok" and "found a plain file, expected gzip" in status["b.nii.gz"]
