"""Keeps ChatKit conversations in PostgreSQL: ``PostgresStore`` for ``ChatKitServer(store=...)``."""

from chatkit_pgstore._item_ids import unique_item_ids
from chatkit_pgstore.buffered import BufferedStore
from chatkit_pgstore.errors import (
    ConfigurationError,
    JournalFullError,
    MissingUserError,
    NotFoundError,
    SchemaError,
    SchemaOutOfDateError,
    SchemaTooNewError,
    StoreError,
    StoreUnavailableError,
    UnreadableItemError,
    UnstorableItemError,
)
from chatkit_pgstore.store import PostgresStore

__version__ = "0.1.0"

__all__ = [
    "BufferedStore",
    "ConfigurationError",
    "JournalFullError",
    "MissingUserError",
    "NotFoundError",
    "PostgresStore",
    "SchemaError",
    "SchemaOutOfDateError",
    "SchemaTooNewError",
    "StoreError",
    "StoreUnavailableError",
    "UnreadableItemError",
    "UnstorableItemError",
    "__version__",
    "unique_item_ids",
]
