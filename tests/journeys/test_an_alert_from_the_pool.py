"""The story of an alert from the pool: claimed and forgotten, claimed by somebody else, declined, and won at last."""

from sqlalchemy import select

from core.db.tables import Agent, Alert, AlertOutcome, Assignment
from core.routing import house_settings
from core.viewer import SYSTEM
from jobs import claiming
from jobs.reconciling import reconcile_once
from tests import factories
from tests.journeys.test_the_whole_line import Office, office  # noqa: F401  the fixture


def pass_by(office: Office, *, minutes: int) -> None:  # noqa: F811
    """Time in which claims run out and the pool is looked at."""
    office.fast_forward(minutes=minutes)
    claiming.expire_once(office.database, office.clock)
    reconcile_once(office.database, office.world.routing, office.clock)
    office.work()


def test_an_alert_from_the_pool_ends_with_whoever_works_on_it(office: Office) -> None:  # noqa: F811
    ana, ben, mia = (office.api(name) for name in ("ana", "ben", "mia"))
    with office.database.write() as session:
        house_settings.put(
            session,
            {"default_strategy": "sticky_owner", "fallbacks": ["claim_pool"]},
            viewer=SYSTEM,
            now=office.clock.now(),
        )
        alert_id = factories.alert(session, unassigned_reason="left_to_claim", now=office.clock.now())

    # The house leaves it in the pool. Both see it; Ana is first, Ben hears that it is taken.
    pass_by(office, minutes=1)
    assert ben.get(f"/alerts/{alert_id}").json()["unassignedReason"] == "left_to_claim"
    assert ana.post(f"/alerts/{alert_id}/claim").status_code == 200
    late = ben.post(f"/alerts/{alert_id}/claim")
    assert (late.status_code, late.json()["detail"]) == (409, "Somebody else has just taken this alert.")
    pass_by(office, minutes=29)
    assert ben.get(f"/alerts/{alert_id}").status_code == 404

    # She does nothing: after half an hour it is free again, she is told, and it is for others first.
    pass_by(office, minutes=1)
    assert ben.get(f"/alerts/{alert_id}").json()["unassignedReason"] == "claim_expired"
    assert "ran out" in ana.get("/notifications").json()["items"][0]["title"]
    assert ana.post(f"/alerts/{alert_id}/claim").status_code == 409

    # Ben claims it and says it is not for him. Ana had it before, so it waits in the pool, and for Ben never again.
    assert ben.post(f"/alerts/{alert_id}/claim").status_code == 200
    declined = ben.post(f"/alerts/{alert_id}/decline", json={"reason": "conflict_of_interest", "notes": "My uncle."})
    assert declined.json()["wentTo"] == "pool"
    pass_by(office, minutes=20)
    assert mia.get(f"/alerts/{alert_id}").json()["unassignedReason"] == "declined"

    # Ana cannot claim it yet, but she may work on it; and wins.
    assert ana.patch(f"/alerts/{alert_id}/status", json={"status": "CONTACTED"}).json()["assignedAgentId"] == "ana"
    assert ana.patch(f"/alerts/{alert_id}/status", json={"status": "CONVERTED"}).status_code == 200
    pass_by(office, minutes=5)

    # The books say who had it and how it ended; nothing but the win is an outcome, and every place is free again.
    with office.database.read() as session:
        assert session.get_one(Alert, alert_id).status == "CONVERTED"
        rows = session.execute(
            select(Assignment.agent_id, Assignment.ended_reason).order_by(Assignment.assigned_at, Assignment.id)
        ).all()
        assert [tuple(row) for row in rows] == [
            ("ana", "claim_expired"),
            ("ben", "declined"),
            ("ana", "converted"),
        ]
        assert session.scalars(select(AlertOutcome.outcome)).all() == ["TRUE_POSITIVE"]
        assert set(session.scalars(select(Agent.open_alerts))) == {0}
    story = [entry["text"] for entry in mia.get(f"/alerts/{alert_id}").json()["timeline"]]
    assert "Declined: conflict of interest – “My uncle.”" in story
