"""The journal: writes that are durable on this machine before they are in the database."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from chatkit_pgstore.buffered._entry import ROW_BYTES, Entry
from chatkit_pgstore.buffered._file import open_journal, transaction
from chatkit_pgstore.errors import ConfigurationError, JournalFullError, StoreError, StoreUnavailableError

T = TypeVar("T")

_INSERT = """
    INSERT INTO writes (user_id, call, thread_id, row_id, document, status, base) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_SELECT = "SELECT user_id, call, thread_id, row_id, document, status, base FROM writes ORDER BY number"
_OLDEST = """
    SELECT number, user_id, call, thread_id, row_id, document, status, base FROM writes
    WHERE user_id = ? AND acknowledged = 0 ORDER BY number LIMIT ?
"""
# Left by a process that died after its last write had failed.
_DELETE_LEFT = (
    "DELETE FROM snapshots WHERE user_id NOT IN (SELECT user_id FROM writes WHERE acknowledged = 0)",
    "DELETE FROM writes WHERE user_id NOT IN (SELECT user_id FROM writes WHERE acknowledged = 0)",
)

_EMPTY_THE_LOG = "PRAGMA wal_checkpoint(TRUNCATE)"
"""So that no conversation stays on this disk once it is in the database."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known of a thread before its first write in the journal."""

    user_id: str
    thread_id: str
    document: str

    @property
    def bytes(self) -> int:
        """About what it takes up in the journal."""
        return len(self.document.encode()) + ROW_BYTES


@dataclass(slots=True)
class _Backlog:
    """What the journal holds of one user."""

    pending: int = 0
    bytes: int = 0
    snapshots: set[str] = field(default_factory=set[str])
    """The threads whose state before their first write is known to the journal."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a journal held when it was opened, in its order."""

    snapshots: list[Snapshot]
    entries: list[Entry]


class Journal:
    """Writes in a file of SQLite, which a thread of its own commits; what waits meanwhile goes into one commit.

    Args:
        wanted: The file, or a folder of files.
        database: What the writes are meant for.
        max_bytes: How much it may hold.
    """

    def __init__(self, wanted: Path, database: str, max_bytes: int) -> None:
        self.path = wanted
        self.bytes_used = 0
        self._wanted = wanted
        self._database = database
        self._max_bytes = max_bytes
        self._backlogs: dict[str, _Backlog] = {}
        self._waiting: list[tuple[Entry, Snapshot | None, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection

    @property
    def is_open(self) -> bool:
        """Whether it can be written to."""
        return self._thread is not None

    @property
    def pending(self) -> int:
        """How many writes the database has not acknowledged."""
        return sum(backlog.pending for backlog in self._backlogs.values())

    @property
    def users(self) -> list[str]:
        """The users with such writes; who waits longest comes first."""
        return list(self._backlogs)

    def is_pending(self, user_id: str) -> bool:
        """Whether a write of this user waits for the database."""
        return user_id in self._backlogs

    async def open(self) -> Adopted:
        """Take the file, and return what it holds.

        Raises:
            ConfigurationError: It cannot be used.
        """
        thread = ThreadPoolExecutor(1, "chatkit_pgstore.journal")
        opening = asyncio.get_running_loop().run_in_executor(thread, open_journal, self._wanted, self._database)
        try:
            self._connection, self.path = await opening
        except BaseException:
            thread.shutdown()
            raise
        self._thread = thread
        return await self._adopt()

    async def close(self) -> None:
        """Let go of the file; what is pending stays in it."""
        if self._thread is not None:
            await self._run(self._connection.close)
            self._thread.shutdown()
            self._thread = None
            self._backlogs.clear()
            self.bytes_used = 0

    def wants_snapshot(self, entry: Entry) -> bool:
        """Whether the state of this thread has to be kept along with the write; asked once for each thread."""
        if not entry.thread_id:
            return False
        backlog = self._backlogs.get(entry.user_id)
        return backlog is None or entry.thread_id not in backlog.snapshots

    async def append(self, entry: Entry, snapshot: Snapshot | None) -> None:
        """Make a write durable.

        Raises:
            JournalFullError: There is no room for it. Nothing was written.
            StoreUnavailableError: The file cannot be written.
        """
        if snapshot is not None and self.bytes_used + entry.bytes + snapshot.bytes > self._max_bytes:
            snapshot = None  # it only spares readers an error after a crash
        size = entry.bytes + (snapshot.bytes if snapshot else 0)
        if self.bytes_used + size > self._max_bytes:
            raise JournalFullError(
                f"The journal {self.path} is full: {self.bytes_used} bytes of max_bytes={self._max_bytes} wait for the "
                "database. This write was not taken."
            )
        self._count(entry, 1, size)
        try:
            await self._committed(entry, snapshot)
        except BaseException:
            self._count(entry, -1, -size)
            raise

    async def oldest(self, user_id: str, limit: int) -> list[tuple[int, Entry]]:
        """Return the user's first writes that are not acknowledged, by their numbers."""
        rows = await self._run(lambda: self._connection.execute(_OLDEST, (user_id, limit)).fetchall())
        return [(number, _entry(columns)) for number, *columns in rows]

    async def acknowledge(self, user_id: str, number: int) -> None:
        """Take a write off, which the database has; what the caller does next without waiting is seen with it at once.

        The last one takes all of the user's rows along. Until then they stay: together with the snapshots they tell
        after a crash what the user has.
        """
        backlog = self._backlogs[user_id]
        is_last, freed = backlog.pending == 1, 0
        if is_last:
            freed = backlog.bytes
            backlog.snapshots.clear()
        await self._run(lambda: self._take_off(user_id, number, is_last=is_last))
        backlog.pending -= 1
        backlog.bytes -= freed
        self.bytes_used -= freed
        self._drop_if_empty(user_id)

    def _count(self, entry: Entry, writes: int, size: int) -> None:
        backlog = self._backlogs.setdefault(entry.user_id, _Backlog())
        backlog.pending += writes
        backlog.bytes += size
        self.bytes_used += size
        if entry.thread_id:
            backlog.snapshots.add(entry.thread_id)
        self._drop_if_empty(entry.user_id)

    def _drop_if_empty(self, user_id: str) -> None:
        if self._backlogs[user_id].pending == 0:
            self.bytes_used -= self._backlogs.pop(user_id).bytes

    async def _adopt(self) -> Adopted:
        def read() -> tuple[list[Snapshot], list[Entry], list[tuple[str, int]]]:
            execute = self._connection.execute
            for delete in _DELETE_LEFT:
                execute(delete)
            snapshots = [Snapshot(*row) for row in execute("SELECT user_id, thread_id, document FROM snapshots")]
            pending = (
                "SELECT user_id, count(*) FROM writes WHERE acknowledged = 0 GROUP BY user_id ORDER BY min(number)"
            )
            return snapshots, [_entry(row) for row in execute(_SELECT)], execute(pending).fetchall()

        snapshots, entries, pending = await self._run(read)
        self._backlogs = {user_id: _Backlog(number) for user_id, number in pending}
        held: list[Snapshot | Entry] = [*snapshots, *entries]
        for each in held:
            self._backlogs[each.user_id].bytes += each.bytes
            self._backlogs[each.user_id].snapshots.add(each.thread_id)
            self.bytes_used += each.bytes
        return Adopted(snapshots, entries)

    async def _committed(self, entry: Entry, snapshot: Snapshot | None) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, snapshot, done))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_what_waits())
        await done

    async def _commit_what_waits(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: StoreError | None = None
            try:
                await self._run(partial(self._insert, [(entry, snapshot) for entry, snapshot, _ in batch]))
            except sqlite3.Error as error:
                failure = self._explained(error)
                failure.__cause__ = error
            for _, _, done in batch:
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)
        self._committing = None

    def _explained(self, error: sqlite3.Error) -> StoreError:
        # What a closed file says has no code.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            return JournalFullError(f"The disk of the journal {self.path} is full. This write was not taken.")
        return StoreUnavailableError(
            f"The journal {self.path} could not be written: {error}. This write was not taken."
        )

    def _insert(self, batch: list[tuple[Entry, Snapshot | None]]) -> None:
        with transaction(self._connection):
            for entry, snapshot in batch:
                if snapshot is not None:
                    row = (snapshot.user_id, snapshot.thread_id, snapshot.document)
                    self._connection.execute("INSERT OR IGNORE INTO snapshots VALUES (?, ?, ?)", row)
                self._connection.execute(_INSERT, _columns(entry))

    def _take_off(self, user_id: str, number: int, *, is_last: bool) -> None:
        with transaction(self._connection):
            self._connection.execute("UPDATE writes SET acknowledged = 1 WHERE number = ?", (number,))
            if is_last:
                self._connection.execute("DELETE FROM writes WHERE user_id = ?", (user_id,))
                self._connection.execute("DELETE FROM snapshots WHERE user_id = ?", (user_id,))
        if is_last and self._connection.execute("SELECT 1 FROM writes LIMIT 1").fetchone() is None:
            self._connection.execute(_EMPTY_THE_LOG)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise ConfigurationError("The journal is not open: `async with BufferedStore(...)`, or await initialize().")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _columns(entry: Entry) -> tuple[str | None, ...]:
    return (
        entry.user_id,
        entry.call,
        entry.thread_id,
        entry.row_id,
        entry.document,
        entry.status,
        entry.base,
    )


def _entry(columns: object) -> Entry:
    user_id, call, thread_id, row_id, document, status, base = cast("tuple[str, ...]", columns)
    return Entry(
        call=call,  # type: ignore[arg-type]  # only ours are ever written
        user_id=user_id,
        thread_id=thread_id,
        row_id=row_id,
        document=document,
        status=status,
        base=base,
    )
