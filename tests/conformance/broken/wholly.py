"""Stores that are wrong throughout, so that no test of the contract can pass while nothing happens."""

import asyncio

from chatkit.store import NotFoundError
from chatkit.types import Page

from chatkit_pgstore.testing import MemoryStore
from tests.conformance.broken.registry import Broken, caught_by

LISTINGS = ("LoadThreads", "LoadThreadItems", "Cursors")
THREADS = ("LoadThread", "SaveThread", "DeleteThread")
ITEMS = ("AddThreadItem", "SaveItem", "LoadItem", "DeleteThreadItem")
ATTACHMENTS = ("LoadAttachment", "SaveAttachment", "DeleteAttachment")
VALUES = ("Fidelity", "AwkwardText", "Unstorable", "Limits", "Arguments")


@caught_by(*LISTINGS, *THREADS, *ITEMS, *ATTACHMENTS, *VALUES, "Concurrency")
class KeepsNothing(Broken):
    async def do_nothing(self, *arguments):
        pass

    save_thread = add_thread_item = save_item = save_attachment = do_nothing


@caught_by("DeleteThread", "DeleteThreadItem", "DeleteAttachment", "Concurrency")
class DeletesEverything(Broken):
    async def delete_everything(self, *arguments):
        self._users.clear()

    delete_thread = delete_thread_item = delete_attachment = delete_everything


@caught_by("LoadThreads", "LoadThreadItems")
class HasNoEmptyPage(Broken):
    async def load_threads(self, limit, after, order, context):
        return self.filled(await super().load_threads(limit, after, order, context))

    async def load_thread_items(self, thread_id, after, limit, order, context):
        return self.filled(await super().load_thread_items(thread_id, after, limit, order, context))

    def filled(self, page):
        if not page.data:
            raise NotFoundError("nothing there")
        return page


def without_errors(method):
    async def call(self, *arguments):
        try:
            return await method(self, *arguments)
        except Exception:  # noqa: BLE001 - that is the defect
            return Page()

    return call


@caught_by(*ITEMS, *ATTACHMENTS, "LoadThread", "DeleteThread", "Cursors", "Unstorable", "Arguments", "Users")
class RaisesNothing(Broken):
    load_thread = without_errors(MemoryStore.load_thread)
    load_threads = without_errors(MemoryStore.load_threads)
    load_thread_items = without_errors(MemoryStore.load_thread_items)
    load_item = without_errors(MemoryStore.load_item)
    load_attachment = without_errors(MemoryStore.load_attachment)
    save_thread = without_errors(MemoryStore.save_thread)
    add_thread_item = without_errors(MemoryStore.add_thread_item)
    save_item = without_errors(MemoryStore.save_item)
    save_attachment = without_errors(MemoryStore.save_attachment)


@caught_by("LoadThread", "LoadThreadItems", "LoadItem", "AddThreadItem", "SaveThread", *ATTACHMENTS[:2])
class HandsOutWhatItKeeps(Broken):
    """Keeps the objects themselves, as a first store in dictionaries does."""

    async def save_thread(self, thread, context):
        await super().save_thread(thread, context)
        self.remembered[thread.id] = thread

    async def add_thread_item(self, thread_id, item, context):
        await super().add_thread_item(thread_id, item, context)
        self.remembered[item.id] = item

    async def save_attachment(self, attachment, context):
        await super().save_attachment(attachment, context)
        self.remembered[attachment.id] = attachment

    async def load_thread(self, thread_id, context):
        return self.kept(await super().load_thread(thread_id, context))

    async def load_item(self, thread_id, item_id, context):
        return self.kept(await super().load_item(thread_id, item_id, context))

    async def load_attachment(self, attachment_id, context):
        return self.kept(await super().load_attachment(attachment_id, context))

    async def load_thread_items(self, thread_id, after, limit, order, context):
        page = await super().load_thread_items(thread_id, after, limit, order, context)
        page.data = [self.kept(item) for item in page.data]
        return page

    def kept(self, loaded):
        return self.remembered.get(loaded.id, loaded)


@caught_by("LoadThreads", "Concurrency")
class ListsEverySave(Broken):
    async def save_thread(self, thread, context):
        await super().save_thread(thread, context)
        self.remembered[thread.id] = self.remembered.get(thread.id, 0) + 1

    async def load_threads(self, limit, after, order, context):
        page = await super().load_threads(limit, after, order, context)
        page.data = [thread for thread in page.data for _ in range(self.remembered[thread.id])]
        return page


@caught_by("LoadThreads")
class OrdersIdsAsUtf16(Broken):
    async def load_threads(self, limit, after, order, context):
        page = await super().load_threads(limit, after, order, context)
        page.data.sort(key=lambda thread: thread.id.encode("utf-16-be"), reverse=order == "desc")
        return page


@caught_by("Arguments")
class TakesAnyOrderForDescending(Broken):
    async def load_threads(self, limit, after, order, context):
        return await super().load_threads(limit, after, "asc" if order == "asc" else "desc", context)


@caught_by("SaveItem")
class NeverMakesAnItemPending(Broken):
    async def save_item(self, thread_id, item, context):
        await self.add_thread_item(thread_id, item, context)


@caught_by("AddThreadItem")
class HasOneItemOfAnId(Broken):
    async def add_thread_item(self, thread_id, item, context):
        for thread in self._user(context).threads.values():
            thread.items.pop(item.id, None)
        await super().add_thread_item(thread_id, item, context)


@caught_by("GenerateIds")
class GeneratesOneId(Broken):
    def generate_thread_id(self, context):
        return "thr"

    def generate_item_id(self, item_type, thread, context):
        return "msg"


@caught_by("Concurrency")
class RemembersTheLastUser(Broken):
    async def add_thread_item(self, thread_id, item, context):
        self.remembered["user"] = context
        await asyncio.sleep(0)
        await super().add_thread_item(thread_id, item, self.remembered["user"])
