"""Exports: every row and column, documents to the letter, one moment, and nobody else's."""

import asyncio
import json
from contextlib import aclosing
from datetime import datetime

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import ConfigurationError, UnknownUserError, UsersTable
from chatkit_pgstore.operations import _moving_statements, enable_row_security, export_everybody, export_users
from tests.support.calls import fill
from tests.support.databases import execute
from tests.support.files_of_export import exported, parsed, rows
from tests.support.histories import write_history
from tests.support.pgbouncer import running_pgbouncer
from tests.support.roles import role_of
from tests.support.samples import ALICE, BOB, attachment, ids_of, message, thread
from tests.support.tables import add_feedback_and_files, fetch
from tests.support.users import ALL_IDS, USERS, create_users

ODD_DOCUMENTS = [
    '{"id": "thr_odd", "text": "a \\u0000 NUL"}',
    '{"number": 1e400, "least": -1E-999, "many": ' + "9" * 5000 + "}",
    '  {"spaces" :\t"around"}  ',
    '{"twice": 1, "twice": 2, "half": "\\ud83d"}',
    '{"separators": "\u2028\u2029\u0085", "solidus": "\\/"}',
    '{"deep": ' + "[" * 1500 + "]" * 1500 + "}",
    '{"reads": "like a line\\", \\"document\\":", "document":{"document":1}}',
]
BROKEN_DOCUMENTS = ['{\n  "pretty": true\n}\n', '{"carriage":\r\n1}']


async def insert_thread(url, number, document, user="alice"):
    query = "INSERT INTO chatkit_threads VALUES ($1, $2, $3::text::json, 0, now(), now())"
    await fetch(url, query, user, f"thr_{number:03}", document)


def kinds(lines):
    return [parsed(line)["kind"] for line in lines]


async def test_a_file_says_what_it_is_and_counts_what_it_has(store, database_url):
    await fill(store)
    await add_feedback_and_files(database_url)
    lines = await exported(store)
    assert parsed(lines[0]) == {"kind": "export", "version": "2", "chatkit": parsed(lines[0])["chatkit"]}
    assert parsed(lines[1]) == {"kind": "user", "user_id": "alice"}
    assert kinds(lines[2:-2]) == [*["thread", *["item"] * 4] * 2, *["attachment"] * 4, *["feedback"] * 4]
    counts = {"threads": "2", "items": "8", "attachments": "4", "feedback": "4"}
    assert parsed(lines[-2]) == {"kind": "end", "user_id": "alice", **counts}
    assert parsed(lines[-1]) == {"kind": "complete", "users": "1"}
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


async def test_feedback_whose_item_is_gone_is_left_out(store, database_url):
    await fill(store)
    await add_feedback_and_files(database_url)
    await fetch(database_url, "DELETE FROM chatkit_thread_items WHERE sort_key = 1")
    feedback = [line for line in map(parsed, await exported(store)) if line["kind"] == "feedback"]
    assert [line["feedback"] for line in feedback] == ["negative", "negative"]


async def test_a_line_has_every_column_of_its_row(store, database_url):
    await write_history(store, threads=2)
    await add_feedback_and_files(database_url)
    lines = [json.loads(line) for line in await exported(store)]
    kinds_of_lines = ("thread", "item", "attachment", "feedback")
    for kind, names in zip(kinds_of_lines, (await rows(database_url, "alice")).values(), strict=True):
        found = [as_row(line, kind) for line in lines if line["kind"] == kind]
        assert sorted(map(repr, found)) == sorted(repr(row_as_data(row, kind)) for row in names) != []


def as_row(line, kind):
    row = {**line, kind: line["document"]} if kind != "feedback" else {**line, "kind": line["feedback"]}
    row.pop("document" if kind != "feedback" else "feedback")
    row.pop("kind" if kind != "feedback" else "document", None)
    times = {name: datetime.fromisoformat(row[name]) for name in ("created_at", "updated_at")}
    return sorted((row | times).items())


def row_as_data(row, kind):
    # What is made of a document does not travel.
    moved = [(name, value) for name, value in row if name != "metadata"]
    return sorted((name, json.loads(value) if name == kind else value) for name, value in moved)


@pytest.mark.parametrize("document", ODD_DOCUMENTS)
async def test_a_document_stands_on_its_line_to_the_letter(store, database_url, document):
    await insert_thread(database_url, 1, document)
    line = (await exported(store))[2]
    assert line.endswith(f',"document":{document}}}\n')
    assert line.count("\n") == 1


@pytest.mark.parametrize("document", BROKEN_DOCUMENTS)
async def test_a_document_with_line_breaks_stands_as_text(store, database_url, document):
    await insert_thread(database_url, 1, document)
    line = (await exported(store))[2]
    assert parsed(line)["document_text"] == document
    assert "document" not in parsed(line)


@pytest.mark.parametrize(("rows_per_step", "bytes_per_step"), [(1, 2**20), (3, 2**20), (500, 1), (500, 700)])
async def test_the_size_of_the_steps_changes_nothing(store, monkeypatch, rows_per_step, bytes_per_step):
    await write_history(store, threads=3)
    await store.save_thread(thread("thr_00001a"), ALICE)
    expected = await exported(store)
    monkeypatch.setattr(_moving_statements, "ROWS_PER_STEP", rows_per_step)
    monkeypatch.setattr(_moving_statements, "BYTES_PER_STEP", bytes_per_step)
    assert await exported(store) == expected


async def test_large_documents_make_small_steps(store, database_url):
    incompressible = "SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 12000)"
    [[text]] = await fetch(database_url, incompressible)
    for number in range(8):
        await insert_thread(database_url, number, json.dumps({"text": text}))
    async with store.engine.connect() as connection:
        user = _moving_statements.cast("alice", _moving_statements.Text())
        step = await connection.execute(_moving_statements.next_rows(_moving_statements.THREADS, user, None))
        assert len(step.all()) < 8
    assert kinds(await exported(store)).count("thread") == 8


async def test_the_file_is_one_moment(store, monkeypatch):
    monkeypatch.setattr(_moving_statements, "ROWS_PER_STEP", 1)
    await fill(store)
    expected = await exported(store)
    async with aclosing(export_users(store, "alice")) as lines:
        found = [await anext(lines) for _ in range(3)]
        await store.delete_thread("thr_2", ALICE)
        await store.add_thread_item("thr_1", message("msg_late"), ALICE)
        found += [line async for line in lines]
    assert found == expected


async def test_one_that_is_broken_off_leaves_nothing_open(make_store):
    store = await make_store(pool_size=1)
    await fill(store)
    async with aclosing(export_users(store, "alice")) as lines:
        await anext(lines)
        await anext(lines)
    assert await ids_of(store) == ["msg_a", "msg_b", "msg_c", "tc_done"]


async def test_nobody_elses_rows_are_in_it(store):
    await fill(store)
    expected = await exported(store)
    await write_history(store, BOB)
    assert await exported(store) == expected


async def test_a_user_without_anything_is_an_empty_section(store):
    lines = await exported(store, "nobody")
    assert kinds(lines) == ["export", "user", "end", "complete"]


async def test_several_users_follow_each_other_in_one_file(store):
    await fill(store)
    await fill(store, BOB)
    lines = await exported(store, "bob", "alice")
    assert lines[1:-1] == (await exported(store, "bob"))[1:-1] + (await exported(store))[1:-1]
    assert parsed(lines[-1])["users"] == "2"


async def test_everybody_is_who_has_anything(store, database_url):
    await fill(store, {"user_id": "carol"})
    await store.save_attachment(attachment("atc_alone"), BOB)
    await insert_thread(database_url, 1, "{}", "\N{GRINNING FACE}")
    everybody = [line async for line in export_everybody(store)]
    assert everybody == await exported(store, "bob", "carol", "\N{GRINNING FACE}")


@pytest.mark.parametrize(
    ("users", "told"),
    [(("",), "user_id must not be empty"), (("a", "a"), "named twice"), (("a\0",), "NUL"), ((7,), "must be text")],
)
async def test_a_user_who_cannot_be_is_an_error_before_the_first_line(store, users, told):
    with pytest.raises(ValueError, match=told):
        await exported(store, *users)


async def test_tables_in_a_schema_of_their_own(make_store, database_url):
    await execute(database_url, "CREATE SCHEMA chat")
    store = await make_store(schema="chat")
    await store.initialize()
    await fill(store)
    assert kinds(await exported(store)).count("item") == 8


@pytest.mark.parametrize("ids", ALL_IDS, ids=str)
async def test_users_of_every_type_of_id(ids, empty_database_url, make_store):
    await create_users(empty_database_url, ids)
    store = await make_store(empty_database_url, users=UsersTable(USERS))
    await store.initialize()
    for user_id in (ids.alice, ids.bob):
        await fill(store, {"user_id": user_id})
    lines = await exported(store, ids.alice)
    assert kinds(lines).count("item") == 8
    everybody = [line async for line in export_everybody(store)]
    assert {parsed(line)["user_id"] for line in everybody if parsed(line)["kind"] == "user"} == {ids.alice, ids.bob}
    for impossible in ids.impossible:
        with pytest.raises(UnknownUserError, match="There is no user"):
            await exported(store, impossible)


async def test_a_hosts_engine_is_given_back_as_it_was(database_url, make_store):
    engine = create_async_engine(
        database_url.replace("postgresql:", "postgresql+asyncpg:"), isolation_level="AUTOCOMMIT", pool_size=1
    )
    store = await make_store(engine=engine)
    await fill(store)
    assert kinds(await exported(store)).count("thread") == 2
    await store.save_thread(thread(title="Written"), ALICE)
    async with engine.connect() as connection:
        shown = await connection.exec_driver_sql("SHOW default_transaction_read_only")
        assert shown.scalar() == "off"
    await engine.dispose()


async def test_a_slow_reader_is_waited_for(database_url, make_store):
    await fetch(
        database_url, f"ALTER DATABASE {database_url.rpartition('/')[2]} SET idle_in_transaction_session_timeout = 50"
    )
    store = await make_store()
    await fill(store)
    async with aclosing(export_users(store, "alice")) as lines:
        found = [await anext(lines), await anext(lines), await anext(lines)]
        # As long as a pipe that is full: it is the time itself that is tried.
        await asyncio.sleep(0.2)
        found += [line async for line in lines]
    assert kinds(found)[-1] == "complete"


async def test_behind_a_transaction_pooler(store, database_url, make_store):
    await fill(store)
    with running_pgbouncer(database_url) as url:
        pooled = await make_store(url, pooler="transaction")
        assert await exported(pooled) == await exported(store)
        await pooled.close()


async def test_under_row_security_a_user_is_exported_and_everybody_is_refused(database_url, store, make_store):
    await fill(store)
    await enable_row_security(store)
    async with role_of(database_url) as url:
        held = await make_store(url, row_security=True)
        assert await exported(held) == await exported(store)
        with pytest.raises(ConfigurationError, match="lacks rights"):
            [line async for line in export_everybody(held)]
        await held.close()
