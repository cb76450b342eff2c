"""What running experiments do to the line, and what is logged of it."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from core.alerts.priority import Thresholds
from core.db import Database
from core.db.base import table_of
from core.db.tables import Alert, Decision, Exposure, ModelVersion
from core.experiments import Running, lifecycle
from core.experiments.assigning import assign
from core.routing import State, route
from core.scoring import Explanation, Scored
from core.words import Intent, Status
from tests import factories
from tests.experiments.making import (
    SELL,
    a_candidate,
    a_score,
    an_explanation,
    contacts,
    exposures,
    pass_by,
    running,
)


def a_model(session: Session, *, now: datetime) -> None:
    """A challenger in shadow."""
    session.execute(
        insert(table_of(ModelVersion)).values(
            id="challenger",
            intent=SELL,
            status="shadow",
            kind="additive",
            parameters={},
            sha256="",
            metrics={},
            trained_on={},
            created_at=now,
        )
    )


def standing_limits(database: Database, experiment_id: str, now: datetime) -> list[str]:
    with database.read() as session:
        told = lifecycle.standing(session, lifecycle.get(session, experiment_id), now=now)
    assert told is not None
    found: list[str] = told["limits"]
    return found


def test_a_holdout_withholds_its_share_and_nothing_else(database: Database, now: datetime) -> None:
    with database.write() as session:
        experiment = running(session, now=now)
        ids = contacts(session, 300, now=now)
        opened, _ = pass_by(session, [a_candidate(one) for one in ids], now=now)
        logged = exposures(session)
    withheld = {one for one in ids if assign(experiment.variants, experiment.salt, one).key == "withheld"}
    assert 35 <= len(withheld) <= 85
    assert len(opened) == 300 - len(withheld)
    assert {one for one, row in logged.items() if row.variant == "withheld"} == withheld
    assert {one for one, row in logged.items() if row.alert_id is None} == withheld
    assert {row.alert_id for row in logged.values()} - {None} == set(opened)
    assert all(row.details["tier"] == "MEDIUM" for row in logged.values())


def test_the_log_holds_the_propensities_and_one_variant_a_contact_in_every_process(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        experiment = running(session, "threshold", now=now, alert_types=[])
        ids = contacts(session, 60, now=now)
        for days in (0, 1, 40):
            later = now + timedelta(days=days)
            pass_by(session, [a_candidate(one, 0.6 + days / 400, intent=i) for one in ids for i in Intent], now=later)
    with database.read() as session:
        rows = session.execute(select(table_of(Exposure))).all()
    shares = {variant.key: variant.share for variant in experiment.variants}
    assert len(rows) == 60 * 4
    assert all(row.propensity == shares[row.variant] for row in rows)
    here = {row.contact_id: row.variant for row in rows}
    assert all(row.variant == here[row.contact_id] for row in rows)
    code = (
        "import sys; from core.db import Database; from core.experiments import Running\n"
        "from core.experiments.assigning import assign\n"
        "with Database(sys.argv[1]).read() as session:\n"
        "    (one,) = Running.load(session).experiments\n"
        "print(*(assign(one.variants, one.salt, each).key for each in sys.argv[2:]))"
    )
    told = subprocess.run([sys.executable, "-c", code, database.url, *ids], capture_output=True, text=True, check=True)
    assert dict(zip(ids, told.stdout.split(), strict=True)) == here


def test_a_withheld_contact_stays_withheld_and_an_open_alert_is_refreshed(database: Database, now: datetime) -> None:
    with database.write() as session:
        ids = contacts(session, 40, now=now)
        pass_by(session, [a_candidate(ids[0])], now=now)
        running(session, now=now)
        for days in range(5):
            pass_by(session, [a_candidate(one, 0.6 + days / 50) for one in ids], now=now + timedelta(days=days))
        logged = exposures(session)
        alerts = session.scalars(select(Alert)).all()
    assert ids[0] not in logged  # it had an alert before it could enter
    withheld = {one for one, row in logged.items() if row.variant == "withheld"}
    assert withheld
    assert withheld.isdisjoint(alert.contact_id for alert in alerts)
    assert len(alerts) == 40 - len(withheld)
    assert [alert.confidence for alert in alerts] == pytest.approx([0.68] * len(alerts))


def test_who_has_just_been_told_no_enters_only_when_it_is_over(database: Database, now: datetime) -> None:
    with database.write() as session:
        (one,) = contacts(session, 1, now=now)
        factories.alert(session, contact_id=one, status=Status.DISMISSED, now=now)
        running(session, now=now)
        pass_by(session, [a_candidate(one)], now=now + timedelta(days=29))
        assert exposures(session) == {}
        pass_by(session, [a_candidate(one)], now=now + timedelta(days=31))
        assert set(exposures(session)) == {one}


def test_each_variant_has_its_own_threshold_and_both_are_met_from_the_lowest(database: Database, now: datetime) -> None:
    with database.write() as session:
        running(session, "threshold", now=now)
        ids = contacts(session, 80, now=now)
        opened, _ = pass_by(session, [a_candidate(one, 0.6) for one in ids[:60]], now=now)
        pass_by(session, [a_candidate(one, 0.45) for one in ids[60:]], now=now)
        logged = exposures(session)
        got = {row.contact_id for row in session.scalars(select(Alert).where(Alert.id.in_(opened)))}
    assert set(logged) == set(ids[:60])
    assert got == {one for one, row in logged.items() if row.variant == "control"}


def test_the_budget_raises_the_thresholds_of_every_variant(database: Database, now: datetime) -> None:
    with database.write() as session:
        running(session, "threshold", now=now)
        ids = contacts(session, 20, now=now)
        full = Thresholds(used=1.75)
        opened, _ = pass_by(session, [a_candidate(one, 0.78) for one in ids], thresholds=full, now=now)
        assert opened == ()
        opened, _ = pass_by(session, [a_candidate(one, 0.94) for one in ids], thresholds=full, now=now)
        assert set(exposures(session)) == set(ids)
    assert 0 < len(opened) < 20


def test_another_model_serves_its_variant_with_its_own_explanation(database: Database, now: datetime) -> None:
    def another(contact_id: str, version: str) -> tuple[Scored, Callable[[], Explanation]] | None:
        scored = a_score(SELL, 0.8, version)
        return scored, lambda: an_explanation(scored)

    with database.write() as session:
        a_model(session, now=now)
        experiment = running(session, "model", now=now)
        ids = contacts(session, 40, now=now)
        # The champion alone would alert nobody: all enter because the challenger would.
        opened, _ = pass_by(session, [a_candidate(one, 0.4) for one in ids], another=another, now=now)
        logged = exposures(session)
        alerts = {row.contact_id: row for row in session.scalars(select(Alert).where(Alert.id.in_(opened)))}
    assert Running(experiments=(experiment,)).models == {"challenger"}
    assert set(logged) == set(ids)
    assert set(alerts) == {one for one, row in logged.items() if row.variant == "b"}
    assert {(row.model_version, row.explanation["text"]) for row in alerts.values()} == {
        ("challenger", "By challenger.")
    }


def test_a_strategy_stands_for_the_teams_and_the_decision_says_so(database: Database, now: datetime) -> None:
    with database.write() as session:
        for name in ("ann", "bob"):
            factories.agent(session, name, territories=["oak-park"], capacity=100, now=now)
        running(session, "routing", now=now)
        ids = contacts(session, 30, now=now)
        opened, strategies = pass_by(session, [a_candidate(one) for one in ids], now=now)
        route(session, opened, state=State.load(session), trigger="opened", strategies=strategies, now=now)
        decisions = session.scalars(select(Decision)).all()
        logged = {row.alert_id: row.variant for row in exposures(session).values()}
    assert {one.strategy for one in decisions if logged[one.alert_id] == "b"} == {"round_robin"}
    assert {one.strategy for one in decisions if logged[one.alert_id] == "control"} == {"territory"}
    assert all(("experiment" in one.trace) == (logged[one.alert_id] == "b") for one in decisions)


def test_a_critical_alert_can_be_spared_and_then_says_nothing(database: Database, now: datetime) -> None:
    plan = {"baseline": 0.05, "effect": 0.1, "exempt_critical": True}
    with database.write() as session:
        experiment = running(session, now=now, plan=plan)
        ids = contacts(session, 60, now=now)
        hot = [a_candidate(one, 0.9, strength=0.9) for one in ids[:30]]
        opened, _ = pass_by(session, [*hot, *(a_candidate(one) for one in ids[30:])], now=now)
        logged = exposures(session)
        withheld = [one for one, row in logged.items() if row.variant == "withheld"]
        assert set(logged) == set(ids[30:])
        assert len(opened) == 60 - len(withheld)
        again, _ = pass_by(session, [a_candidate(one, 0.9, strength=0.9) for one in withheld], now=now)
    assert len(again) == len(withheld) > 0
    assert any("Critical alerts are never withheld" in one for one in standing_limits(database, experiment.id, now))


def test_nobody_new_enters_after_the_end_and_who_is_in_stays_in(database: Database, now: datetime) -> None:
    with database.write() as session:
        running(session, now=now, plan={"baseline": 0.05, "effect": 0.1, "weeks": 4})
        ids = contacts(session, 60, now=now)
        pass_by(session, [a_candidate(one) for one in ids[:30]], now=now)
        after = now + timedelta(weeks=5)
        opened, _ = pass_by(session, [a_candidate(one) for one in ids], now=after)
        logged = exposures(session)
        withheld = [one for one, row in logged.items() if row.variant == "withheld"]
    assert set(logged) == set(ids[:30])
    assert withheld
    assert len(opened) == 30


def test_without_an_experiment_the_line_asks_nothing(database: Database, now: datetime) -> None:
    asked: list[str] = []
    with database.write() as session:
        ids = contacts(session, 3, now=now)
        none = Running.load(session)
        listen = event.listens_for(database.engine, "before_cursor_execute")
        listen(lambda *given: asked.append(given[2]))
        candidates = [a_candidate(one) for one in ids]
        met = none.meet(session, candidates, thresholds=Thresholds(), now=now)
        assert met.opened(session, ["x"]) == {}
    assert met.candidates is candidates
    assert [one for one in asked if "expos" in one or "alerts" in one] == []


def test_processes_see_a_start_and_a_stop(database: Database, now: datetime) -> None:
    with database.write() as session:
        before = Running.load(session)
        experiment = running(session, now=now)
        assert before.is_stale(session)
        during = Running.load(session)
        assert [one.id for one in during.experiments] == [experiment.id]
        lifecycle.stop(session, experiment.id, actor_id=None, now=now)
        assert during.is_stale(session)
        assert Running.load(session).experiments == ()
