"""Attachments by ChatKit's own protocol: announced, uploaded, sent with a message, seen again, deleted."""

import json

import pytest
from chatkit.server import ChatKitServer
from chatkit.types import EndOfTurnItem, ThreadItemDoneEvent

from chatkit_pgstore.attachments import RefusedFileError
from tests.attachments.world import EMPTY, PNG
from tests.support.samples import ALICE, BOB, MOMENT


class Server(ChatKitServer):
    async def respond(self, thread, input_user_message, context):
        yield ThreadItemDoneEvent(item=EndOfTurnItem(id="end", thread_id=thread.id, created_at=MOMENT))


@pytest.fixture
async def server(world, make_store):
    return Server(await make_store(preview_urls=world.files), world.attachments)


async def ask(server, kind, context=ALICE, **params):
    result = await server.process(json.dumps({"type": kind, "params": params}), context)
    if hasattr(result, "json"):
        return json.loads(result.json)
    return [json.loads(line.removeprefix(b"data: ")) async for line in result]


async def create(server, **said):
    return await ask(server, "attachments.create", name="a.png", mime_type="image/png", size=len(PNG), **said)


async def send(world, attachment):
    to = attachment["upload_descriptor"]
    return await world.client.request(to["method"], to["url"], content=PNG, headers=to["headers"])


async def begin_thread(server, attachment, context=ALICE):
    text = {"type": "input_text", "text": "Look"}
    message = {"content": [text], "attachments": [attachment["id"]], "inference_options": {}}
    events = await ask(server, "threads.create", context, input=message)
    return events[0]["thread"]["id"]


async def test_an_image_from_its_announcement_to_its_end(server, world):
    attachment = await create(server)
    assert (await send(world, attachment)).status_code == 200
    thread_id = await begin_thread(server, attachment)
    [message, *_] = (await ask(server, "items.list", thread_id=thread_id, order="asc"))["data"]
    [shown] = message["attachments"]
    assert "upload_descriptor" not in shown
    assert (await world.client.get(shown["preview_url"])).content == PNG
    await ask(server, "threads.delete", thread_id=thread_id)
    await world.attachments.sweep(0)
    assert await world.traces() == EMPTY


async def test_an_attachment_deleted_before_it_is_sent(server, world):
    attachment = await create(server)
    await send(world, attachment)
    await ask(server, "attachments.delete", BOB, attachment_id=attachment["id"])
    assert (await world.traces())["files"] == 1
    await ask(server, "attachments.delete", attachment_id=attachment["id"])
    assert await world.traces() == EMPTY


async def test_a_file_that_is_not_taken_is_told_in_words(server, world):
    with pytest.raises(RefusedFileError, match="only: application/json, application/pdf"):
        await ask(server, "attachments.create", name="a.exe", mime_type="application/x-msdownload", size=1)
    assert await world.traces() == EMPTY
