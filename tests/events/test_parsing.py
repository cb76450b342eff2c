import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import events
from core.errors import Invalid, TooLarge
from core.words import EventCategory, EventType
from tests.events.making import wire


def test_camel_and_snake_case_read_the_same(now: datetime) -> None:
    camel = wire(now, eventId="a", eventName="value_check", sessionId="s", pageUrl="https://home.test/x")
    snake = {
        "event_id": "a",
        "user_id": "user-1",
        "event_type": "PAGE_VIEW",
        "event_name": "value_check",
        "session_id": "s",
        "page_url": "https://home.test/x",
        "occurred_at": now.isoformat(),
    }
    assert events.parse(camel, now=now) == events.parse(snake, now=now)


def test_timestamp_is_another_name_of_occurred_at(now: datetime) -> None:
    raw = wire(now)
    raw["timestamp"] = raw.pop("occurredAt")
    assert events.parse(raw, now=now).occurred_at == now


def test_unknown_fields_are_kept_as_properties_and_named_ones_win(now: datetime) -> None:
    raw = wire(now, campaignId="spring", url="https://a.test", properties={"url": "https://b.test"})
    assert events.parse(raw, now=now).properties == {"campaignId": "spring", "url": "https://b.test"}


def test_times_are_turned_to_utc(now: datetime) -> None:
    read = events.parse(wire(now, occurredAt="2026-03-02T08:30:00-06:00"), now=now)
    assert read.occurred_at == datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
    assert read.occurred_at.tzinfo is UTC


def test_a_clock_that_runs_ahead_is_pulled_back_and_its_claim_is_kept(now: datetime) -> None:
    ahead = now + timedelta(hours=2)
    read = events.parse(wire(now, occurredAt=ahead.isoformat()), now=now)
    assert read.occurred_at == now
    assert datetime.fromisoformat(read.properties["claimedAt"]) == ahead


def test_five_minutes_ahead_is_let_pass(now: datetime) -> None:
    ahead = now + timedelta(minutes=5)
    read = events.parse(wire(now, occurredAt=ahead.isoformat()), now=now)
    assert read.occurred_at == ahead
    assert read.properties == {}


def test_a_late_event_keeps_its_time(now: datetime) -> None:
    late = now - timedelta(days=400)
    assert events.parse(wire(now, occurredAt=late.isoformat()), now=now).occurred_at == late


@pytest.mark.parametrize(
    ("event_type", "event_name", "category"),
    [
        ("DOCUMENT_DOWNLOAD", None, EventCategory.DOCUMENT_ACTIVITY),
        ("EMAIL_CLICK", None, EventCategory.EMAIL_ENGAGEMENT),
        ("PAGE_VIEW", "value_check", EventCategory.PLATFORM_BEHAVIOR),
        ("CALCULATOR_USE", "mortgage", EventCategory.FINANCIAL_TOOLS),
        ("SEARCH", None, EventCategory.PROPERTY_RESEARCH),
        ("PROPERTY_VIEW", None, EventCategory.PROPERTY_RESEARCH),
        ("PAGE_VIEW", "comparable_view", EventCategory.PROPERTY_RESEARCH),
        ("FORM_SUBMIT", "profile_update", EventCategory.ACCOUNT_MANAGEMENT),
        ("BUTTON_CLICK", None, EventCategory.PLATFORM_BEHAVIOR),
    ],
)
def test_the_category_follows_from_type_and_name(
    event_type: str, event_name: str | None, category: EventCategory, now: datetime
) -> None:
    read = events.parse(wire(now, eventType=event_type, eventName=event_name), now=now)
    assert read.event_category is category


def test_every_type_has_a_category() -> None:
    assert {events.category_of(kind, None) for kind in EventType} <= set(EventCategory)


def test_a_category_the_client_names_is_kept(now: datetime) -> None:
    read = events.parse(wire(now, eventCategory="ACCOUNT_MANAGEMENT"), now=now)
    assert read.event_category is EventCategory.ACCOUNT_MANAGEMENT


_nested: Any = "bottom"
for _ in range(40):
    _nested = {"in": _nested}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("eventId", ""),
        ("eventId", "   "),
        ("eventId", "x" * 129),
        ("eventId", 7),
        ("eventId", None),
        ("eventId", "a\0b"),
        ("eventId", "\ud800"),
        ("userId", ["user-1"]),
        ("userId", "u" * 129),
        ("eventType", "PAGE_VIEWED"),
        ("eventType", "page_view"),
        ("eventCategory", "OTHER"),
        ("eventName", "n" * 129),
        ("eventName", "\0"),
        ("occurredAt", "2026-03-02T15:00:00"),
        ("occurredAt", "yesterday"),
        ("occurredAt", None),
        ("occurredAt", "2016-01-01T00:00:00Z"),
        ("occurredAt", "0001-01-01T00:00:00+14:00"),
        ("occurredAt", 1e300),
        ("occurredAt", float("nan")),
        ("sessionId", {}),
        ("device", "d" * 33),
        ("userAgent", "m" * 513),
        ("ip", "1" * 65),
        ("pageUrl", "u" * 2049),
        ("referrer", "u" * 2049),
        ("properties", "text"),
        ("properties", [1]),
        ("properties", {"x": "a\0b"}),
        ("properties", {"a\0b": 1}),
        ("properties", {"x": {"y": ["\0"]}}),
        ("properties", {"x": "\udfff"}),
        ("properties", {"x": float("nan")}),
        ("properties", {"x": [float("inf")]}),
        ("properties", {"x": 10**30}),
        ("properties", {"x": "y" * 40_000}),
        ("properties", _nested),
        ("properties", {1: 2}),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(field: str, value: object, now: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        events.parse(wire(now, **{field: value}), now=now)
    assert any(name.startswith(field) for name in refused.value.fields), refused.value.fields
    assert field in refused.value.detail


def test_an_over_long_far_future_time_is_pulled_back(now: datetime) -> None:
    read = events.parse(wire(now, occurredAt="9999-12-31T23:59:59-14:00"), now=now)
    assert read.occurred_at == now


@pytest.mark.parametrize("item", [None, 5, "text", [], [[]], True])
def test_what_is_no_object_is_refused(item: object, now: datetime) -> None:
    with pytest.raises(Invalid):
        events.parse(item, now=now)


def test_without_an_event_id_it_says_the_client_chooses_one(now: datetime) -> None:
    raw = wire(now)
    del raw["eventId"]
    with pytest.raises(Invalid) as refused:
        events.parse(raw, now=now)
    assert "chosen by the client" in refused.value.fields["eventId"]


def test_a_batch_keeps_the_good_and_names_the_bad(now: datetime) -> None:
    good, bad = events.parse_many([wire(now, eventId="a"), 5, wire(now, eventId="c", eventType="?")], now=now)
    assert [event.event_id for event in good] == ["a"]
    assert [(one["index"], one.get("eventId")) for one in bad] == [(1, None), (2, "c")]
    assert "eventType" in bad[1]["fields"]


# --- bodies


def _body(*items: object) -> bytes:
    return json.dumps(list(items)).encode()


def test_a_body_is_one_event_a_list_or_a_list_under_events(now: datetime) -> None:
    raw = wire(now)
    one = events.read_body(json.dumps(raw).encode(), now=now)
    many = events.read_body(_body(raw), now=now)
    under = events.read_body(json.dumps({"events": [raw]}, indent=2).encode(), now=now)
    assert one.events == many.events == under.events
    assert (one.single, many.single, under.single) == (True, False, False)


def test_an_event_may_have_a_property_called_events(now: datetime) -> None:
    body = json.dumps({"events": [1, 2], **wire(now)}).encode()
    read = events.read_body(body, now=now)
    assert read.single
    assert read.events[0].properties == {"events": [1, 2]}


@pytest.mark.parametrize(
    "poison",
    [
        b"5",
        b"null",
        b'"text"',
        b"[]",
        b"[[],{}]",
        b'{"eventId": "p", "userId": "\\ud800"}',
        b'{"eventId": "p", "x": NaN}',
        b'{"eventId": "p", "x": -Infinity}',
        b'{"eventId": "p", "x": 1e999}',
        b'{"eventId": "p", "x": ' + b"9" * 5000 + b"}",
        b'{"eventId": "p", "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"eventId": "p", "x": "\\u0000"}',
        b'{"eventId": "p", "x": "raw \x00 byte"}',
        b'{"eventId": "p", "x": "\xff\xfe"}',
        b'{"eventId": "p" "userId": "u"}',
        b"{'eventId': 'p'}",
        b"{}",
        b"",
    ],
)
def test_one_poisoned_item_costs_only_itself(poison: bytes, now: datetime) -> None:
    before, after = wire(now, eventId="before", eventName='tricky "quotes", [brackets] \\'), wire(now, eventId="after")
    body = b"[" + json.dumps(before).encode() + b" , " + poison + b",\n" + json.dumps(after).encode() + b"]"
    read = events.read_body(body, now=now)
    assert [event.event_id for event in read.events] == ["before", "after"]
    assert [refusal["index"] for refusal in read.refusals] == [1]
    assert read.refusals[0]["reason"]
    if b'"p"' in poison:
        assert read.refusals[0].get("eventId") == "p"


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"5", b"null", b'"text"', b"[", b"[{}", b'[{"a": "b]', b"[}", b"[]]", b"[1] [2]", b"\xff", b"event=1"],
)
def test_a_body_that_is_not_json_is_refused_whole(body: bytes, now: datetime) -> None:
    with pytest.raises(Invalid):
        events.read_body(body, now=now)


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"events": 5}', b'{"events": [}', b'{"events": [1], "x": 2}'])
def test_an_object_that_is_no_event_is_refused(body: bytes, now: datetime) -> None:
    read = events.read_body(body, now=now)
    assert read.single
    assert not read.events
    assert len(read.refusals) == 1


def test_five_thousand_events_fit_and_one_more_does_not(now: datetime) -> None:
    raw = wire(now)
    assert len(events.read_body(_body(*[raw] * 5000), now=now).events) == 5000
    with pytest.raises(TooLarge):
        events.read_body(_body(*[raw] * 5001), now=now)
    with pytest.raises(TooLarge):
        events.read_body(_body(*[5] * 5001), now=now)


def test_an_empty_list_holds_nothing(now: datetime) -> None:
    assert events.read_body(b"[]", now=now) == ([], [], False)
    assert events.read_body(b'{"events": [ ]}', now=now) == ([], [], False)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("unit", [b'"', b'\\"', b'"\\"', b"[", b"{", b",", b'",', b"\\", b"5,"])
def test_no_body_of_five_megabytes_takes_long(unit: bytes, now: datetime) -> None:
    body = (b"[" + unit * (5_000_000 // len(unit)))[:5_000_000]
    with pytest.raises((Invalid, TooLarge)):
        events.read_body(body, now=now)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_now = datetime(2026, 3, 2, 15, tzinfo=UTC)


@given(items=st.lists(_json | st.dictionaries(st.sampled_from(list(wire(_now))), _json), max_size=5))
def test_whatever_comes_is_taken_or_refused_never_lost(items: list[object]) -> None:
    read = events.read_body(json.dumps(items).encode(), now=_now)
    assert len(read.events) + len(read.refusals) == len(items)


@given(body=st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ab1 ', max_size=60).map(str.encode))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    try:
        read = events.read_body(body, now=_now)
    except (Invalid, TooLarge):
        return
    assert not read.events
