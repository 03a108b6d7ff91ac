"""Statements under row security: each in a transaction that says whose rows it may see.

https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

from collections.abc import Sequence
from time import monotonic
from typing import Any

import asyncpg

SETTING = "chatkit_pgstore.user_id"
"""What the policies compare ``user_id`` with. A transaction that has not set it sees no row."""


def names_the_user(user_id: str) -> str:
    """Return SQL that says, until the transaction ends, whose rows it may see.

    The id travels as hexadecimal digits: this is a text without parameters, and so may stand beside the BEGIN.
    """
    return f"SELECT set_config('{SETTING}', convert_from(decode('{user_id.encode().hex()}', 'hex'), 'UTF8'), true)"


async def fetch_as(driver: Any, user_id: str, sql: str, arguments: Sequence[Any], seconds: float) -> list[Any]:
    """Run one statement in a transaction of its own, as *user_id*, and return its rows: three round trips.

    Args:
        seconds: The longest all of it may take.
    """
    end = monotonic() + seconds
    await driver.execute(f"BEGIN; {names_the_user(user_id)}", timeout=seconds)
    try:
        rows: list[Any] = await driver.fetch(sql, *arguments, timeout=_until(end))
    except asyncpg.PostgresError:
        await driver.execute("ROLLBACK", timeout=_until(end))
        raise
    await driver.execute("COMMIT", timeout=_until(end))
    return rows


def _until(end: float) -> float:
    # A time-out of zero would be none at all to some, and an error to others.
    return max(end - monotonic(), 0.001)
