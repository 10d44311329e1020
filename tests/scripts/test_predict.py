from __future__ import annotations

import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from pydicom.uid import generate_uid

from common.command_line import run_commands
from common.deploy.prediction.outcomes import ArchiveError, FailedStudiesError, NoStudiesError
from common.deploy.verification.archive import write_archive
from common.errors import InputError
from common.networks import CalibratedSoftmax
from scripts import predict, segment, verify
from tests.bundles.bundle_files import BUNDLES
from tests.common.deploy.made_studies import random_network, write_archive_folder, write_dicom
from tests.common.deploy.verification.scan.twins import script_twins

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "mlsscl_3d")
VOLUME = np.kron(np.arange(1, 13).reshape(3, 2, 2), np.ones((4, 5, 3))).astype(np.int16)


@pytest.fixture
def folder(tmp_path):
    """A folder with a NIfTI case and a DICOM study without the requested series."""
    (tmp_path / "in" / "007").mkdir(parents=True)
    nib.save(nib.Nifti1Image(VOLUME, np.eye(4)), tmp_path / "in" / "007" / "scan.nii.gz")
    return tmp_path / "in"


def test_a_bundle_predicts_with_the_ids_that_it_was_trained_with(folder, tmp_path, capsys):
    weights = random_network(tmp_path / "model.ts", (1, 8, 8, 8), 2)
    words = ["mlsscl_3d", str(folder), "--output", str(tmp_path / "out"), "--weights", str(weights)]
    words += ["--image_size", "[8,8,8]", "--device", "cpu", "--num_workers", "0"]
    run_commands(predict.predict, words)
    assert "1 predicted, 0 failed" in capsys.readouterr().out
    (result,) = json.loads((tmp_path / "out" / "results.json").read_text())["results"]
    assert result["study"] == "007"
    run_commands(predict.predict, words)
    assert "1 predicted, 1 of them before, 0 failed" in capsys.readouterr().out


def test_a_zip_predicts_and_bad_studies_are_reported_at_the_end_with_the_others_kept(folder, tmp_path, capsys):
    weights = random_network(tmp_path / "model.ts", (1, 8, 8, 8), 2, CalibratedSoftmax(threshold=1.0))
    archive = write_archive(write_archive_folder(tmp_path / "toy", BUNDLE, weights), tmp_path / "toy.zip")
    study = generate_uid()
    write_dicom(folder / "dicom", VOLUME, np.eye(4), "AX T2", study)
    words = [archive, folder, "--output", tmp_path / "out", "--device", "cpu", "--num_workers", "0"]
    with pytest.raises(FailedStudiesError) as error:
        run_commands(predict.predict, list(map(str, words)))
    first, second = str(error.value).splitlines()
    assert first == f"{folder}: 1 problem" and second.startswith(f"  {study}: no series matches shape (")
    assert "1 predicted, 1 failed" in capsys.readouterr().out
    (line,) = (tmp_path / "out" / "results.csv").read_text().splitlines()[1:]
    assert line.startswith("007,shape=") and ",no call," in line


def test_an_empty_inbox_a_failed_study_and_a_bad_archive_have_exit_codes_of_their_own(tmp_path):
    weights = random_network(tmp_path / "model.ts", (1, 8, 8, 8), 2)
    words = ["mlsscl_3d", str(tmp_path), "--output", str(tmp_path / "out"), "--weights", str(weights)]
    (tmp_path / "inbox").mkdir()
    words[1] = str(tmp_path / "inbox")
    with pytest.raises(NoStudiesError, match="found neither DICOM images nor NIfTI files"):
        run_commands(predict.predict, [*words, "--image_size", "[8,8,8]"])
    assert [error.exit_code for error in (NoStudiesError, FailedStudiesError, ArchiveError)] == [3, 4, 5]


def test_what_is_neither_archive_nor_bundle_is_reported(tmp_path):
    with pytest.raises(ArchiveError, match=r"nowhere: found no such file, folder or bundle"):
        run_commands(predict.predict, ["nowhere", str(tmp_path), "--output", str(tmp_path / "out")])


@pytest.mark.parametrize("command", [predict.predict, segment.segment])
def test_a_folder_into_which_another_process_predicts_is_refused_and_left_as_it_is(command, tmp_path, project):
    hold = "import sys; from common.locks import FolderLock as Lock; Lock(sys.argv[1]).acquire(); print(1); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": project, "text": True}
    with subprocess.Popen([sys.executable, "-u", "-c", hold, str(tmp_path / "out")], **pipes) as first:
        assert first.stdout.readline() == "1\n"
        with pytest.raises(InputError, match=r"out: another run writes there at present; wait for its end") as caught:
            run_commands(command, ["mlsscl_3d", str(tmp_path), "--output", str(tmp_path / "out")])
        assert "\n" not in str(caught.value) and [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
        first.communicate("\n")


@pytest.mark.parametrize("command", [predict.predict, verify.verify])
@pytest.mark.parametrize("packed", [True, False])
def test_torchscript_that_torch_reads_otherwise_than_the_scanner_is_refused_and_does_not_run(
    command, packed, folder, tmp_path
):
    sentinel = tmp_path / "it_ran"
    (tmp_path / "model.ts").write_bytes(script_twins(tmp_path / "made", sentinel))
    archive = write_archive_folder(tmp_path / "toy", BUNDLE, tmp_path / "model.ts")
    archive = write_archive(archive, tmp_path / "toy.zip") if packed else archive
    options = {predict.predict: [folder, "--output", tmp_path / "out", "--device", "cpu", "--num_workers", "0"]}
    with pytest.raises(InputError, match=r"models/model\.ts: a zip file .*two zip files behind one another"):
        run_commands(command, list(map(str, [archive, *options.get(command, ["--scan"])])))
    assert not sentinel.exists()
