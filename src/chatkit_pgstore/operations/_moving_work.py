"""Transactions that move a user's rows: as long as it takes, and as that user where row security looks."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import column, func, select, table

from chatkit_pgstore._layout import checked_user
from chatkit_pgstore._row_security import SETTING
from chatkit_pgstore.operations._work import Work, work
from chatkit_pgstore.store import PostgresStore

_TIMEOUTS = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
"""Whoever reads or writes the other end of a pipe may be slow."""


@asynccontextmanager
async def patient(store: PostgresStore[Any]) -> AsyncGenerator[Work, None]:
    """Yield a transaction that no time-out of the role ends."""
    async with work(store) as w:
        await _without_timeouts(w)
        yield w


@asynccontextmanager
async def one_moment(store: PostgresStore[Any]) -> AsyncGenerator[Work, None]:
    """Yield a transaction that reads, all of it as of the same moment; on a standby too."""
    async with work(store) as w:
        # The isolation of a transaction is settled by its first query, which has been made.
        await w.connection.rollback()
        await w.connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        await _without_timeouts(w)
        yield w


async def act_as(w: Work, user_id: str) -> None:
    """Let row security, where it is turned on, show this user's rows until the transaction ends."""
    mine = func.set_config(SETTING, checked_user(user_id, w.layout.user_type), True)
    await w.connection.execute(select(mine))


async def _without_timeouts(w: Work) -> None:
    # Through the view, for not every release has all of them.
    settings = table("pg_settings", column("name"), schema="pg_catalog")
    off = func.set_config(settings.c.name, "0", True)
    await w.connection.execute(select(off).where(settings.c.name.in_(_TIMEOUTS)))
