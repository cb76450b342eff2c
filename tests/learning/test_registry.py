"""A version comes and goes by one way, verified, audited, and never two at once."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from core import errors, scoring, versions
from core.db import Database
from core.db.tables import AuditRow, ModelVersion
from core.learning import registry
from core.scoring import prior
from core.words import Intent, ModelStatus
from tests import races

SELL = Intent.LIKELY_TO_SELL


@pytest.fixture(autouse=True)
def shipped(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now)


def challenger(database: Database, *, base: float = -4.0, until: str = "shadow", now: datetime) -> str:
    with database.write() as session:
        made = registry.begin(session, SELL, note="nightly", now=now)
        parameters = {**prior.parameters(SELL), "base": base}
        registry.finish(
            session, made, kind="logistic", parameters=parameters, metrics={}, trained_on={}, note="ready", now=now
        )
        if until == "shadow":
            registry.shadow(session, made, now=now)
    return made


def deployed(database: Database) -> str:
    with database.read() as session:
        return session.scalars(
            select(ModelVersion.id).where(ModelVersion.intent == SELL, ModelVersion.status == ModelStatus.DEPLOYED)
        ).one()


def test_a_version_goes_from_training_to_deployed_and_back(database: Database, now: datetime) -> None:
    first = deployed(database)
    made = challenger(database, now=now)
    with database.write() as session:
        counted = versions.number(session, "models")
        registry.promote(session, made, replaces=first, note="better", now=now)
        assert versions.number(session, "models") == counted + 1
    assert deployed(database) == made
    with database.read() as session:
        assert scoring.Models.load(session).model(SELL).id == made
        assert session.get_one(ModelVersion, first).status == ModelStatus.RETIRED
        actions = session.scalars(
            select(AuditRow.action).where(AuditRow.subject_id == made).order_by(AuditRow.id)
        ).all()
    assert actions == ["model.begun", "model.trained", "model.shadowed", "model.promoted"]
    with database.write() as session:
        assert registry.rollback(session, SELL, actor_id="admin", now=now).id == first
    assert deployed(database) == first
    with database.read() as session, pytest.raises(errors.Conflict, match="nothing to go back to"):
        registry.rollback(session, SELL, now=now)


def test_ids_are_readable_and_unique(database: Database, now: datetime) -> None:
    made = {challenger(database, until="validating", now=now) for _ in range(5)}
    assert len(made) == 5
    assert all(one.startswith("likely_to_sell-2026-03-02-") for one in made)


def test_only_what_is_in_shadow_is_promoted(database: Database, now: datetime) -> None:
    made = challenger(database, until="validating", now=now)
    with database.write() as session, pytest.raises(errors.Conflict, match="only a version that is shadow"):
        registry.promote(session, made, now=now)
    with database.write() as session, pytest.raises(errors.Conflict):
        registry.retire(session, deployed(database), now=now)
    with database.write() as session, pytest.raises(errors.NotFound):
        registry.shadow(session, "nothing", now=now)


def test_one_version_of_an_intent_is_in_shadow_at_a_time(database: Database, now: datetime) -> None:
    challenger(database, now=now)
    other = challenger(database, until="validating", now=now)
    with database.write() as session, pytest.raises(errors.Conflict, match="in shadow already"):
        registry.shadow(session, other, now=now)


def test_parameters_changed_in_the_table_are_never_deployed(database: Database, now: datetime) -> None:
    first, made = deployed(database), challenger(database, now=now)
    with database.write() as session:
        session.execute(
            update(ModelVersion)
            .where(ModelVersion.id == made)
            .values(parameters={**prior.parameters(SELL), "base": 3.0})
        )
    with database.write() as session, pytest.raises(errors.Conflict, match="digest differs"):
        registry.promote(session, made, now=now)
    assert deployed(database) == first


def test_what_is_no_model_never_leaves_training(database: Database, now: datetime) -> None:
    with database.write() as session:
        made = registry.begin(session, SELL, note="nightly", now=now)
    with database.write() as session, pytest.raises(errors.Invalid):
        registry.finish(session, made, kind="x", parameters={"base": 1}, metrics={}, trained_on={}, note="", now=now)
    with database.write() as session:
        assert registry.in_training(session) == [made]
        registry.give_up(session, made, note="ended", now=now)
        assert registry.in_training(session) == []


def test_of_two_promotions_at_once_one_is_refused(database: Database, now: datetime) -> None:
    first = deployed(database)
    made = challenger(database, now=now)
    with database.write() as session:  # a second one in shadow, as two nights at once might leave it
        other = registry.begin(session, SELL, note="", now=now)
        registry.finish(
            session,
            other,
            kind="logistic",
            parameters=prior.parameters(SELL),
            metrics={},
            trained_on={},
            note="",
            now=now,
        )
        session.execute(update(ModelVersion).where(ModelVersion.id == other).values(status=ModelStatus.SHADOW))
    ready = threading.Barrier(2)
    ended: list[str] = []

    def race(version_id: str) -> None:
        ready.wait()
        try:
            with database.write() as session:
                registry.promote(session, version_id, replaces=first, now=now)
            ended.append("promoted")
        except errors.Conflict:
            ended.append("refused")

    threads = [threading.Thread(target=race, args=(one,)) for one in (made, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["promoted", "refused"]
    assert deployed(database) in (made, other)


def test_two_that_enter_the_shadow_at_once_are_not_both_in_it(database: Database, now: datetime) -> None:
    one, other = (challenger(database, until="validating", now=now) for _ in range(2))
    told = races.at_once(
        database,
        lambda session: registry.shadow(session, one, now=now),
        lambda session: registry.shadow(session, other, now=now),
    )
    assert told == "Conflict"


def test_a_rollback_that_waited_for_a_promotion_goes_back_from_it(database: Database, now: datetime) -> None:
    first, second = deployed(database), challenger(database, now=now)
    with database.write() as session:
        registry.promote(session, second, now=now)
        registry.shadow(session, first, now=now)
    told = races.at_once(
        database,
        lambda session: registry.promote(session, first, now=now),
        lambda session: registry.rollback(session, SELL, now=now),
    )
    assert (told, deployed(database)) == ("", second)


def test_recalibrating_moves_the_intercept_and_nothing_else(database: Database, now: datetime) -> None:
    first = deployed(database)
    with database.write() as session:
        row = registry.recalibrate(
            session, SELL, probability=-0.5, note="30 observed, 50 expected", now=now + timedelta(days=1)
        )
        before = session.get_one(ModelVersion, first).parameters
    assert deployed(database) == row.id
    assert row.previous_id == first
    assert row.parameters["probability"]["intercept"] == pytest.approx(before["probability"]["intercept"] - 0.5)
    assert row.parameters["terms"] == before["terms"]
    assert row.parameters["confidence"] == before["confidence"]
