from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import InputError
from common.images.image_files import cases_of_folder, datalist_rows, folder_row, image_folders, is_mask, mask_files

MODALITIES = ("FLAIR", "T1", "T1ce")


def paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mask.nii.gz", True),
        ("patient7_seg.nii", True),
        ("p-Segmentation.NII.GZ", True),
        ("Mask.png", True),
        ("a (1)_mask_1.png", True),
        ("unmask.nii.gz", False),
        ("segment7.nii.gz", False),
        ("Segmentation.seg.nrrd", True),
        ("scan.tiff", False),
        ("mask.txt", False),
    ],
)
def test_a_masks_name_says_so(name, expected):
    assert is_mask(Path(name)) is expected


def test_files_are_matched_to_modalities_by_their_names():
    row = folder_row(paths("p_t1ce.nii.gz", "p_t1.nii.gz", "p_flair.nii.gz", "p_seg.nii.gz"), MODALITIES)
    assert row == {"image": ["p_flair.nii.gz", "p_t1.nii.gz", "p_t1ce.nii.gz"], "mask": "p_seg.nii.gz"}


def test_a_modality_may_lack_its_file_where_every_image_has_the_name_of_another():
    files = paths("p_flair.nii.gz", "p_t1ce.nii.gz", "p_seg.nii.gz")
    assert folder_row(files, MODALITIES, "zeros")["image"] == ["p_flair.nii.gz", None, "p_t1ce.nii.gz"]
    with pytest.raises(InputError, match=r"found 0 files of T1, .* \(the folder has .*p_t1_mprage"):
        folder_row([*files, Path("p_t1_mprage.nii.gz")], MODALITIES, "zeros")


def test_one_file_may_hold_all_modalities():
    assert folder_row(paths("image.nii.gz", "mask.nii.gz"), MODALITIES)["image"] == ["image.nii.gz"]


def test_the_only_image_of_one_modality_may_have_any_name():
    assert folder_row(paths("scan7.nii.gz"), ("T1",)) == {"image": ["scan7.nii.gz"]}


@pytest.mark.parametrize("suffix", [".nii", ".NRRD", ".mha", ".png", ".TIF", ".bmp"])
def test_every_format_that_is_read_is_a_case(suffix, tmp_path):
    (tmp_path / f"scan{suffix}").touch()
    (files,) = image_folders(tmp_path, None, []).values()
    assert folder_row(files, ("T1",)) == {"image": [str(tmp_path / f"scan{suffix}")]}


def test_each_picture_of_a_folder_is_a_case_with_the_mask_of_its_name():
    names = ("a (1).png", "a (1)_mask.png", "a (10).png", "a (10)_mask.png", "a (10)_mask_1.png", "b.jpg", "c_mask.png")
    assert cases_of_folder(paths(*names), ("US",)) == {
        "a (1)": paths(*names[:2]),
        "a (10)": paths(*names[2:5]),
        "b": paths("b.jpg"),
        "c": paths("c_mask.png"),
    }


@pytest.mark.parametrize("names", [("a.png",), ("a.png", "a_mask.png"), ("a.png", "a_mask.png", "a_mask_1.png")])
def test_a_picture_has_the_same_name_alone_as_among_others(names):
    assert cases_of_folder(paths(*names), ("US",)) == {"a": paths(*names)}
    others = cases_of_folder(paths(*names, "b.png"), ("US",))
    assert others == {"a": paths(*names), "b": paths("b.png")}


def test_pictures_of_one_name_in_two_formats_are_refused_and_none_is_left_out():
    cases = cases_of_folder(paths("a.jpg", "a.png", "b.png"), ("US",))
    assert cases == {"a": paths("a.jpg", "a.png"), "b": paths("b.png")}
    with pytest.raises(InputError, match=r"the folder has a\.jpg, a\.png"):
        folder_row(cases["a"], ("US",))


@pytest.mark.parametrize(
    ("names", "modalities"),
    [
        (("a.png", "mask.png"), ("US",)),
        (("a.png", "b_mask.png"), ("US",)),
        (("us.png",), ("US",)),
        (("a.nii.gz",), ("US",)),
        (("a_mask.png",), ("US",)),
        (("a.png", "b.png"), ("US", "Doppler")),
        (("us.png", "other.png", "mask.png"), ("US",)),
        (("image.png", "other.png"), ("US",)),
        (("DWI.nii.gz", "T2.nii.gz"), ("MR",)),
    ],
)
def test_other_folders_are_one_case(names, modalities):
    assert cases_of_folder(paths(*names), modalities) == {"": paths(*names)}


def test_all_that_is_missing_or_double_is_reported():
    with pytest.raises(InputError) as error:
        folder_row(paths("a_T1.nii.gz", "b_T1.nii.gz", "T1ce.nii.gz", "mask.nii.gz", "x_seg.nii.gz"), MODALITIES)
    text = str(error.value)
    assert "found 0 files of FLAIR" in text and "found 2 files of T1," in text and "found 2 masks" in text
    assert "T1ce," not in text.split("(the folder")[0]


def test_masks_alone_belong_to_the_dicom_study_and_images_are_cases_wherever_they_lie(tmp_path):
    names = ("a/T1.nii.gz", "b/c/T1.nii.gz", "dicom/sub/mask.nii.gz", "dicom/x/T1.nii.gz", "dicom/x/mask.nii.gz")
    for name in (*names, "results/x.nii.gz", "a/.hidden.nii.gz", "masks/p_seg.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = image_folders(tmp_path, tmp_path / "results", [tmp_path / "dicom"])
    assert {folder.name: len(files) for folder, files in found.items()} == {"a": 1, "c": 1, "x": 2, "masks": 1}
    assert [path.parent.name for path in mask_files(tmp_path / "dicom")] == ["sub"]


def test_a_datalists_rows_have_absolute_paths_and_the_names_of_subject_and_session(tmp_path):
    path = tmp_path / "list.json"
    rows = [
        {"image": ["a.nii.gz", "/b.nii.gz"], "mask": "m.nii.gz", "subject": "7", "session": "m12", "label": 1},
        {"image": "c.nii.gz", "slice": 3},
    ]
    path.write_text(json.dumps({"training": rows}))
    assert datalist_rows(path) == [
        ("7_m12", {"image": [str(tmp_path / "a.nii.gz"), "/b.nii.gz"], "mask": str(tmp_path / "m.nii.gz")}),
        ("row 1", {"image": str(tmp_path / "c.nii.gz"), "slice": 3}),
    ]
    path.write_text(json.dumps({"training": rows, "testing": rows[:1]}))
    assert len(datalist_rows(path)) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[]", "found a list, expected an object with rows in 'training' or 'testing'; correct the file"),
        (
            b"not JSON",
            "found no JSON (Expecting value: line 1 column 1 (char 0)), expected a datalist; correct the file",
        ),
        (b"{}", "found no rows in testing or training, expected at least one; add them, or name its section testing"),
        (
            b'{"test": [{"image": "a.nii.gz"}]}',
            "found no rows in testing or training (but test), expected at least one; add them, or name its "
            "section testing",
        ),
        (
            b'{"training": [], "testing": []}',
            "found no rows in testing or training, expected at least one; add them, or name its section testing",
        ),
        (
            b"\xef\xbb\xbf{}",
            "found a byte order mark before the text, expected a datalist in plain UTF-8; save it as UTF-8",
        ),
        (
            "{}".encode("utf-16"),
            "found no UTF-8 text, expected a datalist in UTF-8; save it as UTF-8, or name another file",
        ),
        (
            b"\x1f\x8b\x08\x08",
            "found no UTF-8 text, expected a datalist in UTF-8; save it as UTF-8, or name another file",
        ),
    ],
)
def test_what_is_no_datalist_is_reported(content, problem, tmp_path):
    (tmp_path / "list.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        datalist_rows(tmp_path / "list.json")
    assert str(caught.value) == f"{tmp_path / 'list.json'}: {problem}"


def test_an_image_in_place_of_a_folder_or_datalist_is_named_as_such(tmp_path):
    (tmp_path / "scan.nii.gz").write_bytes(b"\x1f\x8b\x08\x08")
    with pytest.raises(
        InputError, match=r"scan.nii.gz: found an image, expected a folder or a datalist; give its folder"
    ):
        datalist_rows(tmp_path / "scan.nii.gz")


def test_an_empty_path_is_none_and_never_the_datalists_own_folder(tmp_path):
    path = tmp_path / "datalist.json"
    rows = [
        {"image": ""},
        {"image": "a.nii", "mask": ""},
        {"image": ["a.nii", " "]},
        {"image": [None]},
        {"image": None},
    ]
    path.write_text(json.dumps({"testing": rows}))
    with pytest.raises(InputError) as caught:
        datalist_rows(path)
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "row 0: image: found '', expected a path, or one for each modality; correct it",
        "row 1: mask: found '', expected a path; correct it, or leave it out",
        "row 2: image: found '['a.nii', ' ']', expected a path, or one for each modality; correct it".replace(
            "'['a.nii', ' ']'", "\"['a.nii', ' ']\""
        ),
    ]


def test_rows_of_a_datalist_that_are_no_objects_with_paths_are_all_named_in_our_words(tmp_path):
    path = tmp_path / "datalist.json"
    rows = ["a.nii.gz", None, {"image": 5}, {"image": "a.nii.gz", "mask": ["b"]}, {"image": []}, {"image": "a.nii.gz"}]
    path.write_text(json.dumps({"testing": [*rows, {"image": "a.nii.gz", "slice": "two"}]}))
    with pytest.raises(InputError) as caught:
        datalist_rows(path)
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "row 0: found 'a.nii.gz', expected an object such as {'image': 'a.nii.gz'}; correct it",
        "row 1: found 'None', expected an object such as {'image': 'a.nii.gz'}; correct it",
        "row 2: image: found '5', expected a path, or one for each modality; correct it",
        "row 3: mask: found '['b']', expected a path; correct it, or leave it out".replace("'['b']'", "\"['b']\""),
        "row 4: image: found '[]', expected a path, or one for each modality; correct it",
        "row 6: slice: found 'two', expected an integer; correct it",
    ]
    for content, found in (({"testing": {"image": "a"}}, "found dict as rows"), ([], "found a list, expected")):
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match=found):
            datalist_rows(path)
