"""PNG pictures of the readme."""

from __future__ import annotations

import struct
import zlib

__all__ = ["scan_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"sBIT", b"bKGD", b"tEXt")


def scan_png(content: bytes) -> list[str]:
    """Problems of a picture: it must be PNG to its last byte, so that it cannot be a file of another kind too.

    Args:
        content: bytes of the file.
    """
    if not content.startswith(_SIGNATURE):
        return ["no PNG"]
    place, kind = len(_SIGNATURE), b""
    while place < len(content):
        if len(content) - place < 12:
            return ["bytes after the last chunk" if kind == b"IEND" else "cut off"]
        (length,) = struct.unpack_from(">I", content, place)
        kind, end = content[place + 4 : place + 8], place + 8 + length
        if end + 4 > len(content):
            return ["cut off"]
        if kind not in _CHUNKS:
            return [f"a chunk of the kind {kind!r}"]
        if struct.unpack_from(">I", content, end)[0] != zlib.crc32(content[place + 4 : end]):
            return ["a damaged chunk"]
        place = end + 4
        if kind == b"IEND" and place < len(content):
            return ["bytes after the last chunk"]
    return [] if kind == b"IEND" else ["cut off"]
