"""The settings of a store, checked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from chatkit_pgstore.errors import ConfigurationError

OnUnreadable = Literal["leave_out", "raise"]

Pooler = Literal["transaction", "session"]

LONGEST_NAME_BYTES = 63
"""NAMEDATALEN: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS"""

UserId = Callable[[Any], str | int | UUID]
"""From a request context to the id of its user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `PostgresStore` can be told; durations in seconds.

    Raises:
        ConfigurationError: A value makes no sense; the message names it.
    """

    user_id: UserId | None
    max_page_size: int
    on_unreadable: OnUnreadable
    pool_size: int
    retry_seconds: float
    attempt_timeout_seconds: float
    connect_timeout_seconds: float
    pooler: Pooler | None = None
    schema: str | None = None

    def __post_init__(self) -> None:
        for name in ("max_page_size", "pool_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be a whole number of at least 1, not {getattr(self, name)!r}")
        for name in ("retry_seconds", "attempt_timeout_seconds", "connect_timeout_seconds"):
            if not isinstance(getattr(self, name), (int, float)) or not 0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(f"{name} must be a number of seconds above 0, not {getattr(self, name)!r}")
        if self.on_unreadable not in ("leave_out", "raise"):
            raise ConfigurationError(f'on_unreadable must be "leave_out" or "raise", not {self.on_unreadable!r}')
        if self.schema is not None and not _is_a_name(self.schema):
            raise ConfigurationError(
                f"schema must be the name of a schema, of 1 to {LONGEST_NAME_BYTES} bytes, not {self.schema!r}"
            )
        if self.pooler not in (None, "transaction", "session"):
            raise ConfigurationError(f'pooler must be "transaction" or "session", not {self.pooler!r}')
        if self.user_id is not None and not callable(self.user_id):
            raise ConfigurationError("user_id= must be a callable that takes the request context")

    @property
    def pool_timeout_seconds(self) -> float:
        """How long a call waits for a free connection: below ``retry_seconds``, so that the call can say so."""
        return self.retry_seconds / 2


def _is_a_name(value: object) -> bool:
    """Whether PostgreSQL would take *value* as it is; a longer name it cuts."""
    if not isinstance(value, str) or not value.isprintable():
        return False
    return 0 < len(value.encode()) <= LONGEST_NAME_BYTES
