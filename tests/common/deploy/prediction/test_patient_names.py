from __future__ import annotations

import logging

import numpy as np
import pytest
from pydicom.uid import generate_uid

from common.deploy.prediction.classifier import open_classifier
from common.deploy.prediction.patient_names import without_names
from common.deploy.prediction.predict import find_cases, predict_cases
from tests.bundles.bundle_files import BUNDLES
from tests.common.deploy.made_studies import bundle_as_published, random_network, write_dicom
from tests.common.deploy.service.sent_studies import write_image

pytest.importorskip("highdicom")
MLSSCL = next(bundle for bundle in BUNDLES if bundle.name == "mlsscl_3d")
LIBRARIES = (None, "highdicom", "highdicom.base", "highdicom.sr", "monai", "pydicom", "pynetdicom")


def test_a_message_keeps_all_but_the_names_of_its_patient(tmp_path):
    path = write_image(tmp_path / "1.dcm", "1.2", "1.2.1", 1)
    text = "series 3 'ROE T1 mrn4711' at 4.7 mm, JANE, not Janeway"
    assert without_names(text, [path]) == "series 3 '[patient] T1 [patient]' at 4.7 mm, [patient], not Janeway"


def test_only_the_report_has_the_patient_s_name_even_if_every_library_logs_at_debug(tmp_path, caplog, capfd):
    good, bad = generate_uid(), generate_uid()
    voxels = np.arange(12**3).reshape(12, 12, 12) % 500
    tags = {"PatientName": "Quxley^Zelda", "PatientID": "MRN-4711-Z", "OtherPatientNames": "Wibble"}
    write_dicom(tmp_path / "in/1", voxels, np.eye(4), "AX T1 of Quxley", good, **tags)
    write_dicom(tmp_path / "in/2", voxels, np.eye(4), "AX T2 of ZELDA, MRN-4711-Z, Wibble", bad, **tags)
    weights = random_network(tmp_path / "model.ts", (1, 12, 12, 12), 2)
    bundle, output = bundle_as_published(tmp_path / "bundle", MLSSCL), tmp_path / "out"
    for name in LIBRARIES:
        caplog.set_level(logging.DEBUG, name)
    with open_classifier(bundle, weights=weights, image_size=[12, 12, 12], device="cpu") as classifier:
        cases, unreadable = find_cases(tmp_path / "in", classifier)
        batch = predict_cases(classifier, cases, output, failed=unreadable)
    assert [result["study"] for result in batch.results] == [good]
    assert "AX T2 of [patient], [patient], [patient]" in batch.failed[bad]
    files = {path.name: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert b"Quxley^Zelda" in files.pop("report.dcm") and files.keys() >= {"results.json", "results.csv", "result.json"}
    shown = b"".join([*files.values(), caplog.text.encode(), *map(str.encode, capfd.readouterr())]).lower()
    assert not [name for name in (b"quxley", b"zelda", b"mrn-4711", b"wibble") if name in shown]
