"""Each part of the contract catches the stores that break it, and lets the others pass."""

from functools import partial

import pytest

from chatkit_pgstore.testing import Capability, MemoryStore, StoreContract
from chatkit_pgstore.testing.contract import _samples
from tests.conformance.broken import between_users, reading, wholly, writing
from tests.conformance.broken.registry import BROKEN_STORES, MAX_PAGE_SIZE
from tests.conformance.runner import PARTS, failing_tests, names_of_tests, takes_a_store
from tests.conformance.simple_store import SimpleStore

DEFECTS = (between_users, reading, writing, wholly)
"""Each enters its stores into BROKEN_STORES when it is imported."""

CASES = [(part, store) for part, stores in BROKEN_STORES.items() for store in stores]


class FullContract(StoreContract):
    max_page_size = MAX_PAGE_SIZE


class PlainContract(StoreContract):
    capabilities = frozenset()

    def context(self, user):
        return user


FULL = FullContract()
PLAIN = PlainContract()


@pytest.mark.parametrize(("part", "store"), CASES, ids=[f"{part}-{store.__name__}" for part, store in CASES])
def test_a_broken_store_is_caught(part, store):
    assert failing_tests(PARTS[part], FULL, store)


@pytest.mark.parametrize("part", PARTS)
def test_every_test_that_takes_a_store_catches_one(part):
    caught = {name for store in BROKEN_STORES[part] for name in failing_tests(PARTS[part], FULL, store)}
    assert caught == {name for name in names_of_tests(PARTS[part]) if takes_a_store(vars(PARTS[part])[name])}


@pytest.mark.parametrize("part", PARTS)
def test_a_store_without_defects_passes(part):
    assert failing_tests(PARTS[part], FULL, partial(MemoryStore, max_page_size=MAX_PAGE_SIZE)) == []


@pytest.mark.parametrize("part", PARTS)
def test_a_plain_store_that_claims_nothing_passes(part):
    assert failing_tests(PARTS[part], PLAIN, SimpleStore) == []


def test_a_plain_store_does_not_keep_what_it_does_not_claim():
    unkept = [name for name, part in PARTS.items() if failing_tests(part, PlainButClaimingAll(), SimpleStore)]
    assert {"Users", "Cursors", "Limits", "Arguments", "Unstorable", "GenerateIds"} <= set(unkept)


class PlainButClaimingAll(PlainContract):
    capabilities = frozenset(Capability)


@pytest.mark.parametrize("capability", Capability)
async def test_what_is_not_claimed_is_skipped_by_its_name(capability):
    reasons = [await reason_to_skip(name) for part in PARTS.values() for name in names_of_tests(part)]
    assert f"this store does not claim {capability.name}: {capability.value}" in reasons


async def reason_to_skip(name):
    """Return why a test is skipped for a store that claims nothing, None when it is not."""
    test = getattr(PLAIN, name)
    if not hasattr(test, "__wrapped__"):
        return None
    with pytest.raises(pytest.skip.Exception) as skipped:
        await test()
    return str(skipped.value)


def test_no_two_parts_have_a_test_of_the_same_name():
    names = [name for part in PARTS.values() for name in names_of_tests(part)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("samples", "name", "missing"),
    [
        ("ITEMS", "end of turn", ["EndOfTurnItem"]),
        ("ITEMS", "widget with copy text", ["WidgetItem.copy_text"]),
        ("ITEMS", "reasoning workflow", ["DurationSummary"]),
        ("ITEMS", "list widget", ["ListView", "ListViewItem"]),
        ("THREADS", "closed", ["ClosedStatus"]),
    ],
)
def test_what_has_no_sample_is_named(monkeypatch, samples, name, missing):
    monkeypatch.delitem(getattr(_samples, samples), name)
    assert _samples.unsampled() == missing
