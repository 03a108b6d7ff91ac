"""`distribute`: what it asks of Citus, what it leaves alone, what it refuses. No cluster is here: see the stand-in."""

import asyncio
import json

import asyncpg
import pytest

from chatkit_pgstore import ConfigurationError, SchemaOutOfDateError, StoreUnavailableError, UsersTable
from chatkit_pgstore._migrations import LOCK
from chatkit_pgstore.cli import main
from chatkit_pgstore.operations import _distribute, distribute
from tests.support.calls import fill
from tests.support.citus_stand_in import install
from tests.support.databases import execute
from tests.support.locks import locked_threads
from tests.support.samples import ids_of
from tests.support.tables import TABLES, add_feedback_and_files, dump, fetch, fetch_value

ASKED = "SELECT what FROM asked ORDER BY id"
THE_TABLES = [
    "chatkit_threads by user_id beside none",
    "chatkit_thread_items by user_id beside public.chatkit_threads",
    "chatkit_attachments by user_id beside public.chatkit_threads",
    "chatkit_feedback by user_id beside public.chatkit_threads",
    "chatkit_files by user_id beside public.chatkit_threads",
    "chatkit_file_chunks by user_id beside public.chatkit_threads",
]
EVERYWHERE = ["chatkit_schema_version everywhere", "chatkit_supported_revisions everywhere"]
THE_FUNCTIONS = [
    "chatkit_append_item by of_user beside public.chatkit_threads",
    "chatkit_replace_item by of_user beside public.chatkit_threads",
]
EMPTIED = [f"{table} emptied here" for table in reversed(TABLES)]
OF_FILLED = EMPTIED[-3:]
"""Of those that `fill` fills."""
FOREIGN_KEYS = """
    SELECT conrelid::regclass::text AS table, conname, pg_get_constraintdef(oid) AS key, convalidated
    FROM pg_constraint WHERE contype = 'f' ORDER BY 1, 2
"""


@pytest.fixture
async def cluster_url(database_url):
    await install(database_url)
    return database_url


async def asked(url):
    return [row["what"] for row in await fetch(url, ASKED)]


async def test_empty_tables_are_distributed_by_user_side_by_side(store, cluster_url):
    found = await distribute(store)
    assert await asked(cluster_url) == [*THE_TABLES, *EVERYWHERE, *THE_FUNCTIONS]
    assert [name.partition("(")[0].removeprefix("public.") for name in found.done] == [
        *TABLES,
        "chatkit_schema_version",
        "chatkit_supported_revisions",
        "chatkit_append_item",
        "chatkit_replace_item",
    ]
    assert (found.shards, found.machines) == (4, 2)


async def test_of_filled_tables_the_coordinators_own_copy_goes(store, cluster_url):
    await fill(store)
    await add_feedback_and_files(cluster_url)
    rows = {table: await fetch_value(cluster_url, f"SELECT count(*) FROM {table}") for table in TABLES}
    await distribute(store)
    assert await asked(cluster_url) == [*THE_TABLES, *EVERYWHERE, *THE_FUNCTIONS, *EMPTIED]
    for table in TABLES:
        assert await fetch_value(cluster_url, "SELECT count(*) FROM copied WHERE name = $1", table) == rows[table]
        assert await fetch_value(cluster_url, f"SELECT pg_relation_size('{table}')") == 0


async def test_a_second_run_finds_it_done(store, cluster_url):
    await fill(store)
    first = await distribute(store)
    before = await asked(cluster_url)
    second = await distribute(store)
    assert (second.done, second.shards, second.machines) == ((), first.shards, first.machines)
    assert await asked(cluster_url) == before


async def test_what_is_there_of_an_interrupted_run_is_left_alone(store, cluster_url):
    """By hand, one after the other: `distribute` itself does all of it or nothing."""
    await fill(store)
    await execute(
        cluster_url,
        "SET citus.multi_shard_modify_mode = 'sequential';"
        "SELECT create_distributed_table('chatkit_threads', 'user_id', colocate_with => 'none');"
        "SELECT create_reference_table('chatkit_schema_version'); TRUNCATE asked",
    )
    found = await distribute(store)
    assert await asked(cluster_url) == [*THE_TABLES[1:], *EVERYWHERE[1:], *THE_FUNCTIONS, *OF_FILLED]
    assert found.done[:2] == ("public.chatkit_thread_items", "public.chatkit_attachments")


async def test_a_run_that_fails_changes_nothing(store, cluster_url):
    await fill(store)
    await execute(cluster_url, "ALTER TABLE asked ADD CONSTRAINT no CHECK (what NOT LIKE 'chatkit_replace_item by%')")
    before = await dump(cluster_url)
    with pytest.raises(ConfigurationError, match="Citus refused: .* violates check constraint"):
        await distribute(store)
    assert await dump(cluster_url) == before
    assert await asked(cluster_url) == []
    assert await fetch_value(cluster_url, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'chatkit%'") == 0


async def test_a_run_that_was_interrupted_before_it_cleaned_up_does_so_the_next_time(store, cluster_url):
    await fill(store)
    await execute(cluster_url, "ALTER TABLE asked ADD CONSTRAINT no CHECK (what NOT LIKE '%emptied here')")
    with pytest.raises(ConfigurationError, match="Citus refused"):
        await distribute(store)
    await execute(cluster_url, "ALTER TABLE asked DROP CONSTRAINT no")
    assert (await distribute(store)).done == ()
    assert (await asked(cluster_url))[-3:] == OF_FILLED


async def test_a_function_of_an_older_release_is_replaced(store, cluster_url):
    await distribute(store)
    await execute(cluster_url, "TRUNCATE asked")
    body = "UPDATE pg_proc SET prosrc = prosrc || ' ' WHERE proname = 'chatkit_replace_item'"
    await execute(cluster_url, f"SET allow_system_table_mods = on; {body}")
    await distribute(store)
    assert await asked(cluster_url) == THE_FUNCTIONS[1:]


@pytest.mark.parametrize("schema", ["chat", 'Od"d ones'])
async def test_in_a_schema_of_its_own(schema, empty_database_url, make_store):
    quoted = '"' + schema.replace('"', '""') + '"'
    await execute(empty_database_url, f"CREATE SCHEMA {quoted}")
    await install(empty_database_url)
    store = await make_store(empty_database_url, schema=schema)
    await store.initialize()
    await fill(store)
    await distribute(store)
    assert await fetch_value(empty_database_url, "SELECT count(*) FROM pg_dist_partition WHERE partmethod = 'h'") == 6
    assert len(await asked(empty_database_url)) == 13
    assert (await distribute(store)).done == ()


# Users


@pytest.fixture
async def store_with_users(cluster_url, make_store):
    await execute(cluster_url, "CREATE SCHEMA app; CREATE TABLE app.users (id text PRIMARY KEY)")
    await execute(cluster_url, "INSERT INTO app.users VALUES ('alice')")
    store = await make_store(users=UsersTable("app.users"))
    await store.initialize()
    await fill(store)
    return store


async def test_users_whom_not_every_machine_has_are_refused(store_with_users, cluster_url):
    before = await dump(cluster_url)
    advice = (
        r"refers to app.users, .* create_reference_table\('app.users'\), .* create_distributed_table\('app.users', 'id'"
    )
    with pytest.raises(ConfigurationError, match=advice):
        await distribute(store_with_users)
    assert await dump(cluster_url) == before
    assert await asked(cluster_url) == []


async def test_users_whom_every_machine_has_keep_their_keys(store_with_users, cluster_url):
    keys = await fetch(cluster_url, FOREIGN_KEYS)
    await execute(
        cluster_url,
        "SET citus.multi_shard_modify_mode = 'sequential'; SELECT create_reference_table('app.users'); TRUNCATE asked;"
        # What Citus makes of tables that refer to one: local tables of its own.
        "INSERT INTO pg_dist_partition SELECT unnest(ARRAY['chatkit_threads', 'chatkit_thread_items', "
        "'chatkit_attachments', 'chatkit_feedback'])::regclass, 'n', NULL, 0, 's'",
    )
    await distribute(store_with_users)
    assert (await asked(cluster_url))[:6] == THE_TABLES
    assert len(keys) == 6
    assert await fetch(cluster_url, FOREIGN_KEYS) == keys


async def test_users_who_are_distributed_have_their_threads_beside_them(store_with_users, cluster_url):
    await execute(
        cluster_url,
        "SET citus.multi_shard_modify_mode = 'sequential'; TRUNCATE asked;"
        "SELECT create_distributed_table('app.users', 'id', colocate_with => 'none')",
    )
    await distribute(store_with_users)
    assert (await asked(cluster_url))[1:3] == ["chatkit_threads by user_id beside app.users", THE_TABLES[1]]


async def test_users_who_are_distributed_by_something_else_are_refused(store_with_users, cluster_url):
    await execute(cluster_url, "INSERT INTO pg_dist_partition VALUES ('app.users', 'h', 'country', 5, 's')")
    with pytest.raises(ConfigurationError, match="refers to app.users"):
        await distribute(store_with_users)


# What is refused


async def test_without_citus_nothing_is_done(store, database_url):
    await fill(store)
    before = await dump(database_url)
    with pytest.raises(ConfigurationError, match="has no Citus.*CREATE EXTENSION citus.*how-to/citus.md"):
        await distribute(store)
    assert await dump(database_url) == before
    assert await fetch_value(database_url, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'chatkit%'") == 0


async def test_without_tables_there_is_nothing_to_distribute(empty_database_url, make_store):
    with pytest.raises(SchemaOutOfDateError):
        await distribute(await make_store(empty_database_url))


async def test_only_the_coordinator_can_do_it(store, cluster_url):
    await execute(cluster_url, "UPDATE pg_dist_local_group SET groupid = 3")
    with pytest.raises(ConfigurationError, match="not the coordinator"):
        await distribute(store)


@pytest.mark.parametrize(
    "row",
    [
        "'chatkit_threads', 'h', 'id', 5, 's'",
        "'chatkit_threads', 'n', NULL, 5, 't'",
        "'chatkit_thread_items', 'h', 'user_id', 5, 's'",
    ],
)
async def test_tables_that_are_distributed_in_another_way_are_refused(row, store, cluster_url):
    await execute(cluster_url, f"INSERT INTO pg_dist_partition VALUES ({row})")
    with pytest.raises(ConfigurationError, match="in another way .* undistribute_table"):
        await distribute(store)
    assert await asked(cluster_url) == []


async def test_row_security_is_refused(store, cluster_url):
    await execute(cluster_url, "ALTER TABLE chatkit_threads ENABLE ROW LEVEL SECURITY")
    with pytest.raises(ConfigurationError, match="row security, whose setting"):
        await distribute(store)
    assert await asked(cluster_url) == []


async def test_a_foreign_key_from_a_table_of_the_hosts_is_refused(store, cluster_url):
    key = "FOREIGN KEY (owner, thread) REFERENCES chatkit_threads"
    await execute(cluster_url, f"CREATE TABLE orders (owner text, thread text, {key})")
    with pytest.raises(ConfigurationError, match="^orders refers to the tables by a foreign key"):
        await distribute(store)
    assert await asked(cluster_url) == []


async def test_while_somebody_migrates_it_is_not_begun(store, cluster_url):
    connection = await asyncpg.connect(cluster_url)
    await connection.execute(f"SELECT pg_advisory_lock({LOCK})")
    with pytest.raises(StoreUnavailableError, match="migrates or distributes"):
        await distribute(store)
    await connection.close()
    assert (await distribute(store)).done


async def test_tables_in_use_are_not_waited_for_long(store, cluster_url, monkeypatch):
    """Rows that are being written would else be missing, or the writer be in the way of everybody behind."""
    monkeypatch.setattr(_distribute, "LOCK_WAIT_SECONDS", 0.1)
    await fill(store)
    async with locked_threads(cluster_url):
        with pytest.raises(StoreUnavailableError, match="lock was not granted in time"):
            await distribute(store)
    assert await asked(cluster_url) == []
    assert (await distribute(store)).done


async def test_two_at_once_do_it_once(store, cluster_url, make_store):
    runs = await asyncio.gather(distribute(store), distribute(await make_store()), return_exceptions=True)
    assert await asked(cluster_url) == [*THE_TABLES, *EVERYWHERE, *THE_FUNCTIONS]
    assert all(isinstance(run, StoreUnavailableError) or run.shards == 4 for run in runs)


# The command


async def test_the_command_tells_what_it_did(store, cluster_url, capsys):
    command = ["distribute", "--database-url", cluster_url]
    assert await asyncio.to_thread(main, command) == 0
    assert "Distributed: public.chatkit_threads, public.chatkit_thread_items" in capsys.readouterr().out
    assert await asyncio.to_thread(main, command) == 0
    assert capsys.readouterr().out == (
        "Everything was distributed already. Each table is in 4 shards, on 2 machines.\n"
    )
    assert await asyncio.to_thread(main, [*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"done": [], "shards": 4, "machines": 2}


async def test_the_command_says_what_is_missing(store, database_url, capsys):
    assert await asyncio.to_thread(main, ["distribute", "--database-url", database_url]) == 1
    assert "chatkit-pgstore: This database has no Citus" in capsys.readouterr().err
    await fill(store)
    assert await ids_of(store) == ["msg_a", "msg_b", "msg_c", "tc_done"]
