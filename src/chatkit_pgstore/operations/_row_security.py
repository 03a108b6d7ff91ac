"""Row security on our tables: the second lock on the door, for the role of the application."""

from typing import Any

from sqlalchemy import text

from chatkit_pgstore._layout import Layout, table_in
from chatkit_pgstore._row_security import SETTING
from chatkit_pgstore._users import TABLES
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.operations._work import work
from chatkit_pgstore.store import PostgresStore

POLICY = "chatkit_own_rows"


async def enable_row_security(store: PostgresStore[Any]) -> None:
    """Let every role but the tables' owner see and write only the rows of the user that its transaction names.

    One transaction; it may be run again. It needs the tables' owner, takes an exclusive lock on them for a moment, and
    waits for it for 10 seconds. From then on a server without ``row_security=True`` sees nothing at all.

    Args:
        store: On the owner's login; one without ``row_security``.

    Raises:
        ConfigurationError: The role is not the owner, or the tables are distributed.
        StoreUnavailableError: The tables were in use, or the database could not be reached. Nothing was changed.
    """
    async with work(store) as w:
        if w.layout.distributed:
            raise ConfigurationError("The tables are distributed by Citus, on which these policies were not tried.")
        await w.connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        for table in TABLES:
            for statement in _statements(table_in(store.schema, table.name), w.layout):
                await w.connection.exec_driver_sql(statement)


def _statements(table: str, layout: Layout) -> tuple[str, ...]:
    # A setting that was set for a transaction is an empty text after it, not null.
    mine = f"user_id = CAST(NULLIF(current_setting('{SETTING}', true), '') AS {layout.user_type})"
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS {POLICY} ON {table}",
        f"CREATE POLICY {POLICY} ON {table} USING ({mine})",
    )
