"""Databases, schemas and roles that cannot be used: each is told what to do, and nothing is changed."""

from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from chatkit_pgstore import ConfigurationError, PostgresStore, SchemaError, _migrations
from tests.support.catalog import catalog_of
from tests.support.databases import execute
from tests.support.releases import STILL_SERVES_THE_LAST, next_release, released
from tests.support.tables import fetch, fetch_value

VERSIONS = "CREATE TABLE chatkit_schema_version (version_num text); INSERT INTO chatkit_schema_version VALUES "
SUPPORTED = "CREATE TABLE chatkit_supported_revisions (revision text); "


async def refusal(url, **options):
    """Return the error of an attempt to migrate, the same as that of a check, and see that nothing was changed."""
    before = await catalog_of(url)
    told = []
    for migrate in (True, False):
        store = PostgresStore(url, **options)
        with pytest.raises((ConfigurationError, SchemaError)) as caught:
            await store.initialize(migrate=migrate)
        await store.close()
        told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1]
    assert await catalog_of(url) == before
    return told[0]


TAKEN = {
    "a table": "CREATE TABLE chatkit_threads (id int)",
    "a view": "CREATE VIEW chatkit_threads AS SELECT 1 AS id",
    "an index": "CREATE TABLE theirs (id int); CREATE INDEX chatkit_threads ON theirs (id)",
}


@pytest.mark.parametrize("made", TAKEN.values(), ids=TAKEN)
async def test_somebody_elses_table_of_our_name(made, empty_database_url):
    await execute(empty_database_url, made)
    kind, told = await refusal(empty_database_url)
    assert kind is SchemaError
    assert told == (
        "There is chatkit_threads already, but chatkit_schema_version records no revision. Where that is another "
        "program's, name a schema of your own with schema=, or --schema; where it comes from a backup without "
        "chatkit_schema_version, restore that too. Nothing was changed."
    )


async def test_it_does_not_matter_in_another_schema(empty_database_url):
    await execute(empty_database_url, "CREATE SCHEMA chat; CREATE TABLE chatkit_threads (id int)")
    async with PostgresStore(empty_database_url, schema="chat"):
        pass


async def test_our_tables_without_their_revision(database_url):
    await execute(database_url, "DROP TABLE chatkit_schema_version")
    _, told = await refusal(database_url)
    assert told.startswith(
        "There is chatkit_attachments, chatkit_feedback, chatkit_file_chunks, chatkit_files, chatkit_"
    )


FOREIGN = {
    "a word": (SUPPORTED + VERSIONS + "('ae1027a6acf')", "'ae1027a6acf', which no release of chatkit-pgstore has"),
    "a number of the past": (SUPPORTED + VERSIONS + "('0000')", "'0000', which no release of chatkit-pgstore has"),
    "several": (VERSIONS + "('0001'), ('0002')", "records 2 revisions, and ours has one"),
    "tables that are gone": (VERSIONS + "('0001')", "there is no chatkit_supported_revisions"),
}


@pytest.mark.parametrize(("made", "reason"), FOREIGN.values(), ids=FOREIGN)
async def test_a_revision_that_is_not_ours(made, reason, empty_database_url):
    await execute(empty_database_url, made)
    kind, told = await refusal(empty_database_url)
    assert kind is SchemaError
    assert reason in told
    assert "Name a schema of your own with schema=" in told


async def test_a_search_path_that_leads_nowhere(empty_database_url):
    kind, told = await refusal(f"{empty_database_url}?options=-c%20search_path%3Dnowhere")
    assert kind is ConfigurationError
    assert "search_path names none that exists" in told


@pytest.fixture
async def guest_url(empty_database_url):
    """The URL of a role that may log in, and no more than everybody else."""
    role, address = f"chatkit_guest_{uuid4().hex}", urlsplit(empty_database_url)
    await execute(empty_database_url, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    yield address._replace(netloc=f"{role}:secret@{address.netloc.rpartition('@')[2]}").geturl()
    await execute(empty_database_url, f"DROP OWNED BY {role}; DROP ROLE {role}")


async def failure_of_migration(url, **options):
    store = PostgresStore(url, **options)
    with pytest.raises(ConfigurationError) as caught:
        await store.initialize()
    await store.close()
    return str(caught.value)


async def test_a_role_that_may_not_make_tables_in_the_schema(guest_url, empty_database_url):
    role = urlsplit(guest_url).username
    await execute(empty_database_url, f"CREATE SCHEMA chat; GRANT USAGE ON SCHEMA chat TO {role}")
    told = await failure_of_migration(guest_url, schema="chat")
    assert "lacks rights: permission denied for schema chat. Migrate as the owner" in told
    assert await fetch(empty_database_url, "SELECT FROM pg_tables WHERE schemaname = 'chat'") == []


async def test_a_role_that_may_not_migrate_what_is_another_roles(guest_url, empty_database_url, tmp_path, monkeypatch):
    async with PostgresStore(empty_database_url):
        pass
    role = urlsplit(guest_url).username
    await execute(empty_database_url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    released(next_release(tmp_path, support=STILL_SERVES_THE_LAST), monkeypatch)
    before = await catalog_of(empty_database_url)
    assert "lacks rights: must be owner of table chatkit_threads" in await failure_of_migration(guest_url)
    assert await catalog_of(empty_database_url) == before
    revision = await fetch_value(empty_database_url, "SELECT version_num FROM chatkit_schema_version")
    assert revision != _migrations.head()
