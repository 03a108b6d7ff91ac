"""The app: its routes, and the store that lives as long as it does."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from chatkit_pgstore import PostgresStore

from . import routes
from .errors import install_error_handlers
from .server import DemoServer
from .settings import Settings
from .streaming import Streams
from .visitors import Visitor, VisitorCookies


class State(TypedDict):
    """What every request finds in ``request.state``."""

    store: PostgresStore[Visitor]
    server: DemoServer
    streams: Streams
    cookies: VisitorCookies


def create_app(settings: Settings) -> FastAPI:
    """Return the app. It connects to the database when it starts, and migrates it."""
    # FastAPI's own pages for the API would load their scripts from a content delivery network.
    app = FastAPI(title="chatkit-pgstore example", lifespan=_lifespan(settings), openapi_url=None)
    app.include_router(routes.router)
    app.mount("/page", StaticFiles(directory=routes.PAGE), name="page")
    install_error_handlers(app)
    return app


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with PostgresStore[Visitor](settings.database_url) as store:
            streams = Streams()
            yield State(
                store=store,
                server=DemoServer(store, pace_seconds=settings.pace_seconds),
                streams=streams,
                cookies=VisitorCookies(settings.secret),
            )
            await streams.ended()

    return lifespan
