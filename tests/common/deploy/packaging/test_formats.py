from __future__ import annotations

import hashlib
import zipfile

import onnx
import pytest
import torch
from torch import nn

from common import InputError
from common.deploy.packaging.formats import FORMATS, TOLERANCE, write_formats
from common.deploy.packaging.reference_inputs import reference_inputs
from common.deploy.packaging.reproducible import save_script
from common.deploy.packaging.trained_classifier import read_classifier
from common.networks import CalibratedSoftmax, EncoderClassifier
from tests.common.deploy.tiny_bundles import OVERLAYS, SETTINGS, random_weights

SHAPE = (2, 12, 12, 12)


def classifier(seed: int = 0) -> nn.Module:
    """Two convolutions and a head, of a class that TorchScript takes for a new one each time."""

    class Encoder(nn.Sequential):
        out_features = 4

    torch.manual_seed(seed)
    convolutions = nn.Conv3d(2, 4, 3), nn.Conv3d(4, 4, 3, bias=False)
    encoder = Encoder(convolutions[0], nn.ReLU(), convolutions[1], nn.AdaptiveAvgPool3d(1), nn.Flatten())
    return EncoderClassifier(encoder, 3, probabilities=CalibratedSoftmax(1.5, 0.4)).eval()


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return classifier()


@pytest.fixture(scope="module")
def inputs(network) -> torch.Tensor:
    return reference_inputs(network, SHAPE, (0, 255))


@pytest.fixture(scope="module")
def written(network, inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first") / "models"
    files = {"metadata.json": '{"version": "1"}', "inference.json": "{}"}
    return folder, write_formats(network, inputs, folder, extra_files=files)


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_all_forms_are_written_and_agree(written):
    folder, differences = written
    assert {path.name for path in folder.iterdir()} == set(FORMATS) == set(differences)
    assert all(0 <= difference <= TOLERANCE for difference in differences.values())
    assert differences["model.pt"] == differences["model.safetensors"] == 0


def test_the_exported_forms_take_batches_that_the_export_has_not_seen(written, network):
    folder, _ = written
    image = torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(7))
    exported = torch.export.load(folder / "model.pt2").module()
    torch.testing.assert_close(exported(image), network(image), rtol=0, atol=TOLERANCE)
    graph = onnx.load(folder / "model.onnx").graph
    dims = {value.name: value.type.tensor_type.shape.dim for value in (*graph.input, *graph.output)}
    shapes = {name: [dim.dim_param or dim.dim_value for dim in shape] for name, shape in dims.items()}
    assert shapes == {"image": ["batch", *SHAPE], "pred": ["batch", 4]}


@pytest.mark.slow
def test_a_residual_network_with_its_head_has_all_forms(tmp_path):
    """The network of radiomics_deep_contrast, small; those of other bundles are exported in tests of archives."""
    bundle = "radiomics_deep_contrast"
    weights = random_weights(bundle, tmp_path)
    source = read_classifier(bundle, weights=weights, overlays=OVERLAYS[bundle], settings=SETTINGS[bundle])
    differences = write_formats(source.network, source.reference_inputs, tmp_path / "models")
    assert set(differences) == set(FORMATS) and max(differences.values()) <= TOLERANCE


def test_torchscript_carries_metadata_and_inference_config(written):
    files = {"metadata.json": "", "inference.json": ""}
    torch.jit.load(written[0] / "model.ts", _extra_files=files)
    assert files == {"metadata.json": b'{"version": "1"}', "inference.json": b"{}"}


def test_the_same_network_gives_the_same_bytes_whatever_was_exported_before(written, inputs, tmp_path):
    files = {"metadata.json": '{"version": "1"}', "inference.json": "{}"}
    write_formats(classifier(), inputs, tmp_path / "second", extra_files=files)
    assert digests(tmp_path / "second") == digests(written[0])


def test_torchscript_is_numbered_anew(tmp_path):
    contents = []
    for save in (torch.jit.save, save_script):
        for _ in range(2):
            network = classifier() if save is save_script else torch.jit.script(classifier())
            save(network, tmp_path / "model.ts", {})
            contents.append((tmp_path / "model.ts").read_bytes())
    assert contents[0] != contents[1] and contents[2] == contents[3]
    image = torch.rand(2, *SHAPE)
    torch.testing.assert_close(torch.jit.load(tmp_path / "model.ts")(image), classifier()(image))


def test_no_format_reveals_where_it_was_made(written, project):
    for path in written[0].iterdir():
        parts = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                parts = [archive.read(name) for name in archive.namelist()]
        assert not any(str(project).encode() in part or b"site-packages" in part for part in parts), path.name


def test_other_weights_give_other_bytes(written, inputs, tmp_path):
    write_formats(classifier(1), inputs, tmp_path, formats=["model.ts", "model.safetensors"])
    first = digests(written[0])
    assert all(first[name] != digest for name, digest in digests(tmp_path).items())


class OtherWhenScripted(nn.Module):
    """Computes a little more as TorchScript."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        probabilities = self.head(x.flatten(1)[:, :4]).softmax(1)
        return probabilities + 2e-4 if torch.jit.is_scripting() else probabilities


class NotScriptable(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return eval("x.flatten(1).softmax(1)")


@pytest.mark.parametrize(
    ("broken", "message"), [(OtherWhenScripted, r"differs .* by 0\.0002"), (NotScriptable, "cannot be exported")]
)
def test_a_broken_form_stops_with_one_line(tmp_path, broken, message):
    with pytest.raises(InputError, match=rf"model\.ts: .*{message}") as caught:
        write_formats(broken(), torch.rand(3, *SHAPE), tmp_path, formats=["model.pt", "model.ts"])
    assert "\n" not in str(caught.value)


def test_reference_inputs_leave_the_network_undecided_and_are_the_same_each_time():
    network = nn.Sequential(nn.Flatten(), nn.Linear(8, 2), nn.Softmax(1))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[1.0] * 8, [-1.0] * 8]))
        network[1].bias.zero_()
    found = reference_inputs(network, (2, 4), (0, 255))
    assert found.shape == (3, 2, 4) and 0.5 < network(found[:1]).max() <= 0.999
    torch.testing.assert_close(found, reference_inputs(network, (2, 4), (0, 255)), rtol=0, atol=0)
    plain = reference_inputs(nn.Sequential(nn.Flatten(), nn.Linear(8, 2), nn.Softmax(1)), (2, 4), (-2, 5))
    assert plain.min() < -1 and plain.max() > 4  # where nothing is saturated, the whole range


def test_reference_inputs_leave_out_what_the_last_digits_of_float32_decide():
    class Sharp(nn.Module):
        """Probabilities that swing with the input: large logits behind a temperature are a matter of rounding."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            share = 0.5 + 0.2 * torch.sin(x.flatten(1).square().sum(1) * 10)
            return torch.stack([share, 1 - share], 1)

    found, network = reference_inputs(Sharp(), (2, 4), (0, 255)), Sharp()
    assert found.max() < 30
    torch.testing.assert_close(network(found.double()).float(), network(found), rtol=0, atol=TOLERANCE)
