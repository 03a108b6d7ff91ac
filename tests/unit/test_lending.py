"""Who waits for a connection waits no longer than was said."""

import asyncio
from math import inf

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chatkit_pgstore._lending import Lender

PATIENCE_SECONDS = 30.0


async def test_a_turn_that_does_not_come_in_time_is_an_error():
    lender = Lender(create_async_engine("postgresql+asyncpg://", pool_size=1, max_overflow=0), owned=True)
    await lender._take_turn(inf)
    late = asyncio.create_task(lender.borrow(-inf, asyncio.get_running_loop().time()))
    await asyncio.wait({late}, timeout=PATIENCE_SECONDS)
    assert isinstance(late.exception(), TimeoutError)


async def test_who_gets_no_connection_gives_the_turn_back(unused_tcp_port):
    lender = Lender(
        create_async_engine(f"postgresql+asyncpg://127.0.0.1:{unused_tcp_port}/none", pool_size=1, max_overflow=0),
        owned=True,
    )
    for _ in range(2):
        with pytest.raises(OSError, match="Connect call failed"):
            await lender.borrow(-inf, inf)


async def test_a_pool_without_a_limit_lends_to_everybody():
    lender = Lender(create_async_engine("postgresql+asyncpg://", poolclass=NullPool), owned=True)
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(100):
            await lender._take_turn(inf)


def test_a_loop_that_ended_too_soon_does_not_keep_the_next_one_from_tidying_up():
    lender = Lender(create_async_engine("postgresql+asyncpg://", pool_size=1, max_overflow=0), owned=True)
    asyncio.run(lender._take_turn(inf))
    lender._is_counting = True
    asyncio.run(lender._take_turn(inf))
    assert not lender._is_counting
