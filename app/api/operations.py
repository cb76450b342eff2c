"""For whoever runs the place, at the root: /health (alive), /ready (able to work), /metrics (Prometheus text)."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import orjson
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.api.alert_scoring import served_models
from app.runtime import Runtime
from core import changes, escalation, versions
from core.db.migrate import is_current
from core.db.tables import Alert, Delivery, Event, JobRun
from core.views.progress import HEARTBEAT, MODELS_SERVED

_SILENT_AFTER = timedelta(seconds=30)
_MOST_LAG = 1_000
"""Changes the sockets may be behind the table."""

Gauges = Callable[[], Mapping[str, float]]


def routes(runtime: Runtime, gauges: Gauges) -> list[Route]:
    """`gauges()` gives what only this process knows: sockets, the feed's last id handed out (`feed_last_id`)."""
    started = time.monotonic()

    async def health(_request: Request) -> Response:
        return _json({"status": "ok", "uptimeSeconds": round(time.monotonic() - started)})

    async def ready(_request: Request) -> Response:
        checks, models = await run_in_threadpool(_checks, runtime, gauges().get("feed_last_id"))
        able = checks["database"] == "ok" and checks["migrations"] == "ok"
        status = "ok" if all(value == "ok" for value in checks.values()) else "degraded" if able else "unavailable"
        return _json({"status": status, "checks": checks, "models": models}, 200 if able else 503)

    async def metrics(_request: Request) -> Response:
        numbers = await run_in_threadpool(_numbers, runtime)
        own = {f"doorbell_{name}": value for name, value in gauges().items()}
        lines = [f"{name} {value:g}" for name, value in {**numbers, **own}.items()]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)]


def _checks(runtime: Runtime, last: float | None) -> tuple[dict[str, str], dict[str, int | None]]:
    """Each check with "ok" or what is wrong, and the version of the models that is current and that each process serves."""
    checks = {"database": "ok", "migrations": "ok", "jobs": "ok", "feed": "ok", "models": "ok", "escalation": "ok"}
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


def _heartbeat(seen: datetime | None, now: datetime) -> str:
    if seen is None:
        return "the jobs process has not been seen"
    silent = now - seen
    return "ok" if silent < _SILENT_AFTER else f"silent for {silent.total_seconds():.0f} s"


def _numbers(runtime: Runtime) -> dict[str, float]:
    with runtime.database.read() as session:
        waiting = session.scalar(select(func.count()).select_from(Event).where(Event.processed_at.is_(None)))
        alerts = session.execute(
            select(Alert.status, func.count()).where(Alert.closed_at.is_(None)).group_by(Alert.status)
        ).all()
        deliveries = session.execute(
            select(Delivery.state, func.count())
            .where(Delivery.state.in_(("queued", "leased", "dead")))
            .group_by(Delivery.state)
        ).all()
        newest = changes.newest_id(session)
    numbers: dict[str, float] = {"doorbell_events_waiting": waiting or 0, "doorbell_changes_total": newest}
    numbers.update({f'doorbell_alerts_open{{status="{status}"}}': count for status, count in alerts})
    numbers.update({f'doorbell_deliveries{{state="{state}"}}': count for state, count in deliveries})
    return numbers


def _json(body: Mapping[str, object], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers={"Cache-Control": "no-store"})
