"""Hands out the fixtures; with an SDK that lacks what the script shows, the tests of this folder are left out."""

from chatkit import types

if hasattr(types, "StructuredInputItem"):
    from tests.example.fixtures import (
        agent_page,
        api,
        app_store,
        attach,
        attachments,
        files,
        model,
        script_page,
    )

    __all__ = ["agent_page", "api", "app_store", "attach", "attachments", "files", "model", "script_page"]
else:
    # The example asks structured inputs, which the SDK has since 1.6.4: before, its modules cannot be imported.
    collect_ignore_glob = ["test_*.py"]
