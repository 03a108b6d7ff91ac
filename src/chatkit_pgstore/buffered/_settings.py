"""The settings of a buffered store, checked, with what the store inside tells about itself."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from chatkit.store import Store

from chatkit_pgstore._settings import Settings, UserId
from chatkit_pgstore._user import user_of
from chatkit_pgstore.errors import ConfigurationError

DEFAULT_PORT = 5432
DEFAULT_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferSettings:
    """What `BufferedStore` can be told.

    Raises:
        ConfigurationError: A value makes no sense; the message names it.
    """

    journal: Path
    database: str
    user_id: UserId | None
    context: Callable[[str], Any]
    max_bytes: int
    remember_threads: int
    max_page_size: int

    def __post_init__(self) -> None:
        for name in ("max_bytes", "remember_threads"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number of at least 1, not {value!r}")
        for name in ("user_id", "context"):
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise ConfigurationError(f"{name}= must be a callable")

    def user(self, context: Any) -> str:
        """Return the user whom *context* names."""
        return user_of(context, self.user_id)

    def context_of(self, user_id: str) -> Any:
        """Return a context that names this user.

        Raises:
            ConfigurationError: The one that was made names somebody else, whose data it would be.
        """
        context = self.context(user_id)
        if self.user(context) != user_id:
            raise ConfigurationError("context= made a context that names another user than the one it was called with.")
        return context


def settings_for(
    store: Store[Any],
    journal: str | os.PathLike[str],
    *,
    database: str | None,
    user_id: UserId | None,
    context: Callable[[str], Any] | None,
    max_bytes: int,
    remember_threads: int,
) -> BufferSettings:
    """Return the settings, completed with those of *store*.

    Raises:
        ConfigurationError: One of them cannot be used.
    """
    if not isinstance(journal, (str, os.PathLike)) or not os.fspath(journal):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise ConfigurationError("journal= must be the path of a file, or of an existing folder")
    # PostgresStore and MemoryStore have them; any other store may have something else under this name.
    inner = getattr(store, "_settings", None)
    own = inner if isinstance(inner, Settings) else None
    if own is not None and own.thread_order != "created_at":
        raise ConfigurationError(
            f"thread_order={own.thread_order!r} cannot be buffered: in an outage nobody knows what others did last."
        )
    user_id = user_id or (own.user_id if own else None)
    if user_id is not None and context is None:
        raise ConfigurationError(
            "With user_id= give context= too: called with the id of a user, as text, it returns a context that names "
            "this user. The journal is written to the database with it."
        )
    return BufferSettings(
        journal=Path(journal),
        database=_identity(store, database, own.schema if own else None),
        user_id=user_id,
        context=context or _plain_context,
        max_bytes=max_bytes,
        remember_threads=remember_threads,
        max_page_size=own.max_page_size if own else DEFAULT_PAGE_SIZE,
    )


def _plain_context(user_id: str) -> dict[str, str]:
    return {"user_id": user_id}


def _identity(store: Store[Any], database: str | None, schema: str | None) -> str:
    """Return what tells the database from others; nothing secret."""
    if database is not None:
        if not isinstance(database, str) or not database:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
            raise ConfigurationError("database= must be a text that is not empty")
        return database
    url = getattr(getattr(store, "engine", None), "url", None)
    if url is None:
        raise ConfigurationError(
            f"A {type(store).__name__} does not tell which database it is on. Name it: database= takes any text that "
            "tells it from your others. A journal written for one is never sent to another."
        )
    host = url.host or cast("str | None", url.query.get("host")) or "localhost"
    place = f"{host}:{url.port or DEFAULT_PORT}/{url.database or ''}"
    return f"{place}, schema {schema}" if schema else place
