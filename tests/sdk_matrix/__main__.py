"""Holds every release of the SDK against what every other one wrote: ``python -m tests.sdk_matrix``.

Each release writes one document of everything it has, which is kept in tests/data/sdk_documents, and reads through
PostgresStore what each release wrote. Fails when a page cannot be read, when a document comes back other than
expected, or when reading changes a row.
"""

import asyncio
import json
import sys
from collections.abc import Iterator

from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres
from tests.sdk_matrix import report
from tests.sdk_matrix.documents import FOLDER, Documents, save_all
from tests.sdk_matrix.releases import CommandError, Release, installed, listed_releases
from tests.sdk_matrix.rows import insert
from tests.support.tables import dump


def main() -> int:
    """Run the matrix, print its figures and return the exit status."""
    releases = list(_importable(listed_releases()))
    try:
        written = {each.version: json.loads(each.run("-m", "tests.sdk_matrix.writer")) for each in releases}
        _keep(written)
        with EmbeddedPostgres() as server:
            results = asyncio.run(_read_by_each(releases, written, server.url()))
    except CommandError as error:
        report.say(f"FAULT: {error}")
        return 1
    return report.printed(results, written)


def _importable(versions: list[str]) -> Iterator[Release]:
    for version in versions:
        try:
            yield installed(version)
        except CommandError as error:
            report.say(f"left out of the matrix, for it cannot be imported: {error}")


def _keep(written: dict[str, Documents]) -> None:
    for path in FOLDER.glob("*.json"):
        if path.stem not in written:
            report.say(f"{path.name} is of a release that was not run; it stays")
    changed = save_all(written)
    report.say(f"documents written anew: {', '.join(changed) or 'none'}")


async def _read_by_each(releases: list[Release], written: dict[str, Documents], url: str) -> report.Results:
    """Let each release read all documents, oldest first: what an old one left out, a newer one reads after it."""
    async with PostgresStore(url):
        pass
    for version, documents in written.items():
        await insert(url, version, documents)
    before = await dump(url)
    results = report.Results()
    for release in releases:
        results.readings[release.version] = json.loads(release.run("-m", "tests.sdk_matrix.reader", url))
        if await dump(url) != before:
            results.touched.append(release.version)
        report.say(f"read by {release.version}")
    return results


if __name__ == "__main__":
    sys.exit(main())
