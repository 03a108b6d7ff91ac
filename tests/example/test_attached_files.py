"""Files that users send along: what the script says of them, and what a model gets of them."""

import base64

import pytest

from chatkit_pgstore import StoreUnavailableError
from examples.fastapi_app import attachments as app_attachments
from examples.fastapi_app.auth import User
from examples.fastapi_app.picture import drawing
from examples.fastapi_app.script import ScriptedAssistant
from examples.fastapi_app.server import AppServer
from tests.support.chat_page import ChatPage
from tests.support.model_server import Reply

PNG_URL = drawing("Quokka", cells=4)
PNG = base64.b64decode(PNG_URL.partition(",")[2])
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@pytest.fixture
def page(agent_page):
    return agent_page()


@pytest.fixture
def parts(model, api):
    """``parts(number)``: the parts of the newest message in a request, in the words of the Responses API."""

    def newest(number: int = -1) -> list[dict]:
        body = model.requests[number]
        content = (body["input"] if api == "responses" else body["messages"])[-1]["content"]
        return [as_response_part(part) for part in content]

    return newest


def as_response_part(part: dict) -> dict:
    match part:
        case {"type": "text", "text": text}:
            return {"type": "input_text", "text": text}
        case {"type": "image_url", "image_url": {"url": url}}:
            return {"type": "input_image", "image_url": url, "detail": "auto"}
        case {"type": "file", "file": file}:
            return {"type": "input_file", **file}
        case _:
            return part


async def test_the_script_tells_name_type_and_size(script_page, attach):
    page = script_page()
    picture, note = await attach(page, "fox.png", "image/png", PNG), await attach(page, "a.txt", "text/plain", b"Hello")
    await page.say("What is this?", picture, note)
    assert page.texts()[-1].splitlines() == [
        f"“fox.png” is of type image/png and has {len(PNG):,} bytes.",
        "“a.txt” is of type text/plain and has 5 bytes.",
    ]


async def test_a_file_that_never_arrived_is_no_failure(script_page):
    page = script_page()
    announced = await page.ask("attachments.create", name="fox.png", mime_type="image/png", size=7)
    await page.say("What is this?", announced["id"])
    assert page.texts()[-1] == "“fox.png” (image/png) has not arrived, is gone, or cannot be reached now."
    assert page.errors() == []


async def test_a_conversation_that_begins_with_a_file_is_called_by_it(script_page, attach):
    page = script_page()
    await page.say("", await attach(page, "fox.png", "image/png", PNG))
    assert (await page.ask("threads.get_by_id", thread_id=page.thread_id))["title"] == "fox.png"


async def test_a_model_gets_what_it_can_read_of_each_file(page, attach, model, parts):
    sent = [
        await attach(page, "fox.png", "image/png", PNG),
        await attach(page, "fox.pdf", "application/pdf", PDF),
        await attach(page, "fox.csv", "text/csv", "Füchse,2\n".encode()),
        await attach(page, "fox.json", "application/json", b'{"foxes": 2}'),
    ]
    model.will_say(Reply("A fox"))
    await page.say("What are these?", *sent)
    question, image, pdf, csv, json = parts()
    assert question == {"type": "input_text", "text": "What are these?"}
    assert image == {"type": "input_image", "image_url": PNG_URL, "detail": "auto"}
    assert pdf["filename"] == "fox.pdf"
    assert pdf["file_data"] == f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
    assert "'fox.csv'" in csv["text"]
    assert csv["text"].endswith("Füchse,2\n")
    assert json["text"].endswith('{"foxes": 2}')
    assert page.texts() == ["What are these?", "A fox"]


async def test_a_file_of_an_earlier_turn_is_sent_again(page, attach, model, api):
    model.will_say(Reply("A fox"), Reply("A brown one"))
    await page.say("What is this?", await attach(page, "fox.png", "image/png", PNG))
    await page.say("Which one?")
    assert PNG_URL in str(model.requests[1])


async def test_what_has_not_arrived_or_is_too_large_is_named(page, attach, model, parts, monkeypatch):
    monkeypatch.setattr(app_attachments, "MAX_MODEL_BYTES", len(PNG) - 1)
    announced = await page.ask("attachments.create", name="lost.png", mime_type="image/png", size=7)
    large = await attach(page, "large.png", "image/png", PNG)
    model.will_say(Reply("I see nothing"))
    await page.say("What are these?", announced["id"], large)
    _, lost, too_large = parts()
    assert lost["text"].startswith("The user attached the file 'lost.png' (image/png), which has not arrived, is gone")
    assert too_large["text"] == "The user attached the file 'large.png' (image/png), which is too large to show you."
    assert page.errors() == []


class Unreachable:
    """A reader whose database is away, or whose bytes are lost."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def read(self, attachment_id, context):
        raise self.error
        yield b""


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), FileNotFoundError("lost")], ids=["away", "lost"])
async def test_the_chat_goes_on_without_a_file_that_cannot_be_had(app_store, attachments, attach, error):
    assistant = ScriptedAssistant(app_store, Unreachable(error), pace_seconds=0)
    page = ChatPage(AppServer(app_store, attachments, assistant), User("alice"))
    sent = await attach(page, "fox.png", "image/png", PNG)
    await page.say("What is this?", sent)
    assert "cannot be reached" in page.texts()[-1]
    attachment = await app_store.load_attachment(sent, page.context)
    named = await app_attachments.ModelFiles(Unreachable(error), page.context).content_of(attachment)
    assert "cannot be reached" in named["text"]


async def test_when_files_are_too_many_the_newest_are_sent(page, attach, model, parts, monkeypatch):
    monkeypatch.setattr(app_attachments, "MAX_MODEL_BYTES", len(PNG) + 10)
    model.will_say(Reply("A fox"), Reply("Another fox"))
    await page.say("What is this?", await attach(page, "old.png", "image/png", PNG))
    assert PNG_URL in str(model.requests[0])
    other = b"\x89PNG\r\n\x1a\n" + b"Narwhal"
    await page.say("And this?", await attach(page, "new.png", "image/png", other))
    assert base64.b64encode(other).decode() in str(parts())
    assert PNG_URL not in str(model.requests[1])
    assert "'old.png' (image/png), which is too large" in str(model.requests[1])


async def test_a_type_that_no_model_reads_is_named_without_being_read(page, attach, model, parts, files):
    files.mime_types = frozenset({"application/zip"})
    sent = await attach(page, "foxes.zip", "application/zip", b"PK\x05\x06" + b"\0" * 18)
    model.will_say(Reply("I cannot read that"))
    await page.say("What is this?", sent)
    _, named = parts()
    assert "'foxes.zip' (application/zip), which is of a type that you cannot read" in named["text"]


async def test_a_file_of_somebody_else_is_no_input(agent_page, attach, model):
    alice, bob = agent_page(User("alice")), agent_page(User("bob"))
    sent = await attach(alice, "secret.txt", "text/plain", b"Ptarmigan")
    with pytest.raises(Exception, match="not found"):
        await bob.say("What is this?", sent)
    assert model.requests == []
