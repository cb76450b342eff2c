"""Examples are the stored scores as they stood, one a contact and week."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert

from core import errors, events, scoring, viewer
from core.alerts import lifecycle
from core.db import Database
from core.db.tables import Alert, AlertType
from core.learning import examples, facts, readiness, targets
from core.learning.examples import milliseconds
from core.pipeline import World, decide
from core.scoring import features
from core.words import DismissReason, Outcome, Status
from tests import factories
from tests.learning import making


def test_one_example_a_contact_and_week_the_first_of_it(database: Database, now: datetime) -> None:
    monday = now - timedelta(days=4)
    times = [monday + timedelta(hours=hours) for hours in (5, 0, 30, 24 * 7)]
    with database.write() as session:
        making.contacts(session, ["ann", "ben"], now=now)
        made = making.vectors(4, {"value_checks_30d": np.array([1.0, 2.0, 3.0, 4.0])})
        making.scores(session, ["ann"] * 4, times, made)
        making.scores(session, ["ben"], times[:1], made[:1])
    with database.read() as session:
        found = examples.collect(session, until=now + timedelta(days=30))
    checks = found.matrix[:, features.index("value_checks_30d")]
    seen = {
        (found.contact_ids[who], when): value for who, when, value in zip(found.contact, found.at, checks, strict=True)
    }
    assert seen == {
        ("ann", milliseconds(times[1])): 2.0,
        ("ann", milliseconds(times[3])): 4.0,
        ("ben", milliseconds(times[0])): 1.0,
    }
    assert list(found.at) == sorted(found.at)


def test_the_score_that_opened_an_alert_is_kept_beside_the_first_of_the_week(database: Database, now: datetime) -> None:
    times = [now + timedelta(hours=hours) for hours in (0, 1, 2)]
    with database.write() as session:
        making.contacts(session, ["ann"], now=now)
        making.scores(session, ["ann"] * 3, times, making.vectors(3, {}))
        factories.alert(session, contact_id="ann", opened_at=times[1], unassigned_reason="nobody_on_duty", now=now)
    with database.read() as session:
        found = examples.collect(session, until=times[2])
    assert found.at.tolist() == [milliseconds(at) for at in times[:2]]


def test_too_many_examples_leave_out_whole_contacts(database: Database, now: datetime) -> None:
    names = [f"contact-{number}" for number in range(100)]
    with database.write() as session:
        making.contacts(session, names, now=now)
        for weeks in range(3):
            making.scores(session, names, [now - timedelta(weeks=weeks)] * 100, making.vectors(100, {}))
    with database.read() as session:
        found = examples.collect(session, until=now, most=150)
        again = examples.collect(session, until=now, most=150)
    assert 90 <= len(found) <= 210
    assert set(np.bincount(found.contact)) <= {0, 3}
    np.testing.assert_array_equal(found.contact, again.contact)


def test_nothing_later_than_the_score_changes_its_features(database: Database, now: datetime) -> None:
    def seen(number: int, hours: float) -> dict[str, object]:
        return {
            "eventId": f"check-{number}-{hours}",
            "userId": "rosa",
            "eventType": "PAGE_VIEW",
            "eventName": "value_check",
            "occurredAt": now + timedelta(hours=hours),
        }

    with database.write() as session:
        scoring.install(session, now=now)
        events.record(session, [events.parse(seen(number, -number), now=now) for number in range(1, 7)], now=now)
        decide(session, world=World.load(session), now=now)
    with database.read() as session:
        before = examples.collect(session, until=now)
    later = now + timedelta(days=40)
    with database.write() as session:
        # Late news of the time before, and much behaviour after it.
        late = [seen(number, -number - 0.5) for number in range(9)] + [
            seen(number, 24 * number) for number in range(1, 30)
        ]
        events.record(session, [events.parse(each, now=later) for each in late], now=later)
        decide(session, world=World.load(session), now=later)
        making.transactions(session, ["rosa"], [now + timedelta(days=20)])
    with database.read() as session:
        after = examples.collect(session, until=now)
    assert before.matrix[0, features.index("value_checks_30d")] == 6
    np.testing.assert_array_equal(after.matrix, before.matrix)


@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        (DismissReason.NO_INTEREST, 1),
        (DismissReason.WRONG_PERSON, 0),
        (DismissReason.UNREACHABLE, 0),
        (DismissReason.DUPLICATE, 0),
    ],
)
def test_only_no_interest_says_that_an_alert_was_wrong(
    database: Database, now: datetime, reason: str, wrong: int
) -> None:
    opened = now - timedelta(days=1)
    with database.write() as session:
        alert_id = factories.alert(session, unassigned_reason="nobody_on_duty", opened_at=opened, now=now)
        contact_id = session.get_one(Alert, alert_id).contact_id
        making.scores(session, [contact_id], [opened], making.vectors(1, {}))
        lifecycle.dismiss(session, alert_id, viewer=viewer.SYSTEM, reason=reason, now=now)
    with database.read() as session:
        one = examples.collect(session, until=now)
        known = facts.known(session, targets.of(session, "LIKELY_TO_SELL"), one, now=now)
    assert (len(known.refuted.at), len(known.confirmed.at)) == (wrong, 0)


def test_an_outcome_beside_a_wrong_person_is_no_label(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id = factories.alert(session, status=Status.DISMISSED, opened_at=now, now=now)
        factories.outcome(session, alert_id, Outcome.FALSE_POSITIVE, reason="wrong_person", now=now)
        contact_id = session.get_one(Alert, alert_id).contact_id
        making.scores(session, [contact_id], [now], making.vectors(1, {}))
    with database.read() as session:
        one = examples.collect(session, until=now)
        known = facts.known(session, targets.of(session, "LIKELY_TO_SELL"), one, now=now)
    assert len(known.refuted.at) == 0


def test_transactions_not_yet_reported_are_not_known(database: Database, now: datetime) -> None:
    with database.write() as session:
        making.contacts(session, ["ann", "ben"], now=now)
        making.scores(session, ["ann", "ben"], [now - timedelta(days=300)] * 2, making.vectors(2, {}))
        making.transactions(session, ["ann"], [now - timedelta(days=200)])
        making.transactions(session, ["ben"], [now - timedelta(days=200)], late=timedelta(days=250))
    with database.read() as session:
        both = examples.collect(session, until=now)
        target = targets.of(session, "LIKELY_TO_SELL")
        known = facts.known(session, target, both, now=now)
        later = facts.known(session, target, both, now=now + timedelta(days=60))
    assert len(known.answers.at) == 1
    assert known.reported is not None
    assert known.reported[0] == milliseconds(now - timedelta(days=200))
    assert len(later.answers.at) == 2


def test_a_teams_own_events_are_counted_as_they_stood_at_each_score(database: Database, now: datetime) -> None:
    def ordered(hours: float) -> dict[str, object]:
        return {
            "eventId": f"order-{hours}",
            "userId": "rosa",
            "eventType": "BUTTON_CLICK",
            "eventName": "brochure_order",
            "occurredAt": now + timedelta(hours=hours),
        }

    later = now + timedelta(days=8)
    with database.write() as session:
        scoring.install(session, now=now)
        for at, hours in ((now, (-50, -2)), (later, (2, 100))):
            events.record(session, [events.parse(ordered(each), now=at) for each in hours], now=at)
            decide(session, world=World.load(session), now=at)
    with database.read() as session:
        plain = examples.collect(session, until=later)
        found = examples.with_generic(session, plain, ["count:brochure_order:30d"])
    assert found.names[-1] == "count:brochure_order:30d"
    assert found.matrix[:, -1].tolist() == [2.0, 4.0]
    np.testing.assert_array_equal(found.matrix[:, :-1], plain.matrix)


def test_what_an_own_type_learns_is_read_from_its_definition(database: Database, now: datetime) -> None:
    definition = {
        "label": {"kind": "event", "name": "visit_booked"},
        "features": ["value_checks_30d", "count:brochure_order:30d"],
    }
    with database.write() as session:
        session.execute(
            insert(AlertType).values(
                id="WANTS_A_VISIT",
                name="Wants a visit",
                description="",
                status="active",
                kind="trained",
                definition=definition,
                horizon_days=60,
                version=1,
                created_at=now,
                updated_at=now,
            )
        )
    with database.read() as session:
        target = targets.every(session)[-1]
        with pytest.raises(errors.NotFound):
            targets.of(session, "NO_SUCH_TYPE")
    assert (target.intent, target.answer, target.subjects) == ("WANTS_A_VISIT", "event", ("visit_booked",))
    assert (target.features, target.generic) == (("value_checks_30d",), ("count:brochure_order:30d",))


def test_an_own_event_answers_in_any_spelling_from_the_first_one_on(database: Database, now: datetime) -> None:
    raw = {"label": {"kind": "event", "name": "Listing-Signed"}}
    target = targets.own("ABOUT_TO_LIST", raw, days=10)
    names = ["ann", "ben", "eve"]
    with database.write() as session:
        making.contacts(session, names, now=now)
        for name, scored, after in (("ann", 60, 3), ("ben", 60, 30), ("eve", 8, 2)):
            at = now - timedelta(days=scored)
            making.scores(session, [name], [at], making.vectors(1, {}))
            spelled = "listing signed " if name == "ann" else "listing_signed"
            factories.event(session, name, event_name=spelled, at=at + timedelta(days=after))
        factories.event(session, "ben", event_name="listing_signed", is_machine=True, at=now - timedelta(days=59))
        factories.event(session, "ben", event_name="value_check", at=now - timedelta(days=300))
        making.scores(session, ["eve"], [now - timedelta(days=58)], making.vectors(1, {}))
    with database.read() as session:
        every = examples.collect(session, until=now)
        known = facts.known(session, target, every, now=now)
        ready = readiness.look(session, target, delay=timedelta(days=2), now=now)
    assert [every.contact_ids[who] for who in known.answers.contact] == names
    assert known.reported == (milliseconds(now - timedelta(days=57)), milliseconds(now))
    # Ann's score is from before anybody sent such events, Ben did it too late, and Eve's time is not over.
    assert (ready.positives, ready.waiting, ready.negatives) == (0, 1, None)
    assert ready.first_try == now - timedelta(days=57) + timedelta(days=2 * 12 + 57)
    assert ready.begins(now=now) is None


def test_a_type_that_learns_from_its_alerts_needs_right_and_wrong_ones(database: Database, now: datetime) -> None:
    target = targets.own("DOWNSIZING", {"label": {"kind": "outcome"}}, days=30)
    said = (
        (100, Outcome.TRUE_POSITIVE),
        (90, Outcome.FALSE_POSITIVE),
        (80, Outcome.TRUE_POSITIVE),
        (5, Outcome.TRUE_POSITIVE),
    )
    with database.write() as session:
        for days, outcome in said:
            at = now - timedelta(days=days)
            made = factories.alert(session, alert_type="DOWNSIZING", status=Status.DISMISSED, opened_at=at, now=now)
            factories.outcome(session, made, outcome, now=now)
        ready = readiness.look(session, target, delay=timedelta(days=2), now=now)
    assert (ready.positives, ready.waiting, ready.negatives, ready.missing) == (2, 1, 1, readiness.NEEDED - 1)
    begins = ready.begins(now=now)
    assert begins is not None
    assert begins > now + timedelta(days=365)
