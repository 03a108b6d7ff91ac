"""What any release has to be able to do on a schema that serves it; run with the release's source on the path."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

from chatkit.types import ActiveStatus, AssistantMessageContent, AssistantMessageItem, FileAttachment, ThreadMetadata

import chatkit_pgstore
from chatkit_pgstore import PostgresStore

ALICE = {"user_id": "alice"}
THREAD = "thr_release"


def reply(item_id: str, text: str) -> AssistantMessageItem:
    return AssistantMessageItem(
        id=item_id, thread_id=THREAD, created_at=datetime.now(), content=[AssistantMessageContent(text=text)]
    )


async def converse(store: PostgresStore) -> None:
    thread = ThreadMetadata(id=THREAD, created_at=datetime.now(), status=ActiveStatus())
    await store.save_thread(thread, ALICE)
    for number in range(3):
        await store.add_thread_item(THREAD, reply(f"msg_{number}", "Hello"), ALICE)
    await store.save_item(THREAD, reply("msg_1", "Changed"), ALICE)
    await store.delete_thread_item(THREAD, "msg_0", ALICE)
    attachment = FileAttachment(id="atc_release", name="notes.txt", mime_type="text/plain", thread_id=THREAD)
    await store.save_attachment(attachment, ALICE)
    page = await store.load_thread_items(THREAD, "msg_1", 10, "asc", ALICE)
    assert [item.id for item in page.data] == ["msg_2"]
    assert (await store.load_item(THREAD, "msg_1", ALICE)).content[0].text == "Changed"
    assert (await store.load_attachment("atc_release", ALICE)) == attachment
    assert THREAD in [each.id for each in (await store.load_threads(10, None, "desc", ALICE)).data]
    await store.delete_attachment("atc_release", ALICE)
    await store.delete_thread(THREAD, ALICE)
    assert (await store.load_thread_items(THREAD, None, 10, "asc", ALICE)).data == []


async def main() -> None:
    async with PostgresStore(sys.argv[1]) as store:
        await converse(store)
    sys.stdout.write(str(Path(chatkit_pgstore.__file__)))


asyncio.run(main())
