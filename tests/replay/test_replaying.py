"""The whole command on a small stream: its own Doorbell, its handlers as agents, its alerts reported."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import replay as command
from app.replay_report import by_database

pytestmark = pytest.mark.long

START = datetime(2011, 10, 1, tzinfo=UTC)
COLUMNS = (
    "case:AMOUNT_REQ",
    "case:concept:name",
    "concept:name",
    "lifecycle:transition",
    "org:resource",
    "time:timestamp",
)


def test_a_stream_is_posted_decided_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loans.csv"
    keen = ["W_Valideren aanvraag"] * 12 + ["W_Nabellen offertes"] * 8  # value checks and comparables
    rows = [
        [45000, 1, activity, "START", f"{number % 3}", (START + timedelta(hours=number)).isoformat()]
        for number, activity in enumerate(keen)
    ]
    rows += [[9000, 2, "A_SUBMITTED", "COMPLETE", "", START.isoformat()]]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    data = tmp_path / "data"
    assert command.main(["--data", str(path), "--data-dir", str(data), "--squeeze-to-days", "5"]) == 0
    said = capsys.readouterr().out
    assert "21 events, 2 contacts, 3 handlers" in said
    assert "21 events accepted, 0 known before, 0 refused" in said
    report = by_database(f"sqlite:///{data / 'doorbell.db'}")
    assert report.totals["events"] == 21
    assert report.totals["contacts"] == 2
    assert report.totals["alerts"] == 1
    assert [kind for kind, _ in report.alerts] == ["LIKELY_TO_SELL"]
    assert sum(report.agents.values()) == 1
    assert next(iter(report.agents)).startswith("Handler ")
