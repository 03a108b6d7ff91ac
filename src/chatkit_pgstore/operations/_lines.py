"""The lines of an exported file: what they are, and how they are written and read.

A row's document stands last on its line and letter by letter as it is stored, so that the line is JSON and nothing of
the document, a number of any size included, goes through a parser on its way. One that holds a line break, which
only others write, is the text ``document_text`` instead.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from chatkit_pgstore._codec import column_time
from chatkit_pgstore._ids import check_id
from chatkit_pgstore._reading import reason

VERSION = 2
"""Of what is written: the first has no feedback."""

READ = (1, VERSION)

LONGEST_LINE_BYTES = 256 * 2**20
"""What an import takes for one line; a document in PostgreSQL may be longer, but none of a conversation is."""

_DOCUMENT = re.compile(rb',\s*"document"\s*:')
"""Where a document begins. Within a text of JSON the quotes would stand behind backslashes."""

_IN_WORDS = {
    "json_invalid": "it is no JSON",
    "dict_type": "it is no JSON object",
    "union_tag_not_found": 'it has no "kind"',
    "union_tag_invalid": 'its "kind" is none that an export has',
}
"""What pydantic calls that which is wrong with a line as a whole."""

_BREAKS = re.compile("[\r\n]")


def _storable_time(value: datetime) -> datetime:
    return column_time(value, "time")


def _storable_text(value: str) -> str:
    if "\0" in value:
        raise ValueError("no text in PostgreSQL holds a NUL")
    return value


_BIGINT = 2**63

Id = Annotated[str, AfterValidator(lambda value: check_id(value, "id"))]
Label = Annotated[str, AfterValidator(_storable_text)]
Time = Annotated[AwareDatetime, AfterValidator(_storable_time)]
SortKey = Annotated[int, Field(ge=-_BIGINT, lt=_BIGINT)]
Count = Annotated[int, Field(ge=0)]


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class ExportLine(_Line):
    """The first line of a file."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal["export"] = "export"
    version: int = VERSION
    chatkit: str
    """The release of the SDK that wrote it, for a reader who has to know."""


class UserLine(_Line):
    """The first line of what one user has."""

    kind: Literal["user"] = "user"
    user_id: Id


class _RowLine(_Line):
    id: Id
    created_at: Time
    updated_at: Time
    document_text: Label | None = None


class ThreadLine(_RowLine):
    """A thread; its items follow."""

    kind: Literal["thread"] = "thread"
    last_sort_key: SortKey


class ItemLine(_RowLine):
    """An item of the thread before it."""

    kind: Literal["item"] = "item"
    thread_id: Id
    sort_key: SortKey
    type: Label
    status: Label | None


class AttachmentLine(_RowLine):
    """An attachment, of a thread or of none yet."""

    kind: Literal["attachment"] = "attachment"
    thread_id: Id | None


class FeedbackLine(_Line):
    """What the user thought of an item that stands before it."""

    kind: Literal["feedback"] = "feedback"
    thread_id: Id
    item_id: Id
    feedback: Label
    created_at: Time
    updated_at: Time

    @property
    def id(self) -> str:
        """What it is known by within its thread."""
        return self.item_id


class EndLine(_Line):
    """The last line of what one user has, with how much it is."""

    kind: Literal["end"] = "end"
    user_id: Id
    threads: Count
    items: Count
    attachments: Count
    feedback: Count = 0
    """A file of version 1 has none, and does not count it."""


class CompleteLine(_Line):
    """The last line of a file: what ends without it was cut off."""

    kind: Literal["complete"] = "complete"
    users: Count


DocumentLine: TypeAlias = ThreadLine | ItemLine | AttachmentLine
RowLine: TypeAlias = DocumentLine | FeedbackLine
AnyLine: TypeAlias = ExportLine | UserLine | RowLine | EndLine | CompleteLine

_LINE: TypeAdapter[AnyLine] = TypeAdapter(Annotated[AnyLine, Field(discriminator="kind")])


def written(line: _Line) -> str:
    """Return a line that has no document."""
    return line.model_dump_json() + "\n"


def written_row(kind: str, columns: Mapping[str, Any], document: str | None) -> str:
    """Return the line of a row: its *columns*, and its *document* as it is stored, where it has one."""
    head = to_json({"kind": kind, **columns}).decode()[:-1]
    if document is None:
        return f"{head}}}\n"
    if _BREAKS.search(document):
        return f'{head},"document_text":{to_json(document).decode()}}}\n'
    return f'{head},"document":{document}}}\n'


def read_line(line: bytes) -> tuple[AnyLine, str]:
    """Return what a line says, and the document on it, an empty text where there is none.

    Raises:
        ValueError: It is no line of an export; the message says why, without a word of a conversation.
    """
    head, document = _parted(line)
    try:
        found = _LINE.validate_json(head)
    except ValidationError as error:
        why = reason(error)
        raise ValueError(_IN_WORDS.get(why, why)) from None
    if isinstance(found, ExportLine) and found.version not in READ:
        raise ValueError(f"the file is of version {found.version}, and this release reads versions 1 to {VERSION}")
    if not isinstance(found, DocumentLine):
        if document:
            raise ValueError(f'a line of kind "{found.kind}" has no document')
        return found, ""
    if bool(document) == (found.document_text is not None):
        raise ValueError('exactly one of "document" and "document_text" is needed, and not an empty one')
    document = document or found.document_text or ""
    if "\0" in document:
        raise ValueError("a document holds no NUL character")
    return found, document


def _parted(line: bytes) -> tuple[bytes, str]:
    """Return a line's JSON without the document, and the document.

    Raises:
        ValueError: It is no UTF-8, or does not end as it begins.
    """
    line = line.rstrip(b" \t\r\n")
    place = _DOCUMENT.search(line)
    if place is None:
        return line, ""
    if not line.endswith(b"}"):
        raise ValueError("it ends within a document")
    return line[: place.start()] + b"}", line[place.end() : -1].decode()
