"""Damaged files for tests that ask what must hold whatever is in a file.

Continuous integration tries the same hundred inputs each time; ``scripts/test.sh -m fuzz --hypothesis-profile=long``
searches among 20,000 new ones for each test.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_LIMITS = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
settings.register_profile("ci", max_examples=100, derandomize=True, database=None, **_LIMITS)
settings.register_profile("long", max_examples=20_000, **_LIMITS)
settings.load_profile("ci")

_PIECES = [
    b"",
    b"\0",
    b"\xff" * 4,
    b"\xff\xff\xff\x7f",
    b"\x80",
    b"PK\1\2",
    b"PK\3\4",
    b"PK\5\6",
    b"PK\6\7",
    b'"$exit()"',
]
_EDIT = st.tuples(
    st.sampled_from(["flip", "write", "insert", "cut", "repeat", "end"]),
    st.floats(0, 1),
    st.integers(0, 64),
    st.one_of(st.sampled_from(_PIECES), st.binary(max_size=16)),
)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Files that differ from one of some whole files in up to five places.

    Args:
        seeds: whole files.
    """
    return st.builds(_edited, st.sampled_from(list(seeds)), st.lists(_EDIT, max_size=5))


def _edited(content: bytes, edits: Sequence[tuple[str, float, int, bytes]]) -> bytes:
    for kind, place, length, piece in edits:
        at = int(place * len(content))
        match kind:
            case "flip" if content:
                at = min(at, len(content) - 1)
                content = content[:at] + bytes([content[at] ^ (1 + length)]) + content[at + 1 :]
            case "write":
                content = content[:at] + piece + content[at + len(piece) :]
            case "insert":
                content = content[:at] + piece + content[at:]
            case "cut":
                content = content[:at] + content[at + length :]
            case "repeat":
                content = content[:at] + content[at : at + length] * 2 + content[at + length :]
            case "end":
                content = content[:at]
    return content
