"""Zip files that all readers interpret in the same way.

A zip file can be read in two ways: from its end record, whose offsets Python corrects for preceding bytes and torch's
miniz and ONNX Runtime do not, or from its local headers. A file made of two zip files can show different content to a
scanner and to the library that loads it. Here only unambiguous zip files are accepted: the members follow one another
from the first byte on, then the central directory, then the end record, which ends the file; and each local header
agrees with the central directory (APPNOTE.TXT 6.3.10, sections 4.3.6 to 4.3.16).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

__all__ = ["CHUNK", "MAX_MEMBERS", "Member", "member_chunks", "read_members", "zip_layout"]

Buffer = bytes | mmap

MAX_MEMBERS = 10_000
_MAX_RATIO = 100  # unpacked to packed size of a member; JSON and source code reach 20
_FREE_SIZE = 1 << 20  # bytes to which a member may unpack regardless of its ratio
CHUNK = 1 << 20  # bytes that are unpacked at a time

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_DESCRIPTOR, _UTF8 = 1 << 3, 1 << 11
_FLAGS = _DESCRIPTOR | _UTF8 | 0b110  # and the effort of compression
_ZIP_64, _UNIX_TIME, _UNIX_OWNER, _NTFS, _PADDING = 0x0001, 0x5455, 0x7875, 0x000A, 0x4246
_EXTRA = frozenset({_ZIP_64, _UNIX_TIME, _UNIX_OWNER, _NTFS, _PADDING})  # none of these renames a member
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF  # "see the 64-bit record"


@dataclass(frozen=True)
class Member:
    """One file of a zip file.

    Attributes:
        name: path with ``/`` between the parts; a folder's path ends with one.
        start: offset of the packed bytes.
        packed: number of packed bytes.
        size: number of unpacked bytes.
        crc: CRC-32 of the unpacked bytes.
        deflated: whether the bytes are packed by deflate; else they are stored.
        mode: Unix mode, 0 if unknown.
    """

    name: str
    start: int
    packed: int
    size: int
    crc: int
    deflated: bool
    mode: int


def zip_layout(content: Buffer) -> list[Member]:
    """List the members of a zip file without unpacking them; ambiguous files are refused.

    Args:
        content: bytes of the file.

    Returns:
        Members in the order of the file.

    Raises:
        ValueError: it is no zip file, is damaged, or is ambiguous; a member's size is implausible.
    """
    try:
        begin, end, count = _directory(content)
        if count > MAX_MEMBERS:
            raise ValueError(f"{count} members; expected at most {MAX_MEMBERS}")
        members, origins, position, place = [], set(), begin, 0
        for _ in range(count):
            made, attributes = content[position + 4 : position + 6], content[position + 38 : position + 42]
            member, position, place = _member(content, position, place)
            members.append(member)
            if not member.name.endswith("/"):
                origins.add(made + attributes)
    except struct.error as error:
        raise ValueError("a damaged zip file") from error
    if position != end:
        raise ValueError("a zip file whose central directory has another size than its end record says")
    if place != begin:
        raise ValueError(f"a zip file with {begin - place} bytes between its members and its central directory")
    if len(origins) > 1:  # the only fields that the local headers do not repeat
        raise ValueError("a zip file with members of different modes or systems")
    known: set[str] = set()
    for member in members:
        name = member.name.rstrip("/").lower()  # miniz and some systems ignore the case
        if name in known:
            raise ValueError(f"a zip file with two members of one name, {member.name!r}")
        known.add(name)
    return members


def member_chunks(content: Buffer, member: Member) -> Iterator[bytes]:
    """Unpack a member in chunks, never beyond the size that the zip file states.

    Raises:
        ValueError: it is damaged, or its size or checksum differs from the stated one.
    """
    size = crc = 0
    for chunk in _inflated(content, member) if member.deflated else _stored(content, member):
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        if size > member.size:
            break
        yield chunk
    if (size, crc) != (member.size, member.crc):
        raise ValueError(f"{member.name!r} has another size or checksum than stated")


def read_members(content: Buffer) -> dict[str, bytes]:
    """Unpack all members of a zip file, folders left out.

    Raises:
        ValueError: as for :func:`zip_layout` and :func:`member_chunks`.
    """
    members = [member for member in zip_layout(content) if not member.name.endswith("/")]
    return {member.name: b"".join(member_chunks(content, member)) for member in members}


def _directory(content: Buffer) -> tuple[int, int, int]:
    """Begin and end of the central directory, and the number of its entries."""
    last = len(content) - _END.size
    if last < 0 or content[:4] not in (b"PK\3\4", b"PK\5\6"):
        raise ValueError("no zip file")
    signature, disk, first_disk, here, count, size, begin, comment = _END.unpack_from(content, last)
    if signature != b"PK\5\6" or comment:
        raise ValueError("a zip file that does not end with its end record")
    end, stated = last, (disk, first_disk, here, count, size, begin)
    if content[last - _LOCATOR.size : last - _LOCATOR.size + 4] == b"PK\6\7":
        end = last - _LOCATOR.size - _END_64.size
        if end < 0 or _LOCATOR.unpack_from(content, end + _END_64.size) != (b"PK\6\7", 0, end, 1):
            raise ValueError("a zip file whose 64-bit end record is elsewhere")
        signature, length, _, _, *long = _END_64.unpack_from(content, end)
        full = (_FULL_16,) * 4 + (_FULL_32,) * 2
        if (signature, length) != (b"PK\6\6", _END_64.size - 12) or any(
            short not in (value, limit) for short, value, limit in zip(stated, long, full, strict=True)
        ):
            raise ValueError("a zip file with two end records that differ")
        disk, first_disk, here, count, size, begin = long
    if disk or first_disk or here != count:
        raise ValueError("a zip file in several parts")
    if begin + size != end:
        raise ValueError("a zip file whose end record points elsewhere, as in two zip files behind one another")
    return begin, end, count


def _member(content: Buffer, position: int, place: int) -> tuple[Member, int, int]:
    """The member of a central entry, whose local header must be at ``place``; positions of the next headers."""
    signature, _, needed, flags, method, hour, day, crc, packed, size, *lengths, disk, kind, attributes, offset = (
        _CENTRAL.unpack_from(content, position)
    )
    name_length, extra_length, comment_length = lengths
    position += _CENTRAL.size
    name = content[position : position + name_length]
    extra = content[position + name_length : position + name_length + extra_length]
    position += name_length + extra_length
    if (
        signature != b"PK\1\2"
        or disk
        or comment_length
        or kind > 1
        or len(name) + len(extra) != name_length + extra_length
    ):
        raise ValueError("a damaged zip file")
    if flags & ~_FLAGS or method not in (_STORED, _DEFLATED):
        raise ValueError("a zip file that is encrypted, or packed by other means than deflate")
    text = _decoded(name, flags)
    size, packed, offset = _long(extra, (size, packed, offset))
    if offset != place:
        raise ValueError(f"a zip file with bytes between its members, before {text!r}")
    if size > max(_FREE_SIZE, _MAX_RATIO * packed):
        raise ValueError(f"{text!r} would unpack from {packed} to {size} bytes; expected at most {_MAX_RATIO} times")
    start = _check_local(content, place, (needed, flags, method, hour, day, crc, packed, size), name)
    member = Member(text, start, packed, size, crc, method == _DEFLATED, attributes >> 16)
    if method == _STORED and packed != size:
        raise ValueError("a damaged zip file")
    return member, position, _behind(content, member, flags)


def _check_local(content: Buffer, place: int, expected: tuple[int, ...], name: bytes) -> int:
    """Compare a local header with the central directory; return the offset of the packed bytes."""
    signature, *common, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(content, place)
    begin = place + _LOCAL.size
    extra = content[begin + name_length : begin + name_length + extra_length]
    size, packed = _long(extra, (size, packed))
    sizes = (crc, packed, size)
    later = expected[1] & _DESCRIPTOR and not any(sizes)  # they follow the bytes
    same = (*common, *(expected[5:] if later else sizes)) == expected
    if signature != b"PK\3\4" or not same or content[begin : begin + name_length] != name:
        raise ValueError(f"a zip file whose headers of {name.decode('ascii', 'replace')!r} differ")
    return begin + name_length + extra_length


def _behind(content: Buffer, member: Member, flags: int) -> int:
    """End of a member, including the descriptor that may follow its bytes."""
    end = member.start + member.packed
    if not flags & _DESCRIPTOR:
        return end
    layouts = ("<4sL2Q",) if max(member.packed, member.size) > _FULL_32 else ("<4sL2Q", "<4s3L")
    for layout in layouts:
        descriptor = struct.pack(layout, b"PK\7\x08", member.crc, member.packed, member.size)
        if content[end : end + len(descriptor)] == descriptor:
            return end + len(descriptor)
    raise ValueError(f"a zip file without the descriptor of {member.name!r}")


def _decoded(name: bytes, flags: int) -> str:
    try:
        text = name.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise ValueError(f"a zip file with a name that is not UTF-8, {name!r}") from error
    if not text.isprintable():
        raise ValueError(f"a zip file with control characters in a name, {text!a}")
    return text


def _long(extra: bytes, values: tuple[int, ...]) -> list[int]:
    """Sizes and offset, from the extra field if they exceed 32 bits; unknown extra fields are refused."""
    found, position, long = list(values), 0, None
    while position < len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        position += 4
        if kind not in _EXTRA or position + length > len(extra) or (kind == _ZIP_64 and long is not None):
            raise ValueError(f"a zip file with an extra field 0x{kind:04x}")
        long = extra[position : position + length] if kind == _ZIP_64 else long
        position += length
    wide = [index for index, value in enumerate(found) if value == _FULL_32]
    if long is None and wide:
        raise ValueError("a damaged zip file")
    for order, index in enumerate(wide):
        (found[index],) = struct.unpack_from("<Q", long or b"", 8 * order)
    return found


def _stored(content: Buffer, member: Member) -> Iterator[bytes]:
    for begin in range(member.start, member.start + member.packed, CHUNK):
        yield content[begin : min(begin + CHUNK, member.start + member.packed)]


def _inflated(content: Buffer, member: Member) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for packed in _stored(content, member):
            while packed and not inflater.eof:
                yield inflater.decompress(packed, CHUNK)
                packed = inflater.unconsumed_tail
            if packed:
                raise ValueError(f"{member.name!r} has bytes behind its end")
        while rest := inflater.decompress(b"", CHUNK):
            yield rest
    except zlib.error as error:
        raise ValueError(f"{member.name!r} is damaged ({error})") from error
    if not inflater.eof or inflater.unused_data:
        raise ValueError(f"{member.name!r} is cut or has bytes behind its end")
