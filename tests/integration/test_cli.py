"""The command line as a script or a person uses it: processes, pipes and terminals."""

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from chatkit_pgstore import SchemaOutOfDateError
from tests.support.dawdling import slow_down
from tests.support.old_threads import ids_in, leave_alone, write_many, write_thread
from tests.support.pgbouncer import running_pgbouncer
from tests.support.samples import ALICE, BOB
from tests.support.tables import add_feedback_and_files, dump, fetch, fetch_value
from tests.support.users import USERS, UUIDS, create_users
from tests.support.waiting import eventually_true

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ("operate.md", "retention.md", "erase-a-user.md")
COMMAND = (sys.executable, "-m", "chatkit_pgstore.cli")
PATIENCE_SECONDS = 60.0


def run(database_url, *arguments, **options):
    """Run the command to its end, with nobody at the keyboard."""
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True} | options
    environment = os.environ | {"DATABASE_URL": database_url}
    return subprocess.run([*COMMAND, *arguments], env=environment, check=False, timeout=PATIENCE_SECONDS, **options)


def run_on_a_terminal(database_url, *arguments, answer=""):
    """Run the command on a terminal, where somebody types *answer*; return its code, its output and what was shown."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=os.environ | {"DATABASE_URL": database_url, "TERM": "xterm"},
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        shown = read_to_the_end(ours)
        printed = process.stdout.read().decode()
    os.close(ours)
    return process.returncode, printed, shown


def read_to_the_end(terminal):
    shown = b""
    while True:
        try:
            some = os.read(terminal, 4096)
        except OSError:  # so a terminal ends on Linux
            some = b""
        if not some:
            return shown.decode()
        shown += some


@pytest.fixture
async def filled(store, database_url):
    for context, thread_ids in ((ALICE, ("old_1", "used_1")), (BOB, ("old_2",))):
        for thread_id in thread_ids:
            await write_thread(store, thread_id, context)
    await leave_alone(database_url, 100)
    return database_url


async def test_purge_says_what_went(filled):
    finished = run(filled, "purge", "--older-than", "90d")
    assert (finished.returncode, finished.stderr) == (0, "")
    expected = "Purged 2 threads and 2 attachments that were never sent, without activity since 20"
    assert finished.stdout.startswith(expected)
    assert await ids_in(filled) == ["used_1"]


async def test_purge_says_what_it_passed_by(filled):
    connection = await asyncpg.connect(filled)
    async with connection.transaction():
        await connection.execute("SELECT FROM chatkit_threads WHERE id = 'old_1' FOR KEY SHARE")
        finished = run(filled, "purge", "--older-than", "90d")
    await connection.close()
    assert finished.stdout.endswith("Passed by 1 in use.\n")


async def test_a_dry_run_says_what_would_go(filled):
    before = await dump(filled)
    finished = run(filled, "purge", "--older-than", "90d", "--user", "alice", "--dry-run", "--json")
    assert (finished.returncode, finished.stderr) == (0, "")
    printed = json.loads(finished.stdout)
    assert (printed["dry_run"], printed["threads"], printed["attachments"]) == (True, 1, 1)
    assert await dump(filled) == before
    assert run(filled, "purge", "--older-than", "90d", "--dry-run").stdout.startswith("Would purge 2 threads")


async def test_a_bad_age_deletes_nothing(filled):
    before = await dump(filled)
    for age in ("90", "0d", "-90d", "quarter"):
        finished = run(filled, "purge", f"--older-than={age}")
        assert (finished.returncode, finished.stdout) == (2, "")
        assert "Traceback" not in finished.stderr
    assert await dump(filled) == before


async def test_status_is_one_json_document(filled):
    finished = run(filled, "status", "--json")
    assert (finished.returncode, finished.stderr) == (0, "")
    printed = json.loads(finished.stdout)
    assert printed["revision"] == printed["newest_revision"]
    assert printed["contents"]["threads"] == {"value": 3, "is_exact": True}
    assert {table["table"] for table in printed["contents"]["tables"]} == set(await dump(filled))


async def test_status_of_a_database_without_tables_says_so(empty_database_url):
    finished = run(empty_database_url, "status")
    assert finished.returncode == 0
    assert "has no tables of chatkit-pgstore" in finished.stdout
    assert json.loads(run(empty_database_url, "status", "--json").stdout)["contents"] is None


async def test_erase_prints_a_receipt(filled):
    bobs = await dump(filled, "bob")
    finished = run(filled, "erase", "--user", "alice", "--yes")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "Erased the user 'alice' at 20" in finished.stdout
    assert "threads      2\n" in finished.stdout
    assert "feedback     0\nNo row of this user was left. Not touched" in finished.stdout
    assert "backups" in finished.stdout
    assert await dump(filled, "bob") == bobs
    assert await ids_in(filled) == ["old_2"]


async def test_a_receipt_says_how_many_files_are_left_to_be_swept(filled):
    await add_feedback_and_files(filled)
    finished = run(filled, "erase", "--user", "alice", "--yes")
    told = "feedback     4\nLeft to the next sweep are 4 of this user's files, and no other row. Not touched"
    assert told in finished.stdout
    receipt = json.loads(run(filled, "erase", "--user", "bob", "--yes", "--json").stdout)
    assert (receipt["feedback"], receipt["files_to_sweep"]) == (2, 2)


async def test_erase_prints_a_receipt_for_scripts(filled):
    finished = run(filled, "erase", "--user", "alice", "--yes", "--json")
    receipt = json.loads(finished.stdout)
    assert (receipt["user_id"], receipt["threads"], receipt["items"], receipt["attachments"]) == ("alice", 2, 6, 4)


async def test_erase_asks_nobody_where_nobody_is_and_deletes_nothing(filled):
    before = await dump(filled)
    finished = run(filled, "erase", "--user", "alice")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "give --yes" in finished.stderr
    assert await dump(filled) == before


async def test_erase_asks_on_a_terminal(filled):
    before = await dump(filled)
    code, printed, shown = run_on_a_terminal(filled, "erase", "--user", "alice", answer="n\n")
    assert (code, printed) == (1, "")
    assert "Delete every thread, item and attachment of the user 'alice'? [y/N]" in shown
    assert await dump(filled) == before
    code, printed, _ = run_on_a_terminal(filled, "erase", "--user", "alice", "--json", answer="y\n")
    assert (code, json.loads(printed)["threads"]) == (0, 2)


async def test_progress_is_drawn_on_a_terminal_and_on_the_standard_error_alone(filled):
    code, printed, shown = run_on_a_terminal(filled, "purge", "--older-than", "90d", "--json")
    assert (code, json.loads(printed)["threads"]) == (0, 2)
    assert "Purging" in shown


async def test_an_interrupted_purge_is_exit_code_130(database_url):
    total = 3000
    await write_many(database_url, "old", total, days=100)
    await slow_down(database_url, "DELETE", "chatkit_threads")
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "purge", "--older-than", "90d"),
        env=os.environ | {"DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell has what it runs in the background ignore Ctrl-C, and so would this, its grandchild.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )

    async def has_begun():
        return await fetch_value(database_url, "SELECT count(*) FROM chatkit_threads") < total

    await eventually_true(has_begun)
    process.send_signal(signal.SIGINT)
    printed, errors = await process.communicate()
    assert (process.returncode, printed) == (130, b"")
    assert b"Traceback" not in errors


async def test_migrate_refers_to_the_host_s_users(empty_database_url):
    await create_users(empty_database_url, UUIDS)
    finished = run(empty_database_url, "migrate", "--users", USERS, "--users-column", "id", "--row-security")
    assert (finished.returncode, finished.stderr) == (0, "")
    query = "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'user_id'"
    assert await fetch_value(empty_database_url, query, "chatkit_threads") == "uuid"
    assert await fetch_value(
        empty_database_url, "SELECT relrowsecurity FROM pg_class WHERE relname = 'chatkit_threads'"
    )
    finished = run(empty_database_url, "erase", "--user", "alice", "--yes")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "There is no user 'alice'" in finished.stderr


async def test_migrate_makes_the_index_that_an_order_of_threads_needs(empty_database_url, make_store):
    assert run(empty_database_url, "migrate").returncode == 0
    store = await make_store(empty_database_url, thread_order="updated_at")
    with pytest.raises(SchemaOutOfDateError, match="chatkit-pgstore migrate --thread-order updated_at"):
        await store.initialize(migrate=False)
    finished = run(empty_database_url, "migrate", "--thread-order", "updated_at")
    assert (finished.returncode, finished.stderr) == (0, "")
    await store.initialize(migrate=False)
    assert run(empty_database_url, "migrate", "--thread-order", "title").returncode == 2


async def test_a_schema_of_their_own(empty_database_url):
    await fetch(empty_database_url, "CREATE SCHEMA chat")
    assert run(empty_database_url, "migrate", "--schema", "chat").returncode == 0
    finished = run(empty_database_url, "status", "--schema", "chat", "--json")
    assert json.loads(finished.stdout)["contents"]["schema"] == "chat"
    finished = run(empty_database_url, "status", "--schema", "elsewhere")
    assert finished.returncode == 1
    assert 'no schema "elsewhere"' in finished.stderr


async def test_behind_a_pooler_that_its_url_does_not_show(filled):
    with running_pgbouncer(filled) as url:
        finished = run(url, "purge", "--older-than", "90d", "--pooler", "transaction", "--json")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert json.loads(finished.stdout)["threads"] == 2


def test_a_reader_that_goes_away_is_no_traceback():
    with subprocess.Popen([*COMMAND, "sql"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page, filled, tmp_path):
    scripts = re.findall(r"^```bash\n(.*?)^```$", (HOW_TO / page).read_text(), re.MULTILINE | re.DOTALL)
    assert scripts
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for script in scripts:
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=os.environ | {"DATABASE_URL": filled, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (finished.returncode, finished.stderr) == (0, "")
