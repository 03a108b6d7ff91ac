"""The command line: what it prints, where, and its exit codes."""

import asyncio
import importlib
import json
import os
import runpy
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import typer

import chatkit_pgstore
from chatkit_pgstore import _migrations, _revisions
from chatkit_pgstore.cli import main
from chatkit_pgstore.cli._ages import age
from chatkit_pgstore.cli._options import Target
from chatkit_pgstore.cli._retention import _purged
from chatkit_pgstore.cli._status_text import told
from chatkit_pgstore.operations import Contents, Figure, Purged, Status, TableSize
from tests.support.old_threads import ids_in, leave_alone, write_thread
from tests.support.tables import TABLES, fetch, fetch_value

HEAD = _migrations.head()
SECRET = "S3cr3t-0f-mine"
NOBODY_LISTENS = f"postgresql://somebody:{SECRET}@127.0.0.1:1/chat"
EVERY_COMMAND = [
    ["migrate"],
    ["check"],
    ["status"],
    ["purge", "--older-than", "90d"],
    ["erase", "--user", "alice", "--yes"],
]


@pytest.fixture(autouse=True)
def _no_database_url(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_migrate_and_check_say_where_the_database_is(empty_database_url, capsys):
    assert main(["migrate", "--database-url", empty_database_url]) == 0
    assert main(["check", "--database-url", empty_database_url]) == 0
    assert capsys.readouterr().out == f"The database is at revision {HEAD}.\n" * 2


@pytest.mark.parametrize("command", ["migrate", "check"])
def test_they_say_it_to_scripts(command, database_url, capsys):
    assert main([command, "--database-url", database_url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"revision": HEAD}


def test_the_url_may_come_from_the_environment(database_url, capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["check"]) == 0
    assert HEAD in capsys.readouterr().out


def test_the_arguments_are_those_of_the_process_when_none_are_given(database_url, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["chatkit-pgstore", "check", "--database-url", database_url])
    assert main() == 0
    assert HEAD in capsys.readouterr().out


@pytest.mark.parametrize("command", EVERY_COMMAND[1:2] + EVERY_COMMAND[3:], ids=lambda words: words[0])
def test_a_database_that_has_to_be_migrated_is_exit_code_3(command, empty_database_url, capsys):
    for _ in range(2):
        assert main([*command, "--database-url", empty_database_url]) == 3
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "has no tables of chatkit-pgstore" in printed.err


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=lambda words: words[0])
@pytest.mark.parametrize("empty", [True, False])
def test_without_a_url_it_says_how_to_give_one(command, empty, capsys, monkeypatch):
    if empty:
        monkeypatch.setenv("DATABASE_URL", "")
    assert main(command) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Give --database-url, or set DATABASE_URL." in printed.err


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=lambda words: words[0])
def test_a_server_that_cannot_be_reached_is_told_in_a_line_without_the_password(command, capsys, monkeypatch):
    monkeypatch.setattr("chatkit_pgstore._preparation.START_SECONDS", 0.01)
    assert main([*command, "--database-url", NOBODY_LISTENS]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    [line] = printed.err.splitlines()
    assert line.startswith("chatkit-pgstore: ")
    assert SECRET not in line


@pytest.mark.parametrize("command", [[], *EVERY_COMMAND], ids=lambda words: "".join(words[:1]))
def test_help_shows_no_password(command, capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", NOBODY_LISTENS)
    assert main([*command[:1], "--help"]) == 0
    printed = capsys.readouterr().out
    assert "Usage: chatkit-pgstore" in printed
    assert SECRET not in printed


def test_where_the_tables_are_and_what_stands_before_them_reaches_the_store():
    settings = Target(NOBODY_LISTENS, "chat", "transaction").store()._settings
    assert (settings.schema, settings.pooler) == ("chat", "transaction")


def test_sql_needs_no_database(capsys):
    assert main(["sql"]) == 0
    printed = capsys.readouterr().out
    assert "CREATE TABLE chatkit_threads" in printed
    assert printed.startswith("BEGIN;")


def test_sql_from_the_newest_revision_is_empty(capsys):
    assert main(["sql", "--from", HEAD]) == 0
    assert "CREATE" not in capsys.readouterr().out


def test_sql_from_an_unknown_revision_names_those_there_are(capsys):
    assert main(["sql", "--from", "nowhere"]) == 1
    assert f"The revisions are: {', '.join(sorted(_revisions.known()))}." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["migrat"], "No such command 'migrat'"),
        (["check", "--fast"], "No such option: --fast"),
        (["purge"], "Missing option '--older-than'"),
        (["purge", "--older-than", "90"], "in 90d"),
        (["purge", "--older-than", "90d", "--user", ""], "user must not be empty"),
        (["erase"], "Missing option '--user'"),
        (["erase", "--user", "alice"], "give --yes"),
        (["erase", "--user", "a" * 513, "--yes"], "at most 512 bytes"),
        (["check", "--pooler", "statement"], "'statement' is not one of"),
    ],
)
def test_a_wrong_call_is_exit_code_2(arguments, said, database_url, capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err


def test_no_command_shows_what_there_is(capsys):
    assert main([]) == 2
    shown = capsys.readouterr()
    listed = {
        line.split()[0] for line in (shown.out + shown.err).partition("Commands:")[2].splitlines() if line.strip()
    }
    assert {"migrate", "check", "status", "sql", "purge", "erase", "export", "import", "copy"} <= listed


@pytest.fixture
def _not_imported_yet(monkeypatch):
    monkeypatch.delattr(chatkit_pgstore, "cli")
    for name in [name for name in sys.modules if name.startswith("chatkit_pgstore.cli")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("_not_imported_yet")
def test_without_typer_it_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "typer", None)
    assert importlib.import_module("chatkit_pgstore.cli").main(["check"]) == 1
    assert capsys.readouterr().err == ('chatkit-pgstore: the command needs typer: pip install "chatkit-pgstore[cli]"\n')


@pytest.mark.usefixtures("_not_imported_yet")
def test_another_module_that_is_missing_is_no_reason_to_install_typer(monkeypatch):
    monkeypatch.setitem(sys.modules, "chatkit_pgstore.cli._options", None)
    with pytest.raises(ModuleNotFoundError, match="_options"):
        importlib.import_module("chatkit_pgstore.cli")


def test_the_module_can_be_run(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["chatkit-pgstore", "sql", "--from", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("chatkit_pgstore.cli", run_name="__main__")
    assert ended.value.code == 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("4w", timedelta(weeks=4)),
        ("30m", timedelta(minutes=30)),
    ],
)
def test_an_age_is_a_number_with_a_unit(text, meant):
    assert age(text) == meant


@pytest.mark.parametrize(
    "text", ["", "90", "d", "90 d", "-1d", "1.5d", "90D", "90days", "0d", "9" * 30 + "d", "\u0669d", "90d\n"]
)
def test_what_is_no_age_is_refused(text):
    with pytest.raises(typer.BadParameter):
        age(text)


@pytest.fixture
async def filled_url(store, database_url):
    """Where alice has an old thread and one in use."""
    for thread_id in ("old_1", "used_1"):
        await write_thread(store, thread_id)
    await leave_alone(database_url, 100)
    return database_url


def test_status_is_told_to_readers_and_to_scripts(filled_url, capsys):
    assert main(["status", "--database-url", filled_url]) == 0
    assert "\nitems                 6\n" in capsys.readouterr().out
    assert main(["status", "--database-url", filled_url, "--json", "--exact"]) == 0
    assert json.loads(capsys.readouterr().out)["contents"]["items"] == {"value": 6, "is_exact": True}


def test_purge_is_told_to_readers_and_to_scripts(filled_url, capsys):
    command = ["purge", "--database-url", filled_url, "--older-than", "90d"]
    assert main([*command, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("Would purge 1 threads and 1 attachments that were never sent")
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["threads"], printed["attachments"], printed["passed_by"]) == (1, 1, 0)
    assert "T" in printed["before"]
    assert datetime.fromisoformat(printed["before"]) < datetime.now(UTC) - timedelta(days=89)


def test_what_was_passed_by_is_told():
    purged = Purged(datetime(2026, 1, 2, tzinfo=UTC), dry_run=False, threads=1234, attachments=5, passed_by=6)
    assert _purged(purged) == (
        "Purged 1,234 threads and 5 attachments that were never sent, without activity since "
        "2026-01-02 00:00:00+0000. Passed by 6 in use."
    )


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("", 1), ("no\n", 1), ("Y\n", 0), ("yes\n", 0)])
def test_erase_asks_where_somebody_is(answer, code, filled_url, capsys, monkeypatch):
    terminal = StringIO(answer)
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    assert main(["erase", "--database-url", filled_url, "--user", "alice"]) == code
    printed = capsys.readouterr()
    assert printed.err.startswith("Delete every thread, item and attachment of the user 'alice'? [y/N] ")
    assert bool(printed.out) == (code == 0)
    assert len(asyncio.run(ids_in(filled_url))) == (2 if code else 0)


def test_a_receipt_counts_the_files_that_a_sweep_has_to_delete(filled_url, capsys):
    asyncio.run(fetch(filled_url, ONE_FILE))
    assert main(["erase", "--database-url", filled_url, "--user", "alice", "--yes"]) == 0
    assert "Left to the next sweep are 1 of this user's files, and no other row. Not touched" in capsys.readouterr().out


ONE_FILE = """
    INSERT INTO chatkit_files (user_id, id, storage_key, mime_type, created_at, updated_at)
    VALUES ('alice', 'atc_1', 'key', 'text/plain', now(), now())
"""


def test_erase_prints_a_receipt(filled_url, capsys):
    assert main(["erase", "--database-url", filled_url, "--user", "alice", "--yes"]) == 0
    assert "\n  items        6\n" in capsys.readouterr().out


def test_what_the_server_has_against_it_is_told_without_what_is_in_a_row(filled_url, capsys):
    refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no'' USING DETAIL = OLD; END'"
    asyncio.run(fetch(filled_url, refuse))
    trigger = "CREATE TRIGGER refuse BEFORE DELETE ON chatkit_threads FOR EACH ROW EXECUTE FUNCTION refuse()"
    asyncio.run(fetch(filled_url, trigger))
    assert main(["erase", "--database-url", filled_url, "--user", "alice", "--yes"]) == 1
    assert capsys.readouterr() == ("", "chatkit-pgstore: no\n")


def test_migrate_may_turn_row_security_on(empty_database_url, capsys):
    assert main(["migrate", "--database-url", empty_database_url, "--row-security"]) == 0
    query = "SELECT count(*) FROM pg_policies WHERE tablename LIKE 'chatkit%'"
    assert asyncio.run(fetch_value(empty_database_url, query)) == len(TABLES)


def test_a_table_of_users_that_is_not_there_is_told(empty_database_url, capsys):
    assert main(["migrate", "--database-url", empty_database_url, "--users", "app.users"]) == 1
    assert "app.users" in capsys.readouterr().err


def contents(*, is_exact):
    return Contents(
        database="chat",
        schema="public",
        tables=(TableSize("chatkit_threads", 3 * 1024**2, 512),),
        total_bytes=5 * 1024**5,
        threads=Figure(1234567, is_exact),
        items=Figure(2, is_exact),
        attachments=Figure(3, is_exact),
        feedback=Figure(1, is_exact),
        files=Figure(2, is_exact),
        bytes_of_files=Figure(2048 if is_exact else None, is_exact),
        files_to_sweep=Figure(1000 if is_exact else None, is_exact),
        users=Figure(4, is_exact),
        last_activity=Figure(None, is_exact),
    )


def test_what_is_estimated_is_marked():
    counted, estimated = (told(Status("18.6", HEAD, HEAD, contents(is_exact=each))) for each in (True, False))
    assert "threads               1,234,567\n" in counted
    assert "threads               ~1,234,567\n" in estimated
    assert "bytes of files        2.0 KiB\nfiles to be swept     1,000\n" in counted
    assert estimated.count("not counted; --exact does\n") == 2


def test_sizes_are_told_in_units_one_can_read():
    text = told(Status("18.6", HEAD, HEAD, contents(is_exact=True)))
    assert "chatkit_threads       3.0 MiB, indexes 512 bytes\n" in text
    assert text.endswith("all tables            5120.0 TiB")


def test_when_it_was_last_used_is_told():
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for is_exact, shown in ((True, "2026-01-02 03:04:05+0000"), (False, "2026-01-02 03:04:05+0000 or later")):
        used = replace(contents(is_exact=is_exact), last_activity=Figure(moment, is_exact))
        assert f"last activity         {shown}\n" in told(Status("18.6", HEAD, HEAD, used))


def test_an_old_or_a_missing_revision_says_what_to_do():
    assert "chatkit-pgstore migrate" in told(Status("18.6", None, "0002", None))
    assert "0001; this release's is 0002: see `chatkit-pgstore check`" in told(Status("18.6", "0001", "0002", None))


# What fits into the buffer of the output, and what does not.
AMOUNTS = pytest.mark.parametrize("command", [["sql", "--from", HEAD], ["sql"]], ids=["little", "much"])


def written_to(file, command, monkeypatch):
    """Run *command* with *file*, buffered, for its output; return the exit code. Closing *file* is no error then."""
    with file:
        monkeypatch.setattr(sys, "stdout", file)
        return main(command)


@AMOUNTS
def test_a_disk_that_is_full_is_told(command, monkeypatch, capsys):
    assert written_to(os.fdopen(os.open("/dev/full", os.O_WRONLY), "w"), command, monkeypatch) == 1
    assert capsys.readouterr().err == "chatkit-pgstore: [Errno 28] No space left on device\n"


@AMOUNTS
def test_a_reader_that_went_away_is_told_by_the_exit_code_alone(command, monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    assert written_to(os.fdopen(writer, "w"), command, monkeypatch) == 1
    assert capsys.readouterr().err == ""
