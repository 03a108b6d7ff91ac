"""``chatkit_pgstore.alembic``: what each of its functions does, on a driver without async."""

import time
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
from alembic import op
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations import Operations
from alembic.operations.ops import CreateIndexOp, DowngradeOps, MigrationScript, UpgradeOps
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Index, Integer, MetaData, Table, create_engine, event, pool
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import (
    ConfigurationError,
    SchemaError,
    StoreUnavailableError,
    UsersTable,
    _index_builds,
    _migrations,
    alembic,
)
from chatkit_pgstore._tables import metadata, threads
from tests.support.old_rows import ROWS
from tests.support.pgbouncer import running_pgbouncer
from tests.support.releases import INDEX, release_with_index, released

HEAD = _migrations.head()
DONE = ("9998", True)


@contextmanager
def migrating(url, **options):
    """Be in the middle of a migration of the host's, and yield the connection."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        with context.begin_transaction(), Operations.context(context):
            yield connection


def value(connection, query):
    return connection.exec_driver_sql(query).scalar()


def state_of(connection):
    valid = f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{INDEX}')"
    return value(connection, "SELECT version_num FROM chatkit_schema_version"), value(connection, valid)


@pytest.fixture
def filled_url(database_url, tmp_path, monkeypatch):
    """A database with rows, one revision behind: that of an index."""
    with migrating(database_url) as connection:
        connection.exec_driver_sql(ROWS.replace("%", "%%"))
    released(release_with_index(tmp_path), monkeypatch)
    return database_url


def break_off(url, revision):
    """Upgrade in a migration that then fails."""

    def fail_after_it():
        with migrating(url):
            alembic.upgrade(revision)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_it()


def test_it_is_part_of_the_hosts_transaction(empty_database_url):
    break_off(empty_database_url, HEAD)
    with migrating(empty_database_url) as connection:
        assert value(connection, "SELECT to_regclass('chatkit_threads')") is None


def test_the_hosts_migration_goes_on_as_before(empty_database_url):
    names = "SELECT current_setting(%s)"
    settings = ("search_path", "statement_timeout", "lock_timeout")
    with migrating(empty_database_url) as connection:
        connection.exec_driver_sql("CREATE SCHEMA chat")
        connection.exec_driver_sql("SET statement_timeout = '55s'")
        before = [connection.exec_driver_sql(names, (name,)).scalar() for name in settings]
        alembic.upgrade(HEAD, schema="chat")
        assert [connection.exec_driver_sql(names, (name,)).scalar() for name in settings] == before
        op.create_table("orders", Column("id", Integer))
        assert value(connection, "SELECT count(*) FROM public.orders") == 0
        assert value(connection, "SELECT count(*) FROM chat.chatkit_threads") == 0


def test_a_revision_that_was_passed_already_changes_nothing(filled_url):
    with migrating(filled_url) as connection:
        alembic.upgrade(HEAD)
        assert state_of(connection) == (HEAD, None)
        alembic.upgrade("9998")
        alembic.upgrade(HEAD)
        assert state_of(connection) == DONE


def test_an_unknown_revision_names_those_there_are(empty_database_url):
    with migrating(empty_database_url), pytest.raises(SchemaError, match=f"The revisions are: 0001, .*{HEAD}"):
        alembic.upgrade("nowhere")


def test_an_index_of_a_table_in_use_is_built_outside_the_hosts_transaction(filled_url):
    break_off(filled_url, "9998")
    with migrating(filled_url) as connection:
        assert state_of(connection) == (HEAD, True)
        alembic.upgrade("9998")
        assert state_of(connection) == DONE
        assert value(connection, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid <> 1") == 0


def test_another_process_that_migrates_is_not_waited_for_for_ever(filled_url, monkeypatch):
    monkeypatch.setattr(_index_builds, "LOCK_WAIT_SECONDS", 0)
    monkeypatch.setattr(_index_builds, "PAUSE_SECONDS", 0)
    with migrating(filled_url) as other:
        other.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_migrations.LOCK})")
        with migrating(filled_url) as connection:
            connection.exec_driver_sql("SET lock_timeout = '44s'")
            with pytest.raises(StoreUnavailableError, match="Another process"):
                alembic.upgrade("9998")
            assert value(connection, "SHOW lock_timeout") == "44s"
            assert state_of(connection) == (HEAD, None)


def test_a_build_that_does_not_get_the_lock_leaves_the_session_as_it_was(filled_url, monkeypatch):
    monkeypatch.setattr(_index_builds, "LOCK_WAIT_SECONDS", 0)
    with migrating(filled_url) as other, migrating(filled_url) as connection:
        other.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_migrations.LOCK})")
        connection.exec_driver_sql("SET lock_timeout = '44s'")
        with op.get_context().autocommit_block():
            index = CreateIndexOp(INDEX, "chatkit_threads", ["id"])
            with pytest.raises(StoreUnavailableError, match="Another process"):
                _index_builds.build(connection, [index], None, time.sleep)
        assert value(connection, "SHOW lock_timeout") == "44s"


def test_a_transaction_pooler_is_refused(filled_url):
    with running_pgbouncer(filled_url) as url, migrating(url) as connection:
        with pytest.raises(ConfigurationError, match="pooler"):
            alembic.upgrade("9998")
        assert state_of(connection) == (HEAD, None)


async def test_a_table_of_users(empty_database_url):
    def migrate(connection):
        with Operations.context(MigrationContext.configure(connection)):
            op.execute("CREATE TABLE users (id text PRIMARY KEY)")
            for _ in range(2):
                alembic.upgrade(HEAD, users=UsersTable("users"))
        return value(connection, "SELECT count(*) FROM pg_constraint WHERE confrelid = 'users'::regclass")

    engine = create_async_engine(empty_database_url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        assert await connection.run_sync(migrate) == 2
    await engine.dispose()


@pytest.mark.parametrize("rows", ["", ROWS], ids=["empty", "filled"])
def test_the_index_of_threads_by_last_activity(database_url, rows):
    with migrating(database_url) as connection:
        if rows:
            connection.exec_driver_sql(rows.replace("%", "%%"))
    with migrating(database_url) as connection:
        for _ in range(2):
            alembic.upgrade(HEAD, thread_order="updated_at")
        assert value(
            connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'chatkit_threads_by_activity'::regclass"
        )


def test_sql_cannot_be_printed():
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True})
    with Operations.context(context):
        with pytest.raises(ConfigurationError, match="Put what `chatkit-pgstore sql` prints in the place"):
            alembic.upgrade(HEAD)
        # What Operations.context would not do after an error.
        assert op.get_context() is context


THEIRS = Table("orders", MetaData(), Column("id", Integer))
LIKE_OURS = Table("chatkit_threads", MetaData(), Column("id", Integer))
ELSEWHERE = Table("chatkit_threads", MetaData(), Column("id", Integer), schema="chat")
VERSION = Table("chatkit_schema_version", MetaData(), Column("version_num", Integer))


@pytest.mark.parametrize(
    ("item", "schema", "included"),
    [
        (threads, None, False),
        (threads, "chat", False),
        (LIKE_OURS, None, False),
        (LIKE_OURS, "chat", True),
        (ELSEWHERE, "chat", False),
        (ELSEWHERE, None, True),
        (VERSION, None, False),
        (THEIRS, None, True),
        (THEIRS.c.id, None, True),
        (Index("orders_by_id", THEIRS.c.id), None, True),
    ],
)
def test_autogenerate_looks_at_everything_but_our_tables(item, schema, included):
    assert alembic.include_object(item, item.name, "any", False, None, schema=schema) is included


def autogenerated(connection, *target, schema=None):
    """Return the code and the report of what autogenerate finds to do, with our filter and our hook."""
    options = {
        "target_metadata": [MetaData(), *target],
        "include_object": partial(alembic.include_object, schema=schema),
    }
    context = MigrationContext.configure(connection, opts=options)
    script = produce_migrations(context, options["target_metadata"])
    alembic.process_revision_directives(context, (), [script], schema=schema)
    return render_python_code(script.upgrade_ops), script.upgrade_ops.as_diffs()


@pytest.mark.parametrize("target", [(), (metadata,)], ids=["without our metadata", "with our metadata"])
@pytest.mark.parametrize("schema", [None, "chat"])
def test_autogenerate_writes_what_is_missing_and_then_nothing(target, schema, empty_database_url):
    with migrating(empty_database_url) as connection:
        op.execute("CREATE SCHEMA chat")
        code, report = autogenerated(connection, *target, schema=schema)
        call = f"upgrade('{HEAD}')" if schema is None else f"upgrade('{HEAD}', schema='chat')"
        assert f"chatkit_pgstore.alembic.{call}\n" in code
        assert report == [("chatkit_pgstore", call)]
        alembic.upgrade(HEAD, schema=schema)
        code, report = autogenerated(connection, *target, schema=schema)
        assert "chatkit" not in code
        assert report == []


def test_tables_that_another_process_makes_while_we_look_are_ours(empty_database_url):
    engine = create_engine(empty_database_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=pool.NullPool)

    @event.listens_for(engine, "before_cursor_execute")
    def migrate_meanwhile(_connection, _cursor, statement, *_rest):
        if "relname = ANY" in statement:
            with psycopg.connect(empty_database_url, autocommit=True) as other:
                other.execute(_migrations.sql())

    with engine.connect() as connection:
        assert not _migrations.is_behind(connection, None)


def test_an_index_that_another_process_has_built_is_left_as_it_is(filled_url):
    with migrating(filled_url) as connection:
        alembic.upgrade("9998")
        number = "SELECT oid FROM pg_class WHERE relname = '" + INDEX + "'"
        before = value(connection, number)
        with op.get_context().autocommit_block():
            _index_builds.build(connection, [CreateIndexOp(INDEX, "chatkit_threads", ["id"])], None, time.sleep)
        assert value(connection, number) == before


def test_without_a_database_autogenerate_writes_nothing():
    context = MigrationContext.configure(dialect_name="postgresql")
    script = MigrationScript(None, UpgradeOps([]), DowngradeOps([]))
    alembic.process_revision_directives(context, (), [script])
    assert script.upgrade_ops.is_empty()


def test_a_database_that_is_not_ours_is_told_to_autogenerate_too(empty_database_url):
    with migrating(empty_database_url) as connection:
        op.execute("CREATE TABLE chatkit_threads (id int)")
        with pytest.raises(SchemaError, match="There is chatkit_threads already"):
            autogenerated(connection)
