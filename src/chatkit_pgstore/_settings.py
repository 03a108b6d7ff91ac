"""The settings of a store, checked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from chatkit_pgstore._previews import PreviewUrls
from chatkit_pgstore.errors import ConfigurationError

OnUnreadable = Literal["leave_out", "raise"]

Pooler = Literal["transaction", "session"]

ThreadOrder = Literal["created_at", "updated_at"]

LONGEST_NAME_BYTES = 63
"""NAMEDATALEN: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS"""

UserId = Callable[[Any], str | int | UUID]
"""From a request context to the id of its user."""


@dataclass(frozen=True, slots=True)
class UsersTable:
    """The host's own table of users, to which the store's tables then refer; it is never made or changed.

    Deleting a user there deletes the user's conversations, and a conversation of somebody who is not there cannot be
    stored.

    Args:
        name: As SQL writes it, best with its schema: ``app.users``.
        column: What identifies a user: text, varchar, uuid, integer or bigint, and its primary key or unique.

    Raises:
        ConfigurationError: A name is no text, or empty.
    """

    name: str
    column: str = field(default="id", kw_only=True)

    def __post_init__(self) -> None:
        if not _is_a(str, self.name) or not self.name.strip() or not self.name.isprintable():
            raise ConfigurationError(f'UsersTable takes the name of a table, such as "app.users", not {self.name!r}')
        if not _is_a_name(self.column):
            raise ConfigurationError(f"column= of UsersTable must be the name of a column, not {self.column!r}")


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
    users: UsersTable | None = None
    row_security: bool = False
    thread_order: ThreadOrder = "created_at"
    preview_urls: PreviewUrls | None = None

    def __post_init__(self) -> None:
        for name in ("max_page_size", "pool_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be a whole number of at least 1, not {getattr(self, name)!r}")
        for name in ("retry_seconds", "attempt_timeout_seconds", "connect_timeout_seconds"):
            if not isinstance(getattr(self, name), (int, float)) or not 0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(f"{name} must be a number of seconds above 0, not {getattr(self, name)!r}")
        if self.on_unreadable not in ("leave_out", "raise"):
            raise ConfigurationError(f'on_unreadable must be "leave_out" or "raise", not {self.on_unreadable!r}')
        if self.pooler not in (None, "transaction", "session"):
            raise ConfigurationError(f'pooler must be "transaction" or "session", not {self.pooler!r}')
        if self.user_id is not None and not callable(self.user_id):
            raise ConfigurationError("user_id= must be a callable that takes the request context")
        if self.preview_urls is not None and not callable(getattr(self.preview_urls, "preview_url", None)):
            raise ConfigurationError("preview_urls= must have a method preview_url(user_id, attachment)")
        self._check_tables()

    def _check_tables(self) -> None:
        if self.schema is not None and not _is_a_name(self.schema):
            raise ConfigurationError(
                f"schema must be the name of a schema, of 1 to {LONGEST_NAME_BYTES} bytes, not {self.schema!r}"
            )
        if self.users is not None and not _is_a(UsersTable, self.users):
            raise ConfigurationError(f'users must be a UsersTable("schema.table", column="id"), not {self.users!r}')
        if not _is_a(bool, self.row_security):
            raise ConfigurationError(f"row_security must be True or False, not {self.row_security!r}")
        if self.thread_order not in ("created_at", "updated_at"):
            raise ConfigurationError(f'thread_order must be "created_at" or "updated_at", not {self.thread_order!r}')

    @property
    def pool_timeout_seconds(self) -> float:
        """How long a call waits for a free connection: below ``retry_seconds``, so that the call can say so."""
        return self.retry_seconds / 2


def _is_a(kind: type, value: object) -> bool:
    """Whether a caller without a type checker gave what is asked for."""
    return isinstance(value, kind)


def _is_a_name(value: object) -> bool:
    """Whether PostgreSQL would take *value* as it is; a longer name it cuts."""
    if not isinstance(value, str) or not value.isprintable():
        return False
    return 0 < len(value.encode()) <= LONGEST_NAME_BYTES
