"""What each call costs, exactly: functions called on the client, rows and pages read on the server.

The figures stand in ``tests/golden``, to be read in review; ``python -m tests.golden.update`` counts them anew. Round
trips are counted in ``test_round_trips.py``, and ``test_plans.py`` holds that no cost grows with what is there.
"""

import asyncio

import pytest

from tests.support import client_costs, server_costs
from tests.support.calls import BEYOND, CALLS
from tests.support.client_costs import EACH_ROW, PAGES
from tests.support.databases import create_database
from tests.support.shared import shared_database

RELEASES, CLIENT = client_costs.kept()
SERVER_RELEASE, SERVER = server_costs.kept()


@pytest.fixture(scope="module")
def shared_database_url(server_url, template_database):
    with shared_database(server_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def pages_url(shared_database_url):
    """Where threads, items and feedback are for pages of every length."""
    asyncio.run(client_costs.fill_pages(shared_database_url))
    return shared_database_url


def test_every_call_is_counted():
    assert set(CLIENT) == {*map(str, CALLS + BEYOND), *(f"{name}{EACH_ROW}" for name in PAGES)}


@pytest.mark.parametrize("call", CALLS + BEYOND, ids=str)
async def test_a_warm_call_makes_exactly_as_many_calls_as_were_reviewed(call, shared_database_url):
    """Calls of the package's own functions everywhere; calls of all functions where releases are those counted with."""
    calls = await client_costs.calls_of(call, shared_database_url)
    own, every = map(int, CLIENT[str(call)])
    assert calls.own.total() == own, sorted(calls.own.items())
    if client_costs.releases() == RELEASES:
        assert calls.every.total() == every, sorted(calls.every.items())


@pytest.mark.parametrize("name", PAGES)
async def test_each_row_of_a_page_costs_the_same_and_as_much_as_was_reviewed(name, pages_url):
    pages = await client_costs.calls_of_pages(name, pages_url)
    each = client_costs.per_row(pages)
    assert each == client_costs.per_row(pages[1:]), [page.figures for page in pages]
    own, every = map(float, CLIENT[f"{name}{EACH_ROW}"])
    assert each[0] == own
    if client_costs.releases() == RELEASES:
        assert each[1] == every


def test_the_calls_were_counted_with_the_releases_that_development_uses():
    """Else the sums of all calls would be compared nowhere, and nobody would notice."""
    assert {name: RELEASES[name] for name in client_costs.COUNTED_WITH} == client_costs.pinned()


@pytest.fixture(scope="module")
def server_figures():
    """The release of PostgreSQL that runs here, and what statements cost it."""
    with server_costs.quiet_server() as server:
        return asyncio.run(figures_on(server))


async def figures_on(server):
    url = await create_database(server.url())
    await server_costs.fill(url)
    return await server_costs.version_of(url), await server_costs.all_figures(url)


def test_every_statement_is_measured(server_figures):
    assert set(SERVER) == set(server_figures[1])


@pytest.mark.parametrize("use", SERVER)
def test_a_statement_reads_exactly_the_rows_and_pages_that_were_reviewed(use, server_figures):
    """The rows that come back are the same on every PostgreSQL; how it gets at them is up to its release."""
    version, figures = server_figures
    assert figures[use][0] == SERVER[use][0]
    if major(version) == major(SERVER_RELEASE["postgresql"]):
        assert dict(zip(server_costs.COLUMNS[1:], figures[use], strict=True)) == dict(
            zip(server_costs.COLUMNS[1:], SERVER[use], strict=True)
        )


def major(version):
    return version.split(".")[0]
