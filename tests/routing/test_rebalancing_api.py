"""Evening out the work over HTTP, as a manager's client sees it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from scipy import optimize
from sqlalchemy import update

from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent
from tests import factories as make
from tests.routing.test_routing_api import Client
from tests.webs import Running, people, serving_web


@pytest.fixture
def running(database: Database, clock: FakeClock) -> Iterator[Running]:
    """Ann has 2 of 1; Bob, of the same team, has room."""
    now = clock.now()
    people(database, now)
    with database.write() as session:
        session.execute(update(Agent).values(max_concurrent_alerts=1))
        session.execute(update(Agent).where(Agent.id == "bob").values(max_concurrent_alerts=10))
        for number in range(2):
            rosa = make.contact(session, f"rosa-{number}", now=now)
            at = now - timedelta(hours=2 - number)
            make.alert(session, alert_id=f"a{number}", agent_id="ann", contact_id=rosa, opened_at=at, now=now)
    with serving_web(database, clock) as running:
        yield running


def test_a_plan_is_shown_approved_by_id_and_taken_back(running: Running) -> None:
    mia = Client(running, "mia")
    answer = mia("POST", "/routing/rebalance/plan", {"spread": None})
    assert answer.status_code == 201, answer.text
    plan = answer.json()
    (move,) = plan["moves"]
    assert (move["alertId"], move["userId"], move["fromName"], move["toName"]) == ("a0", "rosa-0", "Ann", "Bob")
    assert move["why"] == "Ann has 2 of 1, Bob has 0 of 10."
    assert [(one["name"], one["open"], one["openAfter"]) for one in plan["loads"]] == [("Ann", 2, 1), ("Bob", 0, 1)]
    assert (plan["state"], plan["proven"], plan["notes"]) == ("planned", True, [])
    assert Client(running, "ada")("GET", f"/routing/rebalance/plans/{plan['id']}").json() == plan

    body = {"planId": plan["id"], "fingerprint": plan["fingerprint"], "alertIds": ["a0"], "whole": True}
    done = Client(running, "ada")("POST", "/routing/rebalance/apply", body)
    assert done.status_code == 200, done.text
    assert (done.json()["done"], done.json()["failed"], done.json()["items"][0]["agentId"]) == (1, 0, "bob")
    assert done.json()["undoUntil"]
    assert mia("POST", "/routing/rebalance/apply", body).status_code == 409

    back = mia("POST", "/routing/rebalance/undo", {"planId": plan["id"]}).json()
    assert [(one["agentId"], one["ok"], one["overflow"]) for one in back["items"]] == [("ann", True, True)]
    assert mia("GET", f"/routing/rebalance/plans/{plan['id']}").json()["state"] == "undone"


def test_a_plan_that_may_fall_short_says_by_how_much(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    solver = optimize.milp

    def short_of_time(*args: Any, **values: Any) -> Any:
        found = solver(*args, **values)
        found.status, found.mip_dual_bound = 1, found.fun - 1
        return found

    monkeypatch.setattr(optimize, "milp", short_of_time)
    plan = Client(running, "mia")("POST", "/routing/rebalance/plan", {"spread": None}).json()
    assert (plan["proven"], plan["gaps"]) == (False, [{"goal": "moves", "found": 1.0, "bound": 0.0}])
    assert plan["notes"] == ["Time ran out: what was found takes 1, and no plan takes fewer moves than 0."]
    assert Client(running, "ada")("GET", f"/routing/rebalance/plans/{plan['id']}").json() == plan


def test_wrong_input_is_named_and_roles_hold(running: Running) -> None:
    mia, ann = Client(running, "mia"), Client(running, "ann")
    wrong = mia("POST", "/routing/rebalance/plan", {"spread": 7, "acknowledgedHours": -1})
    assert (wrong.status_code, sorted(wrong.json()["fields"])) == (422, ["acknowledgedHours", "spread"])
    assert mia("POST", "/routing/rebalance/plan", {"teamId": "nowhere"}).status_code == 404
    for path in ("plan", "apply", "undo"):
        assert ann("POST", f"/routing/rebalance/{path}", {"planId": "x"}).status_code in (403, 422), path
        assert mia("POST", f"/routing/rebalance/{path}", {"oops": 1}).status_code == 422
    assert ann("POST", "/routing/rebalance/plan", {}).status_code == 403
    assert ann("GET", "/routing/rebalance/plans/x").status_code == 403
    assert mia("GET", "/routing/rebalance/plans/x").status_code == 404
    for path in ("apply", "undo"):
        assert mia("POST", f"/routing/rebalance/{path}", {"planId": "x"}).status_code == 404


def test_nothing_to_move_is_a_plan_too(running: Running) -> None:
    with running.runtime.database.write() as session:
        session.execute(update(Agent).values(max_concurrent_alerts=5))
    plan = Client(running, "mia")("POST", "/routing/rebalance/plan", {"spread": 0.5}).json()
    assert (plan["moves"], plan["notes"]) == ([], [])
    done = Client(running, "mia")("POST", "/routing/rebalance/apply", {"planId": plan["id"]}).json()
    assert (done["items"], done["undoUntil"]) == ([], None)


def test_what_changed_since_says_so_item_by_item(running: Running, now: datetime) -> None:
    mia = Client(running, "mia")
    plan = mia("POST", "/routing/rebalance/plan", {"spread": None}).json()
    assert Client(running, "ann")("PATCH", "/a0/status", {"status": "ACKNOWLEDGED"}).status_code == 200
    refused = mia("POST", "/routing/rebalance/apply", {"planId": plan["id"], "whole": True})
    assert (refused.status_code, refused.json()["fields"]) == (409, {"a0": "It is acknowledged by now."})
    (item,) = mia("POST", "/routing/rebalance/apply", {"planId": plan["id"]}).json()["items"]
    assert (item["ok"], item["status"], item["error"]) == (False, 409, "It is acknowledged by now.")
