"""Defects in what is stored, replaced and deleted."""

import asyncio
import json

from chatkit.store import NotFoundError
from chatkit.types import ThreadMetadata

from tests.conformance.broken.registry import Broken, caught_by


@caught_by("SaveThread")
class ForgetsTheItemsOfASavedThread(Broken):
    async def save_thread(self, thread, context):
        await self.delete_thread(thread.id, context)
        await super().save_thread(thread, context)


@caught_by("SaveThread")
class KeepsTheFirstSave(Broken):
    async def save_thread(self, thread, context):
        if not self.has_thread(thread.id, context):
            await super().save_thread(thread, context)


@caught_by("LoadThreads")
class MovesASavedThread(Broken):
    async def save_thread(self, thread, context):
        saved = self._user(context).threads.pop(thread.id, None)
        await super().save_thread(thread, context)
        if saved is not None:
            self._user(context).threads[thread.id].items.update(saved.items)


@caught_by("DeleteThread")
class KeepsItemsOfDeletedThreads(Broken):
    async def delete_thread(self, thread_id, context):
        if self.has_thread(thread_id, context):
            self.remembered[thread_id] = self._user(context).threads[thread_id].items
        await super().delete_thread(thread_id, context)

    async def save_thread(self, thread, context):
        await super().save_thread(thread, context)
        self._user(context).threads[thread.id].items.update(self.remembered.get(thread.id, {}))


@caught_by("DeleteThread")
class MissesTheThreadItDeletes(Broken):
    async def delete_thread(self, thread_id, context):
        await self.load_thread(thread_id, context)
        await super().delete_thread(thread_id, context)


@caught_by("DeleteThread")
class KeepsAttachmentsOfDeletedThreads(Broken):
    async def delete_thread(self, thread_id, context):
        self._user(context).threads.pop(thread_id, None)


@caught_by("AddThreadItem")
class AppendsTwice(Broken):
    async def add_thread_item(self, thread_id, item, context):
        if self.has_item(thread_id, item.id, context):
            self.remembered[item.id] = item
        await super().add_thread_item(thread_id, item, context)

    async def load_thread_items(self, thread_id, after, limit, order, context):
        page = await super().load_thread_items(thread_id, after, limit, order, context)
        page.data += [self.remembered[item.id] for item in page.data if item.id in self.remembered]
        return page


@caught_by("AddThreadItem")
class MovesWhatIsAddedAgain(Broken):
    async def add_thread_item(self, thread_id, item, context):
        await self.delete_thread_item(thread_id, item.id, context)
        await super().add_thread_item(thread_id, item, context)


@caught_by("AddThreadItem")
class LetsPendingReplaceFinished(Broken):
    async def add_thread_item(self, thread_id, item, context):
        await self.save_item(thread_id, item, context)


@caught_by("AddThreadItem")
class IgnoresWhatIsAddedAgain(Broken):
    async def add_thread_item(self, thread_id, item, context):
        if not self.has_item(thread_id, item.id, context):
            await super().add_thread_item(thread_id, item, context)


@caught_by("AddThreadItem")
class MakesThreadsThatAreAddedTo(Broken):
    async def add_thread_item(self, thread_id, item, context):
        if not self.has_thread(thread_id, context):
            await self.save_thread(ThreadMetadata(id=thread_id, created_at=item.created_at), context)
        await super().add_thread_item(thread_id, item, context)


@caught_by("AddThreadItem")
class KeepsOneReplyOfAll(Broken):
    async def add_thread_item(self, thread_id, item, context):
        if item.id == "__fake_id__":
            item = item.model_copy(update={"id": "msg_1"})
        await super().add_thread_item(thread_id, item, context)


@caught_by("SaveItem")
class ReplacesOnly(Broken):
    async def save_item(self, thread_id, item, context):
        if not self.has_thread(thread_id, context) or self.has_item(thread_id, item.id, context):
            await super().save_item(thread_id, item, context)


@caught_by("SaveItem")
class MovesWhatIsSaved(Broken):
    async def save_item(self, thread_id, item, context):
        await self.delete_thread_item(thread_id, item.id, context)
        await super().save_item(thread_id, item, context)


@caught_by("DeleteThreadItem")
class MissesWhatItDeletes(Broken):
    async def delete_thread_item(self, thread_id, item_id, context):
        await self.load_item(thread_id, item_id, context)
        await super().delete_thread_item(thread_id, item_id, context)


@caught_by("DeleteThreadItem")
class DeletesInEveryThread(Broken):
    async def delete_thread_item(self, thread_id, item_id, context):
        for each in [thread_id, *self._user(context).threads]:
            await super().delete_thread_item(each, item_id, context)


@caught_by("SaveAttachment")
class KeepsTheFirstAttachment(Broken):
    async def save_attachment(self, attachment, context):
        if attachment.id not in self._user(context).attachments:
            await super().save_attachment(attachment, context)


@caught_by("SaveAttachment")
class TakesAnyThreadOfAnAttachment(Broken):
    async def save_attachment(self, attachment, context):
        try:
            await super().save_attachment(attachment, context)
        except NotFoundError:
            await super().save_attachment(attachment.model_copy(update={"thread_id": None}), context)


@caught_by("DeleteAttachment")
class MissesTheAttachmentItDeletes(Broken):
    async def delete_attachment(self, attachment_id, context):
        await self.load_attachment(attachment_id, context)
        await super().delete_attachment(attachment_id, context)


@caught_by("Fidelity")
class DropsMetadata(Broken):
    async def save_thread(self, thread, context):
        await super().save_thread(thread.model_copy(update={"metadata": {}}), context)


@caught_by("Fidelity")
class TurnsNumbersIntoFloats(Broken):
    async def add_thread_item(self, thread_id, item, context):
        document = json.loads(item.model_dump_json(), parse_int=float)
        await super().add_thread_item(thread_id, type(item).model_validate(document), context)


@caught_by("AwkwardText")
class LosesNul(Broken):
    async def add_thread_item(self, thread_id, item, context):
        document = item.model_dump_json().replace("\\u0000", "")
        await super().add_thread_item(thread_id, type(item).model_validate_json(document), context)


@caught_by("Unstorable")
class WritesWhatItCan(Broken):
    async def save_thread(self, thread, context):
        try:
            await super().save_thread(thread, context)
        except ValueError:
            await super().save_thread(thread.model_copy(update={"metadata": {}}), context)


@caught_by("Concurrency")
class LooksBeforeItAppends(Broken):
    async def add_thread_item(self, thread_id, item, context):
        before = dict(self._user(context).threads[thread_id].items)
        await super().add_thread_item(thread_id, item, context)
        added = self._user(context).threads[thread_id].items[item.id]
        await asyncio.sleep(0)
        self._user(context).threads[thread_id].items = {**before, item.id: added}
