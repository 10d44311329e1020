from __future__ import annotations

import os

import numpy as np
import pydicom
from pydicom.uid import ComprehensiveSRStorage, generate_uid

from common.images import studies
from common.images.studies import all_files, find_studies, irregular_files
from tests.common.deploy.made_studies import write_dicom, write_picture

VOLUME = np.arange(4 * 4 * 2).reshape(4, 4, 2)


def write(folder, study, name="T1"):
    return write_dicom(folder, VOLUME, np.eye(4), name, study)


def test_studies_are_distinguished_by_their_uid_whatever_the_folders(tmp_path):
    one, two = generate_uid(), generate_uid()
    write(tmp_path / "a" / "T1", one)
    write(tmp_path / "b" / "deep" / "er" / "T2", one, "T2")
    write(tmp_path / "b" / "deep" / "T1", two)
    studies, unreadable = find_studies(tmp_path, ["EchoTime"])
    assert not unreadable
    assert {study.uid: len(study.images) for study in studies} == {one: 4, two: 2}


def test_a_studys_folder_is_the_highest_in_which_it_is_alone(tmp_path):
    one, two, three, four = (generate_uid() for _ in range(4))
    write(tmp_path / "p1" / "one" / "T1", one)
    write(tmp_path / "p1" / "one" / "T2", one, "T2")
    write(tmp_path / "p1" / "two" / "T1", two)
    write(tmp_path / "mixed", three)
    write_picture(tmp_path / "mixed" / "other.dcm", np.zeros((4, 4), np.uint8), "US", four)
    folders = {study.uid: study.folder for study in find_studies(tmp_path, [])[0]}
    p1 = tmp_path / "p1"
    assert folders == {one: p1 / "one", two: p1 / "two", three: None, four: None}


def test_a_study_alone_has_the_whole_folder(tmp_path):
    write(tmp_path / "x" / "y", generate_uid())
    (study,) = find_studies(tmp_path, [])[0]
    assert study.folder == tmp_path


def test_one_bad_file_is_reported_and_the_others_are_found(tmp_path):
    study = generate_uid()
    write(tmp_path / "T1", study)
    truncated = tmp_path / "truncated.dcm"
    truncated.write_bytes((tmp_path / "T1" / "000.dcm").read_bytes()[:480])
    anonymous = pydicom.dcmread(tmp_path / "T1" / "000.dcm")
    del anonymous.StudyInstanceUID
    anonymous.save_as(tmp_path / "anonymous.dcm")
    (tmp_path / "notes.txt").write_text("no DICOM")
    studies, unreadable = find_studies(tmp_path, [])
    assert [(found.uid, len(found.images)) for found in studies] == [(study, 2)]
    assert unreadable.keys() == {str(truncated), str(tmp_path / "anonymous.dcm")}
    assert "no Study Instance UID" in unreadable[str(tmp_path / "anonymous.dcm")]
    assert "without Rows, expected a complete file" in unreadable[str(truncated)]


def test_bad_files_of_one_folder_are_one_line(tmp_path):
    for path in write(tmp_path / "T1", generate_uid()):
        data = pydicom.dcmread(path)
        del data.StudyInstanceUID
        data.save_as(path)
    studies, unreadable = find_studies(tmp_path, [])
    assert not studies and list(unreadable) == [f"{tmp_path / 'T1'} (2 files)"]


def test_reports_are_passed_over(tmp_path):
    (path,) = write_dicom(tmp_path / "T1", VOLUME[:, :, :1], np.eye(4), "T1", generate_uid())
    report = pydicom.dcmread(path, stop_before_pixels=True)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = ComprehensiveSRStorage
    del report.Rows
    report.save_as(tmp_path / "report.dcm")
    studies, unreadable = find_studies(tmp_path, [])
    assert not unreadable and len(studies) == 1 and len(studies[0].images) == 1


def test_results_within_the_folder_and_hidden_files_are_not_studies(tmp_path):
    write(tmp_path / "in" / "T1", generate_uid())
    write(tmp_path / "in" / "results" / "studies", generate_uid())
    write(tmp_path / "in" / ".cache", generate_uid())
    studies, _ = find_studies(tmp_path / "in", [], skip=tmp_path / "in" / "results")
    assert len(studies) == 1


def test_all_files_are_plain_ones_in_the_order_of_their_names_each_once(tmp_path):
    root = tmp_path / "root"
    for name in ("root/b/2", "root/a", "root/.hidden", "root/results/9", "elsewhere/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    os.mkfifo(root / "pipe")
    (root / "zero").symlink_to("/dev/zero")
    (root / "gone").symlink_to(tmp_path / "nowhere")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    (root / "d").symlink_to(tmp_path / "elsewhere")
    for name in ("b/root", "b/b"):
        (root / name).symlink_to((root / name).parents[1])
    (root / "above").symlink_to(tmp_path)
    (root / "file").symlink_to(tmp_path / "elsewhere/1")
    found = [path.relative_to(root).as_posix() for path in all_files(root, root / "results")]
    assert found == ["a", "file", "b/2", "c/1"]


def test_a_file_that_may_not_be_read_is_reported_and_the_others_are_read(tmp_path, monkeypatch):
    one, _ = write(tmp_path / "a", generate_uid())
    read = studies.read_header

    def refuse(path, keywords):
        if path == one:
            raise PermissionError("no permission")
        return read(path, keywords)

    monkeypatch.setattr(studies, "read_header", refuse)
    (study,), unreadable = find_studies(tmp_path, [])
    assert len(study.images) == 1 and unreadable == {str(one): "no permission"}


def test_links_to_nothing_of_one_folder_are_one_line(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.dcm").symlink_to("annex/of/git")
    os.mkfifo(tmp_path / "4.dcm")
    assert irregular_files(tmp_path) == {
        f"{tmp_path} (3 files)": "found a link to nothing, expected a regular file; remove it",
        str(tmp_path / "4.dcm"): "found a pipe or device, expected a regular file; remove it",
    }
