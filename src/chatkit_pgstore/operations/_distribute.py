"""The tables over several machines, with Citus: each user's rows on one of them, those of a thread side by side.

https://docs.citusdata.com/en/stable/develop/api_udf.html
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from chatkit_pgstore._append_function import DISTRIBUTION_ARGUMENT, Function, functions
from chatkit_pgstore._failures import underlying
from chatkit_pgstore._layout import Layout
from chatkit_pgstore._migrations import LOCK
from chatkit_pgstore._tables import VERSION_TABLE, supported_revisions
from chatkit_pgstore.errors import ConfigurationError, StoreUnavailableError
from chatkit_pgstore.operations import _citus
from chatkit_pgstore.operations._work import work
from chatkit_pgstore.store import PostgresStore

LOCK_WAIT_SECONDS = 10
"""How long a table in use is waited for; whoever comes later queues up behind for as long."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What `distribute` found and did."""

    done: tuple[str, ...]
    """The tables and functions that were distributed just now; empty where all of them had been before."""
    shards: int
    """Into how many parts each of the tables is divided."""
    machines: int
    """How many machines they are on."""


async def distribute(store: PostgresStore[Any]) -> Distribution:
    """Distribute the tables by user over the machines of a Citus cluster, with the functions that write items there.

    Rows that are there are copied to their machines, while writes wait; then the coordinator's own copy of them goes.
    Until that second step it is one transaction: where it fails, nothing has changed. What is done already is left
    alone, so that it can be run again: after an interruption, and after an upgrade that brought a table or a function.

    Raises:
        ConfigurationError: The database has no Citus, is not the coordinator, or Citus cannot have these tables: row
            security, foreign keys to or from other tables. Nothing was changed.
        SchemaOutOfDateError: The tables are not there.
        StoreUnavailableError: The tables are in use, or somebody else migrates or distributes them.
    """
    async with _explained(), work(store) as open_work:
        done = await open_work.connection.run_sync(_distribute, open_work.layout)
    async with _explained(), work(store) as open_work:
        return await open_work.connection.run_sync(_clean_up, open_work.layout, done)


@asynccontextmanager
async def _explained() -> AsyncGenerator[None, None]:
    try:
        yield
    except DBAPIError as error:
        refusal = underlying(error)
        raise ConfigurationError(f"Citus refused: {refusal}") from refusal


def _distribute(connection: Connection, layout: Layout) -> tuple[str, ...]:
    _hold(connection)
    tables = _citus.tables(connection, layout)
    others = _citus.check(connection, tables)
    done = [*_distribute_tables(connection, tables, others), *_copy_small_tables(connection, tables.schema)]
    return (*done, *_distribute_functions(connection, tables, layout))


def _hold(connection: Connection) -> None:
    """See that nobody migrates meanwhile, and that every step uses one connection to each machine.

    Else functions, and keys to tables that every machine has, could not be made in the transaction that copies rows.
    """
    # Not a wait: an index that is built concurrently would wait for us in turn.
    if not connection.execute(text(f"SELECT pg_try_advisory_xact_lock({LOCK})")).scalar_one():
        raise StoreUnavailableError("Somebody else migrates or distributes these tables. Try again when that is done.")
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'"))
    connection.execute(text("SET LOCAL citus.multi_shard_modify_mode = 'sequential'"))


def _distribute_tables(connection: Connection, tables: _citus.Tables, others: _citus.Others) -> list[str]:
    """Distribute the tables that are not yet, the one that the others refer to first."""
    missing = [name for name in tables.names if name not in tables.distributed]
    if not missing:
        return []
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(missing)} IN EXCLUSIVE MODE")
    keys = _citus.keys_of(connection, tables) if others.referred_to else []
    for key in keys:
        connection.exec_driver_sql(f"ALTER TABLE {key.table} DROP CONSTRAINT {key.name}")
    for name in missing:
        beside = others.beside if name == tables.threads else tables.threads
        connection.execute(_citus.CREATE_DISTRIBUTED_TABLE, {"table": name, "beside": beside})
    for key in keys:
        connection.exec_driver_sql(f"ALTER TABLE {key.table} ADD CONSTRAINT {key.name} {key.definition}")
    return missing


def _copy_small_tables(connection: Connection, schema: str) -> list[str]:
    """Give every machine the tables that tell the revision, so that a server may start by way of any of them."""
    names = [f"{schema}.{table}" for table in (VERSION_TABLE, supported_revisions.name)]
    missing = [name for name in names if not _citus.is_everywhere(connection, name)]
    for name in missing:
        connection.execute(_citus.CREATE_REFERENCE_TABLE, {"table": name})
    return missing


def _distribute_functions(connection: Connection, tables: _citus.Tables, layout: Layout) -> list[str]:
    wanted = functions(tables.schema, layout.user_type)
    missing = [function for function in wanted if not _is_distributed(connection, tables, function)]
    for function in missing:
        connection.exec_driver_sql(function.create)
        values = {"function": function.signature, "argument": DISTRIBUTION_ARGUMENT, "beside": tables.threads}
        connection.execute(_citus.CREATE_DISTRIBUTED_FUNCTION, values)
    return [function.signature for function in missing]


def _is_distributed(connection: Connection, tables: _citus.Tables, function: Function) -> bool:
    values = {"function": function.signature, "body": function.body, "threads": tables.threads}
    return connection.execute(_citus.FUNCTION_IS_DISTRIBUTED, values).scalar() is not None


def _clean_up(connection: Connection, layout: Layout, done: tuple[str, ...]) -> Distribution:
    """Delete what the coordinator still has of rows that are on their machines now.

    Nobody would see them there, and so neither would erasing a user.
    """
    tables = _citus.tables(connection, layout)
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'"))
    for name in reversed(tables.names):
        if connection.execute(_citus.LOCAL_BYTES, {"table": name}).scalar_one():
            connection.execute(_citus.TRUNCATE_LOCAL_DATA, {"table": name})
    shards, machines = connection.execute(_citus.PLACES, {"table": tables.threads}).one()
    return Distribution(done, shards, machines)
