"""Files of ``torch.export``: a zip file with a graph in JSON, whose strings torch resolves and evaluates."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from .configs import read_json
from .members import scan_members
from .operators import is_allowed
from .pickles import scan_saved_tensors

__all__ = ["scan_exported"]

# torch resolves a target attribute by attribute, starting at the module torch
_OPERATOR = re.compile(r"torch\.ops\.aten\.(\w+)\.\w+")
_OF_SIZES = re.compile(r"_operator\.(getitem|add|sub|mul|floordiv|mod|eq|ge|gt|le|lt|ne)")
# torch evaluates a size's expression as Python, by sympy
_SYMPY = frozenset({"Symbol", "Integer", "Add", "Mul", "Pow", "Mod", "PythonMod", "FloorDiv", "CleanDiv", "Max", "Min"})
_TREE_TYPES = (None, "builtins.tuple", "builtins.list", "builtins.dict")  # of others torch imports modules
_EMPTY = ("guards_code", "as_custom_obj", "custom_obj", "custom_obj_values", "class_fqn")


def scan_exported(content: bytes) -> list[str]:
    """Problems of the names, operators, size expressions and pickled tensors of a ``.pt2`` file."""
    return scan_members(content, _MEMBERS, "an exported program")


def _scan_graph(content: bytes) -> list[str]:
    graph, problems = read_json(content)
    return problems or list(_walk(graph))


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _problems(key, item)
            yield from _walk(item)


def _problems(key: str, value: Any) -> Iterator[str]:
    if key in ("target", "as_operator") and not _is_operator(value):
        yield f"the operator {value!r} is not on the allow-list"
    if key == "expr_str" and not _is_arithmetic(value):
        yield f"{value!r} is no arithmetic of sizes"
    if key in ("in_spec", "out_spec") and not _is_plain_tree(value):
        yield f"{value!r} has other types than tuple, list and dict"
    if key in _EMPTY and value:
        yield f"{key} is not empty: {value!r}"


def _is_operator(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    found = _OPERATOR.fullmatch(value)
    return is_allowed(found[1]) if found else _OF_SIZES.fullmatch(value) is not None


def _is_arithmetic(text: Any) -> bool:
    """Whether an expression only calls sympy's functions for sizes, by name, with numbers and names of sizes."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False
    plain = (ast.Expression, ast.keyword, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            good = isinstance(node.func, ast.Name)
        elif isinstance(node, ast.Name):
            good = node.id in _SYMPY or bool(re.fullmatch(r"[su]\d+", node.id))
        elif isinstance(node, ast.Constant):
            good = not isinstance(node.value, str | bytes) or bool(re.fullmatch(r"[su]\d+", str(node.value)))
        else:
            good = isinstance(node, plain)
        if not good:
            return False
    return True


def _is_plain_tree(text: Any) -> bool:
    try:
        version, tree = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if not isinstance(node, dict) or node.get("type") not in _TREE_TYPES or not _is_plain_context(node["context"]):
            return False
        nodes += node["children_spec"]
    return isinstance(version, int)


def _is_plain_context(text: str | None) -> bool:
    """Whether a node of a tree has no other description than the keys of a dictionary."""
    keys = None if text is None else json.loads(text)
    return keys is None or (isinstance(keys, list) and all(isinstance(key, str) for key in keys))


def _scan_payloads(content: bytes) -> list[str]:
    """Problems of the list of weight files: pickled ones are refused, since tensors should be plain bytes."""
    payloads, problems = read_json(content)
    try:
        entries = payloads["config"].values()
        return problems + [f"{entry['path_name']} is pickled" for entry in entries if entry["use_pickle"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return [f"no list of tensors ({type(error).__name__})"]


def _scan_bytes(content: bytes) -> list[str]:
    return []  # a tensor's, or a number


_MEMBERS: tuple[tuple[str, Callable[[bytes], list[str]]], ...] = (
    (r"data/weights/weight_\d+|data/constants/tensor_\d+", _scan_bytes),
    (r"archive_format|archive_version|version|byteorder|\.data/\w+", _scan_bytes),
    (r"data/weights/\w+_weights_config\.json|data/constants/\w+_constants_config\.json", _scan_payloads),
    (r"data/sample_inputs/\w+\.pt", scan_saved_tensors),
    (r"models/\w+\.json", _scan_graph),
)
