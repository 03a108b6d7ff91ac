"""Uploads to a signed link: what is whole is kept, what is not leaves nothing."""

import asyncio
import hashlib
import json
import logging
import shutil
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from chatkit.types import AttachmentCreateParams
from obstore.store import LocalStore

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.attachments import RefusedFileError
from tests.attachments.world import EMPTY, PNG, TEXT, answer_of, raw, world_of
from tests.support.samples import ALICE, thread
from tests.support.tables import fetch, fetch_value
from tests.support.waiting import eventually_true

CHUNK = 256 * 1024
LINES = b"0123456789abcdef\n" * 200_000  # 3.4 MB
SIZES = (0, 1, 4095, 4096, 4097, CHUNK, 2 * CHUNK, 2 * CHUNK + 1)


async def document_of(world):
    return json.loads(await fetch_value(world.database_url, "SELECT attachment::text FROM chatkit_attachments"))


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_comes_back_as_it_was(world, size):
    content = LINES[:size]
    attachment = await world.upload(content)
    assert await world.content(attachment) == content


async def test_size_and_checksum_are_recorded(world):
    await world.upload(LINES)
    [row] = await fetch(world.database_url, "SELECT mime_type, size, sha256 FROM chatkit_files")
    assert tuple(row) == ("text/plain", len(LINES), hashlib.sha256(LINES).hexdigest())


async def test_the_answer_tells_what_was_stored(quick):
    attachment = await quick.announce(TEXT)
    answer = await quick.send(attachment, TEXT)
    digest = hashlib.sha256(TEXT).hexdigest()
    assert answer.json() == {"id": attachment.id, "size": len(TEXT), "sha256": digest}


async def test_a_row_stands_before_any_byte_of_the_file(world):
    await world.announce(TEXT)
    [row] = await fetch(world.database_url, "SELECT size, sha256 FROM chatkit_files")
    assert tuple(row) == (None, None)
    assert await world.traces() == EMPTY | {"attachments": 1, "files": 1}


async def test_what_is_uploaded_needs_no_upload_any_more(world):
    attachment = await world.announce(TEXT)
    await world.store.save_thread(thread("thr_1"), ALICE)
    sent = attachment.model_copy(update={"thread_id": "thr_1"})
    await world.store.save_attachment(sent, ALICE)
    before = await document_of(world)
    await world.send(attachment, TEXT)
    assert await document_of(world) == {**before, "upload_descriptor": None}
    assert (await world.store.load_attachment(attachment.id, ALICE)).thread_id == "thr_1"


async def pieces(*chunks):
    for chunk in chunks:
        yield chunk


REFUSED = {
    "fewer bytes than declared": (400, "announced with 1,150 bytes, but 1,149", TEXT[:-1], {}),
    "more bytes than declared": (400, "announced with 1,150 bytes, but 1,151", TEXT + b"!", {}),
    "fewer bytes than declared, in chunks": (400, "Of 1,150 bytes only 10 came", pieces, {"short": True}),
    "more bytes than declared, in chunks": (400, "larger than the 1,150 bytes", pieces, {}),
    "another Content-Type": (415, "announced as text/plain", TEXT, {"Content-Type": "image/png"}),
    "no Content-Type": (415, "announced as text/plain", TEXT, {"Content-Type": ""}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused_leaves_nothing(world, case):
    status, detail, content, headers = REFUSED[case]
    attachment = await world.announce(TEXT)
    if content is pieces:
        content = pieces(TEXT[:10]) if headers else pieces(TEXT, TEXT)
        headers = {}
    answer = await world.send(attachment, content, **headers)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    assert await world.traces() == EMPTY


async def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(world):
    attachment = await world.announce(TEXT)
    head = f"Content-Type: text/plain\r\nContent-Length: {20 * 1024 * 1024 + 1}"
    status, said = await raw(str(attachment.upload_descriptor.url), head)
    assert (status, said) == (413, {"detail": "The file is too large: at most 20,971,520 bytes are taken."})
    assert await world.traces() == EMPTY


DISGUISED = {
    "text as an image": (TEXT, "image/png"),
    "another image": (PNG, "image/jpeg"),
    "an image as text": (PNG, "text/plain"),
    "a document as text": (b"%PDF-1.7\nand more", "text/plain"),
    "a page as an image": (b"<!DOCTYPE html><script>alert(1)</script>", "image/gif"),
    "a program as a document": (b"MZ\x90\x00\x03\x00\x00\x00" + bytes(100), "application/pdf"),
    "nothing as an image": (b"", "image/png"),
}


@pytest.mark.parametrize("case", DISGUISED)
async def test_what_is_not_what_its_type_says_is_refused(quick, case):
    content, mime_type = DISGUISED[case]
    attachment = await quick.announce(content, mime_type)
    answer = await quick.send(attachment, content)
    assert (answer.status_code, answer.json()["detail"]) == (
        415,
        f"The content of the file is not what its type says: {mime_type}.",
    )
    assert await quick.traces() == EMPTY


GENUINE = {
    "an image": (PNG, "image/png"),
    "a webp": (b"RIFF\x24\0\0\0WEBPVP8 " + bytes(50), "image/webp"),
    "an image by a type with a parameter": (PNG, "Image/PNG; q=1"),
    "text that begins as a bitmap does": (b"BMW is a make of cars.", "text/plain"),
    "a page as text": (b"<!DOCTYPE html><p>Hello", "text/plain"),
    "text of two bytes a letter": ("Hello".encode("utf-16"), "text/plain"),
    "a list": (b'{"a": [1, 2]}', "application/json"),
}


@pytest.mark.parametrize("case", GENUINE)
async def test_what_is_what_its_type_says_is_taken(quick, case):
    content, mime_type = GENUINE[case]
    assert await quick.content(await quick.upload(content, mime_type)) == content


NOT_ANNOUNCED = {
    "too large": (413, {"size": 20 * 1024 * 1024 + 1}),
    "of less than no bytes": (400, {"size": -1}),
    "of a type that is not taken": (415, {"mime_type": "image/svg+xml"}),
    "of no type": (415, {"mime_type": ""}),
    "without a name": (400, {"name": ""}),
    "with a name that is too long": (400, {"name": "x" * 256}),
    "with a line break in its name": (400, {"name": "a\r\nSet-Cookie: b"}),
}


@pytest.mark.parametrize("case", NOT_ANNOUNCED)
async def test_what_cannot_be_taken_is_refused_when_it_is_announced(quick, case):
    status, said = NOT_ANNOUNCED[case]
    params = AttachmentCreateParams(**({"name": "a.txt", "size": 1, "mime_type": "text/plain"} | said))
    with pytest.raises(RefusedFileError) as refused:
        await quick.attachments.create_attachment(params, ALICE)
    assert refused.value.status == status
    assert await quick.traces() == EMPTY


async def test_a_second_upload_of_a_file_changes_nothing(world):
    attachment = await world.upload()
    before = await fetch(world.database_url, "SELECT * FROM chatkit_files")
    answer = await world.send(attachment, TEXT.upper())
    assert (answer.status_code, answer.json()) == (409, {"detail": "This file was uploaded already."})
    assert await fetch(world.database_url, "SELECT * FROM chatkit_files") == before
    assert await world.content(attachment) == TEXT


def begin(attachment, content=TEXT, *, length=None):
    """Return the head of a request that sends *content*, and its connection's address."""
    parts = urlsplit(str(attachment.upload_descriptor.url))
    head = (
        f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: {attachment.mime_type}\r\nContent-Length: {len(content) if length is None else length}\r\n\r\n"
    )
    return parts.hostname, parts.port, head.encode()


@asynccontextmanager
async def under_way(world, attachment, content=LINES):
    """Yield the connection of an upload half of which has come."""
    host, port, head = begin(attachment, content)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(head + content[: len(content) // 2])
    await writer.drain()

    async def is_claimed():
        return await fetch_value(
            world.database_url,
            "SELECT updated_at > created_at FROM chatkit_files WHERE id = $1",
            attachment.id,
        )

    await eventually_true(is_claimed)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_of_two_uploads_at_once_the_first_is_kept(world):
    attachment = await world.announce(LINES)
    async with under_way(world, attachment) as (reader, writer):
        second = await world.send(attachment, LINES.upper())
        assert (second.status_code, second.json()) == (409, {"detail": "This file is being uploaded already."})
        writer.write(LINES[len(LINES) // 2 :])
        assert (await answer_of(reader))[0] == 200
    assert await world.content(attachment) == LINES


async def nothing_is_left(world):
    return await world.traces() == EMPTY


async def test_a_client_that_goes_away_leaves_nothing(world):
    attachment = await world.announce(LINES)
    async with under_way(world, attachment):
        pass
    await eventually_true(lambda: nothing_is_left(world))


async def test_a_body_in_chunks_is_stopped_where_the_limit_is_passed(world):
    attachment = await world.announce(TEXT)
    head = "Content-Type: text/plain\r\nTransfer-Encoding: chunked"
    chunk = b"%x\r\n%s\r\n" % (len(TEXT) + 1, TEXT + b"!")
    # The last chunk never comes: the answer does not wait for it.
    status, said = await raw(str(attachment.upload_descriptor.url), head, chunk)
    assert (status, said) == (400, {"detail": "The file is larger than the 1,150 bytes that were announced."})
    assert await world.traces() == EMPTY


async def test_an_attachment_deleted_while_its_file_comes_leaves_nothing(world):
    attachment = await world.announce(LINES)
    async with under_way(world, attachment) as (reader, writer):
        await world.attachments.delete_attachment(attachment.id, ALICE)
        writer.write(LINES[len(LINES) // 2 :])
        status, said = await answer_of(reader)
    assert (status, said["detail"]) == (404, "The attachment was deleted meanwhile.")
    assert await world.traces() == EMPTY


async def test_an_attachment_that_went_with_its_thread_while_its_file_came_leaves_nothing(world):
    await world.store.save_thread(thread("thr_1"), ALICE)
    attachment = await world.announce(LINES)
    await world.store.save_attachment(attachment.model_copy(update={"thread_id": "thr_1"}), ALICE)
    async with under_way(world, attachment) as (reader, writer):
        await world.store.delete_thread("thr_1", ALICE)
        writer.write(LINES[len(LINES) // 2 :])
        assert (await answer_of(reader))[0] == 404
    assert await world.traces() == EMPTY


async def test_a_deleted_attachment_cannot_be_uploaded(world):
    attachment = await world.announce(TEXT)
    await world.store.delete_attachment(attachment.id, ALICE)
    answer = await world.send(attachment, TEXT)
    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no such attachment."})


async def test_an_upload_whose_process_died_can_be_made_again(world):
    attachment = await world.announce(LINES)
    async with under_way(world, attachment):
        # As after a crash: nobody is there to clean up, and the time an upload may last is long over.
        await fetch(
            world.database_url,
            "UPDATE chatkit_files SET updated_at = updated_at - interval '1 day', created_at = 'epoch'",
        )
        assert (await world.send(attachment, LINES)).status_code == 200
    assert await world.content(attachment) == LINES


async def test_an_upload_that_was_taken_over_leaves_the_other_alone(world):
    attachment = await world.announce(LINES)
    async with under_way(world, attachment) as (reader, writer):
        await fetch(world.database_url, "UPDATE chatkit_files SET updated_at = now()")
        writer.write(LINES[len(LINES) // 2 :])
        assert (await answer_of(reader))[0] == 404
    assert await fetch_value(world.database_url, "SELECT count(*) FROM chatkit_attachments") == 1
    assert await fetch_value(world.database_url, "SELECT count(*) FROM chatkit_files") == 1


async def test_an_upload_that_takes_too_long_is_ended(store, storage, database_url):
    async with world_of(store, storage, database_url, upload_seconds=1) as world:
        attachment = await world.announce(LINES)
        async with under_way(world, attachment) as (reader, _):
            status, said = await answer_of(reader)
        assert (status, said) == (408, {"detail": "The upload took too long."})
        assert await world.traces() == EMPTY


async def test_where_the_storage_fails_the_sweep_finds_what_is_left(store, database_url, tmp_path, caplog):
    folder = tmp_path / "files"
    async with world_of(store, LocalStore(folder, mkdir=True), database_url) as world:
        attachment = await world.announce(TEXT)
        shutil.rmtree(folder)
        folder.write_text("in the way")
        answer = await world.send(attachment, TEXT)
        assert (answer.status_code, answer.json()) == (
            500,
            {"detail": "The server could not do this. The cause is in its log."},
        )
        assert any("stays until the sweep" in record.message for record in caplog.records)
        folder.unlink()
        folder.mkdir()
        assert await world.traces() == EMPTY | {"files": 1}
        await world.attachments.sweep(0)
        assert await world.traces() == EMPTY


async def test_while_the_database_is_away_uploads_are_told_to_come_again(world, storage, caplog):
    caplog.set_level(logging.CRITICAL)
    attachment = await world.upload()
    away = PostgresStore("postgresql://postgres@127.0.0.1:1/nowhere")
    async with world_of(away, storage, world.database_url) as other:
        link = other.files.app_url("upload", "alice", attachment.id, size=len(TEXT))
        answer = await world.client.put(link, content=TEXT, headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()) == (
            503,
            {"detail": "Files cannot be reached at the moment. Please try again."},
        )
    await away.close()
    assert await world.content(attachment) == TEXT
