"""Routing over HTTP, as a client sees it: roles, foreign alerts, paging, versions and plain refusals."""

from collections.abc import Iterator
from datetime import datetime

import httpx2
import pytest
from sqlalchemy import select

from core.clock import FakeClock
from core.db import Database
from core.db.tables import AuditRow
from tests import factories as make
from tests import webs
from tests.webs import Running, people, serving_web

RULE = {
    "name": "Sellers to Ann",
    "priority": 10,
    "enabled": True,
    "description": "She knows them.",
    "conditions": [
        {"field": "alert.type", "operator": "equals", "value": "LIKELY_TO_SELL"},
        {"field": "metadata.previousAgentId", "operator": "equals", "value": None},
    ],
    "actions": [{"type": "assign_by_skill", "params": {"requiredSkills": []}}],
}


@pytest.fixture
def running(database: Database, clock: FakeClock) -> Iterator[Running]:
    people(database, clock.now())
    with serving_web(database, clock) as running:
        yield running


class Client:
    def __init__(self, running: Running, who: str) -> None:
        self._at = f"{running.url}/api/v1/alerts"
        self._headers = {"authorization": f"Bearer {running.token(f'{who}@doorbell.test')}"}

    def __call__(self, method: str, path: str, body: object = None) -> httpx2.Response:
        return webs.request(method, self._at + path, json=body, headers=self._headers)

    def send(self, method: str, path: str, content: bytes) -> httpx2.Response:
        return webs.request(method, self._at + path, content=content, headers=self._headers)


def an_alert(running: Running, now: datetime, **values: object) -> str:
    with running.runtime.database.write() as session:
        return make.alert(session, now=now, **values)  # type: ignore[arg-type]


def test_route_explains_itself_and_the_decision_can_be_read(running: Running, now: datetime) -> None:
    mia, alert_id = Client(running, "mia"), an_alert(running, now)
    answer = mia("POST", "/routing/route", {"alertIds": [alert_id, "unknown"]})
    assert answer.status_code == 200, answer.text
    (routed,) = answer.json()["items"]
    decision = Client(running, "ada")("GET", f"/{alert_id}/decision").json()
    assert decision["id"] == routed["decisionId"]
    assert decision["agentId"] == routed["agentId"]
    assert decision["trace"]["candidates"][0]["agentId"] == routed["agentId"]
    history = Client(running, "ada")("GET", f"/{alert_id}/assignments").json()["items"]
    assert [one["agentId"] for one in history] == [routed["agentId"]]
    with running.runtime.database.read() as session:
        written = select(AuditRow.actor_id, AuditRow.before, AuditRow.after).where(AuditRow.action == "alert.route")
        assert session.execute(written).all() == [
            ("mia", {"agentId": None}, {"agentId": routed["agentId"], "reason": routed["reason"]})
        ]


def test_agents_read_but_do_not_route(running: Running, now: datetime) -> None:
    ann, alert_id = Client(running, "ann"), an_alert(running, now)
    for path in ("route", "reassign", "bulk-assign", "handle-stale", "simulate"):
        body = {"alertIds": [alert_id], "alertId": alert_id, "agentId": "ann"}
        assert ann("POST", f"/routing/{path}", body).status_code in (403, 422), path
    assert ann("POST", "/routing/route", {"alertIds": [alert_id]}).status_code == 403
    assert ann("POST", "/routing/rules", RULE).status_code == 403
    for path in ("available-agents", "agent-workload/ann", "agents/ann/profile", "rules", "assignments", "stats"):
        answer = ann("GET", f"/routing/{path}")
        assert answer.status_code == 200, answer.text


def test_a_rule_of_groups_is_stored_tried_and_given_back(running: Running, now: datetime) -> None:
    ada, alert_id = Client(running, "ada"), an_alert(running, now)
    night = {"field": "time.clock", "operator": "between", "value": ["22:00", "23:59"]}
    group = {"any": [{"field": "alert.territory", "operator": "exists", "value": True}, {"not": night}]}
    made = ada("POST", "/routing/rules", RULE | {"conditions": group})
    assert made.status_code == 201, made.text
    assert made.json()["conditions"] == [group]
    changed = ada("PATCH", f"/routing/rules/{made.json()['id']}", {"conditions": [{"not": group}]})
    assert changed.json()["conditions"] == [{"not": group}]
    ada("POST", "/routing/route", {"alertIds": [alert_id]})
    (tried, *_) = ada("GET", f"/{alert_id}/decision").json()["trace"]["rules"]
    assert tried["why"].startswith("not: not ((alert.territory is present or not (time.clock is between 22:00"), tried


def test_what_is_odd_about_a_rule_is_told_on_saving_and_when_asked(running: Running) -> None:
    ada = Client(running, "ada")
    odd = RULE | {"conditions": [{"field": "alert.priority", "operator": "equals", "value": "URGENT"}]}
    made = ada("POST", "/routing/rules", odd).json()
    expected = [{"at": "conditions.0", "text": "This can never be true: alert.priority is URGENT."}]
    assert made["doubts"] == expected
    ada("POST", "/routing/rules", RULE | {"name": "Nothing odd"})
    (found,) = Client(running, "ann")("GET", "/routing/rules/check").json()["items"]
    assert (found["id"], found["doubts"]) == (made["id"], expected)
    changed = ada("PATCH", f"/routing/rules/{made['id']}", {"conditions": []})
    assert [one["at"] for one in changed.json()["doubts"]] == ["priority"]
    replaced = ada("PUT", f"/routing/rules/{made['id']}", RULE | {"enabled": False})
    assert replaced.json()["doubts"] == []


def test_rules_travel_as_a_file_that_can_be_tried_first(running: Running) -> None:
    ada, mia = Client(running, "ada"), Client(running, "mia")
    ada("POST", "/routing/rules", RULE)
    file = ada("GET", "/routing/rules/export?format=yaml&agents=true")
    assert file.headers["content-type"].startswith("application/yaml")
    ada("DELETE", f"/routing/rules/{ada('GET', '/routing/rules').json()['items'][0]['id']}")
    assert mia.send("POST", "/routing/rules/import", file.content).status_code == 403
    assert mia("GET", "/routing/rules/export").status_code == 403

    tried = ada.send("POST", "/routing/rules/import?dryRun=true", file.content).json()
    assert (tried["added"], tried["removed"]) == ([RULE["name"]], [])
    assert set(tried["agents"]) >= {"ann", "bob"}
    assert ada("GET", "/routing/rules").json()["items"] == []

    assert ada.send("POST", "/routing/rules/import", file.content).json() == tried
    (back,) = ada("GET", "/routing/rules").json()["items"]
    assert {name: back[name] for name in RULE} == RULE
    assert ada("GET", "/routing/rules/export").json()["rules"] == [RULE]
    emptied = ada("POST", "/routing/rules/import?replace=true", {"rules": []}).json()
    assert emptied["removed"] == [RULE["name"]]

    odd = RULE | {"conditions": [{"field": "alert.priority", "operator": "equals", "value": "URGENT"}]}
    (told,) = ada("POST", "/routing/rules/import", [odd]).json()["doubts"]
    assert told["doubts"][0]["text"].startswith("This can never be true")
    wrong = ada("POST", "/routing/rules/import", [RULE | {"name": "x"}, {"name": "y"}])
    assert wrong.status_code == 422
    assert "rules.1.actions" in wrong.text
    assert [one["name"] for one in ada("GET", "/routing/rules").json()["items"]] == [RULE["name"]]


def test_every_preset_can_be_saved_as_it_is(running: Running) -> None:
    ada = Client(running, "ada")
    found = ada("GET", "/routing/rules/presets").json()["items"]
    assert len(found) >= 15
    for preset in found:
        made = ada("POST", "/routing/rules", {name: preset[name] for name in preset if name != "id"})
        assert made.status_code == 201, made.text
        told = [one["text"] for one in made.json()["doubts"]]
        assert all(text.startswith(("Nobody has the skill", "Nobody has all these")) for text in told), told


@pytest.mark.parametrize(
    ("who", "theirs", "foreign"),
    [
        ("ann", ("ann",), ("bob", "cal", "nobody")),
        ("mia", ("ann", "bob"), ("cal", "nobody")),
        ("ada", ("cal",), ("nobody",)),
    ],
)
def test_load_and_profile_are_an_agents_own_a_managers_teams_and_an_admins_all(
    running: Running, who: str, theirs: tuple[str, ...], foreign: tuple[str, ...]
) -> None:
    client = Client(running, who)
    for path in ("/routing/agent-workload/{}", "/routing/agents/{}/profile"):
        assert {client("GET", path.format(agent)).status_code for agent in theirs} == {200}
        refused = [client("GET", path.format(agent)) for agent in foreign]
        assert {answer.status_code for answer in refused} == {404}
        assert {answer.json()["detail"] for answer in refused} == {"There is no such agent."}, (
            "the answer gives it away"
        )


def test_an_agent_claims_from_the_pool_and_sees_no_foreign_alert(running: Running, now: datetime) -> None:
    ann, pooled, foreign = Client(running, "ann"), an_alert(running, now), an_alert(running, now, agent_id="cal")
    claimed = ann("POST", "/routing/assign", {"alertId": pooled, "agentId": "ann"})
    assert (claimed.status_code, claimed.json()["agentId"]) == (200, "ann")
    assert ann("POST", "/routing/assign", {"alertId": foreign, "agentId": "ann"}).status_code == 404
    assert ann("GET", f"/{foreign}/decision").status_code == 404
    assert ann("GET", f"/{foreign}/assignments").status_code == 404
    assert Client(running, "mia")("POST", "/routing/route", {"alertIds": [foreign]}).status_code == 404


def test_bulk_assign_answers_for_each_item(running: Running, now: datetime) -> None:
    first, second = an_alert(running, now), an_alert(running, now, agent_id="cal")
    answer = Client(running, "mia")(
        "POST", "/routing/bulk-assign", {"alertIds": [first, second], "agentId": "bob", "reason": "spread"}
    ).json()
    assert (answer["done"], answer["failed"]) == (1, 1)
    assert [(one["ok"], one["status"]) for one in answer["items"]] == [(True, 200), (False, 404)]


def test_simulate_writes_nothing_and_takes_draft_rules(running: Running, now: datetime) -> None:
    ada, alert_id = Client(running, "ada"), an_alert(running, now)
    draft = RULE | {"actions": [{"type": "assign_to_agent", "params": {"agentId": "cal"}}]}
    (found,) = ada("POST", "/routing/simulate", {"alertIds": [alert_id], "rules": [draft]}).json()["items"]
    assert (found["agentId"], found["ruleId"], found["decisionId"]) == ("cal", "draft-0", None)
    assert ada("GET", f"/{alert_id}/decision").status_code == 404
    wrong = ada("POST", "/routing/simulate", {"alertIds": [alert_id], "strategy": "astrology"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["strategy"])


def test_a_rule_lives_by_its_version(running: Running) -> None:
    ada = Client(running, "ada")
    made = ada("POST", "/routing/rules", RULE)
    assert made.status_code == 201, made.text
    path = f"/routing/rules/{made.json()['id']}"
    assert ada("PATCH", path, {"priority": 20, "version": 1}).json()["version"] == 2
    assert ada("PUT", path, RULE | {"version": 1}).status_code == 409
    assert ada("PUT", path, RULE | {"version": 2}).json()["priority"] == 10
    assert ada("DELETE", f"{path}?version=1").status_code == 409
    assert ada("DELETE", path).status_code == 204
    assert ada("DELETE", path).status_code == 404
    wrong = ada("POST", "/routing/rules", RULE | {"conditions": [{"field": "x", "operator": "regex", "value": "("}]})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["conditions.0.field"])


def test_a_profile_is_put_in_camel_case(running: Running) -> None:
    mia = Client(running, "mia")
    body = {
        "maxConcurrentAlerts": 4,
        "territories": ["riverside"],
        "primaryTerritory": "riverside",
        "skills": {"seller": 5},
        "specializations": ["luxury"],
        "available": True,
        "autoAssign": True,
        "preferredAlertTypes": ["LIKELY_TO_SELL"],
        "schedule": {"mon": [["09:00", "12:30"], ["13:30", "18:00"]]},
    }
    answer = mia("PUT", "/routing/agents/ann/profile", body)
    assert answer.status_code == 200, answer.text
    assert body.items() <= mia("GET", "/routing/agents/ann/profile").json().items()
    wrong = mia("PUT", "/routing/agents/ann/profile", {"schedule": {"mon": [["18:00", "09:00"]]}})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["schedule.mon"])
    assert mia("PUT", "/routing/agents/cal/profile", {"available": False}).status_code == 404


def test_assignments_page_by_key(running: Running, now: datetime) -> None:
    ids = {an_alert(running, now, agent_id="ann") for _ in range(5)}
    ann, seen, cursor = Client(running, "ann"), [], ""
    for _ in range(3):
        page = ann("GET", f"/routing/assignments?limit=2&openOnly=true{cursor}").json()
        seen += [one["alertId"] for one in page["items"]]
        cursor = f"&cursor={page['nextCursor']}"
    assert page["nextCursor"] is None
    assert len(seen) == 5
    assert set(seen) == ids
    assert ann("GET", "/routing/assignments?cursor=nonsense").status_code == 422


def test_stats_say_who_is_free_and_what_waits(running: Running, now: datetime) -> None:
    an_alert(running, now)
    stats = Client(running, "ada")("GET", "/routing/stats").json()
    assert (stats["inPool"], stats["inPoolByReason"], stats["agents"]) == (1, {"nobody_on_duty": 1}, 3)


def test_a_draft_is_tried_and_a_version_brought_back(running: Running, now: datetime) -> None:
    ada, mia = Client(running, "ada"), Client(running, "mia")
    an_alert(running, now)
    found = mia("POST", "/routing/rules/preview", RULE).json()
    assert (found["lookedAt"], found["caught"], found["openCaught"]) == (1, 1, 1)
    assert found["counts"] == [{"alertType": "LIKELY_TO_SELL", "priority": "HIGH", "count": 1}]
    assert ada("GET", "/routing/rules").json()["items"] == []
    assert mia("POST", "/routing/rules/preview", {**RULE, "actions": []}).status_code == 422
    assert Client(running, "ann")("POST", "/routing/rules/preview", RULE).status_code == 403
    made = ada("POST", "/routing/rules", RULE).json()
    ada("PATCH", f"/routing/rules/{made['id']}", {"enabled": False})
    ada("DELETE", f"/routing/rules/{made['id']}")
    (gone,) = mia("GET", "/routing/rules/deleted").json()["items"]
    deleted, changed, _ = mia("GET", f"/routing/rules/{made['id']}/history").json()["items"]
    assert (gone["id"], deleted["action"], changed["changes"]) == (deleted["id"], "rule.delete", ["Switched off."])
    assert mia("POST", f"/routing/rules/{made['id']}/restore", {"entryId": gone["id"]}).status_code == 403
    back = ada("POST", f"/routing/rules/{made['id']}/restore", {"entryId": gone["id"]}).json()
    assert (back["id"], back["enabled"]) == (made["id"], False)
    assert mia("GET", "/routing/rules/unknown/history").status_code == 404
