"""The assistant of the Agents SDK: a model, two tools, and the conversation as the store has it."""

from collections.abc import AsyncIterator

from agents import (
    Agent,
    Model,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    StopAtTools,
)
from agents.exceptions import AgentsException
from chatkit.agents import AgentContext, stream_agent_response
from chatkit.store import Store
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem
from openai import AsyncOpenAI, OpenAIError

from chatkit_pgstore import unique_item_ids

from .agent_input import conversation_so_far
from .attachments import AttachmentReader
from .auth import User
from .model_errors import in_words
from .stopping import StoppableStreams
from .tools import CLIENT_TOOL, find_conversations, get_local_time

INSTRUCTIONS = (
    "You are a helpful assistant. Answer briefly, in the user's language. "
    "Look for earlier conversations when the user refers to one, and ask the browser when the time matters."
)
# Traces are sent to OpenAI, whatever the model's address is, and conversations are in them.
RUN_CONFIG = RunConfig(tracing_disabled=True)
APIS: dict[str, type[OpenAIResponsesModel] | type[OpenAIChatCompletionsModel]] = {
    "responses": OpenAIResponsesModel,
    "chat_completions": OpenAIChatCompletionsModel,
}


class AgentAssistant:
    """Answers with a model of OpenAI's, or of any server that speaks one of its two APIs.

    Args:
        store: Keeps the conversations.
        attachments: Reads what users have sent.
        client: Knows the address and the key; closed with this assistant.
        model: The model's name.
        api: "responses" or "chat_completions".
    """

    def __init__(
        self, store: Store[User], attachments: AttachmentReader, *, client: AsyncOpenAI, model: str, api: str
    ) -> None:
        self.name = model
        self._store = store
        self._attachments = attachments
        self._client = client
        self._streams = StoppableStreams()
        self._agent = _agent(APIS[api](model, client))

    async def aclose(self) -> None:
        """Wait for the replies that were stopped, and close the connections to the model."""
        await self._streams.wait_for_all()
        await self._client.close()

    async def respond(
        self, thread: ThreadMetadata, _message: UserMessageItem | None, context: User
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Stream the reply to the newest item of the thread, be it a message or the output of the browser's tool.

        Raises:
            CustomStreamError: The model failed; ChatKit shows the words of it.
        """
        conversation = await conversation_so_far(thread.id, self._store, self._attachments, context)
        agent_context = AgentContext[User](thread=thread, store=self._store, request_context=context)
        result = Runner.run_streamed(self._agent, conversation, context=agent_context, run_config=RUN_CONFIG)
        # A reply that is stopped must not go on being made, and paid for, where nobody reads it.
        events = self._streams.run(stream_agent_response(agent_context, result), result.cancel)
        try:
            async for event in unique_item_ids(events, self._store, thread, context):
                yield event
        except (OpenAIError, AgentsException) as error:
            raise in_words(error) from error


def _agent(model: Model) -> Agent[AgentContext[User]]:
    return Agent(
        name="Assistant",
        instructions=INSTRUCTIONS,
        model=model,
        tools=[find_conversations, get_local_time],
        tool_use_behavior=StopAtTools(stop_at_tool_names=[CLIENT_TOOL]),
    )
