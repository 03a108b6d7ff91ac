"""Running replies, by a procedure on the server: the store's own statements, each committed by itself.

A reply is an item that is added and then saved again and again while it grows. Many run at once, and take turns.
"""

import asyncio
import re
from time import perf_counter

from benchmarks.scale.documents import kinds, prose
from benchmarks.scale.server import connected, execute, fetch_value
from tests.support.plans import STATEMENTS

SAVES = 9
UPDATES = SAVES + 1
"""Of a reply: it is saved nine times after it was added, and adding it updates the row of its thread."""
TOGETHER = 50
"""Replies that run at once on each connection."""
CONNECTIONS = 2
LETTERS = 60
"""By which a reply grows with each save."""
PROSE, STARTS = 8000, 7000
"""The letters that replies are made of, and where one may begin."""
FRAME = {"id": "%s", "thread": "%s", "at": "2025-01-01T00:00:00.000001Z", "text": "%s"}

THREADS = (
    "DROP TABLE IF EXISTS scale_threads",
    """
    CREATE UNLOGGED TABLE scale_threads AS
    SELECT row_number() OVER (ORDER BY md5(id)) AS number, user_id, id FROM chatkit_threads
    """,
    "CREATE INDEX scale_threads_by_number ON scale_threads (number)",
    "VACUUM ANALYZE scale_threads",
)
PROCEDURE = """
CREATE OR REPLACE PROCEDURE scale_replies(first bigint, threads bigint, frame text, prose text)
LANGUAGE plpgsql AS $body$
DECLARE
    reply bigint;
    the_id text;
    the_user_id text;
    the_thread_id text;
    the_type text := 'assistant_message';
    the_status text;
    the_item text;
    the_created_at timestamptz := now();
    ignored record;
BEGIN
    FOR save IN 0 .. <saves> LOOP
        FOR n IN 1 .. <together> LOOP
            reply := first + n;
            the_id := 'msg_' || md5(reply::text);
            SELECT s.user_id, s.id INTO the_user_id, the_thread_id
            FROM scale_threads AS s WHERE s.number = 1 + reply % threads;
            the_item := format(frame, the_id, the_thread_id,
                substr(prose, 1 + (reply % <starts>)::int, <letters> * (save + 1)));
            IF save = 0 THEN
                FOR ignored IN <append_item> LOOP NULL; END LOOP;
            ELSE
                FOR ignored IN <replace_item> LOOP NULL; END LOOP;
            END IF;
            COMMIT;
        END LOOP;
    END LOOP;
END
$body$
"""


def procedure() -> str:
    """Return the SQL that makes the procedure, with the statements as the store sends them."""
    places = {"together": str(TOGETHER), "saves": str(SAVES), "letters": str(LETTERS), "starts": str(STARTS)}
    places |= {name: _with_variables(name) for name in ("append_item", "replace_item")}
    return re.sub(r"<(\w+)>", lambda found: places[found[1]], PROCEDURE)


def _with_variables(name: str) -> str:
    statement = STATEMENTS[name]
    return re.sub(r"\$(\d+)", lambda found: f"the_{statement.parameters[int(found[1]) - 1]}", statement.sql)


async def run(url: str, updates: int) -> float:
    """Make so many updates, and return how many seconds they took."""
    await execute(url, *THREADS, procedure())
    threads = await fetch_value(url, "SELECT count(*) FROM scale_threads")
    each = updates // UPDATES // CONNECTIONS
    started = perf_counter()
    await asyncio.gather(*(_replies(url, number * each, each, threads) for number in range(CONNECTIONS)))
    return perf_counter() - started


async def _replies(url: str, first: int, replies: int, threads: int) -> None:
    frame = kinds()["answer"].document % FRAME
    async with connected(url) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        # Autovacuum hears of updates only between two calls of the procedure.
        for batch in range(first, first + replies, TOGETHER):
            await connection.execute("CALL scale_replies($1, $2, $3, $4)", batch, threads, frame, prose()[:PROSE])
