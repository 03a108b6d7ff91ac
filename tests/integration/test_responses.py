"""ChatKitResponse, Starlette's middleware and PostgreSQL together: what is kept when the client goes."""

import asyncio

import anyio
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from chatkit_pgstore import NotFoundError
from chatkit_pgstore.responses import ChatKitResponse
from tests.support.disconnects_by_hand import BEGINNING, ENDING, KEPT, SCOPE, Client, Storyteller, kept, say
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, thread
from tests.support.waiting import eventually

WHOLE = BEGINNING + ENDING
MESSAGES_OF_A_WHOLE_REPLY = 7


@pytest.fixture
async def server(store):
    await store.save_thread(thread(), ALICE)
    return Storyteller(store)


def app_with(server, make_response, *, middleware):
    app = FastAPI()

    @app.post("/chatkit", response_model=None)
    async def chatkit(request: Request):
        return make_response(await server.process(await request.body(), ALICE))

    @app.exception_handler(NotFoundError)
    async def not_found(_request: Request, error: NotFoundError):
        return JSONResponse({"detail": str(error)}, 404)

    if middleware:

        @app.middleware("http")
        async def pass_on(request: Request, call_next):
            return await call_next(request)

    return app


MIDDLEWARE = pytest.mark.parametrize("middleware", [False, True], ids=["plain", "behind a middleware"])


def answering(app, client):
    return asyncio.create_task(app(dict(SCOPE), client.receive, client.send))


async def gone_with_a_full_socket(app, server):
    """Let a client go that has read no more than the first event; return when the request has ended."""
    client = Client(say("thr_1"), reads=1)
    task = answering(app, client)
    await server.waits.wait()
    await client.is_stuck()
    client.goes()
    await task


@MIDDLEWARE
async def test_a_reply_is_kept_when_the_client_goes_while_its_socket_is_full(server, store, middleware):
    await gone_with_a_full_socket(app_with(server, ChatKitResponse, middleware=middleware), server)
    assert server.ended == [asyncio.CancelledError]
    assert await kept(store) == KEPT


async def test_a_streaming_response_behind_a_middleware_closes_the_reply_and_loses_it(server, store):
    """Why there is a ChatKitResponse. The middleware takes each event by itself, so that sending one may wait."""
    app = app_with(server, StreamingResponse, middleware=True)
    client = Client(say("thr_1"), reads=1)
    task = answering(app, client)
    await client.is_stuck()
    client.goes()
    await task
    assert await kept(store) == ("", 0)


@MIDDLEWARE
@pytest.mark.parametrize("read", range(MESSAGES_OF_A_WHOLE_REPLY + 1))
async def test_wherever_the_client_goes_the_thread_has_the_whole_reply_or_its_part(server, store, middleware, read):
    server.go_on.set()
    client = Client(say("thr_1"))
    task = answering(app_with(server, ChatKitResponse, middleware=middleware), client)
    await eventually(lambda: len(client.messages) >= read)
    client.goes()
    await task
    said, markers = await kept(store)
    assert (said, markers) in {("", 0), ("", 1), (BEGINNING, 1), (WHOLE, 0), (WHOLE, 1)}
    assert not ("thread.item.updated" in client.kinds and said == "")


@MIDDLEWARE
async def test_a_reply_to_an_unknown_thread_is_answered_by_the_handlers_of_the_app(server, middleware):
    client = Client(say("thr_unknown"))
    await answering(app_with(server, ChatKitResponse, middleware=middleware), client)
    assert client.messages[0]["status"] == 404
    assert client.events == [{"detail": "Thread thr_unknown not found"}]


@MIDDLEWARE
@pytest.mark.parametrize("first", ["the client goes", "the request is cancelled"])
async def test_cancellations_that_come_while_the_reply_is_saved_do_not_disturb_it(
    server, store, database_url, middleware, first
):
    """Such as those of a server that stops."""
    client = Client(say("thr_1"))
    task = answering(app_with(server, ChatKitResponse, middleware=middleware), client)
    await server.waits.wait()
    async with locked_threads(database_url) as holder:
        if first == "the client goes":
            client.goes()
        else:
            task.cancel()
        await holder.is_waited_for_by(1)
        for _ in range(10):
            task.cancel()
            await asyncio.sleep(0)
        waiting = asyncio.create_task(ChatKitResponse.wait_for_all())
        done, _ = await asyncio.wait([task, waiting], timeout=0.05)
        assert done == set()
    await waiting
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await kept(store) == KEPT


async def test_a_request_that_anyio_has_cancelled_sleeps_while_the_reply_is_saved(server, store, database_url):
    """Without a shield anyio would cancel it again at every turn of the event loop."""
    client = Client(say("thr_1"))
    scope = anyio.CancelScope()

    async def answer():
        with scope:
            await app_with(server, ChatKitResponse, middleware=False)(dict(SCOPE), client.receive, client.send)

    task = asyncio.create_task(answer())
    await server.waits.wait()
    async with locked_threads(database_url) as holder:
        scope.cancel()
        await holder.is_waited_for_by(1)
        cancellations = task.cancelling()
        for _ in range(10):
            await asyncio.sleep(0)
        assert (task.cancelling(), task.done()) == (cancellations, False)
    await task
    assert await kept(store) == KEPT
