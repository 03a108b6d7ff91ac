"""What is served, and how: by links of our own, and by those of a provider."""

import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from chatkit.types import FileAttachment, ImageAttachment, UserMessageItem
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store

from chatkit_pgstore import NotFoundError
from chatkit_pgstore.attachments import Files
from chatkit_pgstore.attachments._bytes import storage_key
from tests.attachments.world import PNG, SECRET, TEXT, world_of
from tests.support.samples import ALICE, MOMENT, thread

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


async def downloaded(world, attachment, **headers):
    return await world.client.get(await world.attachments.download_url(attachment.id, ALICE), headers=headers)


async def test_a_download_is_to_be_saved_and_never_run(world):
    answer = await downloaded(world, await world.upload())
    assert (answer.status_code, answer.content) == (200, TEXT)
    sent = answer.headers
    assert sent["content-type"] == "text/plain"
    assert sent["content-length"] == str(len(TEXT))
    assert sent["content-disposition"] == "attachment; filename*=UTF-8''notes.txt"
    assert sent["x-content-type-options"] == "nosniff"
    assert sent["content-security-policy"] == "default-src 'none'; sandbox"
    assert sent["referrer-policy"] == "no-referrer"
    assert sent["etag"] == f'"{hashlib.sha256(TEXT).hexdigest()}"'
    assert sent["cache-control"].startswith("private, max-age=")


async def test_what_the_browser_has_is_not_sent_again(quick):
    attachment = await quick.upload()
    etag = (await downloaded(quick, attachment)).headers["etag"]
    answer = await downloaded(quick, attachment, **{"If-None-Match": f'"other", {etag}'})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_head_tells_the_same_without_the_file(quick):
    attachment = await quick.upload()
    url = await quick.attachments.download_url(attachment.id, ALICE)
    answer = await quick.client.head(url)
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(len(TEXT)), b"")


@pytest.mark.parametrize("name", ['a "quoted" name.txt', "grüße.txt", "a;b=c.txt", "../../up.txt", "100%.txt"])
async def test_a_name_comes_back_whatever_letters_it_has(quick, name):
    disposition = (await downloaded(quick, await quick.upload(name=name))).headers["content-disposition"]
    kind, _, encoded = disposition.partition("; filename*=UTF-8''")
    assert kind == "attachment"
    assert encoded.isascii()
    assert not set(encoded) & set('"; /\r\n')
    assert parse_qs(f"name={encoded}")["name"] == [name]


async def test_a_preview_is_shown(world):
    attachment = await world.upload(PNG, "image/png", name="a.png")
    answer = await world.client.get(str(attachment.preview_url))
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-disposition"].startswith("inline;")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


async def test_what_may_hold_a_script_is_no_image_and_never_shown(store, database_url):
    async with world_of(store, MemoryStore(), database_url, mime_types=["image/svg+xml"]) as world:
        attachment = await world.upload(SVG, "image/svg+xml", name="a.svg")
        assert isinstance(attachment, FileAttachment)
        answer = await world.client.get(world.files.app_url("preview", "alice", attachment.id))
        assert answer.headers["content-disposition"].startswith("attachment;")


async def test_before_its_upload_a_file_cannot_be_had(world):
    attachment = await world.announce(PNG, "image/png")
    answer = await world.client.get(str(attachment.preview_url))
    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no such file."})
    with pytest.raises(NotFoundError, match="not uploaded yet"):
        await world.attachments.download_url(attachment.id, ALICE)
    with pytest.raises(NotFoundError):
        await world.content(attachment)


async def test_a_deleted_attachment_is_served_no_more_although_its_bytes_are_not_swept(world):
    await world.store.save_thread(thread("thr_1"), ALICE)
    attachment = await world.upload()
    await world.store.save_attachment(attachment.model_copy(update={"thread_id": "thr_1"}), ALICE)
    url = await world.attachments.download_url(attachment.id, ALICE)
    await world.store.delete_thread("thr_1", ALICE)
    assert (await world.client.get(url)).status_code == 404
    assert (await world.traces())["files"] == 1


async def test_bytes_that_are_gone_are_a_404_and_in_the_log(store, database_url, tmp_path, caplog):
    async with world_of(store, LocalStore(tmp_path), database_url) as world:
        attachment = await world.upload()
        for path in tmp_path.rglob("*"):
            if path.is_file():
                path.unlink()
        assert (await downloaded(world, attachment)).status_code == 404
        with pytest.raises(NotFoundError, match="are gone"):
            await anext(world.attachments.read(attachment.id, ALICE))
        assert caplog.text.count("are not where they were stored") == 2


async def test_an_empty_file_is_served(world):
    assert (await downloaded(world, await world.upload(b""))).content == b""


# Links to previews


async def with_links_of(make_store, world):
    """Return another store on the same database, which sets fresh links."""
    return await make_store(preview_urls=world.files)


async def test_whatever_is_loaded_has_a_link_that_is_good_now(world, make_store):
    attachment = await world.upload(PNG, "image/png")
    expired = f"{world.files.public_url}/{storage_key('alice', attachment.id)}?token=expired"
    old = ImageAttachment.model_validate({**attachment.model_dump(), "preview_url": expired, "thread_id": "thr_1"})
    store = await with_links_of(make_store, world)
    await store.save_thread(thread("thr_1"), ALICE)
    await store.save_attachment(old, ALICE)
    item = UserMessageItem(
        id="msg_1", thread_id="thr_1", created_at=MOMENT, content=[], attachments=[old], inference_options={}
    )
    await store.add_thread_item("thr_1", item, ALICE)
    page = await store.load_thread_items("thr_1", None, 10, "asc", ALICE)
    loaded = [
        await store.load_attachment(attachment.id, ALICE),
        (await store.load_item("thr_1", "msg_1", ALICE)).attachments[0],
        page.data[0].attachments[0],
    ]
    for each in loaded:
        assert (await world.client.get(str(each.preview_url))).content == PNG


async def test_the_link_of_another_attachment_store_is_left_as_it_is(quick):
    theirs = ImageAttachment(
        id="atc_1", name="a.png", mime_type="image/png", preview_url="https://cdn.example.com/a.png"
    )
    assert await quick.files.preview_url("alice", theirs) == "https://cdn.example.com/a.png"


async def test_a_link_stays_the_same_for_a_while_so_that_images_stay_in_the_cache():
    hours = 10**6
    files = Files(MemoryStore(), secret=SECRET, public_url="http://a", url_seconds=hours * 3600)
    assert files.app_url("preview", "alice", "atc_1") == files.app_url("preview", "alice", "atc_1")


def s3(**options):
    return S3Store(
        "bucket", region="eu-west-1", access_key_id="key", secret_access_key="secret", prefix="chat", **options
    )


def azure():
    return AzureStore("container", account_name="account", account_key="c2VjcmV0")


def google():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": pem}
    return GCSStore("bucket", service_account_key=json.dumps(account | {"client_email": "a@example.com"}))


PROVIDERS = {
    "google": (google, "storage.googleapis.com", "X-Goog-Signature"),
    "s3": (s3, "s3.eu-west-1.amazonaws.com", "X-Amz-Signature"),
    "azure": (azure, "account.blob.core.windows.net", "sig"),
}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_signs_links_serves_its_files(provider):
    make, host, signature = PROVIDERS[provider]
    files = Files(make(), secret=SECRET, public_url="http://127.0.0.1/files", url_seconds=60)
    url = urlsplit(await files.url("download", "alice", "atc_1"))
    assert url.hostname == host
    assert url.path.endswith(storage_key("alice", "atc_1"))
    assert signature in parse_qs(url.query)
    shown = ImageAttachment(id="atc_1", name="a", mime_type="image/png", preview_url=url._replace(query="").geturl())
    assert signature in parse_qs(urlsplit(await files.preview_url("alice", shown)).query)


async def test_where_browsers_do_not_reach_the_provider_the_app_serves():
    files = Files(s3(), secret=SECRET, public_url="http://127.0.0.1/files", provider_urls=False)
    assert (await files.url("download", "alice", "atc_1")).startswith("http://127.0.0.1/files/")


class NoCredentials:
    """Stands where a provider's credentials come from, on a machine that has none."""

    def __call__(self):
        raise RuntimeError("no credentials")


async def test_where_the_provider_signs_nothing_the_app_serves(caplog):
    storage = S3Store("bucket", region="eu-west-1", credential_provider=NoCredentials())
    files = Files(storage, secret=SECRET, public_url="http://127.0.0.1/files")
    assert (await files.url("download", "alice", "atc_1")).startswith("http://127.0.0.1/files/")
    assert "signs no URL" in caplog.text
