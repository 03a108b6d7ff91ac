"""Keeps ChatKit conversations in PostgreSQL: ``PostgresStore`` for ``ChatKitServer(store=...)``."""

from chatkit_pgstore._feedback import Feedback, keep_feedback
from chatkit_pgstore._item_ids import unique_item_ids
from chatkit_pgstore._previews import PreviewUrls
from chatkit_pgstore._settings import UsersTable
from chatkit_pgstore._tables import metadata
from chatkit_pgstore._titles import Turn, with_title
from chatkit_pgstore.buffered import BufferedStore
from chatkit_pgstore.errors import (
    ConfigurationError,
    DamagedExportError,
    JournalFullError,
    MissingUserError,
    NotFoundError,
    SchemaError,
    SchemaOutOfDateError,
    SchemaTooNewError,
    SourceStoreError,
    StoreError,
    StoreUnavailableError,
    UnknownUserError,
    UnreadableItemError,
    UnstorableItemError,
)
from chatkit_pgstore.store import PostgresStore

__version__ = "0.1.0"

__all__ = [
    "BufferedStore",
    "ConfigurationError",
    "DamagedExportError",
    "Feedback",
    "JournalFullError",
    "MissingUserError",
    "NotFoundError",
    "PostgresStore",
    "PreviewUrls",
    "SchemaError",
    "SchemaOutOfDateError",
    "SchemaTooNewError",
    "SourceStoreError",
    "StoreError",
    "StoreUnavailableError",
    "Turn",
    "UnknownUserError",
    "UnreadableItemError",
    "UnstorableItemError",
    "UsersTable",
    "__version__",
    "keep_feedback",
    "metadata",
    "unique_item_ids",
    "with_title",
]
