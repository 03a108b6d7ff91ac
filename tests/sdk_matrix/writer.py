"""Prints what the installed release of the SDK writes: ``python -m tests.sdk_matrix.writer``."""

import json

from tests.sdk_matrix.documents import Documents
from tests.sdk_matrix.samples import CODECS, written


def documents() -> Documents:
    """Return the documents that the store would keep."""
    return {
        kind: {name: json.loads(CODECS[kind].encode(value)[0]) for name, value in objects.items()}
        for kind, objects in written().items()
    }


if __name__ == "__main__":
    print(json.dumps(documents()))  # noqa: T201 - read by the matrix
