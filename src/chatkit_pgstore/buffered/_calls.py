"""How a call goes: to the store inside while it answers, else to the journal and to what is known."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from chatkit.store import NotFoundError, Store

from chatkit_pgstore._cancellation import Writes
from chatkit_pgstore._ids import warn_of_placeholder
from chatkit_pgstore.buffered._entry import Entry, send
from chatkit_pgstore.buffered._journal import Adopted, Journal
from chatkit_pgstore.buffered._known import Known
from chatkit_pgstore.buffered._locks import Locks
from chatkit_pgstore.buffered._outage import Outage
from chatkit_pgstore.buffered._replay import Replay
from chatkit_pgstore.buffered._settings import BufferSettings
from chatkit_pgstore.errors import ConfigurationError, StoreUnavailableError, UnreadableItemError

logger = logging.getLogger("chatkit_pgstore")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[T]):
    """One call that reads.

    Attributes:
        topic: What it is about; see `Known.reading`.
        ask: Asks the store inside.
        learn: Is told what that returned.
        learn_missing: Is told when that found nothing.
        answer: Answers from what is known.
    """

    user_id: str
    topic: str
    ask: Callable[[], Awaitable[T]]
    learn: Callable[[T], None]
    learn_missing: Callable[[], None] = lambda: None
    answer: Callable[[], T]


class BufferedCalls:
    """Everything behind `BufferedStore` but the methods of a store.

    Args:
        store: The store inside.
        settings: Checked.
    """

    def __init__(self, store: Store[Any], settings: BufferSettings) -> None:
        self.settings = settings
        self.journal = Journal(settings.journal, settings.database, settings.max_bytes)
        self.known = Known(settings.remember_threads, self.journal.is_pending)
        self.outage = Outage()
        self._store = store
        self._replay = Replay(store, self.journal, self.known, self.outage, settings)
        self._writes = Writes()
        self._locks: Locks[tuple[str, str]] = Locks()
        self._background: asyncio.Task[None] | None = None
        self._is_context_checked = False

    def user(self, context: Any) -> str:
        """Return the user whom *context* names.

        Raises:
            ConfigurationError: ``context=`` does not lead back to the user. The first call tells, not the first outage.
        """
        user_id = self.settings.user(context)
        if not self._is_context_checked:
            self.settings.context_of(user_id)
            self._is_context_checked = True
        return user_id

    async def start(self, *, migrate: bool) -> None:
        """Take the journal, and start the store inside, now or once it can be reached."""
        is_first = not self.journal.is_open
        if is_first:
            self._adopt(await self.journal.open())
        if self.outage.is_on:
            return
        initialize = partial(_initialize, self._store, migrate=migrate)
        try:
            await initialize()
        except StoreUnavailableError as error:
            self._replay.start_store = initialize if is_first else None
            self.outage.begin(error, "", self.journal.path)
        except BaseException:
            if is_first:
                await self.journal.close()
            raise
        if is_first:
            self._background = asyncio.create_task(self._replay.run(), name="chatkit_pgstore.replay")

    async def stop(self) -> None:
        """Wait for the writes on their way, and let go of the journal, with what is pending in it."""
        if self._background is not None:
            self._background.cancel()
            await asyncio.wait((self._background,))
            self._background = None
        await self._writes.wait()
        if self.journal.pending:
            logger.warning(
                "%d writes stay in the journal %s; the next start with it writes them to the database",
                self.journal.pending,
                self.journal.path,
            )
        await self.journal.close()

    async def write(self, entry: Entry, context: Any) -> None:
        """Make a write, to its end even when the caller is cancelled meanwhile."""
        self._check_started()
        await self._writes.carry_out(entry.call, partial(self._written, entry, context))

    async def read(self, reading: Reading[T]) -> T:
        """Return what the store inside has, or what is known while it is away or behind."""
        self._check_started()
        while True:
            failure: StoreUnavailableError | None = None
            if not self._is_buffered(reading.user_id):
                try:
                    return await self._asked(reading)
                except StoreUnavailableError as error:
                    self.outage.begin(error, reading.user_id, self.journal.path)
                    failure = error
            try:
                return reading.answer()
            except StoreUnavailableError as unknown:
                if not await self._has_caught_up(reading.user_id):
                    raise unknown from failure

    async def ask(self, user_id: str, ask: Callable[[Any], Awaitable[T]]) -> T:
        """Return what the store inside answers to a call that it alone can answer.

        Raises:
            StoreUnavailableError: It is away, or has not caught up with the user's writes.
        """
        self._check_started()
        if self._is_buffered(user_id) and not await self._has_caught_up(user_id):
            raise StoreUnavailableError(
                "The database is away, or has not caught up, and nothing else can answer this. Try again later."
            )
        return await ask(self._store)

    async def _asked(self, reading: Reading[T]) -> T:
        with self.known.reading(reading.user_id, reading.topic) as sight:
            try:
                answer = await reading.ask()
            except NotFoundError:
                if sight.is_clear:
                    reading.learn_missing()
                raise
            if sight.is_clear:
                # What another kind of store returned may be nothing that can be kept.
                with suppress(ValueError):
                    reading.learn(answer)
            return answer

    async def _written(self, entry: Entry, context: Any) -> None:
        """Write in turn: what touches the same thread or attachment waits, so that its order is that of the calls."""
        names = [(entry.user_id, name) for name in entry.touches]
        async with self._locks.holding(names):
            with self.known.writing(entry):
                if not self._is_buffered(entry.user_id):
                    await self._send_or_buffer(entry, context)
                    return
                try:
                    await self._buffer(entry)
                except StoreUnavailableError:
                    if not await self._has_caught_up(entry.user_id):
                        raise
                    await self._send_or_buffer(entry, context)

    async def _send_or_buffer(self, entry: Entry, context: Any) -> None:
        try:
            await send(entry, self._store, context)
        except StoreUnavailableError as error:
            self.outage.begin(error, entry.user_id, self.journal.path)
            # Whether it took effect is unknown; sent again, it leaves the same.
            await self._buffer(entry)
        except BaseException:
            self.known.doubt(entry)
            raise
        else:
            self.known.apply(entry, is_new=entry.call == "save_thread" and self.known.is_new(entry))

    async def _buffer(self, entry: Entry) -> None:
        entry = self.known.prepared(entry)
        if entry.call == "delete_thread_item":
            warn_of_placeholder(entry.call, entry.row_id)
        wanted = self.journal.wants_snapshot(entry)
        snapshot = self.known.snapshot(entry.user_id, entry.thread_id) if wanted else None
        await self.journal.append(entry, snapshot)
        self.known.apply(entry, is_new=entry.base is None)
        self.outage.work.set()

    def _is_buffered(self, user_id: str) -> bool:
        return self.outage.is_on or self.journal.is_pending(user_id)

    async def _has_caught_up(self, user_id: str) -> bool:
        """Return whether the store inside can be asked for this user, after having written to it what waits."""
        return not self.outage.is_on and await self._replay.drain(user_id) and not self.outage.is_on

    def _adopt(self, adopted: Adopted) -> None:
        """Know what an earlier process journalled."""
        for snapshot in adopted.snapshots:
            with suppress(UnreadableItemError):  # its reader waits for the database
                self.known.restore(snapshot)
        for entry in adopted.entries:
            with suppress(UnreadableItemError):  # likewise; when its turn comes it blocks, and the log says why
                self.known.apply(entry, is_new=entry.base is None)
        if self.journal.pending:
            self.outage.work.set()
            logger.info("The journal %s holds %d writes", self.journal.path, self.journal.pending)

    def _check_started(self) -> None:
        if not self.journal.is_open:
            raise ConfigurationError(
                "This BufferedStore is not started: use `async with BufferedStore(...)`, or await initialize() first."
            )


async def _initialize(store: Store[Any], *, migrate: bool) -> None:
    """Start the store inside, if it has a start."""
    initialize: Callable[..., Awaitable[None]] | None = getattr(store, "initialize", None)
    if initialize is not None:
        await (initialize() if migrate else initialize(migrate=False))
