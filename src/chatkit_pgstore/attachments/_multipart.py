"""The file in a form (``multipart/form-data``), as it arrives: no byte of it waits for another."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from chatkit_pgstore.attachments._errors import RefusedFileError

MOST_HEADER_BYTES = 16 * 1024
"""Of what stands before the file: its name, its type, and whatever else a form may hold."""


@dataclass(frozen=True, slots=True)
class FormFile:
    """The first file of a form."""

    name: str
    mime_type: str
    chunks: AsyncIterator[bytes]


async def file_in_form(content_type: str, body: AsyncIterator[bytes]) -> FormFile:
    """Return the first file of a form, whose bytes are still to be read.

    Raises:
        RefusedFileError: There is none, or it is no form; when its bytes are read, too.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise RefusedFileError(
            "Send the file as multipart/form-data, in a field named file.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        )
    form = _Form(options[b"boundary"])
    read = 0
    async for chunk in body:
        read += len(chunk)
        form.feed(chunk)
        if form.has_file:
            return FormFile(form.name, form.mime_type, form.rest(body))
        if read > MOST_HEADER_BYTES:
            break
    raise RefusedFileError("There is no file in the form.")


class _Form:
    """What a form has shown so far of its first file."""

    def __init__(self, boundary: bytes) -> None:
        self.has_file = False
        self.name = ""
        self.mime_type = ""
        self._is_over = False
        self._header = bytearray(), bytearray()
        self._headers: dict[str, bytes] = {}
        self._waiting: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._part_ends,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take a chunk of the form.

        Raises:
            RefusedFileError: It is no form.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise RefusedFileError("The form cannot be read.") from error

    async def rest(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the bytes of the file, out of what was fed and the rest of *body*.

        Raises:
            RefusedFileError: The form ends within the file.
        """
        while True:
            for chunk in self._waiting:
                yield chunk
            self._waiting.clear()
            if self._is_over:
                return
            if (more := await anext(body, None)) is None:
                raise RefusedFileError("The form ends within the file.")
            self.feed(more)

    @property
    def _is_open(self) -> bool:
        return self.has_file and not self._is_over

    def _part_begins(self) -> None:
        self._headers = {}

    def _header_ends(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = bytes(value)
        name.clear()
        value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        if self.has_file or options.get(b"name") != b"file" or b"filename" not in options:
            return
        self.has_file = True
        self.name = options[b"filename"].decode(errors="replace")
        self.mime_type = self._headers.get("content-type", b"").decode("latin-1")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_open:
            self._waiting.append(data[start:end])

    def _part_ends(self) -> None:
        self._is_over = self.has_file
