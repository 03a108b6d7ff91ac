"""Opens the contenders: each in a database of its own, and those that cannot be measured by name."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import asyncpg

from benchmarks.peers.contender import PAGE, Facts
from benchmarks.peers.facts import ALL
from benchmarks.peers.workload import LONG, SHORT, USER, Ready, conversation_of, fill
from examples.embedded_postgres import EmbeddedPostgres


@dataclass(frozen=True)
class Field:
    """Who is measured, in which database, and who is not, and why.

    Attributes:
        facts: Of those who are.
        versions: Of every package that is installed, by the contender's name.
        missing: Why a contender is not measured, by its name.
        purpose: A part of the databases' names.
    """

    server: EmbeddedPostgres
    facts: Sequence[Facts]
    versions: Mapping[str, str]
    missing: Mapping[str, str]
    purpose: str = "calls"

    def database(self, facts: Facts) -> str:
        """Return the name of the contender's own database."""
        return f"peers {self.purpose} {facts.name}".replace(" ", "_")  # SQLAlchemy 2.0 takes "%20" as it stands

    def url(self, facts: Facts) -> str:
        """Return the URL of the contender's own database."""
        return self.server.url(self.database(facts))


def imported(facts: Facts) -> ModuleType | str:
    """Return a contender's module, or in words why there is none."""
    try:
        return import_module(facts.module)
    except Exception as error:  # noqa: BLE001  # a peer that does not fit its dependencies may raise anything
        return f"{type(error).__name__}: {error}"


def installed(facts: Facts) -> str:
    """Return a package's version, or that there is none."""
    try:
        return version(facts.package)
    except PackageNotFoundError:
        return "not installed"


def known(server: EmbeddedPostgres) -> Field:
    """Return who can be measured, and who cannot."""
    modules = {each.name: imported(each) for each in ALL}
    missing = {name: module for name, module in modules.items() if isinstance(module, str)}
    facts = [each for each in ALL if each.name not in missing]
    return Field(server, facts, {each.name: installed(each) for each in ALL}, missing)


@asynccontextmanager
async def field(server: EmbeddedPostgres) -> AsyncIterator[Field]:
    """Make and fill a database for every contender that can be imported; dropped with the block."""
    made = known(server)
    async with databases(made):
        async with opened(made) as contenders:
            for each in contenders:
                await fill(each.contender)
                await _check(each)
        await vacuumed(made)
        yield made


@asynccontextmanager
async def databases(made: Field) -> AsyncIterator[None]:
    """Make an empty database for every contender; dropped with the block."""
    try:
        for each in made.facts:
            await on_database(made.server.url(), f'CREATE DATABASE "{made.database(each)}"')
        yield
    finally:
        for each in made.facts:
            await on_database(made.server.url(), f'DROP DATABASE IF EXISTS "{made.database(each)}" WITH (FORCE)')


async def vacuumed(made: Field) -> None:
    """Leave nothing for later: dead rows are gone, and the planner knows what is there."""
    for each in made.facts:
        await on_database(made.url(each), "VACUUM ANALYZE")


@asynccontextmanager
async def opened(made: Field, url_of: Mapping[str, str] | None = None) -> AsyncIterator[list[Ready]]:
    """Open every contender; on another URL where *url_of* names one."""
    async with AsyncExitStack() as stack:
        ready = []
        for each in made.facts:
            url = (url_of or {}).get(each.name, made.url(each))
            module = import_module(each.module)
            ready.append(Ready(each, await stack.enter_async_context(module.opened(url))))
        yield ready


async def on_database(url: str, statement: str) -> None:
    """Run a statement."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _check(ready: Ready) -> None:
    """See that the contender does what is going to be timed."""
    contender, new = ready.contender, "a text that is read back"
    await contender.append(USER, conversation_of(USER, 0), new)
    found = {
        "append": (await contender.newest(USER, conversation_of(USER, 0)))[-1:] == [new],
        "newest": len(await contender.newest(USER, LONG)) == PAGE,
        "short": len(set(await contender.newest(USER, SHORT))) == PAGE,
        "first page": not ready.facts.lists_conversations or len(await contender.first_page(USER)) == PAGE,
    }
    if wrong := [job for job, is_right in found.items() if not is_right]:
        raise AssertionError(f"{ready.name} does not do what is asked for: {', '.join(wrong)}")
