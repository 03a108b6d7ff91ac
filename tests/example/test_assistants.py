"""Who answers is a matter of settings."""

import pytest

from examples.fastapi_app.assistants import choose_assistant
from examples.fastapi_app.server import AppServer
from examples.fastapi_app.settings import Settings
from tests.support.chat_page import ChatPage
from tests.support.model_server import Reply

GIVEN = {"database_url": "postgresql:///chat", "jwt_secret": "s" * 32, "files_secret": "f" * 32, "pace_seconds": 0}


async def test_without_a_key_a_script_answers(app_store, attachments):
    assistant = choose_assistant(Settings(**GIVEN), app_store, attachments)
    page = ChatPage(AppServer(app_store, attachments, assistant))
    await page.say("Hello")
    assert assistant.name == "scripted"
    assert page.texts()[-1].startswith("Messages in this conversation: 1. It began with “Hello”.")
    await assistant.aclose()


@pytest.mark.parametrize("conversation", ["input", "messages"])
async def test_with_a_key_the_model_that_was_chosen_answers(app_store, attachments, model, conversation):
    apis = {"input": "responses", "messages": "chat_completions"}
    chosen = {"openai_api_key": "none", "openai_base_url": model.url, "openai_model": "quokka-1"}
    settings = Settings(**GIVEN, **chosen, openai_api=apis[conversation])
    assistant = choose_assistant(settings, app_store, attachments)
    page = ChatPage(AppServer(app_store, attachments, assistant))
    model.will_say(Reply("Hello to you"))
    await page.say("Hello")
    assert page.texts() == ["Hello", "Hello to you"]
    assert (assistant.name, model.requests[0]["model"]) == ("quokka-1", "quokka-1")
    assert conversation in model.requests[0]
    await assistant.aclose()
