"""TorchScript: a zip file of tensors, pickles and the source of a language of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from .configs import scan_config, scan_metadata
from .members import scan_members
from .pickles import OBJECTS, TENSORS, scan_pickle

__all__ = ["scan_torchscript"]

# besides tensors: the archive's own classes, but those written in C++, and what restores typed lists and dictionaries
_GLOBALS = re.compile(
    rf"{TENSORS.pattern}|torch\.jit\._pickle (build_\w+list|restore_type_tag)|__torch__(?!\.torch\.classes)(\.\w+)* \w+"
)
# of operators outside aten: what checks and conversions between numbers and tensors need
_PRIM = frozenset(
    {"RaiseException", "NumToTensor", "data", "device", "dtype", "layout", "max", "min", "abs", "unchecked_cast"}
)
# names of operators that write or read files, start threads, or call Python or another machine
_NAMES = frozenset({"save", "from_file", "PythonOp", "fork", "awaitable", "rpc_async", "rpc_sync", "rpc_remote"})


def scan_torchscript(content: bytes) -> list[str]:
    """Problems of a TorchScript file: of its names, pickles, source and embedded configs.

    The source may call its own functions, aten's operators, which torch spells ``torch.<name>``, and a few of prim's;
    of aten's those that read or write files are refused.
    """
    return scan_members(content, _MEMBERS, "TorchScript")


def _scan_globals(content: bytes) -> list[str]:
    return scan_pickle(content, _GLOBALS, OBJECTS)


def _scan_source(content: bytes) -> list[str]:
    try:
        nodes = list(ast.walk(ast.parse(content.decode("ascii"))))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [f"source that can't be read ({type(error).__name__})"]
    return sorted({problem for node in nodes for problem in _problems(node)})


def _problems(node: ast.AST) -> Iterator[str]:
    """What is wrong with one node of the source; a name may be a string, for ``getattr``."""
    text = {ast.Name: "id", ast.Attribute: "attr", ast.Constant: "value", ast.FunctionDef: "name"}.get(type(node))
    value = getattr(node, text) if text else None
    if isinstance(value, str) and value in _NAMES:
        yield f"source that uses {value!r}"
    match node:
        case ast.Attribute(value=ast.Name(id="ops"), attr=space) if space not in ("aten", "prim"):
            yield f"source with operators of {space!r}"
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="ops"), attr="prim"), attr=name) if name not in _PRIM:
            yield f"source with the operator prim::{name}"
        case ast.Attribute(value=ast.Attribute(attr="torch"), attr="classes"):
            yield "source that uses a class written in C++"
        case ast.Import() | ast.ImportFrom():
            yield "source with an import"


def _scan_bytes(content: bytes) -> list[str]:
    return []  # a tensor's, or a number


_MEMBERS: tuple[tuple[str, Callable[[bytes], list[str]]], ...] = (
    (r"(data|constants)/\d+|version|byteorder|\.data/\w+", _scan_bytes),
    (r"(data|constants)\.pkl|code/__torch__(/\w+)*\.py\.debug_pkl", _scan_globals),
    (r"code/__torch__(/\w+)*\.py", _scan_source),
    (r"extra/metadata\.json", scan_metadata),
    (r"extra/inference\.json", scan_config),
)
