"""Whatever a file of an archive holds, the scan says so in lines, and what passes is what torch reads."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import zipfile
from contextlib import suppress

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from common.deploy.verification.scan.configs import scan_config, scan_metadata
from common.deploy.verification.scan.exported import scan_exported
from common.deploy.verification.scan.folder import KINDS
from common.deploy.verification.scan.pickles import TENSORS, scan_pickle, scan_saved_tensors
from common.deploy.verification.scan.torchscript import scan_torchscript
from common.deploy.verification.zip_layout import read_members
from tests.common.deploy.verification.scan.conftest import small_onnx
from tests.common.deploy.verification.scan.twins import Network, script_twins
from tests.fuzzing import damaged

pytestmark = pytest.mark.fuzz


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> dict[str, bytes]:
    """Whole files of each kind, and the two zip files behind one another."""
    folder = tmp_path_factory.mktemp("seeds")
    torch.jit.script(Network()).save(str(folder / "model.ts"))
    program = torch.export.export(Network(), (torch.rand(2, 4),))
    torch.export.save(program, folder / "model.pt2")
    torch.save({"weight": torch.rand(3, 2)}, folder / "model.pt")
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    return found | {"twins.ts": script_twins(folder, folder / "it_ran"), "model.onnx": small_onnx().SerializeToString()}


def same_for_all_readers(content: bytes) -> None:
    """Compare the members of a zip file that passed with what Python and torch find in it, where they take it."""
    found = read_members(content)
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as source:
        assert found == {info.filename: source.read(info) for info in source.infolist() if not info.is_dir()}
    with suppress(RuntimeError):
        reader = torch._C.PyTorchFileReader(io.BytesIO(content))
        inner = {name.partition("/")[2]: member for name, member in found.items()}
        assert inner == {name: reader.get_record(name) for name in reader.get_all_records()}


def reported(problems: list[str]) -> list[str]:
    """The problems, each of which must be a line that a terminal can show."""
    assert all("\n" not in problem and len(problem) < 2000 for problem in problems)
    return problems


@given(data=st.data())
def test_torchscript_that_passes_is_for_torch_what_it_is_for_the_scan(data, seeds):
    content = data.draw(damaged([seeds["model.ts"], seeds["twins.ts"]]))
    if not reported(scan_torchscript(content)):
        same_for_all_readers(content)


@given(data=st.data())
def test_an_exported_program_that_passes_is_for_torch_what_it_is_for_the_scan(data, seeds):
    content = data.draw(damaged([seeds["model.pt2"]]))
    if not reported(scan_exported(content)):
        same_for_all_readers(content)


@given(data=st.data())
def test_saved_tensors_that_pass_hold_no_more_than_tensors_for_torch_too(data, seeds):
    content = data.draw(damaged([seeds["model.pt"]]))
    if content and not reported(scan_saved_tensors(content)):
        same_for_all_readers(content)


class Plain(pickle.Unpickler):
    """An unpickler that calls nothing, and knows what it was asked for."""

    def find_class(self, module: str, name: str) -> type:
        assert TENSORS.fullmatch(f"{module} {name}"), (module, name)
        return lambda *arguments: None

    def persistent_load(self, identity: object) -> None:
        return None


@given(data=st.data())
def test_a_pickle_that_passes_asks_for_tensors_alone(data, seeds):
    (saved,) = (member for name, member in read_members(seeds["model.pt"]).items() if name.endswith(".pkl"))
    values = pickle.dumps({"a": [1, 2.5, "text", None, True, (3,)]}, 2)
    content = data.draw(damaged([saved, values, pickletools.optimize(values), b"cposix\nsystem\n(S'true'\ntR."]))
    if not reported(scan_pickle(content)):
        try:
            Plain(io.BytesIO(content)).load()
        except AssertionError:
            raise
        except Exception:  # a damaged pickle, which nobody can load
            pass


@given(data=st.data())
def test_no_file_ends_the_scan(data, seeds, project):
    configs = project / "bundles/liver_cgc/configs"
    texts = [(configs / name).read_bytes() for name in ("inference.json", "metadata.json")]
    _, scan = data.draw(st.sampled_from(KINDS))
    reported(scan(data.draw(damaged([*texts, seeds["model.onnx"], seeds["model.ts"], b"", b"[" * 5000]))))


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.floats(), st.text(), st.sampled_from(["$exit()", "@a", "%b", "/etc", "_target_"])
    ),
    lambda values: (
        st.lists(values) | st.dictionaries(st.text() | st.sampled_from(["_target_", "imports", "a#b"]), values)
    ),
)


@given(content=JSON)
def test_a_config_that_passes_evaluates_nothing(content):
    text = json.dumps(content)
    for scan in (scan_config, scan_metadata):
        if not reported(scan(text.encode())):
            assert "$exit()" not in text
