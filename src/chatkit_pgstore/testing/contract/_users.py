"""What a store does when nobody is named."""

import pytest

from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase
from chatkit_pgstore.testing.contract._calls import CALLS, Ids
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import new_id


class Users(ContractBase):
    """A context without a user must not fall back on anybody, not even on a user called nobody."""

    @requires(Capability.USER_REQUIRED)
    @pytest.mark.parametrize("call", CALLS)
    async def test_without_a_user_nothing_is_done(self, store: AnyStore, call: str) -> None:
        ids = Ids(*(new_id("any") for _ in range(4)))
        for context in self.contexts_without_user():
            with pytest.raises(self.missing_user_error):
                await CALLS[call](store, ids, context)
