"""What time calls for: found by the loader, recorded, and one that fails stops no other."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from core.clock import FakeClock
from core.db import Database
from core.db.tables import IdempotentResponse, JobRun
from core.settings import Settings
from jobs import schedule, scheduled
from jobs.schedule import Context, Job

JOBS = schedule.load()
every_job = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


@pytest.fixture
def context(database: Database, clock: FakeClock, tmp_path: Path) -> Context:
    return Context(database=database, clock=clock, settings=Settings(data_dir=tmp_path), stop=threading.Event())


def record(database: Database, name: str) -> JobRun:
    with database.read() as session:
        return session.get_one(JobRun, name)


@every_job
def test_a_job_is_named_like_its_file_and_says_what_it_is_for(job: Job) -> None:
    module = Path(scheduled.__path__[0]) / f"{job.name}.py"
    assert module.read_text().startswith('"""')
    assert job.every >= timedelta(seconds=1)


@every_job
def test_a_job_with_nothing_to_do_does_nothing_and_says_nothing(job: Job, context: Context) -> None:
    assert job.run(context) == ""


def test_a_failing_job_is_recorded_and_recovers(context: Context, database: Database, now: datetime) -> None:
    broken = [True]

    def work(_context: Context) -> str:
        if broken:
            raise RuntimeError("no")
        return ""

    job = Job(name="fragile", every=timedelta(seconds=1), run=work)
    schedule.run(job, context)
    assert record(database, "fragile").error == "RuntimeError: no"
    broken.clear()
    schedule.run(job, context)
    assert record(database, "fragile").error is None
    assert record(database, "fragile").finished_at == now


def test_a_quiet_job_leaves_the_database_alone(context: Context, database: Database, clock: FakeClock) -> None:
    job = Job(name="quiet", every=timedelta(seconds=1), run=lambda _context: "")
    schedule.run(job, context)
    first = record(database, "quiet").finished_at
    clock.set(clock.now() + timedelta(minutes=1))
    schedule.run(job, context)
    assert record(database, "quiet").finished_at == first


def test_answers_kept_for_a_key_are_deleted_after_a_day(context: Context, database: Database, now: datetime) -> None:
    with database.write() as session:
        for age in (1, 23, 25, 300):
            session.execute(
                insert(IdempotentResponse).values(
                    caller="me",
                    key=str(age),
                    request_hash="x",
                    status=200,
                    body=b"",
                    created_at=now - timedelta(hours=age),
                )
            )
    assert JOBS["retention"].run(context) == "2 answers, 0 sessions and 0 used links deleted"
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(IdempotentResponse)) == 2
