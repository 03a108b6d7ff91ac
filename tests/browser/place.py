"""A demo with a database server and a folder of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.embedded_postgres import EmbeddedPostgres
from tests.acceptance.support import Demo


@dataclass(frozen=True)
class Place:
    """Where the page is tried.

    Attributes:
        demo: Serves the page.
        postgres: The server behind it. A test may stop it, and start it again with what it had.
        files_folder: Where the bytes of attachments are.
    """

    demo: Demo
    postgres: EmbeddedPostgres
    files_folder: Path


@contextmanager
def running_place(**environment: str) -> Iterator[Place]:
    """Start it, with these variables more for the demo, and end it."""
    folder = Path(tempfile.mkdtemp(prefix="chatkit-browser-"))
    # Root's PostgreSQL runs as nobody, who must be able to enter.
    folder.chmod(0o711)
    files = folder / "files"
    try:
        with (
            EmbeddedPostgres(folder / "postgres") as postgres,
            Demo(
                DATABASE_URL=postgres.url(), CHATKIT_DEMO_DATA=str(folder), CHATKIT_FILES=str(files), **environment
            ) as demo,
        ):
            yield Place(demo, postgres, files)
    finally:
        shutil.rmtree(folder)
