"""The tables as part of a host's own Alembic migrations.

``include_object`` keeps autogenerate from touching them, ``process_revision_directives`` has it write a call of
``upgrade`` where they are behind, and ``upgrade`` is what a migration of the host's calls. Their revision stays in
``chatkit_schema_version``, so that every release knows what it meets.
"""

import time
from collections.abc import Iterable

from alembic import op
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table

from chatkit_pgstore import _migrations, _thread_order, _users
from chatkit_pgstore._settings import ThreadOrder, UsersTable
from chatkit_pgstore._tables import VERSION_TABLE, metadata
from chatkit_pgstore.errors import ConfigurationError

__all__ = ["include_object", "process_revision_directives", "upgrade"]

OUR_TABLES = frozenset({*metadata.tables, VERSION_TABLE})


def upgrade(
    revision: str,
    *,
    schema: str | None = None,
    users: UsersTable | None = None,
    thread_order: ThreadOrder = "created_at",
) -> None:
    """Bring the tables to *revision*, as part of the migration of the host's that calls this.

    It is done in that migration's transaction, and does nothing where they are at *revision* or beyond. Where an index
    of a table with rows has to be built, so that writers can go on meanwhile, or another process migrates, the
    transaction is committed before.

    Args:
        revision: A revision of chatkit-pgstore, such as "0001".
        schema: Where the tables are; it has to exist. None: the first schema of the search path.
        users: The host's table of users, when the store is given one. A migration before this one has made it.
        thread_order: As the store's: "updated_at" makes the index that it needs.

    Raises:
        ConfigurationError: Alembic only prints SQL; or what *schema* or *users* names is not there.
        SchemaError: There is no such revision, or what is in the database is not ours.
        StoreUnavailableError: Another process migrates, and is not done within 120 seconds.
    """
    context = op.get_context()
    if context.as_sql or context.connection is None:
        raise ConfigurationError(
            "Alembic's --sql cannot look at what the database is at. Put what `chatkit-pgstore sql` prints in the "
            "place of this migration."
        )
    while obstacle := _advance(context.connection, revision, schema, users, thread_order):
        with context.autocommit_block():
            obstacle(context.connection)


def include_object(
    item: object, name: str | None, type_: str, reflected: object, compare_to: object, *, schema: str | None = None
) -> bool:
    """Whether autogenerate may look at *item*: not when it is one of our tables. For Alembic's ``include_object``.

    Args:
        schema: Where our tables are, when not in the default schema; with ``functools.partial``.
    """
    del name, type_, reflected, compare_to
    if not isinstance(item, Table):
        return True
    return item.metadata is not metadata and (item.name not in OUR_TABLES or item.schema != schema)


def process_revision_directives(
    context: MigrationContext,
    revision: object,
    directives: Iterable[MigrationScript],
    *,
    schema: str | None = None,
) -> None:
    """Have autogenerate write a call of `upgrade`, before all else, where our tables are missing or behind.

    For Alembic's ``process_revision_directives``. It leaves everything else as it is, so that others can go after it.

    Args:
        schema: Where our tables are, when not in the default schema; with ``functools.partial``.

    Raises:
        ConfigurationError: There is no such schema.
        SchemaError: What is in the database is not ours, or is from a newer release.
    """
    del revision
    if context.connection is None or not _migrations.is_behind(context.connection, schema):
        return
    for script in directives:
        script.upgrade_ops_list[-1].ops.insert(0, _UpgradeOp(_migrations.head(), schema))


def _advance(
    connection: Connection, revision: str, schema: str | None, users: UsersTable | None, thread_order: ThreadOrder
) -> _migrations.Obstacle | None:
    with _migrations.migrating(connection):
        obstacle = _migrations.advance(connection, revision, schema, time.sleep)
        if users is not None and obstacle is None:
            _refer(connection, users, schema)
        if thread_order == "updated_at" and obstacle is None:
            obstacle = _thread_order.bring_about(connection, schema, time.sleep)
    return obstacle


def _refer(connection: Connection, users: UsersTable, schema: str | None) -> None:
    reference = _users.reference(connection, users, schema)
    if not reference.in_place:
        _users.adjustment(reference, users, schema)(connection)


class _UpgradeOp(MigrateOperation):
    """Stands for a call of `upgrade` in a migration that is being written."""

    def __init__(self, revision: str, schema: str | None) -> None:
        self.call = f"upgrade({revision!r})" if schema is None else f"upgrade({revision!r}, schema={schema!r})"

    def to_diff_tuple(self) -> tuple[str, str]:
        """Return what ``alembic check`` reports."""
        return ("chatkit_pgstore", self.call)


@renderers.dispatch_for(_UpgradeOp)
def _rendered(context: AutogenContext, operation: _UpgradeOp) -> str:
    context.imports.add("import chatkit_pgstore.alembic")
    return f"chatkit_pgstore.alembic.{operation.call}"
