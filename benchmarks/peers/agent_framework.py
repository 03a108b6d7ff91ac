"""PostgresHistoryProvider of community-agent-framework-postgres as a contender."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from agent_framework import Message
from agent_framework_community_postgres import PostgresHistoryProvider, PostgresPersistence

from benchmarks.peers.contender import PAGE, POOL_SIZE


class OnHistory:
    """Does the three jobs with a provider for each user, who is a tenant.

    `max_messages` would bound a read, but deletes what is older: it is no way to read the newest.
    """

    def __init__(self, hub: PostgresPersistence) -> None:
        self._hub = hub
        self._providers: dict[str, PostgresHistoryProvider] = {}

    async def append(self, user: str, conversation: str, text: str) -> None:
        """Append one message."""
        await self.fill(user, conversation, [text])

    async def newest(self, user: str, conversation: str, count: int = PAGE) -> list[str]:
        """Return the last messages of the conversation, which is read as a whole."""
        messages = await self._history(user).get_messages(conversation)
        return [message.text for message in messages[-count:]]

    async def first_page(self, user: str) -> list[str]:
        """Return the first conversations by name."""
        return await self._history(user).list_sessions(limit=PAGE)

    async def fill(self, user: str, conversation: str, texts: Sequence[str]) -> None:
        """Begin a conversation, or go on with it: to a history that is the same."""
        messages = [Message("user", [text]) for text in texts]
        await self._history(user).save_messages(conversation, messages)

    def _history(self, user: str) -> PostgresHistoryProvider:
        if user not in self._providers:
            self._providers[user] = self._hub.history_provider(tenant_id=user)
        return self._providers[user]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[OnHistory]:
    """Open the hub, which owns the pool, and migrate."""
    sizes = {"min_size": POOL_SIZE, "max_size": POOL_SIZE}
    hub = PostgresPersistence(application_id="benchmark", connection_string=url, pool_kwargs=sizes)
    async with hub:
        await hub.migrate()
        yield OnHistory(hub)
