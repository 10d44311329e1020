"""Scan of TorchScript files: a zip file of tensors, pickles and source code in a language of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from .configs import scan_config, scan_metadata
from .members import scan_members
from .operators import is_allowed, is_operator
from .pickles import OBJECTS, TENSORS, scan_pickle

__all__ = ["scan_torchscript"]

# besides tensors: the archive's own classes except those in C++, and what restores typed lists and dictionaries
_GLOBALS = re.compile(
    rf"{TENSORS.pattern}|torch\.jit\._pickle (build_\w+list|restore_type_tag)|__torch__(?!\.torch\.classes)(\.\w+)* \w+"
)
# operators outside aten that checks and conversions between numbers and tensors need
_PRIM = frozenset(
    {"RaiseException", "NumToTensor", "data", "device", "dtype", "layout", "max", "min", "abs", "unchecked_cast"}
)
# words of the language: types, conversions, loops
_WORDS = """Tensor List Dict Tuple Optional Union Any Final NoneType NamedTuple Module ModuleInterface number int
    float bool str complex Device device range annotate uninitialized unchecked_cast getattr hasattr isinstance len min
    max abs all any list tuple dict zip enumerate sum sorted round inf nan CONSTANTS __annotations__"""


def scan_torchscript(content: bytes) -> list[str]:
    """Problems of the names, pickles, source code and embedded configs of a TorchScript file.

    The source may call its own functions, the operators of :mod:`~common.deploy.verification.scan.operators`, which
    torch writes as ``torch.<name>`` or as methods of a tensor, and a few of prim's.
    """
    return scan_members(content, _MEMBERS, "TorchScript")


def _scan_globals(content: bytes) -> list[str]:
    return scan_pickle(content, _GLOBALS, OBJECTS)


def _scan_source(content: bytes) -> list[str]:
    try:
        text = content.decode("ascii")
        if not text.replace("\n", "").isprintable():  # torch's parser and Python's differ on where a line ends
            return ["source with control characters"]
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [f"source that can't be read ({type(error).__name__})"]
    known = {*_WORDS.split()} | {name for node in nodes for name in _defined(node)}
    bases = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    return sorted({problem for node in nodes for problem in _problems(node, known, id(node) in bases)})


def _defined(node: ast.AST) -> Iterator[str]:
    """Names that a node defines: arguments, variables, classes, functions."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ClassDef(name=name):
            yield name
        case ast.FunctionDef(name=name):
            yield name


def _problems(node: ast.AST, known: set[str], is_base: bool) -> Iterator[str]:
    """Problems of one node of the source.

    Args:
        node: node of the source's syntax tree.
        known: words of the language and names that the source defines.
        is_base: whether the node is the base of an attribute.
    """
    match node:
        case ast.Name(id="torch" | "ops" | "__torch__" as name):
            if not is_base or not isinstance(node.ctx, ast.Load):
                yield f"source that hands {name!r} on"
        case ast.Name(id=name, ctx=ast.Load()) if name not in known:
            yield f"source that uses {name!r}"
        case ast.Attribute(value=ast.Name(id="ops"), attr=space) if space not in ("aten", "prim"):
            yield f"source with operators of {space!r}"
        case ast.Attribute(value=ast.Name(id="ops")):
            if not is_base:
                yield "source that hands 'ops' on"
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="ops"), attr="prim"), attr=name):
            if name not in _PRIM:
                yield f"source with the operator prim::{name}"
        case (
            ast.Attribute(value=ast.Name(id="torch"), attr=name)
            | ast.Attribute(value=ast.Attribute(value=ast.Name(id="ops")), attr=name)
        ):
            if not is_allowed(name):
                yield f"source with the operator aten::{name}"
        case ast.Attribute(value=ast.Attribute(attr="torch"), attr="classes"):
            yield "source that uses a class written in C++"
        case ast.Attribute(attr=name):
            yield from _method_problems(name, node)
        case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[_, ast.Constant(value=str(name))]):
            yield from _method_problems(name, node)
        case ast.Call(func=ast.Name(id="getattr" | "hasattr" as name)):
            yield f"source that uses {name!r} with a name that is not spelled out"
        case ast.Import() | ast.ImportFrom():
            yield "source with an import"


def _method_problems(name: str, node: ast.AST) -> Iterator[str]:
    """Problems of an attribute's name, which as a method of a tensor would call the operator of that name."""
    if is_operator(name) and not is_allowed(name) and not _is_own(node):
        yield f"source with the operator aten::{name}"


def _is_own(node: ast.AST) -> bool:
    """Whether a name is one of the file's own modules, such as ``__torch__.torch.nn.functional.pad``."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "__torch__"


def _scan_bytes(content: bytes) -> list[str]:
    return []  # a tensor's, or a number


_MEMBERS: tuple[tuple[str, Callable[[bytes], list[str]]], ...] = (
    (r"(data|constants)/\d+|version|byteorder|\.data/\w+", _scan_bytes),
    (r"(data|constants)\.pkl|code/__torch__(/\w+)*\.py\.debug_pkl", _scan_globals),
    (r"code/__torch__(/\w+)*\.py", _scan_source),
    (r"extra/metadata\.json", scan_metadata),
    (r"extra/inference\.json", scan_config),
)
