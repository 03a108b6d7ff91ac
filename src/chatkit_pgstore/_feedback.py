"""What users think of replies: what is kept, and the one line that has a ChatKitServer keep it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast, get_args, runtime_checkable

from chatkit.store import Store
from chatkit.types import FeedbackKind

from chatkit_pgstore._ids import check_id
from chatkit_pgstore.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user thinks of an item, since when, and since when so."""

    kind: FeedbackKind
    created_at: datetime
    """Of the first opinion; aware, in UTC."""
    updated_at: datetime
    """Of this one."""


@runtime_checkable
class KeepsFeedback(Protocol):
    """A store that keeps feedback, as those of this package do."""

    async def save_feedback(self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: Any) -> None:
        """Keep what the user thinks of items of a thread."""
        ...


class HasStore(Protocol):
    """What `keep_feedback` needs of a ChatKitServer."""

    store: Store[Any]


async def keep_feedback(
    self: HasStore, thread_id: str, item_ids: list[str], feedback: FeedbackKind, context: Any
) -> None:
    """Keep feedback in the server's store: ``add_feedback`` of a ChatKitServer, in one line.

    ::

        class MyServer(ChatKitServer[Context]):
            add_feedback = keep_feedback

    Raises:
        NotFoundError: An item is not there, or is another user's; nothing is kept then.
        ConfigurationError: The server's store keeps no feedback.
    """
    store = self.store
    if not isinstance(store, KeepsFeedback):
        raise ConfigurationError(
            f"The store of this server, a {type(store).__name__}, has no save_feedback(). Use chatkit_pgstore's, or "
            "override add_feedback() yourself."
        )
    await cast("KeepsFeedback", store).save_feedback(thread_id, item_ids, feedback, context)


def feedback_values(thread_id: str, item_ids: Sequence[str], kind: FeedbackKind) -> dict[str, Any]:
    """Return the values that feedback is saved with, each item once and in the order of their ids.

    Raises:
        ValueError: *kind* is none that ChatKit has, or an id cannot be one.
    """
    if kind not in get_args(FeedbackKind):
        raise ValueError(f'kind must be "positive" or "negative", not {kind!r}')
    return {
        "thread_id": check_id(thread_id, "thread_id"),
        "item_ids": sorted(set(checked_ids(item_ids, "item_ids"))),
        "kind": kind,
    }


def checked_ids(ids: Sequence[str], field: str) -> list[str]:
    """Return *ids* when each can be stored as one.

    Raises:
        ValueError: One cannot, or *ids* is a single text.
    """
    if isinstance(ids, str):
        raise ValueError(f"{field} must be a list of ids, not one text")
    return [check_id(each, field) for each in ids]
