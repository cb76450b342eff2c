"""Overview, board, warmest, statistics, agents and jobs: the numbers of each role's own part."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.db import Database
from core.db.tables import JobRun, LatestScore, ModelVersion, TimeOff
from core.routing import claims
from core.views import agents, alert_stats, assignments, model_performance, overview, progress, warmest
from core.words import Outcome, Priority, Status
from tests import factories as make
from tests.views.brokerage import open_brokerage

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_the_overview_counts_what_is_open_for_each_role(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        make.alert(session, agent_id="ann", priority=Priority.CRITICAL, escalate_at=now, now=now)
        make.alert(session, agent_id="ann", status=Status.CONTACTED, now=now)
        make.alert(session, agent_id="cal", now=now)
        make.alert(session, agent_id="bob", snoozed_until=now + HOUR, now=now)
        make.alert(session, now=now)
        make.alert(session, agent_id="ann", status=Status.DISMISSED, now=now)

        ada, mia, ann = (overview.overview(session, who, now=now) for who in (people.ada, people.mia, people.ann))

    assert list(ada.open_by_priority.items()) == [("CRITICAL", 1), ("HIGH", 3), ("MEDIUM", 0), ("LOW", 0)]
    assert (ada.open_total, ada.unacknowledged, ada.unassigned, ada.snoozed, ada.overdue) == (4, 3, 1, 1, 1)
    assert (ada.mine, ada.opened_today) == (0, 6)
    assert (mia.open_total, mia.snoozed) == (3, 1)
    assert (ann.open_total, ann.mine, ann.snoozed) == (3, 2, 0)
    assert [(load.name, load.load) for load in ada.agents] == [("Ann", 2), ("Bob", 1), ("Cal", 1)]
    assert [load.name for load in mia.agents] == ["Ann", "Bob"]
    assert [load.name for load in ann.agents] == ["Ann"]


def test_the_week_begins_on_the_viewers_monday(database: Database, now: datetime) -> None:
    monday = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # 0:00 in Chicago
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        for closed_at, value in ((monday, 500.0), (monday - timedelta(seconds=1), 70.0), (monday - 8 * DAY, 3.0)):
            won = make.alert(
                session,
                agent_id="ann",
                status=Status.CONVERTED,
                opened_at=monday - 9 * DAY,
                closed_at=closed_at,
                now=now,
            )
            make.outcome(session, won, converted=True, value=value, now=now)

        found = overview.overview(session, ada, now=now)

    assert (found.converted_this_week, found.value_this_week, found.converted_last_week) == (1, 500.0, 1)


def test_the_response_time_is_of_the_last_seven_days(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        for opened, minutes in ((now - DAY, 10), (now - 2 * DAY, 30), (now - 8 * DAY, 600)):
            make.alert(session, opened_at=opened, acknowledged_at=opened + timedelta(minutes=minutes), now=now)

        response = overview.overview(session, ada, now=now).response

    assert response is not None
    assert (response.count, response.value) == (2, 20 * 60)


def test_an_empty_overview_has_zeros(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        for viewer in people.everybody:
            found = overview.overview(session, viewer, now=now)
            assert (found.open_total, found.response, found.value_this_week) == (0, None, 0.0)
            assert (assignments.pool(session, viewer, now=now).items, assignments.pool_total(session)) == ((), 0)
            assert warmest.warmest(session, viewer, now=now) == ()
            assert alert_stats.alert_stats(session, viewer, now=now).open == 0


def test_the_board_shows_who_has_what_since_when(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        calm = make.alert(session, agent_id="ann", priority=Priority.MEDIUM, opened_at=now - DAY, now=now)
        burning = make.alert(
            session, agent_id="ann", priority=Priority.CRITICAL, opened_at=now - HOUR, escalate_at=now, now=now
        )
        make.alert(session, agent_id="ann", status=Status.CONVERTED, now=now)
        cals = make.alert(session, agent_id="cal", now=now)
        free = make.alert(session, unassigned_reason="nobody_on_duty", opened_at=now - HOUR, now=now)

        def ids(viewer_id: str, **values: Any) -> list[str]:
            page = assignments.held(session, make.viewer(session, viewer_id), now=now, **values)
            return [row.alert_id for row in page.items]

        assert ids("ada") == [burning, cals, calm]
        assert ids("mia") == ids("ann") == [burning, calm]
        assert ids("ada", overdue_only=True) == [burning]
        assert ids("ada", agent_ids=["cal"]) == [cals]
        assert ids("mia", agent_ids=["cal"]) == []
        for viewer in people.everybody:
            (row,) = assignments.pool(session, viewer, now=now).items
            assert (row.alert_id, row.unassigned_reason, row.since) == (free, "nobody_on_duty", now - HOUR)
        assert assignments.pool_total(session) == 1
        ann, bob = assignments.lanes(session, people.mia, now=now)
        assert (ann.agent_name, ann.load, ann.capacity, ann.overdue, bob.load) == ("Ann", 2, 10, 1, 0)
        assert [lane.agent_name for lane in assignments.lanes(session, people.ann, now=now)] == ["Ann"]


def test_the_board_is_turned_by_key_and_loses_nothing(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        for number in range(23):
            values: dict[str, Any] = {
                "escalate_at": now - HOUR if number % 3 else None,
                "opened_at": now - number * HOUR,
            }
            priority = list(Priority)[number % 4]
            make.alert(session, agent_id="ann" if number % 2 else "cal", priority=priority, now=now, **values)
            make.alert(session, priority=priority, opened_at=now - number * HOUR, now=now)
        for read in (assignments.held, assignments.pool):
            whole = [row.alert_id for row in read(session, ada, now=now).items]
            turned, cursor = [], None
            for _ in range(5):
                page = read(session, ada, cursor=cursor, limit=5, now=now + HOUR)
                turned += [row.alert_id for row in page.items]
                cursor = page.next_cursor
            assert cursor is None
            assert len(turned) == 23
            assert turned == whole
        late = [row.overdue for row in assignments.held(session, ada, now=now).items]
        assert late == sorted(late, reverse=True)


def test_who_let_a_claim_run_out_sees_until_when_it_is_for_others(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        alert_id = make.alert(session, now=now - HOUR)
        claims.claim(session, alert_id, viewer=people.ann, now=now - HOUR)
        claims.expire(session, alert_id, now=now)
        (anns,) = assignments.pool(session, people.ann, now=now).items
        (bobs,) = assignments.pool(session, people.bob, now=now).items
    assert (anns.not_again_until, anns.since) == (now + 2 * HOUR, now)
    assert bobs.not_again_until is None


def score(session: Session, contact_id: str, lift: float, *, at: datetime, intent: str = "LIKELY_TO_SELL") -> None:
    session.execute(
        insert(LatestScore).values(
            contact_id=contact_id, intent=intent, probability=0.1, confidence=0.3, lift=lift, scored_at=at
        )
    )


def test_the_warmest_are_this_weeks_without_an_open_alert(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        for name in ("hot", "warm", "stale", "rung", "closed", "anns", "cals"):
            owner = {"anns": "ann", "cals": "cal"}.get(name)
            make.contact(session, name, owner_agent_id=owner, now=now)
        score(session, "hot", 9.0, at=now)
        score(session, "hot", 4.0, at=now, intent="LIKELY_TO_BUY")
        score(session, "warm", 5.0, at=now - 6 * DAY)
        score(session, "stale", 20.0, at=now - 8 * DAY)
        score(session, "rung", 30.0, at=now)
        score(session, "closed", 3.0, at=now)
        score(session, "anns", 2.0, at=now)
        score(session, "cals", 1.0, at=now)
        make.alert(session, contact_id="rung", agent_id="cal", now=now)
        make.alert(session, contact_id="closed", agent_id="bob", status=Status.DISMISSED, now=now)

        def seen(viewer_id: str, limit: int = 10) -> list[str]:
            rows = warmest.warmest(session, make.viewer(session, viewer_id), limit=limit, now=now)
            return [row.contact_id for row in rows]

        assert seen("ada") == ["hot", "warm", "closed", "anns", "cals"]
        assert seen("ada", limit=2) == ["hot", "warm"]
        assert seen("mia") == ["hot", "warm", "closed", "anns"]
        assert seen("ann") == ["anns"]
        assert seen("cal") == ["cals"]
        assert warmest.warmest(session, people.ada, now=now)[0].intent == "LIKELY_TO_SELL"


def test_statistics_count_by_every_word(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        make.alert(session, agent_id="ann", priority=Priority.CRITICAL, now=now)
        make.alert(session, agent_id="ann", status=Status.CONTACTED, alert_type="LIKELY_TO_BUY", now=now)
        make.alert(session, snoozed_until=now + HOUR, now=now)
        won = make.alert(session, agent_id="cal", status=Status.CONVERTED, opened_at=now - DAY, now=now)
        make.outcome(session, won, converted=True, now=now)
        wrong = make.alert(session, agent_id="ann", status=Status.DISMISSED, opened_at=now - DAY, now=now)
        make.outcome(session, wrong, Outcome.FALSE_POSITIVE, now=now)

        of_ada = alert_stats.alert_stats(session, people.ada, now=now)
        of_ann = alert_stats.alert_stats(session, people.ann, now=now)

    assert of_ada.open == 3
    assert of_ada.by_priority == {"CRITICAL": 1, "HIGH": 2, "MEDIUM": 0, "LOW": 0}
    assert of_ada.by_status == {"NEW": 2, "ACKNOWLEDGED": 0, "IN_PROGRESS": 0, "CONTACTED": 1}
    assert of_ada.by_type == {"LIKELY_TO_BUY": 1, "LIKELY_TO_SELL": 2}
    assert (of_ada.unassigned, of_ada.snoozed, of_ada.opened_today) == (1, 1, 3)
    assert (of_ada.converted_today, of_ada.dismissed_today) == (1, 1)
    assert (of_ada.right.hits, of_ada.right.total) == (1, 2)
    assert (of_ann.right.hits, of_ann.right.total, of_ann.converted_today) == (0, 1, 0)


def test_agents_and_teams_are_listed_for_those_around_them(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        make.agent(session, "gone", now=now)
        session.execute(
            insert(TimeOff).values(id="t1", agent_id="bob", starts_at=now - DAY, ends_at=now + DAY, reason="holiday")
        )
        make.alert(session, agent_id="ann", now=now)

        def names(viewer_id: str) -> list[str]:
            return [row.id for row in agents.list_agents(session, make.viewer(session, viewer_id), now=now)]

        assert names("ada") == ["ann", "bob", "cal", "gone"]
        assert names("mia") == ["ann", "bob"]
        assert names("ann") == ["ann", "bob"]
        assert names("gone") == ["gone"]
        ann, bob = agents.list_agents(session, people.mia, now=now)
        assert (ann.load, ann.off_until, bob.off_until) == (1, None, now + DAY)
        assert [(team.id, team.agents, team.load) for team in agents.list_teams(session, people.ada)] == [
            ("north", 2, 1),
            ("south", 1, 0),
        ]
        assert [team.id for team in agents.list_teams(session, people.max)] == ["south"]
        assert [team.id for team in agents.list_teams(session, people.ann)] == ["north"]


def test_models_are_judged_by_the_outcomes_one_may_see(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        for version, status in (("m1", "retired"), ("m2", "deployed")):
            session.execute(
                insert(ModelVersion).values(
                    id=version,
                    intent="LIKELY_TO_SELL",
                    status=status,
                    kind="prior",
                    parameters={},
                    sha256="0" * 64,
                    metrics={"auc": 0.8},
                    trained_on={},
                    created_at=now,
                )
            )
        for owner, outcome, version in (
            ("ann", Outcome.TRUE_POSITIVE, "m2"),
            ("cal", Outcome.FALSE_POSITIVE, "m2"),
            ("cal", Outcome.PENDING, "m2"),
            ("ann", Outcome.FALSE_POSITIVE, "m1"),
        ):
            alert_id = make.alert(session, agent_id=owner, model_version=version, confidence=0.8, now=now)
            make.outcome(session, alert_id, outcome, now=now)

        (of_ada,) = model_performance.model_performance(session, people.ada)
        (of_ann,) = model_performance.model_performance(session, people.ann)

    assert (of_ada.version, of_ada.alerts, of_ada.right.hits, of_ada.right.total) == ("m2", 3, 1, 2)
    assert (of_ada.metrics, of_ada.mean_confidence) == ({"auc": 0.8}, 0.8)
    assert (of_ann.alerts, of_ann.right.total) == (1, 1)


def test_a_jobs_progress_is_a_share(database: Database, now: datetime) -> None:
    with database.write() as session:
        session.execute(insert(JobRun).values(name="demo", started_at=now, done=30, total=120, message="history"))
        session.execute(insert(JobRun).values(name="sweep", started_at=now - HOUR, finished_at=now, done=0, total=0))

        demo, sweep = progress.jobs(session)

        assert (demo.is_running, demo.share, demo.message) == (True, 0.25, "history")
        assert (sweep.is_running, sweep.share) == (False, 0.0)
        assert progress.job(session, "demo") == demo
        assert progress.job(session, "nothing") is None
