"""The generated stream looks like a real one: repeatable, late, doubled, with wrong clocks and machines."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from core import events
from core.generator import World, generate
from core.generator.names import TERRITORIES, areas

END = datetime(2026, 3, 2, 15, tzinfo=UTC)


@cache
def world() -> World:
    return generate(3, 400, 120, END)


def test_the_same_seed_gives_the_same_world() -> None:
    again, other = generate(3, 400, 120, END), generate(4, 400, 120, END)
    assert again.contacts == world().contacts
    assert again.events_between(again.start, END) == world().events_between(world().start, END)
    assert other.contacts != world().contacts


def test_every_event_is_one_the_product_takes() -> None:
    sent = world().events_between(world().start, END)
    assert len(sent) > 3_000
    for each in sent:
        event = events.parse(each.body, now=each.received_at)
        assert event.occurred_at <= each.received_at + events.FUTURE_TOLERANCE


def test_events_arrive_in_order_and_each_instant_has_them_once() -> None:
    middle = world().start + timedelta(days=50)
    whole = world().events_between(world().start, END)
    assert whole == world().events_between(world().start, middle) + world().events_between(middle, END)
    assert [each.received_at for each in whole] == sorted(each.received_at for each in whole)


def test_some_events_come_late_twice_or_with_a_wrong_clock() -> None:
    sent = world().events_between(world().start, END)
    ids = Counter(each.body["eventId"] for each in sent)
    assert any(count > 1 for count in ids.values())
    assert any(each.received_at - each.body["occurredAt"] > timedelta(hours=2) for each in sent)
    assert any(each.body["occurredAt"] > each.received_at + timedelta(minutes=30) for each in sent)


def test_machines_are_in_it_and_known_to_the_truth() -> None:
    share = world().arrivals.machine.mean()
    assert 0.02 < share < 0.25


def test_a_cohort_gets_its_own_contacts_events_and_no_others() -> None:
    rows = world().rows_of([3, 5])
    sent = world().events_between(world().start, END, rows=rows)
    wanted = {world().contacts[3].id, world().contacts[5].id}
    everything = world().events_between(world().start, END)
    assert [each for each in everything if each.body["userId"] in wanted] == sent


def test_people_live_in_territories_with_plausible_homes() -> None:
    known = {area.id for area in areas()}
    assert len(TERRITORIES) == 12
    assert all(area.parent in known for area in areas() if area.parent)
    for person in world().contacts:
        for home in person.homes:
            assert home.territory in known
            assert home.estimated_value > 50_000
            assert 0 <= home.mortgage_balance <= home.estimated_value * 1.2
            assert home.purchased_on < END.date()


def test_those_in_the_market_are_busier() -> None:
    market = world().paths
    during = (market.state >= 2) & (market.until > 90) & (market.at < 120)
    busy = np.unique(market.contact[during])
    recent = world().arrivals.contact[(world().arrivals.received > 90) & (world().arrivals.session >= 0)]
    per_contact = np.bincount(recent, minlength=len(world().contacts))
    assert per_contact[busy].mean() > 2 * per_contact.mean()
