"""The FastAPI application mounted at /api/v1: routers, errors, limits and idempotency put together."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.api import errors
from app.api.idempotency import Idempotency
from app.runtime import Runtime
from app.security.limits import Limits
from app.security.protect import RateLimit

PREFIX = "/api/v1"
_PROBLEM = {
    "description": "A problem document (RFC 9457)",
    "content": {"application/problem+json": {"schema": errors.PROBLEM_SCHEMA}},
}


def build(runtime: Runtime, limits: Limits, routers: Sequence[APIRouter]) -> FastAPI:
    """The API with these routers, in this order: static paths before paths with an id."""
    api = FastAPI(
        title="Doorbell",
        version="1",
        description="Events in, alerts out. Sign in at /auth/token and send `Authorization: Bearer <token>`.",
        docs_url=None,  # Swagger's page loads its scripts from a CDN: ours below loads nothing from elsewhere
        redoc_url=None,
        responses={"4XX": _PROBLEM, "5XX": _PROBLEM},
    )
    api.state.runtime, api.state.limits = runtime, limits
    errors.install(api)
    for router in routers:
        api.include_router(router)
    api.add_api_route("/docs", _docs, include_in_schema=False)
    # The last one added is the outermost.
    api.add_middleware(Idempotency, runtime=runtime)
    api.add_middleware(RateLimit, runtime=runtime, limits=limits)
    return api


async def _docs(request: Request) -> HTMLResponse:
    """Every path with its summary, as plain HTML made from the OpenAPI document."""
    paths = request.app.openapi()["paths"]
    rows = "".join(
        f"<tr><td><b>{method.upper()}</b></td><td><code>{PREFIX}{path}</code></td><td>{what.get('summary', '')}</td></tr>"
        for path, methods in sorted(paths.items())
        for method, what in methods.items()
    )
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Doorbell API</title>"
        "<style>body{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}"
        "td{padding:.2rem 1rem .2rem 0;vertical-align:top}</style>"
        f"<h1>Doorbell API</h1><p>The full description: <a href='{PREFIX}/openapi.json'>openapi.json</a></p><table>{rows}</table>"
    )
