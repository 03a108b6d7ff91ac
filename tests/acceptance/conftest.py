"""Folders and runs of the demo for the acceptance tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def data_folder() -> Iterator[Path]:
    """A folder for the demo's data; unlike pytest's own, one that a server started by root can enter."""
    folder = Path(tempfile.mkdtemp(prefix="chatkit-demo-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)
