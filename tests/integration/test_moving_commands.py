"""export, import and copy as commands: what they print, where, and their exit codes."""

import asyncio
import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from typing import get_args

import pytest

from chatkit_pgstore.cli import _moving, main
from chatkit_pgstore.operations import _lines
from tests.integration.test_snippets import DOCS, blocks, environment
from tests.support import sqlite_store
from tests.support.calls import fill
from tests.support.databases import create_database, drop_database
from tests.support.dawdling import slow_down, speed_up
from tests.support.files_of_export import exported, rows
from tests.support.histories import history, write_history
from tests.support.samples import ALICE, BOB, thread
from tests.support.sqlite_store import SQLiteStore, context_of
from tests.support.tables import fetch_value
from tests.support.waiting import eventually_true


@pytest.fixture
def run(database_url, monkeypatch, capsysbinary):
    """``await run(...)``: the command's exit code, and what it printed where. It has a loop of its own."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def command(*arguments, stdin=None):
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = await asyncio.to_thread(main, list(arguments))
        printed = capsysbinary.readouterr()
        return code, printed.out, printed.err.decode()

    return command


async def test_export_writes_lines_and_tells_what_they_are(store, run):
    await fill(store)
    code, out, err = await run("export", "--user", "alice")
    assert (code, out.decode()) == (0, "".join(await exported(store)))
    assert err == "alice: 2 threads, 8 items, 4 attachments, feedback on 0\n"


async def test_export_tells_a_terminal_how_far_it_is(store, run, monkeypatch):
    seen = []
    monkeypatch.setattr(_moving, "progress", lambda _: nullcontext(seen.append))
    monkeypatch.setattr(_moving, "LINES_PER_REPORT", 10)
    await fill(store)
    await run("export", "--user", "alice")
    assert seen == [10]


async def test_export_of_several_users_or_of_all(store, run):
    await fill(store)
    await fill(store, BOB)
    expected = "".join(await exported(store, "alice", "bob")).encode()
    assert (await run("export", "--user", "alice", "--user", "bob"))[1] == expected
    assert await run("export", "--all") == (0, expected, "")


async def test_export_into_a_file(store, run, tmp_path):
    await fill(store)
    assert (await run("export", "--user", "alice", "--output", str(tmp_path / "file")))[:2] == (0, b"")
    assert (tmp_path / "file").read_text() == "".join(await exported(store))


@pytest.mark.parametrize("arguments", [[], ["--user", "alice", "--all"]])
async def test_export_of_nobody_or_of_two_things_is_a_wrong_call(run, arguments):
    code, out, err = await run("export", *arguments)
    assert (code, out) == (2, b"")
    assert "Give --user, once or more, or --all" in err


async def test_import_reads_a_file_or_the_standard_input(store, run, tmp_path, database_url):
    await fill(store)
    (tmp_path / "file").write_text("".join(await exported(store)))
    told = b"1 users, 2 threads, 8 items, 4 attachments, feedback on 0; 14 of these rows were there already\n"
    assert (await run("import", str(tmp_path / "file")))[:2] == (0, told)
    code, out, _ = await run("import", "--user", "bob", "--json", stdin=(tmp_path / "file").read_bytes())
    assert code == 0
    assert json.loads(out) == {
        "users": 1,
        "threads": 2,
        "items": 8,
        "attachments": 4,
        "feedback": 0,
        "already_there": 0,
        "unreadable": 0,
    }
    assert await rows(database_url, "bob") == await rows(database_url, "alice")


async def test_import_tells_how_much_cannot_be_read(store, run):
    await fill(store)
    newer = "".join(await exported(store)).replace('"type":"client_tool_call"', '"type":"dream"')
    _, out, _ = await run("import", "--user", "bob", stdin=newer.encode())
    assert b"; 2 cannot be read by the installed SDK, and are kept as they are" in out


async def test_import_of_a_damaged_file_is_exit_code_1(store, run):
    code, out, err = await run("import", stdin=b"{}\n")
    assert (code, out) == (1, b"")
    assert err == 'chatkit-pgstore: Line 1 cannot be imported: it has no "kind". Nothing was imported.\n'


async def test_import_of_a_file_that_is_not_there_is_exit_code_1(run):
    code, _, err = await run("import", "/no/such/file")
    assert code == 1
    assert "No such file" in err


async def test_import_from_a_terminal_is_a_wrong_call(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    code, _, err = await run("import")
    assert code == 2
    assert "Give a file" in err


def piped(database_url, command):
    script = "import sys; from chatkit_pgstore.cli import main; sys.exit(main(sys.argv[1:]))"
    command = command.replace("chatkit-pgstore", f"{sys.executable} -W ignore -c '{script}'")
    variables = os.environ | {"DATABASE_URL": database_url}
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], env=variables, capture_output=True, check=False)


async def test_export_pipes_into_import(store, database_url):
    await write_history(store, threads=2)
    done = await asyncio.to_thread(
        piped, database_url, "chatkit-pgstore export --user alice | chatkit-pgstore import --user bob"
    )
    assert done.returncode == 0, done.stderr
    assert await rows(database_url, "bob") == await rows(database_url, "alice")


@pytest.mark.parametrize(("threads", "reader"), [(5, "head -1 >/dev/null"), (0, "true")])
async def test_export_into_a_pipe_that_closes_ends_quietly(store, database_url, threads, reader):
    await write_history(store, threads=threads)
    done = await asyncio.to_thread(piped, database_url, f"chatkit-pgstore export --user alice | {reader}")
    done.stderr = done.stderr.replace(b"alice: 0 threads, 0 items, 0 attachments, feedback on 0\n", b"")
    assert (done.returncode, done.stderr) == (1, b"")


async def test_export_onto_a_disk_that_is_full_fails_and_says_so(database_url):
    done = await asyncio.to_thread(piped, database_url, "chatkit-pgstore export --user nobody > /dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == b"chatkit-pgstore: [Errno 28] No space left on device"


MODULE = """
from tests.conformance.simple_store import SimpleStore
from chatkit_pgstore.testing import MemoryStore
from tests.support.sqlite_store import SQLiteStore, context_of

store = SQLiteStore("chat.db")

class holder:
    inner = store

def make():
    return SQLiteStore("chat.db")

async def make_later():
    return SQLiteStore("chat.db")

class Closed(SQLiteStore):
    async def close(self):
        super().close()
        print("closed")

def closed():
    return Closed("chat.db")

class Endless(SQLiteStore):
    async def load_threads(self, limit, after, order, context):
        page = await super().load_threads(limit, None, order, context)
        page.has_more, page.after = True, "again"
        return page

def endless():
    return Endless("chat.db")

memory = MemoryStore()

plain = SimpleStore()

def same(user_id):
    return user_id

def broken():
    raise RuntimeError("no such disk")

nothing = 7
"""


@pytest.fixture
async def old_store(tmp_path, monkeypatch):
    """Alice's history in SQLite, in the current folder, whose module ``old_app`` has it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [each for each in sys.path if each != str(tmp_path)])
    (tmp_path / "old_app.py").write_text(MODULE)
    old = SQLiteStore(tmp_path / "chat.db")
    await write_history(old, context_of("alice"), threads=2)
    yield old
    old.close()
    sys.modules.pop("old_app", None)


COPY = ("copy", "--context", "old_app:context_of", "--user", "alice", "--from")


@pytest.mark.parametrize("name", ["make", "make_later", "closed"])
async def test_copy_tells_what_it_copied(store, run, old_store, name):
    code, out, _ = await run(*COPY, f"old_app:{name}")
    assert code == 0
    items = sum(len(each) - 5 for each in (await history(store)).values())
    assert out.decode().replace("closed\n", "") == (
        f"alice: 2 threads, {items} items, 8 attachments, feedback on 0; {items + 10} written; equal\n"
    )
    assert (b"closed\n" in out) == (name == "closed")
    assert await history(store) == await history(old_store, context_of("alice"))


@pytest.mark.parametrize("name", ["store", "holder.inner"])
async def test_copy_takes_a_store_that_is_there(run, old_store, name, database_url):
    done = await asyncio.to_thread(
        piped,
        database_url,
        f"PYTHONPATH={':'.join(p for p in sys.path if p)} chatkit-pgstore {' '.join(COPY)} old_app:{name}",
    )
    assert done.returncode == 0, done.stderr
    assert b"equal" in done.stdout


async def test_copy_in_json_for_two_users(run, old_store):
    code, out, _ = await run(*COPY, "old_app:make", "--user", "bob", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["alice"]["threads"], found["bob"]["threads"]) == (2, 0)
    assert found["alice"]["differences"] == []


async def test_copy_of_what_is_not_equal_is_exit_code_1(store, run, old_store):
    for number in range(25):
        await store.save_thread(thread(f"thr_new_{number:02}", age_seconds=-number), ALICE)
    code, out, _ = await run(*COPY, "old_app:make")
    assert code == 1
    lines = out.decode().splitlines()
    assert lines[0].endswith("NOT EQUAL")
    assert lines[1] == "  thread 'thr_new_00' is only in the database"
    assert (len(lines), lines[-1]) == (22, "  and 5 more")


async def test_copy_tells_of_attachments_that_are_gone(run, old_store):
    await old_store.delete_attachment("atc_file_thr_00000", context_of("alice"))
    _, out, _ = await run(*COPY, "old_app:make")
    assert "  1 attachments that messages name are not in the other store\n" in out.decode()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("old_app", "--from takes package.module:name, not 'old_app'"),
        (":make", "--from takes package.module:name"),
        ("no_such_app:make", "--from no_such_app:make: ModuleNotFoundError: No module named 'no_such_app'"),
        ("old_app:gone", "--from old_app:gone: AttributeError"),
        ("old_app:nothing", "--from names no ChatKit Store"),
        ("old_app:broken", "--from could not be made: RuntimeError: no such disk"),
        ("old_app:endless", "Endless.load_threads: its pages do not end"),
    ],
)
async def test_a_store_that_cannot_be_copied_from_is_exit_code_1(run, old_store, name, told):
    code, out, err = await run(*COPY, name)
    assert (code, out) == (1, b"")
    assert told in err


async def test_a_store_that_cannot_be_closed_need_not_be(run, old_store):
    code, _, _ = await run("copy", "--from", "old_app:plain", "--context", "old_app:same", "--user", "alice")
    assert code == 0


async def test_without_a_context_it_is_a_dictionary(run, old_store):
    code, out, _ = await run("copy", "--from", "old_app:memory", "--user", "alice")
    assert (code, out) == (0, b"alice: 0 threads, 0 items, 0 attachments, feedback on 0; 0 written; equal\n")


async def test_a_killed_copy_is_run_again_and_doubles_nothing(store, run, old_store, database_url, tmp_path):
    script = "import sys; from chatkit_pgstore.cli import main; sys.exit(main(sys.argv[1:]))"
    await slow_down(database_url, "INSERT", "chatkit_thread_items")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-c", script, *COPY, "old_app:make"),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
        cwd=tmp_path,
    )
    count = "SELECT count(*) > 20 FROM chatkit_thread_items"
    await eventually_true(lambda: fetch_value(database_url, count))
    process.kill()
    assert await process.wait() < 0, "it was done before it was killed"
    await speed_up(database_url)
    code, out, _ = await run(*COPY, "old_app:make")
    assert code == 0
    assert out.endswith(b"equal\n")
    assert await history(store) == await history(old_store, context_of("alice"))


EXPORT_PAGE = DOCS / "how-to" / "export-and-import.md"
COPY_PAGE = DOCS / "how-to" / "move-from-another-store.md"


@pytest.fixture
async def new_database_url(server_url, template_database):
    url = await create_database(server_url, template_database)
    yield url
    await drop_database(server_url, url)


def run_block(script, folder, **variables):
    variables = environment(variables["DATABASE_URL"]) | variables | {"PYTHONWARNINGS": "ignore"}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_the_commands_of_the_page_on_exports_run(store, database_url, new_database_url, tmp_path):
    await fill(store)
    await fill(store, BOB)
    for script in blocks(EXPORT_PAGE, "bash"):
        urls = {"DATABASE_URL": database_url, "NEW_DATABASE_URL": new_database_url}
        await asyncio.to_thread(run_block, script, tmp_path, **urls)
    assert await rows(database_url, "alice-2") == await rows(database_url, "alice")
    assert await rows(new_database_url, "alice") == await rows(database_url, "alice")


async def test_the_commands_of_the_page_on_other_stores_run(store, database_url, tmp_path):
    (tmp_path / "my_app").mkdir()
    shutil.copy(sqlite_store.__file__, tmp_path / "my_app" / "storage.py")
    [module] = blocks(COPY_PAGE, "py")
    (tmp_path / "old_app.py").write_text(module)
    old = SQLiteStore(tmp_path / "chat.db")
    for user in ("alice", "bob"):
        await fill(old, context_of(user))
    [script], [printed] = blocks(COPY_PAGE, "bash"), blocks(COPY_PAGE, "text")
    assert await asyncio.to_thread(run_block, script, tmp_path, DATABASE_URL=database_url) == printed
    assert await history(store) == await history(old, context_of("alice"))
    old.close()


def test_the_page_on_exports_tells_every_field_of_every_line():
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|", EXPORT_PAGE.read_text(), re.MULTILINE))
    kinds = {model.model_fields["kind"].default: model for model in get_args(_lines.AnyLine)}
    assert set(told) == set(kinds)
    for kind, model in kinds.items():
        fields = set(model.model_fields) - {"kind", "document_text"} | {"document"} & set(told[kind].split("`"))
        assert set(re.findall(r"`(\w+)`", told[kind])) == fields
