"""What each failure means: sent again, the connection dropped, or told in words that say what to do."""

import socket
import ssl

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chatkit_pgstore import ConfigurationError, SchemaOutOfDateError, StoreUnavailableError
from chatkit_pgstore._failures import explained, is_transient, leaves_connection_usable, underlying


class Unlisted(asyncpg.PostgresError):
    """A code that no class of the driver's stands for."""

    sqlstate = "08P99"


SENT_AGAIN = [
    ConnectionResetError(),
    ConnectionRefusedError(),
    TimeoutError(),
    socket.gaierror(),
    ssl.SSLEOFError(),
    ssl.SSLZeroReturnError(),
    ssl.SSLSyscallError(),
    PoolTimeoutError(),
    asyncpg.ConnectionDoesNotExistError(),
    asyncpg.ConnectionFailureError(),
    Unlisted(),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("cannot switch to state"),
    asyncpg.exceptions.TargetServerAttributeNotMatched(),
    asyncpg.AdminShutdownError(),
    asyncpg.CrashShutdownError(),
    asyncpg.CannotConnectNowError(),
    asyncpg.IdleSessionTimeoutError(),
    asyncpg.IdleInTransactionSessionTimeoutError(),
    asyncpg.ReadOnlySQLTransactionError(),
    asyncpg.TooManyConnectionsError(),
    asyncpg.SerializationError(),
    asyncpg.DeadlockDetectedError(),
    asyncpg.QueryCanceledError(),
]
SAID_AT_ONCE = [
    asyncpg.DataError("invalid input for query argument"),
    asyncpg.ClientConfigurationError("a parameter"),
    asyncpg.UndefinedTableError(),
    asyncpg.ForeignKeyViolationError(),
    asyncpg.InsufficientPrivilegeError(),
    asyncpg.InvalidPasswordError(),
    asyncpg.DiskFullError(),
    ssl.SSLCertVerificationError(),
    RuntimeError(),
]
USABLE_AFTER = [
    asyncpg.DataError("invalid input for query argument"),
    asyncpg.SerializationError(),
    asyncpg.DeadlockDetectedError(),
    asyncpg.UndefinedTableError(),
    asyncpg.ForeignKeyViolationError(),
    asyncpg.QueryCanceledError(),
]


def name(error):
    return type(error).__name__


@pytest.mark.parametrize("error", SENT_AGAIN, ids=name)
def test_it_is_sent_again(error):
    assert is_transient(error)
    assert explained(error) is error


@pytest.mark.parametrize("error", SAID_AT_ONCE, ids=name)
def test_it_is_not_sent_again(error):
    assert not is_transient(error)


@pytest.mark.parametrize("error", [*SENT_AGAIN, *SAID_AT_ONCE], ids=name)
def test_only_an_answer_of_the_server_leaves_the_connection_usable(error):
    usable = {type(each) for each in USABLE_AFTER}
    answered = {asyncpg.TooManyConnectionsError, asyncpg.InsufficientPrivilegeError, asyncpg.InvalidPasswordError}
    assert leaves_connection_usable(error) == (type(error) in usable | answered | {asyncpg.DiskFullError})


@pytest.mark.parametrize(
    ("error", "explanation", "advice"),
    [
        (asyncpg.UndefinedTableError(), SchemaOutOfDateError, "chatkit-pgstore migrate"),
        (asyncpg.UndefinedColumnError(), SchemaOutOfDateError, "chatkit-pgstore migrate"),
        (asyncpg.InvalidSchemaNameError(), SchemaOutOfDateError, "chatkit-pgstore migrate"),
        (asyncpg.InvalidPasswordError("no"), ConfigurationError, "percent-encoded"),
        (asyncpg.InvalidAuthorizationSpecificationError("no"), ConfigurationError, "Check user, password"),
        (asyncpg.InvalidCatalogNameError("no"), ConfigurationError, "database name"),
        (asyncpg.InsufficientPrivilegeError("no"), ConfigurationError, "grant"),
        (asyncpg.DuplicatePreparedStatementError(), ConfigurationError, "Add pgbouncer=true"),
        (asyncpg.InvalidSQLStatementNameError(), ConfigurationError, 'connect_args={"statement_cache_size": 0}'),
        (asyncpg.LockNotAvailableError("no"), StoreUnavailableError, "less busy"),
        (ssl.SSLCertVerificationError("no"), ConfigurationError, "sslrootcert"),
        (asyncpg.ClientConfigurationError("no"), ConfigurationError, "refused the database URL"),
    ],
    ids=lambda value: name(value) if isinstance(value, Exception) else "",
)
def test_it_says_what_to_do(error, explanation, advice):
    said = explained(error)
    assert type(said) is explanation
    assert advice in str(said)


def test_any_other_error_is_handed_on_as_it_is():
    error = asyncpg.DiskFullError()
    assert explained(error) is error


def test_the_drivers_error_is_found_inside_sqlalchemys():
    driver = asyncpg.DeadlockDetectedError()
    assert underlying(DBAPIError("SELECT 1", {}, driver)) is driver
    assert underlying(driver) is driver
