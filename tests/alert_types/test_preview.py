"""What a definition would do, told before it does anything."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from core.alert_types import definition
from core.alert_types.preview import Preview, preview
from core.db import Database
from core.db.tables import Alert
from core.pipeline import World
from tests import factories
from tests.alert_types.conftest import claim, run, visit
from tests.alert_types.writing import CHECKED, CLAIM, a_type, when

DAY = timedelta(days=1)


def tried(database: Database, world: World, *, now: datetime, most: int = 2_000, **values: object) -> Preview:
    with database.read() as session:
        new = definition.validate(a_type(**values))
        ada = factories.viewer(session, "ada")
        return preview(session, new, models=world.models, viewer=ada, most=most, now=now)


def test_it_counts_who_would_alert_now_and_what_it_would_have_opened_and_writes_nothing(
    database: Database, world: World, now: datetime
) -> None:
    start = now - 40 * DAY
    with database.write() as session:
        factories.contact(session, "noor", name="Noor", now=start)
        visit(session, "open_house_view", times=2, at=start)
        visit(session, "open_house_view", "noor", at=start)
    run(database, world, now=start)
    with database.write() as session:
        visit(session, "value_check", at=start + DAY)
    run(database, world, now=start + DAY)
    with database.write() as session:
        visit(session, "open_house_view", "noor", times=2, at=now - DAY)
    run(database, world, now=now - DAY)

    found = tried(database, world, rule=when("count:open_house_view:14d", "greater_than", 1), now=now)
    # Rosa came twice 40 days ago (two scorings, one alert), Noor twice yesterday.
    assert (found.now, found.past, found.past_days) == (1, 2, 40)
    assert found.examples == (("Noor", "Did “open house view” twice in 14 days."),)
    assert not found.sampled
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Alert)) == 0

    assert tried(database, world, confidence={"belief": 0.3}, rule=CHECKED, now=now).past == 0


def test_signals_of_the_past_are_those_that_were_open_then(database: Database, world: World, now: datetime) -> None:
    with database.write() as session:
        visit(session, "value_check", at=now - 50 * DAY)
    run(database, world, now=now - 50 * DAY)
    with database.write() as session:
        claim(session, now=now - DAY)
    run(database, world, now=now - DAY)
    assert tried(database, world, rule=CLAIM, now=now).past == 1
    assert tried(database, world, rule={"not": CLAIM}, now=now).past == 1


def test_of_many_contacts_a_sample_is_taken_and_said_to_be_one(database: Database, world: World, now: datetime) -> None:
    with database.write() as session:
        for number in range(11):
            factories.contact(session, f"guest-{number}", now=now, last_human_event_at=now)
    found = tried(database, world, rule=when("contact.days_known", "greater_than", 3), most=6, now=now)
    assert (found.contacts, found.looked_at, found.sampled) == (12, 6, True)
    assert found.now == 12
