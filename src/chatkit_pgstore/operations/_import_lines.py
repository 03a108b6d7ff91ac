"""The lines of a file that is imported, by number: read in pieces, one at a time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import BinaryIO, Generic, TypeVar

from chatkit_pgstore.errors import DamagedExportError
from chatkit_pgstore.operations._lines import LONGEST_LINE_BYTES, AnyLine, read_line

BYTES_PER_READ = 2**20

Says = TypeVar("Says", bound=AnyLine)
Kind = TypeVar("Kind", bound=AnyLine)


@dataclass(frozen=True, slots=True)
class NumberedLine(Generic[Says]):
    """A line of a file, and the document on it."""

    number: int
    says: Says
    document: str

    def damaged(self, why: str) -> DamagedExportError:
        """Return the error to raise for what is wrong with this line."""
        return damaged(self.number, why)


def damaged(number: int, why: str) -> DamagedExportError:
    """Return the error to raise for what is wrong with a line."""
    return DamagedExportError(f"Line {number} cannot be imported: {why}.")


class Lines:
    """The lines of *source*, each read when it is asked for."""

    def __init__(self, source: BinaryIO | AsyncIterable[str | bytes]) -> None:
        self._lines = _of_iterable(source) if isinstance(source, AsyncIterable) else _of_file(source)
        self.number = 0
        """That of the last line that was read."""

    async def next(self, *kinds: type[Kind]) -> NumberedLine[Kind]:
        """Return the next line, which has to be one of *kinds*.

        Raises:
            DamagedExportError: It is another, or no line of an export, or the file ends.
        """
        line = await self._next()
        if line is None:
            if self.number == 0:
                raise DamagedExportError("The file is empty; an export has three lines at least.")
            raise DamagedExportError(f"The file ends after line {self.number}: it was cut off.")
        found = _understood(self.number, line)
        if not isinstance(found.says, kinds):
            expected = " or ".join(f'"{kind.model_fields["kind"].default}"' for kind in kinds)
            raise found.damaged(f'it is of kind "{found.says.kind}", where {expected} has to stand')
        return NumberedLine(found.number, found.says, found.document)

    async def end(self) -> None:
        """See that there is no other line.

        Raises:
            DamagedExportError: There is.
        """
        if await self._next() is not None:
            raise damaged(self.number, "it stands behind the end of the export; import one file at a time")

    async def close(self) -> None:
        """Let go of the source."""
        await self._lines.aclose()

    async def _next(self) -> bytes | None:
        try:
            line = await anext(self._lines, None)
        except OSError as error:
            # Within a transaction it would be taken for a connection that broke.
            raise DamagedExportError(f"The file cannot be read behind line {self.number}: {error}") from error
        self.number += line is not None
        if line is not None and len(line) > LONGEST_LINE_BYTES:
            raise damaged(self.number, f"it is longer than {LONGEST_LINE_BYTES:,} bytes")
        return line


def _understood(number: int, line: bytes) -> NumberedLine[AnyLine]:
    try:
        return NumberedLine(number, *read_line(line))
    except ValueError as error:
        raise damaged(number, str(error)) from None


async def _of_iterable(source: AsyncIterable[str | bytes]) -> AsyncGenerator[bytes, None]:
    async for line in source:
        # What UTF-8 cannot hold is damage, to be found when the line is read.
        yield line.encode(errors="surrogatepass") if isinstance(line, str) else line


async def _of_file(file: BinaryIO) -> AsyncGenerator[bytes, None]:
    while lines := await asyncio.to_thread(_some_lines, file):
        for line in lines:
            yield line


def _some_lines(file: BinaryIO) -> list[bytes]:
    lines: list[bytes] = []
    size = 0
    while size < BYTES_PER_READ and (line := file.readline(LONGEST_LINE_BYTES + 1)):
        lines.append(line)
        size += len(line)
    return lines
