"""The contacts of the made-up world: who they are, what they own, how much they use the platform, and their rates."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from core.generator.hazards import ENTRY_A_YEAR, SILENT_A_YEAR, YEAR, Floats, Ints, Rates
from core.generator.names import CITY, FIRST_NAMES, LAST_NAMES, STREETS, TERRITORIES, Area

MEDIAN_VALUE = 410_000.0
FRAILTY_SHAPE = 2.0
VISITS_MEDIAN, VISITS_SPREAD, VISITS_MOST = 0.014, 0.9, 0.15
"""Everyday visits a day: log-normal, capped."""
OPENS_BETA = (1.6, 5.0)
DEVICES = ("desktop", "mobile", "tablet")


@dataclass(frozen=True, kw_only=True)
class Home:
    id: str
    address: str
    city: str
    zip: str
    territory: str
    estimated_value: float
    mortgage_balance: float
    purchased_on: date


@dataclass(frozen=True, kw_only=True)
class Person:
    """One contact as the product may know it."""

    id: str
    name: str
    email: str
    phone: str
    territory: str
    homes: tuple[Home, ...]


@dataclass(frozen=True, kw_only=True)
class Population:
    """People, and beside them (same order) what drives them."""

    people: tuple[Person, ...]
    rates: Rates
    visits_a_day: Floats
    joined: Floats
    """Day (0 = start of the history) from which the platform sees them."""
    peak_hour: Floats
    device: Ints
    subscribed: Floats
    """Share of the campaigns this contact is sent; 0 when unsubscribed."""
    opens: Floats
    """Propensity to open a mail."""
    scanned: Ints
    """1 where a mail gateway opens and follows every link at once."""


def populate(count: int, *, days: int, end: date, rng: np.random.Generator) -> Population:
    """Draw `count` contacts."""
    area = rng.choice(len(TERRITORIES), count, p=_shares())
    homes = np.where(rng.random(count) < 0.12, 0, 1) + (rng.random(count) < 0.07) * rng.integers(1, 4, count)
    years = np.minimum(rng.gamma(1.8, 4.5, count) + 0.3, 38.0)
    value = MEDIAN_VALUE * np.exp(rng.normal(0, 0.33, count)) * np.array([t.value_factor for t in TERRITORIES])[area]
    bought_at = value * (1.035 ** -np.minimum(years, 25))
    paid = np.clip(years / 30, 0, 1) ** 1.25
    mortgage = np.where(rng.random(count) < 0.2, 0.0, bought_at * rng.uniform(0.6, 0.95, count) * (1 - paid))
    people = tuple(
        _person(i, TERRITORIES[area[i]].id, int(homes[i]), value[i], mortgage[i], years[i], end=end, rng=rng)
        for i in range(count)
    )
    devices = np.array([rng.choice(3, p=(0.46, 0.46, 0.08)) for _ in range(count)], dtype=np.int64)
    return Population(
        people=people,
        rates=_rates(homes, years, mortgage / value, rng=rng),
        visits_a_day=np.minimum(VISITS_MEDIAN * np.exp(rng.normal(0, VISITS_SPREAD, count)), VISITS_MOST),
        joined=np.where(rng.random(count) < 0.8, 0.0, rng.uniform(0, days * 0.9, count)),
        peak_hour=np.clip(rng.choice([8.0, 12.5, 20.0], count, p=(0.2, 0.3, 0.5)) + rng.normal(0, 1.2, count), 6, 22.5),
        device=devices,
        subscribed=np.where(rng.random(count) < 0.8, rng.uniform(0.3, 0.8, count), 0.0),
        opens=rng.beta(*OPENS_BETA, count),
        scanned=(rng.random(count) < 0.12).astype(np.int64),
    )


def _shares() -> Floats:
    weights = np.array([1.2, 0.8, 1.0, 0.7, 1.1, 0.9, 0.6, 1.3, 1.0, 0.7, 1.2, 0.9])
    return np.asarray(weights / weights.sum())


def _rates(homes: Ints, years: Floats, loan_to_value: Floats, *, rng: np.random.Generator) -> Rates:
    """Who owns what decides what they may want; a gamma frailty makes people differ beyond what anybody can see."""
    owns = homes > 0
    settled = 0.6 + 1.2 * np.exp(-(((years - 8) / 5) ** 2))
    factors = np.column_stack(
        [
            np.where(owns, settled * np.where(loan_to_value < 0.8, 1.1, 0.6), 0.0),
            np.where(owns, 0.8, 2.6),
            np.where(owns & (loan_to_value > 0.05), np.where(loan_to_value > 0.45, 1.9, 0.8), 0.0),
            np.where(homes > 1, 5.0, 0.75),
        ]
    )
    factors /= factors.mean(axis=0)
    frailty = rng.gamma(FRAILTY_SHAPE, 1 / FRAILTY_SHAPE, (len(homes), 4))
    return Rates(entry=factors * frailty * ENTRY_A_YEAR / YEAR, silent=factors * SILENT_A_YEAR / YEAR)


def _person(
    i: int,
    territory: str,
    count: int,
    value: float,
    mortgage: float,
    years: float,
    *,
    end: date,
    rng: np.random.Generator,
) -> Person:
    first, last = FIRST_NAMES[int(rng.integers(len(FIRST_NAMES)))], LAST_NAMES[int(rng.integers(len(LAST_NAMES)))]
    handle = f"{first}.{last}".lower().replace("-", "")
    key = f"c-{i + 1:05d}"
    homes = []
    for number in range(count):
        place = next(t for t in TERRITORIES if t.id == territory) if number == 0 else _another(rng)
        factor = 1.0 if number == 0 else float(rng.uniform(0.5, 0.9))
        owned = years if number == 0 else years * float(rng.uniform(0.2, 0.9))
        homes.append(
            Home(
                id=f"p-{i + 1:05d}-{number + 1}",
                address=f"{int(rng.integers(1, 240))} {STREETS[int(rng.integers(len(STREETS)))]}",
                city=CITY,
                zip=place.zips[int(rng.integers(len(place.zips)))],
                territory=place.id,
                estimated_value=round(value * factor, -3),
                mortgage_balance=round(mortgage * factor, -2),
                purchased_on=end - timedelta(days=int(owned * 365.25)),
            )
        )
    return Person(
        id=key,
        name=f"{first} {last}",
        email=f"{handle}.{i + 1}@mail.example",
        phone=f"+1 555 01{int(rng.integers(100)):02d} {i % 10000:04d}",
        territory=territory,
        homes=tuple(homes),
    )


def _another(rng: np.random.Generator) -> Area:
    return TERRITORIES[int(rng.integers(len(TERRITORIES)))]
