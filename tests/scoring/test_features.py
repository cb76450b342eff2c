"""Features: at least 36, as they stood, unknown is missing, the same alone and in batches, and none the law forbids."""

from datetime import UTC, date, datetime, timedelta
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import errors, fairness, history, signals
from core.history import Fact, History, Home
from core.scoring import features
from core.scoring.registry import Feature, Group, Registry
from tests.history.behaviour import event, times, value_checks

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
EVENT_TYPES = (
    ("DOCUMENT_ACCESS", None),
    ("EMAIL_SENT", None),
    ("EMAIL_OPEN", None),
    ("EMAIL_CLICK", "refinance"),
    ("PAGE_VIEW", "value_check"),
    ("CALCULATOR_USE", None),
    ("PROPERTY_VIEW", None),
    ("SEARCH", "rental"),
)


def _named(past: History) -> dict[str, float]:
    found = [signals.as_open(past.contact_id, each) for each in signals.detect(past, now=past.now)]
    return dict(zip(features.NAMES, features.vector(past, found, now=past.now), strict=True))


def test_there_are_at_least_thirty_six_and_each_can_be_said() -> None:
    assert len(features.FEATURES) >= 36
    assert len(set(features.NAMES)) == len(features.NAMES)
    for feature in features.FEATURES:
        assert feature.label, feature.name
        assert feature.unit, feature.name
        assert feature.phrase, feature.name


def test_unknown_is_missing_and_unseen_is_zero() -> None:
    named = _named(History("nobody", NOW))
    for name in (
        "days_since_document",
        "email_open_rate_90d",
        "email_click_rate_90d",
        "session_minutes_30d",
        "property_count",
        "years_owned",
        "estimated_equity",
        "loan_to_value",
        "days_since_visit",
        "peak_hour",
        "preferred_device",
        "recent_address_change",
        "recent_job_change",
        "signal_confidence",
    ):
        assert isnan(named[name]), name
    assert named["value_checks_30d"] == 0
    assert named["signal_strength"] == 0


def test_the_numbers_are_those_of_the_behaviour() -> None:
    at = NOW.replace(hour=9)
    happened = [
        *value_checks(6, now=at, days_ago=2, session_id="a", device="mobile"),
        *times(4, "EMAIL_SENT", now=NOW, days_ago=20),
        *times(1, "EMAIL_OPEN", now=NOW, days_ago=19),
        *times(9, "DOCUMENT_ACCESS", now=NOW, days_ago=60),
    ]
    named = _named(
        history.of(
            "contact-1",
            happened,
            homes=[Home(500_000, 300_000, date(2016, 3, 2)), Home(None, None, None)],
            facts=[Fact("LIFE_EVENT", "job_change", 0.8, 0.5, NOW - timedelta(days=3))],
            now=NOW,
        )
    )
    assert named["value_checks_30d"] == 6
    assert named["email_open_rate_90d"] == 0.25
    assert named["document_accesses_30d"] == 0
    assert named["document_accesses_per_week"] == pytest.approx(9 / (90 / 7))
    assert named["days_since_document"] == 60
    assert named["days_since_visit"] == 2
    assert named["sessions_30d"] == 1
    assert named["session_minutes_30d"] == 5
    assert named["preferred_device"] == features.DEVICE_CODES["mobile"]
    assert named["property_count"] == 2
    assert named["years_owned"] == pytest.approx(10, abs=0.01)
    assert named["estimated_equity"] == 200_000
    assert named["loan_to_value"] == 0.6
    assert named["recent_job_change"] == pytest.approx(0.4)
    assert named["signal_frequent_value_checks"] == 0.6
    assert named["platform_signals"] == 1


@given(
    seen=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(EVENT_TYPES), st.floats(-2, 190)),
        max_size=40,
    )
)
def test_alone_and_in_batches_are_the_same(seen: list[tuple[int, tuple[str, str | None], float]]) -> None:
    contacts = [f"contact-{number}" for number in range(3)]
    happened = [
        event(event_type, name, at=NOW - timedelta(days=age), contact_id=contacts[who])
        for who, (event_type, name), age in seen
    ]
    past = {
        contact: history.of(contact, [each for each in happened if each.contact_id == contact], now=NOW)
        for contact in contacts
    }
    opened = {
        contact: [signals.as_open(contact, found) for found in signals.detect(past[contact], now=NOW)]
        for contact in contacts
    }
    together = features.vectors(past, opened, now=NOW)
    for row, contact in zip(together, contacts, strict=True):
        alone = features.vector(past[contact], opened[contact], now=NOW)
        assert [None if isnan(x) else x for x in row] == [None if isnan(x) else x for x in alone]


@given(
    seen=st.lists(st.tuples(st.sampled_from(EVENT_TYPES), st.floats(-100, 190)), max_size=40),
)
def test_what_happens_later_changes_nothing_now(seen: list[tuple[tuple[str, str | None], float]]) -> None:
    happened = [event(event_type, name, at=NOW - timedelta(days=age)) for (event_type, name), age in seen]
    known = [each for each in happened if each.occurred_at <= NOW]
    with_later, without = history.of("contact-1", happened, now=NOW), history.of("contact-1", known, now=NOW)
    assert str(_named(with_later)) == str(_named(without))


@pytest.mark.parametrize(
    "name",
    [
        "race",
        "religion",
        "customer_sex",
        "gender",
        "maritalStatus",
        "is_married",
        "number_of_children",
        "national_origin",
        "disability",
        "age",
        "contact_age_years",
        "birth_date",
        "zip",
        "zip_code",
        "zipcode_mean_value",
        "territory",
        "school_district",
        "primary_language",
        "first_name",
        "notes",
        "free_text_comment",
        "handicapped",
    ],
)
def test_a_feature_the_law_forbids_cannot_be_registered(name: str) -> None:
    registry = Registry()
    feature = Feature(name=name, label="x", unit="times", phrase="x")
    with pytest.raises(errors.Invalid) as refused:
        registry.register(Group(features=(feature,), values=lambda *_: (1.0,)))
    assert name in refused.value.fields
    assert registry.features == []


def test_none_of_the_features_is_protected_and_no_place_is_scored() -> None:
    for feature in features.FEATURES:
        assert fairness.protected(feature.name) is None, feature.name
        assert not fairness.free_text(feature.name), feature.name
    assert {field for field in History.__dataclass_fields__ if "territory" in field or "zip" in field} == set()
    assert set(Home._fields) == {"estimated_value", "mortgage_balance", "purchased_on"}


def test_words_that_only_look_like_it_are_fine() -> None:
    for name in ("average_visits", "mortgage_balance", "pages_viewed", "usage_30d", "email_open_rate_90d"):
        assert fairness.protected(name) is None, name


def test_a_session_of_days_is_a_wrong_clock_and_its_length_unknown() -> None:
    happened = [
        *value_checks(1, now=NOW, days_ago=9, session_id="reused"),
        *value_checks(1, now=NOW, days_ago=2, session_id="reused"),
    ]
    named = _named(history.of("contact-1", happened, now=NOW))
    assert named["sessions_30d"] == 1
    assert isnan(named["session_minutes_30d"])
