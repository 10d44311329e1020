"""Scan of pickles without unpickling."""

from __future__ import annotations

import pickletools
import re

from ..zip_layout import read_members

__all__ = ["OBJECTS", "TENSORS", "scan_pickle", "scan_saved_tensors"]

# Globals that pickled tensors need; a pickle imports code by the names of globals.
TENSORS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch(\.storage)? (\w+Storage|Size)"
)
# Opcodes that create plain values, call a global of the allow-list with them, or refer to a tensor's bytes. Left out
# are those that find a global in other ways (STACK_GLOBAL, INST, EXT1, ...), whose name is not known without executing.
_PLAIN = """PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4
    FLOAT BINFLOAT UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES EMPTY_TUPLE TUPLE TUPLE1
    TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS EMPTY_SET ADDITEMS PUT BINPUT
    LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL REDUCE BINPERSID"""
_OPCODES = frozenset(_PLAIN.split())
OBJECTS = frozenset({"NEWOBJ", "BUILD"})  # create objects and set their attributes
_SAVED = re.compile(r"[^/]+/(data\.pkl|data/\d+|version|byteorder|\.format_version|\.storage_alignment|\.data/\w+)")


def scan_pickle(
    content: bytes, allowed: re.Pattern[str] = TENSORS, more_opcodes: frozenset[str] = frozenset()
) -> list[str]:
    """Problems of a pickle: opcodes or globals that are not on the allow-list, or bytes after its end.

    Args:
        content: bytes of the pickle.
        allowed: pattern for allowed globals, written as ``module name``.
        more_opcodes: opcodes allowed in addition to those of plain values and tensors.
    """
    problems: list[str] = []
    end = 0
    try:
        for opcode, argument, position in pickletools.genops(content):
            end = (position or 0) + 1
            if opcode.name not in _OPCODES | more_opcodes:
                problems.append(f"a pickle with the opcode {opcode.name}")
            elif opcode.name == "GLOBAL" and not allowed.fullmatch(str(argument)):
                problems.append(f"a pickle that names {str(argument).replace(' ', '.')}")
    except ValueError as error:
        return [f"no readable pickle ({error})"]
    return problems or ([] if end == len(content) else ["a pickle with bytes behind its end"])


def scan_saved_tensors(content: bytes) -> list[str]:
    """Problems of a file of ``torch.save``; an empty file, to which nothing was saved, has none."""
    if not content:
        return []
    try:
        members = read_members(content)
    except ValueError as error:
        return [str(error)]
    problems = [f"has {name}" for name in members if not _SAVED.fullmatch(name)]
    pickles = [name for name in members if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        problems.append(f"{len(pickles)} pickles; expected one")
    return problems + [f"{name}: {problem}" for name in pickles for problem in scan_pickle(members[name])]
