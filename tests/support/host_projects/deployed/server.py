"""A server whose role only reads and writes rows."""

import asyncio
import os
import sys
from datetime import datetime

from chatkit.types import ThreadMetadata

from chatkit_pgstore import PostgresStore

ALICE = {"user_id": "alice"}


async def main() -> None:
    store = PostgresStore(os.environ["DATABASE_URL"])
    await store.initialize(migrate=False)
    await store.save_thread(ThreadMetadata(id="thr_1", created_at=datetime.now()), ALICE)
    page = await store.load_threads(10, None, "desc", ALICE)
    await store.close()
    sys.stdout.write(f"{[thread.id for thread in page.data]}\n")


asyncio.run(main())
