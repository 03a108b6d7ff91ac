"""A picture made of nothing but the standard library: the stand-in for an image model."""

import base64
import hashlib
import struct
import zlib

SIDE = 128
SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_AFTER_SIZE = bytes((8, 2, 0, 0, 0))
"""Eight bits for each of red, green and blue, compressed, filtered and ordered in the usual way."""


def drawing(words: str, *, cells: int) -> str:
    """Return a pattern of *cells* times *cells* squares, the same for the same *words*, as a ``data:`` URL.

    A ``data:`` URL keeps the picture within its item: it goes when the item goes, and never expires. The signed
    URL of a stored file would: of an attachment it is renewed whenever it is loaded, of a generated image nobody
    does that. It is right for some kilobytes; what an image model makes belongs into a bucket that is public.
    """
    return f"data:image/png;base64,{base64.b64encode(_png(_rows(words, cells))).decode()}"


def _rows(words: str, cells: int) -> list[bytes]:
    """Return the picture line by line, three bytes for each point."""
    digest = hashlib.shake_256(words.encode()).digest(cells * cells)
    colours = [bytes((shade, 255 - shade // 2, 160)) for shade in digest]
    width = SIDE // cells
    lines = [b"".join(colour * width for colour in colours[row * cells : (row + 1) * cells]) for row in range(cells)]
    return [line for line in lines for _ in range(width)]


def _png(rows: list[bytes]) -> bytes:
    size = struct.pack(">II", len(rows[0]) // 3, len(rows))
    # Each line begins with its filter, and 0 is none.
    points = zlib.compress(b"".join(b"\0" + row for row in rows))
    return SIGNATURE + _chunk(b"IHDR", size + HEADER_AFTER_SIZE) + _chunk(b"IDAT", points) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
