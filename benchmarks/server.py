"""The server that a benchmark runs on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from examples.embedded_postgres import EmbeddedPostgres


@contextmanager
def server_url() -> Iterator[str]:
    """Yield DATABASE_URL, or else the URL of an embedded server that ends with the block."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    with EmbeddedPostgres() as server:
        yield server.url()
