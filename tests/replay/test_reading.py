"""A recorded stream becomes events: by the mapping, in order of time, shifted and squeezed, the same ids every time."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import replay as command
from core import events, replay
from core.errors import Invalid
from core.replay import Mapping

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
ROWS = """who,when,what,step,clerk,price
7,2012-01-03T10:00:00+01:00,valuation,,ann,200
7,2012-01-01T10:00:00+01:00,letter,sent,bob,300
8,2012-01-11T10:00:00+01:00,letter,opened,,
8,2012-01-10T10:00:00+01:00,heartbeat,,ann,
8,,valuation,,ann,
9,2012-01-10 10:00,valuation,,ann,
"""
MAPPING = """
name = "visits"
[columns]
contact = "who"
time = "when"
activity = "what"
detail = "step"
resource = "clerk"
[contact]
prefix = "web-"
[property]
value = "price"
scale = 1000
[events.valuation]
type = "PAGE_VIEW"
name = "value_check"
[events."letter|sent"]
type = "EMAIL_SENT"
properties = { campaignId = "spring" }
[events.heartbeat]
skip = true
[otherwise]
type = "BUTTON_CLICK"
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Mapping:
    path = tmp_path / "visits.toml"
    path.write_text(MAPPING)
    return replay.load(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "visits.csv.gz"
    path.write_bytes(gzip.compress(ROWS.encode()))
    return path


def test_rows_become_events_in_order_of_time(mapping: Mapping, data: Path) -> None:
    stream = replay.read(data, mapping, now=NOW)
    assert [event["eventType"] for event in stream.events] == ["EMAIL_SENT", "PAGE_VIEW", "BUTTON_CLICK"]
    assert [event["userId"] for event in stream.events] == ["web-7", "web-7", "web-8"]
    assert [event["eventName"] for event in stream.events] == ["letter", "value_check", "letter"]
    assert stream.events[0]["properties"] == {
        "activity": "letter",
        "campaignId": "spring",
        "detail": "sent",
        "handler": "bob",
    }
    for event in stream.events:
        events.parse(event, now=NOW)


def test_handlers_values_and_what_was_left_out_are_told(mapping: Mapping, data: Path) -> None:
    stream = replay.read(data, mapping, now=NOW)
    assert stream.handlers == ["ann", "bob"]
    assert stream.values == {"web-7": 300_000.0}
    assert stream.skipped == 1
    assert stream.refused == {"no time": 1, "a time without its zone": 1}


def test_the_newest_event_happens_now_and_distances_are_kept(mapping: Mapping, data: Path) -> None:
    times = [datetime.fromisoformat(event["occurredAt"]) for event in replay.read(data, mapping, now=NOW).events]
    assert times[-1] == NOW
    assert times[-1] - times[0] == timedelta(days=10)


def test_a_span_can_be_squeezed(mapping: Mapping, data: Path) -> None:
    squeezed = mapping.model_copy(update={"time": type(mapping.time)(squeeze_to_days=5)})
    times = [datetime.fromisoformat(event["occurredAt"]) for event in replay.read(data, squeezed, now=NOW).events]
    assert times[-1] - times[0] == timedelta(days=5)
    assert times[1] - times[0] == timedelta(days=1)


def test_recorded_times_can_be_kept(mapping: Mapping, data: Path) -> None:
    kept = mapping.model_copy(update={"time": type(mapping.time)(shift_to_now=False)})
    last = replay.read(data, kept, now=NOW).events[-1]
    assert datetime.fromisoformat(last["occurredAt"]) == datetime.fromisoformat("2012-01-11T10:00:00+01:00")


def test_the_same_file_gives_the_same_ids(mapping: Mapping, data: Path) -> None:
    first, again = replay.read(data, mapping, now=NOW), replay.read(data, mapping, now=NOW + timedelta(days=1))
    ids = [event["eventId"] for event in first.events]
    assert ids == [event["eventId"] for event in again.events]
    assert len(set(ids)) == len(ids)


def test_the_newest_events_can_be_had_alone(mapping: Mapping, data: Path) -> None:
    stream = replay.read(data, mapping, now=NOW, limit=1)
    assert [event["userId"] for event in stream.events] == ["web-8"]
    assert stream.values == {}


def test_json_lines_with_nested_fields_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "stream.jsonl"
    path.write_text(json.dumps({"user": {"id": 5}, "ts": 1_700_000_000, "action": "look"}) + "\n\n")
    nested = Mapping.model_validate(
        {"name": "n", "columns": {"contact": "user.id", "time": "ts", "activity": "action"}}
    )
    (event,) = replay.read(path, nested, now=NOW).events
    assert event["userId"] == "5"
    assert event["eventName"] == "look"


def test_a_missing_column_is_named(mapping: Mapping, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("who,when\n1,2\n")
    with pytest.raises(Invalid, match="no column clerk, price, step, what"):
        replay.read(path, mapping, now=NOW)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = 'x'", "columns"),
        ("name = 'x y'\n[columns]\ncontact='a'\ntime='b'\nactivity='c'", "name"),
        ("name = 'x'\n[columns]\ncontact='a'\ntime='b'\nactivity='c'\n[otherwise]\ntype='NOPE'", "otherwise.type"),
        ("name = 'x'\nspeed = 3\n[columns]\ncontact='a'\ntime='b'\nactivity='c'", "speed"),
        ("name = ", "not valid"),
    ],
)
def test_a_wrong_mapping_names_what_is_wrong(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(Invalid, match=says):
        replay.load(path)


def test_the_mapping_that_comes_with_the_product_reads_its_data(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_text(
        "case:AMOUNT_REQ,case:REG_DATE,case:concept:name,concept:name,lifecycle:transition,org:resource,time:timestamp\n"
        "20000,x,173688,A_SUBMITTED,COMPLETE,112,2011-10-01T00:38:44.546+02:00\n"
        "20000,x,173688,O_SENT_BACK,COMPLETE,11049,2011-10-10T11:33:03.668+02:00\n"
        "20000,x,173688,W_Nabellen offertes,START,,2011-10-01T12:15:41.290+02:00\n"
    )
    stream = replay.read(path, replay.load(command.MAPPING), now=NOW)
    assert [event["eventName"] for event in stream.events] == ["application_started", "comparable_view", "O_SENT_BACK"]
    assert stream.values == {"loan-173688": 200_000.0}
    assert stream.handlers == ["11049", "112"]


def test_missing_data_is_said_clearly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--data", str(tmp_path / "nowhere.csv")]) == 1
    said = capsys.readouterr().out
    assert "The data is missing" in said
    assert "--mapping" in said
