"""HubSpot: an alert becomes a contact, a task and a note on the contact's timeline, upserted by unique properties of ours.

Signs in with a service key, or with the token of an app that is installed in one account. Such keys may not write events
of an app's own to the timeline (those need a public app and OAuth); a note is what they may put there, and it reads the same.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from core.delivery import crm_mapping, outgoing
from core.delivery.channel import ENDPOINT, Accepted, Channel, DeliveryFailed, EndpointKind
from core.delivery.content import Message
from core.delivery.crm_client import Pool, Wire, mapping, read, said, secret
from core.delivery.endpoints import TEST, Endpoint
from core.delivery.hubspot_records import CONTACT_ID, HOME, NOTE_ID, TASK_ID, Written, check_config, preview, written
from core.delivery.outgoing import Answer, Limits
from core.delivery.providers import Pace
from core.settings import Settings
from core.words import ChangeKind

TASK_TO_CONTACT, NOTE_TO_CONTACT = 204, 202
"""HubSpot's own association types."""
_FULL_DAY = 3600.0
"""Seconds to wait where the day's calls are used up."""


class Refused(Exception):
    """HubSpot answered with something other than 2xx."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = headers
        answer = mapping(body)
        self.category = said(answer.get("category"))
        self.policy = said(answer.get("policyName"))
        inner = answer.get("errors")
        first = mapping(inner[0]) if isinstance(inner, list) and inner else {}
        self.words = " ".join(part for part in (said(answer.get("message")), said(first.get("message"))) if part)[:400]


class HubSpot:
    def __init__(self, *, limits: Limits) -> None:
        self._limits = limits

    @property
    def pace(self) -> Pace | None:
        return None

    def send(self, message: Message) -> Accepted:
        endpoint = message.endpoint
        if endpoint is None:
            raise DeliveryFailed("there is no HubSpot to tell", retryable=False)
        event = str(message.event.get("type"))
        if event == TEST:
            return Accepted(provider_id=message.key, said=self.check(endpoint), delivered=True)
        if not message.about:
            raise DeliveryFailed("HubSpot is told of alerts, and this one is gone", retryable=False)
        if crm_mapping.is_lost(message.about):
            alert_id = str(message.about["alert.id"])
            return Accepted(provider_id=self._ask(endpoint, lambda api: api.let_go(alert_id)), delivered=True)
        parts = written(message.about, endpoint.config, event=event, at=message.at)
        task_id = self._ask(endpoint, lambda api: api.tell(parts, only_task=event != ChangeKind.ALERT_NEW))
        return Accepted(provider_id=task_id, delivered=True)

    def check(self, endpoint: Endpoint) -> str:
        """Ask which account it is, and for our three properties: what there is, in words.

        Raises:
            DeliveryFailed: why it does not work.
        """
        return self._ask(endpoint, lambda api: api.check(notes=bool(endpoint.config.get("notes", True))))

    def close(self) -> None:
        """Nothing is kept open."""

    def _ask(self, endpoint: Endpoint, ask: Callable[["_Api"], str]) -> str:
        token = secret(endpoint, called="service key of HubSpot")
        wire = Wire(base=home(endpoint, private=self._limits.private), limits=self._limits)
        try:
            return ask(_Api(token, wire))
        except Refused as refused:
            raise failed(refused, without=token) from refused


class _Api:
    """What is asked of one account. Answers are read here and not by the library, which trusts what they look like."""

    def __init__(self, token: str, wire: Wire) -> None:
        from hubspot import HubSpot as Client  # noqa: PLC0415  a tenth of a second, and more for each part of it

        self._client = Client(access_token=token)
        self._token = token
        self._wire = wire

    def tell(self, parts: "Written", *, only_task: bool) -> str:
        """Contact, task and note as they should be; the task's id.

        An alert that changed changes its task alone: the contact may have been put right by people. Where there is no task
        yet (the first message has still to come, or came before the endpoint) all is written.
        """
        changed = self._change_task(parts.alert_id, parts.changes) if only_task else None
        if changed is not None and parts.note is None:
            return changed
        contact_id = self._contact(parts) if changed is None else self._known_contact(parts)
        task_id = changed or self._upsert("tasks", TASK_ID, parts.alert_id, parts.task)
        if changed is None:
            self._associate("tasks", task_id, contact_id, TASK_TO_CONTACT)
        if parts.note is not None:
            note_id = self._upsert("notes", NOTE_ID, parts.note_id, parts.note)
            self._associate("notes", note_id, contact_id, NOTE_TO_CONTACT)
        return task_id

    def let_go(self, alert_id: str) -> str:
        """Close the task of an alert that is not this endpoint's any more, where there is one."""
        return self._change_task(alert_id, {"hs_task_status": "COMPLETED"}) or "there is no task"

    def check(self, *, notes: bool) -> str:
        account = mapping(self._get("/account-info/v3/details"))
        needed = {"contacts": CONTACT_ID, "tasks": TASK_ID} | ({"notes": NOTE_ID} if notes else {})
        for kind, name in needed.items():
            try:
                found = mapping(self._get(f"/crm/v3/properties/{kind}/{name}"))
            except Refused as refused:
                if refused.status != 404:
                    raise
                found = {}
            if found.get("hasUniqueValue") is not True:
                raise DeliveryFailed(
                    f"signed in, but {kind} have no property {name} that requires unique values: create it",
                    retryable=False,
                    provider_at_fault=True,
                )
        return f"signed in to account {said(str(account.get('portalId')))} ({said(account.get('accountType'))})"

    def _known_contact(self, parts: "Written") -> str:
        """The contact's id, its properties left as they are."""
        basic = self._client.crm.contacts.basic_api
        try:
            found = self._do(
                basic, lambda: basic.get_by_id(parts.contact_id, id_property=CONTACT_ID, _preload_content=False)
            )
        except Refused as refused:
            if refused.status != 404:
                raise
            return self._contact(parts)
        return _id_of(found, "contact")

    def _contact(self, parts: "Written") -> str:
        """The contact's id. One that somebody else made with the same e-mail address becomes ours; nothing is made twice."""
        try:
            return self._upsert("contacts", CONTACT_ID, parts.contact_id, parts.contact)
        except Refused as refused:
            email = parts.contact.get("email")
            if refused.status != 409 or not email:
                raise
            return self._adopt(parts, email, refused)

    def _adopt(self, parts: "Written", email: str, conflict: Refused) -> str:
        basic = self._client.crm.contacts.basic_api
        try:
            found = self._do(
                basic,
                lambda: basic.get_by_id(email, id_property="email", properties=[CONTACT_ID], _preload_content=False),
            )
        except Refused as refused:
            raise conflict if refused.status == 404 else refused from refused
        theirs = _id_of(found, "contact")
        values = {name: value for name, value in parts.contact.items() if name != "email"}
        if not mapping(mapping(found).get("properties")).get(CONTACT_ID):
            values[CONTACT_ID] = parts.contact_id
        self._do(basic, lambda: basic.update(theirs, {"properties": values}, _preload_content=False))
        return theirs

    def _change_task(self, alert_id: str, changes: Mapping[str, str]) -> str | None:
        basic = self._client.crm.objects.tasks.basic_api
        change = {"properties": dict(changes)}
        try:
            found = self._do(basic, lambda: basic.update(alert_id, change, id_property=TASK_ID, _preload_content=False))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return _id_of(found, "task")

    def _upsert(self, kind: str, id_property: str, key: str, values: Mapping[str, str]) -> str:
        crm = self._client.crm
        batch = crm.contacts.batch_api if kind == "contacts" else getattr(crm.objects, kind).batch_api
        inputs = {"inputs": [{"id": key, "idProperty": id_property, "properties": {**values, id_property: key}}]}
        answer = mapping(self._do(batch, lambda: batch.upsert(inputs, _preload_content=False)))
        results, errors = answer.get("results"), answer.get("errors")
        if errors and not results:
            # 207: the batch was taken and its only record was not.
            error = mapping(errors[0] if isinstance(errors, list) else None)
            raise Refused(409 if error.get("category") == "CONFLICT" else 400, error, {})
        return _id_of(results[0] if isinstance(results, list) and results else None, kind)

    def _associate(self, kind: str, object_id: str, contact_id: str, type_id: int) -> None:
        basic = self._client.crm.associations.v4.basic_api
        spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
        self._do(basic, lambda: basic.create(kind, object_id, "contacts", contact_id, spec, _preload_content=False))

    def _do(self, api: Any, ask: Callable[[], Any]) -> Any:
        """Through our wire; the answer's JSON."""
        api.api_client.rest_client.pool_manager = Pool(wire=self._wire, judge=_judge)
        return read(ask().data)

    def _get(self, path: str) -> Any:
        """What the library has no part for."""
        answer = self._wire.call("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        _judge(answer)
        return read(answer.body)


def home(endpoint: Endpoint, *, private: bool) -> str:
    """The address of the API: HubSpot's, unless private addresses are allowed and one is given."""
    parts = urlsplit(endpoint.url)
    return f"{parts.scheme}://{parts.netloc}" if private and endpoint.url else HOME


def failed(refused: Refused, *, without: str) -> DeliveryFailed:
    """What HubSpot's refusal means, in words."""
    words = refused.words.replace(without, "...")
    reason = f"HubSpot said {refused.category or refused.status}: {words or 'nothing more'}"
    if refused.status == 401:
        # The key may be put right while the message waits.
        return DeliveryFailed(f"HubSpot refused our key: {words or '401'}", retryable=True)
    if refused.status == 403:
        return DeliveryFailed(f"the key of HubSpot lacks a scope: {words or '403'}", retryable=True)
    if refused.status == 429:
        return DeliveryFailed(reason, retryable=True, retry_after=_wait(refused))
    if refused.status == 409:
        # Two messages of one alert made the record at the same instant: the next try finds it.
        return DeliveryFailed(reason, retryable=True, provider_at_fault=False)
    if refused.status == 423:
        return DeliveryFailed(reason, retryable=True, retry_after=2.0, provider_at_fault=False)
    if refused.status == 477:
        wish = outgoing.retry_after(refused.headers)
        return DeliveryFailed("HubSpot is moving this account to another place", retryable=True, retry_after=wish)
    if 400 <= refused.status < 500 and refused.status not in (408, 425):
        setup = "PROPERTY_DOESNT_EXIST" in words or "does not exist" in words or refused.status == 404
        return DeliveryFailed(reason, retryable=False, provider_at_fault=setup, answered=not setup)
    return outgoing.failure(refused.status, refused.headers, who="HubSpot")


def _judge(answer: Answer) -> None:
    if not 200 <= answer.status < 300:
        raise Refused(answer.status, read(answer.body), answer.headers)


def _wait(refused: Refused) -> float | None:
    """How long to wait after 429: as told, else to the end of the window that is used up."""
    told = outgoing.retry_after(refused.headers)
    if told is not None:
        return told
    if refused.policy == "DAILY" or refused.headers.get("x-hubspot-ratelimit-daily-remaining") == "0":
        return _FULL_DAY
    window = refused.headers.get("x-hubspot-ratelimit-interval-milliseconds", "")
    return int(window) / 1000 if window.isascii() and window.isdigit() else None


def _id_of(record: Any, kind: str) -> str:
    found = mapping(record).get("id")
    if not isinstance(found, str) or not found.isascii() or not found.isdigit():
        raise DeliveryFailed(f"HubSpot took the {kind} and did not say under which id", retryable=True)
    return found


def _open(settings: Settings) -> HubSpot:
    return HubSpot(limits=outgoing.limits(settings))


CHANNEL = Channel(
    name="hubspot",
    label="HubSpot",
    setup="Add an endpoint of HubSpot with a service key.",
    priorities=frozenset(),
    address=ENDPOINT,
    open=_open,
    endpoint=EndpointKind(check=check_config, about=crm_mapping.facts, preview=preview),
)
