"""From draft to conclusion: what is refused and why, what is frozen, what is audited, and what is counted."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from core.db import Database
from core.db.base import table_of
from core.db.tables import Alert, AuditRow, Exposure, Transaction
from core.errors import Conflict, Invalid, NotFound
from core.experiments import drafting, lifecycle
from core.experiments.definition import Experiment, State
from core.experiments.outlook import outlook
from core.experiments.units import units
from core.words import Intent, Outcome, Status
from tests import factories, races
from tests.experiments.making import CONFIGS, SELL, a_body, a_candidate, contacts, pass_by, running

KNOWN = drafting.Known(horizons={intent.value: 180 for intent in Intent}, models={"challenger": SELL})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"kind": "colour"}, "kind"),
        ({"metric": "right_share"}, "metric"),
        ({"alert_types": ["NONE"]}, "alertTypes"),
        ({"variants": CONFIGS["holdout"][:1]}, "variants"),
        ({"variants": [{"name": "A", "share": 0.7}, CONFIGS["holdout"][1]]}, "variants"),
        ({"variants": [{"name": "A", "share": 0.7}, CONFIGS["holdout"][1] | {"share": 0.3}]}, "variants.1.share"),
        ({"variants": [CONFIGS["holdout"][0], CONFIGS["holdout"][1] | {"config": {}}]}, "variants.1.config"),
        ({"variants": [CONFIGS["holdout"][0] | {"config": {"withhold": True}}, {}]}, "variants.0.config"),
        ({"plan": {}}, "plan.effect"),
        ({"plan": {"effect": 0.1, "power": 1.5}}, "plan.power"),
        ({"plan": {"effect": 0.1, "method": "peeking"}}, "plan.method"),
        ({"plan": {"effect": 0.1, "method": "group_sequential", "looks": 1}}, "plan.looks"),
        ({"plan": {"effect": 0.1, "luck": 1}}, "plan"),
    ],
)
def test_a_wrong_field_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        drafting.draft(a_body() | values, known=KNOWN)
    assert field in refused.value.fields


def test_an_effect_past_everything_is_refused(database: Database, now: datetime) -> None:
    with database.write() as session, pytest.raises(Invalid) as refused:
        lifecycle.create(session, a_body(plan={"effect": 0.9, "baseline": 0.5}), actor_id=None, now=now)
    assert "plan.effect" in refused.value.fields


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("threshold", {"threshold": 1.2}),
        ("threshold", {"threshold": True}),
        ("routing", {"strategy": {"round_robin": 1}}),
        ("routing", {"strategy": "favourites"}),
        ("model", {"model": "nobody"}),
        ("model", {"threshold": 0.6}),
    ],
)
def test_a_variant_that_cannot_be_served_is_refused(kind: str, config: dict[str, Any]) -> None:
    variants = [CONFIGS[kind][0], CONFIGS[kind][1] | {"config": config}]
    with pytest.raises(Invalid) as refused:
        drafting.draft(a_body(kind, variants=variants), known=KNOWN)
    assert "variants.1.config" in refused.value.fields


def test_a_draft_changes_and_goes_and_a_started_one_does_neither(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        draft = lifecycle.create(session, a_body(), actor_id="ada", now=now)
        changed = lifecycle.change(session, draft.id, {"name": "Better"}, actor_id="ada", now=now)
        assert (changed.name, changed.metric, changed.plan["baseline"]) == ("Better", "transacted", 0.05)
        other = lifecycle.create(session, a_body(), actor_id="ada", now=now)
        lifecycle.remove(session, other.id, actor_id="ada", now=now)
        with pytest.raises(NotFound):
            lifecycle.get(session, other.id)
        started = lifecycle.start(session, draft.id, actor_id="ada", now=now)
        assert (started.status, started.ends_at) == (State.RUNNING, now + timedelta(weeks=52))
        for refused in (
            lambda: lifecycle.change(session, draft.id, {"name": "Late"}, actor_id="ada", now=now),
            lambda: lifecycle.remove(session, draft.id, actor_id="ada", now=now),
            lambda: lifecycle.start(session, draft.id, actor_id="ada", now=now),
        ):
            with pytest.raises(Conflict):
                refused()
        stopped = lifecycle.stop(session, draft.id, reason="Enough", actor_id="ada", now=now)
        with pytest.raises(Conflict):
            lifecycle.stop(session, draft.id, actor_id="ada", now=now)
        rows = session.scalars(
            select(AuditRow.action).where(AuditRow.subject_id == draft.id, AuditRow.actor_id == "ada")
        ).all()
    assert stopped.conclusion is not None
    assert (stopped.conclusion["state"], stopped.conclusion["reason"]) == ("stopped_early", "Enough")
    assert rows == ["experiment.create", "experiment.change", "experiment.start", "experiment.stop"]


def test_a_draft_that_is_started_at_the_same_moment_is_neither_changed_nor_deleted(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        drafts = [lifecycle.create(session, a_body(alert_types=[one]), actor_id=None, now=now).id for one in Intent]
    steps = (
        lambda session, which: lifecycle.change(session, which, {"name": "Late"}, actor_id=None, now=now),
        lambda session, which: lifecycle.remove(session, which, actor_id=None, now=now),
    )
    for which, step in zip(drafts, steps, strict=False):
        told = races.at_once(
            database,
            lambda session, which=which: lifecycle.start(session, which, actor_id=None, now=now),
            lambda session, which=which, step=step: step(session, which),
        )
        assert told == "Conflict"


def test_one_of_a_kind_runs_for_a_type_and_other_kinds_beside_it(database: Database, now: datetime) -> None:
    with database.write() as session:
        running(session, now=now)
        running(session, "threshold", now=now)
        running(session, now=now, alert_types=[Intent.LIKELY_TO_BUY.value])
        for types in ([SELL], []):
            with pytest.raises(Conflict):
                running(session, now=now, alert_types=types)


def test_a_plan_says_how_many_and_how_long(database: Database, now: datetime) -> None:
    with database.write() as session:
        for day in range(100):
            opened = now - timedelta(days=day * 1.8)
            factories.alert(session, opened_at=opened, status=Status.EXPIRED, now=now)
        body = a_body("threshold", metric="conversion", plan={"baseline": 0.7, "effect": 0.1})
        plan = lifecycle.plan(session, body, now=now)
        sequential = lifecycle.plan(
            session, body | {"plan": body["plan"] | {"method": "group_sequential", "looks": 5}}, now=now
        )
    # 100 contacts in 25.5 weeks.
    assert plan["sizes"] == {"control": 294, "b": 294}
    assert plan["expected"]["perWeek"] == pytest.approx(100 / 25.46, rel=0.01)
    assert plan["expected"]["weeks"] == pytest.approx(588 / plan["expected"]["perWeek"] + 90 / 7)
    assert plan["expected"]["weeksLow"] < plan["expected"]["weeks"] < plan["expected"]["weeksHigh"]
    assert [one["months"] for one in plan["smallest"]] == [3, 6, 12]
    effects = [one["effect"] for one in plan["smallest"]]
    assert effects[2] is not None
    assert effects[2] < (effects[1] or 1.0)
    assert 1.0 < sequential["total"] / plan["total"] < 1.05
    # New contacts enter for a year: fewer than planned come, and then only a larger difference is found.
    assert plan["reachable"]["contacts"] == pytest.approx(52 * 100 / 25.46, abs=2)
    assert plan["reachable"]["effect"] > 0.1


def test_a_team_without_alerts_is_told_that_nothing_can_be_told(database: Database, now: datetime) -> None:
    with database.read() as session:
        assert outlook(session, now=now).alerts_a_year.per_week == 0
        plan = lifecycle.plan(session, a_body(), now=now)
    assert plan["expected"]["weeks"] is None
    assert [one["effect"] for one in plan["smallest"]] == [None, None, None]


def test_the_outlook_is_the_teams_own(database: Database, now: datetime) -> None:
    with database.write() as session:
        for number in range(40):
            opened = now - timedelta(days=100)
            status = Status.CONVERTED if number < 10 else Status.DISMISSED
            alert = factories.alert(
                session, opened_at=opened, status=status, acknowledged_at=opened + timedelta(hours=1), now=now
            )
            right = Outcome.TRUE_POSITIVE if number < 30 else Outcome.FALSE_POSITIVE
            factories.outcome(session, alert, right, converted=number < 10, value=8_000.0, now=now)
        own = outlook(session, now=now)
    assert own.baselines["right_share"] == pytest.approx(0.75)
    assert own.baselines["conversion"] == pytest.approx(0.25)
    assert own.baselines["value"] == pytest.approx(2_000)
    assert own.baselines["response_seconds"] == pytest.approx(3600, abs=1)
    assert own.spreads["value"] == pytest.approx(8_000 * (0.25 * 0.75) ** 0.5)
    assert (own.labelled, own.guessed) == (1.0, ())
    assert own.alerts.per_week == pytest.approx(40 / (100 / 7))


def test_what_happened_is_counted_in_the_variant_that_was_given(database: Database, now: datetime) -> None:
    with database.write() as session:
        experiment = running(session, now=now)
        ids = contacts(session, 6, now=now)
        pass_by(session, [a_candidate(one) for one in ids], now=now)
        days = {ids[0]: 10, ids[1]: 180, ids[2]: 181, ids[3]: -1}
        rows = [(one, "sale", now + timedelta(days=day)) for one, day in days.items()]
        for number, (one, kind, at) in enumerate([*rows, (ids[4], "purchase", now + timedelta(days=5))]):
            session.execute(
                insert(table_of(Transaction)).values(
                    id=f"t{number}", contact_id=one, kind=kind, occurred_at=at, source="mls", recorded_at=now
                )
            )
        found = {one.contact_id: one for one in units(session, experiment)}
    assert {one: found[one].value for one in ids} == dict(zip(ids, (1.0, 1.0, 0.0, 0.0, 0.0, 0.0), strict=True))
    assert {one.matures_at for one in found.values()} == {now + timedelta(days=194)}


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("right_share", [1.0, 0.0, None, 1.0, None]),
        ("conversion", [1.0, 0.0, 0.0, 0.0, 0.0]),
        ("value", [9_000.0, 0.0, 0.0, 0.0, 0.0]),
        ("response_seconds", [60.0, 604_800.0, 604_800.0, 604_800.0, 3600.0]),
    ],
)
def test_each_metric_reads_alerts_within_its_follow_up(
    metric: str, values: list[float | None], database: Database, now: datetime
) -> None:
    with database.write() as session:
        plan = {"baseline": 0.2, "effect": 0.1} if metric in ("right_share", "conversion") else {}
        plan = plan or {"baseline": 100.0, "effect": 50.0, "sd": 100.0}
        experiment = running(session, "routing", metric=metric, plan=plan, now=now)
        ids = contacts(session, 5, now=now)
        pass_by(session, [a_candidate(one) for one in ids], now=now)
        alerts = _alerts(session)
        late = now + timedelta(days=120)
        right, wrong = Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE
        factories.outcome(session, alerts[ids[0]], right, converted=True, value=9_000.0, now=now + timedelta(days=9))
        factories.outcome(session, alerts[ids[1]], wrong, now=now + timedelta(days=9))
        factories.outcome(session, alerts[ids[2]], right, converted=True, value=1.0, now=late)
        factories.outcome(session, alerts[ids[3]], right, now=now + timedelta(days=30))
        for one, waited in ((ids[0], timedelta(minutes=1)), (ids[3], timedelta(days=30)), (ids[4], timedelta(hours=1))):
            session.execute(update(Alert).where(Alert.id == alerts[one]).values(acknowledged_at=now + waited))
        found = {one.contact_id: one.value for one in units(session, experiment)}
    assert [found[one] for one in ids] == values


def _alerts(session: Any) -> dict[str, str]:
    return {row.contact_id: row.alert_id for row in session.scalars(select(Exposure)) if row.alert_id}


def test_running_ones_come_first(database: Database, now: datetime) -> None:
    with database.write() as session:
        old = lifecycle.create(session, a_body(), actor_id=None, now=now)
        live = running(session, "threshold", now=now)
        new = lifecycle.create(session, a_body(), actor_id=None, now=now + timedelta(days=1))
        found: list[Experiment] = lifecycle.list_experiments(session)
    assert [one.id for one in found] == [live.id, new.id, old.id]
