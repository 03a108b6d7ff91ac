"""The file behind a BufferedStore: who may use it, what is refused, what it holds, and for how long."""

import asyncio
import sqlite3
import stat
import subprocess
import sys

import pytest

from chatkit_pgstore import ConfigurationError, StoreUnavailableError
from chatkit_pgstore.buffered._entry import Entry, saved_thread
from chatkit_pgstore.buffered._journal import Journal, Snapshot
from chatkit_pgstore.errors import JournalFullError
from tests.support.samples import thread

MUCH = 1_000_000


@pytest.fixture
async def opened():
    """Open journals, and close them after the test."""
    journals = []

    async def open_one(path, database="db", max_bytes=MUCH):
        journals.append(Journal(path, database, max_bytes))
        return journals[-1], await journals[-1].open()

    yield open_one
    for journal in journals:
        await journal.close()


def entry(user_id="alice", title=None):
    return saved_thread(user_id, thread("thr_1", title))


def bytes_in(path):
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


async def test_what_was_appended_is_there_after_it_was_opened_again(opened, tmp_path):
    first, held = await opened(tmp_path / "journal")
    assert (held.snapshots, held.entries) == ([], [])
    snapshot = Snapshot("alice", "thr_1", '{"as": "it was"}')
    await first.append(entry(title="one"), snapshot)
    await first.append(entry("bob"), None)
    used = first.bytes_used
    await first.close()
    second, held = await opened(tmp_path / "journal")
    assert (held.snapshots, held.entries) == ([snapshot], [entry(title="one"), entry("bob")])
    assert (second.pending, second.users, second.bytes_used) == (2, ["alice", "bob"], used)
    assert not second.wants_snapshot(entry())


async def test_acknowledged_writes_stay_until_the_last_of_their_user(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    for each in (entry(title="one"), entry(title="two"), entry("bob")):
        await journal.append(each, None)
    (first, _), (second, _) = await journal.oldest("alice", 9)
    await journal.acknowledge("alice", first)
    assert [kept for _, kept in await journal.oldest("alice", 9)] == [entry(title="two")]
    assert await held_in(journal, opened, tmp_path) == 3
    await journal.open()
    await journal.acknowledge("alice", second)
    assert (journal.pending, journal.users) == (1, ["bob"])
    assert await held_in(journal, opened, tmp_path) == 1


async def held_in(journal, opened, tmp_path):
    """Return how many writes a process finds that opens the journal when this one is gone."""
    await journal.close()
    other, held = await opened(tmp_path / "journal")
    await other.close()
    return len(held.entries)


async def test_nothing_of_a_conversation_is_left_on_the_disk(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    await journal.append(entry(title="a secret of alice"), Snapshot("alice", "thr_1", "a secret of before"))
    assert any(b"a secret of" in content for content in bytes_in(journal.path).values())
    [(number, _)] = await journal.oldest("alice", 9)
    await journal.acknowledge("alice", number)
    assert not any(b"a secret of" in content for content in bytes_in(journal.path).values())
    assert journal.bytes_used == 0


async def test_nobody_else_may_read_it(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    await journal.append(entry(), None)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


async def test_a_commit_waits_for_the_disk_and_the_file_is_held(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    ask = journal._connection.execute
    asked = await journal._run(
        lambda: [ask(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode", "locking_mode")]
    )
    assert asked == [2, "wal", "exclusive"]


async def test_a_second_one_is_refused_the_same_file(opened, tmp_path):
    await opened(tmp_path / "journal")
    with pytest.raises(ConfigurationError, match="is in use.*existing folder"):
        await opened(tmp_path / "journal")


def test_a_second_process_is_refused_the_same_file(tmp_path):
    code = f"""
        import asyncio, subprocess, sys
        from pathlib import Path
        from chatkit_pgstore.buffered._journal import Journal
        async def main():
            await Journal(Path({str(tmp_path / "journal")!r}), "db", 1000).open()
            if sys.argv[1:]:
                subprocess.run([sys.executable, "-c", sys.argv[1]])
        asyncio.run(main())
    """
    code = "\n".join(line[8:] for line in code.splitlines())
    done = subprocess.run([sys.executable, "-c", code, code], capture_output=True, text=True, check=True)
    assert "ConfigurationError: The journal" in done.stderr
    assert "is in use" in done.stderr


async def test_of_a_folder_each_takes_the_first_free_file(opened, tmp_path):
    journals = [(await opened(tmp_path))[0] for _ in range(3)]
    assert [journal.path.name for journal in journals] == [f"journal-{number}.sqlite3" for number in (1, 2, 3)]
    await journals[1].close()
    assert (await opened(tmp_path))[0].path.name == "journal-2.sqlite3"


async def test_of_a_folder_what_holds_writes_is_taken_first(opened, tmp_path):
    first, second = [(await opened(tmp_path))[0] for _ in range(2)]
    await second.append(entry(), None)
    await first.close()
    await second.close()
    adopting, held = await opened(tmp_path)
    assert adopting.path == second.path
    assert held.entries == [entry()]


async def test_a_journal_of_another_database_is_refused_and_stays(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal", "db.example:5432/chat")
    await journal.append(entry(), None)
    await journal.close()
    before = bytes_in(journal.path)
    with pytest.raises(ConfigurationError, match="database='db.example:5432/chat'"):
        await opened(tmp_path / "journal", "localhost:5432/chat")
    assert bytes_in(journal.path) == before


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"no SQLite file, but a long text" * 100, "damaged, or no SQLite file"), (b"x", "damaged, or no SQLite file")],
)
async def test_another_kind_of_file_is_refused_and_stays(opened, tmp_path, content, complaint):
    (tmp_path / "journal").write_bytes(content)
    with pytest.raises(ConfigurationError, match=complaint):
        await opened(tmp_path / "journal")
    assert bytes_in(tmp_path / "journal") == {"journal": content}


async def test_a_damaged_journal_is_refused(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    for number in range(50):
        await journal.append(entry(title=f"{number}" * 500), None)
    await journal.close()
    content = bytearray(journal.path.read_bytes())
    content[5000:9000] = bytes(4000)
    journal.path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="damaged"):
        await opened(tmp_path / "journal")
    assert journal.path.read_bytes() == content


async def test_a_journal_whose_tables_are_damaged_is_refused(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    await journal.close()
    content = bytearray(journal.path.read_bytes())
    content[100:300] = b"\xff" * 200
    journal.path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="damaged"):
        await opened(tmp_path / "journal")


async def test_a_file_of_another_program_is_refused_and_stays(opened, tmp_path):
    path = tmp_path / "journal"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photos (name)")
    other.close()
    before = bytes_in(path)
    with pytest.raises(ConfigurationError, match="another program"):
        await opened(path)
    assert bytes_in(path) == before


async def test_a_journal_of_another_release_is_refused(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    await journal.close()
    with sqlite3.connect(journal.path) as newer:
        newer.execute("PRAGMA user_version = 2")
    newer.close()
    with pytest.raises(ConfigurationError, match="another release"):
        await opened(tmp_path / "journal")


@pytest.mark.parametrize("path", ["nowhere/journal", "a file/journal"])
async def test_a_journal_that_cannot_be_written_is_refused(opened, tmp_path, path):
    (tmp_path / "a file").touch()
    with pytest.raises(ConfigurationError, match="cannot be written.*existing folder"):
        await opened(tmp_path / path)


async def test_a_journal_beside_which_nothing_can_be_written_is_refused(opened, tmp_path):
    (tmp_path / "journal-wal").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await opened(tmp_path / "journal")


async def test_a_file_system_that_cannot_hold_it_is_refused(opened, tmp_path):
    (tmp_path / "journal").symlink_to("/dev/full")
    with pytest.raises(ConfigurationError, match="journal cannot be written|damaged"):
        await opened(tmp_path / "journal")


async def test_a_full_journal_refuses_and_keeps_what_it_has(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal", max_bytes=2 * entry().bytes)
    for user in ("alice", "bobby"):
        await journal.append(entry(user), None)
    with pytest.raises(JournalFullError, match="max_bytes="):
        await journal.append(entry("carol"), None)
    assert (journal.pending, journal.users) == (2, ["alice", "bobby"])
    [(number, _)] = await journal.oldest("alice", 9)
    await journal.acknowledge("alice", number)
    await journal.append(entry("carol"), None)


async def test_a_snapshot_that_has_no_room_is_left_out(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal", max_bytes=entry().bytes)
    await journal.append(entry(), Snapshot("alice", "thr_1", "{}"))
    await journal.close()
    _, held = await opened(tmp_path / "journal")
    assert (held.snapshots, held.entries) == ([], [entry()])


async def limited(journal, pages):
    """Let the file grow no further, as on a disk that is full."""
    await journal._run(lambda: journal._connection.execute(f"PRAGMA max_page_count = {pages}"))


async def test_a_full_disk_is_a_full_journal(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    await limited(journal, 1)
    with pytest.raises(JournalFullError, match="disk"):
        await journal.append(entry(title="x" * 100_000), None)
    assert (journal.pending, journal.bytes_used) == (0, 0)
    await limited(journal, 1_000_000)
    await journal.append(entry(), None)
    assert journal.pending == 1


async def test_a_journal_that_fails_says_so(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    await journal._run(lambda: journal._connection.execute("PRAGMA query_only = ON"))
    with pytest.raises(StoreUnavailableError, match="could not be written"):
        await journal.append(entry(), None)
    assert journal.pending == 0


async def test_a_commit_that_fails_half_way_leaves_nothing(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    refuse = "CREATE TEMP TRIGGER refuse BEFORE INSERT ON writes BEGIN SELECT RAISE(FAIL, 'refused'); END"
    await journal._run(lambda: journal._connection.execute(refuse))
    with pytest.raises(StoreUnavailableError, match="refused"):
        await journal.append(entry(), Snapshot("alice", "thr_1", "{}"))
    await journal._run(lambda: journal._connection.execute("DROP TRIGGER refuse"))
    await journal.append(entry("bob"), None)
    await journal.close()
    _, held = await opened(tmp_path / "journal")
    assert (held.snapshots, held.entries) == ([], [entry("bob")])


async def test_what_waits_for_the_disk_goes_there_together(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    commits = []
    await journal._run(lambda: journal._connection.set_trace_callback(commits.append))
    await asyncio.gather(*(journal.append(entry(f"user {number}"), None) for number in range(100)))
    assert journal.pending == 100
    assert commits.count("COMMIT") <= 3


async def test_rows_of_a_user_with_nothing_pending_are_no_obstacle(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    await journal.append(entry(), Snapshot("alice", "thr_1", "{}"))
    await journal._run(lambda: journal._connection.execute("UPDATE writes SET acknowledged = 1"))
    await journal.close()
    again, held = await opened(tmp_path / "journal")
    assert (again.pending, again.bytes_used, held.entries, held.snapshots) == (0, 0, [], [])


async def test_a_closed_journal_says_that_it_is_not_open(opened, tmp_path):
    journal, _ = await opened(tmp_path / "journal")
    await journal.close()
    await journal.close()
    with pytest.raises(ConfigurationError, match="not open"):
        await journal.oldest("alice", 1)


def test_a_deletion_of_an_attachment_is_about_no_thread():
    deletion = Entry(call="delete_attachment", user_id="alice", row_id="atc_1")
    assert deletion.touches == ("attachment atc_1",)
    assert not Journal(None, "db", MUCH).wants_snapshot(deletion)
