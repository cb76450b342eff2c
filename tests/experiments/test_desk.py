"""What the Experiments page does and says."""

from datetime import datetime

import pytest
from sqlalchemy import insert

from app import runtime
from app.runtime import Runtime
from app.ui import experiment_desk
from app.ui import experiment_words as speak
from core.alerts.priority import in_force
from core.clock import FakeClock
from core.db import Database
from core.db.base import table_of
from core.db.tables import ModelVersion
from core.experiments import lifecycle
from core.experiments.definition import Kind, Method, Metric, State
from core.experiments.planning import Weeks
from core.settings import Settings
from core.viewer import Viewer
from tests import factories
from tests.experiments.making import SELL, a_body, won


@pytest.fixture
def ada(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Viewer:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        return factories.viewer(session, "ada")


def test_a_winning_threshold_is_adopted_for_its_types_alone(database: Database, ada: Viewer, now: datetime) -> None:
    with database.write() as session:
        stopped = won(session, "threshold", now=now)
    assert experiment_desk.adopt(ada, stopped, "b").ok
    with database.read() as session:
        thresholds = in_force(session, now=now)
    assert (thresholds.set_for(SELL), thresholds.set_for("LIKELY_TO_BUY")) == (0.7, 0.5)


def test_a_model_that_left_the_shadow_is_refused_in_words(database: Database, ada: Viewer, now: datetime) -> None:
    with database.write() as session:
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
        experiment = lifecycle.create(session, a_body("model"), actor_id="ada", now=now)
        lifecycle.start(session, experiment.id, actor_id="ada", now=now)
        session.get_one(ModelVersion, "challenger").status = "retired"
    refused = experiment_desk.adopt(ada, experiment.id, "b")
    assert not refused.ok
    assert refused.text
    found = experiment_desk.one(experiment.id)
    assert found is not None
    assert found[1] is not None
    assert "no longer in shadow" in found[1]["limits"][0]


def test_a_manager_changes_nothing_and_a_wrong_draft_says_why(database: Database, ada: Viewer, now: datetime) -> None:
    with database.write() as session:
        factories.manager(session, "mia", now=now)
        mia = factories.viewer(session, "mia")
    assert not experiment_desk.create(mia, a_body()).ok
    assert experiment_desk.every() == []
    refused = experiment_desk.create(ada, a_body(metric="value"))
    assert "can be judged by transacted" in refused.text
    plan, wrong = experiment_desk.plan(a_body(name=""))
    assert plan is None
    assert wrong == {"name": "1 to 120 letters"}


@pytest.mark.parametrize(
    ("weeks", "text"),
    [
        (Weeks(expected=6.2, low=5.0, high=8.1), "6 weeks (5 to 8 weeks)"),
        (Weeks(expected=20, low=11, high=60), "5 months (11 weeks to 14 months)"),
        (
            Weeks(expected=1900.0, low=1500.0, high=None),
            "more than 20 years",
        ),
        (Weeks(expected=None, low=None, high=None), "never at this rate"),
    ],
)
def test_times_are_said_with_their_range(weeks: Weeks, text: str) -> None:
    assert speak.weeks_and_range(weeks) == text


def test_differences_have_their_sign_and_unit() -> None:
    assert speak.difference(Metric.RIGHT_SHARE, 0.042) == "+4.2 points"
    assert speak.difference(Metric.RESPONSE_SECONDS, -720.0) == "−12 min"
    assert speak.difference(Metric.VALUE, 1200.0) == "+$1,200"
    result = {"variant": "b", "against": "a", "difference": 0.1, "low": -0.02, "high": 0.2, "verdict": "cannot_tell"}
    assert "cannot be told apart" in speak.said(Metric.CONVERSION, result, {"a": "As today", "b": "New"})


def test_every_word_of_an_experiment_has_a_screen_word() -> None:
    for spoken, known in ((speak.KIND, Kind), (speak.METRIC, Metric), (speak.STATE, State), (speak.METHOD, Method)):
        assert set(spoken) == set(known)
