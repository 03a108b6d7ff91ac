"""What `PostgresStore.initialize` does: find out what the database is at, and bring it to what the store needs."""

from dataclasses import dataclass
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from chatkit_pgstore import _migrations, _users
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


async def prepare(database: Database | BoundDatabase, settings: Settings, *, migrate: bool) -> None:
    """Migrate the database where it is behind, or say so, and look at its tables.

    Raises what `PostgresStore.initialize` raises.
    """
    found, _ = await database.persistently("initialize", partial(_find, database.engine, settings), START_SECONDS)
    behind = _migrations.needs_upgrade(found.state)
    refers = found.users is None or found.users.in_place
    if behind or not refers:
        # The role that may migrate owns the tables, and so is not one that row security holds.
        if not migrate or settings.row_security:
            raise _migrations.out_of_date(found.state) if behind else _does_not_refer(settings)
        await _upgrade(database.engine, settings, found)
    await database.persistently("initialize", partial(_look, database, settings), START_SECONDS)


async def _find(engine: AsyncEngine, settings: Settings) -> _Found:
    state = await _migrations.found(engine, settings.schema)
    if settings.users is None:
        return _Found(state, None)
    async with engine.connect() as connection:
        return _Found(state, await connection.run_sync(_users.reference, settings.users, settings.schema))


async def _upgrade(engine: AsyncEngine, settings: Settings, found: _Found) -> None:
    adjust = None
    if settings.users is not None and found.users is not None:
        adjust = _users.adjustment(found.users, settings.users, settings.schema)
    await _migrations.upgrade(engine, settings.schema, adjust)


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
