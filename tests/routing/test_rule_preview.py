"""What a draft would do is told before it does anything: caught and missed with why, what a rule before it takes, and who gets the open ones."""

from datetime import datetime, timedelta
from typing import Any

from core.db import Database
from core.db.tables import Decision
from core.routing import State, rule_preview
from core.routing.rule_words import Names
from core.viewer import SYSTEM
from core.words import Priority, Status
from tests import factories as make

SELLS = {"field": "alert.type", "operator": "equals", "value": "LIKELY_TO_SELL"}
DEAR = {"field": "property.estimatedValue", "operator": "greater_than", "value": 900_000}
LUXURY = {"type": "assign_by_skill", "params": {"requiredSkills": ["luxury"]}}
NAMES = Names(types={"LIKELY_TO_SELL": "Likely to sell", "LIKELY_TO_BUY": "Likely to buy"})


def draft(*conditions: dict[str, Any], priority: int = 5, actions: tuple[dict[str, Any], ...] = (LUXURY,)) -> Any:
    return {"name": "Dear homes", "priority": priority, "conditions": list(conditions), "actions": list(actions)}


def alert(session: Any, name: str, value: float, *, now: datetime, **values: Any) -> str:
    contact_id = make.contact(session, name=name, now=now)
    make.home(session, contact_id, value=value, now=now)
    return make.alert(session, contact_id=contact_id, now=now, **values)


def test_a_draft_tells_what_it_would_have_caught_and_why_not_the_rest(database: Database, now: datetime) -> None:
    day = timedelta(days=1)
    with database.write() as session:
        make.agent(session, "ann", name="Ann Lee", skills={"luxury": 4}, now=now)
        make.agent(session, "bob", name="Bob Lee", now=now)
        make.rule(
            session,
            rule_id="first",
            priority=9,
            conditions=[{"field": "alert.priority", "operator": "equals", "value": "CRITICAL"}],
            actions=[{"type": "escalate"}],
            now=now,
        )
        alert(session, "Rosa Diaz", 1_200_000, agent_id="bob", now=now - day)
        alert(session, "Paul Old", 1_000_000, now=now - 40 * day)
        alert(session, "Kim Shut", 950_000, status=Status.DISMISSED, priority=Priority.CRITICAL, now=now - 3 * day)
        alert(session, "Leo Small", 450_000, now=now - day)
        alert(session, "Mia Buys", 300_000, alert_type="LIKELY_TO_BUY", now=now - day)
    with database.read() as session:
        found = rule_preview.preview(
            session, draft(SELLS, DEAR), rule_id=None, state=State.load(session), names=NAMES, viewer=SYSTEM, now=now
        )
        decided = session.query(Decision).count()
    assert (found.past.looked_at, len(found.past.caught), found.capped) == (4, 2, False)
    assert set(found.past.counts) == {("LIKELY_TO_SELL", "HIGH", 1), ("LIKELY_TO_SELL", "CRITICAL", 1)}
    assert found.past.before == (("first", 1),)
    told = {one.contact: (one.caught, one.why) for one in found.examples}
    assert told["Rosa Diaz"] == (True, "type is Likely to sell, home value is $1,200,000")
    assert told["Leo Small"] == (False, "home value is $450,000; the rule asks that it is above $900,000")
    assert told["Mia Buys"] == (False, "type is Likely to buy; the rule asks that it is Likely to sell")
    assert [one.contact for one in found.examples][-1] == "Mia Buys"  # the farthest from it comes last
    assert [(one.contact, one.agent, one.owner, one.by_draft) for one in found.open] == [
        ("Rosa Diaz", "Ann Lee", "Bob Lee", True),
        ("Paul Old", "Ann Lee", None, True),
    ]
    assert found.goes_to == (("Ann Lee", 2),)
    assert decided == 0


def test_the_past_is_seen_as_it_stood_when_the_alert_opened(database: Database, now: datetime) -> None:
    evening = now - timedelta(days=2) + timedelta(hours=9)  # 18:00 in Chicago, on a Saturday
    with database.write() as session:
        make.agent(session, "ann", now=now)
        known = make.contact(session, "known", now=now)
        make.alert(session, contact_id=known, agent_id="ann", opened_at=evening - timedelta(days=90), now=now)
        seen = make.alert(
            session, contact_id=known, agent_id="ann", alert_type="LIKELY_TO_BUY", opened_at=evening, now=now
        )
        fresh = make.alert(session, agent_id="ann", opened_at=evening, now=now)
        make.signal(
            session,
            known,
            now=now,
            first_seen_at=evening - timedelta(days=1),
            closed_at=evening + timedelta(hours=1),
            last_seen_at=evening,
        )
    then = [
        {"field": "time.clock", "operator": "between", "value": ["17:00", "19:00"]},
        {"field": "time.isWeekend", "operator": "equals", "value": True},
        {"field": "alert.status", "operator": "equals", "value": "NEW"},
        {"field": "alert.assignedAgentId", "operator": "exists", "value": False},
    ]
    before = {"field": "metadata.previousAgentId", "operator": "equals", "value": "ann"}
    signal = {"field": "signals", "operator": "contains", "value": "FREQUENT_VALUE_CHECKS"}

    def caught(*conditions: dict[str, Any]) -> set[str]:
        raw = draft(*conditions)
        with database.read() as session:
            state = State.load(session)
            found = rule_preview.preview(session, raw, rule_id=None, state=state, names=NAMES, viewer=SYSTEM, now=now)
        return set(found.past.caught)

    assert caught(*then) == {seen, fresh}
    assert caught(before) == {seen}
    assert caught(signal) == {seen}


def test_a_changed_rule_stands_in_its_own_stead(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.agent(session, "ann", skills={"luxury": 1}, now=now)
        make.rule(session, rule_id="a", name="A", priority=5, conditions=[SELLS], actions=[LUXURY], now=now)
        make.rule(session, rule_id="b", name="B", priority=5, conditions=[SELLS], actions=[LUXURY], now=now)
        make.alert(session, now=now - timedelta(hours=1))

    def before(rule_id: str | None, priority: int) -> tuple[tuple[str, int], ...]:
        raw = draft(SELLS, priority=priority)
        with database.read() as session:
            state = State.load(session)
            found = rule_preview.preview(
                session, raw, rule_id=rule_id, state=state, names=NAMES, viewer=SYSTEM, now=now
            )
        return found.past.before

    assert before("a", 5) == ()
    assert before("b", 5) == (("A", 1),)
    assert before(None, 5) == (("A", 1),)
    assert before(None, 6) == ()
