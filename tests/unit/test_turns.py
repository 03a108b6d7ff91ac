"""Who waits for a turn waits no longer than was said."""

import asyncio
from math import inf

from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore._turns import Turns

PATIENCE_SECONDS = 30.0


async def test_a_turn_that_does_not_come_in_time_is_an_error():
    turns = Turns(create_async_engine("postgresql+asyncpg://", pool_size=1, max_overflow=0))
    end_turn = await turns.take(inf)
    late = asyncio.create_task(turns.take(asyncio.get_running_loop().time()))
    await asyncio.wait({late}, timeout=PATIENCE_SECONDS)
    assert isinstance(late.exception(), TimeoutError)
    end_turn()
    await turns.take(inf)
