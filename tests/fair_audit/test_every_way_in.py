"""Every way into a score refuses what names a protected class, or stands for one, and says why."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core import errors, fairness, own_names, signals
from core.alert_types import definition
from core.db import Database
from core.learning import targets
from core.people import upsert_contact
from core.scoring import features, generic, prior
from core.scoring.model import parse
from core.scoring.registry import Feature, Group, Registry
from core.scoring.tabular import doubts
from core.scoring.tabular.reading import Table
from core.signals import PostedSignal
from core.words import Intent

NAMES = (
    "zip",
    "ZipCode",
    "zip3",
    "territory_rate",
    "ages",
    "ageGroup",
    "maritalStatus",
    "kids_at_home",
    "réligion",
    "gender",
)


@pytest.mark.parametrize("name", [*NAMES, "ｒａｃｅ", "church_visits", "school1", "census-tract"])
def test_spellings_hide_nothing(name: str) -> None:
    assert fairness.refusal(name), name


@pytest.mark.parametrize(
    "name", ["pages_viewed", "images", "email_clicks", "mortgage_balance", "session_minutes_30d", "usages", "plates"]
)
def test_innocent_names_are_scored(name: str) -> None:
    assert fairness.refusal(name) is None


@pytest.mark.parametrize("name", NAMES)
def test_no_feature_is_registered_with_it(name: str) -> None:
    feature = Feature(name=name, label="x", unit="times", phrase="x")
    with pytest.raises(errors.Invalid):
        Registry().register(Group(features=(feature,), values=lambda *_: (1.0,)))


def a_term() -> dict[str, Any]:
    return {"edges": [1.0], "values": [0.0, 2.0], "variances": [0.0, 0.0], "missing": 0.0, "missing_variance": 0.0}


def in_a_term(stored: dict[str, Any], name: str) -> None:
    stored["terms"][name] = a_term()


def in_a_pair(stored: dict[str, Any], name: str) -> None:
    stored["pairs"] = [
        {
            "features": ["sessions_30d", name],
            "edges": [[1.0], [1.0]],
            "values": [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]],
        }
    ]


def in_a_tree(stored: dict[str, Any], name: str) -> None:
    stored["trees"] = {
        "features": [name], "feature": [0, -1, -1], "threshold": [1.0, 0.0, 0.0], "left": [1, -1, -1], "right": [2, -1, -1],
        "missing_left": [1, 0, 0], "value": [0.0, -1.0, 1.0], "roots": [0],
    }  # fmt: skip


@pytest.mark.parametrize("name", [*NAMES, "agent_notes", "count:church_visit:30d"])
@pytest.mark.parametrize("planted", [in_a_term, in_a_pair, in_a_tree])
def test_no_stored_model_is_loaded_with_it(planted: Callable[[dict[str, Any], str], None], name: str) -> None:
    stored = deepcopy(prior.parameters(Intent.LIKELY_TO_SELL))
    parse(stored, id="fine", intent=Intent.LIKELY_TO_SELL, kind="prior")
    planted(stored, name)
    with pytest.raises(errors.Invalid, match=r"speaks of|free text"):
        parse(stored, id="planted", intent=Intent.LIKELY_TO_SELL, kind="prior")


@pytest.mark.parametrize("name", ["church_visit", "birthday_click", "zip_search", "gender_update"])
def test_no_event_name_of_a_teams_own_counts_with_it(name: str) -> None:
    assert own_names.kind_of(name) is None
    with pytest.raises(errors.Invalid):
        generic.parse(f"count:{name}:30d")


def a_type(rule: dict[str, Any]) -> dict[str, Any]:
    stored = {"rule": rule, "confidence": {"belief": 0.6}}
    return {"name": "Downsizing", "description": "", "kind": "rule", "horizonDays": 90, "definition": stored}


@pytest.mark.parametrize(
    "field", ["zip", "feature.age", "territory", "count:church_visit:30d", "recency:birthday_click"]
)
def test_no_alert_type_is_written_with_it(field: str) -> None:
    fine = {"field": "feature.value_checks_30d", "operator": "greater_than", "value": 3}
    definition.validate(a_type(fine))
    with pytest.raises(errors.Invalid):
        definition.validate(a_type({**fine, "field": field}))


def test_no_trained_type_learns_it_or_from_it() -> None:
    def trained(**values: Any) -> dict[str, Any]:
        stored = {"label": {"kind": "outcome"}, "features": "all", **values}
        return {"name": "Downsizing", "description": "", "kind": "trained", "horizonDays": 90, "definition": stored}

    definition.validate(trained())
    for wrong in (
        {"features": ["zip"]},
        {"features": ["count:church_visit:30d"]},
        {"label": {"kind": "event", "name": "divorce_filed"}},
    ):
        with pytest.raises(errors.Invalid):
            definition.validate(trained(**wrong))


def test_the_products_own_intents_are_trained_on_allowed_features_only(database: Database) -> None:
    with database.read() as session:
        for target in targets.every(session):
            assert set(target.features) <= set(features.NAMES)
            assert [name for name in target.features if fairness.refusal(name)] == []


SIGNALS: tuple[dict[str, Any], ...] = (
    {"type": "LIFE_EVENT", "subtype": "marriage"},
    {"type": "LIFE_EVENT", "subtype": "birth"},
    {"type": "RELIGION", "subtype": ""},
    {"type": "CREDIT_INQUIRY", "details": {"applicantAge": 71}},
)


def test_no_signal_is_posted_with_it(database: Database, now: datetime) -> None:
    given: dict[str, Any] = {
        "contact_id": "rosa",
        "strength": 0.5,
        "confidence": 0.5,
        "occurred_at": now,
        "source": "x",
    }
    with database.write() as session:
        for values in SIGNALS:
            with pytest.raises(errors.Invalid):
                signals.post(session, PostedSignal(**{**given, **values}), now=now)


def test_no_contact_keeps_it(database: Database, now: datetime) -> None:
    with database.write() as session, pytest.raises(errors.Invalid):
        upsert_contact(session, "rosa", {"attributes": {"maritalStatus": "x"}}, actor_id=None, now=now)


def test_a_table_of_somebodys_own_is_warned_of_it() -> None:
    """The library takes any table (a bank's campaign knows the age), and says which columns the law may forbid."""
    rng = np.random.default_rng(1)
    columns = pd.DataFrame({"age": rng.integers(20, 80, 200), "visits": rng.integers(0, 9, 200)})
    table = Table(X=columns, y=(columns["visits"] > 4).to_numpy(dtype=float), time=None, unlabelled=0, untimed=0)
    assert [(one.kind, one.column) for one in doubts.of_columns(table)] == [("protected", "age")]


def test_every_class_that_is_refused_is_told_with_its_reason() -> None:
    spoken = {
        fairness.protected(name)
        for name in ("race", "faith", "sex", "child", "visa", "medical", "age", "voucher", "zip", "ssn")
    }
    assert spoken == set(fairness.REFUSED)
    assert all(fairness.REFUSED.values())
