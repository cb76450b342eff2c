"""Logs replayed: what was is measured as it was, nothing after the origin is looked at, and no data is no failure."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import routing_replays
from bench.replays.estimating import house_of, known_before
from bench.replays.logs import Job, Log, Work, as_it_was, changes
from core.routing.schedule import is_working

DAY = 86_400.0
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp()


def a_log(days: int = 70, origin: int = 49) -> Log:
    """Ann and Bob work on weekdays from 8 to 16; Ann begins every case, Bob finishes it two hours later."""
    jobs = []
    for day in range(days):
        if day % 7 < 5:
            for hour in range(5):
                at = MONDAY + day * DAY + hour * 3600.0
                works = (Work(at=at + 600, who="ann"), Work(at=at + 7800, who="bob"))
                jobs.append(
                    Job(id=f"{day}-{hour}", kind="loan", opened=at, ended=at + 9000, works=works, won=hour == 0)
                )
    return Log(zone="UTC", jobs=jobs, touched=True, origin=MONDAY + origin * DAY, until=MONDAY + days * DAY)


def test_what_was_is_measured_as_it_was() -> None:
    found = as_it_was(a_log().jobs, touched=True)
    assert found["handovers"]["value"] == 1.0
    assert found["hours_to_handover"]["value"] == 2.0
    assert found["median_minutes"]["value"] == 10.0
    assert found["begun"] == {"gini": 0.5, "largest_share": 1.0}
    assert found["works"] == {"gini": 0.0, "largest_share": 0.5}


def test_a_piece_of_work_of_nobody_known_is_no_handover() -> None:
    works = (Work(at=1.0, who="ann"), Work(at=2.0, who=None), Work(at=3.0, who="ann"))
    assert changes(Job(id="a", kind="loan", opened=0.0, ended=None, works=works)) == 0


def test_hours_and_pace_are_those_seen_before_the_origin() -> None:
    house, people = house_of(a_log())
    ann = house.directory.by_id["ann"]
    assert is_working(ann.week, ann.zone, datetime(2026, 3, 3, 9, 0, tzinfo=UTC))
    assert not is_working(ann.week, ann.zone, datetime(2026, 3, 3, 19, 0, tzinfo=UTC))
    assert not is_working(ann.week, ann.zone, datetime(2026, 3, 7, 9, 0, tzinfo=UTC))
    assert people.touch_seconds("ann", "MEDIUM", 0.5, 0.0) == pytest.approx(600, rel=0.05)


def test_nothing_after_the_origin_changes_what_is_estimated() -> None:
    log = a_log()
    other = replace(
        log,
        jobs=[
            job if job.opened < log.origin else replace(job, works=(Work(at=job.opened, who="zoe"),), won=True)
            for job in log.jobs
        ],
    )
    assert house_of(log)[1] == house_of(other)[1]
    assert house_of(log)[0].directory.agents == house_of(other)[0].directory.agents
    cut = known_before(replace(log.jobs[0], ended=log.origin + 1), log.origin)
    assert (cut.ended, cut.won) == (None, None)


def test_the_same_arrivals_are_dealt_out_evenly() -> None:
    found = routing_replays.one(a_log(), seeds=2)
    assert found["as it was"]["cases"] == 75
    turns = found["chains"]["round_robin"]
    assert turns["begun_gini"]["value"] < 0.4 < found["as it was"]["begun"]["gini"]  # Bob comes two hours later
    assert turns["never"]["value"] == 0
    assert turns["handovers"]["value"] < 1.0


def test_sets_that_are_not_there_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = routing_replays.run(tmp_path, "", data=tmp_path)
    assert all("missing" in each for each in found.values())
    assert "is left out: there is no" in capsys.readouterr().out
