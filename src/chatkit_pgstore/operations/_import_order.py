"""What the lines of one user have to be to each other."""

from chatkit_pgstore.operations._import_lines import NumberedLine
from chatkit_pgstore.operations._lines import AttachmentLine, EndLine, FeedbackLine, ItemLine, RowLine, ThreadLine


class Order:
    """Holds each line of one user against those before it.

    Ids stand in ascending order, so that a second one shows itself and nothing has to be remembered.
    """

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id
        self._thread: ThreadLine | None = None
        self._sort_key: int | None = None
        self._attachment_id = ""
        self._rated = ("", "")
        self.threads = self.items = self.attachments = self.feedback = 0

    def check(self, line: NumberedLine[RowLine]) -> None:
        """Take the next line.

        Raises:
            DamagedExportError: It cannot stand behind those before it.
        """
        match line.says:
            case ThreadLine() as thread:
                self._check_thread(line, thread)
            case ItemLine() as item:
                self._check_item(line, item)
            case AttachmentLine() as attachment:
                self._check_attachment(line, attachment)
            case feedback:
                self._check_feedback(line, feedback)

    def check_end(self, line: NumberedLine[EndLine]) -> None:
        """Take the last line.

        Raises:
            DamagedExportError: It is another user's, or counts other lines than there were.
        """
        end = line.says
        if end.user_id != self._user_id:
            raise line.damaged(f"it ends user {end.user_id!r}, where {self._user_id!r} began")
        counted = (end.threads, end.items, end.attachments, end.feedback)
        if counted != (there := (self.threads, self.items, self.attachments, self.feedback)):
            raise line.damaged(
                "it counts {} threads, {} items, {} attachments and {} of feedback, "
                "and there were {}, {}, {} and {}".format(*counted, *there)
            )

    def _check_thread(self, line: NumberedLine[RowLine], thread: ThreadLine) -> None:
        if self._thread is not None and thread.id <= self._thread.id:
            raise line.damaged(f"thread {thread.id!r} stands behind {self._thread.id!r}, and ids have to ascend")
        self._thread, self._sort_key = thread, None
        self.threads += 1

    def _check_item(self, line: NumberedLine[RowLine], item: ItemLine) -> None:
        thread = self._thread
        if thread is None or item.thread_id != thread.id:
            raise line.damaged(f"the item is of thread {item.thread_id!r}, and does not stand behind that thread")
        if self._sort_key is not None and item.sort_key <= self._sort_key:
            raise line.damaged(f"sort_key {item.sort_key} stands behind {self._sort_key}, and they have to ascend")
        if item.sort_key > thread.last_sort_key:
            raise line.damaged(f"sort_key {item.sort_key} is above its thread's last_sort_key, {thread.last_sort_key}")
        self._sort_key = item.sort_key
        self.items += 1

    def _check_attachment(self, line: NumberedLine[RowLine], attachment: AttachmentLine) -> None:
        if attachment.id <= self._attachment_id:
            raise line.damaged(
                f"attachment {attachment.id!r} stands behind {self._attachment_id!r}, and ids have to ascend"
            )
        self._attachment_id = attachment.id
        self.attachments += 1

    def _check_feedback(self, line: NumberedLine[RowLine], feedback: FeedbackLine) -> None:
        rated = (feedback.thread_id, feedback.item_id)
        if rated <= self._rated:
            raise line.damaged(f"feedback on {rated} stands behind that on {self._rated}, and ids have to ascend")
        self._rated = rated
        self.feedback += 1
