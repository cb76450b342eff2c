"""One conformance suite for every channel there is."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from core import ids
from core.db import Database
from core.db.tables import Delivery
from core.delivery import CHANNELS, Channel, DeliveryFailed, open_channels, outgoing
from core.delivery import channels as folder
from core.delivery.channel import Inbox
from core.delivery.content import one_line
from core.settings import Settings
from core.words import Priority
from tests import factories, hostile
from tests.delivery.making import message, story
from tests.delivery.stages import NOT_SET_UP, STAGES

every_channel = pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)


@every_channel
def test_a_channel_is_named_like_its_file_and_says_who_it_is(channel: Channel) -> None:
    assert (Path(folder.__path__[0]) / f"{channel.name}.py").exists()
    assert channel.label
    assert channel.priorities <= frozenset(Priority)


@every_channel
def test_a_channel_delivers_inside_or_sends_outside(channel: Channel) -> None:
    assert (channel.write is None) != (channel.open is None)
    assert bool(channel.setup) == (channel.open is not None), "what needs setting up says how"


@every_channel
def test_a_channel_that_is_not_set_up_is_absent(channel: Channel) -> None:
    if channel.endpoint is not None:
        pytest.skip("set up endpoint by endpoint")
    assert channel.name not in open_channels(Settings(**NOT_SET_UP.get(channel.name, {})))  # type: ignore[arg-type]


@every_channel
def test_a_channel_delivers(channel: Channel, tmp_path: Path, database: Database, now: datetime) -> None:
    if channel.write is None:
        with STAGES[channel.name](tmp_path) as stage:
            sender = open_channels(stage.settings)[channel.name]
            assert sender.send(message(**stage.message)).provider_id, "its later words find it"
            sender.close()
        return
    with database.write() as session:
        user_id = factories.agent(session, now=now)
        alert_id = factories.alert(session, agent_id=user_id, now=now)
        item = Inbox(
            delivery_id=_delivery(session, user_id, alert_id, now),
            user_id=user_id,
            alert_id=alert_id,
            kind="alert_new",
            priority="HIGH",
            title="<script>",
            body="=1+1",
        )
        channel.write(session, [item], now)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "{{ 7 * 7 }} {0} %s", "R\u202eosa \U0001f3e0"]
)
@every_channel
def test_a_hostile_name_hinders_no_channel(channel: Channel, name: str, tmp_path: Path) -> None:
    if channel.open is None:
        pytest.skip("tests/delivery/test_previews.py looks at what it says")
    with STAGES[channel.name](tmp_path) as stage:
        sender = open_channels(stage.settings)[channel.name]
        said = one_line(name)
        told = {"title": said, "recipient_name": said, "story": story(contact=said, factors=(said,), home=said)}
        assert sender.send(message(**{**stage.message, **told})).provider_id
        sender.close()


@every_channel
def test_a_channel_outside_fails_only_as_it_may(channel: Channel, tmp_path: Path) -> None:
    if channel.open is None:
        pytest.skip("nothing outside to fail")
    with STAGES[channel.name](tmp_path) as stage:
        stage.not_now()
        sender = open_channels(stage.settings)[channel.name]
        with pytest.raises(DeliveryFailed) as caught:
            sender.send(message(**stage.message))
        sender.close()
        sender.close()
    assert caught.value.retryable
    assert caught.value.reason


@pytest.mark.parametrize(
    "behaviour",
    [
        hostile.hang,
        hostile.reset,
        hostile.close,
        hostile.garbage,
        hostile.slow_headers,
        hostile.answer(500),
        hostile.answer(502, body="<html>"),
        hostile.answer(400, body=b"\xff\xfe"),
        hostile.answer(403, body='[[["'),
        hostile.redirect("http://169.254.169.254/"),
    ],
    ids=["hang", "reset", "close", "garbage", "slow", "500", "502", "400", "403", "redirect"],
)
@every_channel
def test_a_provider_that_misbehaves_ends_in_the_one_failure_there_is(
    channel: Channel, behaviour: hostile.Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "limits", lambda _: outgoing.Limits(private=True, connect=0.3, total=0.3))
    if channel.open is None:
        pytest.skip("nothing outside to misbehave")
    with STAGES[channel.name](tmp_path) as stage:
        if stage.misbehave is None:
            pytest.skip("its protocol has its own test")
        stage.misbehave(behaviour)
        sender = open_channels(stage.settings)[channel.name]
        with pytest.raises(DeliveryFailed) as caught:
            sender.send(message(**stage.message))
        sender.close()
    assert caught.value.reason
    assert caught.value.reason == one_line(caught.value.reason, 1000), "it fits into one line of a screen"


def _delivery(session: Session, user_id: str, alert_id: str, now: datetime) -> str:
    delivery_id = ids.new_id()
    session.execute(
        insert(Delivery).values(
            id=delivery_id,
            alert_id=alert_id,
            user_id=user_id,
            channel="in_app",
            kind="alert_new",
            priority="HIGH",
            state="delivered",
            idempotency_key=delivery_id,
            payload={},
            due_at=now,
            created_at=now,
        )
    )
    return delivery_id
