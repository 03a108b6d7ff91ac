"""Keeps ChatKit conversations in PostgreSQL: ``PostgresStore`` for ``ChatKitServer(store=...)``."""

from chatkit_pgstore.errors import (
    ConfigurationError,
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
    "ConfigurationError",
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
]
