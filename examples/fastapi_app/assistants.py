"""Who answers: an agent with a model where there is a key for one, and else a script."""

from collections.abc import AsyncIterator
from typing import Protocol

from chatkit.store import Store
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem
from openai import AsyncOpenAI

from .agent import AgentAssistant
from .attachments import AttachmentReader
from .auth import User
from .script import ScriptedAssistant
from .settings import Settings


class Assistant(Protocol):
    """Answers in a thread. ChatKit saves what it streams.

    Attributes:
        name: What the page calls it.
    """

    name: str

    def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, context: User, /
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Stream the reply to *message*; without one, to the newest item of the thread."""
        ...

    async def aclose(self) -> None:
        """Close what this assistant holds open."""
        ...


def choose_assistant(settings: Settings, store: Store[User], attachments: AttachmentReader) -> Assistant:
    """Return the assistant that *settings* ask for.

    Args:
        store: Keeps the conversations.
        attachments: Reads what users have sent.
    """
    if settings.openai_api_key is None:
        return ScriptedAssistant(store, attachments, pace_seconds=settings.pace_seconds)
    client = AsyncOpenAI(api_key=settings.openai_api_key, base_url=settings.openai_base_url)
    return AgentAssistant(store, attachments, client=client, model=settings.openai_model, api=settings.openai_api)
