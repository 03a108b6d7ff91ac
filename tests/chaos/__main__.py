"""``python -m tests.chaos --seconds 600 --seed 7``: a run, its figures, and exit code 1 if anything was wrong."""

import argparse
import asyncio
import logging
import random
import sys

from examples.embedded_postgres import EmbeddedPostgres
from tests.chaos.crashes import crashes
from tests.chaos.figures import Figures
from tests.chaos.run import chaos


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (600)")
    parser.add_argument("--seed", type=int, help="fixes calls, cancellations and faults (drawn)")
    parser.add_argument("--crashes", action="store_true", help="instead: 50 times backends ended, 10 times the server")
    arguments = parser.parse_args()
    seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
    command = "--crashes" if arguments.crashes else f"--seconds {arguments.seconds:g} --seed {seed}"
    say(f"python -m tests.chaos {command}")
    logging.getLogger("chatkit_pgstore").propagate = False
    with EmbeddedPostgres(durable=True) as server:
        run = crashes(server) if arguments.crashes else chaos(server, arguments.seconds, seed)
        return verdict(asyncio.run(run), command)


def verdict(figures: Figures, command: str) -> int:
    """Print the figures, and how to see them again if they are bad; return the exit code."""
    say(*figures.lines())
    if figures.is_good:
        return 0
    say(f"again: python -m tests.chaos {command}")
    return 1


def say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - the output is the point of this command


if __name__ == "__main__":
    sys.exit(main())
