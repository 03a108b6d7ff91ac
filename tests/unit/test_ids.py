"""Ids: which can be stored, and how unlikely a collision is."""

import logging
import re
from typing import get_args

import pytest
from agents.models.fake_id import FAKE_RESPONSES_ID
from chatkit.store import StoreItemType, default_generate_id

import chatkit_pgstore
from chatkit_pgstore._ids import MAXIMUM_ID_BYTES, PLACEHOLDER_ID, check_id, generate_id, warn_of_placeholder


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


def test_the_placeholder_is_the_agents_sdks():
    assert PLACEHOLDER_ID == FAKE_RESPONSES_ID


def test_the_warning_of_the_placeholder_names_the_call_and_a_cure_that_is_there(caplog):
    warn_of_placeholder("load_item", PLACEHOLDER_ID)
    [(logger, level, message)] = caplog.record_tuples
    assert (logger, level) == ("chatkit_pgstore", logging.WARNING)
    assert message.startswith("load_item was called with the placeholder id __fake_id__")
    [cure] = re.findall(r"chatkit_pgstore\.(\w+)\(", message)
    assert cure in chatkit_pgstore.__all__


def test_no_other_id_is_warned_about(caplog):
    warn_of_placeholder("load_item", "msg_1")
    assert caplog.records == []
