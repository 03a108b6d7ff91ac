"""A contract that any implementation of ``chatkit.store.Store`` can be held to."""

import pytest

from chatkit_pgstore.testing.contract._add_thread_item import AddThreadItem
from chatkit_pgstore.testing.contract._arguments import Arguments
from chatkit_pgstore.testing.contract._awkward_text import AwkwardText
from chatkit_pgstore.testing.contract._capability import ALL, Capability
from chatkit_pgstore.testing.contract._concurrency import Concurrency
from chatkit_pgstore.testing.contract._cursors import Cursors
from chatkit_pgstore.testing.contract._delete_attachment import DeleteAttachment
from chatkit_pgstore.testing.contract._delete_thread import DeleteThread
from chatkit_pgstore.testing.contract._delete_thread_item import DeleteThreadItem
from chatkit_pgstore.testing.contract._fidelity import Fidelity
from chatkit_pgstore.testing.contract._generate_ids import GenerateIds
from chatkit_pgstore.testing.contract._isolation import Isolation
from chatkit_pgstore.testing.contract._limits import Limits
from chatkit_pgstore.testing.contract._load_attachment import LoadAttachment
from chatkit_pgstore.testing.contract._load_item import LoadItem
from chatkit_pgstore.testing.contract._load_thread import LoadThread
from chatkit_pgstore.testing.contract._load_thread_items import LoadThreadItems
from chatkit_pgstore.testing.contract._load_threads import LoadThreads
from chatkit_pgstore.testing.contract._save_attachment import SaveAttachment
from chatkit_pgstore.testing.contract._save_item import SaveItem
from chatkit_pgstore.testing.contract._save_thread import SaveThread
from chatkit_pgstore.testing.contract._unstorable import Unstorable
from chatkit_pgstore.testing.contract._users import Users

__all__ = ["ALL", "Capability", "StoreContract"]


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore:Direct usage of named widget classes is deprecated:DeprecationWarning")
class StoreContract(
    LoadThread,
    SaveThread,
    LoadThreads,
    DeleteThread,
    LoadThreadItems,
    AddThreadItem,
    SaveItem,
    LoadItem,
    DeleteThreadItem,
    LoadAttachment,
    SaveAttachment,
    DeleteAttachment,
    GenerateIds,
    Isolation,
    Users,
    Cursors,
    Limits,
    Arguments,
    Fidelity,
    AwkwardText,
    Unstorable,
    Concurrency,
):
    """What a ChatKit store has to do, as tests: subclass it, give it a ``store`` fixture, and run pytest.

    ::

        class TestMyStore(StoreContract):
            @pytest_asyncio.fixture
            async def store(self):
                async with MyStore() as store:
                    yield store

    The tests that name no `Capability` ask for what ChatKitServer itself relies on, and for users to be kept
    apart. What else a store promises, it claims in ``capabilities``; the tests of what it does not claim are
    skipped, and say so. Every test makes up users and ids of its own, so that the store may be a shared one.

    Attributes:
        capabilities: A frozenset of `Capability`; `ALL` unless a subclass says otherwise.
        max_page_size: The most rows a page of the store has, for Capability.LARGE_PAGES_CLAMPED.
        missing_user_error: What the store raises for a context without a user.
    """
