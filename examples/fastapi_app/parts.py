"""The parts of the app that requests use, made once when it starts."""

from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from fastapi import Depends, Request

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.attachments import FileAttachments, Files

from .auth import User, Verifier
from .server import AppServer
from .settings import AppStore, Settings
from .sign_in import Issuer


class Parts(TypedDict):
    """What every request finds in ``request.state``."""

    settings: Settings
    store: AppStore
    database: PostgresStore[User]
    files: Files
    attachments: FileAttachments[User]
    server: AppServer
    assistant_name: str
    verifier: Verifier
    issuer: Issuer | None


def _part(name: str) -> Callable[[Request], Any]:
    """Return a dependency that finds a part of the app."""

    def find(request: Request) -> Any:
        return getattr(request.state, name)

    return find


CurrentSettings = Annotated[Settings, Depends(_part("settings"))]
CurrentStore = Annotated[AppStore, Depends(_part("store"))]
# For what no journal keeps while the database is away: feedback, and counts.
CurrentDatabase = Annotated[PostgresStore[User], Depends(_part("database"))]
CurrentFiles = Annotated[Files, Depends(_part("files"))]
CurrentAttachments = Annotated[FileAttachments[User], Depends(_part("attachments"))]
CurrentServer = Annotated[AppServer, Depends(_part("server"))]
