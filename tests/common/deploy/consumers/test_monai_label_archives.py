"""Archives of the repository's own weights, and what viewers ask, on the real MONAI Label server and a real Orthanc."""

from __future__ import annotations

import json
import shutil
import zipfile

import nibabel as nib
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from common.deploy.consumers.monai_label_segmentation import package_segmenter
from common.deploy.package import package_bundle
from common.deploy.prediction.classifier import open_classifier
from tests.bundles.bundle_files import BUNDLES
from tests.common.deploy.consumers.environments import consumer_environment
from tests.common.deploy.consumers.label_server import LabelServer
from tests.common.deploy.consumers.label_studies import write_sample
from tests.common.deploy.made_studies import write_dicom

pytestmark = pytest.mark.slow
FOLDERS = {bundle.name: bundle for bundle in BUNDLES}
SIAM, MLSSCL = "siam3d_imbalance", "mlsscl_3d"
CLASSIFIERS = (SIAM, MLSSCL, "radiomics_deep_contrast")
SEGMENTER = f"{MLSSCL}_segmentation"
VOLUME = "hippocampus_001"
SHAPE = "val_00000"  # a sample of MLSSCL, of one channel
IMAGES = "shared/data/msd_hippocampus"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def environment():
    return consumer_environment("monai-label")


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Zip files of the classifiers and the segmenter at their real size."""
    folder = tmp_path_factory.mktemp("archives")
    return [
        *(package_bundle(bundle, "monailabel", folder) for bundle in CLASSIFIERS),
        package_segmenter(MLSSCL, folder),
    ]


@pytest.fixture(scope="module")
def hippocampus(project):
    """Image and label map of a real volume."""
    folder = project.parent / IMAGES
    if not folder.is_dir():
        pytest.skip(f"found no ../{IMAGES}")
    return [folder / kind / f"{VOLUME}.nii.gz" for kind in ("images", "labels")]


def sample_rows(bundle):
    return json.loads((FOLDERS[bundle] / "samples/datalist.json").read_text())["testing"]


def add_archives(server, archives):
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(server.models)


@pytest.fixture(scope="module")
def server(environment, archives, project, tmp_path_factory):
    """One server with all of them, and one datastore with the images of all."""
    folder = tmp_path_factory.mktemp("server")
    (studies := folder / "studies").mkdir()
    for bundle in CLASSIFIERS:
        for row in sample_rows(bundle):
            write_sample(row, FOLDERS[bundle] / "samples", studies)
    if (volume := project.parent / IMAGES / f"images/{VOLUME}.nii.gz").is_file():
        shutil.copy(volume, studies)
    server = LabelServer(environment, folder, studies)
    add_archives(server, archives)
    with server.running():
        server.wait()
        yield server


@pytest.fixture(scope="module")
def expected():
    """Probabilities of each sample by the bundle itself."""
    found = {}
    for bundle in CLASSIFIERS:
        samples = FOLDERS[bundle] / "samples"
        with open_classifier(FOLDERS[bundle], device="cpu") as classifier:
            for row in sample_rows(bundle):
                files = {key: str(samples / row[key]) for key in ("image", "mask") if key in row}
                image = classifier.preprocessing({**files, "subject": row["subject"]})["image"]
                found[bundle, row["subject"]] = classifier(image).probabilities
    return found


def test_the_weights_of_the_repository_give_what_their_bundles_give(server, expected):
    for (bundle, subject), probabilities in expected.items():
        found = server.scores(f"{bundle}_classification", subject)
        assert [*found][:-1] == [*probabilities] and [*found][-1] == "no call"
        np.testing.assert_allclose([*found.values()][:-1], [*probabilities.values()], atol=TOLERANCE)


@pytest.mark.parametrize("chosen", [True, False])
def test_a_batch_on_the_cpu_passes_over_images_of_other_archives(chosen, server, expected):
    own = [subject for bundle, subject in expected if bundle == SIAM]
    options = {"device": "cpu", "multi_gpu": False, "max_workers": 2}  # with one worker, the first bad image ends all
    options |= {"images": own} if chosen else {}
    result = server.ask("POST", f"/batch/infer/{SIAM}_classification?run_sync=true", json.dumps(options).encode())
    classified = {name for name, entry in result.items() if entry}
    assert classified == {*own} and (chosen == (result.keys() == classified))
    for name in own:
        scores = {entry["label"]: entry["score"] for entry in result[name]["params"]["prediction"]}
        assert scores["malignant"] == pytest.approx(expected[SIAM, name]["malignant"], abs=TOLERANCE)


@pytest.mark.parametrize(
    ("model", "image", "reason"),
    [
        (f"{SIAM}_classification", SHAPE, "ValueError: count of splits must match output_postfixes, 2 != 1."),
        (f"{SIAM}_classification", "nobody", "FileNotFoundError: "),
        ("nothing", SHAPE, "There is no model 'nothing' available"),
    ],
)
def test_wrong_channels_unknown_images_and_models_are_answered_in_one_line(model, image, reason, server):
    refused = server.refusal(model, image)
    assert refused.startswith("500 Internal Server Error: ") and reason in refused and "\n" not in refused


def test_a_segmenter_is_served_as_such_and_its_label_map_has_the_grid_of_the_image(server, hippocampus, tmp_path):
    known = server.ask("GET", "/info/")["models"][SEGMENTER]
    assert known["type"] == "segmentation" and known["labels"] == {"anterior": 1, "posterior": 2}
    (tmp_path / "found.nii.gz").write_bytes(server.fetch("POST", f"/infer/{SEGMENTER}?image={VOLUME}&output=image"))
    found, image, label = (nib.load(path) for path in (tmp_path / "found.nii.gz", *hippocampus))
    assert found.shape == image.shape
    np.testing.assert_allclose(found.affine, image.affine, atol=1e-4)
    assert min(dice(found, label)) > 0.8


def dice(found, label) -> list[float]:
    """Dice coefficient of both parts."""
    arrays = [np.asarray(part.dataobj) for part in (found, label)]
    masks = [[array == value for array in arrays] for value in (1, 2)]
    return [2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in masks]


def test_what_slicer_asks_is_answered(server, hippocampus):
    """The next image, the image itself, its segmentation with parameters, and the corrected one saved."""
    asked = json.dumps({"client_id": "3DSlicer"}).encode()
    image = server.ask("POST", "/activelearning/random", asked)
    assert image["id"] and image["path"]
    assert server.fetch("GET", f"/datastore/image?image={VOLUME}") == hippocampus[0].read_bytes()
    both = server.fetch("POST", f"/infer/{SEGMENTER}?image={VOLUME}&output=all")
    assert b'"label_names"' in both and b"\x1f\x8b" in both  # JSON and a compressed file
    server.save_label(VOLUME, hippocampus[1], tag="final")
    assert server.fetch("GET", f"/datastore/label?label={VOLUME}&tag=final") == hippocampus[1].read_bytes()


def test_a_volume_of_orthanc_is_segmented_over_dicomweb_and_the_result_stored_there(
    environment, archives, hippocampus, tmp_path
):
    """As OHIF asks: the series by its UID, and the segmentation as DICOM SEG."""
    orthanc = pytest.importorskip("tests.common.deploy.service.orthanc")
    if not orthanc.is_here():
        pytest.skip("found no Orthanc with its DICOMweb plugin; Debian: apt-get install orthanc orthanc-dicomweb")
    if not (environment / "bin/itkimage2segimage").is_file():
        pytest.skip(f"found no itkimage2segimage in {environment}, made before it was installed; make it anew")
    image = nib.load(hippocampus[0])
    study = generate_uid()
    files = write_dicom(tmp_path / "series", np.asarray(image.dataobj), image.affine, "T1", study, PatientID="p1")
    series = str(dcmread(files[0]).SeriesInstanceUID)
    info = [{"name": name, "model_name": SEGMENTER} for name in ("anterior", "posterior")]
    with orthanc.running_orthanc(tmp_path / "orthanc", {}) as store:
        store.upload(tmp_path / "series")
        variables = {
            "MONAI_LABEL_DICOMWEB_SEARCH_FILTER": json.dumps({"Modality": "MR"}),
            "MONAI_LABEL_DICOMWEB_CACHE_PATH": str(tmp_path / "cache"),
        }
        (tmp_path / "label").mkdir()
        address = f"http://127.0.0.1:{store.http}/dicom-web"
        server = LabelServer(environment, tmp_path / "label", address, **variables)
        add_archives(server, [path for path in archives if "segmentation" in path.name])
        with server.running():
            server.wait()
            assert server.ask("POST", "/activelearning/random", b"{}")["id"] == series
            place = f"/infer/{SEGMENTER}?image={series}"
            (tmp_path / "found.nii.gz").write_bytes(server.fetch("POST", f"{place}&output=image"))
            params = f"params={json.dumps({'label_info': info})}".encode()
            form = "application/x-www-form-urlencoded"
            content = server.fetch("POST", f"{place}&output=dicom_seg", params, form)
            server.save_label(series, tmp_path / "found.nii.gz", "final", json.dumps({"label_info": info}))
        (tmp_path / "found.dcm").write_bytes(content)
        (stored,) = store.series("SEG")
    found, answered = nib.load(tmp_path / "found.nii.gz"), dcmread(tmp_path / "found.dcm")
    assert found.shape == image.shape and np.asarray(found.dataobj).max() == 2
    assert answered.Modality == "SEG" and answered.StudyInstanceUID == study
    assert [segment.SegmentLabel for segment in answered.SegmentSequence] == ["anterior", "posterior"]
    assert stored["MainDicomTags"]["Modality"] == "SEG"
