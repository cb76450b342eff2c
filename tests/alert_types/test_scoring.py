"""What an own type scores: it explains itself exactly, learns from outcomes, and opens alerts as the four do."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core import alert_types, scoring
from core.alert_types import Types, book, definition
from core.alert_types.fields import Facts
from core.alert_types.own_type import OUTCOMES, Evidence, OwnType
from core.db import Database
from core.db.tables import Alert, LatestScore, ModelVersion, Score
from core.history import History
from core.pipeline import World
from core.scoring import features
from core.scoring.deployed import shipped_model
from core.scoring.model import digest
from core.versions import bump
from core.words import Intent, Outcome, Status
from tests import factories
from tests.alert_types.conftest import an_active_type, claim, run, visit
from tests.alert_types.writing import CHECKED, a_type, when

WEEK = timedelta(days=7)


def a_rule(raw: dict[str, Any] | None = None, *, evidence: Evidence | None = None, **values: Any) -> OwnType:
    new = definition.validate(raw or a_type(**values))
    return OwnType(
        id="CLAIM",
        name=new.name,
        horizon_days=60,
        version="claim-rule-1",
        definition=new.definition,
        evidence=evidence or Evidence(),
    )


def facts(now: datetime, **known: float) -> Facts:
    """What a contact of whom these features are known looks like."""
    vector = [0.0] * len(features.NAMES)
    for name, value in known.items():
        vector[features.INDEX[name]] = value
    history = History("rosa", now)
    return Facts(vector, history, (), {}, now)


POINTS = {
    "base": -0.5,
    "points": [
        {"when": CHECKED, "add": 0.9},
        {"when": {"any": [when("feature.searches_30d", "greater_than", 1), when("feature.years_owned", "greater_than", 9)]}, "add": 0.6},
        {"when": {"not": when("feature.sessions_30d", "greater_than", 0)}, "add": -1.5},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        a_rule(rule={"all": [CHECKED, when("feature.searches_30d", "less_than", 9)]}),
        a_rule(rule={"not": when("feature.searches_30d", "greater_than", 9)}, confidence={"belief": 0.9}),
        a_rule(rule=CHECKED, confidence=POINTS),
        a_rule(rule=CHECKED, confidence=POINTS, evidence=Evidence(right=3, wrong=9, expected=0.6)),
        a_rule(rule=CHECKED, evidence=Evidence(right=12, wrong=3, converted=4)),
        a_rule(rule=when("feature.searches_30d", "greater_than", 90)),
    ],
)
def test_contributions_and_base_add_up_to_the_log_odds_and_every_line_is_said(rule: OwnType, now: datetime) -> None:
    seen = facts(now, value_checks_30d=4.0, searches_30d=3.0, years_owned=11.0)
    scored, why = rule.score(seen), rule.explain(seen)
    assert why.base + sum(each["contribution"] for each in why.contributions) == pytest.approx(
        scored.log_odds, abs=1e-9
    )
    assert why.confidence == scored.confidence
    assert scored.confidence_low < scored.confidence < scored.confidence_high
    assert 0 < scored.probability_low < scored.probability < scored.probability_high < scored.confidence_high
    assert all(each["text"] for each in why.top_factors)
    assert why.text.endswith(".")


def test_a_belief_is_the_confidence_where_the_rule_holds_and_an_ordinary_contact_is_where_it_does_not(
    now: datetime,
) -> None:
    rule = a_rule(rule=CHECKED)
    assert rule.score(facts(now, value_checks_30d=1.0)).confidence == pytest.approx(0.6)
    quiet = rule.score(facts(now))
    assert quiet.confidence == pytest.approx(0.1 * 60 / 365)
    assert quiet.lift == pytest.approx(1.0)
    assert "does not fit" in rule.explain(facts(now)).text


def test_what_is_unknown_satisfies_nothing_but_being_unknown(now: datetime) -> None:
    unknown = facts(now, years_owned=float("nan"))
    for operator, value in (("less_than", 5), ("not_equals", 5), ("not_in", [5])):
        assert a_rule(rule=when("feature.years_owned", operator, value)).score(unknown).confidence < 0.1
    assert a_rule(rule=when("feature.years_owned", "exists", False)).score(unknown).confidence > 0.5


def test_outcomes_move_the_confidence_as_a_prior_of_twenty_says(now: datetime) -> None:
    held = facts(now, value_checks_30d=1.0)
    before, after = (a_rule(rule=CHECKED, evidence=one) for one in (Evidence(), Evidence(right=10, wrong=30)))
    assert after.score(held).confidence == pytest.approx((0.6 * 20 + 10) / (20 + 40))
    width = [one.score(held).confidence_high - one.score(held).confidence_low for one in (before, after)]
    assert width[1] < width[0]
    line = next(each for each in after.explain(held).contributions if each["feature"] == OUTCOMES)
    assert line["contribution"] < 0


def test_an_alert_of_an_own_type_opens_with_its_reasons_and_every_score_is_kept(
    database: Database, world: World, now: datetime
) -> None:
    with database.write() as session:
        type_id = an_active_type(session, now=now)
        claim(session, now=now)
        visit(session, "value_check", times=2, at=now - timedelta(hours=2))
    decided = run(database, world, now=now)
    with database.read() as session:
        alert = session.scalars(select(Alert).where(Alert.alert_type == type_id)).one()
        score = session.scalars(select(Score)).one()
        latest = session.get_one(LatestScore, ("rosa", type_id))
    assert decided.opened == (alert.id,)
    assert (alert.assigned_agent_id, alert.model_version) == ("ann", f"{type_id.lower()}-rule-2")
    assert {factor["text"] for factor in alert.top_factors} == {
        "shows the signal insurance claim (strength 0.8)",
        "checked the home's value twice today, usually never",
    }
    assert score.results[type_id][1] == pytest.approx(alert.confidence, abs=1e-6)
    assert latest.confidence == pytest.approx(0.6)


def test_a_draft_opens_nothing_and_a_retired_type_leaves_what_is_open(
    database: Database, world: World, now: datetime
) -> None:
    with database.write() as session:
        stored, _ = book.add(session, a_type(rule=CHECKED), actor_id="ada", now=now)
        visit(session, "value_check", at=now)
    assert run(database, world, now=now).opened == ()

    with database.write() as session:
        book.activate(session, stored.id, actor_id="ada", now=now)
    later = now + timedelta(minutes=1)
    assert len(run(database, world, now=later).opened) == 1, "activating looks at contacts again, without new events"

    with database.write() as session:
        book.retire(session, stored.id, actor_id="ada", now=later)
        factories.contact(session, "noor", now=now)
        visit(session, "value_check", "noor", at=later)
        visit(session, "value_check", "rosa", at=later)
    assert run(database, world, now=later + WEEK).opened == ()
    with database.read() as session:
        assert session.scalars(select(Alert.status)).all() == [Status.NEW]


def test_a_changed_definition_counts_from_the_next_decision_on(database: Database, world: World, now: datetime) -> None:
    with database.write() as session:
        type_id = an_active_type(session, rule=when("count:open_house_view:14d", "greater_than", 4), now=now)
        visit(session, "Open House View", times=2, at=now)
    assert run(database, world, now=now).opened == ()
    with database.write() as session:
        text = a_type(rule=when("count:open_house_view:14d", "greater_than", 1))
        book.replace(session, type_id, text, version=None, actor_id="ada", now=now)
    later = now + timedelta(minutes=1)
    assert len(run(database, world, now=later).opened) == 1
    with database.read() as session:
        assert session.scalars(select(Alert.top_factors)).one()[0]["text"] == "did “open house view” twice in 14 days"


def test_outcomes_of_a_type_are_noticed_within_minutes(database: Database, world: World, now: datetime) -> None:
    with database.write() as session:
        type_id = an_active_type(session, rule=CHECKED, now=now)
    run(database, world, now=now)
    with database.write() as session:
        for _ in range(3):
            made = factories.alert(session, alert_type=type_id, status=Status.DISMISSED, now=now)
            factories.outcome(session, made, Outcome.FALSE_POSITIVE, now=now)
        visit(session, "value_check", at=now)
    run(database, world, now=now + timedelta(minutes=11))
    with database.read() as session:
        assert session.get_one(LatestScore, ("rosa", type_id)).confidence == pytest.approx(12 / 23)


def test_a_trained_type_is_scored_by_its_model_once_one_is_deployed(
    database: Database, world: World, now: datetime
) -> None:
    raw = a_type(kind="trained")
    raw["definition"] |= {"rule": CHECKED, "label": {"kind": "transaction", "type": "sale"}}
    with database.write() as session:
        stored, _ = book.add(session, raw, actor_id="ada", now=now)
        book.activate(session, stored.id, actor_id="ada", now=now)
        visit(session, "value_check", at=now)
    first = run(database, world, now=now).scores["rosa"][-1]
    assert (first.intent, first.model_version) == (stored.id, f"{stored.id.lower()}-rule-2")

    parameters = shipped_model(Intent.LIKELY_TO_SELL)["parameters"]
    with database.write() as session:
        session.add(
            ModelVersion(
                id="own-1",
                intent=stored.id,
                status="deployed",
                kind="additive",
                parameters=parameters,
                sha256=digest(parameters),
                created_at=now,
            )
        )
        bump(session, "models")
        visit(session, "value_check", times=9, at=now)
    later = now + timedelta(minutes=1)
    scores = {one.intent: one for one in run(database, world, now=later).scores["rosa"]}
    assert scores[stored.id].model_version == "own-1"
    assert scores[stored.id].confidence == pytest.approx(scores["LIKELY_TO_SELL"].confidence)

    with database.write() as session:
        book.retire(session, stored.id, actor_id="ada", now=later)
        visit(session, "value_check", at=later)
    assert stored.id not in {one.intent for one in run(database, world, now=later).scores["rosa"]}


def test_a_definition_that_no_longer_reads_is_left_out_and_the_line_goes_on(
    database: Database, world: World, now: datetime
) -> None:
    with database.write() as session:
        type_id = an_active_type(session, rule=CHECKED, now=now)
        session.execute(
            book.table_of(book.AlertType)
            .update()
            .values(definition={"rule": when("feature.gone", "exists"), "confidence": {"belief": 0.6}})
        )
        bump(session, "alert_types")
        visit(session, "value_check", at=now)
    scores = run(database, world, now=now).scores["rosa"]
    assert type_id not in {one.intent for one in scores}
    assert len(scores) == len(Intent)


def test_without_own_types_nothing_is_computed(database: Database, world: World, now: datetime) -> None:
    with database.read() as session:
        types = Types.load(session, now=now)
        scored = {"rosa": scoring.score(world.models, facts(now).vector)}
        assert not types.is_stale(session, now=now + 10 * WEEK)
    assert alert_types.score(types, scored, vectors={}, histories={}, open_signals={}) is scored
