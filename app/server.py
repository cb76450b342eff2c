"""The one ASGI application: the dashboard at /, the API at /api/v1, Socket.IO, the page's socket, sign-in, operations."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from app import act
from app import runtime as runtimes
from app.api import (
    addresses,
    alert_taking,
    alert_types,
    alerts,
    application,
    auth,
    bulk_moves,
    consents,
    contacts,
    deliveries,
    delivery_tests,
    endpoints,
    escalation,
    experiments,
    fair_housing,
    group_commit,
    ingest,
    models,
    notifications,
    operations,
    places,
    preferences,
    push,
    rebalancing,
    routing,
    routing_policies,
    routing_preflight,
    routing_rules,
    routing_simulate,
    sendgrid_events,
    templates,
    thresholds,
    twilio_callbacks,
)
from app.realtime.dashboard import Dashboard
from app.realtime.gateway import Gateway
from app.realtime.revocation import Revocation
from app.realtime.tailer import Tailer
from app.runtime import Runtime
from app.security import push as push_in_browser
from app.security import sign_in
from app.security.browser import BrowserIdentity, OpenSockets
from app.security.limits import Limits
from app.security.protect import Protect

ROOT = Path(__file__).resolve().parent.parent
Role = Literal["all", "ui", "api"]
Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]
Frame = Callable[[list[BaseRoute], list[Middleware], Lifespan], Any]


class Web:
    """One web process's application and what must be told when it stops."""

    def __init__(
        self, runtime: Runtime, *, role: Role = "all", limits: Limits | None = None, frame: "Frame | None" = None
    ) -> None:
        """`frame` puts routes, middleware and lifespan into an application; by default Streamlit's, around its pages."""
        self.runtime = runtimes.install(runtime)
        self.tailer = Tailer(runtime)
        self.sockets = OpenSockets()
        self.gateway = Gateway(runtime, self.tailer)
        self.dashboard = Dashboard(runtime, self.tailer)
        self.revocation = Revocation(runtime, self.tailer, self._end_session, self._session_ids)
        limits = limits or Limits()
        routes: list[BaseRoute] = [*operations.routes(runtime, self._gauges), *act.routes(runtime, limits)]
        if role in ("all", "api"):
            routes += [
                Mount(application.PREFIX, application.build(runtime, limits, routers())),
                Mount("/socket.io", self.gateway.asgi()),
                *twilio_callbacks.routes(runtime),
                *sendgrid_events.routes(runtime),
            ]
        if role in ("all", "ui"):
            routes += [*sign_in.routes(runtime, limits), *push_in_browser.routes(runtime), self.dashboard.route()]
        middleware = [
            Middleware(Protect, runtime=runtime),
            Middleware(BrowserIdentity, runtime=runtime, sockets=self.sockets),
        ]
        frame = frame or (bare if role == "api" else _streamlit)
        self.app = frame(routes, middleware, self._lifespan)

    async def stopping(self) -> None:
        """Tell the clients; the server calls it before it closes their connections."""
        await self.gateway.shut_down()

    @asynccontextmanager
    async def _lifespan(self, _app: Any) -> AsyncIterator[None]:
        await self.tailer.start()
        watching = asyncio.ensure_future(self.revocation.watch())
        # Streamlit collects garbage after every script run: what is loaded by now lives as long as the process and
        # need not be walked each time (150 -> 27 ms of CPU a pushed event with 50 sessions).
        frozen_before_us = gc.get_freeze_count() > 0
        if not frozen_before_us:
            gc.freeze()
        gc.enable()  # off while all was loaded (app.__main__)
        try:
            yield
        finally:
            watching.cancel()
            self.dashboard.stop()
            with suppress(asyncio.CancelledError):
                await watching
            await self.tailer.stop()
            await asyncio.to_thread(group_commit.close, self.runtime)  # what was posted is committed before the end
            if not frozen_before_us:
                gc.unfreeze()

    async def _end_session(self, session_id: str) -> None:
        await self.gateway.end_session(session_id)
        await self.sockets.close(session_id)

    def _session_ids(self) -> list[str]:
        return [*self.gateway.session_ids(), *self.sockets.session_ids()]

    def _gauges(self) -> dict[str, float]:
        return {
            "feed_last_id": self.tailer.last,
            "socketio_clients": self.gateway.count(),
            "dashboard_sockets": self.dashboard.count(),
        }


def build(runtime: Runtime, *, role: Role = "all", limits: Limits | None = None) -> Any:
    """The ASGI application alone, for a server that needs nothing else of it."""
    return Web(runtime, role=role, limits=limits).app


def routers() -> Sequence[APIRouter]:
    """Everything under /api/v1, in this order."""
    # Static segments before {id}: routing's paths lie under /alerts and come before the alerts' own.
    return (
        ingest.router,
        contacts.router,
        routing_rules.router,
        rebalancing.router,
        routing_policies.router,
        routing_preflight.router,
        routing_simulate.router,
        routing.router,
        escalation.router,
        bulk_moves.router,
        alert_taking.router,
        alerts.router,
        alert_types.router,
        experiments.router,
        models.router,
        deliveries.router,
        notifications.router,
        preferences.router,
        addresses.router,
        push.router,
        delivery_tests.router,
        consents.router,
        endpoints.router,
        places.router,
        thresholds.router,
        fair_housing.router,
        templates.router,
        auth.router,
    )


def bare(routes: list[BaseRoute], middleware: list[Middleware], lifespan: Lifespan) -> Any:
    """Without the dashboard's pages: what `--role api` serves."""
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan)


def _streamlit(routes: list[BaseRoute], middleware: list[Middleware], lifespan: Lifespan) -> Any:
    import streamlit  # noqa: PLC0415  0.6 s that `--role api` does not need

    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))  # the script is run by path, and imports app and core
    return streamlit.App(ROOT / "app" / "main.py", routes=routes, middleware=middleware, lifespan=lifespan)
