"""What a long page costs in memory, measured in a process of its own, against the bytes of its documents."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from chatkit_pgstore import PostgresStore
from tests.support.databases import execute
from tests.support.samples import message, thread
from tests.support.shared import shared_database
from tests.support.tables import fetch_value

logger = logging.getLogger(__name__)

CHECKOUT = Path(__file__).parents[2]
ITEMS = 1000
CHARACTERS = 10_000

MOST_TIMES = 1.5
"""Promised are three, and measured 1.26: the page itself, and a few rows at a time. A second copy would be 2.2."""

BYTES_OF_DOCUMENTS = """
    SELECT sum(octet_length(item::text)) FROM (
        SELECT item FROM chatkit_thread_items WHERE user_id = '{user}' ORDER BY sort_key LIMIT {items}
    ) AS page
"""
COPIES = f"""
    INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, item, created_at, updated_at)
    SELECT user_id, thread_id, 'msg_' || number, number, type, item, created_at, updated_at
    FROM chatkit_thread_items, generate_series(2, {ITEMS + 1}) AS number
"""
TEXTS = {
    "ascii": "x" * CHARACTERS,
    "accents": "é" * (CHARACTERS // 2),
    "chinese": "漢" * (CHARACTERS // 3),
    "quotes": '"' * (CHARACTERS // 2),
    "one emoji": "x" * CHARACTERS + "😀",
}
"""Each some 10 KB in the database."""

RESIDENT = pytest.param(
    "resident",
    marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells the peak from a moment on"),
)


@pytest.fixture(scope="module")
def filled_database_url(server_url, template_database):
    """A database with one thread for each of the texts, of a user named for it."""
    with shared_database(server_url, template_database) as url:
        asyncio.run(fill(url))
        yield url


async def fill(url):
    async with PostgresStore(url) as store:
        for user, text in TEXTS.items():
            context = {"user_id": user}
            await store.save_thread(thread(), context)
            await store.add_thread_item("thr_1", message("msg_1", text), context)
    await execute(url, COPIES)


@pytest.mark.parametrize("how", ["traced", RESIDENT])
@pytest.mark.parametrize("user", TEXTS)
async def test_a_page_of_1000_items_of_10_kb_is_in_memory_once(user, how, filled_database_url):
    """In the bytes of its documents, or of its text as Python keeps it: one emoji makes four of each letter's one."""
    query = BYTES_OF_DOCUMENTS.format(user=user, items=ITEMS)
    in_the_database = int(await fetch_value(filled_database_url, query))
    in_python = ITEMS * len(TEXTS[user]) * bytes_of_a_character(TEXTS[user])
    grown = await bytes_for_a_page(user, how, filled_database_url)
    logger.info("%s, %s: %.2f times the documents' bytes", user, how, grown / in_the_database)
    assert in_python < grown <= MOST_TIMES * max(in_the_database, in_python)


async def bytes_for_a_page(user, how, url):
    command = [sys.executable, "-m", "tests.support.page_memory", url, user, str(ITEMS), how]
    process = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, stdout=subprocess.PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return int(printed)


def bytes_of_a_character(text):
    """Return how many CPython keeps for each, which the greatest one decides."""
    return 1 if max(text) < "\u0100" else 2 if max(text) < "\U00010000" else 4
