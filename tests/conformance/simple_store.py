"""A store of the plain kind: it does what ChatKitServer needs, keeps users apart, and promises nothing more."""

from collections import defaultdict

from chatkit.store import NotFoundError, Store
from chatkit.types import Page, ThreadMetadata


class SimpleStore(Store[str]):
    """Its context is the user's name; it lists by created_at, and its cursors are numbers of rows from the oldest."""

    def __init__(self):
        self.rows = defaultdict(dict)

    async def load_thread(self, thread_id, context):
        return self.load(context, "thread", thread_id)

    async def save_thread(self, thread, context):
        values = {name: getattr(thread, name) for name in ThreadMetadata.model_fields}
        self.save(context, "thread", ThreadMetadata(**values))

    async def load_threads(self, limit, after, order, context):
        return self.page(self.rows[context, "thread"], limit, after, order)

    async def delete_thread(self, thread_id, context):
        self.rows[context, "thread"].pop(thread_id, None)
        self.rows.pop((context, thread_id), None)

    async def load_thread_items(self, thread_id, after, limit, order, context):
        return self.page(self.rows[context, thread_id], limit, after, order)

    async def add_thread_item(self, thread_id, item, context):
        if thread_id in self.rows[context, "thread"]:
            self.save(context, thread_id, item)

    async def save_item(self, thread_id, item, context):
        await self.add_thread_item(thread_id, item, context)

    async def load_item(self, thread_id, item_id, context):
        return self.load(context, thread_id, item_id)

    async def delete_thread_item(self, thread_id, item_id, context):
        self.rows[context, thread_id].pop(item_id, None)

    async def load_attachment(self, attachment_id, context):
        return self.load(context, "attachment", attachment_id)

    async def save_attachment(self, attachment, context):
        self.save(context, "attachment", attachment)

    async def delete_attachment(self, attachment_id, context):
        self.rows[context, "attachment"].pop(attachment_id, None)

    def save(self, user, kind, value):
        self.rows[user, kind][value.id] = value.model_copy(deep=True)

    def load(self, user, kind, row_id):
        if row_id not in self.rows[user, kind]:
            raise NotFoundError
        return self.rows[user, kind][row_id].model_copy(deep=True)

    def page(self, rows, limit, after, order):
        numbered = list(enumerate(sorted(rows.values(), key=lambda row: row.created_at)))
        wanted = numbered if order == "asc" else numbered[::-1]
        if after is not None:
            behind = int(after) if after.isdigit() else -1
            wanted = [each for each in wanted if (each[0] > behind if order == "asc" else each[0] < behind)]
        data = [row.model_copy(deep=True) for _, row in wanted[:limit]]
        return Page(data=data, has_more=len(wanted) > limit, after=str(wanted[:limit][-1][0]) if data else None)
