"""Defects in what is listed and loaded."""

from datetime import UTC

from chatkit.store import NotFoundError, default_generate_id
from chatkit.types import Page, Thread, ThreadMetadata

from tests.conformance.broken.registry import MAX_PAGE_SIZE, Broken, caught_by


class Reordered(Broken):
    key = None

    async def load_thread_items(self, thread_id, after, limit, order, context):
        page = await super().load_thread_items(thread_id, None, limit, order, context)
        assert not page.has_more or after is None
        page.data.sort(key=self.key, reverse=order == "desc")
        return page


@caught_by("LoadThreadItems")
class OrdersByTime(Reordered):
    def key(self, item):
        return item.created_at


@caught_by("LoadThreadItems")
class OrdersById(Reordered):
    def key(self, item):
        return item.id


@caught_by("LoadThreadItems")
class TakesAFullPageForMore(Broken):
    async def load_thread_items(self, thread_id, after, limit, order, context):
        page = await super().load_thread_items(thread_id, after, limit, order, context)
        return page.model_copy(update={"has_more": len(page.data) == limit})


@caught_by("LoadThreadItems")
class HasNoPageForAnUnknownThread(Broken):
    async def load_thread_items(self, thread_id, after, limit, order, context):
        await self.load_thread(thread_id, context)
        return await super().load_thread_items(thread_id, after, limit, order, context)


@caught_by("LoadThreads")
class OrdersThreadsById(Broken):
    async def save_thread(self, thread, context):
        await super().save_thread(thread, context)
        self._user(context).threads[thread.id].created_at = None


@caught_by("LoadThreads")
class OrdersThreadsByTheTimeOnTheWall(Broken):
    async def save_thread(self, thread, context):
        await super().save_thread(thread, context)
        self._user(context).threads[thread.id].created_at = thread.created_at.replace(tzinfo=UTC)


@caught_by("LoadThreads")
class SharesItsPages(Broken):
    async def load_threads(self, limit, after, order, context):
        page = await super().load_threads(limit, after, order, context)
        return self.remembered.setdefault((str(context), limit, after, order), page)


@caught_by("LoadThread")
class MakesThreadsThatAreAskedFor(Broken):
    async def load_thread(self, thread_id, context):
        if not self.has_thread(thread_id, context):
            await self.save_thread(ThreadMetadata(id=thread_id, created_at="2026-01-01T00:00:00"), context)
        return await super().load_thread(thread_id, context)


@caught_by("LoadThread")
class LoadsNone(Broken):
    async def load_thread(self, thread_id, context):
        try:
            return await super().load_thread(thread_id, context)
        except NotFoundError:
            return None


@caught_by("LoadItem")
class FindsItemsInAnyThread(Broken):
    async def load_item(self, thread_id, item_id, context):
        for each in self._user(context).threads:
            thread_id = each if self.has_item(each, item_id, context) else thread_id
        return await super().load_item(thread_id, item_id, context)


@caught_by("LoadItem")
class SharesItsItems(Broken):
    async def load_item(self, thread_id, item_id, context):
        return self.remembered.setdefault(item_id, await super().load_item(thread_id, item_id, context))


@caught_by("LoadAttachment")
class NamesNoAttachment(Broken):
    async def load_attachment(self, attachment_id, context):
        try:
            return await super().load_attachment(attachment_id, context)
        except NotFoundError:
            raise NotFoundError("not found") from None


@caught_by("Cursors")
class StartsAgainAtAnUnknownCursor(Broken):
    async def load_thread_items(self, thread_id, after, limit, order, context):
        after = after if self.has_item(thread_id, after, context) else None
        return await super().load_thread_items(thread_id, after, limit, order, context)


@caught_by("Cursors")
class EndsAtAnUnknownCursor(Broken):
    async def load_threads(self, limit, after, order, context):
        if after is not None and not self.has_thread(after, context):
            return Page()
        return await super().load_threads(limit, after, order, context)


@caught_by("Concurrency")
class CountsRowsForCursors(Broken):
    async def load_thread_items(self, thread_id, after, limit, order, context):
        start = int(after or 0)
        page = await super().load_thread_items(thread_id, None, start + limit, order, context)
        return Page(data=page.data[start:], has_more=page.has_more, after=str(start + limit))


@caught_by("Limits")
class GivesAllThatIsAskedFor(Broken):
    def __init__(self):
        super().__init__(max_page_size=MAX_PAGE_SIZE * 10)


@caught_by("Arguments")
class TakesNoLimitForTwenty(Broken):
    async def load_threads(self, limit, after, order, context):
        return await super().load_threads(limit or 20, after, order, context)


@caught_by("Arguments")
class FoldsTheCaseOfIds(Broken):
    async def load_thread(self, thread_id, context):
        for each in self._user(context).threads:
            thread_id = each if each.lower() == thread_id.lower() else thread_id
        return await super().load_thread(thread_id, context)


@caught_by("SaveThread")
class LoadsThreadsWithItems(Broken):
    async def load_thread(self, thread_id, context):
        thread = await super().load_thread(thread_id, context)
        return Thread(**thread.model_dump(), items=Page())


@caught_by("Fidelity")
class AddsATimeZone(Broken):
    async def load_item(self, thread_id, item_id, context):
        item = await super().load_item(thread_id, item_id, context)
        return item.model_copy(update={"created_at": item.created_at.replace(tzinfo=UTC)})


@caught_by("GenerateIds")
class GeneratesShortIds(Broken):
    def generate_item_id(self, item_type, thread, context):
        return default_generate_id(item_type)
