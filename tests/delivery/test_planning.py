"""The plan of one message: every rule is reached, and no combination of wishes is lost or sent at the wrong time."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.delivery.channel import ACCOUNT_EMAIL
from core.delivery.ledger import Rule
from core.delivery.planning import STORM_PAUSE, Person, Plan, Planned, Way, plan
from core.delivery.preferences import DEFAULTS, Digest, Preferences, QuietHours, parse
from core.delivery.quiet import Clockwork, wait
from core.delivery.registry import CHANNELS
from core.words import Priority

NOW = datetime(2026, 3, 2, 15, 20, tzinfo=UTC)  # 9:20 in Chicago
MAIL = Way(id=None, address=ACCOUNT_EMAIL)
NIGHT = QuietHours(start=time(21), end=time(7))


def person(
    preferences: Preferences = DEFAULTS, *, ways: tuple[Way, ...] = (MAIL,), lately: int = 0, about: int = 0
) -> Person:
    return Person(
        preferences=preferences,
        hours=Clockwork(timezone="America/Chicago"),
        ways=ways,
        lately=Counter({"email": lately}),
        about_contact=Counter({"email": about}),
    )


def planned(one: Person, priority: str = Priority.HIGH, *, now: datetime = NOW) -> Planned | Rule:
    """What becomes of the e-mail: the message, or why there is none."""
    found: Plan = plan("u1", one, priority=priority, now=now)
    mails = [message for message in found.messages if message.channel == "email"]
    assert len(mails) + ("email" in found.skipped) == 1, "told once, or with a reason not told"
    return mails[0] if mails else found.skipped["email"]


def test_what_is_urgent_goes_out_at_once() -> None:
    assert planned(person()) == Planned(channel="email", due_at=NOW)


@pytest.mark.parametrize(
    ("one", "rule"),
    [
        (person(parse({"matrix": {"HIGH": {"email": None}}})), Rule.PREFERENCE_OFF),
        (person(ways=()), Rule.NO_ADDRESS),
        (person(ways=(replace(MAIL, verified=False),)), Rule.NOT_VERIFIED),
        (person(ways=(replace(MAIL, disabled=True),)), Rule.ADDRESS_DISABLED),
        (person(ways=(replace(MAIL, opted_out={"email:all"}),)), Rule.OPTED_OUT),
    ],
)
def test_what_is_not_sent_says_why(one: Person, rule: Rule) -> None:
    assert planned(one) is rule


def test_who_opted_out_of_digests_still_gets_what_is_urgent() -> None:
    one = person(ways=(replace(MAIL, opted_out={"email:digests"}),))
    assert isinstance(planned(one), Planned)
    assert planned(one, Priority.MEDIUM) is Rule.OPTED_OUT


@pytest.mark.parametrize(
    ("priority", "due", "rule"),
    [
        (Priority.MEDIUM, "2026-03-02T16:00", Rule.HOURLY_DIGEST),
        (Priority.LOW, "2026-03-03T14:00", Rule.DAILY_DIGEST),
    ],
)
def test_a_digest_goes_out_with_the_hours_or_the_mornings(priority: str, due: str, rule: Rule) -> None:
    found = planned(person(), priority)
    assert isinstance(found, Planned)
    assert (found.due_at, found.rules) == (datetime.fromisoformat(due).replace(tzinfo=UTC), (rule,))
    assert found.bundle is not None


def test_a_later_step_waits_for_somebody_to_read() -> None:
    found = planned(person(parse({"matrix": {"HIGH": {"email": 300}}})))
    assert found == Planned(channel="email", due_at=NOW + timedelta(minutes=5), after=300, rules=(Rule.LATER_STEP,))


@pytest.mark.parametrize(
    ("lately", "about", "priority", "rule"),
    [
        (8, 0, Priority.HIGH, Rule.AGENT_STORM),
        (7, 1, Priority.HIGH, None),
        (2, 2, Priority.HIGH, Rule.CONTACT_STORM),
        (8, 8, Priority.CRITICAL, None),
        (24, 0, Priority.CRITICAL, Rule.AGENT_STORM),
    ],
)
def test_a_storm_is_gathered_and_what_is_critical_longer_let_through(
    lately: int, about: int, priority: str, rule: Rule | None
) -> None:
    found = planned(person(lately=lately, about=about), priority)
    assert isinstance(found, Planned)
    assert (found.due_at, found.rules) == ((NOW + STORM_PAUSE, (rule,)) if rule else (NOW, ()))


def test_quiet_hours_hold_back_what_would_go_out_in_them_and_name_both_rules() -> None:
    night = replace(DEFAULTS, quiet=NIGHT)
    late = datetime(2026, 3, 3, 2, 58, tzinfo=UTC)  # 20:58
    found = planned(person(night, lately=8), now=late)
    assert isinstance(found, Planned)
    assert found.rules == (Rule.AGENT_STORM, Rule.QUIET_HOURS)
    assert found.due_at == datetime(2026, 3, 3, 13, tzinfo=UTC)


WAYS = st.builds(
    Way,
    id=st.none(),
    address=st.just(ACCOUNT_EMAIL),
    verified=st.booleans(),
    disabled=st.booleans(),
    opted_out=st.sets(st.sampled_from(("email:all", "email:digests", "sms:all"))),
)


@settings(max_examples=300, deadline=None)
@given(
    priority=st.sampled_from(list(Priority)),
    after=st.sampled_from((None, 0, 60, 86_400)),
    digest=st.sampled_from(list(Digest)),
    quiet=st.sampled_from((None, NIGHT)),
    hours_only=st.booleans(),
    lately=st.integers(0, 40),
    about=st.integers(0, 3),
    ways=st.lists(WAYS, max_size=3),
    minutes=st.integers(0, 3 * 1440),
)
def test_whatever_is_wished_it_is_told_once_or_says_why_and_never_in_quiet_hours(
    priority: Priority,
    after: int | None,
    digest: Digest,
    quiet: QuietHours | None,
    hours_only: bool,
    lately: int,
    about: int,
    ways: list[Way],
    minutes: int,
) -> None:
    chosen = replace(
        DEFAULTS,
        matrix={priority: dict.fromkeys(CHANNELS, after) | {"in_app": 0}},
        digests={priority: digest},
        quiet=quiet,
        working_hours_only=hours_only,
    )
    now = NOW + timedelta(minutes=minutes)
    one = person(chosen, ways=tuple(ways), lately=lately, about=about)
    found = plan("u1", one, priority=priority, now=now)
    carried = {message.channel for message in found.messages}
    assert carried | set(found.skipped) >= {"in_app", "email"}
    assert not carried & set(found.skipped)
    for message in found.messages:
        assert message.due_at >= now
        assert (message.due_at > now) == bool(message.rules), "what waits says why"
        assert (message.bundle is not None) <= bool(message.rules)
        assert message.bundle is None or len(message.bundle) <= 120
        if message.channel != "in_app":
            assert wait(chosen, one.hours, priority, now=message.due_at) is None


def test_the_name_of_a_bundle_fits_with_the_longest_ids() -> None:
    longest = max(CHANNELS, key=len)
    assert len(f"hourly:{'u' * 64}:{longest}:{'a' * 32}") <= 120


def test_channels_asked_for_by_name_come_unless_they_are_off_for_every_priority() -> None:
    phone = person(ways=(MAIL, Way(id="p", address="phone")))
    found = plan("u1", phone, priority=Priority.LOW, only=["sms", "voice"], now=NOW)
    assert [message.channel for message in found.messages] == ["sms"]
    assert found.skipped["voice"] is Rule.PREFERENCE_OFF
    at_once = plan("u1", phone, priority=Priority.LOW, only=["voice"], at_once=True, now=NOW)
    assert [message.channel for message in at_once.messages] == ["voice"], "what is asked for as a test comes"


def test_what_goes_together_waits_for_nothing_and_yields_to_digests_storms_and_the_night() -> None:
    def bundle(one: Person, priority: str = Priority.HIGH) -> tuple[str, datetime]:
        found = plan("u1", one, priority=priority, together="moved-1", now=NOW)
        (mail,) = [message for message in found.messages if message.channel == "email"]
        return (mail.bundle or "").partition(":")[0], mail.due_at

    assert bundle(person()) == ("with", NOW)
    assert bundle(person(), Priority.MEDIUM)[0] == "hourly"
    assert bundle(person(lately=99))[0] == "storm"
    assert bundle(person(replace(DEFAULTS, quiet=QuietHours(start=time(9), end=time(10)))))[0] == "held"
    inbox = plan("u1", person(), priority=Priority.HIGH, together="moved-1", now=NOW).messages
    assert [one.bundle for one in inbox if one.channel == "in_app"] == [None]
