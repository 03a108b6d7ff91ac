"""What the app has to be told, and the store that it uses then."""

import os
from dataclasses import dataclass, field

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.buffered import BufferedStore

from .visitors import Visitor

SECRET_BYTES = 32
JOURNAL_VARIABLE = "CHATKIT_JOURNAL"
SECONDS_BEFORE_BUFFERING = 2.0

AppStore = PostgresStore[Visitor] | BufferedStore[Visitor]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one app.

    Args:
        database_url: Where the conversations are kept, as your provider prints it.
        secret: Signs the cookie that tells one browser from another; at least 32 bytes.
        pace_seconds: The pause between two words of a scripted reply.
        journal: Where to keep what is written while the database is away: a file, or a folder for several workers.
            From the environment variable CHATKIT_JOURNAL without it; when neither is there, an outage is an error.
    """

    database_url: str = field(repr=False)
    secret: bytes = field(repr=False)
    pace_seconds: float = 0.03
    journal: str | None = field(default_factory=lambda: os.environ.get(JOURNAL_VARIABLE) or None)

    def __post_init__(self) -> None:
        """Refuse a secret that can be found by trying.

        Raises:
            ValueError: The secret is too short.
        """
        if len(self.secret) < SECRET_BYTES:
            raise ValueError(f"The secret that signs cookies needs at least {SECRET_BYTES} bytes.")

    def store(self) -> AppStore:
        """Return the store, which has to be started."""
        if self.journal is None:
            return PostgresStore[Visitor](self.database_url)
        # Whoever speaks when the database goes away waits this long; everybody else does not.
        inner = PostgresStore[Visitor](self.database_url, retry_seconds=SECONDS_BEFORE_BUFFERING)
        return BufferedStore(inner, self.journal, context=Visitor)
