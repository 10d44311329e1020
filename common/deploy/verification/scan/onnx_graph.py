"""Scan of ONNX files, which can refer to other files and to non-standard operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ....errors import InputError

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto

__all__ = ["scan_onnx"]

_DOMAINS = ("", "ai.onnx")  # the standard's own operators


def scan_onnx(content: bytes) -> list[str]:
    """Problems of an ONNX file: non-standard operators, functions, training graphs, weights in other files.

    Raises:
        InputError: onnx is not installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise InputError(f"ONNX: {error}; expected onnx; run: pip install 'clinical-ssl-bundles[deploy]'") from error
    try:
        model = onnx.load_model_from_string(content)  # without a folder it can't read other files
    except DecodeError:
        return ["no readable ONNX"]
    return list(dict.fromkeys(_problems(model)))


def _problems(model: ModelProto) -> Iterator[str]:
    if not model.graph.node:
        yield "a graph without operators"
    for used in model.opset_import:
        if used.domain not in _DOMAINS:
            yield f"operators of {used.domain!r}"
    if model.functions:
        yield f"a function of its own, {model.functions[0].name!r}"
    if model.training_info:
        yield "a training graph"
    yield from _graph_problems(model.graph)


def _graph_problems(graph: GraphProto) -> Iterator[str]:
    for tensor in (*graph.initializer, *(part for sparse in graph.sparse_initializer for part in _parts(sparse))):
        yield from _tensor_problems(tensor)
    for node in graph.node:
        if node.domain not in _DOMAINS:
            yield f"the operator {node.op_type!r} of {node.domain!r}"
        for attribute in node.attribute:
            yield from _attribute_problems(attribute)


def _attribute_problems(attribute: AttributeProto) -> Iterator[str]:
    sparse = (attribute.sparse_tensor, *attribute.sparse_tensors)
    for tensor in (attribute.t, *attribute.tensors, *(part for each in sparse for part in _parts(each))):
        yield from _tensor_problems(tensor)
    for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
        yield from _graph_problems(graph)


def _parts(sparse: Any) -> tuple[Any, Any]:
    return sparse.values, sparse.indices


def _tensor_problems(tensor: Any) -> Iterator[str]:
    if tensor.data_location == tensor.EXTERNAL or tensor.external_data:
        yield f"the weights {tensor.name!r} are in another file"
