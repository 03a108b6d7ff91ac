"""A database that the tests of one module share."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.support.databases import create_database, drop_database
from tests.support.proxy import RoundTripProxy


@contextmanager
def shared_database(server_url: str, template: str) -> Iterator[str]:
    """Yield the URL of a new database, for a fixture of module scope."""
    url = asyncio.run(create_database(server_url, template))
    try:
        yield url
    finally:
        asyncio.run(drop_database(server_url, url))


def proxy_before(database_url: str, *, delay_seconds: float = 0.0) -> RoundTripProxy:
    """Return a proxy before the server that *database_url* leads to."""
    server = urlsplit(database_url)
    return RoundTripProxy(str(server.hostname), server.port or 5432, delay_seconds=delay_seconds)
