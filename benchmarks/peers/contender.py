"""What every contender does, and what is known about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

POOL_SIZE = 10
PAGE = 20


class Contender(Protocol):
    """Three jobs, each through the documented API of what is measured.

    Texts go in and come out, so that whatever a contender's own messages are is made and read in its own time.
    """

    async def append(self, user: str, conversation: str, text: str) -> None:
        """Append one message to a conversation that exists."""

    async def newest(self, user: str, conversation: str, count: int = PAGE) -> list[str]:
        """Return the newest messages of a conversation, the oldest of them first."""

    async def first_page(self, user: str) -> list[str]:
        """Return the names of the first `PAGE` conversations of a user, as the contender orders them."""

    async def fill(self, user: str, conversation: str, texts: Sequence[str]) -> None:
        """Begin a conversation with so many messages, in the contender's fastest documented way. Not timed."""


@dataclass(frozen=True)
class Facts:
    """What is known about a contender without a measurement.

    Attributes:
        name: What tables call it.
        package: The distribution whose version is measured.
        module: Where its `opened` is.
        append: The documented call that appends.
        newest: The one that reads the newest messages.
        first_page: The one that lists a user's conversations; empty when there is none.
        users: How it keeps users apart.
        pages: What it can turn over.
        order: What holds the order when many append to one conversation.
        single: What it can do with one message.
        reads_whole_conversations: Whether the newest messages cost the whole conversation.
        writes_whole_conversations: Whether a message more costs the whole conversation.
    """

    name: str
    package: str
    module: str
    append: str
    newest: str
    first_page: str
    users: str
    pages: str
    order: str
    single: str
    reads_whole_conversations: bool = False
    writes_whole_conversations: bool = False

    @property
    def lists_conversations(self) -> bool:
        """Whether there is a call for it."""
        return bool(self.first_page)
