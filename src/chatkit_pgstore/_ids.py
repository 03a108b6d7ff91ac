"""Identifiers: which ones can be stored, and how new ones are made."""

import logging
import secrets

from chatkit.store import StoreItemType, default_generate_id

logger = logging.getLogger("chatkit_pgstore")

MAXIMUM_ID_BYTES = 512
"""Three ids make an index row; PostgreSQL's B-tree refuses rows above 2,704 bytes."""

PLACEHOLDER_ID = "__fake_id__"
"""What the Agents SDK puts where a chat-completions model gives no id: the same for every reply."""


def check_id(value: object, field: str) -> str:
    """Return *value* when it can be stored as an id.

    Raises:
        ValueError: It is no text, empty, longer than 512 bytes in UTF-8, holds a NUL, which no PostgreSQL
            text can hold, or a lone surrogate, which UTF-8 cannot.
    """
    if not isinstance(value, str):
        raise ValueError(f"{field} must be text, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{field} must not be empty")
    if "\0" in value:
        raise ValueError(f"{field} must not hold a NUL character")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{field} must be well-formed Unicode: it holds a lone surrogate") from None
    if size > MAXIMUM_ID_BYTES:
        raise ValueError(f"{field} must be at most {MAXIMUM_ID_BYTES} bytes, not {size}")
    return value


def generate_id(item_type: StoreItemType) -> str:
    """Return a new id with the SDK's prefix for *item_type* and 128 random bits."""
    prefix, _, _ = default_generate_id(item_type).rpartition("_")
    return f"{prefix}_{secrets.token_hex(16)}"


def warn_of_placeholder(call: str, item_id: str) -> None:
    """Log a warning when *item_id* is the placeholder, by which no stored item can be found."""
    if item_id == PLACEHOLDER_ID:
        logger.warning(
            "%s was called with the placeholder id %s, which the Agents SDK gives every reply of a chat-completions "
            "model; each is stored under an id of its own, so none can be found by it. Wrap the agent's events "
            "in chatkit_pgstore.unique_item_ids(events, store, thread, context) before they reach ChatKit.",
            call,
            PLACEHOLDER_ID,
        )
