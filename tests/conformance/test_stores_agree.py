"""Whatever is called, in whatever order, PostgresStore and MemoryStore answer the same: results, errors and words."""

import asyncio
from itertools import count, product

from chatkit.types import ThreadMetadata
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.testing import MemoryStore
from tests.chaos.anything import EVERYBODYS, NOON, Anything
from tests.chaos.witness import Witness

MAX_PAGE_SIZE = 4


@st.composite
def anything(draw, kind, *arguments):
    """Draw what the chaos run makes up too, with Hypothesis making the choices."""
    some = Anything(lambda options: draw(st.sampled_from(options)))
    return getattr(some, kind)(*arguments)


def arguments_of(method):
    """Draw what a method takes before the context."""
    return anything("arguments", method)


users = anything("user")
thread_ids = anything("thread_id")
items = st.lists(anything("item"), min_size=1, max_size=4)


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
        for user, thread_id in product(("alice", "bob"), EVERYBODYS.threads):
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

    @rule(user=users, arguments=arguments_of("load_thread"))
    def load_thread(self, user, arguments):
        self.both("load_thread", user, *arguments)

    @rule(user=users, arguments=arguments_of("save_thread"))
    def save_thread(self, user, arguments):
        self.both("save_thread", user, *arguments)
        self.look_at_threads(user)

    @rule(user=users, arguments=arguments_of("load_threads"))
    def load_threads(self, user, arguments):
        self.both("load_threads", user, *arguments)

    @rule(user=users, arguments=arguments_of("delete_thread"))
    def delete_thread(self, user, arguments):
        self.both("delete_thread", user, *arguments)
        self.look_at_threads(user)

    @rule(user=users, arguments=arguments_of("load_thread_items"))
    def load_thread_items(self, user, arguments):
        self.both("load_thread_items", user, *arguments)

    @rule(user=users, thread_id=thread_ids, items=items)
    def add_thread_item(self, user, thread_id, items):
        for item in items:
            self.both("add_thread_item", user, thread_id, item)
        self.look_at_items(user, thread_id)

    @rule(user=users, thread_id=thread_ids, items=items)
    def save_item(self, user, thread_id, items):
        for item in items:
            self.both("save_item", user, thread_id, item)
        self.look_at_items(user, thread_id)

    @rule(user=users, arguments=arguments_of("load_item"))
    def load_item(self, user, arguments):
        self.both("load_item", user, *arguments)

    @rule(user=users, arguments=arguments_of("delete_thread_item"))
    def delete_thread_item(self, user, arguments):
        self.both("delete_thread_item", user, *arguments)
        self.look_at_items(user, arguments[0])

    @rule(user=users, arguments=arguments_of("save_attachment"))
    def save_attachment(self, user, arguments):
        self.both("save_attachment", user, *arguments)

    @rule(user=users, arguments=arguments_of("load_attachment"))
    def load_attachment(self, user, arguments):
        self.both("load_attachment", user, *arguments)

    @rule(user=users, arguments=arguments_of("delete_attachment"))
    def delete_attachment(self, user, arguments):
        self.both("delete_attachment", user, *arguments)


def test_postgres_store_and_memory_store_agree(database_url):
    run_state_machine_as_test(
        lambda: StoresAgree(database_url),
        settings=settings(max_examples=100, stateful_step_count=50, derandomize=True, database=None, deadline=None),
    )
