"""SendGrid's event webhook, at the root: what became of the mails it carried."""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api import errors
from app.runtime import Runtime
from core import log
from core.delivery import sendgrid

PATH = "/providers/sendgrid/events"
_log = log.get(__name__)


def routes(runtime: Runtime) -> list[Route]:
    async def endpoint(request: Request) -> Response:
        key = runtime.settings.sendgrid_webhook_key
        if not key:
            return errors.problem(404, "Not found", "set DOORBELL_SENDGRID_WEBHOOK_KEY to take SendGrid's events")
        body = await request.body()
        signed = sendgrid.is_signed(
            body,
            signature=request.headers.get("x-twilio-email-event-webhook-signature", ""),
            timestamp=request.headers.get("x-twilio-email-event-webhook-timestamp", ""),
            key=key,
            now=runtime.clock.now(),
        )
        if not signed:
            _log.warning("sendgrid_signature_wrong")
            return errors.problem(403, "Not allowed", "the signature is not SendGrid's for this body, or too old")
        try:
            events = json.loads(body)
        except ValueError:
            events = None
        if not isinstance(events, list):
            return errors.problem(
                422, "The input is not valid", "use a JSON array of events", fields={"body": "an array"}
            )
        await run_in_threadpool(_take, runtime, [one for one in events if isinstance(one, dict)])
        return Response(status_code=204)

    return [Route(PATH, endpoint, methods=["POST"])]


def _take(runtime: Runtime, events: list[dict[str, Any]]) -> None:
    """Each in the order of SendGrid's own clock: a batch is not sorted."""
    now = runtime.clock.now()
    known = 0
    with runtime.database.write() as session:
        for event in sorted(events, key=_stamp):
            known += sendgrid.take(session, event, now=now)
    _log.info("sendgrid_events", events=len(events), known=known)


def _stamp(event: dict[str, Any]) -> float:
    stamp = event.get("timestamp")
    return float(stamp) if isinstance(stamp, int | float) else 0.0
