"""What is known about every contender; importable where none of them is installed."""

from benchmarks.peers.contender import Facts

STORE = "PostgresStore"
TUTORIAL = "tutorial store"
OPENAI_AGENTS = "openai-agents"
LANGGRAPH = "langgraph"
AGENT_FRAMEWORK = "agent-framework"

ALL = (
    Facts(
        name=STORE,
        package="chatkit-pgstore",
        module="benchmarks.peers.postgres_store",
        append="`add_thread_item`",
        newest='`load_thread_items(order="desc", limit=20)`',
        first_page='`load_threads(order="desc", limit=20)`',
        users="part of every key",
        pages="messages and conversations, by cursor, both ways",
        order="a row lock and a counter in the one statement",
        single="load, replace, delete",
    ),
    Facts(
        name=TUTORIAL,
        package="SQLAlchemy",
        module="benchmarks.peers.tutorial",
        append="SELECT the thread, `max(sort_key) + 1`, INSERT, COMMIT",
        newest="SELECT ... ORDER BY sort_key DESC LIMIT 21",
        first_page="SELECT ... ORDER BY created_at DESC LIMIT 21",
        users="a WHERE in every statement",
        pages="messages and conversations, by cursor, both ways",
        order="none: two at once take the same number",
        single="load, replace, delete",
    ),
    Facts(
        name=OPENAI_AGENTS,
        package="openai-agents",
        module="benchmarks.peers.openai_agents",
        append="`SQLAlchemySession.add_items`, a session object for each call",
        newest="`get_items(limit=20)`",
        first_page="",
        users="none: whoever knows the session's id",
        pages="the newest messages alone, no cursor; no list of conversations",
        order="a row lock; sorted by the time at which a transaction began",
        single="remove the newest",
    ),
    Facts(
        name=LANGGRAPH,
        package="langgraph-checkpoint-postgres",
        module="benchmarks.peers.langgraph_saver",
        append="`aget_tuple`, then `aput` of the whole state with the message more, as a graph does",
        newest="`aget_tuple`: the whole state",
        first_page='`alist(None, filter={"user_id": ...}, limit=20)`: the newest 20 states, not conversations',
        users="a filter on metadata, without an index",
        pages="states, by cursor; messages only as a whole",
        order="none: the last state written wins, and what another has added is gone",
        single="none: a state is one value; every earlier state is kept",
        reads_whole_conversations=True,
        writes_whole_conversations=True,
    ),
    Facts(
        name=AGENT_FRAMEWORK,
        package="community-agent-framework-postgres",
        module="benchmarks.peers.agent_framework",
        append="`PostgresHistoryProvider.save_messages`",
        newest="`get_messages`: the whole conversation",
        first_page="`list_sessions(limit=20)`: by name, not by time",
        users="`tenant_id`, a provider for each",
        pages="conversations, forwards; messages only as a whole",
        order="an advisory lock",
        single="none; a message that repeats the newest is dropped as replayed",
        reads_whole_conversations=True,
    ),
)
