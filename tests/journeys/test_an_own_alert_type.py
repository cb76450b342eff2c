"""The story of an alert type of a team's own: written, activated, opened, routed, rung by its own name, worked and won."""

from datetime import timedelta
from typing import Any

from tests import factories
from tests.journeys.test_the_whole_line import Office, dashboard, listening, next_alert, next_change, office

__all__ = ["office"]  # a fixture

NAME = "Open house & insurance claim <b>"
TWICE = {"field": "count:Open-House View:14d", "operator": "greater_than", "value": 1}
CLAIM = {"field": "signal.INSURANCE_CLAIM.confidence", "operator": "greater_than", "value": 0.5}


def written(rule: Any) -> dict[str, Any]:
    return {
        "name": NAME,
        "description": "Came back to an open house after a damage at home.",
        "horizonDays": 60,
        "definition": {"rule": rule, "confidence": {"belief": 0.65}},
    }


def visits(office: Office, contact_id: str, number: int) -> list[dict[str, Any]]:
    at = office.clock.now() - timedelta(hours=1)
    return [
        {
            "eventId": f"{contact_id}-{at.isoformat()}-{place}",
            "userId": contact_id,
            "eventType": "PAGE_VIEW",
            "eventName": "open_house_view",
            "occurredAt": (at + timedelta(minutes=place)).isoformat(),
        }
        for place in range(number)
    ]


def test_a_team_adds_an_alert_type_and_it_rings_like_the_four(office: Office) -> None:
    admin, ana, ben = (office.api(name) for name in ("admin", "ana", "ben"))
    for contact_id, name in (("rosa", "Rosa Diaz"), ("noor", "Noor Haddad")):
        known = {"name": name, "territory": "lakeside"}
        assert admin.put(f"/contacts/{contact_id}", json=known).status_code in (200, 201)

    # The type is written, tried and activated; a routing rule gives its alerts to Ben, who does not cover that place.
    made = admin.post("/alert-types", json=written({"all": [TWICE, CLAIM]}))
    assert made.status_code == 201, made.text
    type_id = made.json()["id"]
    assert admin.post("/alert-types/preview", json=written({"all": [TWICE, CLAIM]})).json()["now"] == 0
    assert admin.post(f"/alert-types/{type_id}/activate").status_code == 200
    rule = {
        "name": "Open houses are Ben's",
        "priority": 10,
        "conditions": [{"field": "alertType", "operator": "equals", "value": type_id}],
        "actions": [{"type": "assign_to_agent", "params": {"agentId": "ben"}}],
    }
    assert admin.post("/alerts/routing/rules", json=rule).status_code == 201

    with office.database.write() as session:
        factories.told_at_once(session, "ben", now=office.clock.now())
    with listening(office, "ben") as socket, dashboard(office, "ben") as page:
        claim = {"type": "INSURANCE_CLAIM", "strength": 0.8, "confidence": 0.9, "source": "insurer"}
        claim["occurredAt"] = office.clock.now().isoformat()
        assert admin.post("/signals", json={"userId": "rosa", **claim}).status_code == 202
        for _ in range(2):
            assert admin.post("/events", json=visits(office, "rosa", 2)).status_code == 202
        assert admin.post("/events", json=visits(office, "noor", 3)).status_code == 202  # no claim
        office.work()

        # One alert, of that type, routed by the rule, told everywhere under the type's own name.
        items = ben.get("/alerts").json()["items"]
        assert [(item["alertType"], item["user"]["name"]) for item in items] == [(type_id, "Rosa Diaz")]
        alert = items[0]
        assert admin.get("/alerts", params={"type": type_id}).json()["items"][0]["id"] == alert["id"]
        assert {factor["text"] for factor in alert["topFactors"]} == {
            "did “open house view” twice in 14 days",
            "shows the signal insurance claim (confidence 0.9)",
        }
        assert ana.get("/alerts").json()["items"] == []
        decision = ben.get(f"/alerts/{alert['id']}/decision").json()
        assert (decision["agentId"], decision["strategy"]) == ("ben", "assign_to_agent")
        event, told = next_alert(socket)
        assert (event, told["id"], told["alertType"]) == ("alert:new", alert["id"], type_id)
        assert next_change(page)["alertType"] == type_id

    assert ben.get("/notifications").json()["items"][0]["title"] == f"Rosa Diaz – {NAME}"
    assert office.mail.recipients == ["ben@doorbell.test"]
    mail = office.mail.mails[0]
    assert mail["subject"].endswith(f"Rosa Diaz – {NAME}")
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert "id “open house view” twice in 14 days" in text
    assert "Chance that it happens within 60 days" in text
    assert "&lt;b&gt;" in html
    assert "claim <b>" not in html

    # It is worked and won like any other; the type knows, and analytics count it.
    path = f"/alerts/{alert['id']}/status"
    assert ben.patch(path, json={"status": "ACKNOWLEDGED"}).status_code == 200
    won = {"outcome": "TRUE_POSITIVE", "converted": True, "value": 12_000, "transactionType": "sale"}
    assert ben.post(f"/alerts/{alert['id']}/outcome", json=won).status_code in (200, 201)
    row = admin.get(f"/alert-types/{type_id}").json()
    assert (row["openedLast30Days"], row["openNow"], row["right"]["hits"]) == (1, 0, 1)

    # The claim is no longer asked for: the next decision of the same process opens Noor's alert, without a new event.
    assert admin.put(f"/alert-types/{type_id}", json=written({"all": [TWICE]})).status_code == 200
    office.fast_forward(minutes=1)
    office.work()
    assert [item["userId"] for item in ben.get("/alerts", params={"open": "true"}).json()["items"]] == ["noor"]
    score = ben.post("/alerts/score-user", json={"userId": "noor"}).json()["scores"][-1]
    assert (score["intent"], score["modelVersion"]) == (type_id, f"{type_id.lower()}-rule-3")

    # Retired, it opens no more, and Noor's alert lives on.
    assert admin.post(f"/alert-types/{type_id}/retire").status_code == 200
    assert admin.put("/contacts/third", json={"name": "Third"}).status_code in (200, 201)
    assert admin.post("/events", json=visits(office, "third", 3)).status_code == 202
    office.work()
    assert [item["userId"] for item in ben.get("/alerts", params={"open": "true"}).json()["items"]] == ["noor"]
