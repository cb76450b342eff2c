"""Splitting in time: train | embargo | choose | measure. Never at random, never backwards."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import Conflict
from core.learning.examples import DAY, Ints

Mask = NDArray[np.bool_]
HELD_OUT = 0.4
"""Of the days that the embargo leaves, the newest: half of them choose, half of them measure."""
SHORTEST = 56
"""Days that the embargo must leave."""
FEWEST, FEWEST_HELD_OUT = 50, 20
"""Contacts of whom it came true, to learn from; and to choose, and to measure on. With fewer only the intercept moves."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Masks over the examples; `words` says it to a person."""

    train: Mask
    choose: Mask
    measure: Mask
    embargo: timedelta

    def words(self, at: Ints) -> str:
        return (
            f"forward in time: learnt from scores {span(at[self.train])}; {self.embargo.days} days left out, until all of"
            f" their endings were known; chosen and calibrated on scores {span(at[self.choose])}; measured on scores"
            f" {span(at[self.measure])}. The last two follow each other directly, so one ending may count in both."
        )

    def spans(self, at: Ints) -> dict[str, Any]:
        return {
            name: [iso(at[mask].min()), iso(at[mask].max())]
            for name, mask in (("train", self.train), ("choose", self.choose), ("measure", self.measure))
        }


def forward(at: Ints, known: Mask, *, horizon: timedelta, delay: timedelta) -> Split:
    """Split the rows whose label is known.

    Raises:
        Conflict: the history is too short, in a sentence that says how much is there and how much it takes.
    """
    embargo = horizon + delay
    days = (at[known].max() - at[known].min()) / DAY if known.any() else 0.0
    left = days - embargo.days
    if left < SHORTEST:
        raise Conflict(
            f"The scores whose endings are known span {days:.0f} days; it takes {embargo.days + SHORTEST} "
            f"({embargo.days} until an ending is known, and {SHORTEST} to learn from and to measure on)."
        )
    last = int(at[known].max())
    measure_from = last - int(HELD_OUT / 2 * left * DAY)
    choose_from = last - int(HELD_OUT * left * DAY)
    train_until = choose_from - embargo.days * DAY
    return Split(
        train=known & (at <= train_until),
        choose=known & (at >= choose_from) & (at < measure_from),
        measure=known & (at >= measure_from),
        embargo=embargo,
    )


def span(at: Ints) -> str:
    return f"from {iso(at.min())[:10]} to {iso(at.max())[:10]}"


def iso(at: int) -> str:
    return datetime.fromtimestamp(int(at) / 1000, tz=UTC).isoformat().replace("+00:00", "Z")
