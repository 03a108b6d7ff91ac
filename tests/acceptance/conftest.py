"""Folders and runs of the demo for the acceptance tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from chatkit import types

from tests.support.shared import shared_database

WITHOUT_THE_DEMO = {"test_disconnects.py", "test_wheel.py"}


def pytest_collection_modifyitems(items):
    if hasattr(types, "StructuredInputItem"):
        return
    skip = pytest.mark.skip(reason="the demo asks structured inputs, which the SDK has since 1.6.4")
    for item in items:
        if Path(__file__).parent in item.path.parents and item.path.name not in WITHOUT_THE_DEMO:
            item.add_marker(skip)


@pytest.fixture(scope="module")
def database(server_url, template_database) -> Iterator[str]:
    """A database of one file's tests."""
    with shared_database(server_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def data_folder() -> Iterator[Path]:
    """A folder for the demo's data; unlike pytest's own, one that a server started by root can enter."""
    folder = Path(tempfile.mkdtemp(prefix="chatkit-demo-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)
