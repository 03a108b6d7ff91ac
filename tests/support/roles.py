"""Roles that log in, for one database of a test: the whole server shares them, so each is dropped behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

from tests.support.tables import TABLES, fetch

GRANTS = (
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {{role}}",
    "GRANT SELECT ON chatkit_schema_version, chatkit_supported_revisions TO {role}",
)


@asynccontextmanager
async def role_of(database_url: str, attributes: str = "", grants: tuple[str, ...] = GRANTS) -> AsyncIterator[str]:
    """Yield *database_url* for a new role, which has *grants* there: those an application's role needs."""
    role = f"role_{uuid4().hex}"
    await fetch(database_url, f"CREATE ROLE {role} LOGIN {attributes}")
    try:
        for grant in grants:
            await fetch(database_url, grant.format(role=role))
        yield as_role(database_url, role)
    finally:
        await fetch(database_url, f"DROP OWNED BY {role}")
        await fetch(database_url, f"DROP ROLE {role}")


def as_role(database_url: str, role: str) -> str:
    """Return the URL with another user in it."""
    parts = urlsplit(database_url)
    _, _, address = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{role}@{address}").geturl()


def role_in(database_url: str) -> str:
    """Return the user in a URL."""
    return str(urlsplit(database_url).username)
