"""What `PostgresStore.initialize` does: find out what the database is at, and bring it to what the store needs."""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from chatkit_pgstore import _migrations, _thread_order, _users
from chatkit_pgstore._bound import BoundDatabase
from chatkit_pgstore._connection import Database
from chatkit_pgstore._settings import Settings
from chatkit_pgstore.errors import SchemaOutOfDateError

START_SECONDS = 7.0
"""How long each step tries to reach the server before it says that it cannot."""


@dataclass(frozen=True, slots=True)
class _Found:
    state: _migrations.State
    users: _users.Reference | None
    in_order: bool
    """Whether the index is there that threads are listed by."""

    def lacks(self, settings: Settings) -> SchemaOutOfDateError | None:
        """Return the error for what is not there; None when everything is."""
        if _migrations.needs_upgrade(self.state):
            return _migrations.out_of_date(self.state)
        if self.users is not None and not self.users.in_place:
            return _does_not_refer(settings)
        return None if self.in_order else _thread_order.out_of_date()


async def prepare(database: Database | BoundDatabase, settings: Settings, *, migrate: bool) -> None:
    """Migrate the database where it is behind, or say so, and look at its tables.

    Raises what `PostgresStore.initialize` raises.
    """
    found, _ = await database.persistently("initialize", partial(_find, database.engine, settings), START_SECONDS)
    if lack := found.lacks(settings):
        # The role that may migrate owns the tables, and so is not one that row security holds.
        if not migrate or settings.row_security:
            raise lack
        await _migrations.upgrade(database.engine, settings.schema, _adjustment(settings, found))
    await database.persistently("initialize", partial(_look, database, settings), START_SECONDS)


async def _find(engine: AsyncEngine, settings: Settings) -> _Found:
    state = await _migrations.found(engine, settings.schema)
    if settings.users is None and settings.thread_order == "created_at":
        return _Found(state, None, in_order=True)
    async with engine.connect() as connection:
        return await connection.run_sync(_options, settings, state)


def _options(connection: Connection, settings: Settings, state: _migrations.State) -> _Found:
    users, schema = settings.users, settings.schema
    reference = None if users is None else _users.reference(connection, users, schema)
    in_order = settings.thread_order == "created_at" or _thread_order.is_in_place(connection, schema)
    return _Found(state, reference, in_order)


def _adjustment(settings: Settings, found: _Found) -> _migrations.Adjust:
    """Return what brings the options about."""

    def adjust(connection: Connection) -> _migrations.Obstacle | None:
        schema = settings.schema
        if not found.in_order and (obstacle := _thread_order.bring_about(connection, schema, _migrations.pause)):
            return obstacle
        if settings.users is not None and found.users is not None:
            _users.adjustment(found.users, settings.users, schema)(connection)
        return None

    return adjust


async def _look(database: Database | BoundDatabase, settings: Settings) -> None:
    async with database.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        await database.tables.look(raw.driver_connection, settings.attempt_timeout_seconds)


def _does_not_refer(settings: Settings) -> SchemaOutOfDateError:
    name, column = (settings.users.name, settings.users.column) if settings.users else ("", "")
    return SchemaOutOfDateError(
        f"The tables do not refer to {name}.{column}, which users= names. Run `chatkit-pgstore migrate --users {name} "
        f"--users-column {column}` as their owner, or await store.initialize() at start-up."
    )
