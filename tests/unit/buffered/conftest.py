"""A BufferedStore around a store in memory that can be away."""

import asyncio
import logging

import pytest

from chatkit_pgstore.buffered import BufferedStore, _replay
from tests.support.outage import AwayStore
from tests.support.samples import BOB


@pytest.fixture(autouse=True)
def log(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(_replay, "PAUSE_SECONDS", 0.01)
    return caplog


@pytest.fixture
def inner():
    return AwayStore()


@pytest.fixture
def started(inner, tmp_path):
    """A function that returns a store on this test's journal, to be entered."""
    return lambda **options: BufferedStore(inner, tmp_path / "journal", database="memory", **options)


@pytest.fixture
async def store(started):
    async with started() as store:
        yield store


@pytest.fixture
def refusing_bob(inner):
    """Let every write of bob's fail with an error of its own, until it is set free."""
    free = asyncio.Event()
    wrapped = inner.add_thread_item

    async def refuse(thread_id, item, context):
        if context == BOB and not free.is_set():
            raise ValueError("no such thing can be stored here")
        await wrapped(thread_id, item, context)

    inner.add_thread_item = refuse
    return free
