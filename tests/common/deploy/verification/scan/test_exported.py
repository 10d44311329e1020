"""In torch.export's files the graph's strings are looked up and evaluated by torch: only arithmetic and aten pass."""

from __future__ import annotations

import io
import json
import pickle
import struct

import pytest
import torch

from common.deploy.verification.scan import scan_folder
from tests.common.deploy.verification.scan.conftest import change_member
from tests.common.deploy.verification.scan.test_torchscript import Touch
from tests.common.deploy.verification.scan.twins import concatenated, members

MODEL = "models/model.pt2"
GRAPH = "/models/model.json"


def replaced(old, new):
    """A change of the graph's JSON text, in which old is there."""

    def change(content):
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


def reported(archive):
    (problem,) = scan_folder(archive)
    assert problem.startswith(f"{MODEL}: model/") and "\n" not in problem
    return problem.partition(": model/")[2].partition(": ")[2]


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.load",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.as_strided.default",
        "torch.ops.mine.harm.default",
        "_operator.attrgetter",
        "math",
    ],
)
def test_another_operator_is_refused(target, archive):
    change_member(archive / MODEL, GRAPH, replaced("torch.ops.aten.conv2d.default", target))
    assert reported(archive) == f"the operator {target!r} is not on the allow-list"


def with_size_of_an_image(expression):
    """A change of the graph that makes an expression the size of one of its images."""

    def change(content):
        graph = json.loads(content)
        sizes = graph["graph_module"]["graph"]["tensor_values"]
        image = next(value for value in sizes.values() if "as_expr" in (value["sizes"] or [{}])[0])
        image["sizes"][0]["as_expr"]["expr_str"] = expression
        return json.dumps(graph).encode()

    return change


def test_a_size_that_is_an_expression_of_python_is_refused_and_would_have_run(archive, sentinel):
    path = archive / MODEL
    harm = f"__import__('pathlib').Path('{sentinel}').touch()"
    change_member(path, GRAPH, with_size_of_an_image(harm))
    assert reported(archive) == f"{harm!r} is no arithmetic of sizes"
    assert not sentinel.exists()
    with pytest.raises(Exception):  # noqa: B017 whatever torch makes of the result
        torch.export.load(path)
    assert sentinel.exists()  # so the test could fail


def test_two_programs_behind_one_another_are_refused_of_which_torch_would_load_the_first(archive, sentinel):
    path = archive / MODEL
    harmless = members(path.read_bytes())
    change_member(path, GRAPH, with_size_of_an_image(f"__import__('pathlib').Path('{sentinel}').touch()"))
    path.write_bytes(concatenated(members(path.read_bytes()), harmless))
    (problem,) = scan_folder(archive)
    assert "two zip files behind one another" in problem and not sentinel.exists()
    with pytest.raises(Exception):  # noqa: B017 whatever torch makes of the result
        torch.export.load(path)
    assert sentinel.exists()  # so the test could fail


def test_tensors_in_two_zip_files_behind_one_another_are_refused_of_which_torch_would_load_the_first(archive, sentinel):
    saved = io.BytesIO()
    torch.save([torch.zeros(1)], saved)
    harmless = members(saved.getvalue())
    (name,) = (name for name in harmless if name.endswith("/data.pkl"))
    texts = (pickle.dumps(Touch(sentinel), 2), harmless[name])
    size = max(map(len, texts))
    # a text that is thrown away at once makes a pickle longer and changes nothing
    harm, harmless[name] = (
        b"%sX%s%s0." % (text[:-1], struct.pack("<L", size - len(text)), b" " * (size - len(text))) for text in texts
    )
    twins = concatenated(harmless | {name: harm}, harmless)
    change_member(archive / MODEL, "data/sample_inputs/model.pt", lambda content: twins)
    assert "two zip files behind one another" in reported(archive) and not sentinel.exists()
    torch.load(io.BytesIO(twins), weights_only=False)
    assert sentinel.exists()  # so the test could fail


@pytest.mark.parametrize(
    "text", ["s0 + 1", "Symbol('s77', positive=True, integer=True)", "Mod(2*s0, 4)", "Max(1, FloorDiv(s1, 2))", "8"]
)
def test_arithmetic_of_sizes_passes(text, archive):
    change_member(archive / MODEL, GRAPH, _with_size(text))
    assert scan_folder(archive) == []


@pytest.mark.parametrize(
    "text", ["exit()", "s0.real", "Symbol('x y')", "[s0 for s0 in (1,)]", "(lambda: 1)()", "Max.mro()", "eval('1')", 1]
)
def test_anything_else_for_a_size_does_not(text, archive):
    change_member(archive / MODEL, GRAPH, _with_size(text))
    assert reported(archive) == f"{text!r} is no arithmetic of sizes"


def _with_size(text):
    def change(content):
        graph = json.loads(content)
        graph["graph_module"]["graph"]["planted"] = {"expr_str": text}
        return json.dumps(graph).encode()

    return change


def test_a_tree_whose_types_torch_would_import_is_refused(archive):
    tree = [1, {"type": "collections.defaultdict", "context": '{"default_factory_module": "antigravity"}'}]

    def change(content):
        graph = json.loads(content)
        graph["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = json.dumps(tree)
        return json.dumps(graph).encode()

    change_member(archive / MODEL, GRAPH, change)
    assert "has other types than tuple, list and dict" in reported(archive)


def test_an_enumeration_whose_module_torch_would_import_is_refused(archive):
    context = '[{"__enum__": true, "fqn": "antigravity:A", "name": "B"}]'
    tree = [1, {"type": "builtins.dict", "context": context, "children_spec": []}]

    def change(content):
        graph = json.loads(content)
        graph["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = json.dumps(tree)
        return json.dumps(graph).encode()

    change_member(archive / MODEL, GRAPH, change)
    assert "has other types than tuple, list and dict" in reported(archive)


@pytest.mark.parametrize(
    "name",
    ["data/constants/opaque_obj_0", "data/constants/custom_obj_0", "data/constants/model.pt", "data/aotinductor/a.so"],
)
def test_a_member_that_torch_would_unpickle_or_link_is_refused(name, archive):
    change_member(archive / MODEL, "/archive_format", lambda content: content, rename=name)
    assert reported(archive) == "no member of this name belongs in an exported program"


def test_a_weight_that_is_a_pickle_is_refused(archive):
    change_member(
        archive / MODEL, "weights/model_weights_config.json", replaced('"use_pickle": false', '"use_pickle": true')
    )
    assert reported(archive).endswith("is pickled")


def test_pickled_sample_inputs_are_looked_at_inside(archive, sentinel, tmp_path):
    path = tmp_path / "sample.pt"
    torch.save((torch.zeros(1),), path)
    change_member(path, "/data.pkl", lambda content: pickle.dumps(Touch(sentinel), 2))
    change_member(archive / MODEL, "/sample_inputs/model.pt", lambda content: path.read_bytes())
    assert reported(archive) == "sample/data.pkl: a pickle that names posix.system"
    assert not sentinel.exists()
