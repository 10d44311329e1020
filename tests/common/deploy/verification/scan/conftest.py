"""A small archive without code, and ways to plant some."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import safetensors.torch
import torch
from monai.data import save_net_with_metadata
from onnx import TensorProto, helper

from common.deploy.verification.manifest import write_manifest
from common.networks import CalibratedSoftmax


def small_onnx() -> onnx.ModelProto:
    """A matrix times the image."""
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in ("image", "pred")]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["image", "weights"], ["pred"])], "small", values[:1], values[1:], [weights]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


@pytest.fixture(scope="session")
def clean(tmp_path_factory, project) -> Path:
    """An archive as the inference target is: one of the bundles' configs, a tiny network in all formats."""
    folder = tmp_path_factory.mktemp("clean") / "liver_cgc"
    for name in (
        "LICENSE",
        "docs/README.md",
        "docs/data_license.txt",
        "configs/metadata.json",
        "configs/inference.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / "bundles/liver_cgc" / name, folder / name)
    models = folder / "models"
    models.mkdir()
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 2, 3),
        torch.nn.BatchNorm2d(2),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.5),
        CalibratedSoftmax(1.5, 0.6),
    ).eval()
    inference = {"inference.json": (folder / "configs/inference.json").read_bytes()}
    save_net_with_metadata(torch.jit.script(network), str(models / "model"), more_extra_files=inference)
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    program = torch.export.export(network, (torch.rand(2, 3, 8, 8),), dynamic_shapes=(batch,))
    torch.export.save(program, models / "model.pt2")
    onnx.save(small_onnx(), models / "model.onnx")
    safetensors.torch.save_file(network.state_dict(), models / "model.safetensors")
    write_manifest(folder)
    return folder


@pytest.fixture
def archive(clean, tmp_path) -> Path:
    """A copy of it, to plant code in."""
    return shutil.copytree(clean, tmp_path / "archive")


@pytest.fixture
def sentinel(tmp_path) -> Path:
    """The file that planted code would write."""
    return tmp_path / "it_ran"


def change_member(path: Path, suffix: str, change: Callable[[bytes], bytes], rename: str | None = None) -> None:
    """Change the member of a zip whose name ends so; ``rename`` adds the result under another name instead."""
    with zipfile.ZipFile(path) as source:
        members = {info.filename: source.read(info) for info in source.infolist()}
    name = next(name for name in members if name.endswith(suffix))
    target = name if rename is None else f"{name.partition('/')[0]}/{rename}"
    members[target] = change(members[name])
    write_zip(path, list(members.items()))


def write_zip(path: Path, members: list[tuple[str, bytes]]) -> None:
    """A zip of these members, with double names where they are given."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        for name, member in members:
            target.writestr(name, member)
    path.write_bytes(content.getvalue())


def change_json(path: Path, change: Callable[[dict], object]) -> None:
    """Change a JSON file's content in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
