"""What the store logs: each call in one line, and never what was said or who said it."""

import asyncio
import logging
import re
from contextlib import suppress

import pytest

from chatkit_pgstore import NotFoundError, StoreError
from tests.support.calls import CALLS, fill
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, attachment, message, thread, tool_call
from tests.support.tables import fetch
from tests.support.waiting import eventually

LINE = re.compile(r"(?P<call>\w+): (?P<milliseconds>\d+\.\d\d) ms, (?P<rows>\d+) rows, attempt (?P<attempt>\d+)")
ROWS = {
    "load_thread found": 1,
    "load_thread unknown": 0,
    "load_threads first page asc": 2,
    "load_threads none": 0,
    "load_thread_items first page asc": 3,
    "load_thread_items unknown": 0,
    "load_thread_items unknown cursor": 0,
    "load_item found": 1,
    "load_attachment unknown": 0,
}
"""What the server answers; a page asks for one row more than it shows."""


@pytest.fixture
def records(caplog):
    """``records()``: what was logged since the last time, at whatever level, by the store's logger and below it."""
    caplog.set_level(logging.DEBUG, logger="chatkit_pgstore")

    def take():
        taken = [each for each in caplog.records if each.name.startswith("chatkit_pgstore")]
        caplog.clear()
        return taken

    return take


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_a_call_logs_one_line(call, store, records):
    await fill(store)
    records()
    await call.made(store)
    (record,) = records()
    line = LINE.fullmatch(record.getMessage())
    assert (record.name, record.levelno) == ("chatkit_pgstore", logging.DEBUG)
    assert (line["call"], line["attempt"]) == (call.method, "1")
    assert int(line["rows"]) == ROWS.get(call.name, int(line["rows"]))


async def test_a_call_that_was_sent_again_logs_each_failure_and_the_number_of_attempts(
    make_store, database_url, records, caplog
):
    store = await make_store(attempt_timeout_seconds=0.1)
    await store.save_thread(thread(), ALICE)
    records()
    async with locked_threads(database_url):
        adding = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
        await eventually(lambda: "add_thread_item: attempt 1 failed (TimeoutError)" in caplog.text)
    await adding
    *failures, done = records()
    assert {each.levelno for each in failures} == {logging.WARNING}
    assert LINE.fullmatch(done.getMessage())["attempt"] == str(len(failures) + 1)


async def test_nothing_is_logged_of_a_call_when_nobody_listens(store, caplog):
    caplog.set_level(logging.INFO, logger="chatkit_pgstore")
    await store.save_thread(thread(), ALICE)
    assert caplog.messages == []


USER = {"user_id": "alice@example.com"}
SECRETS = ("alice@example.com", "in confidence", "report.pdf", "private title")


async def test_no_record_holds_what_was_said_or_who_said_it(make_store, database_url, records):
    store = await make_store(attempt_timeout_seconds=0.1, retry_seconds=0.3)
    for call in CALLS:
        await fill(store, USER)
        await call.made(store, 1, USER)
    await say_in_confidence(store)
    for spoiled in ("chatkit_thread_items SET item", "chatkit_threads SET thread"):
        await fetch(database_url, f"""UPDATE {spoiled} = '{{"text": "in confidence"}}'""")
    await outcomes(
        store.load_thread_items("thr_1", None, 9, "asc", USER),
        store.load_threads(9, None, "asc", USER),
        store.load_thread("thr_1", USER),
    )
    async with locked_threads(database_url):
        await outcomes(store.save_thread(thread(title="private title"), USER))
    logged = "\n".join(f"{each.getMessage()} {each.__dict__}" for each in records())
    for expected in ("U+FFFD", "Left out of a page", "attempt 1 failed", "placeholder id"):
        assert expected in logged
    assert [secret for secret in SECRETS if secret in logged] == []


async def say_in_confidence(store):
    unstorable = tool_call("tc_1", completed=True).model_copy(update={"arguments": {"in confidence": object()}})
    await outcomes(
        store.save_thread(thread(title="private title"), USER),
        store.add_thread_item("thr_1", message("msg_1", "in confidence"), USER),
        store.add_thread_item("thr_1", message("msg_2", "in confidence \ud800"), USER),
        store.add_thread_item("thr_1", message("__fake_id__", "in confidence"), USER),
        store.add_thread_item("thr_1", unstorable, USER),
        store.load_item("thr_1", "__fake_id__", USER),
        store.save_attachment(attachment("atc_1", "thr_1", "report.pdf"), USER),
    )


async def outcomes(*calls):
    """Make the calls one after the other, however they end."""
    for call in calls:
        with suppress(NotFoundError, StoreError):
            await call
