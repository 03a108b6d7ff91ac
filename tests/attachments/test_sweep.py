"""Deleting deletes: however an attachment goes, its file goes with the next sweep, and no other."""

import asyncio
import logging
import subprocess
import sys
from datetime import timedelta

import pytest
from obstore.store import LocalStore, MemoryStore

from chatkit_pgstore import ConfigurationError, PostgresStore, UsersTable
from chatkit_pgstore.attachments import FileAttachments, Files, PostgresBytes, Swept
from chatkit_pgstore.attachments._bytes import storage_key
from chatkit_pgstore.buffered import BufferedStore
from chatkit_pgstore.operations import enable_row_security, erase, purge
from tests.attachments.world import EMPTY, PNG, SECRET, TEXT, objects_in, storage_of, world_of
from tests.support.roles import role_of
from tests.support.samples import ALICE, BOB, thread
from tests.support.tables import fetch, fetch_value
from tests.support.users import ALL_IDS, USERS, create_users
from tests.support.waiting import eventually, eventually_true

LARGE = b"0123456789abcdef\n" * 50_000


async def sent_with_a_message(world, context=ALICE, content=LARGE):
    """Upload a file, and do what the ChatKit server does when a message is sent with it."""
    await world.store.save_thread(thread("thr_1"), context)
    attachment = await world.upload(content, context=context)
    await world.store.save_attachment(attachment.model_copy(update={"thread_id": "thr_1"}), context)
    return attachment


async def test_with_its_thread(world):
    await sent_with_a_message(world)
    await world.store.delete_thread("thr_1", ALICE)
    assert await world.attachments.sweep(0) == Swept(looked_at=1, deleted=1)
    assert await world.traces() == EMPTY


async def test_by_itself_at_once(world):
    attachment = await world.upload(LARGE)
    await world.attachments.delete_attachment(attachment.id, ALICE)
    assert await world.traces() == EMPTY


async def test_deleting_what_is_not_there_is_fine(world):
    await world.attachments.delete_attachment("atc_1", ALICE)
    with pytest.raises(ValueError, match="must not be empty"):
        await world.attachments.delete_attachment("", ALICE)


async def test_by_the_store_alone(world):
    attachment = await world.upload(LARGE)
    await world.store.delete_attachment(attachment.id, ALICE)
    await world.attachments.sweep(0)
    assert await world.traces() == EMPTY


async def test_with_a_purge(world):
    await sent_with_a_message(world)
    unsent = await world.upload()
    assert await world.content(unsent) == TEXT
    for table in ("threads", "attachments"):
        await fetch(world.database_url, f"UPDATE chatkit_{table} SET updated_at = now() - interval '91 days'")
    await purge(world.store, timedelta(days=90))
    assert await world.attachments.sweep(0) == Swept(looked_at=2, deleted=2)
    assert await world.traces() == EMPTY


async def test_with_an_erase(world):
    await sent_with_a_message(world)
    bobs = await sent_with_a_message(world, BOB)
    assert (await erase(world.store, "alice")).files_to_sweep == 1
    assert await world.attachments.sweep(0) == Swept(looked_at=2, deleted=1)
    assert await world.content(bobs, BOB) == LARGE


@pytest.mark.parametrize("ids", ALL_IDS, ids=str)
@pytest.mark.parametrize("kind", ["folder", "postgresql"])
async def test_with_their_user_of_the_hosts_table(ids, kind, empty_database_url, make_store, tmp_path):
    await create_users(empty_database_url, ids)
    store = await make_store(empty_database_url, users=UsersTable(USERS, column="id"))
    await store.initialize()
    alice, bob = {"user_id": ids.alice}, {"user_id": ids.bob}
    async with world_of(store, storage_of(kind, tmp_path), empty_database_url) as world:
        await sent_with_a_message(world, alice)
        await world.upload(PNG, "image/png", context=alice)
        bobs = await sent_with_a_message(world, bob)
        await fetch(empty_database_url, f"DELETE FROM {USERS} WHERE id = '{ids.alice}'")
        assert await world.attachments.sweep(0) == Swept(looked_at=3, deleted=2)
        assert await world.content(bobs, bob) == LARGE
        assert (await world.client.get(await world.attachments.download_url(bobs.id, bob))).content == LARGE
        await fetch(empty_database_url, f"DELETE FROM {USERS}")
        await world.attachments.sweep(0)
        assert await world.traces() == EMPTY


async def test_what_is_named_stays(world):
    attachment = await sent_with_a_message(world)
    announced = await world.announce(TEXT)
    assert await world.attachments.sweep(0) == Swept(looked_at=2, deleted=0)
    assert await world.content(attachment) == LARGE
    assert (await world.send(announced, TEXT)).status_code == 200


async def test_what_is_younger_than_the_grace_time_stays(world):
    attachment = await world.upload()
    await world.store.delete_attachment(attachment.id, ALICE)
    assert await world.attachments.sweep() == Swept(looked_at=1, deleted=0)
    await fetch(world.database_url, "UPDATE chatkit_files SET updated_at = now() - interval '61 minutes'")
    assert await world.attachments.sweep() == Swept(looked_at=1, deleted=1)


async def test_a_file_announced_and_never_saved_goes(world):
    attachment = await world.announce(TEXT)
    await world.store.delete_attachment(attachment.id, ALICE)
    await world.attachments.sweep(0)
    assert await world.traces() == EMPTY


async def test_a_grace_time_below_zero_is_refused(quick):
    with pytest.raises(ConfigurationError, match="below zero"):
        await quick.attachments.sweep(-1)


async def test_what_a_crash_between_bytes_and_row_left_goes(world):
    """As after a crash of a delete: the bytes are gone, the row is there."""
    attachment = await world.upload()
    await world.store.delete_attachment(attachment.id, ALICE)
    await fetch(world.database_url, "DELETE FROM chatkit_file_chunks")
    storage = world.files.storage
    if not isinstance(storage, PostgresBytes):
        await storage.delete_async(await fetch_value(world.database_url, "SELECT storage_key FROM chatkit_files"))
    assert await world.attachments.sweep(0) == Swept(looked_at=1, deleted=1)
    assert await world.traces() == EMPTY


BEGIN_AND_WAIT = """
import asyncio, sys
from obstore.store import LocalStore

async def chunks():
    for _ in range(64):
        yield bytes(65536)
    print("begun", flush=True)
    await asyncio.Event().wait()

async def main():
    await LocalStore(sys.argv[1]).put_async(sys.argv[2], chunks(), chunk_size=1024 * 1024, max_concurrency=1)

asyncio.run(main())
"""


async def test_what_a_process_left_that_was_killed_while_it_wrote_goes(store, database_url, tmp_path):
    async with world_of(store, LocalStore(tmp_path), database_url) as world:
        attachment = await world.announce(TEXT)
        key = storage_key("alice", attachment.id)
        command = (sys.executable, "-c", BEGIN_AND_WAIT, tmp_path, key)
        writer = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        await writer.stdout.readline()
        writer.kill()
        await writer.communicate()
        assert await objects_in(world.files.storage) == [f"{tmp_path / key}#1"]
        await store.delete_attachment(attachment.id, ALICE)
        await world.attachments.sweep(0)
        assert await world.traces() == EMPTY


async def test_a_sweep_that_fails_half_way_leaves_the_row_to_the_next(store, database_url, tmp_path):
    folder = tmp_path / "files"
    async with world_of(store, LocalStore(folder, mkdir=True), database_url) as world:
        attachment = await world.upload()
        await store.delete_attachment(attachment.id, ALICE)
        hidden = folder.rename(tmp_path / "elsewhere")
        folder.write_text("in the way")
        with pytest.raises(Exception, match="Not a directory"):
            await world.attachments.sweep(0)
        folder.unlink()
        hidden.rename(folder)
        assert await world.traces() == EMPTY | {"files": 1, "objects": 1}
        await world.attachments.sweep(0)
        assert await world.traces() == EMPTY


async def test_it_walks_through_more_than_one_page_of_several_users(quick):
    await fetch(
        quick.database_url,
        "INSERT INTO chatkit_files "
        "SELECT 'user_' || n % 7, 'atc_' || n, 'a/' || n, 'text/plain', NULL, NULL, now(), now() "
        "FROM generate_series(1, 2100) AS n",
    )
    await fetch(
        quick.database_url,
        "INSERT INTO chatkit_attachments SELECT user_id, id, NULL, '{}', now(), now() FROM chatkit_files "
        "WHERE right(id, 2) <> '00'",
    )
    assert await quick.attachments.sweep(0) == Swept(looked_at=2100, deleted=21)
    assert await fetch_value(quick.database_url, "SELECT count(*) FROM chatkit_files") == 2079


async def test_sweeps_at_once_delete_each_file_once(world):
    for _ in range(12):
        attachment = await world.upload()
        await world.store.delete_attachment(attachment.id, ALICE)
    swept = await asyncio.gather(*[world.attachments.sweep(0) for _ in range(4)])
    assert sum(each.deleted for each in swept) == 12
    assert await world.traces() == EMPTY


async def test_under_row_security_everything_works_but_the_sweep_needs_the_owner(
    store, storage, database_url, make_store
):
    await enable_row_security(store)
    async with role_of(database_url) as url:
        own = await make_store(url, row_security=True)
        async with world_of(own, storage, database_url) as world:
            attachment = await world.upload(LARGE)
            assert await world.content(attachment) == LARGE
            assert (await world.client.get(await world.attachments.download_url(attachment.id, ALICE))).content == LARGE
            await own.delete_attachment(attachment.id, ALICE)
            with pytest.raises(ConfigurationError, match="owner"):
                await world.attachments.sweep(0)
            await FileAttachments(store, world.files).sweep(0)
            assert await world.traces() == EMPTY
        await own.close()


async def test_in_a_schema_of_their_own(empty_database_url, make_store, storage):
    await fetch(empty_database_url, 'CREATE SCHEMA "Chat rooms"')
    store = await make_store(empty_database_url, schema="Chat rooms")
    await store.initialize()
    async with world_of(store, storage, empty_database_url) as world:
        attachment = await world.upload(LARGE)
        assert await world.content(attachment) == LARGE
        await store.delete_attachment(attachment.id, ALICE)
        assert await world.attachments.sweep(0) == Swept(looked_at=1, deleted=1)
        assert await objects_in(storage) == []


async def test_with_a_buffered_store(store, storage, database_url, tmp_path):
    buffered = BufferedStore(store, tmp_path / "journal")
    async with buffered, world_of(buffered, storage, database_url) as world:
        attachment = await sent_with_a_message(world)
        assert await world.content(attachment) == LARGE
        await buffered.delete_thread("thr_1", ALICE)
        await world.attachments.sweep(0)
        assert await world.traces() == EMPTY


async def test_another_store_is_refused():
    files = Files(MemoryStore(), secret=SECRET, public_url="http://a")
    with pytest.raises(ConfigurationError, match="need a PostgresStore"):
        FileAttachments(object(), files)


# Now and then


async def test_it_sweeps_now_and_then_as_long_as_the_block_lasts(quick):
    async def nothing_is_left():
        return await quick.traces() == EMPTY

    async with quick.attachments.sweeping(every_seconds=0.01, grace_seconds=0):
        for _ in range(2):
            attachment = await quick.upload()
            await quick.store.delete_attachment(attachment.id, ALICE)
            await eventually_true(nothing_is_left)
    attachment = await quick.upload()
    await quick.store.delete_attachment(attachment.id, ALICE)
    assert (await quick.traces())["files"] == 1


async def test_a_sweep_that_fails_is_logged_and_tried_again(caplog):
    caplog.set_level(logging.ERROR)
    store = PostgresStore("postgresql://postgres@127.0.0.1:1/nowhere")
    attachments = FileAttachments(store, Files(MemoryStore(), secret=SECRET, public_url="http://a"))
    async with attachments.sweeping(every_seconds=0.01):
        await eventually(lambda: caplog.text.count("A sweep failed") >= 2)
    await store.close()
