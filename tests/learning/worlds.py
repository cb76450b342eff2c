"""A small made-up market whose truth is known: who checks the home's value sells more often."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from core.learning import examples, targets
from core.learning.examples import DAY, Examples
from core.learning.labels import Labels
from core.learning.targets import Target
from core.scoring import features
from core.words import Intent
from tests.learning import making

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
REFINANCE = targets._built_in(Intent.REFINANCE_OPPORTUNITY)


class Market(NamedTuple):
    """Rows by time, as the database would give them, and what will come of each."""

    names: list[str]
    contact: NDArray[np.int64]
    days_ago: NDArray[np.float64]
    matrix: NDArray[np.float32]
    truth: NDArray[np.float64]
    """The probability behind each row."""
    happens: NDArray[np.bool_]


def market(
    *, contacts: int = 1500, rows: int = 4, days: float = 420, base: float = -3.0, slope: float = 0.35, seed: int = 1
) -> Market:
    """Contacts with some scores each; refinancing clicks decide, value checks are noise here."""
    random = np.random.default_rng(seed)
    contact = np.repeat(np.arange(contacts), rows)
    days_ago = random.uniform(0, days, len(contact))
    clicks = random.poisson(random.gamma(0.6, 2.5, len(contact)))
    checks = random.poisson(1.5, len(contact))
    matrix = making.vectors(len(contact), {"refinance_clicks_90d": clicks, "value_checks_30d": checks})
    truth = 1 / (1 + np.exp(-(base + slope * np.minimum(clicks, 12))))
    order = np.argsort(-days_ago)
    names = [f"contact-{number:05}" for number in range(contacts)]
    happens = random.random(len(contact)) < truth
    return Market(names, contact[order], days_ago[order], matrix[order], truth[order], happens[order])


def examples_of(made: Market) -> Examples:
    at = examples.milliseconds(NOW) - (made.days_ago * DAY).astype(np.int64)
    return Examples(contact_ids=tuple(made.names), contact=made.contact, at=at, matrix=made.matrix.astype(np.float64))


def labels_of(made: Market, target: Target = REFINANCE) -> Labels:
    """Known where the window has closed."""
    closed = made.days_ago >= target.horizon.days + 14
    y = np.where(closed, made.happens.astype(np.float64), np.nan)
    return Labels(
        transacts=y,
        right=np.where(y == 1, 1.0, np.nan),
        reached=np.zeros(len(y), dtype=bool),
        censored=int((~closed).sum()),
        unknown=0,
    )


def dates(made: Market) -> list[datetime]:
    return [NOW - timedelta(days=float(each)) for each in made.days_ago]


def column(made: Market, name: str) -> NDArray[np.float32]:
    return made.matrix[:, features.index(name)]


def store(session: Session, made: Market, *, seed: int = 3) -> None:
    """The market as a team's database holds it: the scores, and the refinancings that followed, also those to come."""
    making.contacts(session, made.names, now=NOW - timedelta(days=500))
    making.scores(session, [made.names[number] for number in made.contact], dates(made), made.matrix)
    after = np.random.default_rng(seed).uniform(1, 89, len(made.contact))
    rows = np.flatnonzero(made.happens)
    when = dates(made)
    making.transactions(
        session,
        [made.names[made.contact[row]] for row in rows],
        [when[row] + timedelta(days=float(after[row])) for row in rows],
        kind="refinance",
    )
