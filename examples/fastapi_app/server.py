"""The ChatKit server: every request of the protocol, for whichever assistant answers."""

from collections.abc import AsyncIterator
from typing import Any

from chatkit.actions import Action
from chatkit.server import ChatKitServer
from chatkit.store import AttachmentStore, Store
from chatkit.types import (
    AudioInput,
    SyncCustomActionResponse,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
    WidgetItem,
)
from typing_extensions import override

from chatkit_pgstore import keep_feedback, with_title

from . import counter
from .assistants import Assistant
from .auth import User
from .titles import TITLE_LENGTH, first_words
from .turn import Turn


class AppServer(ChatKitServer[User]):
    """Answers every request of the ChatKit SDK.

    Args:
        store: Keeps the conversations.
        attachments: Takes what users send along.
        assistant: Answers. **Your own goes here.**
    """

    add_feedback = keep_feedback

    def __init__(self, store: Store[User], attachments: AttachmentStore[User] | None, assistant: Assistant) -> None:
        super().__init__(store, attachments)
        self._assistant = assistant

    @override
    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: User,
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Stream the assistant's reply to a message; without one, to a tool's output or a form's answers."""
        events = self._assistant.respond(thread, input_user_message, context)
        async for event in with_title(
            events, self.store, thread, context, first_words, user_message=input_user_message, longest=TITLE_LENGTH
        ):
            yield event

    @override
    async def action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: User,
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Stream the reply to the button that finishes the counter.

        Raises:
            ValueError: No widget sent it, or it is no action of this widget.
        """
        count, sender = counter.read_action(action, sender, counter.FINISH)
        card = counter.counter_card(count, finished=True)
        yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": card}))
        turn = Turn(self.store, thread, context, pace_seconds=0)
        async for event in turn.say(f"You stopped at {count}. It stays at that."):
            yield event

    @override
    async def sync_action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: User,
    ) -> SyncCustomActionResponse:
        """Count on, without a reply.

        Raises:
            ValueError: No widget sent it, or it is no action of this widget.
        """
        count, sender = counter.read_action(action, sender, counter.ADD)
        updated = sender.model_copy(update={"widget": counter.counter_card(count)})
        # Unlike the events of a stream, what this method returns is not saved by ChatKit.
        await self.store.save_item(thread.id, updated, context)
        return SyncCustomActionResponse(updated_item=updated)

    @override
    async def transcribe(self, audio_input: AudioInput, context: User) -> TranscriptionResult:
        """Describe a recording instead of understanding it: that would take a model of another kind."""
        return TranscriptionResult(text=f"({len(audio_input.data)} bytes of {audio_input.media_type})")
