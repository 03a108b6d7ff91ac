"""Users' rows within bounds: what was not used for longest is forgotten first, unless it waits for the database."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chatkit_pgstore._rows import AttachmentRow, ItemRow, UserRows

METADATA_PER_THREAD = 10
"""How many threads' metadata, attachments and absences are kept for each thread whose items are."""

STEPS = 8
"""How many places a call looks at to make room. Those of users with pending writes are passed over."""

Place = tuple[str, str, str]
"""A user, a kind, an id."""


@dataclass(slots=True)
class KnownUser:
    """What is known of one user.

    Attributes:
        rows: The threads whose metadata is known, with the items of those known whole; and the attachments.
        whole: The threads whose items are all known.
        no_threads: Ids that no thread has.
        no_attachments: Ids that no attachment has.
        list_is_whole: Whether there are no other threads.
    """

    rows: UserRows = field(default_factory=UserRows)
    whole: set[str] = field(default_factory=set[str])
    no_threads: set[str] = field(default_factory=set[str])
    no_attachments: set[str] = field(default_factory=set[str])
    list_is_whole: bool = False

    def lacks_thread(self, thread_id: str) -> bool:
        """Whether it is known that there is no such thread."""
        return thread_id in self.no_threads or (self.list_is_whole and thread_id not in self.rows.threads)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        rows = self.rows
        return not (rows.threads or rows.attachments or self.no_threads or self.no_attachments or self.list_is_whole)


class Recent:
    """The users, and in which order what is known of them was used.

    Args:
        remember_threads: Of how many threads the items are kept.
        is_pending: Whether a user must not be forgotten.
    """

    def __init__(self, remember_threads: int, is_pending: Callable[[str], bool]) -> None:
        self._limit = remember_threads
        self._is_pending = is_pending
        self._users: dict[str, KnownUser] = {}
        self._whole: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._places: OrderedDict[Place, None] = OrderedDict()
        self._handed_out: OrderedDict[str, None] = OrderedDict()

    def of(self, user_id: str) -> KnownUser:
        """Return what is known of a user, to be read and, but for threads and attachments, changed."""
        return self._users.get(user_id) or KnownUser()

    def hand_out(self, thread_id: str) -> None:
        """Keep that this id is new."""
        self._handed_out[thread_id] = None
        if len(self._handed_out) > self._limit:
            self._handed_out.popitem(last=False)

    def is_new(self, user_id: str, thread_id: str) -> bool:
        """Whether there was no such thread."""
        is_fresh = thread_id in self._handed_out
        self._handed_out.pop(thread_id, None)
        return is_fresh or self.of(user_id).lacks_thread(thread_id)

    def keep_thread(self, user_id: str, thread_id: str, document: str, created_at: datetime) -> None:
        """Know a thread's metadata."""
        known = self._user(user_id)
        known.rows.save_thread(thread_id, document, created_at)
        self._forget((user_id, "no thread", thread_id))
        self._use((user_id, "thread", thread_id))
        if thread_id in known.whole:
            self._whole.move_to_end((user_id, thread_id))

    def keep_items(self, user_id: str, thread_id: str, items: dict[str, ItemRow]) -> None:
        """Know a thread whole, provided that its metadata is known."""
        known = self.of(user_id)
        if thread_id not in known.rows.threads:
            return
        known.rows.threads[thread_id].items = items
        known.whole.add(thread_id)
        self._whole[user_id, thread_id] = None
        self._whole.move_to_end((user_id, thread_id))

    def renew_items(self, user_id: str, thread_id: str, items: dict[str, ItemRow]) -> bool:
        """Replace items of a thread known whole, and return True; False when one of them was not known."""
        known = self.of(user_id).rows.items_of(thread_id)
        if not items.keys() <= known.keys():
            return False
        known.update(items)
        self._whole.move_to_end((user_id, thread_id))
        return True

    def lose_items(self, user_id: str, thread_id: str) -> None:
        """Know a thread's metadata alone."""
        known = self.of(user_id)
        if thread_id in known.whole:
            known.whole.discard(thread_id)
            known.rows.threads[thread_id].items = {}
            del self._whole[user_id, thread_id]

    def lose_thread(self, user_id: str, thread_id: str) -> None:
        """Know that there is no such thread, and so none of its attachments."""
        known = self._user(user_id)
        self.lose_items(user_id, thread_id)
        gone = known.rows.delete_thread(thread_id)
        self._places.pop((user_id, "thread", thread_id), None)
        for attachment_id in gone:
            self.lose_attachment(user_id, attachment_id)
        known.no_threads.add(thread_id)
        self._use((user_id, "no thread", thread_id))

    def forget_thread(self, user_id: str, thread_id: str) -> None:
        """Know nothing of a thread, and so no whole list either."""
        self._forget((user_id, "thread", thread_id))
        self._forget((user_id, "no thread", thread_id))

    def keep_list(self, user_id: str, thread_ids: set[str]) -> None:
        """Know that there are these threads and no others; not when one was not kept, or another one known."""
        known = self._user(user_id)
        known.list_is_whole = known.rows.threads.keys() == thread_ids
        for thread_id in known.rows.threads.keys() - thread_ids:
            self._forget((user_id, "thread", thread_id))
        self._use((user_id, "list", ""))

    def lose_list(self, user_id: str) -> None:
        """Know that there may be other threads."""
        self._forget((user_id, "list", ""))

    def keep_attachment(self, user_id: str, attachment_id: str, row: AttachmentRow) -> None:
        """Know an attachment's metadata."""
        self._user(user_id).rows.attachments[attachment_id] = row
        self._forget((user_id, "no attachment", attachment_id))
        self._use((user_id, "attachment", attachment_id))

    def lose_attachment(self, user_id: str, attachment_id: str) -> None:
        """Know that there is no such attachment."""
        known = self._user(user_id)
        known.rows.attachments.pop(attachment_id, None)
        self._places.pop((user_id, "attachment", attachment_id), None)
        known.no_attachments.add(attachment_id)
        self._use((user_id, "no attachment", attachment_id))

    def forget_attachment(self, user_id: str, attachment_id: str) -> None:
        """Know nothing of an attachment."""
        self._forget((user_id, "attachment", attachment_id))
        self._forget((user_id, "no attachment", attachment_id))

    def trim(self) -> None:
        """Forget what was not used for longest, a few places at a time."""
        for _ in range(min(len(self._whole) - self._limit, STEPS)):
            user_id, thread_id = next(iter(self._whole))
            if self._is_pending(user_id):
                self._whole.move_to_end((user_id, thread_id))
            else:
                self.lose_items(user_id, thread_id)
        for _ in range(min(len(self._places) - self._limit * METADATA_PER_THREAD, STEPS)):
            place = next(iter(self._places))
            if self._is_pending(place[0]):
                self._places.move_to_end(place)
            else:
                self._forget(place)

    def _user(self, user_id: str) -> KnownUser:
        return self._users.setdefault(user_id, KnownUser())

    def _use(self, place: Place) -> None:
        self._places[place] = None
        self._places.move_to_end(place)
        self.trim()

    def _forget(self, place: Place) -> None:
        self._places.pop(place, None)
        user_id, kind, row_id = place
        known = self.of(user_id)
        match kind:
            case "thread":
                self.lose_items(user_id, row_id)
                if known.rows.threads.pop(row_id, None) is not None:
                    self.lose_list(user_id)
            case "no thread":
                known.no_threads.discard(row_id)
            case "attachment":
                known.rows.attachments.pop(row_id, None)
            case "no attachment":
                known.no_attachments.discard(row_id)
            case _:
                known.list_is_whole = False
        if known.is_empty:
            self._users.pop(user_id, None)
