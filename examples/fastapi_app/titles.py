"""What a conversation is called: the first words that its user said, or the first file."""

from chatkit.types import UserMessageItem

from chatkit_pgstore import Turn

TITLE_LENGTH = 60


def first_words(turn: Turn) -> str | None:
    """Return a title for a conversation that has none. A model could make a better one; this one costs nothing."""
    names = [attachment.name for attachment in turn.user_message.attachments] if turn.user_message else []
    return turn.question.strip() or next(iter(names), None)


def text_of(message: UserMessageItem) -> str:
    """Return the words of a message, tags included."""
    return " ".join(part.text for part in message.content)


def shorten(text: str) -> str:
    """Return *text* on one line that is short enough for a list."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 1].rstrip()}…"
