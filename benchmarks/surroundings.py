"""Tells what figures were measured on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import asyncpg

LIBRARIES = ("chatkit-pgstore", "openai-chatkit", "SQLAlchemy", "asyncpg", "greenlet", "anyio", "pydantic")
SETTINGS = (
    *("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "autovacuum", "jit"),
    *("default_toast_compression", "io_method"),
)
# Not every release knows every setting.
SETTING = "SELECT current_setting($1, true)"


async def surroundings(url: str, **more: str) -> dict[str, str]:
    """Return what the server at *url* and this process are, and *more* that only the caller knows.

    Args:
        url: Of the PostgreSQL server, as asyncpg takes it.
        **more: Added as they are; an underscore in a name is a space.
    """
    connection = await asyncpg.connect(url)
    try:
        server = await connection.fetchval("SHOW server_version")
        settings = {name: await connection.fetchval(SETTING, name) for name in SETTINGS}
    finally:
        await connection.close()
    return {
        "measured on": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": ", ".join([_processor(), _cpus(), _system(), f"load {os.getloadavg()[0]:.1f}"]),
        "software": f"Python {platform.python_version()}, PostgreSQL {server} on loopback TCP",
        "settings of the server": ", ".join(f"{name}={value}" for name, value in settings.items() if value is not None),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        **{name.replace("_", " "): what for name, what in more.items()},
    }


def _processor() -> str:
    """Return the processor's name; Linux alone tells more than its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()


def _cpus() -> str:
    """Return how many processors there are; on Linux, how many of them this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} CPUs"
    return f"{os.cpu_count()} CPUs"


def _system() -> str:
    return f"{platform.system()} {platform.release()}"
