from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from common.data import load_datalist
from common.data.cohorts import bids_datalist
from common.errors import InputError

ZEROS = "; --missing zeros keeps the row, for liver_cgc alone"


def volume(path: Path, seed: int = 0, mask: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(0, 2 if mask else 1000, (6, 7, 8)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 2.0, 1.0])), path)
    return path


def table(path: Path, header: str, *lines: str) -> None:
    path.write_text("\n".join(["\t".join(line.split()) for line in (header, *lines)]) + "\n")


@pytest.fixture
def root(tmp_path) -> Path:
    """Eight people, alternately CN and AD, with two sessions each; the diagnosis of the last one changes."""
    root = tmp_path / "bids"
    lines = []
    for i in range(8):
        name = f"sub-{i:02d}"
        for visit in (1, 2):
            anat = root / name / f"ses-m{visit}" / "anat"
            ending = ".nii" if visit == 2 else ".nii.gz"
            volume(anat / f"{name}_ses-m{visit}_T1w{ending}", seed=10 * i + visit)
            volume(anat / f"{name}_ses-m{visit}_FLAIR.nii.gz", seed=500 + 10 * i + visit)
            (anat / f"{name}_ses-m{visit}_T1w.json").write_text("{}")
            lesions = root / "derivatives" / "manual" / name / f"ses-m{visit}" / "anat"
            volume(lesions / f"{name}_ses-m{visit}_space-T1w_label-lesion_mask.nii.gz", seed=i, mask=True)
            volume(root / name / f"ses-m{visit}" / "func" / f"{name}_ses-m{visit}_task-rest_bold.nii.gz")
        table(root / name / f"{name}_sessions.tsv", "session_id age", f"ses-m1 {60 + i}", f"ses-m2 {62 + i}.5")
        lines.append(f"{name} {'FM'[i % 2]} {'AD' if i % 2 else 'CN'} P{i // 2}")
    table(root / "sub-07" / "sub-07_sessions.tsv", "session_id age diagnosis", "m1 89+ CN", "m2 n/a n/a")
    table(root / "participants.tsv", "participant_id sex diagnosis person", *lines)
    return root


def folds_of(rows) -> dict[str, set[int]]:
    found = defaultdict(set)
    for row in rows:
        found[row["subject"]].add(row["fold"])
    return found


def test_each_visit_is_a_row_with_its_label_age_and_session(root, tmp_path):
    settings = {"label": "diagnosis", "class_names": ("CN", "AD"), "num_folds": 4}
    path = bids_datalist(root, tmp_path / "list.json", columns=("sex",), **settings)
    content = json.loads(path.read_text())
    assert content["labels"] == {"0": "CN", "1": "AD"} and content["modality"] == {"0": "T1w"}
    rows = load_datalist(path, label="required")
    assert len(rows) == 16
    first = rows[2]
    assert first["image"].endswith("sub-01/ses-m1/anat/sub-01_ses-m1_T1w.nii.gz")
    assert {key: first[key] for key in ("subject", "session", "age", "sex", "label")} == {
        "subject": "sub-01",
        "session": "ses-m1",
        "age": 61.0,
        "sex": "M",
        "label": 1,
    }
    assert rows[3]["age"] == 63.5 and rows[3]["image"].endswith("_T1w.nii")
    # the value of a session takes precedence over that of the participant, and n/a means missing
    assert [row["label"] for row in rows[-2:]] == [0, 1]
    assert rows[-2]["age"] == 89.0 and "age" not in rows[-1]


@pytest.mark.parametrize("seed", range(5))
def test_visits_of_one_person_are_never_in_two_folds(root, tmp_path, seed):
    path = bids_datalist(root, tmp_path / "list.json", label="diagnosis", num_folds=3, seed=seed)
    folds = folds_of(load_datalist(path, check="none"))
    assert len(folds) == 8 and all(len(found) == 1 for found in folds.values())
    assert set.union(*folds.values()) == {0, 1, 2}


def test_one_person_under_two_participant_names_is_one_subject(root, tmp_path):
    path = bids_datalist(root, tmp_path / "list.json", person="person", num_folds=2)
    folds = folds_of(load_datalist(path, check="none"))
    assert sorted(folds) == ["P0", "P1", "P2", "P3"] and all(len(found) == 1 for found in folds.values())


def test_several_modalities_are_one_image_in_the_order_asked_for(root, tmp_path):
    path = bids_datalist(root, tmp_path / "list.json", images=("FLAIR", "T1w"), sessions=("m2",))
    rows = load_datalist(path, modalities=["FLAIR", "T1w"])
    assert len(rows) == 8 and {row["session"] for row in rows} == {"ses-m2"}
    assert [Path(file).name for file in rows[0]["image"]] == ["sub-00_ses-m2_FLAIR.nii.gz", "sub-00_ses-m2_T1w.nii"]


def test_derivatives_become_masks_or_label_maps(root, tmp_path):
    ending = "label-lesion_mask"
    path = bids_datalist(root, tmp_path / "list.json", segmentation=ending)
    rows = load_datalist(path, label="mask")
    assert json.loads(path.read_text())["labels"] == {"0": "background", "1": "lesion"}
    assert all(row["label"].endswith(f"{row['subject']}_{row['session']}_space-T1w_{ending}.nii.gz") for row in rows)
    rows = load_datalist(bids_datalist(root, tmp_path / "list.json", mask=ending), mask="required")
    assert all("label" not in row for row in rows)
    with pytest.raises(InputError, match="label: found both label and segmentation"):
        bids_datalist(root, tmp_path / "other.json", label="diagnosis", segmentation=ending)


def test_runs_are_rows_and_entities_choose_among_files(root, tmp_path):
    anat = root / "sub-00" / "ses-m1" / "anat"
    for run in (1, 2):
        volume(anat / f"sub-00_ses-m1_acq-fast_run-{run}_T1w.nii.gz", seed=run)
    rows = load_datalist(bids_datalist(root, tmp_path / "list.json"), check="none")
    assert len(rows) == 18 and sum(row["subject"] == "sub-00" for row in rows) == 4
    with pytest.raises(InputError, match="the same in 15 of 17 rows"):  # visits without such files
        bids_datalist(root, tmp_path / "list.json", entities={"acq": "fast"})
    volume(root / "sub-01" / "ses-m1" / "anat" / "sub-01_ses-m1_acq-fast_T1w.nii.gz")
    path = bids_datalist(root, tmp_path / "list.json", entities={"acq": "fast"}, incomplete="drop", num_folds=2)
    names = [Path(row["image"]).name.split("_", 2)[2] for row in load_datalist(path, check="none")]
    assert names == ["acq-fast_run-1_T1w.nii.gz", "acq-fast_run-2_T1w.nii.gz", "acq-fast_T1w.nii.gz"]


def test_incomplete_visits_are_reported_all_at_once_or_dropped(root, tmp_path):
    (root / "sub-02" / "ses-m1" / "anat" / "sub-02_ses-m1_FLAIR.nii.gz").unlink()
    volume(root / "sub-03" / "ses-m2" / "anat" / "sub-03_ses-m2_acq-x_FLAIR.nii.gz")
    settings = {"images": ("T1w", "FLAIR"), "label": "diagnosis", "class_names": ("AD",), "num_folds": 2}
    with pytest.raises(InputError) as error:
        bids_datalist(root, tmp_path / "list.json", **settings | {"class_names": ("CN", "AD")})
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[0].endswith("1 problem") and lines[1] == f"sub-02 ses-m1: no FLAIR{ZEROS}"
    with pytest.raises(InputError, match="sub-00 ses-m1: diagnosis is CN, expected one of AD"):
        bids_datalist(root, tmp_path / "list.json", **settings)
    path = bids_datalist(root, tmp_path / "list.json", **settings, incomplete="drop")
    assert {row["subject"] for row in load_datalist(path, check="none")} == {"sub-01", "sub-03", "sub-05", "sub-07"}
    path = bids_datalist(root, tmp_path / "list.json", images=("T1w", "FLAIR"), missing="zeros", num_folds=2)
    rows = load_datalist(path, missing="zeros")
    assert next(row["image"][1] for row in rows if row["subject"] == "sub-02") is None


def test_several_files_of_a_second_modality_are_reported(root, tmp_path):
    for acquisition in ("a", "b"):
        volume(root / "sub-03" / "ses-m2" / "anat" / f"sub-03_ses-m2_acq-{acquisition}_T2w.nii.gz")
    with pytest.raises(InputError, match=r"sub-03 ses-m2: found 2 T2w \(.*acq-a_T2w.*, .*\), expected one; choose by"):
        bids_datalist(root, tmp_path / "list.json", images=("T1w", "T2w"))


def test_folders_without_sessions_or_tables_are_read_too(tmp_path):
    for i in range(4):
        volume(tmp_path / "bids" / f"sub-{i}" / "anat" / f"sub-{i}_T1w.nii.gz", seed=i)
    rows = load_datalist(bids_datalist(tmp_path / "bids", tmp_path / "list.json", num_folds=2))
    assert [row["subject"] for row in rows] == ["sub-0", "sub-1", "sub-2", "sub-3"]
    assert all("session" not in row and "age" not in row for row in rows)


def test_unknown_columns_and_sessions_and_folders_that_are_not_bids_are_reported(root, tmp_path):
    with pytest.raises(InputError, match=r"found the columns age, diagnosis, .*, expected group too"):
        bids_datalist(root, tmp_path / "list.json", label="group")
    with pytest.raises(InputError, match="found no visit, expected sessions m9"):
        bids_datalist(root, tmp_path / "list.json", sessions=("m9",))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found no visit, expected folders sub-<name>"):
        bids_datalist(tmp_path / "empty", tmp_path / "list.json")
    assert not (tmp_path / "list.json").exists()


def small(root: Path, names=("01", "02", "03", "04")) -> Path:
    for name in names:
        for session in "12":
            volume(root / f"sub-{name}" / f"ses-{session}" / "anat" / f"sub-{name}_ses-{session}_T1w.nii.gz")
    return root


def test_a_table_with_a_line_for_each_session_gives_each_its_own_value(tmp_path):
    root = small(tmp_path / "bids")
    lines = [
        f"sub-{n} {s} {'AD' if s == 2 and n in ('01', '03') else 'CN'}"
        for n in ("01", "02", "03", "04")
        for s in (1, 2)
    ]
    table(root / "participants.tsv", "participant_id session diagnosis", *lines)
    rows = load_datalist(bids_datalist(root, root / "a.json", label="diagnosis", num_folds=2), check="none")
    found = {(row["subject"], row["session"]): row["label"] for row in rows}
    assert {key for key, label in found.items() if label == 0} == {("sub-01", "ses-2"), ("sub-03", "ses-2")}
    table(root / "participants.tsv", "participant_id diagnosis", *[f"sub-0{n} CN" for n in (1, 1, 2, 3, 4)])
    with pytest.raises(InputError, match="sub-01: found several lines, expected one, or a column session_id"):
        bids_datalist(root, root / "a.json", label="diagnosis")


def test_ids_without_their_zeros_are_the_same_and_ids_of_nobody_are_named(tmp_path):
    root = small(tmp_path / "bids")
    table(root / "participants.tsv", "participant_id diagnosis", "1 CN", "2 AD", "3 CN", "4 AD")
    rows = load_datalist(bids_datalist(root, root / "a.json", label="diagnosis", num_folds=2), check="none")
    assert {row["subject"]: row["label"] for row in rows} == {"sub-01": 1, "sub-02": 0, "sub-03": 1, "sub-04": 0}
    table(root / "participants.tsv", "participant_id diagnosis", "A CN", "B AD")
    with pytest.raises(InputError, match=r"found the participants A, B, ..., expected names .* such as sub-01"):
        bids_datalist(root, root / "a.json", label="diagnosis")


def test_another_run_is_never_taken_as_the_only_candidate(tmp_path):
    root = tmp_path / "bids"
    for name in ("01", "02"):
        anat = root / f"sub-{name}" / "anat"
        volume(anat / f"sub-{name}_run-1_T1w.nii.gz")
        volume(anat / f"sub-{name}_run-2_T1w.nii.gz")
        volume(anat / f"sub-{name}_acq-2d_run-2_FLAIR.nii.gz")
        lesions = root / "derivatives" / "manual" / f"sub-{name}" / "anat"
        volume(lesions / f"sub-{name}_run-2_space-T1w_label-lesion_mask.nii.gz", mask=True)
    with pytest.raises(InputError) as error:
        bids_datalist(root, root / "a.json", images=("T1w", "FLAIR"), mask="label-lesion_mask")
    lines = str(error.value).splitlines()[1:3]
    expected = f"no FLAIR{ZEROS}; found 0 files *label-lesion_mask below derivatives, expected one"
    assert lines == [f"  sub-01: {expected}", f"  sub-02: {expected}"]
