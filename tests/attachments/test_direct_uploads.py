"""Direct uploads: a form of a signed-in user, as the ChatKit component's ``uploadStrategy: {type: "direct"}`` sends."""

import pytest
from chatkit.types import FileAttachment
from obstore.store import LocalStore, MemoryStore

from chatkit_pgstore import UsersTable
from tests.attachments.world import EMPTY, PNG, TEXT, answer_of, raw, world_of
from tests.support.samples import ALICE
from tests.support.tables import fetch_value
from tests.support.users import TEXTS, USERS, create_users
from tests.support.waiting import eventually_true

LARGE = b"0123456789abcdef\n" * 200_000
AS_ALICE = {"Authorization": "Bearer alice"}
BOUNDARY = "the-boundary"
FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nAuthorization: Bearer alice"


async def send(world, content=TEXT, *, name="notes.txt", mime_type="text/plain", field="file", headers=None, **more):
    headers = AS_ALICE if headers is None else headers
    form = {field: (name, content, mime_type)}
    return await world.client.post(f"{world.files.public_url}/direct", files=form, headers=headers, **more)


def part(content, *, name="notes.txt", mime_type="text/plain"):
    """Return the beginning of a form with a file in it."""
    disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    return f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: {mime_type}\r\n\r\n".encode() + content


def end():
    return f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize("content", [TEXT, LARGE, b""], ids=len)
async def test_a_file_is_stored_and_its_attachment_saved(world, content):
    answer = await send(world, content)
    assert answer.status_code == 201
    said = answer.json()
    assert said == {
        "id": said["id"],
        "type": "file",
        "name": "notes.txt",
        "mime_type": "text/plain",
    }
    attachment = await world.store.load_attachment(said["id"], ALICE)
    assert attachment == FileAttachment(**said | {"metadata": {"size": len(content)}})
    assert await world.content(attachment) == content


async def test_an_image_is_answered_with_its_preview(world):
    answer = await send(world, PNG, name="ü.png", mime_type="image/png")
    assert (answer.json()["type"], answer.json()["name"]) == ("image", "ü.png")
    assert (await world.client.get(answer.json()["preview_url"])).content == PNG


async def test_other_fields_may_stand_before_and_behind_the_file(quick):
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'.encode()
        + part(TEXT)
        + f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="b.txt"\r\n\r\nsecond'.encode()
        + end()
    )
    status, said = await raw(
        quick.files.public_url + "/direct", f"{FORM}\r\nContent-Length: {len(body)}", body, method="POST"
    )
    assert status == 201
    attachment = await quick.store.load_attachment(said["id"], ALICE)
    assert await quick.content(attachment) == TEXT


async def test_a_form_that_comes_byte_by_byte_is_the_same_form(quick):
    body = part(TEXT) + end()
    pieces = [body[place : place + 1] for place in range(len(body))]
    head = f"{FORM}\r\nContent-Length: {len(body)}"
    status, said = await raw(quick.files.public_url + "/direct", head, *pieces, method="POST")
    assert status == 201
    assert await quick.content(await quick.store.load_attachment(said["id"], ALICE)) == TEXT


REFUSED = {
    "nobody": (401, "Sign in first, please.", {"headers": {}}),
    "another field": (400, "There is no file in the form.", {"field": "other"}),
    "a type that is not taken": (415, "Files of this type are not taken", {"mime_type": "text/x-python"}),
    "no name": (400, "There is no file in the form.", {"name": ""}),
    "other bytes": (415, "The content of the file is not what its type says", {"mime_type": "image/png"}),
    "too many fields before": (400, "There is no file in the form.", {"data": {"a": "x" * 100_000}}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused_leaves_nothing(world, case):
    status, detail, options = REFUSED[case]
    answer = await send(world, **options)
    assert (answer.status_code, answer.json()["detail"][: len(detail)]) == (status, detail)
    assert await world.traces() == EMPTY


async def test_a_file_beyond_the_limit_is_stopped_there(store, storage, database_url):
    async with world_of(store, storage, database_url, max_bytes=len(LARGE) - 1) as world:
        answer = await send(world, LARGE)
        assert (answer.status_code, answer.json()) == (
            413,
            {"detail": f"The file is too large: at most {len(LARGE) - 1:,} bytes are taken."},
        )
        assert await world.traces() == EMPTY


NO_FORMS = {
    "no form": (415, "Content-Type: text/plain", TEXT),
    "no boundary": (415, "Content-Type: multipart/form-data", TEXT),
    "garbage": (400, f"Content-Type: multipart/form-data; boundary={BOUNDARY}", b"garbage\r\n" * 3),
    "nothing": (400, f"Content-Type: multipart/form-data; boundary={BOUNDARY}", b""),
    "half a file": (400, f"Content-Type: multipart/form-data; boundary={BOUNDARY}", part(LARGE)),
}


@pytest.mark.parametrize("case", NO_FORMS)
async def test_what_is_no_form_leaves_nothing(world, case):
    status, content_type, body = NO_FORMS[case]
    head = f"{content_type}\r\nAuthorization: Bearer alice\r\nContent-Length: {len(body)}"
    assert (await raw(world.files.public_url + "/direct", head, body, method="POST"))[0] == status
    assert await world.traces() == EMPTY


async def test_a_client_that_goes_away_leaves_nothing(world):
    _, writer = await world.connect()
    writer.write(
        f"POST /files/direct HTTP/1.1\r\nHost: a\r\n{FORM}\r\nContent-Length: 9999999\r\n\r\n".encode() + part(LARGE)
    )
    await writer.drain()

    async def has_row():
        return await fetch_value(world.database_url, "SELECT count(*) FROM chatkit_files")

    await eventually_true(has_row)
    writer.close()

    async def nothing_is_left():
        return await world.traces() == EMPTY

    await eventually_true(nothing_is_left)


async def test_a_sweep_beside_a_direct_upload_ends_it_when_its_grace_is_too_short(world):
    head = f"POST /files/direct HTTP/1.1\r\nHost: a\r\n{FORM}\r\nContent-Length: {len(part(LARGE) + end())}\r\n\r\n"
    reader, writer = await world.connect()
    writer.write(head.encode() + part(LARGE)[:1_000_000])
    await writer.drain()

    async def swept():
        return (await world.attachments.sweep(0)).deleted

    await eventually_true(swept)
    writer.write(part(LARGE)[1_000_000:] + end())
    status, said = await answer_of(reader)
    assert (status, said["detail"]) == (404, "The attachment was deleted meanwhile.")
    writer.close()
    assert await world.traces() == EMPTY


async def test_a_user_whom_the_host_does_not_know_leaves_nothing(make_store, empty_database_url, tmp_path):
    await create_users(empty_database_url, TEXTS)
    store = await make_store(empty_database_url, users=UsersTable(USERS, column="id"))
    await store.initialize()
    async with world_of(store, LocalStore(tmp_path), empty_database_url) as world:
        answer = await send(world, headers={"Authorization": "Bearer nobody"})
        assert (answer.status_code, answer.json()) == (403, {"detail": "There is no such user."})
        assert await world.traces() == EMPTY


async def test_a_context_that_names_nobody_leaves_nothing(store, database_url):
    async def nobody(request):
        return {}

    async with world_of(store, MemoryStore(), database_url, direct=nobody) as world:
        answer = await send(world)
        assert (answer.status_code, answer.json()) == (401, {"detail": "Sign in first."})
        assert await world.traces() == EMPTY


async def test_unless_it_is_asked_for_there_is_no_direct_upload(store, database_url):
    async with world_of(store, MemoryStore(), database_url, direct=None) as world:
        answer = await send(world)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
