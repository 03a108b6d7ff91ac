"""From a request context to the id of the user whose rows a call may touch."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import UUID

from chatkit_pgstore._ids import check_id
from chatkit_pgstore.errors import MissingUserError


def user_of(context: Any, user_id: Callable[[Any], str | int | UUID] | None) -> str:
    """Return the user named by *context*, as text.

    Asks *user_id* when one is given; else takes ``context["user_id"]`` of a mapping, else ``context.user_id``.

    Raises:
        MissingUserError: There is no user, or what stands for one is no str, int or UUID. ``0`` is a user;
            an empty text and a bool are not.
        ValueError: The user's id is longer than 512 bytes or holds a NUL.
    """
    if user_id is not None:
        return _as_text(user_id(context), "the user_id= callable returned")
    if isinstance(context, Mapping):
        return _as_text(cast("Mapping[str, object]", context).get("user_id"), 'context["user_id"] is')
    return _as_text(getattr(context, "user_id", None), "context.user_id is")


def _as_text(value: object, source: str) -> str:
    match value:
        case bool() | None | "":
            pass
        case str():
            return check_id(str.__str__(value), "user_id")
        case int():
            return check_id(int.__repr__(value), "user_id")
        case UUID():
            return str(value)
        case _:
            pass
    if inspect.iscoroutine(value):
        value.close()
    shown = repr(value) if value in (None, "", True, False) else type(value).__name__
    raise MissingUserError(
        f"No user in the request context: {source} {shown}, but a non-empty str, int or UUID is needed. "
        'Pass context={"user_id": ...} to ChatKitServer.process(), or user_id= to the store.'
    )
