"""Defects by which one user meets another, or nobody is taken for somebody."""

from tests.conformance.broken.registry import Broken, caught_by


@caught_by("Isolation")
class ShowsItemsOfEverybody(Broken):
    async def load_thread_items(self, thread_id, after, limit, order, context):
        for user, rows in self._users.items():
            context = {"user_id": user} if thread_id in rows.threads else context
        return await super().load_thread_items(thread_id, after, limit, order, context)


@caught_by("Isolation")
class SavesItemsForEverybody(Broken):
    async def save_item(self, thread_id, item, context):
        for user in [user for user, rows in self._users.items() if thread_id in rows.threads]:
            await super().save_item(thread_id, item, {"user_id": user})


@caught_by("Isolation")
class DeletesAttachmentsOfEverybody(Broken):
    async def delete_attachment(self, attachment_id, context):
        for user in list(self._users):
            await super().delete_attachment(attachment_id, {"user_id": user})


@caught_by("Isolation")
class SavesAttachmentsOfAnyThread(Broken):
    async def save_attachment(self, attachment, context):
        if any(attachment.thread_id in rows.threads for rows in self._users.values()):
            attachment = attachment.model_copy(update={"thread_id": None})
        await super().save_attachment(attachment, context)


@caught_by("Isolation")
class KnowsTheCursorsOfEverybody(Broken):
    async def load_threads(self, limit, after, order, context):
        known = any(after in rows.threads for rows in self._users.values())
        if known and not self.has_thread(after, context):
            after = None
        return await super().load_threads(limit, after, order, context)


@caught_by("Isolation")
class TellsThatAnIdIsTaken(Broken):
    async def save_thread(self, thread, context):
        mine = self._user(context)
        if any(thread.id in rows.threads for rows in self._users.values() if rows is not mine):
            raise PermissionError(f"{thread.id} is another user's")
        await super().save_thread(thread, context)


@caught_by("Isolation")
class FoldsTheCaseOfUsers(Broken):
    def __init__(self):
        super().__init__(user_id=lambda context: context["user_id"].lower())


@caught_by("Users")
class TakesNobodyForSomebody(Broken):
    def __init__(self):
        super().__init__(user_id=lambda context: (context or {}).get("user_id") or "anonymous")
