"""The app: its routes, and the store that lives as long as it does."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from chatkit_pgstore.responses import ChatKitResponse

from . import routes
from .errors import install_error_handlers
from .server import DemoServer
from .settings import AppStore, Settings
from .visitors import VisitorCookies


class State(TypedDict):
    """What every request finds in ``request.state``."""

    store: AppStore
    server: DemoServer
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
        async with settings.store() as store:
            yield State(
                store=store,
                server=DemoServer(store, pace_seconds=settings.pace_seconds),
                cookies=VisitorCookies(settings.secret),
            )
            # A server that stops cancels the replies still on their way, and what they said is saved only then.
            await ChatKitResponse.wait_for_all()

    return lifespan
