"""The migrations themselves: which there are, in what order, and how they are run on a connection or printed."""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.operations.ops import CreateIndexOp, DropIndexOp
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, func, select

from chatkit_pgstore._tables import VERSION_TABLE
from chatkit_pgstore.errors import SchemaError

CONCURRENT_INDEXES = "CONCURRENT_INDEXES"
"""The name by which a migration lists the indexes that it needs; on tables in use they are built before it."""

TIMEOUTS = {"statement_timeout": "0", "lock_timeout": "10s"}
"""Of a migration's transaction: it may last, but whoever comes after it to a table in use queues up behind it."""


def head() -> str:
    """Return the revision this release needs."""
    return str(_directory().get_current_head())


def known() -> frozenset[str]:
    """Return every revision up to this release's."""
    return frozenset(script.revision for script in _directory().walk_revisions())


def pending(start: str | None, end: str) -> list[Script]:
    """Return the migrations that lead from revision *start* (None: an empty database) to *end*, in their order.

    There are none when *start* is *end* or comes after it.

    Raises:
        SchemaError: There is no such revision.
    """
    directory = _directory()
    try:
        done = (
            set[str]() if start is None else {script.revision for script in directory.iterate_revisions(start, "base")}
        )
        return [script for script in directory.iterate_revisions(end, "base") if script.revision not in done][::-1]
    except RevisionError as error:
        raise SchemaError(f"{error}. The revisions are: {', '.join(sorted(known()))}.") from error


def concurrent_indexes(script: Script) -> Sequence[CreateIndexOp]:
    """Return the indexes that a migration lists."""
    listed: Sequence[CreateIndexOp] = getattr(script.module, CONCURRENT_INDEXES, ())
    return listed


def run(connection: Connection, scripts: Sequence[Script], schema: str | None) -> None:
    """Run migrations in the transaction that is open on *connection*, the indexes they list included."""
    _context(scripts, schema, connection=connection).run_migrations()


def current(connection: Connection, schema: str | None) -> tuple[str, ...]:
    """Return what the database records as its revision: one, or nothing."""
    return MigrationContext.configure(connection, opts=_places(schema)).get_current_heads()


def printed(start: str | None, end: str, schema: str | None) -> str:
    """Return the SQL of the migrations from revision *start* (None: an empty database) to *end*.

    Raises:
        SchemaError: There is no such revision, or the way does not lead up.
    """
    output = io.StringIO()
    for stage in _stages(start, pending(start, end)):
        before = stage[0].down_revision
        context = _context(stage, schema, start=before if isinstance(before, str) else None, output=output)
        if start is not None:
            _print_builds(context, stage[0], schema)
        with context.begin_transaction():
            for name, value in TIMEOUTS.items():
                context.execute(f"SET LOCAL {name} = '{value}'")
            if schema is not None:
                # The migrations name no schema: they work in the first of the search path.
                context.execute(select(func.set_config("search_path", quoted(schema), True)))
            context.run_migrations()
    return output.getvalue()


def quoted(schema: str) -> str:
    """Return the name of a schema as a search path has it."""
    escaped = schema.replace('"', '""')
    return f'"{escaped}"'


def builds(index: CreateIndexOp, schema: str | None) -> tuple[DropIndexOp, CreateIndexOp]:
    """Return what drops a remnant of *index*, and what builds it, both without locking writers out."""
    drop = DropIndexOp(
        str(index.index_name), index.table_name, schema=schema, if_exists=True, postgresql_concurrently=True
    )
    return drop, if_missing(index, schema, postgresql_concurrently=True)


def location(package: Path) -> Path:
    """Return the folder of the migrations: inside the package as installed, beside ``src`` in a checkout."""
    candidates = (package / "migrations", package.parents[1] / "migrations")
    return next(folder for folder in candidates if (folder / "versions").is_dir())


def _directory() -> ScriptDirectory:
    return ScriptDirectory(str(location(Path(__file__).parent)))


def _places(schema: str | None) -> dict[str, Any]:
    return {"version_table": VERSION_TABLE, "version_table_schema": schema}


def _context(
    scripts: Sequence[Script],
    schema: str | None,
    *,
    connection: Connection | None = None,
    start: str | None = None,
    output: io.StringIO | None = None,
) -> MigrationContext:
    """Return what runs *scripts* on *connection*, or prints them to *output*."""
    options = {**_places(schema), "fn": partial(_steps, scripts, make_indexes=output is None or start is None)}
    if output is not None:
        options |= {"as_sql": True, "output_buffer": output, "starting_rev": start, "literal_binds": True}
    return MigrationContext.configure(
        connection, dialect_name="postgresql", dialect_opts={"paramstyle": "named"}, opts=options
    )


def _steps(
    scripts: Sequence[Script], _heads: object, context: MigrationContext, *, make_indexes: bool
) -> Iterator[MigrationStep]:
    operations = Operations(context)
    revisions = _directory().revision_map
    for script in scripts:
        # A migration's `op` is one of all in the process, and a host's own migration may be using it.
        vars(script.module)["op"] = operations
        step = MigrationStep.upgrade_from_script(revisions, script)
        if make_indexes:
            step.migration_fn = _with_indexes(operations, script)
        yield step


def _with_indexes(operations: Operations, script: Script) -> Callable[[], None]:
    def upgrade() -> None:
        for index in concurrent_indexes(script):
            operations.invoke(if_missing(index))
        script.module.upgrade()

    return upgrade


def if_missing(index: CreateIndexOp, schema: str | None = None, **options: Any) -> CreateIndexOp:
    """Return what makes *index*, of the table in *schema*, where it is not there."""
    return CreateIndexOp(
        index.index_name,
        index.table_name,
        index.columns,
        schema=schema,
        unique=index.unique,
        if_not_exists=True,
        **{**index.kw, **options},
    )


def _stages(start: str | None, scripts: Sequence[Script]) -> list[list[Script]]:
    """Return *scripts* in groups, each of which is one transaction: a new one where indexes are built first."""
    stages: list[list[Script]] = []
    for script in scripts:
        if not stages or (start is not None and concurrent_indexes(script)):
            stages.append([])
        stages[-1].append(script)
    return stages


def _print_builds(context: MigrationContext, script: Script, schema: str | None) -> None:
    if indexes := concurrent_indexes(script):
        context.impl.static_output("-- Outside a transaction, so that writers go on. Should it fail, run it all again.")
        for name in TIMEOUTS:
            context.execute(f"SET {name} = 0")
    for index in indexes:
        for operation in builds(index, schema):
            Operations(context).invoke(operation)
