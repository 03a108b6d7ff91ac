"""What a store has found out of its tables, and keeps."""

from collections.abc import Mapping
from typing import Any

from chatkit_pgstore._compiled import Statement, statements_by_name
from chatkit_pgstore._layout import LOOK, Layout, layout_of, threads_in
from chatkit_pgstore._settings import Settings
from chatkit_pgstore.errors import ConfigurationError, SchemaOutOfDateError

Statements = Mapping[str, Statement]


class KnownTables:
    """The statements for the tables as they are, which a store with a table of users or row security has to look at.

    Any other goes by what a migration makes, and looks when it is initialised.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        has_to_look = settings.users is not None or settings.row_security
        self.statements: Statements | None = None if has_to_look else statements_by_name(Layout(settings.schema))

    async def look(self, driver: Any, seconds: float) -> Statements:
        """Look at the tables, on a driver's connection, and return the statements for them.

        Raises:
            SchemaOutOfDateError: They are not there.
            ConfigurationError: Row security would not hold the role of this connection.
        """
        row = await driver.fetchrow(LOOK, threads_in(self._settings.schema), timeout=seconds)
        if row is None:
            raise SchemaOutOfDateError(
                "The tables of chatkit-pgstore are not in this database. Run `chatkit-pgstore migrate`, "
                "or await store.initialize() at start-up."
            )
        if self._settings.row_security:
            _check_row_security(on=row["row_security"], sees_everything=row["sees_everything"])
        self.statements = statements_by_name(layout_of(self._settings.schema, row))
        return self.statements


def _check_row_security(*, on: bool, sees_everything: bool) -> None:
    if sees_everything:
        raise ConfigurationError(
            "row_security=True, but the role in the database URL would see every user's rows all the same: it is a "
            "superuser, has BYPASSRLS, or owns the tables. Use a role that only reads and writes rows."
        )
    if not on:
        raise ConfigurationError(
            "row_security=True, but the tables have no policies. As their owner, run "
            "`chatkit-pgstore migrate --row-security`."
        )
