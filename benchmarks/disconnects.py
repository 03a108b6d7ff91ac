"""Count what is left of replies whose readers went away, for three ways of sending them.

    python benchmarks/disconnects.py [--count 200] [--seed 1]

Each way has a uvicorn process of its own; the database, an embedded one, is 5 ms away each way, behind a proxy. A
reader hears a part of the reply and closes the socket at a random moment. Nothing is asserted.
"""

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.disconnects import OUTCOMES, disconnected
from tests.support.disconnects_app import MIDDLEWARE, PLAIN, RESPONSE

VARIANTS = {
    PLAIN: "`StreamingResponse`",
    MIDDLEWARE: '`StreamingResponse` behind `@app.middleware("http")`',
    RESPONSE: '`ChatKitResponse` behind `@app.middleware("http")`',
}


def main() -> None:
    """Run what the command line asks for, and print it as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="readers of each way")
    parser.add_argument("--seed", type=int, default=1, help="of the moments at which they go")
    options = parser.parse_args()
    _print_row(f"of {options.count} replies cut off", *OUTCOMES)
    _print_row("---", *["--:"] * len(OUTCOMES))
    with EmbeddedPostgres() as server:
        asyncio.run(_measure(server.url(), options.count, options.seed))


async def _measure(database_url: str, count: int, seed: int) -> None:
    async with PostgresStore(database_url):
        pass  # makes the tables
    for variant, name in VARIANTS.items():
        outcomes = (await disconnected(variant, database_url, count, seed)).outcomes
        _print_row(name, *(str(outcomes[outcome]) for outcome in OUTCOMES))


def _print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
