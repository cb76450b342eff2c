"""What an unlucky or hostile world does to messages on their way: nothing is lost, doubled or told wrongly."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core.clock import FakeClock
from core.db import Database
from core.db.tables import Delivery
from core.delivery import Accepted, DeliveryFailed, Message, Sender, addresses, trying
from core.delivery.providers import Pace
from core.settings import Settings
from core.words import DeliveryState
from jobs import work
from tests import factories
from tests.delivery.making import told

STRANGE = "said\x00 \ud800no\x07"
"""What neither database stores as it is: a NUL, half a character."""


class Says(Sender):
    """A channel that takes everything, or says what it raises."""

    pace: Pace | None = None

    def __init__(self, answer: Callable[[], Accepted]) -> None:
        self.answer = answer
        self.sent: list[str] = []

    def send(self, message: Message) -> Accepted:
        self.sent.append(message.key)
        return self.answer()

    def close(self) -> None: ...


def test_a_secret_of_another_key_is_named_and_waits_for_somebody(database: Database, clock: FakeClock) -> None:
    before, after = (Settings(secret_key=letter * 40) for letter in "ab")  # type: ignore[arg-type]
    with database.write() as session:
        agent_id = factories.agent(session, now=clock.now())
        values = {"kind": "chat", "label": "Slack", "secret": ("value",), "verified": True, "actor_id": agent_id}
        url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
        addresses.add(session, agent_id, value=url, settings=before, now=clock.now(), **values)  # type: ignore[arg-type]
        trying.send_test(session, agent_id, channel="chat", actor_id=agent_id, now=clock.now())
    sender = Says(lambda: Accepted(provider_id="x"))
    work.send_once(database, {"chat": sender}, clock, "w1", after)
    with database.read() as session:
        (one,) = session.scalars(select(Delivery).where(Delivery.channel == "chat"))
        assert (one.state, sender.sent) == (DeliveryState.DEAD, [])
        assert one.reason == "This secret was stored under another DOORBELL_SECRET_KEY; enter it again."


def refuse() -> Accepted:
    raise DeliveryFailed(STRANGE, retryable=False, provider_at_fault=True)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (lambda: Accepted(provider_id=STRANGE, provider=STRANGE, said=STRANGE), DeliveryState.SENT),
        (refuse, DeliveryState.DEAD),
    ],
)
def test_whatever_a_provider_says_is_written_down_and_never_sent_again(
    database: Database, clock: FakeClock, answer: Callable[[], Accepted], state: DeliveryState
) -> None:
    with database.write() as session:
        told(session, now=clock.now())
    sender = Says(answer)
    work.send_once(database, {"email": sender}, clock, "w1", Settings())
    with database.read() as session:
        (one,) = session.scalars(select(Delivery).where(Delivery.channel == "email"))
        assert (one.state, len(sender.sent)) == (state, 1)
        assert "said" in f"{one.provider_id} {one.reason}"
