"""The feature set: what every model sees of a contact, as it stood at one instant. Unknown is NaN, never 0 or 999.

A count of behaviour is 0 when none was seen: we watch, so that is known. A rate without its denominator, the days since
something that never happened, and facts nobody told us are missing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from core import history as histories
from core.history import DOCUMENT_KINDS, History
from core.scoring.columns import DEVICES, MICROSECOND, Columns, Floats, distinct, over
from core.scoring.registry import Feature, Group, Registry
from core.signals import OpenSignal, definitions
from core.words import SignalCategory

FEATURE_SET = 1
MONTH, QUARTER = 30, 90
WEEKS_IN_QUARTER = QUARTER / 7
DEVICE_CODES = {"desktop": 0.0, "mobile": 1.0, "tablet": 2.0, "other": 3.0}
SIGNAL_TYPES = tuple(definition.type for definition in definitions())


def vector(history: History, open_signals: Sequence[OpenSignal], *, now: datetime) -> tuple[float, ...]:
    """The features of one contact, in the order of FEATURES."""
    found: tuple[float, ...] = ()
    for group in REGISTRY.groups:
        found += group.values(history, open_signals, now)
    return found


def vectors(
    of: Mapping[str, History], open_signals: Mapping[str, Sequence[OpenSignal]], *, now: datetime
) -> NDArray[np.float64]:
    """(contacts, features), in the mapping's order; each row is that contact's `vector`, to the last bit."""
    seen = Columns(of.values(), now=now)
    found = np.empty((seen.size, len(FEATURES)))
    at = 0
    for group in REGISTRY.groups:
        to = at + len(group.features)
        if group.many is not None:
            found[:, at:to] = np.stack(group.many(seen), axis=1)
        elif of:
            found[:, at:to] = [group.values(past, open_signals.get(key, ()), now) for key, past in of.items()]
        at = to
    return found


def index(name: str) -> int:
    """Where a feature stands in the vector."""
    return INDEX[name]


def _counted(name: str, label: str, kind: str, did: str, never: str, *, days: int = MONTH, topic: str = "") -> Feature:
    return Feature(
        name=name,
        label=label,
        unit="times",
        phrase=f"{did} {{times}}{{span}}{{usual}}",
        absent=f"{never} in {days} days",
        kind=kind,
        days=days,
        topic=topic or kind,
    )


def _documents(history: History, _signals: Sequence[OpenSignal], now: datetime) -> tuple[float, ...]:
    today = histories.today(now)
    human = history.human
    return (
        human("document_access", today, days=MONTH),
        human("document_download", today, days=MONTH),
        human("document_share", today, days=MONTH),
        human("document_access", today, days=QUARTER) / WEEKS_IN_QUARTER,
        _days_since(history, DOCUMENT_KINDS, today),
    )


def _many_documents(seen: Columns) -> Sequence[Floats]:
    return (
        seen.human("document_access", days=MONTH),
        seen.human("document_download", days=MONTH),
        seen.human("document_share", days=MONTH),
        seen.human("document_access", days=QUARTER) / WEEKS_IN_QUARTER,
        seen.newest(DOCUMENT_KINDS),
    )


def _email(history: History, _signals: Sequence[OpenSignal], now: datetime) -> tuple[float, ...]:
    today = histories.today(now)
    human = history.human
    sent = human("email_sent", today, days=QUARTER)
    return (
        min(1.0, human("email_open", today, days=QUARTER) / sent) if sent else nan,
        min(1.0, human("email_click", today, days=QUARTER) / sent) if sent else nan,
        human("refinance_click", today, days=QUARTER),
        human("market_report", today, days=QUARTER),
    )


def _many_emails(seen: Columns) -> Sequence[Floats]:
    sent = seen.human("email_sent", days=QUARTER)
    return (
        np.minimum(1.0, over(seen.human("email_open", days=QUARTER), sent)),
        np.minimum(1.0, over(seen.human("email_click", days=QUARTER), sent)),
        seen.human("refinance_click", days=QUARTER),
        seen.human("market_report", days=QUARTER),
    )


LONGEST_VISIT = 240
"""Minutes; a session that seems longer has a wrong clock or a reused id in it, and its length is unknown."""


def _platform(history: History, _signals: Sequence[OpenSignal], now: datetime) -> tuple[float, ...]:
    today = histories.today(now)
    human = history.human
    lengths = [last - start for start, last in history.sessions]
    known = [length for length in lengths if length <= _LONGEST_VISIT]
    return (
        human("value_check", today, days=MONTH),
        human("calculator", today, days=MONTH),
        human("comparable", today, days=MONTH),
        len(lengths),
        sum(known, timedelta()) // MICROSECOND / (len(known) * _MINUTE) if known else nan,
        human("profile_update", today, days=MONTH),
        human("property_view", today, days=MONTH),
        human("search", today, days=MONTH),
        human("buying_calculator", today, days=MONTH),
        human("refinance_calculator", today, days=MONTH),
        human("investment_research", today, days=MONTH),
    )


_LONGEST_VISIT = timedelta(minutes=LONGEST_VISIT)
_MINUTE = timedelta(minutes=1) // MICROSECOND


def _many_platforms(seen: Columns) -> Sequence[Floats]:
    who, _, length = seen.sessions
    known = length <= _LONGEST_VISIT // MICROSECOND
    return (
        *(seen.human(kind, days=MONTH) for kind in ("value_check", "calculator", "comparable")),
        seen.add(who),
        over(seen.add(who[known], length[known]), seen.add(who[known]) * _MINUTE),
        *(
            seen.human(kind, days=MONTH)
            for kind in (
                "profile_update",
                "property_view",
                "search",
                "buying_calculator",
                "refinance_calculator",
                "investment_research",
            )
        ),
    )


def _property(history: History, _signals: Sequence[OpenSignal], now: datetime) -> tuple[float, ...]:
    if not history.homes:
        return nan, nan, nan, nan
    today = histories.today(now)
    owned = [today - home.purchased_on.toordinal() for home in history.homes if home.purchased_on is not None]
    owned = [days for days in owned if days >= 0]
    known = [
        (home.estimated_value, home.mortgage_balance)
        for home in history.homes
        if home.estimated_value is not None and home.estimated_value > 0 and home.mortgage_balance is not None
    ]
    value, mortgage = sum(home[0] for home in known), sum(home[1] for home in known)
    return (
        len(history.homes),
        max(owned) / 365.25 if owned else nan,
        value - mortgage if known else nan,
        mortgage / value if known else nan,
    )


def _pattern(history: History, _signals: Sequence[OpenSignal], now: datetime) -> tuple[float, ...]:
    today = histories.today(now)
    first = today - QUARTER
    last_day = 0
    days: set[int] = set()
    hours: dict[int, int] = {}
    devices: dict[str, int] = {}
    for ordinal, hour, device, count in history.visits:
        if ordinal > today:
            continue
        last_day = max(last_day, ordinal)
        if ordinal > first:
            days.add(ordinal)
            hours[hour] = hours.get(hour, 0) + count
            if device != "unknown":
                devices[device] = devices.get(device, 0) + count
    return (
        today - last_day if last_day else nan,
        len(days) / WEEKS_IN_QUARTER,
        float(min(hours, key=lambda hour: (-hours[hour], hour))) if hours else nan,
        DEVICE_CODES[min(devices, key=lambda device: (-devices[device], device))] if devices else nan,
    )


def _many_patterns(seen: Columns) -> Sequence[Floats]:
    who, age, hour, count = seen.visits
    last = np.full(seen.size, np.inf)
    np.minimum.at(last, who[age >= 0], age[age >= 0].astype(np.float64))
    recent = (age >= 0) & (age < QUARTER)
    peak, came = seen.most(who[recent], hour[recent], count[recent], kinds=24)
    told = recent & (seen.devices >= 0)
    device, known = seen.most(who[told], seen.devices[told], count[told], kinds=len(DEVICES))
    return (
        np.where(np.isinf(last), nan, last),
        seen.add(distinct(who[recent], age[recent])[0]) / WEEKS_IN_QUARTER,
        np.where(came, peak, nan),
        np.where(known, _DEVICE_CODES[device], nan),
    )


_DEVICE_CODES = np.array([DEVICE_CODES[device] for device in DEVICES])


def _life(history: History, _signals: Sequence[OpenSignal], _now: datetime) -> tuple[float, ...]:
    found = dict.fromkeys(_FACTS, nan)
    for fact in history.facts:
        key = (fact.type, fact.subtype)
        if key in found:
            strength = fact.strength * fact.confidence
            found[key] = strength if isnan(found[key]) else max(found[key], strength)
    return tuple(found.values())


_FACTS = (
    ("LIFE_EVENT", "address_change"),
    ("LIFE_EVENT", "job_change"),
    ("LIFE_EVENT", "building_permit"),
    ("CREDIT_INQUIRY", ""),
    ("TAX_CHANGE", ""),
    ("INSURANCE_CLAIM", ""),
)
_STRENGTH_AT = {signal_type: position for position, signal_type in enumerate(SIGNAL_TYPES)}
_CATEGORY_AT = {
    SignalCategory.DOCUMENT_ACTIVITY.value: len(SIGNAL_TYPES),
    SignalCategory.EMAIL_ENGAGEMENT.value: len(SIGNAL_TYPES) + 1,
    SignalCategory.PLATFORM_BEHAVIOR.value: len(SIGNAL_TYPES) + 2,
}
_NO_SIGNALS = (0.0,) * (len(SIGNAL_TYPES) + 4) + (nan,)


def _signals(_history: History, signals: Sequence[OpenSignal], _now: datetime) -> tuple[float, ...]:
    if not signals:
        return _NO_SIGNALS
    found = list(_NO_SIGNALS)
    confidence = 0.0
    for signal in signals:
        strength = signal.strength
        if (at := _STRENGTH_AT.get(signal.type)) is not None:
            found[at] = strength
        if (at := _CATEGORY_AT.get(signal.category)) is not None:
            found[at] += 1
        found[-2] += strength
        confidence += signal.confidence
    found[-1] = confidence / len(signals)
    return tuple(found)


def _days_since(history: History, kinds: Sequence[str], today: int) -> float:
    last = 0
    for kind in kinds:
        for row in reversed(history.days.get(kind, ())):
            if row[1] > 0 and row[0] <= today:
                last = max(last, row[0])
                break
    return today - last if last else nan


REGISTRY = Registry()
REGISTRY.register(
    Group(
        values=_documents,
        many=_many_documents,
        features=(
            _counted(
                "document_accesses_30d",
                "Documents opened",
                "document_access",
                "opened documents",
                "has opened no document",
                topic="documents",
            ),
            _counted(
                "document_downloads_30d",
                "Documents downloaded",
                "document_download",
                "downloaded documents",
                "has downloaded no document",
            ),
            _counted(
                "document_shares_30d",
                "Documents shared",
                "document_share",
                "shared documents",
                "has shared no document",
            ),
            Feature(
                name="document_accesses_per_week",
                label="Documents opened a week",
                unit="a week",
                phrase="opens {value} documents a week",
                absent="has opened no document in 90 days",
                topic="documents",
            ),
            Feature(
                name="days_since_document",
                label="Days since the last document",
                unit="days",
                phrase="was last in the documents {value} days ago",
                absent="has not been in the documents for half a year",
                topic="documents",
            ),
        ),
    )
)
REGISTRY.register(
    Group(
        values=_email,
        many=_many_emails,
        features=(
            Feature(
                name="email_open_rate_90d",
                label="Mails opened",
                unit="share",
                phrase="opens {value} of our mails",
                absent="opens none of our mails",
                topic="mails",
            ),
            Feature(
                name="email_click_rate_90d",
                label="Mails clicked",
                unit="share",
                phrase="clicks in {value} of our mails",
                absent="clicks in none of our mails",
                topic="mails",
            ),
            _counted(
                "refinance_clicks_90d",
                "Refinance mails clicked",
                "refinance_click",
                "clicked on refinancing",
                "has not clicked on refinancing",
                days=QUARTER,
            ),
            _counted(
                "market_reports_90d",
                "Market reports viewed",
                "market_report",
                "read market reports",
                "has read no market report",
                days=QUARTER,
            ),
        ),
    )
)
REGISTRY.register(
    Group(
        values=_platform,
        many=_many_platforms,
        features=(
            _counted(
                "value_checks_30d",
                "Value checks",
                "value_check",
                "checked the home's value",
                "has not checked the home's value",
            ),
            _counted(
                "calculator_uses_30d", "Calculators used", "calculator", "used a calculator", "has used no calculator"
            ),
            _counted(
                "comparable_views_30d",
                "Comparable homes viewed",
                "comparable",
                "looked at comparable homes",
                "has looked at no comparable home",
            ),
            Feature(
                name="sessions_30d",
                label="Sessions",
                unit="times",
                phrase="came {times} in 30 days",
                absent="has not come by in 30 days",
                topic="visits",
            ),
            Feature(
                name="session_minutes_30d",
                label="Minutes a session",
                unit="minutes",
                phrase="stays {value} minutes a visit",
                topic="session minutes",
            ),
            _counted(
                "profile_updates_30d",
                "Profile updates",
                "profile_update",
                "updated the profile",
                "has not updated the profile",
            ),
            _counted(
                "property_views_30d",
                "Homes on the market viewed",
                "property_view",
                "looked at homes on the market",
                "has looked at no home on the market",
            ),
            _counted("searches_30d", "Searches", "search", "searched for homes", "has not searched for homes"),
            _counted(
                "buying_calculators_30d",
                "Purchase calculators used",
                "buying_calculator",
                "calculated a purchase",
                "has not calculated a purchase",
            ),
            _counted(
                "refinance_calculators_30d",
                "Refinance calculators used",
                "refinance_calculator",
                "calculated a refinancing",
                "has not calculated a refinancing",
            ),
            _counted(
                "investment_research_30d",
                "Investment research",
                "investment_research",
                "researched investments",
                "has not researched investments",
            ),
        ),
    )
)
REGISTRY.register(
    Group(
        values=_property,
        features=(
            Feature(name="property_count", label="Properties owned", unit="homes", phrase="owns {value} properties"),
            Feature(
                name="years_owned",
                label="Years owned",
                unit="years",
                phrase="has owned the home for {value} years",
            ),
            Feature(
                name="estimated_equity",
                label="Estimated equity",
                unit="USD",
                phrase="has about {value} of equity",
                topic="equity",
            ),
            Feature(
                name="loan_to_value",
                label="Loan to value",
                unit="share",
                phrase="owes {value} of the home's value",
                absent="owes nothing on the home",
                topic="equity",
            ),
        ),
    )
)
REGISTRY.register(
    Group(
        values=_pattern,
        many=_many_patterns,
        features=(
            Feature(
                name="days_since_visit",
                label="Days since the last visit",
                unit="days",
                phrase="was last here {value} days ago",
                absent="was here today",
                topic="visits",
            ),
            Feature(
                name="visits_per_week",
                label="Visits a week",
                unit="a week",
                phrase="visits on {value} days a week",
                absent="has not visited in 90 days",
                topic="visits",
            ),
            Feature(
                name="peak_hour",
                label="Most active hour (UTC)",
                unit="hour",
                phrase="is mostly here around {value}:00 UTC",
            ),
            Feature(
                name="preferred_device",
                label="Preferred device",
                unit="code",
                phrase="mostly comes by {device}",
            ),
        ),
    )
)
REGISTRY.register(
    Group(
        values=_life,
        features=(
            Feature(
                name="recent_address_change",
                label="Address change",
                unit="strength",
                phrase="had an address change lately",
            ),
            Feature(name="recent_job_change", label="Job change", unit="strength", phrase="changed jobs lately"),
            Feature(
                name="recent_building_permit",
                label="Building permit",
                unit="strength",
                phrase="got a building permit lately",
            ),
            Feature(
                name="credit_inquiry", label="Credit inquiry", unit="strength", phrase="had a credit inquiry lately"
            ),
            Feature(
                name="tax_change", label="Tax change", unit="strength", phrase="had a change of property tax lately"
            ),
            Feature(
                name="insurance_claim",
                label="Insurance claim",
                unit="strength",
                phrase="made an insurance claim lately",
            ),
        ),
    )
)
_TOPICS = {"document_access": "documents"}
REGISTRY.register(
    Group(
        values=_signals,
        features=(
            *(
                Feature(
                    name=f"signal_{definition.type.lower()}",
                    label=definition.label,
                    unit="strength",
                    phrase=f"shows the signal “{definition.label.lower()}”, {{value}} strong",
                    absent=f"does not show the signal “{definition.label.lower()}”",
                    topic="mails"
                    if definition.type == "HIGH_EMAIL_ENGAGEMENT"
                    else _TOPICS.get(definition.kinds[0], definition.kinds[0]),
                )
                for definition in definitions()
            ),
            Feature(
                name="document_signals",
                label="Document signals",
                unit="signals",
                phrase="shows {value} document signals",
            ),
            Feature(name="email_signals", label="Mail signals", unit="signals", phrase="shows {value} mail signals"),
            Feature(
                name="platform_signals",
                label="Platform signals",
                unit="signals",
                phrase="shows {value} platform signals",
            ),
            Feature(
                name="signal_strength",
                label="Total signal strength",
                unit="strength",
                phrase="shows signals of a total strength of {value}",
                absent="shows no signal",
                topic="signals",
            ),
            Feature(
                name="signal_confidence",
                label="Mean signal confidence",
                unit="share",
                phrase="shows signals that are {value} sure on average",
                topic="signals",
            ),
        ),
    )
)
FEATURES: tuple[Feature, ...] = tuple(REGISTRY.features)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
INDEX: dict[str, int] = {name: position for position, name in enumerate(NAMES)}
