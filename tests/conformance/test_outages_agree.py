"""Whatever is called, while the store inside comes and goes, BufferedStore answers as MemoryStore does."""

from itertools import product

from hypothesis import settings
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from chatkit_pgstore import NotFoundError, StoreUnavailableError
from chatkit_pgstore.buffered import BufferedStore, _replay
from tests.chaos.anything import EVERYBODYS
from tests.conformance.test_stores_agree import MAX_PAGE_SIZE, StoresAgree, Witness
from tests.support.outage import AwayStore, caught_up


class AskedBefore(BufferedStore):
    """Knows of every attachment that it is not there, unless it is, as if it had been looked for before the outage."""

    async def load_attachment(self, attachment_id, context):
        try:
            return await super().load_attachment(attachment_id, context)
        except StoreUnavailableError:
            raise NotFoundError(f"Attachment {attachment_id} not found") from None


class AgreeInOutages(StoresAgree):
    def __init__(self, folder):
        super().__init__("postgresql://nobody.invalid/never-used")
        self.inner = AwayStore(max_page_size=MAX_PAGE_SIZE)
        self.buffered = AskedBefore(self.inner, folder / f"journal {self.example}", database="memory")
        self.postgres = Witness(self.buffered)
        self.runner.run(self.buffered.initialize())

    @initialize()
    def save_threads(self):
        """Read the lists while they are empty: what is not known then cannot be known in an outage."""
        for user in ("alice", "bob"):
            self.both("load_threads", user, 1, None, "asc")
        super().save_threads()

    @rule()
    def go_away(self):
        self.inner.is_away = True

    @rule()
    def come_back(self):
        self.inner.is_away = False
        self.runner.run(caught_up(self.buffered))

    def teardown(self):
        try:
            self.come_back()
            for user, thread_id in product(("alice", "bob"), EVERYBODYS.threads):
                self.look_at_threads(user)
                self.look_at_items(user, thread_id)
        finally:
            super().teardown()


def test_a_buffered_store_agrees_with_a_memory_store_through_outages(tmp_path, monkeypatch):
    monkeypatch.setattr(_replay, "PAUSE_SECONDS", 0.001)
    run_state_machine_as_test(
        lambda: AgreeInOutages(tmp_path),
        settings=settings(max_examples=60, stateful_step_count=50, derandomize=True, database=None, deadline=None),
    )
