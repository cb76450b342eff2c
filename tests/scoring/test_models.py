"""Models: exact sums, monotone, the same alone and in batches, verified when loaded, and right about the stories."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import errors, history, scoring, signals
from core.db import Database
from core.db.tables import Contact, LatestScore, ModelVersion, Score
from core.events import RecordedEvent
from core.history import Home
from core.scoring import Models, Scored, deployed, features, prior
from core.scoring.model import LEAST, MOST, Compiled, digest, parse
from core.words import Intent
from tests.history.behaviour import times, value_checks
from tests.races import at_once

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def _shipped() -> Models:
    models = []
    for intent in Intent:
        shipped = deployed.shipped_model(intent)
        models.append(parse(shipped["parameters"], id=f"{intent}-shipped", intent=intent, kind=shipped["kind"]))
    return Models(0, Compiled(models, features.NAMES))


MODELS = {"prior": Models.of_prior(), "shipped": _shipped()}
EVERY_MODEL = pytest.mark.parametrize("models", MODELS.values(), ids=MODELS.keys())
some_vectors = st.lists(
    st.one_of(st.just(nan), st.integers(0, 40).map(float), st.floats(-1, 1e6)),
    min_size=len(features.NAMES),
    max_size=len(features.NAMES),
)


def _vector(happened: Sequence[RecordedEvent], *, homes: Sequence[Home] = ()) -> tuple[float, ...]:
    past = history.of("contact-1", happened, homes=homes, first_seen_at=NOW, now=NOW)
    found = [signals.as_open("contact-1", each) for each in signals.detect(past, now=NOW)]
    return features.vector(past, found, now=NOW)


def _scores(models: Models, vector: Sequence[float]) -> dict[str, Scored]:
    return {one.intent: one for one in scoring.score(models, vector)}


def _journey(*, over_days: int) -> list[RecordedEvent]:
    """10 value checks spread over some days, the newest an hour ago, and 2 comparable views."""
    apart = over_days / 10
    checks = [each for n in range(10) for each in value_checks(1, now=NOW, days_ago=n * apart + 1 / 24)]
    return checks + times(2, "PROPERTY_VIEW", "comparable_view", now=NOW, days_ago=min(1, apart))


@EVERY_MODEL
@pytest.mark.parametrize("over_days", [0, 1, 5, 12])
def test_ten_value_checks_and_two_comparables_are_likely_to_sell_and_nothing_else(
    models: Models, over_days: int
) -> None:
    scores = _scores(models, _vector(_journey(over_days=over_days)))
    assert {intent for intent, one in scores.items() if one.confidence >= 0.5} == {"LIKELY_TO_SELL"}


@EVERY_MODEL
def test_a_quiet_contact_is_far_below(models: Models) -> None:
    for vector in (_vector([]), _vector(times(3, now=NOW, days_ago=5)), _vector([], homes=[Home(4e5, 2e5, None)])):
        for one in _scores(models, vector).values():
            assert one.confidence < 0.15
            assert one.probability < 0.06


@EVERY_MODEL
@given(first=some_vectors, second=some_vectors)
@settings(max_examples=40, deadline=None)
def test_alone_and_in_batches_are_the_same(models: Models, first: list[float], second: list[float]) -> None:
    batch = scoring.score_batch(models, [first, second])
    for together, vector in zip(batch, (first, second), strict=True):
        for one, alone in zip(together, scoring.score(models, vector), strict=True):
            assert one.intent == alone.intent
            assert one[1:10] == pytest.approx(alone[1:10], rel=1e-9)


@EVERY_MODEL
@given(vector=some_vectors)
@settings(max_examples=40, deadline=None)
def test_intervals_hold_the_number_and_nothing_is_certain(models: Models, vector: list[float]) -> None:
    for one in scoring.score(models, vector):
        assert LEAST <= one.probability_low <= one.probability <= one.probability_high <= MOST
        assert LEAST <= one.confidence_low <= one.confidence <= one.confidence_high <= MOST
        assert one.lift == pytest.approx(one.probability / one.base_rate)


@EVERY_MODEL
@given(vector=some_vectors)
@settings(max_examples=40, deadline=None)
def test_contributions_add_up_exactly(models: Models, vector: list[float]) -> None:
    past = history.of("contact-1", [], now=NOW)
    for one in scoring.score(models, vector):
        explained = scoring.why(models, one.intent, vector, history=past)
        total = explained.base + sum(each["contribution"] for each in explained.contributions)
        assert total == pytest.approx(one.log_odds, abs=1e-6)
        assert explained.log_odds == pytest.approx(one.log_odds, abs=1e-6)
        json.dumps(explained.contributions, allow_nan=False)


@EVERY_MODEL
@given(vector=some_vectors, more=st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_more_value_checks_never_make_a_sale_less_likely(models: Models, vector: list[float], more: int) -> None:
    at = features.index("value_checks_30d")
    vector[at] = 0.0 if vector[at] != vector[at] else vector[at]
    fewer = _scores(models, vector)["LIKELY_TO_SELL"]
    vector[at] += more
    assert _scores(models, vector)["LIKELY_TO_SELL"].log_odds >= fewer.log_odds - 1e-9


@EVERY_MODEL
def test_each_story_opens_its_own_alert(models: Models) -> None:
    quiet = dict(zip(features.NAMES, _vector([]), strict=True))
    for intent, story in prior.STORIES.items():
        one = _scores(models, [story.features.get(name, quiet[name]) for name in features.NAMES])[intent]
        assert one.confidence >= 0.5, intent


def test_the_prior_gives_sane_base_rates() -> None:
    everyday = _vector(times(4, now=NOW, days_ago=9) + times(1, "DOCUMENT_ACCESS", now=NOW, days_ago=9))
    for one in scoring.score(MODELS["prior"], everyday):
        assert 0.008 < one.probability < 0.04
        assert 0.01 < one.base_rate <= 0.03


def test_the_same_digest_however_numbers_are_written() -> None:
    assert digest({"b": 1, "a": [0.1, -0.0]}) == digest({"a": [0.1, 0.0], "b": 1.0})
    assert digest({"a": 1}) != digest({"a": 1.0000001})


@pytest.mark.parametrize(
    "damage",
    [
        {"base": float("inf")},
        {"base_rate": 0.0},
        {"terms": {"value_checks_30d": {"edges": [1.0], "values": [0.0], "variances": [0.0], "missing": 0}}},
        {"confidence": {"slope": -1.0, "intercept": 0.0}},
        {"terms": None},
    ],
)
def test_parameters_that_are_not_a_model_are_refused(damage: dict[str, object]) -> None:
    with pytest.raises(errors.Invalid):
        parse({**prior.parameters(Intent.LIKELY_TO_SELL), **damage}, id="x", intent="x", kind="prior")


def test_a_model_of_an_unknown_feature_is_refused() -> None:
    parameters = prior.parameters(Intent.LIKELY_TO_SELL)
    parameters["terms"]["visits_of_nobody"] = parameters["terms"]["value_checks_30d"]
    model = parse(parameters, id="x", intent="LIKELY_TO_SELL", kind="prior")
    with pytest.raises(errors.Invalid):
        Compiled([model], features.NAMES)


def test_models_are_installed_once_and_noticed(database: Database, now: datetime) -> None:
    with database.write() as session:
        with pytest.raises(errors.Invalid):
            Models.load(session)
        scoring.install(session, now=now)
    with database.write() as session:
        models = Models.load(session)
        assert not models.is_stale(session)
        scoring.install(session, now=now + timedelta(days=1))
        assert not models.is_stale(session), "what is deployed stays"
        session.execute(update(ModelVersion).where(ModelVersion.intent == "LIKELY_TO_SELL").values(status="retired"))
        scoring.install(session, now=now + timedelta(days=2))
        assert models.is_stale(session)
        assert len(Models.load(session).compiled.models) == 4


def test_tampered_parameters_are_not_loaded(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now)
        row = session.scalars(select(ModelVersion).limit(1)).one()
        good = Models.load(session).model(row.intent).base
        row.parameters = {**row.parameters, "base": good + 1}
        session.flush()
        models = Models.load(session)
    assert models.model(row.intent).base == good  # the shipped one
    assert list(models.wrong) == [row.intent]
    assert "digest differs" in models.wrong[row.intent]


def test_scores_are_kept_with_their_features_and_the_newest_is_found(database: Database, now: datetime) -> None:
    models, vector = MODELS["prior"], _vector(_journey(over_days=5))
    scored = scoring.score(models, vector)
    with database.write() as session:
        session.add(Contact(id="contact-1", first_seen_at=now, updated_at=now))
        session.flush()
        scoring.store(session, [("contact-1", _vector([]), scoring.score(models, _vector([])))], now=now)
        scoring.store(session, [("contact-1", vector, scored)], now=now + timedelta(hours=1))
    with database.read() as session:
        kept = session.scalars(select(Score).order_by(Score.id)).all()
        latest = session.scalars(select(LatestScore)).all()
    assert len(kept) == 2
    assert np.array_equal(scoring.unpack(kept[1].features), np.array(vector, dtype="<f4"), equal_nan=True)
    assert set(kept[1].results) == set(Intent)
    assert len(latest) == 4
    assert {one.intent: one.confidence for one in latest} == pytest.approx(
        {one.intent: one.confidence for one in scored}
    )


def test_strength_is_what_all_signals_say_together() -> None:
    past = history.of("contact-1", _journey(over_days=5), first_seen_at=NOW, now=NOW)
    (found,) = [signals.as_open("contact-1", each) for each in signals.detect(past, now=NOW)]
    assert scoring.strength([]) == 0
    assert scoring.strength([found]) == pytest.approx(found.strength * found.confidence)
    assert scoring.strength([found, found]) > scoring.strength([found])


def test_two_processes_that_begin_together_install_once(database: Database, now: datetime) -> None:
    def install(session: Session) -> None:
        scoring.install(session, now=now)

    assert at_once(database, install, install) == ""
    with database.read() as session:
        assert Counter(session.scalars(select(ModelVersion.intent))) == Counter(dict.fromkeys(Intent, 1))
