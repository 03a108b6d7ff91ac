"""Imports: equal to what was exported, safe to repeat, and of a damaged file nothing."""

import asyncio
import io
import itertools
import re
import sys
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, TypeAdapter

from chatkit_pgstore import (
    ConfigurationError,
    DamagedExportError,
    PostgresStore,
    StoreUnavailableError,
    UnknownUserError,
    UsersTable,
)
from chatkit_pgstore.operations import (
    Imported,
    _import_batch,
    _import_lines,
    enable_row_security,
    export_users,
    import_users,
)
from chatkit_pgstore.testing.contract import _samples
from tests.integration.test_export import BROKEN_DOCUMENTS, ODD_DOCUMENTS, insert_thread
from tests.support.calls import fill
from tests.support.databases import execute
from tests.support.files_of_export import MOVED, exported, imported, parsed, rows
from tests.support.histories import history, write_history
from tests.support.pgbouncer import running_pgbouncer
from tests.support.roles import GRANTS, role_of
from tests.support.samples import ALICE, BOB, ids_of, message, thread
from tests.support.shared import shared_database
from tests.support.tables import add_feedback_and_files, dump, fetch, fetch_value
from tests.support.users import ALL_IDS, BIGINTS, USERS, create_users
from tests.support.waiting import eventually_true

NOTHING: dict[str, list[object]] = {table: [] for table in MOVED}


@pytest.fixture
async def lines(store):
    """The file of a user with two threads of four items, and four attachments: 18 lines."""
    await fill(store)
    return await exported(store)


@pytest.fixture
async def rated_lines(store, database_url):
    """The same, with feedback on two items of each thread, in lines 17 to 20 of 22."""
    await fill(store)
    await add_feedback_and_files(database_url)
    return await exported(store)


def others(lines, user="bob"):
    """Return the same file of another user."""
    return [line.replace('"user_id":"alice"', f'"user_id":"{user}"') for line in lines]


async def test_every_type_comes_back_equal_in_every_column(store, database_url):
    await write_history(store, threads=3)
    await add_feedback_and_files(database_url)
    before, seen = await rows(database_url, "alice"), await history(store)
    found = await imported(store, others(await exported(store)))
    assert await rows(database_url, "bob") == before
    assert await history(store, BOB) == seen
    counts = [len(before[table]) for table in NOTHING]
    assert found == Imported(1, *counts, already_there=0, unreadable=0)
    assert await fetch_value(database_url, "SELECT count(*) FROM chatkit_files WHERE user_id = 'bob'") == 0


async def test_the_conversation_goes_on_behind_what_was_imported(store, lines):
    await imported(store, others(lines))
    await store.add_thread_item("thr_1", message("msg_new"), BOB)
    assert await ids_of(store, context=BOB) == ["msg_a", "msg_b", "msg_c", "tc_done", "msg_new"]


@pytest.mark.parametrize("document", [*ODD_DOCUMENTS, *BROKEN_DOCUMENTS])
async def test_odd_documents_come_back_to_the_letter(store, database_url, document, caplog):
    await insert_thread(database_url, 1, document)
    found = await imported(store, others(await exported(store)))
    assert await rows(database_url, "bob") == await rows(database_url, "alice")
    assert found.unreadable == 1
    assert re.search(r"Line 3: Thread 'thr_001' cannot be read by openai-chatkit", caplog.text)


@pytest.mark.parametrize("sizes", [(1, 2**20), (3, 2**20), (1000, 1)])
async def test_the_size_of_the_batches_changes_nothing(store, database_url, monkeypatch, sizes):
    await write_history(store, threads=2)
    await add_feedback_and_files(database_url)
    monkeypatch.setattr(_import_batch, "ROWS_PER_BATCH", sizes[0])
    monkeypatch.setattr(_import_batch, "CHARACTERS_PER_BATCH", sizes[1])
    monkeypatch.setattr(_import_lines, "BYTES_PER_READ", 100)
    for there_already in (0, sum(map(len, (await rows(database_url, "alice")).values()))):
        assert (await imported(store, others(await exported(store)))).already_there == there_already
    assert await rows(database_url, "bob") == await rows(database_url, "alice")


async def test_a_second_import_changes_nothing(store, lines, database_url):
    before = await dump(database_url)
    assert await imported(store, lines) == Imported(1, 2, 8, 4, 0, already_there=14)
    assert await dump(database_url) == before


async def test_what_was_deleted_since_is_brought_back(store, lines, database_url):
    before = await rows(database_url, "alice")
    await store.delete_thread("thr_2", ALICE)
    await store.delete_thread_item("thr_1", "msg_b", ALICE)
    await imported(store, lines)
    assert await rows(database_url, "alice") == before


CHANGES = {
    "thread 'thr_2'": lambda store: store.save_thread(thread("thr_2", "Other"), ALICE),
    "thread 'thr_1'": lambda store: store.add_thread_item("thr_1", message("msg_new"), ALICE),
    "item 'msg_b'": lambda store: store.save_item("thr_1", message("msg_b", "Other"), ALICE),
    "attachment 'atc_1'": lambda store: store.save_attachment(_samples.attachment_sample(id="atc_1"), ALICE),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_row_that_differs_is_an_error_and_nothing_is_written(store, lines, database_url, what):
    await CHANGES[what](store)
    await store.delete_attachment("atc_of_thread_2", ALICE)
    before = await dump(database_url)
    told = (
        f"Line \\d+ cannot be imported: user 'alice' has {what} already, and it is another one. Nothing was imported."
    )
    with pytest.raises(DamagedExportError, match=told):
        await imported(store, lines)
    assert await dump(database_url) == before


@pytest.mark.parametrize(
    ("table", "document"),
    [("chatkit_threads", "thread"), ("chatkit_thread_items", "item"), ("chatkit_attachments", "attachment")],
)
async def test_a_document_that_differs_by_a_space_is_another(store, lines, database_url, table, document):
    await execute(database_url, f"UPDATE {table} SET {document} = concat(' ', {document})::json")
    with pytest.raises(DamagedExportError, match="already, and it is another one"):
        await imported(store, lines)


async def test_another_item_at_the_same_place_is_an_error(store, lines):
    await store.delete_thread_item("thr_1", "msg_b", ALICE)
    moved = [line.replace('"sort_key":2', '"sort_key":3') for line in lines if '"msg_c"' not in line]
    with pytest.raises(DamagedExportError, match="has item 'msg_b' already"):
        await imported(store, [line.replace('"items":8', '"items":6') for line in moved])


async def test_it_may_become_another_users(store, lines, database_url):
    await store.save_thread(thread("thr_of_bob"), BOB)
    await imported(store, lines, user_id="bob")
    listed = await store.load_threads(10, None, "asc", BOB)
    assert [each.id for each in listed.data] == ["thr_2", "thr_1", "thr_of_bob"]
    assert {row["user_id"] for row in await fetch(database_url, "SELECT user_id FROM chatkit_threads")} == {
        "alice",
        "bob",
    }


async def test_lines_may_come_from_another_store(store, empty_database_url, make_store, database_url):
    await write_history(store)
    other = await make_store(empty_database_url)
    await other.initialize()
    assert (await import_users(other, export_users(store, "alice"))).threads == 1
    assert await rows(empty_database_url, "alice") == await rows(database_url, "alice")


async def test_lines_may_be_bytes_and_end_as_windows_ends_them(store, lines):
    async def of_windows():
        for line in others(lines):
            yield line.encode().replace(b"\n", b"\r\n")

    assert (await import_users(store, of_windows())).items == 8


async def test_progress_counts_lines(store, lines, monkeypatch):
    monkeypatch.setattr("chatkit_pgstore.operations._import.LINES_PER_REPORT", 7)
    seen = []
    await imported(store, lines, progress=seen.append)
    assert seen == [7, 14]


async def test_the_new_users_id_is_checked_first(store):
    with pytest.raises(ValueError, match="user_id must not be empty"):
        await imported(store, b"", user_id="")


# Damage


async def test_a_file_that_ends_early_is_told_and_changes_nothing(store, lines, database_url):
    before = await dump(database_url)
    for number in range(len(lines)):
        with pytest.raises(DamagedExportError, match="file is empty|it was cut off") as caught:
            await imported(store, others(lines)[:number])
        assert str(number or "empty") in str(caught.value)
        done = number == len(lines) - 1
        assert ("What stands before it of 1 user is imported" if done else "Nothing was imported") in str(caught.value)
        if not done:
            assert await dump(database_url) == before


async def test_a_file_that_ends_within_a_line_is_told_and_changes_nothing(store, lines, database_url):
    before, file = await dump(database_url), "".join(others(lines)[:-1]).encode()
    for length in range(1, len(file) - 1, 13):
        with pytest.raises(DamagedExportError, match=r"Line \d+ cannot|cut off"):
            await imported(store, file[:length])
    assert await dump(database_url) == before


DAMAGES = {
    "no JSON": (1, "{", "", "it is no JSON"),
    "another format": (1, '"kind":"export"', '"kind":"backup"', 'its "kind" is none that an export has'),
    "a newer version": (
        1,
        '"version":2',
        '"version":3,"more":{}',
        "of version 3, and this release reads versions 1 to 2",
    ),
    "a number alone": (2, '{"kind":"user","user_id":"alice"}', "5", "it is no JSON object"),
    "no kind": (2, '"kind":"user",', "", 'it has no "kind"'),
    "an empty user": (2, '"alice"', '""', "user_id: value_error"),
    "a user that is no text": (2, '"alice"', "7", "user_id: string_type"),
    "a field that nobody knows": (3, '"kind":"thread"', '"kind":"thread","colour":"red"', "colour: extra_forbidden"),
    "a field that is missing": (3, '"last_sort_key":4,', "", "last_sort_key: missing"),
    "a number that is text": (3, '"last_sort_key":4', '"last_sort_key":"4"', "last_sort_key: int_type"),
    "a number that is true": (3, '"last_sort_key":4', '"last_sort_key":true', "last_sort_key: int_type"),
    "a number out of range": (3, '"last_sort_key":4', f'"last_sort_key":{2**63}', "last_sort_key: less_than"),
    "a time that is none": (3, '"created_at":"2', '"created_at":"x2', "created_at: datetime"),
    "a time without a zone": (3, '901Z","updated', '901","updated', "created_at: timezone_aware"),
    "a time beyond the years": (
        3,
        "2026-01-02T03:04:04.678901Z",
        "0001-01-01T00:00:00+23:59",
        "created_at: value_error",
    ),
    "an id with a NUL": (3, '"id":"thr_1","last', '"id":"thr_\\u00001","last', "id: value_error"),
    "an id that is too long": (3, '"id":"thr_1","last', f'"id":"{"t" * 513}","last', "id: value_error"),
    "an id with half a character": (3, '"id":"thr_1","last', '"id":"\\ud83d","last', "it is no JSON"),
    "no document": (3, ',"document":', ',"documents":', "documents: extra_forbidden"),
    "an empty document": (6, ',"document":', ',"document_text":"","x":', "extra_forbidden"),
    "two documents": (4, ',"document":', ',"document_text":"{}","document":', "exactly one of"),
    "a document where there is none": (2, "}", ',"document":{}}', '"user" has no document'),
    "a document that is no object": (4, ',"document":{', ',"document":[', "no JSON object"),
    "a document that is no JSON": (4, ',"document":{', ',"document":{,', "no JSON that PostgreSQL can hold"),
    "a document with NaN": (4, ',"document":{', ',"document":{"a":NaN,', "no JSON that PostgreSQL can hold"),
    "something behind the document": (4, "}\n", '},"more":1}\n', "no JSON that PostgreSQL can hold"),
    "a document of brackets": (
        4,
        ',"document":{',
        ',"document":{"a":' + "[" * 10**6,
        "no JSON that PostgreSQL can hold",
    ),
    "a line of brackets": (4, "{", "[" * 10**6, "it is no JSON"),
    "a NUL in the document": (4, ',"document":{', ',"document":{\0', "no NUL character"),
    "a NUL in the text": (4, '"type":"assistant', '"type":"\\u0000assistant', "type: value_error"),
    "another id in the document": (4, '"id":"msg_a","sort', '"id":"msg_aa","sort', 'another "id"'),
    "another type in the document": (
        4,
        '"type":"assistant_message","status"',
        '"type":"task","status"',
        'another "type"',
    ),
    "another status in the document": (4, '"status":null', '"status":"done"', 'another "status"'),
    "an item of another thread": (
        4,
        '"thread_id":"thr_1","id"',
        '"thread_id":"thr_2","id"',
        "stand behind that thread",
    ),
    "an item twice": (5, '"id":"msg_b"', '"id":"msg_a"', "has item 'msg_a' already"),
    "a sort key twice": (5, '"sort_key":2', '"sort_key":1', "they have to ascend"),
    "a sort key that was never given": (7, '"sort_key":4', '"sort_key":5', "above its thread's last_sort_key"),
    "a thread twice": (8, '"id":"thr_2"', '"id":"thr_1"', "ids have to ascend"),
    "an attachment twice": (14, '"id":"atc_2"', '"id":"atc_1"', "ids have to ascend"),
    "an attachment of no thread": (
        15,
        '"thread_id":"thr_1"',
        '"thread_id":"thr_9"',
        "'thr_9' does not stand before it",
    ),
    "a count that is wrong": (
        17,
        '"items":8',
        '"items":9',
        "counts 2 threads, 9 items, 4 attachments and 0 of feedback, and there were 2, 8, 4 and 0",
    ),
    "a count below zero": (17, '"items":8', '"items":-8', "items: greater_than_equal"),
    "the end of another user": (17, '"alice"', '"bob"', "ends user 'bob'"),
    "a line of another place": (
        17,
        '"kind":"end","user_id":"alice","threads":2,"items":8,"attachments":4,"feedback":0',
        '"kind":"user","user_id":"eve"',
        'is of kind "user", where "thread" or "item"',
    ),
    "other bytes than UTF-8": (4, "Hello", b"\xff", "utf-8"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_line_is_named_and_nothing_is_changed(store, lines, database_url, damage):
    number, old, new, told = DAMAGES[damage]
    before = await dump(database_url)
    file = [line.encode() for line in lines]
    new = new if isinstance(new, bytes) else new.encode()
    assert old.encode() in file[number - 1]
    file[number - 1] = file[number - 1].replace(old.encode(), new)
    with pytest.raises(DamagedExportError, match=re.escape(told)) as caught:
        await imported(store, file, user_id="mallory")
    assert str(caught.value).startswith(f"Line {number} cannot be imported: ")
    assert str(caught.value).endswith("Nothing was imported.")
    assert "Hello" not in str(caught.value)
    assert await dump(database_url) == before


DAMAGED_FEEDBACK = {
    "feedback twice": (18, '"item_id":"msg_b"', '"item_id":"msg_a"', "ids have to ascend"),
    "feedback on an item that is not there": (18, '"item_id":"msg_b"', '"item_id":"msg_bb"', "item 'msg_bb' of thread"),
    "feedback in a thread that is not there": (20, '"thr_2"', '"thr_3"', "of thread 'thr_3' does not stand before it"),
    "feedback that says nothing": (17, '"feedback":"positive",', "", "feedback: missing"),
    "feedback with a document": (17, "}", ',"document":{}}', 'of kind "feedback" has no document'),
    "feedback with a text": (17, "}", ',"document_text":"{}"}', "document_text: extra_forbidden"),
    "a count of feedback that is wrong": (21, '"feedback":4', '"feedback":5', "4 attachments and 5 of feedback"),
    "feedback that is not counted": (21, ',"feedback":4', "", "4 attachments and 0 of feedback"),
}


@pytest.mark.parametrize("damage", DAMAGED_FEEDBACK)
async def test_damaged_feedback_is_named_and_nothing_is_changed(store, rated_lines, database_url, damage):
    number, old, new, told = DAMAGED_FEEDBACK[damage]
    before = await dump(database_url)
    assert old in rated_lines[number - 1]
    rated_lines[number - 1] = rated_lines[number - 1].replace(old, new)
    with pytest.raises(DamagedExportError, match=re.escape(told)) as caught:
        await imported(store, rated_lines, user_id="mallory")
    assert str(caught.value).endswith("Nothing was imported.")
    assert await dump(database_url) == before


async def test_feedback_that_changed_since_is_an_error(store, rated_lines, database_url):
    assert (await imported(store, rated_lines)).already_there == 18
    await store.save_feedback("thr_2", ["msg_b"], "positive", ALICE)
    before = await dump(database_url)
    with pytest.raises(DamagedExportError, match="Line 20 .* user 'alice' has feedback 'msg_b' already, and it is an"):
        await imported(store, rated_lines)
    assert await dump(database_url) == before


async def test_feedback_that_is_gone_is_brought_back(store, rated_lines, database_url):
    before = await rows(database_url, "alice")
    await store.delete_thread_item("thr_1", "msg_b", ALICE)
    await fetch(database_url, "DELETE FROM chatkit_feedback WHERE thread_id = 'thr_2'")
    assert (await imported(store, rated_lines)).already_there == 14
    assert await rows(database_url, "alice") == before


async def test_a_file_of_the_first_version_is_imported(store, lines, database_url):
    first = others(lines)
    first[0] = first[0].replace('"version":2', '"version":1')
    first[-2] = first[-2].replace(',"feedback":0', "")
    assert '"feedback"' not in "".join(first)
    assert await imported(store, first) == Imported(1, 2, 8, 4, 0)
    assert await rows(database_url, "bob") == await rows(database_url, "alice")


async def test_threads_are_found_by_their_metadata_after_an_import(store, lines):
    tagged = thread("thr_1").model_copy(update={"metadata": {"agent": "billing", "odd": "a \0 b"}})
    await store.save_thread(tagged, ALICE)
    await imported(store, others(await exported(store)))
    found = await store.load_threads_where(9, None, "asc", BOB, metadata={"agent": "billing"})
    assert [each.id for each in found.data] == ["thr_1"]


async def test_metadata_that_no_column_could_hold_are_imported_all_the_same(store, database_url):
    document = (
        '{"title":null,"id":"thr_001","created_at":"2026-01-02T03:04:05","metadata":{"a":1e999,"b":"\\u0000"},'
        '"status":{"type":"active"},"allowed_image_domains":null}'
    )
    await insert_thread(database_url, 1, document)
    assert await imported(store, others(await exported(store))) == Imported(1, 1)
    assert (await rows(database_url, "bob"))["chatkit_threads"][0] != []


async def test_a_line_without_end_is_refused_before_it_is_read(store, monkeypatch, lines):
    monkeypatch.setattr(_import_lines, "LONGEST_LINE_BYTES", 1000)
    lines[3] = lines[3].replace("Hello", "Hello" * 1000)
    with pytest.raises(DamagedExportError, match="Line 4 cannot be imported: it is longer than 1,000 bytes"):
        await imported(store, lines)


async def test_a_file_that_cannot_be_read_is_told(store, lines):
    class Unplugged(io.BytesIO):
        def readline(self, size=-1):
            if self.tell() > 1000:
                raise OSError("device not ready")
            return super().readline(size)

    file = Unplugged("".join(lines).encode())
    with pytest.raises(DamagedExportError, match=r"cannot be read behind line 0: device not ready"):
        await import_users(store, file)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (['{"kind":"complete","users":2}\n'], "it counts 2 users, and there were 1"),
        (['{"kind":"complete","users":1}\n', "\n"], "behind the end of the export"),
    ],
)
async def test_an_end_that_is_wrong_is_told_and_what_came_before_stays(store, lines, database_url, end, told):
    with pytest.raises(DamagedExportError, match=told) as caught:
        await imported(store, others(lines)[:-1] + end)
    assert str(caught.value).endswith("What stands before it of 1 user is imported, and nothing else.")
    assert await rows(database_url, "bob") == await rows(database_url, "alice")


async def test_users_before_the_damage_stay_and_a_second_run_finishes(store, lines, database_url):
    await fill(store, BOB)
    both = await exported(store, "alice", "bob")
    both = others(both, "carol")
    damaged = [line.replace('"items":8', '"items":9') if '"end","user_id":"bob"' in line else line for line in both]
    expected = await rows(database_url, "bob")
    await execute(database_url, "DELETE FROM chatkit_threads WHERE user_id = 'bob'")
    await execute(database_url, "DELETE FROM chatkit_attachments WHERE user_id = 'bob'")
    with pytest.raises(DamagedExportError, match="What stands before it of 1 user is imported, and nothing else"):
        await imported(store, damaged)
    assert await rows(database_url, "carol") == await rows(database_url, "alice")
    assert await rows(database_url, "bob") == NOTHING
    assert await imported(store, both) == Imported(2, 4, 16, 8, 0, already_there=14)
    assert await rows(database_url, "bob") == expected


ODD_VALUES = [
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "NaN",
    "1e999",
    '""',
    '"x"',
    "[]",
    "{}",
    str(2**70),
    '"\\u0000"',
    '"thr_1"',
]
VALUE = re.compile(r'(?<=":)("(?:[^"\\\\]|\\\\.)*"|-?\d+|null|true|false)')


@pytest.fixture(scope="module")
def module_url(server_url, template_database):
    with shared_database(server_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def module_file(module_url):
    async def take():
        async with PostgresStore(module_url) as store:
            await fill(store)
            await store.save_feedback("thr_1", ["msg_a"], "positive", ALICE)
            await store.save_item("thr_1", _samples.message("thr_1", "a \0 b", id="msg_b"), ALICE)
            return await exported(store)

    return asyncio.run(take())


@st.composite
def mutations(draw, lines):
    """Draw a file with one thing changed."""
    file = [line.encode() for line in lines]
    place = draw(st.integers(0, len(file) - 1))
    line = file[place]
    match draw(st.sampled_from(["byte", "cut", "value", "swap", "twice", "gone"])):
        case "byte":
            at = draw(st.integers(0, len(line) - 1))
            file[place] = line[:at] + draw(st.binary(max_size=2)) + line[at + draw(st.integers(0, 2)) :]
        case "cut":
            file[place] = line[: draw(st.integers(0, len(line) - 1))]
        case "value":
            found = draw(st.sampled_from(list(VALUE.finditer(line.decode()))))
            text = line.decode()
            file[place] = (text[: found.start()] + draw(st.sampled_from(ODD_VALUES)) + text[found.end() :]).encode()
        case "swap":
            other = draw(st.integers(0, len(file) - 1))
            file[place], file[other] = file[other], line
        case "twice":
            file.insert(place, line)
        case "gone":
            del file[place]
    return b"".join(file)


users = (f"user {number}" for number in itertools.count())


def test_a_mutated_file_is_told_and_changes_nothing_or_is_what_is_there(module_url, module_file):
    with asyncio.Runner() as runner:
        store = PostgresStore(module_url)

        @settings(max_examples=300, deadline=None)
        @given(mutations(module_file))
        def run(file):
            runner.run(see(store, module_url, file, next(users)))

        try:
            run()
        finally:
            runner.run(store.close())


TOLD = re.compile(r"Line \d+ cannot be imported|The file (is empty|ends after line \d+)|$")


async def complaint(store, file, user):
    """Return what an import has against a file, nothing when it has nothing."""
    try:
        await imported(store, file, user_id=user)
    except DamagedExportError as error:
        return str(error)
    return ""


async def see(store, url, file, user):
    told = await complaint(store, file, user)
    assert TOLD.match(told)
    if told.endswith("Nothing was imported."):
        assert await rows(url, user) == NOTHING
        return
    # What may be damaged else is behind the rows, which are all there. An attachment may stand among items of a thread.
    assert sorted(rows_of(file.split(b"\n")), key=repr) == sorted(rows_of(await exported(store, user)), key=repr)


DOCUMENT = re.compile(r',\s*"document"\s*:')
A_TIME = TypeAdapter(AwareDatetime)


def rows_of(lines):
    """Yield what the lines of rows say, with the letters of their documents."""
    for line in lines:
        with suppress(ValueError):
            text = line.decode() if isinstance(line, bytes) else line
            found = parsed(text)
            if isinstance(found, dict) and found.get("kind") in ("thread", "item", "attachment"):
                times = {name: A_TIME.validate_python(found[name]) for name in ("created_at", "updated_at")}
                yield found | times, DOCUMENT.split(text.rstrip(), maxsplit=1)[-1]


# Who, and where


async def test_a_user_of_whom_the_host_does_not_know_is_an_error(store, lines, empty_database_url, make_store):
    await create_users(empty_database_url, BIGINTS)
    known = await make_store(empty_database_url, users=UsersTable(USERS))
    await known.initialize()
    assert (await imported(known, lines, user_id=BIGINTS.alice)).items == 8
    for nobody in (BIGINTS.nobody, *BIGINTS.impossible):
        with pytest.raises(UnknownUserError, match=r"There is no user .*Nothing was imported\.") as caught:
            await imported(known, lines, user_id=nobody)
        assert nobody in str(caught.value)
    attachments_alone = [lines[0], lines[1], lines[12], lines[-2], lines[-1]]
    attachments_alone[3] = '{"kind":"end","user_id":"alice","threads":0,"items":0,"attachments":1}\n'
    with pytest.raises(UnknownUserError, match="There is no user"):
        await imported(known, attachments_alone, user_id=BIGINTS.nobody)


async def test_a_role_that_may_not_write_is_told(store, lines, database_url, make_store):
    async with role_of(database_url, grants=GRANTS[1:]) as url:
        reader = await make_store(url)
        with pytest.raises(ConfigurationError, match="lacks rights"):
            await imported(reader, lines)
        await reader.close()


END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction'
"""


@pytest.mark.parametrize("document", ['"plain":1,', '"for the server to judge":' + "9" * 5000 + ","])
async def test_a_connection_that_breaks_leaves_nothing(store, lines, database_url, document):
    async def source():
        for number, line in enumerate(others(lines), start=1):
            if number == 4:
                await fetch(database_url, END_OTHERS)
            yield line.replace('"document":{', f'"document":{{{document}')

    with pytest.raises(StoreUnavailableError, match="did not answer"):
        await import_users(store, source())
    assert await rows(database_url, "bob") == NOTHING
    assert (await imported(store, others(lines))).items == 8


@pytest.mark.parametrize("ids", ALL_IDS, ids=str)
async def test_users_of_every_type_of_id(ids, lines, empty_database_url, make_store, database_url):
    await create_users(empty_database_url, ids)
    store = await make_store(empty_database_url, users=UsersTable(USERS))
    await store.initialize()
    for there_already in (0, 14):
        assert (await imported(store, lines, user_id=ids.alice)).already_there == there_already
    assert await rows(empty_database_url, ids.alice) == await rows(database_url, "alice")
    assert (await imported(store, await exported(store, ids.alice))).already_there == 14


async def test_tables_in_a_schema_of_their_own(make_store, lines, database_url):
    await execute(database_url, "CREATE SCHEMA chat")
    store = await make_store(schema="chat")
    await store.initialize()
    for there_already in (0, 14):
        assert (await imported(store, lines)).already_there == there_already
    assert await rows(database_url, "alice", "chat") == await rows(database_url, "alice")


async def test_behind_a_transaction_pooler(store, lines, database_url, make_store):
    with running_pgbouncer(database_url) as url:
        pooled = await make_store(url, pooler="transaction")
        for there_already in (0, 14):
            assert (await imported(pooled, others(lines))).already_there == there_already
        await pooled.close()
    assert await rows(database_url, "bob") == await rows(database_url, "alice")


async def test_the_applications_role_imports_under_row_security(store, lines, database_url, make_store):
    await enable_row_security(store)
    async with role_of(database_url) as url:
        held = await make_store(url, row_security=True)
        for there_already in (0, 14):
            assert (await imported(held, others(lines))).already_there == there_already
        await held.close()
    assert await rows(database_url, "bob") == await rows(database_url, "alice")


# At once, and killed


async def test_two_imports_of_one_file_at_once_are_one(store, database_url):
    await write_history(store, threads=3)
    file = others(await exported(store))
    found = await asyncio.gather(*(imported(store, file) for _ in range(3)))
    count = sum(map(len, (await rows(database_url, "alice")).values()))
    assert sorted(each.already_there for each in found) == [0, count, count]
    assert await rows(database_url, "bob") == await rows(database_url, "alice")


IMPORT = """
import sys
from chatkit_pgstore.cli import main
from chatkit_pgstore.operations import _import_batch, _import_lines

_import_batch.ROWS_PER_BATCH = _import_lines.BYTES_PER_READ = 1
sys.exit(main(["import", "--database-url", sys.argv[1]]))
"""
IS_WRITING = """
    SELECT count(*) > 0 FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL
"""


async def test_a_killed_import_leaves_nothing_and_can_be_run_again(store, lines, database_url):
    command = [sys.executable, "-W", "ignore", "-c", IMPORT, database_url]
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    process.stdin.write("".join(others(lines)[:-2]).encode())
    await eventually_true(lambda: fetch_value(database_url, IS_WRITING))
    process.kill()
    await process.wait()
    process.stdin.close()
    assert await rows(database_url, "bob") == NOTHING
    await imported(store, others(lines))
    assert await rows(database_url, "bob") == await rows(database_url, "alice")
