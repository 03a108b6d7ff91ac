"""What a failed call means: send it again, tell the operator, or hand it on.

Failures are told apart by exception class and SQLSTATE, never by message: messages are translated, and some
poolers write their own. The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import ssl

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chatkit_pgstore.errors import (
    ConfigurationError,
    SchemaOutOfDateError,
    StoreError,
    StoreUnavailableError,
    UnknownUserError,
)

CONNECTION_LOST = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25006"})
"""Shutdown, crash, start-up, sessions ended for idling; and read-only, as an old primary is after a failover."""

WORTH_ANOTHER_ATTEMPT = CONNECTION_LOST | {"40001", "40P01", "53300", "57014"}
"""Those, serialisation failures, deadlocks, too many connections, and statements that the server cancelled, most often
for its own time-out. Class 08 (connections) counts too."""

CUT_UNDER_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)

SCHEMA_MISSING = frozenset({"42P01", "42703", "3F000"})
"""Undefined table, column or schema."""

LOGIN_REFUSED = frozenset({"28P01", "28000", "3D000"})
"""Wrong password, no access for this role or from this address, no such database."""

STATEMENT_OF_ANOTHER = frozenset({"42P05", "26000"})
"""A prepared statement that is there already, or is not there: the server process is not the one it was."""

ROLE_LACKS_RIGHTS = "42501"
NO_SUCH_OPERATOR = "42883"
NOT_IN_THE_OTHER_TABLE = "23503"
LOCK_NOT_GRANTED = "55P03"

_ADVICE: tuple[tuple[frozenset[str], type[StoreError], str], ...] = (
    (
        SCHEMA_MISSING,
        SchemaOutOfDateError,
        (
            "The tables of chatkit-pgstore are not in this database, or are of another release. "
            "Run `chatkit-pgstore migrate`, or await store.initialize() at start-up."
        ),
    ),
    (
        LOGIN_REFUSED,
        ConfigurationError,
        (
            "The server refused the login: {error}. Check user, password and database name in the URL "
            "(special characters of a password have to be percent-encoded)."
        ),
    ),
    (
        STATEMENT_OF_ANOTHER,
        ConfigurationError,
        (
            "The database URL leads to a transaction pooler, which lends a server connection for each transaction. "
            'Add pgbouncer=true to its parameters, or pass PostgresStore(..., pooler="transaction"). An engine of '
            'yours needs connect_args={{"statement_cache_size": 0}}.'
        ),
    ),
    (
        frozenset({ROLE_LACKS_RIGHTS}),
        ConfigurationError,
        (
            "The role in the database URL lacks rights: {error}. Migrate as the owner of the tables, and grant "
            "the application's role SELECT, INSERT, UPDATE and DELETE on them."
        ),
    ),
    (
        frozenset({NOT_IN_THE_OTHER_TABLE}),
        UnknownUserError,
        (
            "The user of the request context is not in the table of users that the conversations refer to; nothing "
            "was written. Add the user there before the first chat."
        ),
    ),
    (
        frozenset({NO_SUCH_OPERATOR}),
        ConfigurationError,
        (
            "The ids of users have another type in these tables than text: pass users=UsersTable(...), as when they "
            "were migrated, or await store.initialize() at start-up. On Citus a function may be missing: run "
            "`chatkit-pgstore distribute` again. The server said: {error}"
        ),
    ),
    (
        frozenset({LOCK_NOT_GRANTED}),
        StoreUnavailableError,
        "A lock was not granted in time: {error}. Nothing was changed; try again when the tables are less busy.",
    ),
)


def underlying(error: BaseException) -> BaseException:
    """Return the driver's error out of the one that SQLAlchemy's adapter made of it."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if type(error).__module__.startswith("sqlalchemy.dialects") and error.__cause__ is not None:
        return error.__cause__
    return error


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed when it is sent again."""
    match error:
        case ssl.SSLError():
            # A certificate or a protocol that does not suit, unless the connection was cut in the handshake.
            return isinstance(error, CUT_UNDER_TLS)
        case asyncpg.InterfaceError():
            # Most often a connection that is closed; what is a ValueError too found fault with what it was given.
            return not isinstance(error, ValueError)
        case asyncpg.PostgresError():
            return _sqlstate(error) in WORTH_ANOTHER_ATTEMPT or _is_connection_class(error)
        case OSError() | PoolTimeoutError() | asyncpg.InternalClientError():
            return True
        case _:
            return False


def leaves_connection_usable(error: BaseException) -> bool:
    """Whether the connection that *error* came by can serve the next call.

    The server has answered, or the driver refused an argument (its DataError) before it sent anything. Whatever
    else happened, a time-out or a cancellation too, nobody knows what the connection is waiting for.
    """
    answered = isinstance(error, asyncpg.PostgresError)
    return answered and _sqlstate(error) not in CONNECTION_LOST and not _is_connection_class(error)


def explained(error: BaseException) -> BaseException:
    """Return the error to raise for *error*: one that says what to do, where something can be done."""
    if isinstance(error, ssl.SSLError) and not is_transient(error):
        return ConfigurationError(
            f"No TLS connection could be made: {error}. Check sslmode and sslrootcert in the URL."
        )
    if isinstance(error, asyncpg.ClientConfigurationError):
        return ConfigurationError(f"The driver refused the database URL: {error}")
    for codes, kind, text in _ADVICE:
        if _sqlstate(error) in codes:
            return kind(text.format(error=error))
    return error


def _is_connection_class(error: BaseException) -> bool:
    return _sqlstate(error).startswith("08")


def _sqlstate(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None))
