"""Files in a bucket: obstore's client for S3, and a server that speaks what it needs of that."""

import re
import socket

import pytest
from obstore.store import S3Store
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests.attachments.world import TEXT, running, world_of
from tests.support.samples import ALICE
from tests.support.tables import fetch_value

LINES = b"0123456789abcdef\n" * 400_000  # 6.8 MB: two parts
BEGUN = "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>"
DONE = '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>'
NO_BUCKET = "<Error><Code>NoSuchBucket</Code></Error>"


class Bucket:
    """Keeps objects, each in the parts it came in."""

    def __init__(self):
        self.parts, self.headers, self.is_there = {}, {}, True
        routes = [
            Route("/bucket", self.delete, methods=["POST"]),
            Route("/bucket/{key:path}", self.answer, methods=["GET", "PUT", "POST"]),
        ]
        self.app = Starlette(routes=routes)

    async def answer(self, request):
        if not self.is_there:
            return Response(NO_BUCKET, 404)
        key, query = request.path_params["key"], request.query_params
        match request.method:
            case "POST" if "uploads" in query:
                self.headers[key] = request.headers
                return Response(BEGUN, media_type="application/xml")
            case "PUT":
                self.parts.setdefault(key, {})[int(query["partNumber"])] = await request.body()
                return Response(headers={"ETag": '"e"'})
            case "POST":
                return Response(DONE, media_type="application/xml")
        return Response(self.content(key), headers={"ETag": '"e"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"})

    async def delete(self, request):
        if not self.is_there:
            return Response(NO_BUCKET, 404)
        key = re.search(r"<Key>(.*)</Key>", (await request.body()).decode())[1]
        self.parts.pop(key, None)
        return Response(f"<DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>")

    def content(self, key):
        return b"".join(part for _, part in sorted(self.parts[key].items()))


@pytest.fixture
async def bucket():
    made = Bucket()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.address = "http://{}:{}".format(*listener.getsockname())
        async with running(made.app, listener):
            yield made


@pytest.fixture
async def world(bucket, store, database_url):
    storage = S3Store(
        "bucket",
        endpoint=bucket.address,
        region="eu-west-1",
        access_key_id="key",
        secret_access_key="secret",
        client_options={"allow_http": True},
    )
    async with world_of(store, storage, database_url) as made:
        yield made


async def test_a_file_is_stored_in_parts_with_its_type_and_to_be_saved(world, bucket):
    attachment = await world.upload(LINES)
    [key] = bucket.parts
    assert bucket.content(key) == LINES
    assert len(bucket.parts[key]) == 2
    assert bucket.headers[key]["content-type"] == "text/plain"
    assert bucket.headers[key]["content-disposition"] == "attachment"
    assert await world.content(attachment) == LINES


async def test_the_providers_own_link_leads_to_it(world, bucket):
    attachment = await world.upload()
    url = await world.attachments.download_url(attachment.id, ALICE)
    assert url.startswith(bucket.address)
    assert (await world.client.get(url)).content == TEXT


async def test_it_goes_with_its_attachment(world, bucket):
    attachment = await world.upload()
    await world.store.delete_attachment(attachment.id, ALICE)
    await world.attachments.sweep(0)
    assert bucket.parts == {}


async def test_a_bucket_that_is_not_there_is_the_servers_fault(world, bucket):
    attachment = await world.announce(TEXT)
    bucket.is_there = False
    assert (await world.send(attachment, TEXT)).status_code == 500
    bucket.is_there = True
    await world.attachments.sweep(0)
    for table in ("attachments", "files"):
        assert await fetch_value(world.database_url, f"SELECT count(*) FROM chatkit_{table}") == 0
