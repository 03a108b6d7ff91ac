"""Prints what the installed release of the SDK reads: ``python -m tests.sdk_matrix.reader DATABASE_URL``.

The documents of each release are those of the user who is called like it.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

from chatkit_pgstore import PostgresStore
from tests.sdk_matrix.documents import load_all
from tests.sdk_matrix.reading import read_release


async def readings(database_url: str) -> dict[str, Any]:
    """Return what was read of every release, as the matrix takes it."""
    async with PostgresStore(database_url) as store:
        return {release: asdict(await read_release(store, release, kept)) for release, kept in load_all().items()}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(readings(sys.argv[1]))))  # noqa: T201 - read by the matrix
