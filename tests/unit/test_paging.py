"""Limit, order and cursor in; one page out."""

from datetime import timedelta

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore._paging import EPOCH, PageRequest, Place, cursor_by_activity, page_of, page_request, place_of


@pytest.mark.parametrize("limit", [0, -1, None, 1.0, "1"])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(ValueError, match="limit must be a whole number of at least 1"):
        page_request(limit, None, "asc", 1000)


@pytest.mark.parametrize("order", ["", "ASC", "up", None])
def test_an_unknown_order_is_refused(order):
    with pytest.raises(ValueError, match='order must be "asc" or "desc"'):
        page_request(1, None, order, 1000)


@pytest.mark.parametrize("after", ["", "a\0b", "x" * 513])
def test_a_cursor_that_cannot_be_an_id_is_refused(after):
    with pytest.raises(ValueError, match="after must"):
        page_request(1, after, "asc", 1000)


def test_a_large_limit_is_cut():
    assert page_request(10**30, "a", "desc", 1000) == PageRequest(limit=1000, after="a", descending=True)


ROWS = [("a", "1"), ("b", "2"), ("c", "3")]


def documents(rows):
    return [row[1] for row in rows]


def page(rows, limit, decode=documents):
    return page_of(list(rows), PageRequest(limit, None, descending=False), decode)


def test_one_row_more_than_asked_for_tells_that_there_is_more():
    first = page(ROWS, 2)
    assert (first.data, first.has_more, first.after) == (["1", "2"], True, "b")


def test_the_last_page_has_no_cursor():
    last = page(ROWS, 3)
    assert (last.data, last.has_more, last.after) == (["1", "2", "3"], False, None)


def test_rows_left_out_are_counted_by_the_cursor():
    unreadable = page(ROWS, 2, lambda rows: [])
    assert (unreadable.data, unreadable.has_more, unreadable.after) == ([], True, "b")


def test_a_cursor_by_activity_carries_the_time_and_the_id():
    by_activity = page_of(
        [("a:b", "1", -7), ("c", "2", 3)], PageRequest(1, None, descending=False), documents, cursor_by_activity
    )
    assert by_activity.after == "-7:a:b"
    assert place_of("-7:a:b") == Place(EPOCH - timedelta(microseconds=7), "a:b")


@pytest.mark.parametrize("cursor", ["a", "a:b", "7", ":a", "7:", "+7:a", "7 :a", "1" * 19 + ":a", "9" * 18 + ":a"])
def test_what_is_no_such_cursor_is_not_found(cursor):
    with pytest.raises(NotFoundError, match="Cursor .* not found"):
        place_of(cursor)


@pytest.mark.parametrize("cursor", ["", "a\0", "7:a\0", "7:" + "x" * 513, "x" * 513, None])
def test_what_could_be_none_is_refused(cursor):
    with pytest.raises(ValueError, match="after must"):
        place_of(cursor)


def test_every_page_is_a_new_one():
    assert page([], 1).data is not page([], 1).data
