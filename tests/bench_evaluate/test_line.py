"""A replayed stream goes through the real line, and day 7 knows nothing of day 8."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from bench.evaluate import bpi2012, line
from core import replay
from core.db import Database
from core.db.tables import Event, Score
from core.replay import Stream
from core.scoring import generic

START = datetime(2012, 1, 2, 9, 30, tzinfo=UTC)
COLUMNS = (
    "case:AMOUNT_REQ",
    "case:REG_DATE",
    "case:concept:name",
    "concept:name",
    "lifecycle:transition",
    "org:resource",
    "time:timestamp",
)
CASES = {
    "quick": [("A_SUBMITTED", 0.0), ("A_DECLINED", 2.0)],
    "accepted": [
        ("A_SUBMITTED", 0.0),
        ("O_SENT", 3.0),
        ("O_SENT_BACK", 6.9),
        ("A_APPROVED", 12.0),
        ("A_ACTIVATED", 12.1),
    ],
    "cancelled": [
        ("A_SUBMITTED", 1.0),
        ("W_Nabellen offertes", 7.99),
        ("W_Nabellen offertes", 8.01),
        ("A_CANCELLED", 30.0),
    ],
    "open": [("A_SUBMITTED", 2.0), ("O_SENT", 4.0)],
}


def _stream(folder: Path) -> Stream:
    path = folder / "events.csv.gz"
    rows = sorted((days, case, activity) for case, happened in CASES.items() for activity, days in happened)
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for days, case, activity in rows:
            at = (START + timedelta(days=days)).isoformat()
            writer.writerow((5_000, START.isoformat(), case, activity, "COMPLETE", "112", at))
    return replay.read(path, replay.load(bpi2012.MAPPING), now=START)


def test_only_what_was_undecided_on_day_7_is_looked_at_and_open_ones_have_no_label(tmp_path: Path) -> None:
    waiting = bpi2012.undecided(bpi2012.cases(_stream(tmp_path).events))
    assert list(waiting) == ["loan-accepted", "loan-cancelled", "loan-open"]
    assert [case.accepted for case in waiting.values()] == [True, False, False]
    assert waiting["loan-open"].decided_at is None


def test_the_snapshot_holds_own_names_and_the_amount_and_nothing_later(database: Database, tmp_path: Path) -> None:
    stream = _stream(tmp_path)
    waiting = bpi2012.undecided(bpi2012.cases(stream.events))
    assert line.through(database, stream) == len(stream.events)
    with database.read() as session:
        assert session.scalar(select(func.count()).where(Event.processed_at.is_(None))) == 0
        assert session.scalar(select(func.count(Score.contact_id.distinct()))) == len(CASES)
    past = line.looked_back(database, {key: case.started_at + bpi2012.SNAPSHOT for key, case in waiting.items()})
    found = line.table(
        past, ["count:o_sent_back:30d", "count:W_Nabellen offertes:30d", "count:a_approved:30d", "events:30d"]
    )
    assert found["count:o_sent_back:30d"].tolist() == [1, 0, 0]
    assert found["count:W_Nabellen offertes:30d"].tolist() == [0, 1, 0]
    assert found["count:a_approved:30d"].sum() == 0
    assert found["amount"].tolist() == [5_000] * 3
    assert "count:a_submitted:7d" in generic.discover([each for each in past for _ in range(2)])


def test_training_cases_are_as_old_as_nine_tenths_need_to_be_decided() -> None:
    decided = [
        bpi2012.Case(
            started_at=START + timedelta(days=number),
            decided_at=START + timedelta(days=number + (40 if number % 20 == 0 else 20)),
            accepted=number % 2 == 0,
        )
        for number in range(200)
    ]
    origin = START + timedelta(days=160)
    assert bpi2012.maturity(decided, origin) == 20
    train, test, days = bpi2012.split(decided)
    assert days == 20
    assert max(decided[row].started_at for row in train) + timedelta(days=days) <= origin
    assert all(decided[row].decided_at < origin for row in train)  # type: ignore[operator]
    assert np.array_equal(test, range(160, 200))
