"""Whose rows a call may touch."""

from collections import UserDict
from enum import Enum, IntEnum
from types import SimpleNamespace
from uuid import UUID

import pytest

from chatkit_pgstore import MissingUserError
from chatkit_pgstore._user import user_of

UUID_TEXT = "123e4567-e89b-12d3-a456-426614174000"


class Name(str, Enum):  # noqa: UP042  # StrEnum would have the text as its str()
    ALICE = "alice"


class Number(IntEnum):
    SEVEN = 7


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("alice", "alice"),
        (" ", " "),
        (0, "0"),
        (-7, "-7"),
        (10**30, "1" + "0" * 30),
        (UUID(UUID_TEXT.upper()), UUID_TEXT),
        (Name.ALICE, "alice"),
        (Number.SEVEN, "7"),
    ],
)
def test_a_user_is_text_a_whole_number_or_a_uuid(user, text):
    assert user_of({"user_id": user}, None) == text
    assert user_of(UserDict(user_id=user), None) == text
    assert user_of(SimpleNamespace(user_id=user), None) == text
    assert user_of("request", lambda context: user) == text


@pytest.mark.parametrize("user", [None, "", True, False, 1.5, b"alice", ["alice"], {"id": "alice"}, object()])
def test_anything_else_is_no_user(user):
    for context, user_id in [({"user_id": user}, None), (SimpleNamespace(user_id=user), None), (None, lambda _: user)]:
        with pytest.raises(MissingUserError, match="a non-empty str, int or UUID is needed"):
            user_of(context, user_id)


@pytest.mark.parametrize("context", [None, {}, {"user": "alice"}, SimpleNamespace(), "alice", 7, ["alice"]])
def test_a_context_without_a_user_is_nobodys(context):
    with pytest.raises(MissingUserError):
        user_of(context, None)


def test_the_error_says_where_it_looked_and_not_what_else_was_there():
    with pytest.raises(MissingUserError) as caught:
        user_of({"token": "secret"}, None)
    assert 'context["user_id"] is None' in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_callable_that_has_to_be_awaited_is_told_apart():
    async def user_id(context):
        return "alice"

    with pytest.raises(MissingUserError, match="the user_id= callable returned coroutine"):
        user_of({}, user_id)


def test_what_the_callable_raises_is_passed_on():
    def refuse(context):
        raise PermissionError("signed out")

    with pytest.raises(PermissionError, match="signed out"):
        user_of({"user_id": "alice"}, refuse)


@pytest.mark.parametrize("user", ["a\0b", "x" * 513, 10**513, "\ud800"])
def test_a_user_that_cannot_be_stored_is_named(user):
    with pytest.raises(ValueError, match="user_id must"):
        user_of({"user_id": user}, None)
