"""The journal into the database, in its order, user by user, in the background."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import uniform
from time import monotonic
from typing import Any

from chatkit.store import NotFoundError, Store

from chatkit_pgstore.buffered._entry import Entry, send
from chatkit_pgstore.buffered._journal import Journal
from chatkit_pgstore.buffered._known import Known
from chatkit_pgstore.buffered._locks import Locks
from chatkit_pgstore.buffered._outage import Outage
from chatkit_pgstore.buffered._settings import BufferSettings
from chatkit_pgstore.buffered._titles import send_thread
from chatkit_pgstore.errors import StoreUnavailableError, UnknownUserError, UnreadableItemError

logger = logging.getLogger("chatkit_pgstore")

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
USERS_AT_ONCE = 4
ENTRIES_AT_ONCE = 100
ENTRIES_BETWEEN_REPORTS = 1000


class Replay:
    """Waits for the database, and writes to it what the journal holds.

    Args:
        store: The store inside.
        journal: The writes.
        known: Is told what turned out otherwise than it was known.
        outage: Is ended when the store answers.
        settings: Make contexts of users.
    """

    def __init__(
        self, store: Store[Any], journal: Journal, known: Known, outage: Outage, settings: BufferSettings
    ) -> None:
        self._store = store
        self._journal = journal
        self._known = known
        self._outage = outage
        self._settings = settings
        self._users: Locks[str] = Locks()
        self._blocked: dict[str, tuple[int, float]] = {}
        self._doubtful: dict[str, dict[str, Entry]] = {}
        self._done = 0
        self._complaint = ""
        self.start_store: Callable[[], Awaitable[None]] | None = None
        """What has to be done first once the database is there, when it was away at the start."""

    async def run(self) -> None:
        """Go on for as long as the task lives."""
        while True:
            await self._outage.work.wait()
            try:
                await self._step()
            except Exception:
                logger.exception("The journal could not be written to the database; it is tried again")
            if self._outage.is_on or self._journal.pending:
                await asyncio.sleep(uniform(PAUSE_SECONDS / 2, PAUSE_SECONDS))  # noqa: S311  # jitter, no secret
            else:
                self._outage.work.clear()

    async def drain(self, user_id: str) -> bool:
        """Write a user's journal to the database, and return whether nothing of it is left."""
        async with self._users.holding([user_id]):
            while not self._outage.is_on and self._journal.is_pending(user_id) and not self._is_blocked(user_id):
                try:
                    await self._write_some(user_id)
                except StoreUnavailableError as error:
                    self._outage.begin(error, user_id, self._journal.path)
                except Exception as error:  # noqa: BLE001  # whatever it is, it must neither be lost nor stop others
                    self._block(user_id, error)
        return not self._journal.is_pending(user_id)

    async def _step(self) -> None:
        if self._outage.is_on:
            if not await self._is_back():
                return
            self._complaint = ""
            self._outage.end(self._journal.pending, len(self._journal.users))
        began, before = monotonic(), self._done
        places = asyncio.Semaphore(USERS_AT_ONCE)

        async def in_turn(user_id: str) -> None:
            async with places:
                await self.drain(user_id)

        await asyncio.gather(*(in_turn(user_id) for user_id in self._journal.users))
        if self._done > before and not self._journal.pending:
            seconds = monotonic() - began
            logger.info(
                "The journal is empty: %d writes are in the database after %.1f seconds", self._done - before, seconds
            )

    async def _is_back(self) -> bool:
        """Ask the store for something that costs it little and changes nothing, whatever kind of store it is."""
        try:
            if self.start_store is not None:
                await self.start_store()
                self.start_store = None
            if (context := self._any_context()) is not None:
                await self._store.load_threads(1, None, "desc", context)
        except (NotFoundError, UnreadableItemError, UnknownUserError):
            return True
        except StoreUnavailableError:
            return False
        except Exception as error:  # noqa: BLE001  # it answers, but not as a store that can be written to
            self._complain(str(error))
            return False
        return True

    def _any_context(self) -> Any:
        """Return the context of one of the users who wait; None when there is none."""
        for user_id in (*self._journal.users, self._outage.user_id):
            with suppress(Exception):  # it is this user's alone, and is told when it is this user's turn
                return self._settings.context_of(user_id)
        return None

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:  # and not every second
            logger.error("The database answers, but not as it should; writes still go to the journal: %s", complaint)
        self._complaint = complaint

    async def _write_some(self, user_id: str) -> None:
        context = self._settings.context_of(user_id)
        for number, entry in await self._journal.oldest(user_id, ENTRIES_AT_ONCE):
            await self._write(entry, context)
            await self._journal.acknowledge(user_id, number)
            self._report()
        self._blocked.pop(user_id, None)
        if not self._journal.is_pending(user_id):
            for entry in self._doubtful.pop(user_id, {}).values():
                self._known.doubt(entry)

    async def _write(self, entry: Entry, context: Any) -> None:
        try:
            if entry.call != "save_thread":
                await send(entry, self._store, context)
            elif not await send_thread(entry, self._store, context):
                self._doubt(entry)
        except NotFoundError as error:
            # Its thread was there, or it would not have been journalled, and is gone.
            logger.warning("%s of thread %r is dropped: %s", entry.call, entry.thread_id, error)
            self._doubt(entry)

    def _doubt(self, entry: Entry) -> None:
        self._doubtful.setdefault(entry.user_id, {})[f"{entry.thread_id} {entry.row_id}"] = entry

    def _report(self) -> None:
        self._done += 1
        if self._done % ENTRIES_BETWEEN_REPORTS == 0:
            logger.info("%d writes of the journal are in the database, %d wait", self._done, self._journal.pending)

    def _is_blocked(self, user_id: str) -> bool:
        _, until = self._blocked.get(user_id, (0, 0.0))
        return monotonic() < until

    def _block(self, user_id: str, error: Exception) -> None:
        failures, _ = self._blocked.get(user_id, (0, 0.0))
        pause = min(PAUSE_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS)
        self._blocked[user_id] = failures + 1, monotonic() + pause
        logger.error(
            "A journalled write of user %r cannot be written to the database, and this user's later ones wait for it. "
            "It is tried again in %d seconds: %s: %s",
            user_id,
            pause,
            type(error).__name__,
            error,
        )
