"""For tests: a store without a database, and a contract that every ChatKit store can be held to.

`MemoryStore` needs nothing but this package. `StoreContract` needs the extra ``chatkit-pgstore[testing]``.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chatkit_pgstore.testing._memory import MemoryStore

if TYPE_CHECKING:
    from chatkit_pgstore.testing.contract import ALL, Capability, StoreContract

__all__ = ["ALL", "Capability", "MemoryStore", "StoreContract"]

_CONTRACT = "chatkit_pgstore.testing.contract"


def __getattr__(name: str) -> Any:
    """Import the contract when it is first asked for, so that `MemoryStore` works without pytest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        pytest = import_module("pytest")
        import_module("pytest_asyncio")
    except ImportError as error:
        raise ImportError(
            f'{name} runs on pytest and pytest-asyncio: pip install "chatkit-pgstore[testing]"'
        ) from error
    # Before the import, else the contract's failing asserts would not show the values they compared; after it pytest
    # would warn.
    if _CONTRACT not in sys.modules:
        pytest.register_assert_rewrite(_CONTRACT)
    return getattr(import_module(_CONTRACT), name)
