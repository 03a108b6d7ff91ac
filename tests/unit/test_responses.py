"""ChatKitResponse, at the hands of an ASGI server that does whatever a server may do."""

import asyncio
import runpy
import sys

import anyio
import pytest
from chatkit.server import StreamingResult
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from chatkit_pgstore import NotFoundError, responses
from chatkit_pgstore.responses import ChatKitResponse
from chatkit_pgstore.testing import MemoryStore
from tests.support.disconnects_by_hand import BEGINNING, ENDING, KEPT, SCOPE, Client, Storyteller, kept, request, say
from tests.support.samples import ALICE, thread
from tests.support.waiting import eventually_true

READS_THE_BEGINNING = 5
"""The start of the response, the user's message, the stream's options, the new item and its beginning."""


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.save_thread(thread(), ALICE)
    return store


@pytest.fixture
def server(store):
    return Storyteller(store)


async def answered(server, body, client):
    """Answer a request; return the task, which ends with the response."""
    response = ChatKitResponse(await server.process(body, ALICE))
    return asyncio.create_task(response(SCOPE, client.receive, client.send))


async def interrupted(server, client):
    """Begin a reply; return its task when it has come to its middle."""
    task = await answered(server, say("thr_1"), client)
    await server.waits.wait()
    return task


async def is_whole(store):
    return await kept(store) == (BEGINNING + ENDING, 0)


async def test_a_result_that_does_not_stream_is_json(server):
    client = Client()
    await (await answered(server, request("threads.list"), client))
    start, body = client.messages
    assert start["status"] == 200
    assert dict(start["headers"]) == {
        b"content-type": b"application/json",
        b"cache-control": b"no-store",
        b"content-length": str(len(body["body"])).encode(),
    }
    assert [event["data"][0]["id"] for event in client.events] == ["thr_1"]


async def test_a_result_that_streams_is_sent_event_by_event(server, store):
    client = Client()
    server.go_on.set()
    await (await answered(server, say("thr_1"), client))
    start, *parts = client.messages
    assert (start["type"], start["status"]) == ("http.response.start", 200)
    assert dict(start["headers"]) == {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-store",
        b"x-accel-buffering": b"no",
    }
    assert client.kinds == [
        "thread.item.done",
        "stream_options",
        "thread.item.added",
        "thread.item.updated",
        "thread.item.done",
    ]
    assert [part["more_body"] for part in parts] == [True] * 5 + [False]
    assert await is_whole(store)


@pytest.mark.parametrize("body", [request("threads.list"), say("thr_1")])
async def test_a_background_task_runs_behind_the_response(server, body):
    ran = []
    client = Client()
    server.go_on.set()
    response = ChatKitResponse(await server.process(body, ALICE))
    response.background = BackgroundTask(lambda: ran.append(client.messages[-1]["type"]))
    await response(SCOPE, client.receive, client.send)
    assert ran == ["http.response.body"]


@pytest.mark.parametrize(
    "body",
    [say("thr_unknown"), request("threads.retry_after_item", thread_id="thr_1", item_id="msg_unknown")],
    ids=["raised", "empty"],
)
async def test_a_stream_without_any_event_is_raised_while_the_status_is_open(server, body):
    client = Client()
    with pytest.raises(NotFoundError):
        await (await answered(server, body, client))
    assert client.messages == []


async def test_a_stream_that_fails_later_ends_with_an_error_event_and_is_raised(server):
    message = {"content": [], "attachments": ["atc_unknown"], "inference_options": {}}
    client = Client()
    with pytest.raises(NotFoundError):
        await (await answered(server, request("threads.create", input=message), client))
    assert client.kinds == ["thread.created", "error"]
    assert client.events[-1]["allow_retry"]
    assert client.messages[-1]["more_body"] is False


async def test_a_reply_that_is_cancelled_from_within_ends_with_an_error_event_and_is_raised(server, store):
    client = Client()
    task = await interrupted(server, client)
    [reply] = [each for each in asyncio.all_tasks() if each.get_name() == "chatkit_pgstore.reply"]
    reply.cancel()
    with pytest.raises(RuntimeError, match="cancelled from within"):
        await task
    assert client.kinds[-1] == "error"
    assert await kept(store) == KEPT


async def test_a_client_that_goes_between_two_events_cancels_the_reply(server, store):
    client = Client()
    task = await interrupted(server, client)
    client.goes()
    await task
    assert server.ended == [asyncio.CancelledError]
    assert await kept(store) == KEPT


@pytest.mark.parametrize("reads", range(READS_THE_BEGINNING))
async def test_a_client_that_goes_while_its_socket_is_full_cancels_the_reply(server, store, reads):
    client = Client(reads=reads)
    task = await interrupted(server, client)
    await client.is_stuck()
    client.goes()
    await task
    assert server.ended == [asyncio.CancelledError]
    assert await kept(store) == KEPT


async def test_a_reply_does_not_wait_for_a_client_that_does_not_read(server, store):
    client = Client(reads=1)
    task = await interrupted(server, client)
    server.go_on.set()
    await eventually_true(lambda: is_whole(store))
    client.goes()
    await task
    assert await is_whole(store)


async def test_a_client_that_goes_before_the_first_event_cancels_what_it_asked_for():
    begun, ended = asyncio.Event(), []

    async def events():
        begun.set()
        try:
            await anyio.sleep_forever()
            yield b""
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    client = Client()
    task = asyncio.create_task(ChatKitResponse(StreamingResult(events()))(SCOPE, client.receive, client.send))
    await begun.wait()
    client.goes()
    await task
    assert ended == ["cancelled"]


async def test_a_send_that_raises_oserror_is_a_disconnect(server, store):
    client = Client(reads=READS_THE_BEGINNING, breaks=BrokenPipeError())
    task = await interrupted(server, client)
    client._reads = 0
    server.go_on.set()
    with pytest.raises(ClientDisconnect):
        await task
    assert await is_whole(store)


@pytest.mark.parametrize("error", [BrokenPipeError, RuntimeError])
async def test_a_send_that_raises_cancels_the_reply(server, store, error):
    client = Client(reads=READS_THE_BEGINNING - 1, breaks=error())
    task = await interrupted(server, client)
    with pytest.raises((ClientDisconnect, RuntimeError)):
        await task
    assert await kept(store) == KEPT


async def test_a_receive_that_raises_cancels_the_reply(server, store):
    async def receive():
        await server.waits.wait()
        raise RuntimeError("Unexpected message received")

    client = Client()
    response = ChatKitResponse(await server.process(say("thr_1"), ALICE))
    with pytest.raises(RuntimeError, match="Unexpected message"):
        await response(SCOPE, receive, client.send)
    assert await kept(store) == KEPT


@pytest.mark.parametrize("reads", [1, READS_THE_BEGINNING])
async def test_a_request_that_is_cancelled_natively_ends_when_the_reply_is_kept(server, store, reads):
    task = await interrupted(server, Client(reads=reads))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await kept(store) == KEPT


@pytest.mark.parametrize("reads", [1, READS_THE_BEGINNING])
async def test_a_request_that_is_cancelled_by_anyio_ends_when_the_reply_is_kept(server, store, reads):
    client = Client(reads=reads)
    response = ChatKitResponse(await server.process(say("thr_1"), ALICE))
    async with anyio.create_task_group() as group:
        group.start_soon(response, SCOPE, client.receive, client.send)
        await server.waits.wait()
        group.cancel_scope.cancel()
    assert await kept(store) == KEPT


async def test_a_response_that_is_closed_without_waiting_cancels_the_reply(server, store):
    client = Client()
    response = ChatKitResponse(await server.process(say("thr_1"), ALICE))
    answering = response(SCOPE, client.receive, client.send)
    answering.send(None)
    await server.waits.wait()
    answering.close()
    await ChatKitResponse.wait_for_all()
    assert await kept(store) == KEPT


async def test_what_goes_wrong_with_saving_is_raised(server, store):
    client = Client()
    task = await interrupted(server, client)
    await store.delete_thread("thr_1", ALICE)
    client.goes()
    with pytest.raises(NotFoundError):
        await task


def test_waiting_for_all_minds_its_own_event_loop_alone(server):
    """A loop that was stopped with a reply in it leaves that reply unfinished for ever."""
    client = Client()
    loop = asyncio.new_event_loop()
    abandoned = loop.run_until_complete(interrupted(server, client))
    try:
        asyncio.run(asyncio.wait_for(ChatKitResponse.wait_for_all(), 1))
    finally:
        client.goes()
        loop.run_until_complete(abandoned)
        loop.close()


def test_without_starlette_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette.requests", None)
    with pytest.raises(ImportError, match=r'pip install "chatkit-pgstore\[starlette\]"'):
        runpy.run_path(responses.__file__)
