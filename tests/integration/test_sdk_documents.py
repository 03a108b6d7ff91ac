"""What every release of the SDK wrote is read by the installed one; `make matrix` lets each of them read it."""

import json
from importlib.metadata import version

import pytest
from chatkit.types import FileAttachment, ImageAttachment, ThreadMetadata

from chatkit_pgstore import PostgresStore
from tests.sdk_matrix import documents as kept
from tests.sdk_matrix.expected import expected_outcomes
from tests.sdk_matrix.reading import read_release
from tests.sdk_matrix.rows import insert
from tests.sdk_matrix.samples import CODECS, THREAD_ID, unsampled, written
from tests.sdk_matrix.writer import documents as written_documents
from tests.support.shared import shared_database
from tests.support.tables import dump, fetch_value

INSTALLED = version("openai-chatkit")
RELEASES = kept.kept_releases()
RUN_THE_MATRIX = "the installed SDK is not in tests/data/sdk_documents: `make matrix` writes what it lacks"

pytestmark = pytest.mark.filterwarnings("ignore:Direct usage of named:DeprecationWarning")


@pytest.fixture(scope="module")
def documents_url(server_url, template_database):
    with shared_database(server_url, template_database) as url:
        yield url


def test_the_installed_release_and_all_it_has_are_in_the_matrix():
    assert INSTALLED in RELEASES, RUN_THE_MATRIX
    read = {
        kind: {name: CODECS[kind].decode(name, json.dumps(document)) for name, document in named.items()}
        for kind, named in kept.load(INSTALLED).items()
    }
    assert unsampled(read) == [], RUN_THE_MATRIX


def test_what_the_matrix_lacks_is_named():
    objects = written()
    del objects["threads"]["closed"], objects["attachments"]["image"], objects["attachments"]["image to be uploaded"]
    objects["items"].pop("user message")
    objects["items"].pop("completed tool call")
    lacking = unsampled(objects)
    assert {"ClosedStatus", "ImageAttachment", "UserMessageTagContent"} <= set(lacking)
    assert {'status "completed"', 'type "image"', 'type "closed"'} & set(lacking)


def test_the_installed_release_writes_what_is_kept_of_it():
    assert written_documents() == kept.load(INSTALLED), "`make matrix` writes it anew"


def test_the_kept_files_are_as_the_matrix_writes_them(monkeypatch, tmp_path):
    everything, files = kept.load_all(), {path.name: path.read_text() for path in kept.FOLDER.iterdir()}
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    assert kept.save_all(everything) == RELEASES
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files
    assert kept.save_all(everything) == []


@pytest.mark.parametrize("release", RELEASES)
async def test_every_document_of_a_release_is_read(release, documents_url):
    await insert(documents_url, release, documents := kept.load(release))
    before = await dump(documents_url, release)
    async with PostgresStore(documents_url) as store:
        reading = await read_release(store, release, documents)
    assert reading.unreadable_pages == []
    unexpected = {
        (kind, name): outcome
        for kind, named in reading.outcomes.items()
        for name, outcome in named.items()
        if outcome not in expected_outcomes(name, INSTALLED, release)
    }
    assert unexpected == {}
    assert sum(len(named) for named in reading.outcomes.values()) == sum(len(named) for named in documents.values())
    assert await dump(documents_url, release) == before


@pytest.mark.parametrize("release", RELEASES)
async def test_what_was_read_and_saved_again_is_read_the_same(release, store, database_url):
    context = {"user_id": release}
    await insert(database_url, release, kept.load(release))
    first = await everything(store, release)
    for value in first:
        await save(store, value, context)
    again = await everything(store, release)
    assert again == first
    assert [type(each) for each in again] == [type(each) for each in first]


async def everything(store, release):
    """Return all that can be read of a release's documents."""
    context = {"user_id": release}
    threads = (await store.load_threads(100, None, "asc", context)).data
    items = (await store.load_thread_items(THREAD_ID, None, 100, "asc", context)).data
    ids = [each["id"] for each in kept.load(release)["attachments"].values()]
    return [*threads, *items, *[await store.load_attachment(each, context) for each in ids]]


async def save(store, value, context):
    if isinstance(value, ThreadMetadata):
        await store.save_thread(value, context)
    elif isinstance(value, FileAttachment | ImageAttachment):
        await store.save_attachment(value, context)
    else:
        await store.save_item(THREAD_ID, value, context)


WITH_TEMPLATES = [release for release in RELEASES if "widget from a template" in kept.load(release)["items"]]
ITEM = "SELECT item::text FROM chatkit_thread_items WHERE id = 'msg_template'"


@pytest.mark.parametrize("release", WITH_TEMPLATES)
async def test_template_widgets_keep_their_properties_however_often_saved(release, store, database_url):
    context = {"user_id": release}
    await insert(database_url, release, kept.load(release))
    for _ in range(2):
        await store.save_item(THREAD_ID, await store.load_item(THREAD_ID, "msg_template", context), context)
    widget = json.loads(await fetch_value(database_url, ITEM))["widget"]
    assert (widget["glow"], widget["children"][0]["shimmer"]) == ({"px": 3}, [1, 2.5])
