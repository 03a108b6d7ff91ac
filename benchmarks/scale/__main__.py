"""What every call costs at 10 thousand, 100 thousand, 1 million and 10 million items.

    python -m benchmarks.scale [--items 10000000] [--skip bloat ...] [--keep DIR] [--publish] [--json FILE]

Loads users, threads and items by COPY into an embedded PostgreSQL of its own, and at each decade of items measures the
calls of the store: their time, and the pages they touch. Then what items take on the disk, what compression, indexes
and updates of running replies cost, and the migrations of full tables. Ten million items take half an hour and 20 GB.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pydantic_core import to_json

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.awake import processors_awake
from benchmarks.figures import AS_JSON, Measured, exceeded, publish, show, surroundings
from benchmarks.scale.findings import Findings
from benchmarks.scale.judging import guarded
from benchmarks.scale.plots import plots
from benchmarks.scale.run import run
from benchmarks.scale.server import server, settings
from benchmarks.scale.tables import tables
from benchmarks.scale.targets import MOST
from benchmarks.scale.traffic import ITEMS_PER_THREAD, STRETCH, THREADS_PER_USER
from examples.embedded_postgres import EmbeddedPostgres

PARTS = ("calls", "indexes", "cold", "disk", "compression", "bloat", "migrations")


def main() -> None:
    """Run what the command line asks for."""
    options = _options()
    with _server(options) as postgres:
        measured = asyncio.run(_measured(run(postgres, options), postgres, options))
    show(measured)
    if options.json:
        options.json.write_bytes(AS_JSON.dump_json(measured, indent=1))
    if options.publish:
        publish(measured)
    elif complaints := exceeded(measured):
        sys.exit("\n".join(complaints))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000_000, help="of ordinary users, at the largest size")
    parser.add_argument("--threads-of-one", type=int, default=50_000, help="of the user with many threads")
    parser.add_argument("--items-of-one", type=int, default=100_000, help="of the long thread")
    parser.add_argument("--rounds", type=int, default=5, help="of calls")
    parser.add_argument("--calls", type=int, default=1000, help="of each kind in a round")
    parser.add_argument("--skip", nargs="*", choices=PARTS, default=[], help="parts to leave out")
    parser.add_argument("--data", type=Path, help="folder for the data, removed at the end; a temporary one by default")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder that keeps the data for a later run")
    parser.add_argument("--shared-buffers", help="such as 2GB; a quarter of the memory by default")
    parser.add_argument("--publish", action="store_true", help="write the results for the documents")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the results too")
    return parser.parse_args()


@contextmanager
def _server(options: argparse.Namespace) -> Iterator[EmbeddedPostgres]:
    """Yield the server, started; all but what is to be kept is removed at the end."""
    if options.keep or not options.data:
        with server(options.keep, options.shared_buffers) as postgres:
            yield postgres
        return
    folder = Path(tempfile.mkdtemp(prefix="chatkit-pgstore-scale-", dir=options.data))
    # The server's user has to reach what is in it.
    folder.chmod(0o711)
    folders = [folder]
    try:
        with server(folder / "data", options.shared_buffers) as postgres:
            folders.append(postgres.data)
            yield postgres
    finally:
        for each in folders:
            shutil.rmtree(each, ignore_errors=True)


async def _measured(found: Findings, postgres: EmbeddedPostgres, options: argparse.Namespace) -> Measured:
    with processors_awake() as processors:
        pass
    chosen = ", ".join(f"{name}={value}" for name, value in settings(options.shared_buffers).items())
    where = await surroundings(
        postgres.url(),
        processors=processors,
        server_for_the_load=chosen,
        load=f"by COPY, foreign keys unchecked, in stretches of {STRETCH:,} items whose threads are written to in "
        f"turns; {ITEMS_PER_THREAD} items a thread, {THREADS_PER_USER} threads a user",
        others=f"a user with {options.threads_of_one:,} threads and a thread of {options.items_of_one:,} items come on "
        "top, their rows scattered; at the smallest size ordinary users were measured before these two were there",
        calls=f"{options.rounds} rounds of {options.calls:,}, one call at a time, after VACUUM (ANALYZE), CHECKPOINT, "
        f"sync and a warm-up; no autovacuum meanwhile; for {MOST:,} rows of each kind from all over the tables, "
        "read once before",
    )
    return Measured("scale", "make bench-scale", where, tables(found), plots(found), guarded(found), _raw(found))


def _raw(found: Findings) -> object:
    """Return the numbers as JSON has them, without each single call's time."""
    raw = json.loads(to_json(asdict(found)))
    for stage, of in zip(raw["stages"], found.stages, strict=True):
        for call, times in zip(stage["times"], of.times, strict=True):
            call["rounds"] = [{"p99": p99} for p99 in times.p99s]
            call["p50"] = times.p50
    return raw


if __name__ == "__main__":
    main()
