"""Serving any form of model: alone and in batches, now and from what was stored, with shadows, and without a restart."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from core import errors, events, history, pipeline, scoring, versions
from core.db import Database
from core.db.tables import AlertType, ModelVersion, Score
from core.learning import reading, registry
from core.scoring import Models, features, generic
from core.scoring.curves import LEAST, MOST
from core.scoring.model import Compiled, as_stored, digest, parse
from core.words import Intent
from tests.scoring import random_models

FORMS: dict[str, dict[str, Any]] = {
    "terms": {"pairs": 0, "trees": 0},
    "pairs": {"pairs": 6, "trees": 0},
    "trees": {"pairs": 0, "trees": 8},
    "all": {"pairs": 3, "trees": 3},
}
EVERY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
seeds = st.integers(0, 2**32 - 1)


def _compiled(seed: int, form: dict[str, Any]) -> Compiled:
    return Compiled(
        [random_models.model(seed + at, intent=intent, **form) for at, intent in enumerate(Intent)], features.NAMES
    )


@EVERY_FORM
@given(seed=seeds)
@settings(max_examples=25, deadline=None)
def test_alone_and_in_batches_are_the_same_numbers(form: dict[str, Any], seed: int) -> None:
    compiled, rows = _compiled(seed, form), random_models.vectors(seed, 12)
    for together, row in zip(compiled.many(rows), rows.tolist(), strict=True):
        for one, alone in zip(together, compiled.one(row), strict=True):
            assert (one.intent, one.model_version) == (alone.intent, alone.model_version)
            assert one[1:10] == pytest.approx(alone[1:10], rel=1e-9, abs=1e-12)
            assert LEAST <= one.probability_low <= one.probability <= one.probability_high <= MOST
            assert LEAST <= one.confidence_low <= one.confidence <= one.confidence_high <= MOST


@EVERY_FORM
@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_what_is_stored_scores_as_it_did(form: dict[str, Any], seed: int) -> None:
    compiled, rows = _compiled(seed, form), random_models.vectors(seed, 12)
    stored = [scoring.unpack(bytes(as_stored(row))) for row in rows.tolist()]
    assert compiled.many(rows) == compiled.many(np.array(stored))


def test_a_value_on_an_edge_is_in_the_bin_above_it_though_32_bits_hold_less_of_it() -> None:
    assert float(np.float32(0.7)) < 0.7
    term = {"edges": [0.7], "values": [0.0, 1.0], "variances": [0.0, 0.0], "missing": 0.0, "missing_variance": 0.0}
    parameters = {**random_models.parameters(1, pairs=0, trees=0), "base": 0.0, "terms": {"loan_to_value": term}}
    compiled = Compiled([parse(parameters, id="x", intent="x", kind="x")], features.NAMES)
    vector = [0.0] * len(features.NAMES)
    vector[features.index("loan_to_value")] = 0.7
    (alone,) = compiled.one(vector)
    assert alone.log_odds == 1.0
    assert compiled.many([vector])[0][0].log_odds == 1.0


@pytest.mark.parametrize(
    "damage",
    [
        {"probability": {"knots": [[0.0, -1.0], [0.1, 0.2]]}},
        {"probability": {"knots": [[0.0, 1.0], [0.2, 0.1]]}},
        {"confidence": {"knots": [[0.0, 1.0], [0.2, 1.1]]}},
        {"confidence": {"slope": 1.0, "intercept": 0.0, "kind": "guess"}},
        {"pairs": [{"features": ["searches_30d"], "edges": [[1.0]], "values": [[0.0]]}]},
        {"trees": {"features": ["searches_30d"], "feature": [0], "threshold": [1.0], "left": [0], "right": [0]}},
        {"evidence": {"edges": [0.0], "rows": [3, 4], "positives": [4, 1]}},
        {"evidence": {"edges": [0.0], "rows": [3], "positives": [1]}},
        {"base_variance": -1.0},
    ],
)
def test_parameters_of_no_model_are_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(errors.Invalid):
        parse({**random_models.parameters(3), **damage}, id="x", intent="x", kind="x")


def _put(session: Session, id: str, intent: str, parameters: dict[str, Any], *, status: str, now: datetime) -> None:
    session.execute(
        insert(ModelVersion).values(
            id=id,
            intent=intent,
            status=status,
            kind="random",
            parameters=parameters,
            sha256=digest(parameters),
            metrics={},
            trained_on={},
            created_at=now,
        )
    )
    versions.bump(session, "models")


def _damage(session: Session, id: str) -> None:
    session.execute(update(ModelVersion).where(ModelVersion.id == id).values(sha256="0" * 64))
    versions.bump(session, "models")


def _post(session: Session, contact_id: str, *, name: str = "value_check", number: int = 0, now: datetime) -> None:
    raw = {
        "eventId": f"{contact_id}-{name}-{number}",
        "userId": contact_id,
        "eventType": "PAGE_VIEW",
        "eventName": name,
        "occurredAt": (now - timedelta(hours=1)).isoformat(),
    }
    events.record(session, [events.parse(raw, now=now)], now=now)


def test_models_in_shadow_are_scored_and_kept_beside_and_shown_to_nobody(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now)
        _put(session, "tried", "LIKELY_TO_SELL", random_models.parameters(5), status="shadow", now=now)
        _put(session, "broken", "LIKELY_TO_BUY", random_models.parameters(6), status="shadow", now=now)
        _damage(session, "broken")
        _post(session, "rosa", now=now)
    with database.write() as session:
        world = pipeline.World.load(session)
        decided = pipeline.decide(session, world=world, now=now)
    assert [model.id for model in world.models.shadow.models] == ["tried"], "a damaged one is left out"
    assert {one.intent for one in decided.scores["rosa"]} == set(Intent)
    with database.read() as session:
        kept = session.scalars(select(Score)).one()
    (expected,) = world.models.shadow.one(scoring.unpack(kept.features).tolist())
    assert kept.results["shadow:tried"] == pytest.approx([expected.probability, expected.confidence], abs=1e-6)
    assert set(kept.results) == {*Intent, "shadow:tried"}


def test_a_damaged_model_leaves_the_last_good_one_serving_and_says_so(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now)
        world = pipeline.World.load(session)
        good = world.models.model("LIKELY_TO_SELL").id
        _damage(session, good)
        _post(session, "rosa", now=now)
    with database.write() as session:
        decided = pipeline.decide(session, world=world, now=now)
    assert {one.model_version for one in decided.scores["rosa"] if one.intent == "LIKELY_TO_SELL"} == {good}
    assert set(world.models.wrong) == {"LIKELY_TO_SELL"}
    assert "digest" in world.models.wrong["LIKELY_TO_SELL"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL keeps no broken JSON
@pytest.mark.parametrize("stored", ["{}", "[1]", '{"base": 1,'])
def test_a_process_that_starts_on_a_damaged_model_takes_the_one_before_it(
    database: Database, stored: str, now: datetime
) -> None:
    with database.write() as session:
        scoring.install(session, now=now)
        shipped = Models.load(session).model(Intent.LIKELY_TO_SELL).id
        moved, again = (
            registry.recalibrate(
                session, Intent.LIKELY_TO_SELL, probability=0.1, note="", now=now + timedelta(days=days)
            ).id
            for days in (1, 2)
        )
    for damaged, instead in ((again, moved), (moved, shipped), (shipped, shipped)):
        with database.write() as session:
            session.execute(
                text("UPDATE model_versions SET parameters = :it WHERE id = :id"), {"it": stored, "id": damaged}
            )
        with database.read() as session:
            found = Models.load(session)
            assert (found.model(Intent.LIKELY_TO_SELL).id, set(found.wrong)) == (instead, {"LIKELY_TO_SELL"})
            assert reading.version(session, damaged).features == ()
            assert len(reading.versions(session)) == 6


def test_two_processes_swap_to_the_same_version_between_two_batches(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now)
        worlds = [pipeline.World.load(session) for _ in range(2)]
        old = worlds[0].models.model("LIKELY_TO_BUY").id
    served = []
    for number in range(2):
        for at, world in enumerate(worlds):
            with database.write() as session:
                _post(session, f"contact-{at}", number=number, now=now)
            with database.write() as session:
                scores = pipeline.decide(session, world=world, now=now).scores[f"contact-{at}"]
            served.append(next(one.model_version for one in scores if one.intent == "LIKELY_TO_BUY"))
        with database.write() as session:
            session.execute(update(ModelVersion).where(ModelVersion.id == old).values(status="retired"))
            if number == 0:
                _put(session, "new", "LIKELY_TO_BUY", random_models.parameters(8), status="deployed", now=now)
    assert served == [old, old, "new", "new"]
    with database.read() as session:
        numbers = {world.models.version for world in worlds}
        assert numbers == {versions.number(session, "models")}


def test_a_trained_type_of_a_teams_own_is_scored_with_features_made_of_its_event_names(
    database: Database, now: datetime
) -> None:
    names = ("count:brochure_order:30d", "recency:brochure_order", "value_checks_30d", "loan_to_value", "searches_30d",
             "days_since_visit", "years_owned", "sessions_30d")  # fmt: skip
    parameters = random_models.parameters(9, names=names, terms=3, pairs=2, trees=2)
    parameters["terms"]["count:brochure_order:30d"] = {
        "edges": [1.0], "values": [0.0, 2.0], "variances": [0.0, 0.0], "missing": 0.0, "missing_variance": 0.0
    }  # fmt: skip
    with database.write() as session:
        scoring.install(session, now=now)
        session.add(
            AlertType(
                id="WANTS_TO_DOWNSIZE",
                name="Wants to downsize",
                description="",
                kind="trained",
                status="active",
                definition={},
                horizon_days=90,
                created_at=now,
                updated_at=now,
            )
        )
        _put(session, "downsizers-1", "WANTS_TO_DOWNSIZE", parameters, status="deployed", now=now)
        for number in range(2):
            _post(session, "rosa", name="brochure_order", number=number, now=now)
    with database.write() as session:
        world = pipeline.World.load(session)
        decided = pipeline.decide(session, world=world, now=now)
        past = history.load(session, ["rosa"], now=now)["rosa"]
    assert "count:brochure_order:30d" in world.models.extra
    vector = (*features.vector(past, [], now=now), *generic.values(past, world.models.extra, now=now))
    own = next(one for one in decided.scores["rosa"] if one.intent == "WANTS_TO_DOWNSIZE")
    assert own.log_odds == pytest.approx(world.models.compiled.one(vector)[-1].log_odds)
    explained = scoring.why(world.models, "WANTS_TO_DOWNSIZE", vector, history=past)
    assert "did “brochure order” twice in 30 days" in [each["text"] for each in explained.top_factors]
    with database.read() as session:
        kept = session.scalars(select(Score)).one()
    assert len(scoring.unpack(kept.features)) == len(features.NAMES)
