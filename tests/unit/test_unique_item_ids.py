"""Which id each event gets; the agents of tests/integration/test_unique_item_ids.py show that these are the events."""

import asyncio
import re
from datetime import datetime

import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ClientToolCallItem,
    CustomTask,
    GeneratedImageItem,
    ProgressUpdateEvent,
    SDKHiddenContextItem,
    TaskItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    Workflow,
    WorkflowItem,
)

from chatkit_pgstore import unique_item_ids
from chatkit_pgstore.testing import MemoryStore

ALICE = {"user_id": "alice"}
NOW = datetime(2025, 1, 1)
PLACEHOLDER = "__fake_id__"
THREAD = ThreadMetadata(id="thr_1", created_at=NOW)
COMMON = {"thread_id": THREAD.id, "created_at": NOW}


def reply(text="", item_id=PLACEHOLDER):
    return AssistantMessageItem(id=item_id, content=[AssistantMessageContent(text=text)], **COMMON)


def tool_call(item_id=PLACEHOLDER):
    return ClientToolCallItem(id=item_id, call_id="call_1", name="where", arguments={}, **COMMON)


def added(item=None):
    return ThreadItemAddedEvent(item=item or reply())


def updated(item_id=PLACEHOLDER, delta="word"):
    update = AssistantMessageContentPartTextDelta(content_index=0, delta=delta)
    return ThreadItemUpdatedEvent(item_id=item_id, update=update)


def done(item=None):
    return ThreadItemDoneEvent(item=item or reply("word"))


def replaced(item=None):
    return ThreadItemReplacedEvent(item=item or reply("other word"))


def removed(item_id=PLACEHOLDER):
    return ThreadItemRemovedEvent(item_id=item_id)


class CountingStore(MemoryStore):
    """Makes ids that tell what they were made for, and in which order."""

    def __init__(self):
        super().__init__()
        self.made = 0

    def generate_item_id(self, item_type, thread, context):
        assert (thread, context) == (THREAD, ALICE)
        self.made += 1
        return f"{item_type}_{self.made}"


async def streamed(*events):
    for event in events:
        yield event


def wrapped(*events):
    return unique_item_ids(streamed(*events), CountingStore(), THREAD, ALICE)


def id_of(event):
    return event.item_id if hasattr(event, "item_id") else event.item.id


async def ids_of(*events):
    return [id_of(event) async for event in wrapped(*events)]


async def test_an_item_keeps_one_fresh_id_from_its_first_event_to_its_last():
    events = [added(), updated(), updated(), replaced(), done()]
    assert await ids_of(*events) == ["message_1"] * 5


async def test_every_next_item_gets_another_id():
    assert await ids_of(added(), done(), added(), updated(), done()) == [*["message_1"] * 2, *["message_2"] * 3]


async def test_an_item_that_is_only_ever_done_gets_an_id_each_time():
    assert await ids_of(done(), done()) == ["message_1", "message_2"]


async def test_an_item_that_was_never_done_does_not_lend_its_id_to_the_next():
    assert await ids_of(added(), updated(), added(), updated(), done()) == [*["message_1"] * 2, *["message_2"] * 3]


async def test_a_tool_call_beside_an_open_reply_is_an_item_of_its_own():
    events = [added(), done(tool_call()), updated(), done()]
    assert await ids_of(*events) == ["message_1", "tool_call_2", "message_1", "message_1"]


@pytest.mark.parametrize("late", [updated(), replaced()], ids=["updated", "replaced"])
async def test_what_comes_after_an_item_is_done_means_the_last_one(late):
    assert await ids_of(done(), done(), late) == ["message_1", "message_2", "message_2"]


async def test_a_replacement_by_another_type_means_the_last_item_too():
    image = GeneratedImageItem(id=PLACEHOLDER, image=None, **COMMON)
    assert await ids_of(added(), replaced(image)) == ["message_1", "message_1"]


async def test_a_replacement_of_nothing_is_a_new_item():
    assert await ids_of(replaced(), done()) == ["message_1", "message_1"]


async def test_the_removal_of_the_placeholder_removes_every_item_once():
    events = [done(), added(), removed(), removed(), done()]
    assert await ids_of(*events) == ["message_1", "message_2", "message_1", "message_2", "message_3"]


async def test_the_removal_of_the_placeholder_of_a_tool_call_is_no_event():
    assert await ids_of(removed()) == []


async def test_an_update_of_nothing_passes():
    event = updated()
    assert [each async for each in wrapped(event)] == [event]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (reply(), "message"),
        (tool_call(), "tool_call"),
        (TaskItem(id=PLACEHOLDER, task=CustomTask(title="Look"), **COMMON), "task"),
        (WorkflowItem(id=PLACEHOLDER, workflow=Workflow(type="custom", tasks=[]), **COMMON), "workflow"),
        (SDKHiddenContextItem(id=PLACEHOLDER, content="hidden", **COMMON), "sdk_hidden_context"),
        (GeneratedImageItem(id=PLACEHOLDER, image=None, **COMMON), "message"),
    ],
    ids=lambda value: getattr(value, "type", value),
)
async def test_the_store_is_asked_for_an_id_of_the_items_kind(item, kind):
    assert await ids_of(done(item)) == [f"{kind}_1"]


async def test_ids_are_the_stores():
    events = unique_item_ids(streamed(done()), MemoryStore(), THREAD, ALICE)
    assert [re.fullmatch(r"msg_[0-9a-f]{32}", id_of(event)) is not None async for event in events] == [True]


async def test_events_without_the_placeholder_pass_as_the_very_objects():
    events = [
        ProgressUpdateEvent(text="Thinking"),
        added(reply(item_id="msg_1")),
        updated("msg_1"),
        done(reply("word", "msg_1")),
        replaced(reply("word", "msg_1")),
        removed("msg_1"),
        object(),
    ]
    passed = [event async for event in wrapped(*events)]
    assert [id(event) for event in passed] == [id(event) for event in events]


async def test_items_with_ids_do_not_disturb_the_placeholders():
    events = [added(), added(reply(item_id="msg_1")), updated("msg_1"), updated(), done(reply(item_id="msg_1")), done()]
    assert await ids_of(*events) == ["message_1", "msg_1", "msg_1", "message_1", "msg_1", "message_1"]


async def test_what_the_agent_yielded_stays_as_it_was_and_only_ids_differ():
    events = [added(), updated(), done(), replaced(), removed()]
    before = [event.model_copy(deep=True) for event in events]
    passed = [event.model_dump_json() async for event in wrapped(*events)]
    assert events == before
    assert [text.replace("message_1", PLACEHOLDER) for text in passed] == [event.model_dump_json() for event in events]


async def test_two_streams_share_nothing():
    store = CountingStore()
    first, second = (unique_item_ids(streamed(added(), updated()), store, THREAD, ALICE) for _ in range(2))
    ids = [id_of(await anext(stream)) for stream in (first, second, first, second)]
    assert ids == ["message_1", "message_2", "message_1", "message_2"]
    for stream in (first, second):
        await stream.aclose()


class Inner:
    """A stream that waits behind its first event, and tells how it ended."""

    def __init__(self):
        self.waiting = asyncio.Event()
        self.ended_by = None

    async def events(self):
        try:
            yield added()
            self.waiting.set()
            await asyncio.Event().wait()
        except BaseException as error:
            self.ended_by = type(error)
            raise


async def test_closing_the_wrapper_closes_the_stream_at_once():
    inner = Inner()
    stream = unique_item_ids(inner.events(), CountingStore(), THREAD, ALICE)
    await anext(stream)
    await stream.aclose()
    assert inner.ended_by is GeneratorExit


async def test_a_cancellation_reaches_the_stream():
    inner = Inner()
    stream = unique_item_ids(inner.events(), CountingStore(), THREAD, ALICE)
    await anext(stream)
    task = asyncio.ensure_future(anext(stream))
    await inner.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner.ended_by is asyncio.CancelledError


async def test_a_failure_of_the_stream_is_the_wrappers():
    async def failing():
        yield added()
        raise RuntimeError("the model is away")

    stream = unique_item_ids(failing(), CountingStore(), THREAD, ALICE)
    await anext(stream)
    with pytest.raises(RuntimeError, match="the model is away"):
        await anext(stream)


async def test_an_iterator_that_cannot_be_closed_will_do():
    class Events:
        def __init__(self):
            self.left = [added(), done()]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    stream = unique_item_ids(Events(), CountingStore(), THREAD, ALICE)
    assert [id_of(event) async for event in stream] == ["message_1", "message_1"]
