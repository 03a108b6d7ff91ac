"""What a store may promise beyond what ChatKitServer needs of it."""

from collections.abc import Awaitable, Callable
from enum import Enum
from functools import wraps
from typing import ClassVar, Concatenate, ParamSpec, Protocol, TypeVar

import pytest


class Capability(Enum):
    """A promise that ChatKitServer does not rely on; the value says it in words."""

    ORDER_OF_ADDITION = "items come in the order in which they were added, whatever their created_at says"
    ORDER_OF_THREADS = "threads are listed by the created_at of their first save as an instant, ties by the bytes of id"
    READDED_KEEP_PLACE = "an item that is added again keeps its place"
    PENDING_NEVER_REPLACES = "a pending item that is added again does not replace a finished one"
    PLACEHOLDER_IDS = "items that come with the Agents SDK's placeholder id are each kept, under ids of their own"
    CURSORS_ARE_IDS = "Page.after is the id of the last row, None on the last page; any id of the list is a cursor"
    UNKNOWN_CURSOR_IS_AN_ERROR = "a cursor that is not in the list is NotFoundError"
    UNKNOWN_THREAD_IS_AN_ERROR = "what is written to a thread that is not there is NotFoundError, and not kept"
    UNKNOWN_THREAD_IS_AN_EMPTY_PAGE = "the items of a thread that is not there are an empty page"
    ERRORS_NAME_THE_ID = "a NotFoundError names the id that was not found"
    LARGE_PAGES_CLAMPED = "a limit above max_page_size gives a page of max_page_size rows"
    ARGUMENT_CHECKS = "a limit, order or id that cannot be used is a ValueError, and nothing is written"
    USER_REQUIRED = "a context without a user is missing_user_error, and nothing is written"
    IDS_PER_USER = "two users may have the same thread, item and attachment ids and never meet"
    IDS_PER_THREAD = "two threads may have the same item ids"
    ATTACHMENT_THREADS = "an attachment goes when its thread does"
    UNSTORABLE = "an object that JSON cannot hold is a ValueError that names the field, and nothing is written"
    NUL = "text may hold NUL characters"
    LONE_SURROGATES = "a lone surrogate is stored as U+FFFD"
    EXACT_NUMBERS = "integers of any size and the least and greatest floats come back exactly, and so does -0.0"
    DEEP_NESTING = "values nested 150 deep come back"
    NON_FINITE_NUMBERS = "NaN and infinity come back as None, as pydantic writes them in JSON"
    EXACT_TIMES = "created_at comes back with the offset from UTC it was saved with"
    TEMPLATE_WIDGETS = "a widget built from a template keeps properties that the strict widget classes do not know"
    WIDE_IDS = "new ids have the SDK's prefixes and at least 128 random bits"


ALL = frozenset(Capability)
"""Everything, which is what chatkit-pgstore's own stores promise."""

P = ParamSpec("P")


class _HasCapabilities(Protocol):
    capabilities: ClassVar[frozenset[Capability]]


C = TypeVar("C", bound=_HasCapabilities)


def requires(
    capability: Capability,
) -> Callable[[Callable[Concatenate[C, P], Awaitable[None]]], Callable[Concatenate[C, P], Awaitable[None]]]:
    """Skip the decorated test for stores that do not claim *capability*."""

    def decorate(test: Callable[Concatenate[C, P], Awaitable[None]]) -> Callable[Concatenate[C, P], Awaitable[None]]:
        @wraps(test)
        async def claimed(self: C, /, *args: P.args, **kwargs: P.kwargs) -> None:
            if capability not in self.capabilities:
                pytest.skip(f"this store does not claim {capability.name}: {capability.value}")
            await test(self, *args, **kwargs)

        return claimed

    return decorate
