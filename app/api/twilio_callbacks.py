"""What Twilio tells us, at the root: how texts and calls went, what people text back, the digit they press."""

from collections.abc import Callable
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api import errors
from app.runtime import Runtime
from core import log
from core.delivery import phone_words, replies
from core.delivery.replies import Reply
from core.errors import DoorbellError

PREFIX = "/providers/twilio"
_log = log.get(__name__)
_VOICES = {"en": "en-US", "es": "es-US"}

Take = Callable[[Runtime, dict[str, str]], Response]


def routes(runtime: Runtime) -> list[Route]:
    """Each takes a signed form by POST and answers with TwiML; what it does not know it takes quietly."""
    return [
        _route(runtime, "message", _message),
        _route(runtime, "call", _call),
        _route(runtime, "gather", _gather),
        _route(runtime, "inbound", _inbound),
    ]


def _route(runtime: Runtime, name: str, take: Take) -> Route:
    path = f"{PREFIX}/{name}"

    async def endpoint(request: Request) -> Response:
        token = runtime.settings.twilio_auth_token.get_secret_value()
        if not token:
            return errors.problem(404, "Not found", "texts are not set up here")
        form = await request.form()
        if not _signed(runtime, request, form, token):
            _log.warning("twilio_signature_wrong", path=path)
            return errors.problem(403, "Not allowed", "the signature is not Twilio's for this address and form")
        fields = {**request.query_params, **{name: str(value) for name, value in form.items()}}
        return await run_in_threadpool(take, runtime, fields)

    return Route(path, endpoint, methods=["POST"])


def _signed(runtime: Runtime, request: Request, form: FormData, token: str) -> bool:
    """Whether Twilio signed this form for our public address: what a proxy calls us inside does not count."""
    from twilio.request_validator import RequestValidator  # noqa: PLC0415  only where texts are set up

    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{runtime.settings.origin}{request.url.path}{query}"
    return bool(RequestValidator(token).validate(url, form, request.headers.get("x-twilio-signature", "")))


def _message(runtime: Runtime, form: dict[str, str]) -> Response:
    now = runtime.clock.now()
    sid, status = form.get("MessageSid", ""), form.get("MessageStatus", "")
    with runtime.database.write() as session:
        known = phone_words.take(
            session, sid, status, form.get("ErrorCode", ""), delivery_id=form.get("delivery", ""), now=now
        )
    _log.info("twilio_message", sid=sid, status=status, known=known)
    return Response(status_code=200)


def _call(runtime: Runtime, form: dict[str, str]) -> Response:
    now = runtime.clock.now()
    sid, status = form.get("CallSid", ""), form.get("CallStatus", "")
    with runtime.database.write() as session:
        known = phone_words.take(
            session, sid, status, form.get("ErrorCode", ""), call=True, delivery_id=form.get("delivery", ""), now=now
        )
    _log.info("twilio_call", sid=sid, status=status, known=known)
    return Response(status_code=200)


def _gather(runtime: Runtime, form: dict[str, str]) -> Response:
    now = runtime.clock.now()
    try:
        with runtime.database.write() as session:
            reply = replies.pressed(session, sid=form.get("CallSid", ""), digits=form.get("Digits", ""), now=now)
    except DoorbellError as error:
        reply = Reply(text=error.detail)
    voice = _VOICES.get(reply.language, _VOICES["en"])
    return _twiml(f'<Say language="{voice}">{escape(reply.text)}</Say>' if reply.text else "<Hangup/>")


def _inbound(runtime: Runtime, form: dict[str, str]) -> Response:
    now = runtime.clock.now()
    try:
        with runtime.database.write() as session:
            reply = replies.texted(
                session,
                sender=form.get("From", ""),
                text=form.get("Body", "")[:1600],
                sid=form.get("MessageSid", ""),
                keyword=form.get("OptOutType", ""),
                now=now,
            )
    except DoorbellError as error:
        reply = Reply(text=error.detail)
    return _twiml(f"<Message>{escape(reply.text)}</Message>" if reply.text else "")


def _twiml(inside: str) -> Response:
    return Response(
        f'<?xml version="1.0" encoding="UTF-8"?><Response>{inside}</Response>', media_type="text/xml; charset=utf-8"
    )
