"""Whether a file is one that is taken: its size, its type, and whether its bytes are of that type."""

import unicodedata
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any

import puremagic

from chatkit_pgstore.attachments._errors import RefusedFileError

SHOWN_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
"""Images that a browser shows and that hold no script: no SVG."""

DEFAULT_TYPES = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "application/pdf",
    "application/json",
    "text/csv",
    "text/markdown",
    "text/plain",
)

HEAD_BYTES = 4096
"""So much of a file is looked at; no type that browsers show has its signature further on."""

CERTAIN = 0.4
"""What puremagic's confidence is for a signature of four bytes; shorter ones are the beginnings of words, too."""

LONGEST_NAME = 255

# What puremagic returns is typed by its own classes, whose fields are not.
_matches: Callable[[bytes], list[Any]] = puremagic.magic_string  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # see above
_signatures: list[Any] = puremagic.magic_header_array

_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "application/x-zip-compressed": "application/zip",
}
_TEXT = ("application/json", "application/xml", "application/javascript", "application/yaml", "image/svg+xml")
_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""How UTF-16 and UTF-32 begin, whose letters hold zero bytes."""


def plain_type(mime_type: str) -> str:
    """Return a MIME type without parameters, in the spelling it is compared in."""
    name = mime_type.partition(";")[0].strip().lower()
    return _SAME.get(name, name)


def check_declared(name: str, size: int | None, mime_type: str, *, max_bytes: int, types: Collection[str]) -> None:
    """Check what a client says of a file before it sends it.

    Raises:
        RefusedFileError: Such a file is not taken.
    """
    if not 0 < len(name) <= LONGEST_NAME or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise RefusedFileError(f"A file needs a name of at most {LONGEST_NAME} printable characters.")
    if plain_type(mime_type) not in types:
        allowed = ", ".join(sorted(types))
        raise RefusedFileError(f"Files of this type are not taken, only: {allowed}.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if size is not None:
        check_size(size, max_bytes)


def check_size(size: int, max_bytes: int) -> None:
    """Check how large a file is, or is said to be.

    Raises:
        RefusedFileError: It is too large, or cannot be.
    """
    if size < 0:
        raise RefusedFileError("A file cannot have less than no bytes.")
    if size > max_bytes:
        raise RefusedFileError(
            f"The file is too large: at most {max_bytes:,} bytes are taken.",
            # By its number: Python 3.13 gave it another name.
            HTTPStatus(413),
        )


def check_content(head: bytes, mime_type: str) -> None:
    """Check that a file that begins with *head* may be of this type.

    Raises:
        RefusedFileError: Its bytes are something else.
    """
    declared = plain_type(mime_type)
    if not (_may_be_text(head) if _is_text(declared) else _may_be(declared, head)):
        raise RefusedFileError(
            f"The content of the file is not what its type says: {declared}.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        )


def _is_text(declared: str) -> bool:
    return declared.startswith("text/") or declared in _TEXT or declared.endswith(("+json", "+xml"))


def _may_be_text(head: bytes) -> bool:
    if b"\0" in head and not head.startswith(_WIDE):
        return False
    found = _found(head)
    best = max(found.values(), default=0.0)
    return best < CERTAIN or any(_is_text(each) for each, confidence in found.items() if confidence == best)


def _may_be(declared: str, head: bytes) -> bool:
    """Whether the signature is there; a type that puremagic knows no signature of is believed."""
    return declared in _found(head) or declared not in _KNOWN


def _found(head: bytes) -> dict[str, float]:
    """Return the types whose signatures *head* bears, each with puremagic's confidence."""
    try:
        matches = _matches(head) if head else []
    except puremagic.PureError:
        return {}
    found: dict[str, float] = {}
    for match in matches:
        name = plain_type(match.mime_type)
        found[name] = max(match.confidence, found.get(name, 0.0))
    return found


_KNOWN = frozenset(plain_type(each.mime_type) for each in _signatures)
