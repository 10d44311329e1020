"""ONNX passes with the standard's operators and its own weights alone."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from common.deploy.verification.scan.onnx_graph import scan_onnx
from tests.common.deploy.verification.scan.conftest import small_onnx


def outside(tensor):
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def with_branch(model, branch):
    """The same operators in a branch of a condition."""
    node = helper.make_node("If", ["image"], ["pred"], then_branch=branch, else_branch=branch)
    model.graph.node.append(node)


def in_a_branch(model):
    branch = small_onnx().graph
    outside(branch.initializer[0])
    with_branch(model, branch)


def in_an_attribute(model):
    tensor = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
    outside(tensor)
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def a_function(model):
    node = helper.make_node("Relu", ["x"], ["y"])
    model.functions.append(helper.make_function("mine", "Harm", ["x"], ["y"], [node], [helper.make_opsetid("", 20)]))


DAMAGE = {
    "weights in another file": (
        lambda model: outside(model.graph.initializer[0]),
        "the weights 'weights' are in another file",
    ),
    "weights in another file, in a branch": (in_a_branch, "the weights 'weights' are in another file"),
    "weights in another file, in an attribute": (in_an_attribute, "the weights 'value' are in another file"),
    "an operator of another maker": (
        lambda model: setattr(model.graph.node[0], "domain", "com.mine"),
        "the operator 'MatMul' of 'com.mine'",
    ),
    "operators of another maker": (
        lambda model: model.opset_import.append(helper.make_opsetid("com.mine", 1)),
        "operators of 'com.mine'",
    ),
    "a function": (a_function, "a function of its own, 'Harm'"),
    "training": (lambda model: model.training_info.add(), "a training graph"),
    "nothing": (lambda model: model.graph.ClearField("node"), "a graph without operators"),
}


@pytest.mark.parametrize("case", list(DAMAGE))
def test_whatever_is_beyond_a_plain_graph_is_refused(case):
    change, expected = DAMAGE[case]
    model = onnx.ModelProto()
    model.CopyFrom(small_onnx())
    change(model)
    assert scan_onnx(model.SerializeToString()) == [expected]
