"""Every error this package raises on its own account.

::

    chatkit.store.NotFoundError      a thread, item, attachment or cursor that is not this user's
    ValueError                       a limit, order, id or time that cannot be used

    StoreError
    ├── ConfigurationError           a URL, engine, login or setting that has to be changed
    ├── MissingUserError             the request context names no user
    ├── UnknownUserError             the user is not in the host's table of users
    ├── UnstorableItemError          an object that JSON cannot hold, or that could not be read back
    ├── UnreadableItemError          a stored document that the installed SDK cannot read
    ├── StoreUnavailableError        the database did not answer in time; later it may
    │   └── JournalFullError         and no more can be journalled until it does
    ├── DamagedExportError           a file of an export that cannot be imported
    ├── SourceStoreError             the store that a history is copied from failed
    └── SchemaError
        ├── SchemaOutOfDateError     the database has to be migrated
        └── SchemaTooNewError        this release has to be upgraded

No message holds a password or the content of a conversation.
"""

from chatkit.store import NotFoundError

__all__ = [
    "ConfigurationError",
    "DamagedExportError",
    "JournalFullError",
    "MissingUserError",
    "NotFoundError",
    "SchemaError",
    "SchemaOutOfDateError",
    "SchemaTooNewError",
    "SourceStoreError",
    "StoreError",
    "StoreUnavailableError",
    "UnknownUserError",
    "UnreadableItemError",
    "UnstorableItemError",
]


class StoreError(Exception):
    """The root of what chatkit-pgstore raises, apart from NotFoundError and ValueError."""


class ConfigurationError(StoreError, ValueError):
    """A database URL, an engine, a login or a setting cannot be used as it is."""


class MissingUserError(StoreError):
    """The request context names no user, so no row can be anybody's."""


class UnknownUserError(StoreError):
    """The user of the request context is not in the host's table of users, or cannot be; nothing was written."""


class UnstorableItemError(StoreError, ValueError):
    """A thread, item or attachment holds something that would not come back from JSON."""


class UnreadableItemError(StoreError):
    """A stored thread, item or attachment is not one the installed SDK can read; it is left as it is."""


class StoreUnavailableError(StoreError):
    """The database could not be reached, or did not answer, within the time a call is given."""


class JournalFullError(StoreUnavailableError):
    """The database is away, and the journal of a buffered store has no room for a write; nothing was written."""


class DamagedExportError(StoreError, ValueError):
    """A file cannot be imported; the message names the line, and what of the file is imported."""


class SourceStoreError(StoreError):
    """The store that a history is copied from cannot be found or read; the message names the call."""


class SchemaError(StoreError):
    """The tables in the database are not those this release works on."""


class SchemaOutOfDateError(SchemaError):
    """The database is empty or behind: it has to be migrated before this release works on it."""


class SchemaTooNewError(SchemaError):
    """The database was migrated by a newer release that no longer supports this one."""
