"""Measure how many bytes a row takes and how many commands a chat turn, and multiply by users.

    python benchmarks/growth.py [--users 50] [--threads-per-user 20] [--turns-per-thread 10] ...

Rows are written through the store in the order in which many users would write them, on an embedded server; a turn goes
through the SDK, and its commands are counted on the wire. Nothing is asserted. docs/explanation/growth.md holds what it
printed.
"""

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.growth_bytes import measured_sizes
from benchmarks.growth_commands import measured_commands
from benchmarks.growth_plan import Assumptions, plan, print_assumptions, print_commands, print_sizes
from examples.embedded_postgres import EmbeddedPostgres

USERS = (1_000, 1_000_000, 100_000_000)


def main() -> None:
    """Measure, multiply by what the command line assumes, and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50, help="users whose rows are written to be measured")
    for name, default, text in Assumptions.ARGUMENTS:
        parser.add_argument(f"--{name}", type=type(default), default=default, help=text)
    options = vars(parser.parse_args())
    users = options.pop("users")
    assumptions = Assumptions(**options)
    with EmbeddedPostgres() as server:
        sizes = asyncio.run(measured_sizes(server.url(), users, assumptions))
        commands = asyncio.run(measured_commands(server))
    print_sizes(sizes)
    print_commands(commands)
    print_assumptions(assumptions)
    plan(USERS, sizes, commands, assumptions)


if __name__ == "__main__":
    main()
