"""A process that reads one page and prints by how many bytes it grew at most meanwhile.

``python -m tests.support.page_memory URL USER ITEMS HOW``: ``traced`` is what Python allocated, ``resident`` what the
process took of the machine, with what compiled code allocated for itself. It has read the same thread before, so that
what is loaded once is not counted, but one item alone: memory of a longer page would be used again.
"""

import asyncio
import ctypes
import gc
import re
import sys
import tracemalloc
from pathlib import Path

from chatkit_pgstore import PostgresStore

PROCESS = Path("/proc/self")
FORGET_THE_PEAK = "5"
WARM_UP = 3


def resident(figure: str) -> int:
    """Return VmRSS, or VmHWM, its peak, in bytes. Linux alone tells them."""
    [kilobytes] = re.findall(rf"^{figure}:\s+(\d+) kB$", (PROCESS / "status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024


def give_back() -> None:
    """Return freed memory to the machine, where the C library can: a page that fills it would not show."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def growth(url: str, user_id: str, items: int, how: str) -> int:
    """Read the first page and return the most bytes that were in use for it at once."""
    async with PostgresStore(url) as store:
        context = {"user_id": user_id}
        for _ in range(WARM_UP):
            await store.load_thread_items("thr_1", None, 1, "asc", context)
        give_back()
        if how == "traced":
            tracemalloc.start()
            page = await store.load_thread_items("thr_1", None, items, "asc", context)
            grown = tracemalloc.get_traced_memory()[1]
        else:
            (PROCESS / "clear_refs").write_text(FORGET_THE_PEAK)
            before = resident("VmRSS")
            page = await store.load_thread_items("thr_1", None, items, "asc", context)
            grown = resident("VmHWM") - before
    assert (len(page.data), page.has_more) == (items, True)
    return grown


if __name__ == "__main__":
    _, url_given, user_given, items_given, how_given = sys.argv
    print(asyncio.run(growth(url_given, user_given, int(items_given), how_given)))  # noqa: T201  # the test reads it
