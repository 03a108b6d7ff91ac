"""A plain API for other programs, beside ChatKit's protocol: the same conversations, as the same users.

Its errors tell nobody what others have: what is another user's answers as what was never there.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    FeedbackKind,
    InferenceOptions,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
    UserMessageTextContent,
)
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from .auth import CurrentUser
from .errors import answers
from .ids import PossibleId, possible_id
from .parts import CurrentDatabase, CurrentStore

DEFAULT_LIMIT = 50

# Something other than blanks. A NUL is kept as it came: people paste such text, and the store can hold it.
Words = Annotated[str, Field(min_length=1, pattern=r"\S", description="Not only blanks.")]

_always = (HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
_written = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
_of_one = answers(*_always, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)

router = APIRouter(prefix="/api/conversations", tags=["history"])


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewConversation(_Strict):
    """A conversation to be begun."""

    title: Words | None = None


class Conversation(BaseModel):
    """A conversation, without its messages."""

    id: str
    title: str | None
    created_at: AwareDatetime


class ListedConversation(Conversation):
    """A conversation in a list."""

    items: int = Field(description="How many messages, widgets, tool calls and the like it holds.")


class NewMessage(_Strict):
    """A message to be added at the end of a conversation."""

    role: Literal["user", "assistant"]
    content: Words


class Message(BaseModel):
    """What somebody said."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    created_at: AwareDatetime


class _Page(BaseModel):
    has_more: bool
    after: str | None = Field(description="To be sent with the request for the next page; null at the end.")


class Conversations(_Page):
    """A page of conversations, oldest first."""

    data: list[ListedConversation]


class Messages(_Page):
    """A page of messages, oldest first."""

    data: list[Message]


class Feedback(BaseModel):
    """What the user thinks of replies, by the ids of their messages."""

    feedback: dict[str, FeedbackKind]


class Range(_Strict):
    """Which part of a list is wanted."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, description="How many at most; more than 1000 is cut to it.")
    after: str | None = Field(None, description="`after` of the page before.")

    @property
    def cursor(self) -> str | None:
        """``after``, checked.

        Raises:
            NotFoundError: Nothing can have it as its id.
        """
        return None if self.after is None else possible_id(self.after)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=answers(*_always, *_written),
)
async def begin(body: NewConversation, user: CurrentUser, store: CurrentStore) -> Conversation:
    """Begin a conversation."""
    thread = ThreadMetadata(id=store.generate_thread_id(user), title=body.title, created_at=datetime.now(UTC))
    await store.save_thread(thread, user)
    return _conversation(thread)


@router.get("", responses=_of_one)
async def conversations(
    wanted: Annotated[Range, Query()], user: CurrentUser, store: CurrentStore, database: CurrentDatabase
) -> Conversations:
    """List the user's conversations, oldest first."""
    page = await store.load_threads(wanted.limit, wanted.cursor, "asc", user)
    counts = await database.count_items([thread.id for thread in page.data], user)
    listed = [
        ListedConversation(**_conversation(thread).model_dump(), items=counts.get(thread.id, 0)) for thread in page.data
    ]
    return Conversations(data=listed, has_more=page.has_more, after=page.after)


@router.post(
    "/{conversation_id}/messages",
    status_code=HTTPStatus.CREATED,
    responses=answers(*_always, *_written, HTTPStatus.NOT_FOUND),
)
async def add_message(conversation_id: PossibleId, body: NewMessage, user: CurrentUser, store: CurrentStore) -> Message:
    """Add a message at the end of a conversation. Nobody answers it."""
    thread = await store.load_thread(conversation_id, user)
    item = _item(store.generate_item_id("message", thread, user), thread.id, body)
    await store.add_thread_item(thread.id, item, user)
    return Message(id=item.id, role=body.role, content=body.content, created_at=item.created_at)


@router.get("/{conversation_id}/messages", responses=_of_one)
async def messages(
    conversation_id: PossibleId, wanted: Annotated[Range, Query()], user: CurrentUser, store: CurrentStore
) -> Messages:
    """List the messages of a conversation, oldest first.

    What ChatKit keeps beside messages, such as widgets, tool calls and forms, is left out, so a page may have fewer
    messages than `limit`, even none; the next page is there as long as `has_more` says so.
    """
    page = await store.load_thread_items(conversation_id, wanted.cursor, wanted.limit, "asc", user)
    if not page.data:
        # To the store an empty conversation and none at all are the same.
        await store.load_thread(conversation_id, user)
    said = [message for item in page.data if (message := _message(item)) is not None]
    return Messages(data=said, has_more=page.has_more, after=page.after)


@router.get("/{conversation_id}/feedback", responses=_of_one)
async def feedback(conversation_id: PossibleId, user: CurrentUser, database: CurrentDatabase) -> Feedback:
    """Return what the user thinks of the replies of a conversation."""
    found = await database.load_feedback(conversation_id, user)
    if not found:
        await database.load_thread(conversation_id, user)
    return Feedback(feedback={item_id: opinion.kind for item_id, opinion in found.items()})


def _item(item_id: str, thread_id: str, message: NewMessage) -> UserMessageItem | AssistantMessageItem:
    now = datetime.now(UTC)
    if message.role == "assistant":
        said = [AssistantMessageContent(text=message.content)]
        return AssistantMessageItem(id=item_id, thread_id=thread_id, created_at=now, content=said)
    return UserMessageItem(
        id=item_id,
        thread_id=thread_id,
        created_at=now,
        content=[UserMessageTextContent(text=message.content)],
        inference_options=InferenceOptions(),
    )


def _moment(time: datetime) -> datetime:
    """Return *time* with its zone; what the ChatKit SDK makes is the local time of the process."""
    return time.astimezone(UTC)


def _conversation(thread: ThreadMetadata) -> Conversation:
    return Conversation(id=thread.id, title=thread.title, created_at=_moment(thread.created_at))


def _message(item: ThreadItem) -> Message | None:
    if not isinstance(item, UserMessageItem | AssistantMessageItem):
        return None
    role: Literal["user", "assistant"] = "user" if isinstance(item, UserMessageItem) else "assistant"
    content = "".join(part.text for part in item.content)
    return Message(id=item.id, role=role, content=content, created_at=_moment(item.created_at))
