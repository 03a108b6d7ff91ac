"""What the two id generators have to do."""

from typing import get_args

import pytest
from chatkit.store import StoreItemType, default_generate_id

from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import thread_sample

ITEM_TYPES: tuple[StoreItemType, ...] = get_args(StoreItemType)

MANY = 1000

ENOUGH_DIGITS = 22
"""128 random bits take 22 digits in base 64, and more in any smaller base."""


class GenerateIds(ContractBase):
    """ChatKitServer asks the store for the ids of new threads and items."""

    async def test_new_thread_ids_are_all_different(self, store: AnyStore) -> None:
        context = self.somebody()
        assert len({store.generate_thread_id(context) for _ in range(MANY)}) == MANY

    @pytest.mark.parametrize("item_type", ITEM_TYPES)
    async def test_new_item_ids_are_all_different(self, store: AnyStore, item_type: StoreItemType) -> None:
        context, thread = self.somebody(), thread_sample()
        assert len({store.generate_item_id(item_type, thread, context) for _ in range(MANY)}) == MANY

    @requires(Capability.WIDE_IDS)
    @pytest.mark.parametrize("item_type", ITEM_TYPES)
    async def test_new_ids_are_wide_and_have_the_prefix_of_the_sdk(
        self, store: AnyStore, item_type: StoreItemType
    ) -> None:
        context, thread = self.somebody(), thread_sample()
        prefix = default_generate_id(item_type).partition("_")[0]
        found, _, digits = store.generate_item_id(item_type, thread, context).partition("_")
        assert found == prefix
        assert len(digits) >= ENOUGH_DIGITS

    @requires(Capability.WIDE_IDS)
    async def test_new_thread_ids_are_wide_and_have_the_prefix_of_the_sdk(self, store: AnyStore) -> None:
        prefix, _, digits = store.generate_thread_id(self.somebody()).partition("_")
        assert prefix == "thr"
        assert len(digits) >= ENOUGH_DIGITS
