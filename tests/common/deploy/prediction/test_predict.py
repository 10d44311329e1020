from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid
from torch import nn

from common.deploy.prediction.classifier import open_classifier
from common.deploy.prediction.predict import find_cases, predict_cases
from common.errors import InputError
from tests.bundles.bundle_files import BUNDLES
from tests.common.deploy.made_studies import bundle_as_published, random_network, write_dicom, write_film, write_picture

hd = pytest.importorskip("highdicom")
BUNDLE = {bundle.name: bundle for bundle in BUNDLES}
SIZE = [12, 12, 12]
CLASSES = ["control", "AD"]


def volume(seed: int) -> np.ndarray:
    """Blocks of different brightness."""
    blocks = np.random.default_rng(seed).integers(1, 500, (3, 2, 2))
    return np.kron(blocks, np.ones((4, 5, 3))).astype(np.int16)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A classifier of volumes of one modality."""
    weights = random_network(tmp_path_factory.mktemp("weights") / "model.ts", (1, *SIZE), 2)
    bundle = bundle_as_published(tmp_path_factory.mktemp("bundle"), BUNDLE["mlsscl_3d"])
    with open_classifier(bundle, weights=weights, image_size=SIZE, device="cpu") as classifier:
        yield classifier


@pytest.fixture
def hospital(tmp_path):
    """Two good studies, one without the series, a broken file, a NIfTI case, and one of no use."""
    root, uids = tmp_path / "hospital", [generate_uid() for _ in range(3)]
    write_dicom(root / "p1" / "st" / "T1", volume(1), np.eye(4), "AX T1", uids[0])
    write_dicom(root / "p1" / "st" / "T2", volume(2), np.eye(4), "AX T2", uids[0])
    write_dicom(root / "p2", volume(3), np.eye(4), "AX T1", uids[1])
    write_dicom(root / "p3", volume(4), np.eye(4), "AX T2", uids[2])
    (root / "nifti" / "p4").mkdir(parents=True)
    nib.save(nib.Nifti1Image(volume(1), np.eye(4)), root / "nifti" / "p4" / "scan.nii.gz")
    (root / "nifti" / "p5").mkdir()
    (root / "nifti" / "p5" / "scan.nii.gz").write_bytes(b"no gzip")
    return root, uids


@pytest.fixture
def run(served, tmp_path):
    """Predict a folder, and give what came of it."""

    def run(root, **options):
        output = tmp_path / "results"
        cases, unreadable = find_cases(root, served, skip=output.resolve())
        return predict_cases(served, cases, output, failed=unreadable, **options), output

    return run


def test_good_studies_are_predicted_and_bad_ones_reported(run, hospital):
    root, uids = hospital
    batch, output = run(root)
    assert [result["study"] for result in batch.results] == [uids[0], uids[1], "nifti/p4"]
    assert set(batch.failed) == {uids[2], "nifti/p5"}
    assert "no series matches T1" in batch.failed[uids[2]] and "scan.nii.gz" in batch.failed["nifti/p5"]
    content = json.loads((output / "results.json").read_text())
    assert content["results"] == batch.results and content["intended_use"].startswith("Research only")
    assert {item["study"]: item["reason"] for item in content["failed"]} == batch.failed
    one, two, nifti = batch.results
    assert one["probabilities"] == pytest.approx(nifti["probabilities"], abs=1e-6)
    assert one["probabilities"] != pytest.approx(two["probabilities"], abs=1e-3)
    for result in batch.results:
        assert list(result["probabilities"]) == CLASSES and sum(result["probabilities"].values()) == pytest.approx(1)
        assert result["call"] == max(CLASSES, key=result["probabilities"].get)
    assert one["series"]["T1"] == pydicom.dcmread(root / "p1/st/T1/000.dcm").SeriesInstanceUID
    assert nifti["series"]["T1"] == str(root / "nifti/p4/scan.nii.gz")


def test_the_table_has_a_line_for_each_study(run, hospital, served):
    batch, output = run(hospital[0])
    with open(output / "results.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["study"] for line in lines] == [result["study"] for result in batch.results]
    for line, result in zip(lines, batch.results, strict=True):
        assert float(line["probability of AD"]) == pytest.approx(result["probabilities"]["AD"], abs=1e-6)
        assert line["call"] == result["call"] and line["series"].startswith("T1=")
        assert (line["model"], line["version"]) == (served.model.name, served.model.version)
        assert line["sha256"] == served.model.sha256 and line["time"] == result["time"]


def test_each_dicom_study_gets_a_report_of_its_own(run, hospital):
    root, uids = hospital
    batch, output = run(root)
    reports = {path.parent.name: hd.sr.srread(path) for path in output.rglob("report.dcm")}
    assert set(reports) == set(uids[:2])
    for result in batch.results[:2]:
        report = reports[result["study"]]
        assert report.StudyInstanceUID == result["study"]
        (group,) = report.content.get_image_measurement_groups()
        values = [measurement.value for measurement in group.get_measurements()]
        assert values == pytest.approx(list(result["probabilities"].values()), abs=1e-6)
        assert group.finding_type.meaning == result["call"]
    sources = reports[uids[0]].content.get_image_measurement_groups()[0].source_images
    used = {pydicom.dcmread(path).SOPInstanceUID for path in (root / "p1/st/T1").iterdir()}
    assert {source.referenced_sop_instance_uid for source in sources} == used


def test_what_is_done_is_not_done_again_until_an_image_changes(run, hospital):
    root, uids = hospital
    first, output = run(root)
    before = {path: path.stat().st_mtime_ns for path in (output / "studies").rglob("*") if path.is_file()}
    again, _ = run(root)
    assert again.skipped == 3 and again.results == first.results and again.failed == first.failed
    assert {path: path.stat().st_mtime_ns for path in before} == before
    write_dicom(root / "p2", volume(9), np.eye(4), "AX T1", uids[1])
    (output / "studies" / uids[0] / "report.dcm").unlink()
    third, _ = run(root)
    assert third.skipped == 1
    assert third.results[0]["probabilities"] == first.results[0]["probabilities"]
    assert third.results[1]["probabilities"] != first.results[1]["probabilities"]
    assert (output / "studies" / uids[0] / "report.dcm").is_file()


def test_a_study_that_turned_bad_keeps_no_report_of_what_it_was(run, hospital):
    root, uids = hospital
    _, output = run(root)
    (root / "p2" / "002.dcm").unlink()
    batch, _ = run(root)
    assert uids[1] in batch.failed and batch.skipped == 2
    assert not list((output / "studies" / uids[1]).iterdir())


def test_a_moved_study_is_known_by_its_content(run, hospital):
    root, uids = hospital
    run(root)
    (root / "p2").rename(root / "elsewhere")
    batch, _ = run(root)
    assert batch.skipped == 3 and {result["study"] for result in batch.results} >= set(uids[:2])


def test_results_within_the_folder_are_no_studies(served, hospital):
    root, _ = hospital
    output = root / "results"
    for _ in range(2):
        cases, unreadable = find_cases(root, served, skip=output.resolve())
        batch = predict_cases(served, cases, output, failed=unreadable)
        assert len(batch.results) == 3 and len(batch.failed) == 2


def test_processes_that_read_ahead_give_the_same(run, hospital, tmp_path):
    one, output = run(hospital[0])
    shutil.rmtree(output)
    two, _ = run(hospital[0], num_workers=2)
    for result, other in zip(one.results, two.results, strict=True):
        assert result["probabilities"] == other["probabilities"] and result["key"] == other["key"]
    assert one.failed == two.failed


def test_an_interrupted_run_reports_what_it_did_and_goes_on(run, hospital, served, monkeypatch):
    count = 0

    def stop(self, image):
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        return original(self, image)

    original = type(served).__call__
    monkeypatch.setattr(type(served), "__call__", stop)
    with pytest.raises(KeyboardInterrupt):
        run(hospital[0])
    monkeypatch.undo()
    batch, _ = run(hospital[0])
    assert batch.skipped == 1 and len(batch.results) == 3


def test_where_no_file_can_be_read_the_results_say_so(run, tmp_path):
    (path,) = write_dicom(tmp_path / "in", volume(1)[:, :, :1], np.eye(4), "T1", generate_uid())
    path.write_bytes(path.read_bytes()[:480])
    batch, output = run(tmp_path / "in")
    assert not batch.results and set(batch.failed) == {str(path)}
    assert json.loads((output / "results.json").read_text())["failed"][0]["study"] == str(path)


def test_a_report_that_cannot_be_made_is_that_studys_failure_alone(run, hospital):
    root, uids = hospital
    for path in (root / "p1/st/T1").iterdir():
        data = pydicom.dcmread(path)
        data.PatientBirthDate = "unknown"
        data.save_as(path)
    batch, output = run(root)
    assert uids[0] in batch.failed and [result["study"] for result in batch.results] == [uids[1], "nifti/p4"]
    assert not (output / "studies" / uids[0] / "result.json").exists()


def test_pipes_and_devices_are_never_opened_by_whatever_name_or_link(run, hospital):
    root, _ = hospital
    os.mkfifo(root / "nifti/p4/mask.nii.gz")
    (root / "nifti/p6").mkdir()
    os.mkfifo(root / "nifti/p6/T1.nii.gz")
    os.mkfifo(root / "p2/999.dcm")
    (root / "p3/zero.dcm").symlink_to("/dev/zero")
    (root / "p3/unfetched.nii.gz").symlink_to("annex/of/git")
    (root / "nifti/p7").mkdir()
    (root / "nifti/p7/T1.nii.gz").symlink_to("/dev/zero")
    rows = [{"image": str(root / name), "subject": name} for name in ("nifti/p6/T1.nii.gz", "nifti/p7/T1.nii.gz")]
    (root / "rows.json").write_text(json.dumps({"testing": rows}))
    batch, _ = run(root)
    assert len(batch.results) == 3 and len(batch.failed) == 2 + 6
    left = {Path(name).name for name, reason in batch.failed.items() if "regular file" in reason or "link to" in reason}
    assert left == {"mask.nii.gz", "T1.nii.gz", "999.dcm", "zero.dcm", "unfetched.nii.gz"}
    batch, _ = run(root / "rows.json")
    assert not batch.results and all("found no" in reason for reason in batch.failed.values())


def test_linked_folders_are_followed_once_and_not_in_circles(run, hospital, tmp_path):
    root, uids = hospital
    (root / "p1").rename(tmp_path / "elsewhere")
    (root / "p1").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(tmp_path / "elsewhere")
    (root / "nifti/circle").symlink_to(root)
    (root / "nifti/above").symlink_to(tmp_path)
    batch, _ = run(root)
    assert sorted(result["study"] for result in batch.results) == sorted([*uids[:2], "nifti/p4"])


NAMES = [
    "a" * 5000,
    "b" * 5000,
    "..",
    ".",
    "a/../../b",
    "\udcfff",
    "\u202e\x1b[2J",
    "=1+1",
    "-2",
    "@x",
    "\t=1",
    "CON;=1+1",
    "a\rb",
    " leads",
    "u\u0308",
]


def test_any_name_has_its_own_folder_among_the_results_and_is_no_formula(run, hospital, tmp_path):
    image = str(hospital[0] / "nifti/p4/scan.nii.gz")
    rows = [{"image": image, "subject": name} for name in NAMES]
    (tmp_path / "rows.json").write_text(json.dumps({"testing": rows}))
    batch, output = run(tmp_path / "rows.json")
    assert [result["study"] for result in batch.results] == NAMES and not batch.failed
    folders = sorted(path.parent for path in tmp_path.rglob("result.json"))
    assert len(folders) == len(NAMES) and {path.parent for path in folders} == {output / "studies"}
    assert [item["study"] for item in json.loads((output / "results.json").read_text())["results"]] == NAMES
    with open(output / "results.csv", newline="", encoding="utf-8") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert len(cells) == (1 + len(NAMES)) * 10
    assert not [cell for cell in cells if re.search(r"(^|[;|\t\r\n])\s*[=+\-@]", cell)]
    again, _ = run(tmp_path / "rows.json")
    assert again.skipped == len(NAMES)


def test_two_models_with_one_folder_of_results_keep_them_apart(served, hospital, tmp_path):
    root, output = hospital[0], tmp_path / "results"
    weights = random_network(tmp_path / "other.ts", (1, *SIZE), 2, nn.Sequential(nn.Softmax(1)))
    bundle = bundle_as_published(tmp_path / "bundle", BUNDLE["mlsscl_3d"])
    with open_classifier(bundle, weights=weights, image_size=SIZE, device="cpu") as other:
        runs = [predict_cases(each, find_cases(root, each)[0], output) for each in (served, other, served, other)]
    assert [batch.skipped for batch in runs] == [0, 0, 3, 3]
    assert runs[0].results == runs[2].results and runs[1].results == runs[3].results
    assert runs[0].files[0] == output / "results.json" != runs[1].files[0]
    for batch in runs[:2]:
        content = json.loads(batch.files[0].read_text())
        assert content["results"] == batch.results
        assert {result["model"]["sha256"] for result in batch.results} == {content["model"]["sha256"]}


def test_nothing_is_written_where_the_archive_is_wrong(run, hospital, served, monkeypatch):
    monkeypatch.setattr(served, "channels", ("a", "b", "c"))
    with pytest.raises(InputError, match="package weights and classes together"):
        run(hospital[0])
    assert not (hospital[0].parent / "results").exists()


@pytest.mark.parametrize("bundle", ["mlsscl_3d", "siam3d_imbalance"])
def test_a_real_study_is_predicted_and_its_results_are_valid_dicom(bundle, shared_data, tmp_path):
    """One series, and four modalities with a mask."""
    channels, size = (1, "image_size") if bundle == "mlsscl_3d" else (4, "box_size")
    weights = random_network(tmp_path / "model.ts", (channels, *SIZE), 2)
    options = {"weights": weights, "device": "cpu", size: [32, 32, 16]}
    with open_classifier(bundle_as_published(tmp_path / "bundle", BUNDLE[bundle]), **options) as served:
        cases, unreadable = find_cases(shared_data / "pgbm_dicom", served)
        batch = predict_cases(served, cases, tmp_path / "results", failed=unreadable, heat_map=channels == 1)
    (result,) = batch.results
    assert not batch.failed and len(result["series"]) == channels + (channels == 4)
    files = sorted((tmp_path / "results").rglob("*.dcm"))
    assert [path.name for path in files] == ["heat_map.dcm", "report.dcm"][channels == 4 :]
    for path in files:
        data = pydicom.dcmread(path)
        assert data.PatientID == "PGBM-001" and data.StudyInstanceUID == result["study"]
        if shutil.which("dciodvfy"):
            found = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, timeout=60).stderr
            assert not [line for line in found.splitlines() if line.startswith(("Error", "Abort"))]


def test_a_negative_number_of_processes_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^num_workers: found -1; expected 0 or more"):
        predict_cases(None, [], tmp_path, num_workers=-1)


def test_the_frame_of_a_film_is_predicted_as_its_picture_is_and_the_report_names_it(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (5, 30, 40)).astype(np.uint8)
    mask = np.zeros((30, 40), np.uint8)
    mask[5:25, 10:30] = 1
    film, picture = (generate_uid() for _ in range(2))
    write_film(tmp_path / "in/film/us/cine.dcm", frames, film)
    write_picture(tmp_path / "in/picture/us/still.dcm", frames[3], "still", picture)
    for name in ("film", "picture"):
        Image.fromarray(mask).save(tmp_path / f"in/{name}/mask.png")
    (tmp_path / "rules.yaml").write_text("tumour: {Modality: US, frame: 4}\n")
    (tmp_path / "none.yaml").write_text("tumour: {Modality: US}\n")
    bundle = bundle_as_published(tmp_path / "bundle", BUNDLE["radiomics_deep_contrast"])
    weights = random_network(tmp_path / "model.ts", (1, 32, 32), 2)
    options = {"weights": weights, "image_size": [32, 32], "device": "cpu"}
    found = {}
    for name in ("rules", "none"):
        with open_classifier(bundle, rules=tmp_path / f"{name}.yaml", **options) as classifier:
            cases, unreadable = find_cases(tmp_path / "in", classifier)
            found[name] = predict_cases(classifier, cases, tmp_path / name, failed=unreadable)
    results = {result["study"]: result for result in found["rules"].results}
    assert results[film]["probabilities"] == results[picture]["probabilities"]
    assert results[film]["series"]["tumour"].endswith(", frame 4")
    report = pydicom.dcmread(tmp_path / f"rules/studies/{film}/report.dcm")
    assert [item.value for item in report.iterall() if item.keyword == "ReferencedFrameNumber"] == [4]
    assert list(found["none"].failed) == [film] and "such as frame: middle" in found["none"].failed[film]


def test_a_file_as_output_is_refused_before_the_first_prediction(tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(InputError, match=r"^output: .*results: cannot be written \("):
        predict_cases(None, [], tmp_path / "results")
