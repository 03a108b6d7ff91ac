"""Ids: which can be stored, and how unlikely a collision is."""

import re
from typing import get_args

import pytest
from chatkit.store import StoreItemType, default_generate_id

from chatkit_pgstore._ids import MAXIMUM_ID_BYTES, check_id, generate_id


@pytest.mark.parametrize("value", ["a", " ", "é" * 256, "x" * 512, "'; DROP TABLE", "%s $1 {}", "\uffff", "\U0001f600"])
def test_any_other_text_is_an_id(value):
    assert check_id(value, "item_id") is value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "must not be empty"),
        ("a\0", "must not hold a NUL character"),
        ("x" * 513, "must be at most 512 bytes, not 513"),
        ("é" * 257, "must be at most 512 bytes, not 514"),
        ("\ud800", "must be well-formed Unicode"),
        (None, "must be text, not NoneType"),
        (7, "must be text, not int"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_field(value, problem):
    with pytest.raises(ValueError, match=f"^item_id {problem}"):
        check_id(value, "item_id")


def test_three_ids_of_the_greatest_length_fit_an_index_row():
    postgresql_limit = 2704
    assert postgresql_limit > 3 * MAXIMUM_ID_BYTES + 64


@pytest.mark.parametrize("item_type", get_args(StoreItemType))
def test_a_new_id_has_the_sdks_prefix_and_128_random_bits(item_type):
    prefix = default_generate_id(item_type).rpartition("_")[0]
    first, second = generate_id(item_type), generate_id(item_type)
    assert re.fullmatch(f"{prefix}_[0-9a-f]{{32}}", first)
    assert first != second
