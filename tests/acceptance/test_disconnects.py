"""Readers who go away in the middle of a reply, from a real server with its database far away."""

import pytest

from tests.support.disconnects import PARTIAL_AND_MARKER, disconnected, stopped
from tests.support.disconnects_app import PLAIN, POOL_SIZE, RESPONSE

COUNT = 200
COUNT_AT_ONCE = 20
SEED = 7


@pytest.mark.parametrize("variant", [PLAIN, RESPONSE])
async def test_a_reply_whose_reader_goes_away_is_kept_with_the_marker(variant, database_url):
    disconnects = await disconnected(variant, database_url, COUNT, SEED)
    assert disconnects.outcomes == {PARTIAL_AND_MARKER: COUNT}
    assert disconnects.pool == {"checked_in": POOL_SIZE, "checked_out": 0}
    assert disconnects.log == ""


async def test_replies_that_a_stopping_server_cancels_are_kept_with_the_marker(database_url):
    disconnects = await stopped(RESPONSE, database_url, COUNT_AT_ONCE)
    assert disconnects.outcomes == {PARTIAL_AND_MARKER: COUNT_AT_ONCE}
    assert f"Cancel {COUNT_AT_ONCE} running task(s)" in disconnects.log
