"""Measure PostgresStore beside what one could use instead, on an embedded server.

    python -m benchmarks.peers [--quick] [--publish]

It takes some six minutes; a quick run, whose times mean little, one. `--publish` shows the figures in the documents.
"""

import argparse
import asyncio
import sys

from benchmarks.figures import exceeded, publish, show
from benchmarks.peers.measure import measured
from examples.embedded_postgres import EmbeddedPostgres

# Vacuum would come by when it likes, and hit one contender more than the other.
SERVER_SETTINGS = {"autovacuum": "off"}


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute's try, whose times mean little")
    parser.add_argument("--publish", action="store_true", help="keep the figures, and show them in the documents")
    options = parser.parse_args()
    with EmbeddedPostgres(settings=SERVER_SETTINGS) as server:
        found = asyncio.run(measured(server, quick=options.quick))
    show(found)
    if options.publish:
        publish(found)
    elif not options.quick and (worse := exceeded(found)):
        sys.exit("\n".join(worse))


if __name__ == "__main__":
    main()
