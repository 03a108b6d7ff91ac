"""The assistant: a script, so that the example needs no model, no key and no network.

Your own assistant goes into ``respond``. Everything else may stay as it is.
"""

from collections.abc import AsyncIterator
from typing import Any

from chatkit.actions import Action
from chatkit.server import ChatKitServer
from chatkit.types import (
    AudioInput,
    FeedbackKind,
    SyncCustomActionResponse,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
    WidgetItem,
)
from pydantic import ValidationError
from typing_extensions import override

from chatkit_pgstore import PostgresStore

from . import counter, script
from .attachments import NamesOnly
from .turn import Turn
from .visitors import Visitor


class DemoServer(ChatKitServer[Visitor]):
    """Answers every request of the ChatKit SDK.

    Args:
        store: Keeps the conversations.
        pace_seconds: The pause between two words of a reply.
    """

    def __init__(self, store: PostgresStore[Visitor], *, pace_seconds: float) -> None:
        super().__init__(store, NamesOnly())
        self._store = store
        self._pace_seconds = pace_seconds

    @override
    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: Visitor,
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Stream the reply to a message; without one, to a tool's output or a form's answers."""
        turn = self._turn(thread, context)
        if input_user_message is None:
            events = script.follow_up(turn)
        else:
            # ChatKit saves the thread, and tells the page, whenever it has changed after an event.
            thread.title = script.title_after(thread.title, input_user_message)
            events = script.reply(turn, input_user_message)
        async for event in events:
            yield event

    @override
    async def action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: Visitor,
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Stream the reply to the button that finishes the counter.

        Raises:
            ValueError: No widget sent it, or it is no action of this widget.
        """
        count, sender = self._read_action(action, sender, counter.FINISH)
        card = counter.counter_card(count, finished=True)
        yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": card}))
        async for event in self._turn(thread, context).say(f"You stopped at {count}. It stays at that."):
            yield event

    @override
    async def sync_action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: Visitor,
    ) -> SyncCustomActionResponse:
        """Count on, without a reply.

        Raises:
            ValueError: No widget sent it, or it is no action of this widget.
        """
        count, sender = self._read_action(action, sender, counter.ADD)
        updated = sender.model_copy(update={"widget": counter.counter_card(count)})
        # Unlike the events of a stream, what this method returns is not saved by ChatKit.
        await self._store.save_item(thread.id, updated, context)
        return SyncCustomActionResponse(updated_item=updated)

    @override
    async def add_feedback(
        self,
        thread_id: str,
        item_ids: list[str],
        feedback: FeedbackKind,
        context: Visitor,
    ) -> None:
        """Keep what the visitor thinks of a reply in the thread's metadata, which is never sent to the page.

        Raises:
            NotFoundError: The thread or an item is not this visitor's.
        """
        thread = await self._store.load_thread(thread_id, context)
        for item_id in item_ids:
            await self._store.load_item(thread_id, item_id, context)
        opinions = dict.fromkeys(item_ids, feedback)
        thread.metadata["feedback"] = thread.metadata.get("feedback", {}) | opinions
        await self._store.save_thread(thread, context)

    @override
    async def transcribe(self, audio_input: AudioInput, context: Visitor) -> TranscriptionResult:
        """Describe a recording instead of understanding it: that would take a model."""
        return TranscriptionResult(text=f"({len(audio_input.data)} bytes of {audio_input.media_type})")

    def _turn(self, thread: ThreadMetadata, context: Visitor) -> Turn:
        return Turn(self._store, thread, context, self._pace_seconds)

    @staticmethod
    def _read_action(action: Action[str, Any], sender: WidgetItem | None, expected: str) -> tuple[int, WidgetItem]:
        if sender is None or action.type != expected:
            raise ValueError(f"Only a widget can send {expected!r}, and nothing else can be sent here.")
        try:
            return counter.CounterPayload.model_validate(action.payload).count, sender
        except ValidationError:
            # Not "from error": pydantic quotes the payload, and the log must not hold what people send.
            raise ValueError(f"The payload of {expected!r} is not a count.") from None
