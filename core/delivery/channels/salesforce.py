"""Salesforce: an alert becomes a lead and a task, upserted by external ids of ours, so that a second try changes nothing.

Signs in by the OAuth 2.0 client credentials flow of an external client app, which is what Salesforce asks of servers:
no password, no user in between. The REST API is spoken through simple-salesforce, without its own sign-in (it tries again
for ever where a session is never taken) and without its own connections (core.delivery.crm_client).
"""

import base64
import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from core import log
from core.delivery import crm_mapping, outgoing
from core.delivery.channel import ENDPOINT, Accepted, Channel, DeliveryFailed, EndpointKind
from core.delivery.content import Message
from core.delivery.crm_client import Wire, mapping, read, said, secret
from core.delivery.endpoints import TEST, Endpoint
from core.delivery.outgoing import Limits
from core.delivery.providers import Pace
from core.delivery.salesforce_records import LEAD_ID, TASK_ID, Written, check_config, not_a_home, preview, written
from core.settings import Settings
from core.words import ChangeKind

VERSION = "64.0"
_NEARLY = 0.9
"""Share of the day's calls from which it is logged."""
_FULL_DAY = 3600.0
"""Seconds to wait where the day's calls are used up: they come back by the hour."""
_LONGEST_DESCRIPTION = 8 * 1024 * 1024
"""Bytes of an object's description: leads with hundreds of fields and picklists have a megabyte."""
_BUSY = frozenset({"UNABLE_TO_LOCK_ROW", "DUPLICATE_VALUE", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION"})
"""Codes that may be other ones next time, whatever their HTTP status. DUPLICATE_VALUE: two messages of one alert made the
record at the same instant; the next try finds it."""
_OF_THE_SETUP = frozenset(
    {
        "INVALID_FIELD",
        "INVALID_TYPE",
        "NOT_FOUND",
        "API_DISABLED_FOR_ORG",
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    }
)
"""Codes that every other message would get too."""
_log = log.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One sign-in."""

    token: str
    instance: str
    """Where this organization's API is."""


class Refused(Exception):
    """Salesforce answered with something other than 2xx."""

    def __init__(self, status: int, content: Any, headers: Mapping[str, str]) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = headers
        first = mapping(content[0] if isinstance(content, list) and content else content)
        self.code = said(first.get("errorCode") or first.get("error"))
        self.words = said(first.get("message") or first.get("error_description"))
        fields = first.get("fields")
        self.fields = ", ".join(str(name) for name in fields[:5]) if isinstance(fields, list) else ""


class Salesforce:
    def __init__(self, *, limits: Limits, timezone: str) -> None:
        self._limits = limits
        self._timezone = timezone
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    @property
    def pace(self) -> Pace | None:
        return None

    def send(self, message: Message) -> Accepted:
        endpoint = message.endpoint
        if endpoint is None:
            raise DeliveryFailed("there is no Salesforce to tell", retryable=False)
        event = message.event.get("type")
        if event == TEST:
            return Accepted(provider_id=message.key, said=self.check(endpoint), delivered=True)
        if not message.about:
            raise DeliveryFailed("Salesforce is told of alerts, and this one is gone", retryable=False)
        if crm_mapping.is_lost(message.about):
            alert_id = str(message.about["alert.id"])
            return Accepted(provider_id=self._signed_in(endpoint, lambda api: api.let_go(alert_id)), delivered=True)
        parts = written(message.about, endpoint.config, timezone=self._timezone)
        only_task = event != ChangeKind.ALERT_NEW
        task_id = self._signed_in(endpoint, lambda api: api.tell(parts, only_task=only_task))
        return Accepted(provider_id=task_id, delivered=True)

    def check(self, endpoint: Endpoint) -> str:
        """Sign in and ask for what is left of the day's calls and for our two fields: what there is, in words.

        Raises:
            DeliveryFailed: why it does not work.
        """
        return self._signed_in(endpoint, lambda api: api.check())

    def close(self) -> None:
        with self._lock:
            self._sessions.clear()

    def _signed_in(self, endpoint: Endpoint, ask: Callable[["_Api"], str]) -> str:
        """Ask with the kept sign-in; once more with a new one where Salesforce has forgotten it."""
        wire = Wire(base=home(endpoint, private=self._limits.private), limits=self._limits)
        key_of_ours = secret(endpoint, called="consumer secret of Salesforce")
        key = hashlib.sha256(
            f"{endpoint.id}\n{wire.base}\n{endpoint.config.get('clientId')}\n{key_of_ours}".encode()
        ).hexdigest()
        with self._lock:
            session = self._sessions.get(key)
        fresh = session is None
        try:
            while True:
                if session is None:
                    session = sign_in(wire, str(endpoint.config.get("clientId", "")), key_of_ours)
                    with self._lock:
                        self._sessions[key] = session
                try:
                    return ask(_Api(session, Wire(base=session.instance, limits=self._limits, until=wire.until)))
                except Refused as refused:
                    if refused.code != "INVALID_SESSION_ID" or fresh:
                        raise
                    session, fresh = None, True
        except Refused as refused:
            raise failed(refused, without=key_of_ours) from refused


class _Api:
    """What is asked of one organization, signed in."""

    def __init__(self, session: Session, wire: Wire) -> None:
        from simple_salesforce.api import Salesforce as Client  # noqa: PLC0415  half a second

        session_like: Any = wire
        self._client = Client(
            instance_url=session.instance, session_id=session.token, session=session_like, version=VERSION
        )
        self._wire = wire

    def tell(self, parts: "Written", *, only_task: bool) -> str:
        """The lead and its task as they should be; the task's id.

        An alert that changed changes its task alone: the lead may have been put right by people. Where there is no task
        yet (the first message has still to come, or came before the endpoint) both are written.
        """
        if only_task:
            changed = self._upsert("Task", TASK_ID, parts.alert_id, parts.changes, update_only=True)
            if changed is not None:
                return changed
        who = self._lead(parts)
        task = {**parts.task, "WhoId": who}
        return self._upsert("Task", TASK_ID, parts.alert_id, task) or ""

    def let_go(self, alert_id: str) -> str:
        """Close the task of an alert that is not this endpoint's any more, where there is one."""
        return self._upsert("Task", TASK_ID, alert_id, {"Status": "Deferred"}, update_only=True) or "there is no task"

    def check(self) -> str:
        self._wire.limits = replace(self._wire.limits, body=_LONGEST_DESCRIPTION)
        left = mapping(mapping(self._do(lambda: self._client.limits())).get("DailyApiRequests"))
        for name, field in (("Lead", LEAD_ID), ("Task", TASK_ID)):
            described = mapping(self._do(getattr(self._client, name).describe))
            fields = described.get("fields")
            ours = (mapping(one) for one in (fields if isinstance(fields, list) else ()))
            if not any(one.get("name") == field and one.get("externalId") for one in ours):
                raise DeliveryFailed(
                    f"signed in, but {name} has no field {field} that is an external id and visible to us: create it",
                    retryable=False,
                    provider_at_fault=True,
                )
        return f"signed in; {said(str(left.get('Remaining')))} of {said(str(left.get('Max')))} calls are left today"

    def _lead(self, parts: "Written") -> str:
        """The id of the lead, or of the person it was converted to."""
        try:
            return self._upsert("Lead", LEAD_ID, parts.contact_id, parts.lead) or ""
        except Refused as refused:
            if refused.code != "CANNOT_UPDATE_CONVERTED_LEAD":
                raise
        found = self._row("Lead", LEAD_ID, parts.contact_id, fields="Id,ConvertedContactId")
        return str(found.get("ConvertedContactId") or found.get("Id") or "")

    def _upsert(
        self, name: str, field: str, key: str, values: Mapping[str, Any], *, update_only: bool = False
    ) -> str | None:
        """The record's id; None where it should only have been updated and is not there."""
        path = _key(field, key) + ("?updateOnly=true" if update_only else "")
        try:
            answer = self._do(lambda: getattr(self._client, name).upsert(path, dict(values), raw_response=True))
        except Refused as refused:
            if update_only and refused.status == 404 and field not in refused.words:
                return None
            raise
        record = mapping(read(answer.content)).get("id") or self._row(name, field, key, fields="Id").get("Id")
        if not isinstance(record, str) or not record:
            raise DeliveryFailed(f"Salesforce took the {name} and did not say under which id", retryable=True)
        return record

    def _row(self, name: str, field: str, key: str, *, fields: str) -> Mapping[str, Any]:
        return mapping(self._do(lambda: getattr(self._client, name).get(f"{_key(field, key)}?fields={fields}")))

    def _do(self, ask: Callable[[], Any]) -> Any:
        from simple_salesforce.exceptions import SalesforceError  # noqa: PLC0415

        try:
            return ask()
        except SalesforceError as error:
            raise Refused(int(error.status), error.content, self._wire.last.headers) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DeliveryFailed("Salesforce answered with something that is not its API", retryable=True) from error
        finally:
            _look_at_limits(self._wire.last.headers.get("sforce-limit-info", ""))


def home(endpoint: Endpoint, *, private: bool) -> str:
    why = not_a_home(endpoint.url, private=private)
    if why:
        raise DeliveryFailed(
            f"the address of Salesforce cannot be used: {why}", retryable=False, provider_at_fault=True
        )
    parts = urlsplit(endpoint.url)
    return f"{parts.scheme}://{parts.netloc}"


def sign_in(wire: Wire, client_id: str, client_secret: str) -> Session:
    """A token by the client credentials flow (RFC 6749, 4.4).

    Raises:
        Refused: with the error Salesforce gave.
        DeliveryFailed: nobody answered, or not as Salesforce does.
    """
    basic = base64.b64encode(f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}".encode()).decode()
    answer = wire.call(
        "POST",
        "/services/oauth2/token",
        headers={
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        },
        body=urlencode({"grant_type": "client_credentials"}).encode(),
    )
    body = read(answer.body)
    if answer.status != 200:
        raise Refused(answer.status, body, answer.headers)
    token, instance = mapping(body).get("access_token"), mapping(body).get("instance_url")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not isinstance(instance, str):
        raise DeliveryFailed("Salesforce answered the sign-in without a token", retryable=True)
    if not instance.startswith("https://") and not wire.limits.private:
        raise DeliveryFailed("Salesforce named an address without TLS for its API", retryable=False)
    return Session(token=token, instance=instance.rstrip("/"))


def failed(refused: Refused, *, without: str) -> DeliveryFailed:
    """What Salesforce's refusal means, in words."""
    code, words = refused.code, refused.words.replace(without, "...")
    named = f" ({refused.fields})" if refused.fields and refused.fields not in words else ""
    reason = f"Salesforce said {code or refused.status}: {words or 'nothing more'}{named}"
    if code in ("invalid_client", "invalid_client_id", "invalid_grant", "unauthorized_client", "invalid_app_access"):
        # Key, secret or run-as user may be put right while the message waits.
        return DeliveryFailed(f"Salesforce refused our sign-in: {words or code}", retryable=True)
    if code == "INVALID_SESSION_ID":
        return DeliveryFailed("Salesforce takes no sign-in of ours: it ends each at once", retryable=True)
    if code == "REQUEST_LIMIT_EXCEEDED":
        day = "TotalRequests" in words
        return DeliveryFailed(reason, retryable=True, retry_after=_FULL_DAY if day else None)
    if code == "DUPLICATES_DETECTED":
        return DeliveryFailed(
            f"a duplicate rule of Salesforce holds this lead back: {words}. Merge the records there, or let the rule allow"
            " leads of the integration user, then send it again",
            retryable=False,
            answered=True,
        )
    if code in _BUSY:
        return DeliveryFailed(reason, retryable=True, provider_at_fault=refused.status >= 500)
    if refused.status == 300:
        return DeliveryFailed(
            "several records in Salesforce have the same Doorbell id: merge them, and make the field unique",
            retryable=False,
        )
    if code and 400 <= refused.status < 500 and refused.status != 429:
        at_fault = code in _OF_THE_SETUP
        answered = not at_fault and refused.status not in (401, 403)
        return DeliveryFailed(reason, retryable=False, provider_at_fault=at_fault, answered=answered)
    return outgoing.failure(refused.status, refused.headers, who="Salesforce")


def _key(field: str, key: str) -> str:
    """An external id as part of a path. The dot too: a path that ends in .json or .inc is taken for something else."""
    return f"{field}/{quote(key, safe='').replace('.', '%2E')}"


def _look_at_limits(header: str) -> None:
    used, _, total = header.partition(";")[0].removeprefix("api-usage=").partition("/")
    if used.isdigit() and total.isdigit() and int(used) >= _NEARLY * int(total):
        _log.warning("salesforce_calls_nearly_used_up", used=int(used), total=int(total))


def _open(settings: Settings) -> Salesforce:
    return Salesforce(limits=outgoing.limits(settings), timezone=settings.timezone)


CHANNEL = Channel(
    name="salesforce",
    label="Salesforce",
    setup="Add an endpoint of Salesforce: the organization's address, consumer key and consumer secret.",
    priorities=frozenset(),
    address=ENDPOINT,
    open=_open,
    endpoint=EndpointKind(check=check_config, about=crm_mapping.facts, preview=preview),
)
