"""The commands of the page on backups: dumped, restored elsewhere, the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.embedded_postgres import BINARIES_VARIABLE
from tests.integration.test_snippets import DOCS, blocks, environment
from tests.support.calls import CALLS, fill
from tests.support.catalog import catalog_of
from tests.support.databases import create_database, drop_database, execute
from tests.support.samples import ALICE, ids_of, message
from tests.support.tables import add_feedback_and_files, dump

BACKUP = DOCS / "how-to" / "backup.md"


@pytest.fixture
async def new_database_url(server_url):
    url = await create_database(server_url)
    yield url
    await drop_database(server_url, url)


def run(script, folder, database_url, new_database_url):
    """Run a block of the page as a reader would, with the programs of the server's own release."""
    variables = environment(database_url) | {"NEW_DATABASE_URL": new_database_url}
    if binaries := os.environ.get(BINARIES_VARIABLE):
        variables["PATH"] = os.pathsep.join(
            [str(Path(binaries) / "bin"), str(Path(sys.executable).parent), variables["PATH"]]
        )
    command = ["bash", "-euo", "pipefail", "-c", script]
    finished = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


async def test_what_is_restored_elsewhere_is_the_same(store, make_store, database_url, new_database_url, tmp_path):
    for number, call in enumerate(CALLS):
        context = {"user_id": f"user {number}"}
        await fill(store, context)
        await call.made(store, 1, context)
    await fill(store)
    await add_feedback_and_files(database_url)
    await execute(database_url, "CREATE TABLE orders (id int)")
    save, restore = blocks(BACKUP, "bash")
    run(save, tmp_path, database_url, new_database_url)
    assert "is at revision" in run(restore, tmp_path, database_url, new_database_url)
    assert await documents(new_database_url) == await documents(database_url)
    await execute(database_url, "DROP TABLE orders")
    assert await catalog_of(new_database_url) == await catalog_of(database_url)
    await see_that_it_goes_on(await make_store(new_database_url))


async def documents(url):
    """Return all rows without their versions, which are another server's business."""
    return {table: [row for _, _, row in rows] for table, rows in (await dump(url)).items()}


async def see_that_it_goes_on(store):
    await store.initialize(migrate=False)
    await store.add_thread_item("thr_1", message("msg_new"), ALICE)
    assert await ids_of(store) == ["msg_a", "msg_b", "msg_c", "tc_done", "msg_new"]
    await store.close()


async def test_the_rows_of_one_user_are_found(database_url):
    for statement in blocks(BACKUP, "sql"):
        await execute(database_url, statement)
