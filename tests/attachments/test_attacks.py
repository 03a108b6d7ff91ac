"""Nobody gets at another user's files: not by an id, not by a link, not by a path."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from time import time

import pytest
from chatkit.types import AttachmentCreateParams
from obstore.store import LocalStore, MemoryStore

from chatkit_pgstore import ConfigurationError, MissingUserError, NotFoundError
from chatkit_pgstore.attachments import FileAttachments, Files
from chatkit_pgstore.attachments._bytes import storage_key
from chatkit_pgstore.attachments._tokens import Permit, Tokens
from tests.attachments.world import PNG, SECRET, TEXT, objects_in, world_of
from tests.support.samples import ALICE, BOB
from tests.support.tables import dump, fetch

PUT = {"Content-Type": "text/plain"}


async def everything(world):
    """Return whatever there is, to tell whether anything has changed."""
    return (
        await dump(world.database_url),
        await fetch(world.database_url, "SELECT xmin::text, f::text FROM chatkit_files AS f ORDER BY 2"),
        await fetch(world.database_url, "SELECT xmin::text, md5(data) FROM chatkit_file_chunks ORDER BY 2"),
        await objects_in(world.files.storage),
    )


async def test_another_users_attachment_cannot_be_read(world):
    attachment = await world.upload()
    with pytest.raises(NotFoundError):
        await world.content(attachment, BOB)
    with pytest.raises(NotFoundError):
        await world.attachments.download_url(attachment.id, BOB)


async def test_another_users_attachment_cannot_be_deleted(world):
    attachment = await world.upload()
    before = await everything(world)
    await world.attachments.delete_attachment(attachment.id, BOB)
    assert await everything(world) == before


async def test_nobody_can_do_nothing(quick):
    params = AttachmentCreateParams(name="a", size=1, mime_type="text/plain")
    with pytest.raises(MissingUserError):
        await quick.attachments.create_attachment(params, {})
    with pytest.raises(MissingUserError):
        await quick.attachments.delete_attachment("atc_1", {})
    with pytest.raises(MissingUserError):
        await quick.attachments.download_url("atc_1", {})


def link(world, path_of=None, **changes):
    """Return a link that was signed for these, to the place of *path_of*."""
    permit = {"purpose": "upload", "user_id": "alice", "id": "atc_1", "expires_at": int(time()) + 60, "size": len(TEXT)}
    permit = Permit(**(permit | changes))
    key = storage_key(*(path_of or (permit.user_id, permit.id)))
    return f"{world.files.public_url}/{key}?token={world.files.tokens.token(permit)}"


def altered(token):
    """Yield the token with a letter changed, in several places."""
    for place in (0, len(token) // 3, token.index(".") - 1, token.index(".") + 1, len(token) - 2):
        yield f"{token[:place]}{'A' if token[place] != 'A' else 'B'}{token[place + 1 :]}"


def for_bob(token):
    """Return the token with bob for alice in it, and the signature for alice."""
    body, _, signature = token.partition(".")
    permit = json.loads(urlsafe_b64decode(body)) | {"user_id": "bob"}
    return f"{urlsafe_b64encode(json.dumps(permit).encode()).decode()}.{signature}"


async def refused(world, method, url, detail="This link is not valid."):
    before = await everything(world)
    answer = await world.client.request(method, url, content=TEXT if method == "PUT" else None, headers=PUT)
    assert (answer.status_code, answer.json()) == (403, {"detail": detail})
    assert await everything(world) == before


@pytest.mark.parametrize("method", ["PUT", "GET"])
async def test_a_link_that_was_not_signed_here_changes_and_shows_nothing(world, method):
    attachment = await world.announce(TEXT)
    url, _, token = str(attachment.upload_descriptor.url).partition("?token=")
    elsewhere = Tokens("another secret that is long enough, too").token(Permit(**vars_of(world, token)))
    forged = [*altered(token), for_bob(token), elsewhere, "", ".", "a.b", "ü.ü", token.split(".")[0], "x" * 9000]
    for each in forged:
        await refused(world, method, f"{url}?token={each}")
    await refused(world, method, url)


def vars_of(world, token):
    return json.loads(urlsafe_b64decode(token.partition(".")[0]))


async def test_a_link_for_one_thing_is_not_good_for_another(world):
    attachment = await world.upload()
    for purpose in ("download", "preview"):
        await refused(world, "PUT", link(world, purpose=purpose, id=attachment.id), "This link is for something else.")
    await refused(world, "GET", link(world, id=attachment.id), "This link is for something else.")


async def test_an_expired_link_changes_and_shows_nothing(world):
    new, done = await world.announce(TEXT), await world.upload()
    past = int(time()) - 1
    await refused(world, "PUT", link(world, id=new.id, expires_at=past), "This link has expired.")
    await refused(world, "GET", link(world, id=done.id, purpose="download", expires_at=past), "This link has expired.")


async def test_a_link_is_good_for_its_own_place_alone(quick):
    mine, other = await quick.announce(TEXT), await quick.announce(TEXT)
    await refused(quick, "PUT", link(quick, ("alice", other.id), id=mine.id))


async def test_a_link_for_a_user_who_has_no_such_file_finds_nothing(quick):
    attachment = await quick.announce(TEXT)
    before = await everything(quick)
    answer = await quick.client.put(link(quick, user_id="bob", id=attachment.id), content=TEXT, headers=PUT)
    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no such attachment."})
    assert await everything(quick) == before


async def test_two_users_may_have_the_same_id(store, storage, database_url):
    class SameIds(FileAttachments):
        def generate_attachment_id(self, mime_type, context):
            return "atc_1"

    async with world_of(store, storage, database_url) as world:
        world.attachments = SameIds(store, world.files)
        alices, bobs = TEXT, TEXT.upper()
        mine = await world.upload(alices)
        theirs = await world.upload(bobs, context=BOB)
        assert (await world.content(mine), await world.content(theirs, BOB)) == (alices, bobs)
        await world.attachments.delete_attachment("atc_1", BOB)
        assert await world.content(mine) == alices
        with pytest.raises(ConfigurationError, match="must be random"):
            await world.announce(TEXT)


AWKWARD = (
    "../../etc/passwd",
    "..",
    ".",
    "/",
    "a/b",
    "a\\b",
    "C:\\a",
    "a b%2f..%2f",
    "\u202e\u2028",
    "x" * 512,
    "~",
    "a\nb",
)


@pytest.mark.parametrize("awkward", AWKWARD)
async def test_whatever_letters_an_id_has_its_file_stays_in_its_folder(store, database_url, tmp_path, awkward):
    class AwkwardIds(FileAttachments):
        def generate_attachment_id(self, mime_type, context):
            return awkward

    folder = tmp_path / "outer" / "files"
    async with world_of(store, LocalStore(folder, mkdir=True), database_url) as world:
        world.attachments = AwkwardIds(store, world.files)
        context = {"user_id": awkward}
        attachment = await world.upload(PNG, "image/png", context=context)
        assert await world.content(attachment, context) == PNG
        assert (await world.client.get(str(attachment.preview_url))).content == PNG
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / storage_key(awkward, awkward)]
        await world.attachments.delete_attachment(awkward, context)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_two_pairs_of_ids_have_the_same_place():
    pairs = [("a", "bc"), ("ab", "c"), ("a", "b"), ("b", "a"), ("", "ab"), ("ab", "")]
    assert len({storage_key(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("secret", ["", "x" * 31, b"x" * 31])
def test_a_secret_that_can_be_guessed_is_refused(secret):
    with pytest.raises(ConfigurationError, match="at least 32 bytes"):
        Files(MemoryStore(), secret=secret, public_url="http://a")


def test_a_token_of_something_else_with_the_same_secret_is_none():
    """A JSON Web Token is signed likewise, but not with what stands before every token of ours."""
    body = urlsafe_b64encode(json.dumps({"purpose": "upload"}).encode())
    signature = urlsafe_b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    with pytest.raises(ValueError, match="not valid"):
        Tokens(SECRET).permit(f"{body.decode()}.{signature}", "upload")


async def test_ids_have_128_random_bits(quick):
    ids = {quick.attachments.generate_attachment_id("text/plain", ALICE) for _ in range(100)}
    assert len(ids) == 100
    assert {len(each) for each in ids} == {len("atc_") + 32}
