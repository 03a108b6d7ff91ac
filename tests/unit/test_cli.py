"""The command line: what it prints, where, and its exit codes."""

import subprocess
import sys

import pytest

from chatkit_pgstore import _migrations
from chatkit_pgstore.cli import main

HEAD = _migrations.head()


@pytest.fixture(autouse=True)
def _no_database_url(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_migrate_and_check_say_where_the_database_is(empty_database_url, capsys):
    assert main(["migrate", "--database-url", empty_database_url]) == 0
    assert main(["check", "--database-url", empty_database_url]) == 0
    assert capsys.readouterr().out == f"The database is at revision {HEAD}.\n" * 2


def test_the_url_may_come_from_the_environment(database_url, capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["check"]) == 0
    assert HEAD in capsys.readouterr().out


def test_check_of_an_empty_database_fails_and_changes_nothing(empty_database_url, capsys):
    for _ in range(2):
        assert main(["check", "--database-url", empty_database_url]) == 1
        assert "has no tables of chatkit-pgstore" in capsys.readouterr().err


def test_without_a_url_it_says_how_to_give_one(capsys):
    assert main(["migrate"]) == 1
    assert capsys.readouterr().err == "chatkit-pgstore: Give --database-url, or set DATABASE_URL.\n"


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
    assert f"The revisions are: {HEAD}" in capsys.readouterr().err


def test_a_wrong_call_is_exit_code_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["migrat"])
    assert caught.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_the_command_is_installed():
    command = [sys.executable, "-c", "from chatkit_pgstore.cli import main; raise SystemExit(main(['sql']))"]
    assert b"CREATE TABLE" in subprocess.run(command, check=True, capture_output=True).stdout
