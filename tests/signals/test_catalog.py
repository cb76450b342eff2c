"""Every signal of the catalog: it loads, keeps the contract of a signal, and fires exactly at its threshold."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import history, signals
from core.events import RecordedEvent
from core.history import KINDS, History
from core.signals import Found, evidence, registry
from core.signals.definition import Match, Prior, SignalDefinition
from core.words import SignalCategory
from tests.history.behaviour import event, times, value_checks

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
KNOWN_SINCE = NOW - timedelta(days=170)
DOMAIN = {
    "DOCUMENT_ACCESS_SPIKE": SignalCategory.DOCUMENT_ACTIVITY,
    "DOCUMENT_DOWNLOAD_PATTERN": SignalCategory.DOCUMENT_ACTIVITY,
    "DOCUMENT_SHARING_ACTIVITY": SignalCategory.DOCUMENT_ACTIVITY,
    "DORMANT_REACTIVATION": SignalCategory.DOCUMENT_ACTIVITY,
    "HIGH_EMAIL_ENGAGEMENT": SignalCategory.EMAIL_ENGAGEMENT,
    "REFINANCE_INTEREST": SignalCategory.EMAIL_ENGAGEMENT,
    "MARKET_REPORT_VIEWS": SignalCategory.EMAIL_ENGAGEMENT,
    "FREQUENT_VALUE_CHECKS": SignalCategory.PLATFORM_BEHAVIOR,
    "CALCULATOR_USAGE": SignalCategory.PLATFORM_BEHAVIOR,
    "COMPARABLE_RESEARCH": SignalCategory.PLATFORM_BEHAVIOR,
    "PROFILE_UPDATES": SignalCategory.PLATFORM_BEHAVIOR,
}


def _past(happened: list[RecordedEvent], *, machine_ids: set[int] | None = None) -> History:
    return history.of("contact-1", happened, machine_ids=machine_ids or set(), first_seen_at=KNOWN_SINCE, now=NOW)


def _found(happened: list[RecordedEvent], signal_type: str) -> Found | None:
    return next((each for each in signals.detect(_past(happened), now=NOW) if each.type == signal_type), None)


def test_the_catalog_is_the_domain_table() -> None:
    assert {each.type: each.category for each in signals.definitions()} == DOMAIN


@pytest.mark.parametrize("definition", registry.definitions(), ids=lambda each: each.type)
def test_a_signal_keeps_the_contract(definition: SignalDefinition) -> None:
    assert set(definition.kinds) <= set(KINDS)
    assert definition.prior.rate > 0
    assert definition.prior.shape > 0
    assert definition.label
    assert definition.find(History("nobody", NOW), history.today(NOW)) is None
    busy = _past(
        [
            each
            for event_type, name, more in (
                ("DOCUMENT_ACCESS", None, {}),
                ("DOCUMENT_DOWNLOAD", None, {}),
                ("DOCUMENT_SHARE", None, {}),
                ("EMAIL_SENT", None, {}),
                ("EMAIL_OPEN", None, {"campaign": "market_report"}),
                ("EMAIL_CLICK", "refinance", {}),
                ("BUTTON_CLICK", "value_check", {}),
                ("CALCULATOR_USE", None, {}),
                ("PROPERTY_VIEW", "comparable_view", {}),
                ("FORM_SUBMIT", "profile_update", {}),
            )
            for each in times(60, event_type, name, now=NOW, days_ago=2, **more)
        ]
        + times(1, "DOCUMENT_ACCESS", now=NOW, days_ago=120)
    )
    match = definition.find(busy, history.today(NOW))
    assert match is not None
    assert 0 < match.strength <= 1
    assert 0 < evidence.confidence(match, definition.prior) <= evidence.MOST
    assert definition.find(busy, history.today(NOW)) == match, "the same history gives the same answer"


COUNTED: list[tuple[str, int, int, Callable[[int], list[RecordedEvent]]]] = [
    ("DOCUMENT_ACCESS_SPIKE", 5, 20, lambda n: times(n, "DOCUMENT_ACCESS", now=NOW)),
    ("DOCUMENT_DOWNLOAD_PATTERN", 3, 10, lambda n: times(n, "DOCUMENT_DOWNLOAD", now=NOW)),
    ("DOCUMENT_SHARING_ACTIVITY", 2, 5, lambda n: times(n, "DOCUMENT_SHARE", now=NOW)),
    ("REFINANCE_INTEREST", 2, 5, lambda n: times(n, "EMAIL_CLICK", now=NOW, campaignId="refinance-now")),
    ("MARKET_REPORT_VIEWS", 3, 6, lambda n: times(n, "PAGE_VIEW", "market_report_view", now=NOW)),
    ("FREQUENT_VALUE_CHECKS", 5, 10, lambda n: value_checks(n, now=NOW)),
    ("CALCULATOR_USAGE", 3, 8, lambda n: times(n, "CALCULATOR_USE", now=NOW)),
    ("COMPARABLE_RESEARCH", 4, 10, lambda n: times(n, "PROPERTY_VIEW", "comparable_view", now=NOW)),
    ("PROFILE_UPDATES", 2, 4, lambda n: times(n, "FORM_SUBMIT", "profile_update", now=NOW)),
]


@pytest.mark.parametrize(("signal_type", "threshold", "full", "make"), COUNTED, ids=[each[0] for each in COUNTED])
def test_it_fires_at_its_threshold_and_not_below(
    signal_type: str, threshold: int, full: int, make: Callable[[int], list[RecordedEvent]]
) -> None:
    assert _found(make(threshold - 1), signal_type) is None
    at = _found(make(threshold), signal_type)
    assert at is not None
    assert at.strength == pytest.approx(threshold / full)
    assert at.event_count == threshold
    capped = _found(make(full + 5), signal_type)
    assert capped is not None
    assert capped.strength == 1


def test_a_spike_needs_more_than_twice_the_week_before() -> None:
    twice = times(6, "DOCUMENT_ACCESS", now=NOW) + times(3, "DOCUMENT_ACCESS", now=NOW, days_ago=8)
    assert _found(twice, "DOCUMENT_ACCESS_SPIKE") is None
    assert _found([*twice, *times(1, "DOCUMENT_ACCESS", now=NOW)], "DOCUMENT_ACCESS_SPIKE") is not None


def test_a_window_ends_where_the_table_says() -> None:
    assert _found(value_checks(5, now=NOW, days_ago=29), "FREQUENT_VALUE_CHECKS") is not None
    assert _found(value_checks(5, now=NOW, days_ago=30), "FREQUENT_VALUE_CHECKS") is None
    assert _found(times(5, "DOCUMENT_ACCESS", now=NOW, days_ago=6), "DOCUMENT_ACCESS_SPIKE") is not None
    assert _found(times(5, "DOCUMENT_ACCESS", now=NOW, days_ago=7), "DOCUMENT_ACCESS_SPIKE") is None


def test_coming_back_needs_a_silence_and_something_before_it() -> None:
    lately, before = times(3, "DOCUMENT_ACCESS", now=NOW), times(1, "DOCUMENT_SHARE", now=NOW, days_ago=120)
    found = _found(lately + before, "DORMANT_REACTIVATION")
    assert found is not None
    assert found.strength == 0.8
    assert _found(lately, "DORMANT_REACTIVATION") is None
    assert _found(lately[:2] + before, "DORMANT_REACTIVATION") is None
    assert _found(lately + before + times(1, "DOCUMENT_ACCESS", now=NOW, days_ago=45), "DORMANT_REACTIVATION") is None
    for edge, fires in ((89, False), (90, True), (179, True), (180, False)):
        found = _found(lately + times(1, "DOCUMENT_ACCESS", now=NOW, days_ago=edge), "DORMANT_REACTIVATION")
        assert (found is not None) is fires, edge


def _mails(sent: int, opened: int, clicked: int) -> list[RecordedEvent]:
    return [
        *times(sent, "EMAIL_SENT", now=NOW, days_ago=10),
        *times(opened, "EMAIL_OPEN", now=NOW, days_ago=9),
        *times(clicked, "EMAIL_CLICK", now=NOW, days_ago=9),
    ]


def test_mail_engagement_is_a_rate_over_at_least_four_mails() -> None:
    assert _found(_mails(3, 3, 3), "HIGH_EMAIL_ENGAGEMENT") is None
    assert _found(_mails(4, 2, 1), "HIGH_EMAIL_ENGAGEMENT") is None
    opens, clicks = _found(_mails(4, 3, 0), "HIGH_EMAIL_ENGAGEMENT"), _found(_mails(10, 5, 4), "HIGH_EMAIL_ENGAGEMENT")
    assert opens is not None
    assert opens.strength == 0.75
    assert clicks is not None
    assert clicks.strength == 0.5, "the greater rate"
    assert _found(_mails(10, 0, 3), "HIGH_EMAIL_ENGAGEMENT") is None


def test_machines_do_not_make_a_signal_and_lower_its_confidence() -> None:
    people, robots = value_checks(6, now=NOW), value_checks(6, now=NOW)
    machine_ids = {each.id for each in robots}
    assert not signals.detect(_past(robots, machine_ids=machine_ids), now=NOW)
    clean = signals.detect(_past(people), now=NOW)[0]
    mixed = signals.detect(_past(people + robots, machine_ids=machine_ids), now=NOW)[0]
    assert mixed.event_count == clean.event_count
    assert mixed.confidence == pytest.approx(clean.confidence / 2, abs=0.01)


def test_what_is_usual_for_a_contact_is_weaker_evidence() -> None:
    new = signals.detect(_past(value_checks(6, now=NOW)), now=NOW)[0]
    always = [each for month in range(1, 6) for each in value_checks(6, now=NOW, days_ago=month * 30 + 5)]
    usual = signals.detect(_past(value_checks(6, now=NOW) + always), now=NOW)[0]
    assert new.confidence > 0.95
    assert usual.confidence < 0.8
    assert usual.evidence["expected"] > new.evidence["expected"]


@given(
    count=st.integers(1, 60),
    earlier=st.integers(0, 60),
    rate=st.floats(0.001, 2),
    shape=st.floats(0.2, 5),
    exposure=st.floats(1, 90),
)
def test_more_of_the_same_is_never_weaker_evidence(
    count: int, earlier: int, rate: float, shape: float, exposure: float
) -> None:
    prior = Prior(rate=rate, shape=shape)

    def sure(count: int, earlier: int) -> float:
        match = Match(strength=1, count=count, exposure=exposure, earlier=earlier, earlier_exposure=90)
        return evidence.confidence(match, prior)

    assert 0 < sure(count, earlier) <= evidence.MOST
    assert sure(count + 1, earlier) >= sure(count, earlier) - 1e-12
    assert sure(count, earlier + 1) <= sure(count, earlier) + 1e-12


def test_the_evidence_is_the_negative_binomial_of_the_books() -> None:
    match = Match(strength=1, count=4, exposure=30, earlier=2, earlier_exposure=60)
    # Gamma(1 + 2, 50 + 60): P(X < 4) = sum of C(k + 2, k) (110/140)^3 (30/140)^k
    p, q = 110 / 140, 30 / 140
    expected = p**3 * (1 + 3 * q + 6 * q**2 + 10 * q**3)
    assert evidence.below(match, Prior(rate=1 / 50, shape=1)) == pytest.approx(expected)


def test_an_event_after_now_is_not_seen() -> None:
    later = [event("PAGE_VIEW", "value_check", at=NOW + timedelta(minutes=1)) for _ in range(9)]
    assert signals.detect(_past(later), now=NOW) == []
