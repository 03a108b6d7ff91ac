"""What PostgresStore does beyond ChatKit's Store: compare and replace, filter and count, keep feedback."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic

from chatkit.store import NotFoundError
from chatkit.types import FeedbackKind, Page, ThreadMetadata
from typing_extensions import TypeVar

from chatkit_pgstore._bound import BoundDatabase
from chatkit_pgstore._calls import SQL, Calls
from chatkit_pgstore._codec import THREADS, filter_document, thread_values
from chatkit_pgstore._connection import Database
from chatkit_pgstore._feedback import Feedback, checked_ids, feedback_values
from chatkit_pgstore._ids import check_id

TContext = TypeVar("TContext", default=Any)


class BeyondChatKit(Generic[TContext]):
    """The methods of `PostgresStore` that ChatKitServer does not call."""

    _database: Database | BoundDatabase
    _calls: Calls

    async def replace_thread(self, thread: ThreadMetadata, expected: ThreadMetadata, context: TContext) -> bool:
        """Replace a thread's metadata if it is still what the caller has seen; never insert it.

        One statement compares and replaces, so that nothing of another writer can be overwritten unseen. A document
        that another release of the SDK wrote may differ in its text from what was read, and is then not replaced.

        Args:
            thread: What to store.
            expected: What `load_thread` returned, unchanged.

        Returns:
            Whether it was replaced. It was not when it has changed, is gone, or is another user's.

        Raises:
            UnstorableItemError: JSON cannot hold *thread*.
        """
        values = {"user_id": self._calls.user(context), **thread_values(thread)}
        values["expected"] = THREADS.encode(expected)[0]
        return bool(await self._database.write("replace_thread", SQL.replace_thread, values))

    async def load_threads_where(
        self, limit: int, after: str | None, order: str, context: TContext, *, metadata: Mapping[str, Any]
    ) -> Page[ThreadMetadata]:
        """Return one page of the user's threads whose metadata contains *metadata*, in the order of `load_threads`.

        A thread contains what it has under the same names: of a mapping within, what is asked for; of a list, each
        element asked for, in any order (PostgreSQL's ``@>``). One walk over the user's threads, for which no index
        is kept. While a release that does not know the column still writes, a thread it saves is found by its metadata
        of before.

        Args:
            limit: Rows wanted, at least 1; more than ``max_page_size`` is cut to it.
            after: As of `load_threads`, whose cursors do here too: the thread need not have *metadata*.
            order: "asc" for the oldest first, "desc" for the newest.
            metadata: What to find, such as ``{"agent": "billing"}``; ``{}`` is in every thread.

        Raises:
            NotFoundError: *after* is no thread of this user; by last activity, no cursor.
            ValueError: *limit* is below 1, *order* is neither "asc" nor "desc", or JSON cannot hold *metadata*.
        """
        wanted = filter_document(metadata)
        return await self._calls.page_of_threads("load_threads_where", limit, after, order, context, metadata=wanted)

    async def count_items(self, thread_ids: Sequence[str], context: TContext) -> dict[str, int]:
        """Return how many items each of these threads has, hidden ones too.

        One round trip for all of them. A thread that is not there, or another user's, has none.

        Args:
            thread_ids: Those of a page of `load_threads`, say.
        """
        user_id, ids = self._calls.user(context), checked_ids(thread_ids, "thread_ids")
        counts = dict.fromkeys(ids, 0)
        if ids:
            rows = await self._database.read("count_items", SQL.count_items, {"user_id": user_id, "thread_ids": ids})
            counts.update((thread_id, count) for thread_id, count in rows)
        return counts

    async def save_feedback(
        self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: TContext
    ) -> None:
        """Keep what the user thinks of items of a thread, in place of what was kept before: of all of them, or none.

        It goes when the item does.

        Args:
            thread_id: The thread.
            item_ids: Of none, nothing is kept or asked.
            kind: "positive" or "negative".

        Raises:
            NotFoundError: An item, or the thread, is not there, or is another user's.
            ValueError: *kind* is neither.
        """
        values = {"user_id": self._calls.user(context), **feedback_values(thread_id, item_ids, kind)}
        if values["item_ids"] and not await self._database.write("save_feedback", SQL.save_feedback, values):
            raise NotFoundError(f"Thread {thread_id} has not all of the items {', '.join(values['item_ids'])}")

    async def load_feedback(self, thread_id: str, context: TContext) -> dict[str, Feedback]:
        """Return what the user thinks of the items of a thread, by their ids.

        A thread that is not there, or another user's, has nothing. What was kept in the instant in which its item was
        deleted stays until the thread goes.
        """
        values = {"user_id": self._calls.user(context), "thread_id": check_id(thread_id, "thread_id")}
        rows = await self._database.read("load_feedback", SQL.load_feedback, values)
        return {row["item_id"]: Feedback(row["kind"], row["created_at"], row["updated_at"]) for row in rows}
