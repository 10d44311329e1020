"""TorchScript is read as zip, pickles and source; what could run on loading or calling it is refused."""

from __future__ import annotations

import json
import os
import pickle
import zipfile

import pytest
import torch

from common.deploy.verification.scan import scan_folder
from common.deploy.verification.scan.torchscript import scan_torchscript
from tests.common.deploy.verification.scan.conftest import change_member, write_zip

MODEL = "models/model.ts"


class Touch:
    """Unpickled, it writes the sentinel."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def reported(archive):
    """The only problem, without the file's name."""
    (problem,) = scan_folder(archive)
    assert problem.startswith(f"{MODEL}: model/") and "\n" not in problem
    return problem.removeprefix(f"{MODEL}: model/")


@pytest.mark.parametrize("name", ["data.pkl", "constants.pkl"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_calls_the_system_is_refused_and_not_unpickled(name, protocol, archive, sentinel):
    harm = pickle.dumps(Touch(sentinel), protocol)
    change_member(archive / MODEL, f"/{name}", lambda content: harm)
    expected = "names posix.system" if protocol == 2 else "the opcode STACK_GLOBAL"
    assert reported(archive) == f"{name}: a pickle {'that ' if protocol == 2 else 'with '}{expected}"
    assert not sentinel.exists()
    pickle.loads(harm)
    assert sentinel.exists()  # so the test could fail


def test_a_pickle_behind_the_end_of_another_is_refused(archive, sentinel):
    change_member(archive / MODEL, "/data.pkl", lambda content: content + pickle.dumps(Touch(sentinel), 2))
    assert reported(archive) == "data.pkl: a pickle with bytes behind its end"


def test_a_pickled_line_table_is_looked_at_too(archive, sentinel):
    change_member(archive / MODEL, ".debug_pkl", lambda content: pickle.dumps(Touch(sentinel), 2))
    assert "a pickle that names posix.system" in reported(archive)


def test_a_class_written_in_cpp_is_refused(archive):
    change_member(
        archive / MODEL, "/constants.pkl", lambda content: b"\x80\x02c__torch__.torch.classes.dist\nStore\n)\x81."
    )
    assert reported(archive) == "constants.pkl: a pickle that names __torch__.torch.classes.dist.Store"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ops.prim.PythonOp(x)", "source with the operator prim::PythonOp"),
        ("torch.save(x, 'a')", "source with the operator aten::save"),
        ("ops.aten.save(x, 'a')", "source with the operator aten::save"),
        ("(x).save('a')", "source with the operator aten::save"),
        ("f = x.save", "source with the operator aten::save"),
        ("getattr(x, 's\\141ve')('a')", "source with the operator aten::save"),
        ("getattr(x, y)('a')", "source that uses 'getattr' with a name that is not spelled out"),
        ("torch.from_file('a', True, 3)", "source with the operator aten::from_file"),
        ("torch.as_strided(x, [9], [9], 9)", "source with the operator aten::as_strided"),
        ("(x).set_(x, 9, [9], [9])", "source with the operator aten::set_"),
        ("torch.an_operator_of_tomorrow(x)", "source with the operator aten::an_operator_of_tomorrow"),
        ("y = torch", "source that hands 'torch' on"),
        ("y = ops.aten", "source that hands 'ops' on"),
        ("fork(x)", "source that uses 'fork'"),
        ("ops.inductor._alloc_from_pool(x)", "source with operators of 'inductor'"),
        ("ops.mine.harm(x)", "source with operators of 'mine'"),
        ("ops.prim.rpc_sync(x)", "source with the operator prim::rpc_sync"),
        ("__torch__.torch.classes.dist.Store()", "source that uses a class written in C++"),
        ("^Touch(3)(x)", "source that can't be read (SyntaxError)"),
        ("pass # \r", "source with control characters"),
        ("import os", "source with an import"),
    ],
)
def test_source_that_reaches_outside_is_refused(line, expected, archive):
    with zipfile.ZipFile(archive / MODEL) as source:  # a class's file has a number where torch knew the name before
        name = next(name for name in source.namelist() if "/modules/container" in name and name.endswith(".py"))
    change_member(archive / MODEL, name, lambda content: content + f"\ndef more(x):\n  {line}\n".encode())
    assert expected in [problem.rpartition(".py: ")[2] for problem in scan_folder(archive)]


def test_torchs_own_operators_that_write_files_are_named_as_the_scanner_thinks(tmp_path):
    """TorchScript can write files: what it calls that is what is refused."""

    class Saves(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, "somewhere")
            return x

    path = tmp_path / "model.ts"
    torch.jit.save(torch.jit.script(Saves()), path)
    (problem,) = scan_torchscript(path.read_bytes())
    assert problem.endswith("source with the operator aten::save")


@pytest.mark.parametrize("name", ["run.py", "extra/run.py", "extra/train.json", "bytecode.pkl", "code/a.so"])
def test_another_member_is_refused(name, archive):
    change_member(archive / MODEL, "/version", lambda content: content, rename=name)
    assert reported(archive) == f"{name}: no member of this name belongs in TorchScript"


def test_the_config_inside_is_scanned_as_the_one_outside(archive):
    harm = json.dumps({"run": ["$exit()"]}).encode()
    change_member(archive / MODEL, "/extra/inference.json", lambda content: harm)
    assert reported(archive) == "extra/inference.json: run#0: the expression '$exit()' is not on the allow-list"


def test_two_members_of_one_name_are_refused_as_readers_differ_on_them(archive):
    with zipfile.ZipFile(archive / MODEL) as source:
        members = [(info.filename, source.read(info)) for info in source.infolist()]
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_zip(archive / MODEL, [*members, ("model/data.pkl", b"\x80\x02.")])
    assert scan_folder(archive) == [f"{MODEL}: a zip file with two members of one name, 'model/data.pkl'"]


def test_members_of_several_folders_are_refused_as_torch_reads_only_the_first(archive):
    with zipfile.ZipFile(archive / MODEL) as source:
        members = [(info.filename, source.read(info)) for info in source.infolist()]
    write_zip(archive / MODEL, [*members, ("other/version", b"3")])
    assert scan_folder(archive) == [f"{MODEL}: a zip file with several folders"]
