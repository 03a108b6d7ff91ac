"""The example's server on a real PostgreSQL, with either store and either assistant."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore
from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.routing import Mount

from chatkit_pgstore.attachments import FileAttachments, Files
from chatkit_pgstore.buffered import BufferedStore
from examples.fastapi_app.agent import AgentAssistant
from examples.fastapi_app.auth import User
from examples.fastapi_app.script import ScriptedAssistant
from examples.fastapi_app.server import AppServer
from tests.support.chat_page import ChatPage
from tests.support.model_server import ModelServer

ALICE = User("alice")


@pytest.fixture
def files() -> Files:
    """Where the bytes of attachments are: in memory."""
    return Files(MemoryStore(), secret="s" * 32, public_url="http://app/files")


@pytest.fixture
async def app_store(request, make_store, files, tmp_path) -> AsyncIterator[Any]:
    """The store of the app; a BufferedStore where a test is parametrised with "buffered"."""
    store = await make_store(preview_urls=files)
    if getattr(request, "param", None) != "buffered":
        yield store
        return
    async with BufferedStore(store, str(tmp_path / "journal"), context=User) as buffered:
        yield buffered


@pytest.fixture
def attachments(app_store, files) -> FileAttachments[User]:
    """What takes files and reads them."""
    return FileAttachments(app_store, files)


@pytest.fixture
def attach(attachments) -> Callable[..., Awaitable[str]]:
    """``await attach(page, name, mime_type, content)``: the id of an attachment that was uploaded from a page."""
    app = Starlette(routes=[Mount("/files", attachments.app())])

    async def upload(page: ChatPage, name: str, mime_type: str, content: bytes) -> str:
        created = await page.ask("attachments.create", name=name, mime_type=mime_type, size=len(content))
        target = created["upload_descriptor"]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            headers = {"Content-Type": mime_type} | target.get("headers", {})
            response = await client.request(target["method"], target["url"], content=content, headers=headers)
        assert response.is_success, response.text
        return created["id"]

    return upload


@pytest.fixture
def script_page(app_store, attachments) -> Callable[..., ChatPage]:
    """``script_page(user)``: a page whose server has the scripted assistant."""

    def open_page(user: User = ALICE) -> ChatPage:
        assistant = ScriptedAssistant(app_store, attachments, pace_seconds=0)
        return ChatPage(AppServer(app_store, attachments, assistant), user)

    return open_page


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    """The model of the agent."""
    async with ModelServer() as server:
        yield server


@pytest.fixture(params=["responses", "chat_completions"])
def api(request) -> str:
    """The API by which the agent talks to its model."""
    return request.param


@pytest.fixture
async def agent_page(app_store, attachments, model, api) -> AsyncIterator[Callable[..., ChatPage]]:
    """``agent_page(user)``: a page whose server has the agent."""
    client = AsyncOpenAI(base_url=model.url, api_key="none")
    assistant = AgentAssistant(app_store, attachments, client=client, model="scripted", api=api)
    yield lambda user=ALICE: ChatPage(AppServer(app_store, attachments, assistant), user)
    # Else a reply that nothing has stopped would be waited for in vain.
    model.go_on()
    await assistant.aclose()
