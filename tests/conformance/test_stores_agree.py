"""Whatever is called, in whatever order, PostgresStore and MemoryStore answer the same: results, errors and words."""

import asyncio
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import count, product

from chatkit.types import ThreadMetadata
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.testing import MemoryStore
from chatkit_pgstore.testing.contract._samples import attachment_sample, hidden_context, message, question, tool_call

MAX_PAGE_SIZE = 4
PLACEHOLDER_ID = "__fake_id__"
NOON = datetime(2026, 2, 3, 12)
WEST = timezone(timedelta(hours=-8))

THREAD_IDS = ("thr_1", "thr_Z", "thr_é")
TIMES = [
    NOON,
    NOON.replace(tzinfo=UTC),
    NOON.replace(tzinfo=WEST),
    NOON + timedelta(microseconds=1),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
]
UNUSABLE = ["", "a\0b", "x" * 513, "\ud800"]


def mostly(*usual, seldom):
    """Draw one of the usual values nineteen times out of twenty."""
    return st.sampled_from([*usual] * (19 * len(seldom) // len(usual) + 1) + [*seldom])


def with_status(status, item_id):
    """Return an item that has such a status."""
    make = tool_call if status == "completed" else question
    return make("thr_1", status, id=item_id)


users = mostly("alice", "bob", seldom=["", None, True, 1.5])
thread_ids = mostly(*THREAD_IDS, seldom=["thr_none", "THR_1", *UNUSABLE])
item_ids = mostly("msg_1", "msg_2", "msg_3", seldom=["msg_none", PLACEHOLDER_ID, *UNUSABLE])
attachment_ids = mostly("atc_1", "atc_2", seldom=["atc_none", *UNUSABLE])
limits = mostly(1, 2, 5, seldom=[0, -1, 10**12, None, 1.5])
orders = mostly("asc", "desc", seldom=["up", "", None])
texts = mostly("hello", "", "a\0b", "😀", seldom=["a\ud800b"])
values = mostly(None, {"a": [1, 1.0, True]}, 10**25, seldom=[float("nan"), object(), "\udc00"])
times = mostly(*TIMES, seldom=[datetime.max.replace(tzinfo=WEST)])
statuses = st.sampled_from(["pending", "completed", "pending", "answered", "skipped"])
messages = st.builds(message, st.just("thr_1"), texts, id=item_ids, created_at=times)
anything = st.builds(hidden_context, st.just("thr_1"), values)
unfinished = st.builds(with_status, statuses, item_ids)
items = messages | unfinished | unfinished | anything
threads = st.builds(
    ThreadMetadata,
    id=thread_ids,
    title=st.none() | texts,
    created_at=times,
    allowed_image_domains=st.sampled_from([None, ["example.com"]]),
    metadata=st.builds(lambda value: {"value": value}, values),
)
attachments = st.builds(attachment_sample, id=attachment_ids, name=texts, thread_id=st.none() | thread_ids)


class Witness:
    """Calls one store and tells what came of it, in words that are the same for ids made up on the way."""

    def __init__(self, store):
        self.store = store
        self.names = {}

    async def outcome(self, call, arguments):
        try:
            found = repr(await getattr(self.store, call)(*arguments))
        except Exception as error:  # noqa: BLE001 - the other store has to raise the same
            found = f"{type(error).__name__}: {error}"
        return re.sub(r"msg_[0-9a-f]{32}", lambda match: self.name(match[0]), found)

    def name(self, made_up_id):
        return self.names.setdefault(made_up_id, f"made up {len(self.names)}")


class StoresAgree(RuleBasedStateMachine):
    examples = count()

    def __init__(self, database_url):
        super().__init__()
        self.runner = asyncio.Runner()
        self.memory = Witness(MemoryStore(max_page_size=MAX_PAGE_SIZE))
        self.postgres = Witness(PostgresStore(database_url, max_page_size=MAX_PAGE_SIZE))
        self.example = next(self.examples)

    @initialize()
    def save_threads(self):
        for user, thread_id in product(("alice", "bob"), THREAD_IDS):
            self.both("save_thread", user, ThreadMetadata(id=thread_id, created_at=NOON))

    def teardown(self):
        self.runner.run(self.postgres.store.close())
        self.runner.close()

    def both(self, call, user, *arguments):
        # Users of their own are an empty database to each example.
        context = {"user_id": f"{user} {self.example}" if user in ("alice", "bob") else user}
        expected, found = self.runner.run(self.outcomes(call, [*arguments, context]))
        assert found == expected

    async def outcomes(self, call, arguments):
        return [await witness.outcome(call, arguments) for witness in (self.memory, self.postgres)]

    def look_at_threads(self, user):
        for order in ("asc", "desc"):
            self.both("load_threads", user, 1000, None, order)

    def look_at_items(self, user, thread_id):
        for order in ("asc", "desc"):
            self.both("load_thread_items", user, thread_id, None, 1000, order)
        self.both("load_item", user, thread_id, "msg_1")

    @rule(user=users, thread_id=thread_ids)
    def load_thread(self, user, thread_id):
        self.both("load_thread", user, thread_id)

    @rule(user=users, thread=threads)
    def save_thread(self, user, thread):
        self.both("save_thread", user, thread)
        self.look_at_threads(user)

    @rule(user=users, limit=limits, after=st.none() | thread_ids, order=orders)
    def load_threads(self, user, limit, after, order):
        self.both("load_threads", user, limit, after, order)

    @rule(user=users, thread_id=thread_ids)
    def delete_thread(self, user, thread_id):
        self.both("delete_thread", user, thread_id)
        self.look_at_threads(user)

    @rule(user=users, thread_id=thread_ids, after=st.none() | item_ids, limit=limits, order=orders)
    def load_thread_items(self, user, thread_id, after, limit, order):
        self.both("load_thread_items", user, thread_id, after, limit, order)

    @rule(user=users, thread_id=thread_ids, some=st.lists(items, min_size=1, max_size=4))
    def add_thread_item(self, user, thread_id, some):
        for item in some:
            self.both("add_thread_item", user, thread_id, item)
        self.look_at_items(user, thread_id)

    @rule(user=users, thread_id=thread_ids, some=st.lists(items, min_size=1, max_size=4))
    def save_item(self, user, thread_id, some):
        for item in some:
            self.both("save_item", user, thread_id, item)
        self.look_at_items(user, thread_id)

    @rule(user=users, thread_id=thread_ids, item_id=item_ids)
    def load_item(self, user, thread_id, item_id):
        self.both("load_item", user, thread_id, item_id)

    @rule(user=users, thread_id=thread_ids, item_id=item_ids)
    def delete_thread_item(self, user, thread_id, item_id):
        self.both("delete_thread_item", user, thread_id, item_id)
        self.look_at_items(user, thread_id)

    @rule(user=users, attachment=attachments)
    def save_attachment(self, user, attachment):
        self.both("save_attachment", user, attachment)

    @rule(user=users, attachment_id=attachment_ids)
    def load_attachment(self, user, attachment_id):
        self.both("load_attachment", user, attachment_id)

    @rule(user=users, attachment_id=attachment_ids)
    def delete_attachment(self, user, attachment_id):
        self.both("delete_attachment", user, attachment_id)


def test_postgres_store_and_memory_store_agree(database_url):
    run_state_machine_as_test(
        lambda: StoresAgree(database_url),
        settings=settings(max_examples=100, stateful_step_count=50, derandomize=True, database=None, deadline=None),
    )
