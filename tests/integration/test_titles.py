"""A title after the first turn: what it is made of, when it is given, and that it never costs a reply or a rename."""

import asyncio
import json
import logging
from datetime import datetime

import pytest
from chatkit.server import ChatKitServer
from chatkit.types import (
    ProgressUpdateEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
)

from chatkit_pgstore import StoreUnavailableError, with_title
from chatkit_pgstore.testing import MemoryStore
from tests.support.samples import ALICE, message, thread


def first_words(turn):
    return f"{turn.question}: {turn.answer}"


class Server(ChatKitServer):
    """Answers with what it is told to, under titles from *make_title*."""

    def __init__(self, store, make_title=first_words, *, meanwhile=None, replies=("Hello",), **options):
        super().__init__(store)
        self.make_title = make_title
        self.meanwhile = meanwhile
        self.replies = replies
        self.options = options

    async def respond(self, thread, input_user_message, context):
        events = self.events(thread, context)
        async for event in with_title(
            events, self.store, thread, context, self.make_title, user_message=input_user_message, **self.options
        ):
            yield event

    async def events(self, thread, context):
        for number, text in enumerate(self.replies):
            yield ThreadItemDoneEvent(item=message(f"msg_{number}_{datetime.now().timestamp()}", text, thread.id))
        if self.meanwhile is not None:
            await self.meanwhile(self.store, thread)
        yield ProgressUpdateEvent(text="Done")


async def say(server, text="Hi", thread_id=None):
    """Send a message as the page does, and return the events of the reply."""
    content = [{"type": "input_text", "text": text}]
    params = {"input": {"content": content, "attachments": [], "inference_options": {}}}
    kind = "threads.create" if thread_id is None else "threads.add_user_message"
    params |= {"thread_id": thread_id} if thread_id else {}
    result = await server.process(json.dumps({"type": kind, "params": params}), ALICE)
    return [json.loads(chunk.removeprefix(b"data: ")) async for chunk in result]


async def titles_in(store):
    page = await store.load_threads(9, None, "asc", ALICE)
    return [each.title for each in page.data]


async def id_of_the_thread(store):
    [only] = (await store.load_threads(9, None, "asc", ALICE)).data
    return only.id


@pytest.fixture(params=["postgres", "memory"])
async def store(request, make_store):
    return await make_store() if request.param == "postgres" else MemoryStore()


async def test_the_first_turn_gives_a_title_and_tells_the_page(store):
    events = await say(Server(store), "What is PostgreSQL?")
    assert await titles_in(store) == ["What is PostgreSQL?: Hello"]
    told = [event["thread"]["title"] for event in events if event["type"] == "thread.updated"]
    assert told == ["What is PostgreSQL?: Hello"]


async def test_a_title_may_take_its_time(store):
    async def make_title(turn):
        await asyncio.sleep(0)
        return turn.question.upper()

    await say(Server(store, make_title), "what?")
    assert await titles_in(store) == ["WHAT?"]


async def test_it_is_made_once(store):
    turns = []

    def make_title(turn):
        turns.append(turn)
        return "Made"

    server = Server(store, make_title)
    await say(server, "One")
    await say(server, "Two", await id_of_the_thread(store))
    assert [turn.question for turn in turns] == ["One"]
    assert await titles_in(store) == ["Made"]


@pytest.mark.parametrize("nothing", [None, "", " \n\t "])
async def test_without_a_title_it_is_asked_again_after_the_next_turn(store, nothing):
    answers = [nothing, "At last"]
    server = Server(store, lambda _: answers.pop(0))
    events = await say(server)
    assert await titles_in(store) == [None]
    assert "thread.updated" not in [event["type"] for event in events]
    await say(server, thread_id=await id_of_the_thread(store))
    assert await titles_in(store) == ["At last"]


@pytest.mark.parametrize(
    ("made", "title"),
    [
        ("  Two\n words ", "Two words"),
        ("x" * 10, "x" * 10),
        ("x" * 11, "x" * 9 + "…"),
        ("four words that go on", "four…"),
        ("exactly 10", "exactly 10"),
        ("0123456789 ", "0123456789"),
    ],
)
async def test_a_title_is_one_short_line(store, made, title):
    await say(Server(store, lambda _: made, longest=10))
    assert await titles_in(store) == [title]
    assert len(title) <= 10


# What the user does meanwhile


async def rename(store, thread):
    theirs = await store.load_thread(thread.id, ALICE)
    theirs.title = "My own"
    await store.save_thread(theirs, ALICE)


async def test_a_rename_during_the_reply_stays(store):
    await say(Server(store, meanwhile=rename))
    assert await titles_in(store) == ["My own"]


async def test_a_rename_while_the_title_is_made_stays(store):
    async def make_title(turn):
        await rename(store, (await store.load_threads(1, None, "asc", ALICE)).data[0])
        return "Made"

    await say(Server(store, make_title))
    assert await titles_in(store) == ["My own"]


async def test_a_thread_that_is_deleted_meanwhile_does_not_come_back(store):
    async def delete(store, thread):
        await store.delete_thread(thread.id, ALICE)

    await say(Server(store, meanwhile=delete))
    assert await titles_in(store) == []


async def test_a_title_that_the_server_gave_stays(store):
    async def name(_, thread):
        thread.title = "The server's"

    await say(Server(store, pytest.fail, meanwhile=name))
    assert await titles_in(store) == ["The server's"]


async def test_a_thread_with_a_title_is_not_asked_about(store):
    await store.save_thread(thread("thr_1", "Old"), ALICE)
    await say(Server(store, pytest.fail), thread_id="thr_1")
    assert await titles_in(store) == ["Old"]


# What goes wrong


SECRET = "what the user said"


def refuse(turn):
    raise RuntimeError(SECRET)


async def refuse_later(turn):
    raise RuntimeError(SECRET)


async def hang(turn):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("make_title", "error"),
    [
        (refuse, "RuntimeError"),
        (refuse_later, "RuntimeError"),
        (hang, "TimeoutError"),
        (lambda _: 7, "AttributeError"),
        (lambda _: b"bytes", "TypeError"),
    ],
)
async def test_a_failure_costs_no_reply_and_is_told_without_content(store, make_title, error, caplog):
    with caplog.at_level(logging.WARNING):
        events = await say(Server(store, make_title, timeout_seconds=0.05))
    assert [event["type"] for event in events if "error" in event["type"]] == []
    assert await titles_in(store) == [None]
    assert [each.name for each in caplog.records] == ["chatkit_pgstore"]
    assert f"make_title raised {error}" in caplog.text
    assert SECRET not in caplog.text


async def test_a_database_that_is_away_costs_no_reply(caplog):
    store = MemoryStore()

    async def away(*_):
        raise StoreUnavailableError(SECRET)

    async def goes_away(store, _):
        store.load_thread = away

    with caplog.at_level(logging.WARNING):
        events = await say(Server(store, meanwhile=goes_away))
    assert "error" not in [event["type"] for event in events]
    assert await titles_in(store) == [None]
    assert "it could not be looked at (StoreUnavailableError)" in caplog.text
    assert SECRET not in caplog.text


async def test_a_reply_that_fails_gives_no_title(store):
    async def fail(*_):
        raise RuntimeError

    events = await say(Server(store, pytest.fail, meanwhile=fail))
    assert events[-1]["type"] == "error"
    assert await titles_in(store) == [None]


async def test_a_reader_that_goes_away_closes_the_events_and_gets_no_title(store):
    closed = []

    async def events():
        try:
            yield ThreadItemDoneEvent(item=message("msg_1"))
            yield ThreadItemDoneEvent(item=message("msg_2"))
        finally:
            closed.append(True)

    wrapped = with_title(events(), store, thread(), ALICE, pytest.fail)
    await anext(wrapped)
    await wrapped.aclose()
    assert closed == [True]


# What it is made of


async def turn_of(*events):
    """Return the turn that *events* are."""
    turns = []

    async def stream():
        for event in events:
            yield event

    store = MemoryStore()
    await store.save_thread(thread(), ALICE)
    async for _ in with_title(stream(), store, thread(), ALICE, turns.append):
        pass
    return turns[0]


async def test_a_turn_has_what_the_reply_left():
    turn = await turn_of(
        ThreadItemDoneEvent(item=message("msg_1", "One")),
        ThreadItemDoneEvent(item=message("msg_2", "Two")),
        ThreadItemDoneEvent(item=message("msg_3", "Three")),
        ThreadItemReplacedEvent(item=message("msg_1", "Won")),
        ThreadItemRemovedEvent(item_id="msg_2"),
        ThreadItemRemovedEvent(item_id="msg_unknown"),
    )
    assert [item.id for item in turn.items] == ["msg_1", "msg_3"]
    assert (turn.user_message, turn.question, turn.answer) == (None, "", "Won\nThree")


async def test_events_may_be_any_iterator():
    class Events:
        def __init__(self):
            self.left = [ThreadItemDoneEvent(item=message("msg_1"))]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    store, named = MemoryStore(), thread()
    await store.save_thread(named, ALICE)
    assert [event.item.id async for event in with_title(Events(), store, named, ALICE, lambda _: "Made")] == ["msg_1"]
    assert named.title == "Made"
