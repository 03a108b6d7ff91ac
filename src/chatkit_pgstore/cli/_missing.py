"""What the command is where its extra is not installed."""

import sys
from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:  # noqa: ARG001  # stands in for `_app.run`
    """Say how to install what is missing, and return the exit code."""
    sys.stderr.write('chatkit-pgstore: the command needs typer: pip install "chatkit-pgstore[cli]"\n')
    return 1
