"""The service itself with a real archive on one side, and the archive of a classifier on the other."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml
from pydicom.uid import generate_uid

from common.command_line import run_commands
from common.deploy.consumers.monai_label_segmentation import package_segmenter
from common.deploy.prediction.outcomes import ArchiveError
from scripts import serve
from tests.common.deploy.made_studies import write_dicom
from tests.common.deploy.service.orthanc import is_here, running_orthanc
from tests.common.deploy.service.sent_studies import wait_for
from tests.common.deploy.service.tiny_archive import write_tiny_archive
from tests.python_commands import Command, free_port

pytest.importorskip("pynetdicom")
pytest.importorskip("highdicom")
needs_orthanc = pytest.mark.skipif(
    not is_here(), reason="Orthanc with DICOMweb (Debian: orthanc, orthanc-dicomweb) is not here"
)
VOLUME = np.kron(np.arange(1, 13).reshape(3, 2, 2), np.ones((4, 5, 3))).astype(np.int16)


@pytest.fixture
def archive(tmp_path) -> Path:
    """A tiny classifier of one series."""
    return write_tiny_archive(tmp_path)


def settings(path: Path, **values: object) -> Path:
    path.write_text(yaml.safe_dump({"health_port": 0, "settle": 0.5, "min_free": 0} | values))
    return path


@contextmanager
def serving(archive: Path, folder: Path, **values: object) -> Iterator[Path]:
    """The service as a process, and its log."""
    path, log = (
        settings(folder / "s.yaml", peers={"ORTHANC": ["127.0.0.1"]}, **values),
        folder / "state/log/service.log",
    )
    words = [serve.__file__, archive, folder / "state", "--settings", path, "--device", "cpu"]
    service = Command(words, folder)
    try:
        wait_for(lambda: not service.running or (log.is_file() and "listens" in log.read_text()))
        yield log
    finally:
        service.process.terminate()
        done = service.result()
        assert done.returncode == 0, done.stderr


def check_by_dciodvfy(path: Path) -> None:
    if shutil.which("dciodvfy"):
        found = subprocess.run(["dciodvfy", path], capture_output=True, text=True, timeout=60).stderr
        assert not [line for line in found.splitlines() if line.startswith(("Error", "Abort"))]


@pytest.mark.slow
@needs_orthanc
def test_a_study_that_orthanc_sends_comes_back_as_a_valid_report_by_dicom_and_by_dicomweb(archive, tmp_path):
    port, study = free_port(), generate_uid()[:50].rstrip(".")
    write_dicom(tmp_path / "study", VOLUME, np.eye(4), "AX adrenal", study)
    with running_orthanc(tmp_path / "orthanc", {"service": ("CLINSSL", port)}) as orthanc:
        targets = [f"dicom://ORTHANC@127.0.0.1:{orthanc.dicom}", f"http://127.0.0.1:{orthanc.http}/dicom-web"]
        with serving(archive, tmp_path, port=port, destinations=targets, heat_map=True) as log:
            orthanc.upload(tmp_path / "study")
            orthanc.call("modalities/service/store", orthanc.call("studies")[0].encode())
            wait_for(lambda: log.read_text().count(": delivered to") == 2)
            (report,) = orthanc.series("SR")
            assert len(report["Instances"]) == 1 and len(orthanc.series("OT")) == 1  # not twice, by two ways
            content = orthanc.call(f"instances/{report['Instances'][0]}/file")
    (tmp_path / "report.dcm").write_bytes(content)
    data = pydicom.dcmread(tmp_path / "report.dcm")
    assert data.StudyInstanceUID == study and data.PatientName == "Doe^Jane" and data.Modality == "SR"
    assert not re.search("doe|jane", log.read_text(), re.IGNORECASE)
    check_by_dciodvfy(tmp_path / "report.dcm")
    (folder,) = (tmp_path / "state/results").iterdir()  # each release has one
    assert re.fullmatch(r"\w[\w-]+_[\d.]+_[0-9a-f]{8}", folder.name)


@pytest.mark.slow
@needs_orthanc
def test_a_segmenter_s_study_comes_back_as_a_valid_dicom_segmentation(tmp_path):
    port, study = free_port(), generate_uid()[:50].rstrip(".")
    archive = package_segmenter("mlsscl_3d", tmp_path)
    write_dicom(tmp_path / "study", np.kron(VOLUME, np.ones((3, 3, 4))), np.eye(4), "T1", study)
    with running_orthanc(tmp_path / "orthanc", {"service": ("CLINSSL", port)}) as orthanc:
        targets = [f"http://127.0.0.1:{orthanc.http}/dicom-web"]
        with serving(archive, tmp_path, port=port, destinations=targets) as log:
            orthanc.upload(tmp_path / "study")
            orthanc.call("modalities/service/store", orthanc.call("studies")[0].encode())
            wait_for(lambda: ": delivered to" in log.read_text())
            (series,) = orthanc.series("SEG")
            (tmp_path / "seg.dcm").write_bytes(orthanc.call(f"instances/{series['Instances'][0]}/file"))
    data = pydicom.dcmread(tmp_path / "seg.dcm")
    assert data.StudyInstanceUID == study and data.PatientName == "Doe^Jane"
    assert [item.SegmentLabel for item in data.SegmentSequence] == ["anterior", "posterior"]
    check_by_dciodvfy(tmp_path / "seg.dcm")


def test_a_bad_archive_and_bad_settings_end_the_start_with_their_exit_codes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("os.umask", lambda _: 0)  # of the process, which is that of the tests
    (tmp_path / "toy.zip").write_bytes(b"no archive")
    words = [str(tmp_path / "toy.zip"), str(tmp_path / "state")]
    words += ["--settings", str(settings(tmp_path / "s.yaml", peers={"ORTHANC": ["127.0.0.1"]}, port=0))]
    with pytest.raises(ArchiveError, match=r"toy\.zip") as error:
        run_commands(serve.serve, words)
    assert error.value.exit_code == 5
    with pytest.raises(SystemExit) as ended:
        run_commands(serve.serve, [*words, "--colour", "1"])
    assert ended.value.code == 2 and "colour: found no such setting" in capsys.readouterr().err
