"""Measure what a call of the store costs: beside asyncpg and the network (limits), and beside other packages (peers).

    python benchmarks/bench.py [--only limits|peers] [--quick] [--uvloop | --publish]

Prints all tables, and holds the ratios against the committed ones in benchmarks/results: exits with 1 where one is
above 1.5 times its committed value. With --publish it keeps the new ones instead, and shows them in the documents.
"""

import argparse
import asyncio
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figures import Measured, exceeded, publish, show
from examples.embedded_postgres import EmbeddedPostgres

MEASUREMENTS = {"limits": "benchmarks.limits", "peers": "benchmarks.peers.measure"}
"""Modules with ``async def measured(server, *, quick)``, by what they measure; imported when they are to."""
# Vacuum and checkpoints would come by when they like, and hit one contender more than the other.
SERVER_SETTINGS = {"autovacuum": "off", "checkpoint_timeout": "1h", "max_wal_size": "16GB"}


def main() -> None:
    """Run the measurements that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=MEASUREMENTS, help="measure this alone")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: to see that it works")
    parser.add_argument("--publish", action="store_true", help="keep the figures, and show them in the documents")
    parser.add_argument("--uvloop", action="store_true", help="on uvloop, the same for all; does not go with --publish")
    options = parser.parse_args()
    if options.uvloop and options.publish:
        parser.error("What is published is measured on asyncio's own loop: leave out --uvloop.")
    wanted = [options.only] if options.only else list(MEASUREMENTS)
    all_measured = [_measured(name, quick=options.quick, uvloop=options.uvloop) for name in wanted]
    worse = [each for measured in all_measured for each in exceeded(measured)]
    print("\n".join(worse) or "No ratio is above what is allowed beside the committed ones.")
    if options.publish:
        for measured in all_measured:
            publish(measured)
    elif worse:
        sys.exit(1)


def _measured(name: str, *, quick: bool, uvloop: bool) -> Measured:
    """Measure on a server of its own, and print what was found."""
    loop_factory = import_module("uvloop").new_event_loop if uvloop else None
    with EmbeddedPostgres(settings=SERVER_SETTINGS) as server, asyncio.Runner(loop_factory=loop_factory) as runner:
        measured: Measured = runner.run(import_module(MEASUREMENTS[name]).measured(server, quick=quick))
    show(measured)
    return measured


if __name__ == "__main__":
    main()
