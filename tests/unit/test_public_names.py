"""What users may import, and nothing else."""

import chatkit.store
import pytest

import chatkit_pgstore
from chatkit_pgstore import errors


def test_the_namespace_is_exactly_what_users_may_import():
    public = {name for name in vars(chatkit_pgstore) if not name.startswith("_")}
    modules = {"alembic", "attachments", "buffered", "cli", "errors", "operations", "responses", "store", "testing"}
    assert public - modules == set(chatkit_pgstore.__all__) - {"__version__"}


def test_every_error_is_public_and_documented():
    assert set(errors.__all__) < set(chatkit_pgstore.__all__)
    for name in errors.__all__:
        assert name in (errors.__doc__ or "")


def test_not_found_is_the_sdks_own():
    assert chatkit_pgstore.NotFoundError is chatkit.store.NotFoundError


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "NotFoundError"])
def test_every_other_error_is_a_store_error(name):
    assert issubclass(getattr(errors, name), errors.StoreError)
