"""A store whose chat goes on while its database is away."""

from chatkit_pgstore.buffered._store import BufferedStore

__all__ = ["BufferedStore"]
