"""For whoever runs the place, at the root: /health (alive), /ready (able to work), /metrics (Prometheus text)."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.api.alert_scoring import served_models
from app.api.metrics import Numbers, Tries
from app.runtime import Runtime
from core import changes, escalation, versions
from core.db.migrate import is_current
from core.db.tables import JobRun
from core.delivery import house, watching
from core.views import delivery_slo
from core.views.progress import HEARTBEAT, MODELS_SERVED

_SILENT_AFTER = timedelta(seconds=30)
_MOST_LAG = 1_000
"""Changes the sockets may be behind the table."""

Gauges = Callable[[], Mapping[str, float]]


def routes(runtime: Runtime, gauges: Gauges) -> list[Route]:
    """`gauges()` gives what only this process knows: sockets, the feed's last id handed out (`feed_last_id`)."""
    started, tries = time.monotonic(), Tries()

    async def health(_request: Request) -> Response:
        return _json({"status": "ok", "uptimeSeconds": round(time.monotonic() - started)})

    async def ready(_request: Request) -> Response:
        checks, models = await run_in_threadpool(_checks, runtime, gauges().get("feed_last_id"))
        able = checks["database"] == "ok" and checks["migrations"] == "ok"
        status = "ok" if all(value == "ok" for value in checks.values()) else "degraded" if able else "unavailable"
        return _json({"status": status, "checks": checks, "models": models}, 200 if able else 503)

    async def metrics(_request: Request) -> Response:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Numbers(runtime, dict(gauges()), tries))
        body = await run_in_threadpool(generate_latest, registry)
        return PlainTextResponse(body, media_type="text/plain; version=0.0.4")

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)]


def _checks(runtime: Runtime, last: float | None) -> tuple[dict[str, str], dict[str, int | None]]:
    """Each check with "ok" or what is wrong, and the version of the models that is current and that each process serves."""
    checks = {
        "database": "ok",
        "migrations": "ok",
        "jobs": "ok",
        "feed": "ok",
        "models": "ok",
        "escalation": "ok",
        "delivery": "ok",
    }
    models: dict[str, int | None] = {}
    try:
        if not is_current(runtime.database):
            checks["migrations"] = "the schema is older or newer than this program"
            return checks, models
        with runtime.database.read() as session:
            seen = session.scalar(select(JobRun.finished_at).where(JobRun.name == HEARTBEAT))
            served = session.execute(
                select(JobRun.message, JobRun.error).where(JobRun.name == MODELS_SERVED)
            ).one_or_none()
            newest = changes.newest_id(session)
            current = versions.number(session, "models")
            late, since = escalation.overdue(session, now=runtime.clock.now())
            checks["delivery"] = _delivery(session, runtime.clock.now())
    except Exception as error:  # whatever it is, the answer is "not ready" and not a 500
        checks["database"] = type(error).__name__
        return checks, models
    checks["jobs"] = _heartbeat(seen, runtime.clock.now())
    if late and since is not None:
        checks["escalation"] = f"{late} overdue since {since:%Y-%m-%d %H:%M} UTC"
    if last is not None and newest - last > _MOST_LAG:
        checks["feed"] = f"{newest - last:.0f} changes behind"
    here = served_models(runtime.database)
    wrong = (served.error if served else None) or (here and "; ".join(here.wrong.values()))
    if wrong:
        checks["models"] = f"{wrong} (the last good one goes on serving)"
    models = {
        "current": current,
        "jobs": int(served.message) if served and served.message.isdecimal() else None,
        "web": here.version if here else None,
    }
    return checks, models


def _delivery(session: Session, now: datetime) -> str:
    """Whether messages go out, and mails within the promised minute."""
    oldest = min(watching.oldest_due(session, now=now).values(), default=now)
    if now - oldest > timedelta(minutes=house.get(session).oldest_minutes):
        return f"the oldest message is due since {oldest:%Y-%m-%d %H:%M} UTC"
    level = delivery_slo.lately(session, now=now)
    if delivery_slo.is_broken(level):
        return f"{level.hits} of {level.total} mails of the last hour were accepted within a minute"
    return "ok"


def _heartbeat(seen: datetime | None, now: datetime) -> str:
    if seen is None:
        return "the jobs process has not been seen"
    silent = now - seen
    return "ok" if silent < _SILENT_AFTER else f"silent for {silent.total_seconds():.0f} s"


def _json(body: Mapping[str, object], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers={"Cache-Control": "no-store"})
