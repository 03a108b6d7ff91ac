"""The contract in a project of somebody else's: its own pytest, its own settings, with and without the extra."""

import subprocess
import sys

import pytest

from chatkit_pgstore import testing

TEST_FILE = """
import pytest
import pytest_asyncio
from chatkit_pgstore.testing import MemoryStore, StoreContract

class Forgetful(MemoryStore):
    async def load_thread(self, thread_id, context):
        thread = await super().load_thread(thread_id, context)
        return thread.model_copy(update={"title": None})

class TestMyStore(StoreContract):
    @pytest_asyncio.fixture
    async def store(self):
        async with MemoryStore() as store:
            yield store

class TestModest(TestMyStore):
    capabilities = frozenset()

class TestForgetful(StoreContract):
    @pytest.fixture
    def store(self):
        return Forgetful()
"""


SETTINGS = """
[pytest]
asyncio_mode = {mode}
asyncio_default_fixture_loop_scope = function
filterwarnings =
    error
    ignore:Direct usage of named widget classes is deprecated:DeprecationWarning
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_it_runs_in_both_modes_of_pytest_asyncio(tmp_path, mode):
    (tmp_path / "test_store.py").write_text(TEST_FILE)
    (tmp_path / "pytest.ini").write_text(SETTINGS.format(mode=mode))
    output = run_pytest(
        "-rs", "-vv", "--tb=short", "-k", "load_thread_gives_back or error_names_the_item", str(tmp_path)
    )
    assert "1 failed, 4 passed, 1 skipped" in output
    assert "this store does not claim ERRORS_NAME_THE_ID" in output
    assert "assert ThreadMetadata(title=None" in output, "a failing assert shows what it compared"


def run_pytest(*arguments):
    """Run pytest in a process of its own, and return what it printed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("missing", ["pytest", "pytest_asyncio"])
@pytest.mark.parametrize("name", ["StoreContract", "Capability", "ALL"])
def test_without_the_extra_the_error_says_what_to_install(monkeypatch, missing, name):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r'pip install "chatkit-pgstore\[testing\]"'):
        getattr(testing, name)


def test_the_memory_store_needs_no_pytest():
    code = "import sys; sys.modules.update(pytest=None); from chatkit_pgstore.testing import MemoryStore; MemoryStore()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Contract"):
        testing.Contract  # noqa: B018 - asking is the test
