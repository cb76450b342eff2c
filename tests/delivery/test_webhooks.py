"""Webhooks: signed so that a receiver's own library believes them, and honest about what came back."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from core.delivery import DeliveryFailed, Refused
from core.delivery.channels import webhook
from core.delivery.endpoints import Secret
from core.delivery.outgoing import Limits
from tests.delivery.hooks import receiving, verified
from tests.delivery.making import SECRET, endpoint, message
from tests.hostile import HostileServer, answer, hang, redirect

__all__ = ["receiving"]

OLD = "whsec_" + "dGhlIHNlY3JldCB0aGF0IHdhcyBiZWZvcmUh"
EVENT = {"type": "alert:new", "timestamp": "2026-03-02T15:00:00Z", "data": {"id": "a1", "user": {"name": "Røsa Díaz"}}}

pytestmark = pytest.mark.usefixtures("receiving")


@pytest.fixture
def hooks() -> Iterator[webhook.Hooks]:
    sender = webhook.Hooks(Limits(connect=1.0, total=0.5, private=True))
    yield sender
    sender.close()


def test_a_receiver_s_own_library_believes_it(
    hooks: webhook.Hooks, hostile_server: HostileServer, now: datetime
) -> None:
    accepted = hooks.send(message(endpoint=endpoint(f"{hostile_server.url}/in"), event=EVENT, sent_at=now))
    (request,) = hostile_server.requests
    assert verified(request, SECRET) == EVENT
    assert request.headers["webhook-id"] == message().key
    assert request.headers["content-type"] == "application/json"
    assert (accepted.delivered, accepted.provider) == (True, "127.0.0.1")


def test_a_changed_body_is_not_believed(hooks: webhook.Hooks, hostile_server: HostileServer, now: datetime) -> None:
    hooks.send(message(endpoint=endpoint(hostile_server.url), event=EVENT, sent_at=now))
    (request,) = hostile_server.requests
    request.headers.replace_header("webhook-id", "another")
    with pytest.raises(WebhookVerificationError):
        verified(request, SECRET)


def test_each_secret_that_counts_signs_and_no_other(
    hooks: webhook.Hooks, hostile_server: HostileServer, now: datetime
) -> None:
    secrets = (Secret(value=SECRET, until=None), Secret(value=OLD, until=now + timedelta(hours=1)))
    to = endpoint(hostile_server.url, *secrets)
    hooks.send(message(endpoint=to, event=EVENT, sent_at=now))
    hooks.send(message(endpoint=to, event=EVENT, sent_at=now + timedelta(hours=1)))
    both, one = hostile_server.requests
    assert verified(both, SECRET) == verified(both, OLD) == EVENT
    assert (both.headers["webhook-signature"].count("v1,"), one.headers["webhook-signature"].count("v1,")) == (2, 1)


def test_without_a_secret_nothing_goes_out_unsigned(
    hooks: webhook.Hooks, hostile_server: HostileServer, now: datetime
) -> None:
    over = endpoint(hostile_server.url, Secret(value=OLD, until=now))
    with pytest.raises(DeliveryFailed, match="no secret"):
        hooks.send(message(endpoint=over, event=EVENT, sent_at=now))
    assert not hostile_server.requests


@pytest.mark.parametrize(
    ("behaviour", "retryable", "says"),
    [
        (answer(410), False, "410 Gone"),
        (answer(400), False, "400 Bad Request"),
        (answer(429, {"Retry-After": "9"}), True, "429"),
        (redirect("http://127.0.0.1/"), False, "not followed"),
        (hang, True, "in time"),
    ],
    ids=["gone", "bad", "too many", "redirect", "hang"],
)
def test_what_is_no_yes_is_a_failure(
    behaviour: object, retryable: bool, says: str, hooks: webhook.Hooks, hostile_server: HostileServer, now: datetime
) -> None:
    hostile_server.will(behaviour)  # type: ignore[arg-type]
    with pytest.raises(DeliveryFailed) as caught:
        hooks.send(message(endpoint=endpoint(hostile_server.url), event=EVENT, sent_at=now))
    assert says in caught.value.reason
    assert SECRET not in caught.value.reason
    assert caught.value.retryable is retryable
    assert caught.value.address == (Refused.GONE if says == "410 Gone" else None)
