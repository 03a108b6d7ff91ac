"""``chatkit-pgstore sweep``: what it deletes, what it prints, and what it says when it cannot."""

import asyncio
import json
import sys

import pytest
import typer
from obstore.store import LocalStore
from typer.testing import CliRunner

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.attachments import PostgresBytes
from chatkit_pgstore.cli import _files
from tests.attachments.world import TEXT, world_of
from tests.support.samples import ALICE
from tests.support.tables import fetch, fetch_value


def run(*arguments):
    app = typer.Typer()
    _files.register(app)
    return CliRunner().invoke(app, arguments)


@pytest.fixture(params=["folder", "postgresql"])
def place(request, tmp_path):
    """A storage, and the URL of it."""
    if request.param == "folder":
        return LocalStore(tmp_path), tmp_path.as_uri()
    return PostgresBytes(), "postgresql"


async def leave_a_file(database_url, storage, age):
    async with PostgresStore(database_url) as store, world_of(store, storage, database_url) as world:
        await world.upload(TEXT)
        attachment = await world.upload(TEXT)
        await store.delete_attachment(attachment.id, ALICE)
    await fetch(database_url, f"UPDATE chatkit_files SET updated_at = now() - interval '{age}'")


def files_in(database_url):
    return asyncio.run(fetch_value(database_url, "SELECT count(*) FROM chatkit_files"))


def test_it_deletes_what_nothing_names(database_url, place, tmp_path):
    storage, url = place
    asyncio.run(leave_a_file(database_url, storage, "61 minutes"))
    ended = run("--files", url, "--database-url", database_url)
    assert (ended.exit_code, ended.output) == (0, "Deleted 1 of 2 files.\n")
    assert files_in(database_url) == 1
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == (url != "postgresql")


def test_what_is_younger_than_the_grace_time_stays(database_url, place):
    storage, url = place
    asyncio.run(leave_a_file(database_url, storage, "59 minutes"))
    assert run("--files", url, "--database-url", database_url).output == "Deleted 0 of 2 files.\n"
    ended = run("--files", url, "--database-url", database_url, "--grace", "58m", "--json")
    assert json.loads(ended.output) == {"looked_at": 2, "deleted": 1}


@pytest.mark.parametrize("url", ["nowhere", "ftp://a/b", "postgres"])
def test_a_place_that_is_none_is_told_in_a_line(database_url, url):
    ended = run("--files", url, "--database-url", database_url)
    assert ended.exit_code == 1
    assert str(ended.exception).startswith(f"--files {url}: ")
    assert "\n" not in str(ended.exception)


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("chatkit_pgstore.attachments")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)
    ended = run("--files", "postgresql", "--database-url", "postgresql://127.0.0.1:1/a")
    assert str(ended.exception) == (
        'chatkit_pgstore.attachments needs obstore: pip install "chatkit-pgstore[attachments]"'
    )
