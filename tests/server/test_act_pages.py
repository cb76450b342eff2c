"""Links in messages over HTTP: a page on GET, an act on POST, and nothing about them that leaks or can be framed."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.security.limits import Buckets, Limits
from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, AuditRow, Consent, Delivery, Preference
from core.delivery import Message, Notice, links
from core.delivery.links import Action
from core.settings import Settings
from core.words import Priority
from tests import factories, webs
from tests.delivery.making import by_channel, claim_one, told
from tests.mail import MailServer, serving
from tests.webs import KEY, Running


@pytest.fixture
def web(database: Database, clock: FakeClock) -> Iterator[Running]:
    with webs.serving_web(database, clock, public_url="https://bell.example.com") as running:
        yield running


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with serving() as server:
        yield server


def link(session: Session, alert_id: str, action: Action, *, now: datetime) -> str:
    return f"/act/{links.make(action, by_channel(session, alert_id)['email'].id, key=KEY, now=now)}"


def ask(web: Running, method: str, path: str, **values: Any) -> Any:
    return webs.request(method, f"{web.url}{path}", **values)


def test_get_and_head_show_and_change_nothing_and_post_acts(web: Running, database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        path = link(session, alert_id, Action.ACKNOWLEDGE, now=now)
        rows = session.scalar(select(func.count()).select_from(AuditRow))
    assert ask(web, "HEAD", path).status_code == 200
    page = ask(web, "GET", path, headers={"Sec-Purpose": "prefetch"})
    assert page.status_code == 200
    assert "Rosa Diaz is likely to sell" in page.text
    assert '<form method="post">' in page.text
    assert "555" not in page.text, "no more of the contact than is needed to know which alert it is"
    with database.read() as session:
        assert session.get_one(Alert, alert_id).status == "NEW"
        assert session.scalar(select(func.count()).select_from(AuditRow)) == rows
    done = ask(web, "POST", path, headers={"Origin": "null"})
    assert done.status_code == 200
    assert "It’s yours" in done.text
    with database.read() as session:
        assert session.get_one(Alert, alert_id).status == "ACKNOWLEDGED"
    again = ask(web, "POST", path)
    assert again.status_code == 409
    assert "You took it on Mon 2 Mar" in again.text
    assert "<form" not in again.text


def test_the_answer_is_kept_by_nobody_and_loads_and_tells_nothing(
    web: Running, database: Database, now: datetime
) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        path = link(session, alert_id, Action.DECLINE, now=now)
    for where in (path, "/act/nonsense", "/act/unsubscribe/nonsense"):
        answer = ask(web, "GET", where)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        rules = answer.headers["content-security-policy"]
        for rule in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
            assert rule in rules
        assert "unsafe" not in rules
        assert "<script" not in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/act/x", "/act/" + "A" * 44, "/act/unsubscribe/x", "/act/" + "%00" * 10])
def test_a_link_that_is_none_says_so(web: Running, path: str) -> None:
    for method in ("GET", "POST"):
        answer = ask(web, method, path, headers={"Accept-Language": "es-US,es;q=0.9"})
        assert answer.status_code == 404
        assert "Este enlace no funciona" in answer.text


def test_an_old_link_says_so(web: Running, database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        path = link(session, alert_id, Action.ACKNOWLEDGE, now=now)
    clock.set(now + timedelta(days=8))
    answer = ask(web, "POST", path)
    assert answer.status_code == 410
    assert "This link is too old" in answer.text


def test_declining_asks_for_a_reason_and_keeps_what_was_written(
    web: Running, database: Database, now: datetime
) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        path = link(session, alert_id, Action.DECLINE, now=now)
    for form, wanted in (
        ({}, "Choose a reason."),
        ({"reason": "other", "notes": "  "}, "A few words are needed"),
        ({"reason": "</select><script>", "notes": "<b>"}, "&lt;b&gt;"),
    ):
        refused = ask(web, "POST", path, data=form)
        assert refused.status_code == 422
        assert wanted in refused.text
        assert "<script>" not in refused.text
    done = ask(web, "POST", path, data={"reason": "other", "notes": "My sister"})
    assert done.status_code == 200
    assert "it waits in the pool" in done.text
    assert "Rosa" not in done.text
    with database.read() as session:
        alert = session.get_one(Alert, alert_id)
        assert (alert.assigned_agent_id, alert.unassigned_reason) == (None, "declined")


def test_declined_by_a_link_with_nobody_else_free_is_told_to_the_manager(
    web: Running, database: Database, now: datetime
) -> None:
    with database.write() as session:
        factories.team(session, "north", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        agent_id = factories.agent(session, team_id="north", now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
        notice = Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority=Priority.HIGH)
        delivery.enqueue(session, [notice], now=now)
        path = link(session, alert_id, Action.DECLINE, now=now)
    assert ask(web, "POST", path, data={"reason": "too_busy"}).status_code == 200
    with database.read() as session:
        told_to = session.scalars(
            select(Delivery.user_id).where(Delivery.kind == "alert_escalated", Delivery.channel == "in_app")
        ).all()
    assert told_to == ["mia"]


def test_a_page_speaks_its_readers_language_and_zone(web: Running, database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
        session.add(Preference(user_id=agent_id, value={"language": "es"}, updated_at=now))
        path = link(session, alert_id, Action.SNOOZE, now=now)
    assert '<html lang="es">' in ask(web, "GET", path).text
    done = ask(web, "POST", path, data={"until": "tomorrow"})
    assert "Vuelve el mar 3 mar, 8:00 a.m. CST." in done.text


def test_a_hostile_name_stays_text(web: Running, database: Database, now: datetime) -> None:
    name = "<script>alert(1)</script>\"' {{ 7*7 }}"
    with database.write() as session:
        contact_id = factories.contact(session, name=name, now=now)
        alert_id, _ = told(session, contact_id=contact_id, now=now)
        path = link(session, alert_id, Action.SNOOZE, now=now)
    page = ask(web, "GET", path).text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39; {{ 7*7 }} is likely to sell" in page


def test_who_tries_too_many_links_waits(database: Database, clock: FakeClock) -> None:
    limits = Limits(links=Buckets(per_second=1, burst=3))
    with webs.serving_web(database, clock, limits=limits) as web:
        answers = [ask(web, "GET", f"/act/guess{number}") for number in range(5)]
        assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
        assert answers[-1].headers["retry-after"] == "1"


def by_mail(settings: Settings, message: Message) -> None:
    opened = delivery.open_channels(settings)
    try:
        opened["email"].send(message)
    finally:
        for sender in opened.values():
            sender.close()


def digest(session: Session, settings: Settings, now: datetime) -> tuple[Message, str]:
    """An hour's news of somebody, ready to send, and whose it is."""
    agent_id = factories.agent(session, now=now)
    for _ in range(2):
        alert_id = factories.alert(session, agent_id=agent_id, priority=Priority.MEDIUM, now=now)
        notice = Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority="MEDIUM")
        delivery.enqueue(session, [notice], now=now)
    later = now + timedelta(hours=1)
    found = delivery.prepare(session, claim_one(session, now=later), settings=settings, now=later)
    assert isinstance(found, Message)
    return found, agent_id


def test_one_click_withdraws_digests_with_its_proof_and_the_page_gives_them_back(
    web: Running, database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        message, agent_id = digest(session, web.runtime.settings, now)
    clock.set(now + timedelta(hours=1))
    assert message.unsubscribe.startswith("https://bell.example.com/act/unsubscribe/")
    path = message.unsubscribe.removeprefix("https://bell.example.com")
    page = ask(web, "GET", path)
    assert "No more digests by e-mail?" in page.text
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Consent)) == 0
    for _ in range(2):  # a mail program may ask twice
        clicked = ask(web, "POST", path, data={"List-Unsubscribe": "One-Click"}, headers={"User-Agent": "Mail/1.0"})
        assert clicked.status_code == 200
        assert "You get no more digests" in clicked.text
    with database.read() as session:
        (row,) = session.scalars(select(Consent)).all()
        assert (row.given, row.scope, row.source, row.user_id) == (False, "digests", "one_click", agent_id)
        assert (row.address, row.channel) == (f"{agent_id}@doorbell.test", "email")
        assert (row.proof["by"], row.proof["agent"]) == ("one click", "Mail/1.0")
    back = ask(web, "POST", path, data={"wanted": "yes"})
    assert "You get digests again" in back.text
    with database.read() as session:
        assert [row.given for row in session.scalars(select(Consent).order_by(Consent.id))] == [False, True]


def test_after_unsubscribing_digests_stop_and_urgent_mail_does_not(
    web: Running, database: Database, now: datetime
) -> None:
    with database.write() as session:
        message, agent_id = digest(session, web.runtime.settings, now)
    ask(web, "POST", message.unsubscribe.removeprefix("https://bell.example.com"))
    with database.write() as session:
        session.execute(update(Delivery).values(state="sent"))
        for priority in (Priority.MEDIUM, Priority.HIGH):
            alert_id = factories.alert(session, agent_id=agent_id, priority=priority, now=now)
            notice = Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority=priority)
            delivery.enqueue(session, [notice], now=now)
        waiting = session.scalars(select(Delivery.priority).where(Delivery.state == "queued")).all()
    assert waiting == ["HIGH"]


def test_of_many_who_press_at_the_same_moment_one_acts(web: Running, database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        path = link(session, alert_id, Action.SNOOZE, now=now)
    with ThreadPoolExecutor(6) as people:
        answers = list(people.map(lambda _: ask(web, "POST", path, data={"until": "hour"}).status_code, range(6)))
    assert sorted(answers) == [200, 409, 409, 409, 409, 409]
    with database.read() as session:
        used = select(func.count()).select_from(AuditRow).where(AuditRow.action == "message_link.used")
        assert session.scalar(used) == 1


def test_what_the_mail_says_is_what_can_be_done(
    web: Running, database: Database, mail_server: MailServer, now: datetime
) -> None:
    """From the outbox through a mail server to the button and back."""
    settings = web.runtime.settings.model_copy(update={"smtp_url": SecretStr(mail_server.url)})
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        claimed = claim_one(session, now=now)
        ready = delivery.prepare(session, claimed, settings=settings, now=now)
    assert isinstance(ready, Message)
    by_mail(settings, ready)
    (mail,) = mail_server.mails
    assert mail["List-Unsubscribe"] is None, "an alert is no digest"
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    found = re.findall(r"https://bell\.example\.com(/act/\S+)", plain)
    assert len(found) == 3
    assert all(path in html for path in found)
    assert ask(web, "POST", found[0]).status_code == 200
    with database.read() as session:
        assert session.get_one(Alert, alert_id).status == "ACKNOWLEDGED"


def test_a_digest_by_mail_carries_the_headers_of_one_click(
    web: Running, database: Database, mail_server: MailServer, now: datetime
) -> None:
    settings = web.runtime.settings.model_copy(update={"smtp_url": SecretStr(mail_server.url)})
    with database.write() as session:
        message, _ = digest(session, settings, now)
    by_mail(settings, message)
    (mail,) = mail_server.mails
    assert mail["List-Unsubscribe"] == f"<{message.unsubscribe}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
