"""Where bytes are, as a URL says it; for those who only sweep."""

from typing import Any

from obstore.exceptions import BaseError
from obstore.store import from_url

from chatkit_pgstore.attachments._files import bytes_in
from chatkit_pgstore.attachments._postgres import PostgresBytes
from chatkit_pgstore.attachments._sweep import Swept, sweep
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.store import PostgresStore

IN_THE_DATABASE = "postgresql"


async def sweep_at(store: PostgresStore[Any], url: str, grace_seconds: float) -> Swept:
    """Sweep the storage that *url* names; raises what `storage_at` and `sweep` raise."""
    return await sweep(store, bytes_in(storage_at(url), store), grace_seconds)


def storage_at(url: str) -> Any:
    """Return the storage that *url* names: ``file:///folder``, ``s3://bucket/prefix``, or ``postgresql``.

    What else a bucket needs, its region and credentials, comes from the environment.

    Raises:
        ConfigurationError: There is none of this name.
    """
    if url == IN_THE_DATABASE:
        return PostgresBytes()
    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        # Its first line; behind it come the internals of a library.
        raise ConfigurationError(f"--files {url}: {str(error).splitlines()[0]}") from error
