"""The story of an alert that nobody answers: reminded by mail, handed on, the manager told; acknowledged, forgotten, found again."""

from sqlalchemy import select

from core import delivery
from core.db.tables import Alert, Assignment
from core.delivery import Kind, Notice
from core.words import Priority
from jobs import work
from tests import factories
from tests.journeys.test_the_whole_line import Office, office  # noqa: F401  the fixture

POLICY = {
    "name": "Nobody is left waiting",
    "priorities": ["HIGH"],
    "steps": [
        {"after": {"minutes": 5}, "do": "remind"},
        {"after": {"minutes": 5}, "do": "next"},
        {"after": {"minutes": 5}, "do": "manager"},
    ],
    "ackTimeout": {"workingHours": 2},
}


def turn(office: Office) -> None:  # noqa: F811
    work.start_clocks_once(office.database, office.clock)
    office.work()


def text(office: Office, number: int) -> str:  # noqa: F811
    body = office.mail.mails[number].get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_an_alert_nobody_answers_is_never_lost(office: Office) -> None:  # noqa: F811
    admin, mia, ana, ben = (office.api(name) for name in ("admin", "mia", "ana", "ben"))
    assert admin.post("/escalation-policies", json=POLICY).status_code == 201

    # Ana is given an alert and told by mail.
    with office.database.write() as session:
        factories.contact(session, "rosa", name="Rosa Diaz", territory="oak-park", now=office.clock.now())
        alert_id = factories.alert(
            session,
            contact_id="rosa",
            agent_id="ana",
            priority=Priority.HIGH,
            territory="oak-park",
            now=office.clock.now(),
        )
        notice = Notice(alert_id=alert_id, user_id="ana", kind=Kind.ALERT_NEW, priority=Priority.HIGH)
        delivery.enqueue(session, [notice], now=office.clock.now())
    turn(office)
    assert office.mail.recipients == ["ana@doorbell.test"]
    assert ana.get(f"/alerts/{alert_id}/escalation").json()["state"] == "running"

    # Five minutes: she is reminded. The manager looks, which stops nothing.
    office.fast_forward(minutes=5)
    turn(office)
    assert office.mail.recipients == ["ana@doorbell.test"] * 2
    assert "have not answered" in text(office, 1)
    assert mia.get(f"/alerts/{alert_id}").status_code == 200

    # Ten: it is Ben's, who is told; Ana is not asked again.
    office.fast_forward(minutes=5)
    turn(office)
    assert office.mail.recipients[2:] == ["ben@doorbell.test"]
    assert ben.get(f"/alerts/{alert_id}").json()["assignedAgentId"] == "ben"
    assert ana.get(f"/alerts/{alert_id}").status_code == 404

    # Ben acknowledges in time, and forgets. Two working hours later it goes on: the manager hears of it.
    office.fast_forward(minutes=4)
    assert ben.patch(f"/alerts/{alert_id}/status", json={"status": "ACKNOWLEDGED"}).status_code == 200
    turn(office)
    office.fast_forward(minutes=30)
    turn(office)
    assert office.mail.recipients[3:] == []
    office.fast_forward(hours=2)
    turn(office)
    assert office.mail.recipients[3:] == ["mia@doorbell.test"]
    assert "acknowledged, and nothing more has happened" in text(office, 3)
    told = office.api("mia").get(f"/alerts/{alert_id}/escalation").json()
    assert [one["do"] for one in told["done"]] == ["remind", "next", "manager"]
    assert told["done"][2]["told"] == ["Mia"]

    # Nothing rings twice, however long it lies there; the books say who had it.
    office.fast_forward(days=1)
    turn(office)
    assert len(office.mail.recipients) == 4
    with office.database.read() as session:
        assert session.get_one(Alert, alert_id).assigned_agent_id == "ben"
        query = select(Assignment.agent_id).where(Assignment.alert_id == alert_id).order_by(Assignment.assigned_at)
        assert session.scalars(query).all() == ["ana", "ben"]
