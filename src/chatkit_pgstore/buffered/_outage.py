"""Whether the database is away, since when, and what the log tells of it."""

import asyncio
import logging
from time import monotonic

logger = logging.getLogger("chatkit_pgstore")


class Outage:
    """The state of the store inside.

    Attributes:
        is_on: Whether it is away.
        user_id: One of the users who met it, for whom it can be asked again.
        work: Set while there is something to wait for, or to write to the database.
    """

    def __init__(self) -> None:
        self.is_on = False
        self.user_id = ""
        self.work = asyncio.Event()
        self._since = 0.0

    def begin(self, error: BaseException, user_id: str, journal: object) -> None:
        """Take note that the store is away; what follows goes to the journal."""
        self.work.set()
        if self.is_on:
            return
        self.is_on, self.user_id, self._since = True, user_id, monotonic()
        logger.warning("The database is away: writes go to the journal %s from now on (%s)", journal, error)

    def end(self, pending: int, users: int) -> None:
        """Take note that the store answers again."""
        self.is_on = False
        seconds = monotonic() - self._since
        logger.info(
            "The database is back after %.1f seconds: %d writes of %d users go there now", seconds, pending, users
        )
