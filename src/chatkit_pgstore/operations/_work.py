"""A transaction for an operation, in which tables are named as in `_tables` and errors say what to do."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chatkit_pgstore._failures import explained, is_transient, underlying
from chatkit_pgstore._layout import Layout, layout_of, look_at
from chatkit_pgstore.errors import SchemaOutOfDateError, StoreUnavailableError
from chatkit_pgstore.store import PostgresStore


@dataclass(frozen=True, slots=True)
class Work:
    """An open transaction, and what the tables are like."""

    connection: AsyncConnection
    layout: Layout


@asynccontextmanager
async def work(store: PostgresStore[Any]) -> AsyncGenerator[Work, None]:
    """Yield a transaction on a connection of *store*'s engine; it is committed at the end, rolled back by an error.

    Raises:
        SchemaOutOfDateError: The tables are not there.
        StoreUnavailableError: The database cannot be reached, or the connection broke: nothing was committed, unless
            it broke in the COMMIT itself.
        ConfigurationError: The server refuses the login, or the role lacks rights.
    """
    try:
        async with store.engine.connect() as pooled:
            connection = await pooled.execution_options(
                # A host's engine may be in autocommit.
                isolation_level="READ COMMITTED",
                schema_translate_map={None: store.schema},
            )
            yield Work(connection, await _layout(connection, store.schema))
            await connection.commit()
    except Exception as error:
        cause = underlying(error)
        if is_transient(cause):
            raise StoreUnavailableError(f"The database did not answer ({type(cause).__name__}: {cause}).") from error
        meaning = explained(cause)
        if meaning is cause:
            raise
        raise meaning from error


async def _layout(connection: AsyncConnection, schema: str | None) -> Layout:
    row = (await connection.execute(look_at(schema))).first()
    if row is None:
        raise SchemaOutOfDateError("The database has no tables of chatkit-pgstore. Run `chatkit-pgstore migrate`.")
    return layout_of(schema, row)
