"""The scripted assistant shows every type of item, and what it has shown is kept."""

import base64
import re
import struct
import zlib
from pathlib import Path
from traceback import format_exception
from typing import get_args

import pytest
from chatkit.types import Annotation, CustomSummary, DurationSummary, Source, Task, ThreadItem

from examples.fastapi_app.auth import User
from examples.fastapi_app.scenes import HELP, SCENES
from tests.support.samples import items_of

TRY_IT = Path(__file__).parents[2] / "docs" / "how-to" / "try-the-example.md"
WITHOUT_A_SCENE = {"user_message", "sdk_hidden_context"}
"""What users say, and what the SDK itself writes when a reply is stopped."""
BOTH_STORES = pytest.mark.parametrize("app_store", ["postgres", "buffered"], indirect=True)


def types_in(union) -> set[str]:
    return {member.model_fields["type"].default for member in get_args(get_args(union)[0])}


@pytest.fixture
def page(script_page):
    return script_page()


@BOTH_STORES
async def test_every_type_of_item_of_task_and_of_source_can_be_asked_for(page):
    for word in SCENES:
        await page.say(f"Please show me: {word}")
        if word == "tool":
            await page.answer_tool({"local_time": "6:07"})
    items = await items_of(page.server.store, page.thread_id, page.context)
    assert {item.type for item in items} == types_in(ThreadItem) - WITHOUT_A_SCENE | {"user_message"}
    workflows = [item.workflow for item in items if item.type == "workflow"]
    tasks = [task for workflow in workflows for task in workflow.tasks]
    assert {task.status_indicator for task in tasks} == {"complete"}
    assert {task.type for task in tasks} | {item.task.type for item in items if item.type == "task"} == types_in(Task)
    assert {(workflow.type, type(workflow.summary)) for workflow in workflows} == {
        ("custom", CustomSummary),
        ("reasoning", DurationSummary),
    }
    said = [part for item in items if item.type == "assistant_message" for part in item.content]
    annotations = [annotation for part in said for annotation in part.annotations]
    assert {annotation.source.type for annotation in annotations} == types_in(Source)
    await page.assert_kept()


def test_every_scene_is_told_of():
    assert all(f" {word}," in HELP for word in SCENES)
    table = TRY_IT.read_text().partition("## Without a model")[2].partition("## With a model")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(SCENES)


async def test_sources_stand_behind_the_words_they_belong_to(page):
    await page.say("sources")
    [content] = page.newest("assistant_message")["content"]
    ends = [Annotation.model_validate(each).index for each in content["annotations"]]
    assert [content["text"][:end].rsplit(" ", 1)[1] for end in ends] == ["so,", "page,", "ask."]
    updates = [event["update"] for event in page.events if event["type"] == "thread.item.updated"]
    added = [update["annotation"] for update in updates if update["type"].endswith("annotation_added")]
    assert added == content["annotations"]


async def test_the_image_is_a_png_that_gets_finer_and_belongs_to_its_message(page):
    await page.say("image")
    updates = [event["update"] for event in page.events if event["type"] == "thread.item.updated"]
    coarse, fine = (update for update in updates if update["type"] == "generated_image.updated")
    assert (coarse["progress"], fine["progress"]) == (0.5, 1.0)
    assert len(colours_of(coarse["image"]["url"])) <= 4 < len(colours_of(fine["image"]["url"]))
    first = page.newest("generated_image")["image"]
    assert first == fine["image"]
    await page.say("another image")
    assert page.newest("generated_image")["image"]["url"] != first["url"]


def colours_of(url: str) -> set[bytes]:
    """Read a PNG, checksums and all, and return the colours of its points."""
    png = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, place = {}, 8
    while place < len(png):
        [length] = struct.unpack_from(">I", png, place)
        name, data = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", png, place + 8 + length) == (zlib.crc32(name + data),)
        chunks[name] = data
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour_type = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (width, height, depth, colour_type) == (128, 128, 8, 2)
    points = zlib.decompress(chunks[b"IDAT"])
    line = 1 + 3 * width
    assert len(points) == line * height
    return {points[place : place + 3] for row in range(height) for place in range(row * line + 1, (row + 1) * line, 3)}


async def test_a_note_for_the_assistant_never_reaches_the_page(page):
    await page.say("hide")
    stored = await items_of(page.server.store, page.thread_id, page.context)
    [hidden] = [item for item in stored if item.type == "hidden_context_item"]
    reloaded = await page.ask("threads.get_by_id", thread_id=page.thread_id)
    assert hidden.content not in str(page.events)
    assert hidden.content not in str(reloaded)


@pytest.mark.parametrize("word", ["progress", "notice"])
async def test_what_is_said_beside_the_conversation_is_not_kept(page, word):
    await page.say(word)
    kinds = [event["type"] for event in page.events]
    assert {"progress": "progress_update", "notice": "notice"}[word] in kinds
    assert len(page.items) == 2
    await page.assert_kept()


@BOTH_STORES
async def test_what_fails_can_be_tried_again(page):
    await page.say("fail")
    [error] = page.errors()
    assert error == {"type": "error", "code": "custom", "message": error["message"], "allow_retry": True}
    assert page.texts() == ["fail"]
    await page.retry()
    assert page.texts() == ["fail", "The second time it went well."]
    assert page.errors() == [error]
    await page.assert_kept()
    await page.say("fail")
    assert len(page.errors()) == 2


@BOTH_STORES
async def test_what_was_said_of_a_reply_that_is_stopped_is_kept(page):
    words = "This is sentence 1 of sixty, and you "
    await page.stop_after(words, lambda: page.say("long"))
    assert page.texts() == ["long", words]
    await page.assert_kept()
    *_, marker = await items_of(page.server.store, page.thread_id, page.context)
    assert marker.type == "sdk_hidden_context"
    await page.retry()
    assert page.texts()[1].endswith("This is sentence 60 of sixty, and you may stop me.")
    await page.assert_kept()


async def test_the_browsers_answers_are_taken_up(page):
    await page.say("tool")
    await page.answer_tool({"local_time": "6:07"})
    assert page.texts()[-1] == "Your browser says that it is 6:07."
    await page.say("ask")
    form = page.newest("structured_input")
    submission = {"status": "answered", "answers": {"colour": {"values": ["Green"]}}}
    await page.stream("threads.add_structured_input", thread_id=page.thread_id, item_id=form["id"], input=submission)
    assert page.texts()[-1] == "Noted: Green; no answer."


async def test_a_conversation_is_called_by_its_first_words_until_it_is_renamed(page):
    await page.say("  What a lovely\nday ")
    assert await title_of(page) == "What a lovely day"
    await page.say("Something else")
    assert await title_of(page) == "What a lovely day"
    await page.say("title  A better  name")
    assert await title_of(page) == "A better name"


async def title_of(page) -> str:
    return (await page.ask("threads.get_by_id", thread_id=page.thread_id))["title"]


async def test_the_counter_counts_on_and_stops(page):
    await page.say("widget")
    target = {"thread_id": page.thread_id, "item_id": page.ids("widget")[0]}
    add = {"type": "counter.add", "payload": {"count": 1}}
    updated = (await page.ask("threads.sync_custom_action", **target, action=add))["updated_item"]
    page.items[updated["id"]] = updated
    await page.assert_kept()
    await page.stream("threads.custom_action", **target, action={"type": "counter.finish", "payload": {"count": 1}})
    assert page.newest("widget")["widget"]["children"][1]["value"] == "Final count: 1"
    assert page.texts()[-1] == "You stopped at 1. It stays at that."
    await page.assert_kept()


async def test_what_nobody_said_to_the_user_is_not_read_from_another_one(page, script_page):
    await page.say("This is a secret")
    other = script_page(User("bob"))
    await other.say("What did Alice say?")
    assert "Messages in this conversation: 1" in other.texts()[-1]
    assert "secret" not in str(other.events)


@BOTH_STORES
async def test_feedback_is_kept_and_can_be_changed(page):
    await page.say("Hello")
    [reply] = page.ids("assistant_message")
    for kind in ("positive", "negative"):
        answer = await page.ask("items.feedback", thread_id=page.thread_id, item_ids=[reply], kind=kind)
        kept = await page.server.store.load_feedback(page.thread_id, page.context)
        assert (answer, {item_id: each.kind for item_id, each in kept.items()}) == ({}, {reply: kind})


async def test_a_recording_is_described(page):
    recording = base64.b64encode(b"Ocelot").decode()
    heard = await page.ask("input.transcribe", audio_base64=recording, mime_type="audio/webm;codecs=opus")
    assert heard == {"text": "(6 bytes of audio/webm)"}


@pytest.mark.parametrize("action", [{"type": "counter.reset"}, {"type": "counter.add", "payload": {"count": "Quokka"}}])
async def test_a_widget_takes_only_what_its_buttons_send(page, action):
    await page.say("widget")
    with pytest.raises(ValueError, match=r"counter\.add") as refused:
        await page.ask(
            "threads.sync_custom_action", thread_id=page.thread_id, item_id=page.ids("widget")[0], action=action
        )
    assert "Quokka" not in "".join(format_exception(refused.value))
    await page.assert_kept()
