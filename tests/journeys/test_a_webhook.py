"""The story of another system: it is told, its secret is rotated, it is away for an hour, and comes back to all it missed."""

from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from core import feed
from core.words import ChangeKind, Priority
from jobs import work
from tests import factories
from tests.delivery.hooks import receiving, verified
from tests.hostile import HostileServer, Request, answer, hostile_server
from tests.journeys.test_the_whole_line import Office, office  # noqa: F401  the fixture

__all__ = ["hostile_server", "receiving"]


@pytest.fixture
def closed_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_ALLOW_PRIVATE_URLS", "true")


@pytest.fixture
def story(closed_network: None, receiving: None, office: Office) -> Office:  # noqa: F811
    return office


def turn(story: Office) -> None:
    """A second later, so that the endpoint's pace has room, everything that waits goes out."""
    story.fast_forward(seconds=1)
    while work.announce_once(story.database, story.clock):
        pass
    story.work()


def alert(story: Office, agent_id: str) -> str:
    now = story.clock.now()
    with story.database.write() as session:
        alert_id = factories.alert(session, agent_id=agent_id, priority=Priority.HIGH, now=now)
        feed.tell_alerts(session, ChangeKind.ALERT_NEW, [alert_id], now=now)
    return alert_id


def told(requests: list[Request], secret: str) -> list[tuple[str, str]]:
    events: list[Any] = [verified(request, secret) for request in requests]
    return [(event["type"], event["data"]["id"]) for event in events]


def test_a_webhook_is_told_its_secret_rotated_and_it_comes_back_after_an_outage(
    story: Office,
    hostile_server: HostileServer,
) -> None:
    mia, ana = story.api("mia"), story.api("ana")
    alert(story, "ana")  # before anybody listens
    teams = story.api("admin").get("/teams").json()["items"]
    north = next(team["id"] for team in teams if team["managerId"] == "mia")

    # Mia adds a webhook for her team, and tries it.
    made = mia.post("/webhook-endpoints", json={"name": "Our CRM", "url": hostile_server.url, "teamId": north})
    assert made.status_code == 201, made.text
    path, secret = f"/webhook-endpoints/{made.json()['id']}", made.json()["secret"]
    test_id = mia.post(f"{path}/test").json()["id"]
    turn(story)
    assert mia.get(f"{path}/tests/{test_id}").json()["said"] == "It was taken."
    assert [verified(one, secret)["type"] for one in hostile_server.requests] == ["endpoint:test"]
    hostile_server.requests.clear()

    # It hears of her team's alerts and of nobody else's: the new one, and what Ana does with it.
    alert(story, "cleo")
    first = alert(story, "ana")
    turn(story)
    assert told(hostile_server.requests, secret) == [("alert:new", first)]
    assert ana.patch(f"/alerts/{first}/status", json={"status": "ACKNOWLEDGED"}).status_code == 200
    turn(story)
    assert told(hostile_server.requests, secret)[1:] == [("alert:updated", first)]
    assert verified(hostile_server.requests[1], secret)["data"]["status"] == "ACKNOWLEDGED"
    hostile_server.requests.clear()

    # The secret is rotated: for a day the receiver may use either, then the new one alone.
    fresh = mia.post(f"{path}/rotate").json()["secret"]
    second = alert(story, "ana")
    turn(story)
    assert told(hostile_server.requests, secret) == told(hostile_server.requests, fresh) == [("alert:new", second)]
    hostile_server.requests.clear()
    story.fast_forward(hours=24)
    third = alert(story, "ana")
    turn(story)
    assert told(hostile_server.requests, fresh) == [("alert:new", third)]
    with pytest.raises(WebhookVerificationError):
        verified(hostile_server.requests[0], secret)
    hostile_server.requests.clear()

    # The receiver is down for an hour. What is tried fails, it is paused, and one message at a time looks for it.
    hostile_server.will(answer(503))
    missed = [alert(story, "ana") for _ in range(8)]
    for _ in range(60):
        turn(story)
        story.fast_forward(minutes=1)
    mia = story.api("mia")
    health = mia.get(path).json()["health"]
    assert (health["failures"] >= 5, health["lastError"]) == (True, "127.0.0.1 answered 503 Service Unavailable")
    assert len(hostile_server.requests) < 30, "it is not hammered"
    ids = {request.headers["webhook-id"] for request in hostile_server.requests}

    # It comes back: all it missed arrives, each once, under the ids it was tried by, signed for now.
    hostile_server.will(answer(204))
    came: list[str] = []
    for _ in range(30):
        hostile_server.requests.clear()
        turn(story)
        came += [alert_id for _, alert_id in told(hostile_server.requests, fresh)]
        ids -= {request.headers["webhook-id"] for request in hostile_server.requests}
        story.fast_forward(minutes=1)
    assert sorted(came) == sorted(missed)
    assert not ids
    assert mia.get(path).json()["health"]["failures"] == 0
