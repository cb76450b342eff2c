"""What providers say later: in whatever order the words arrive, the message comes to the same end."""

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from core import delivery
from core.db import Database
from core.db.tables import Delivery, DeliveryEvent
from core.delivery import Sent, Word
from core.delivery.callbacks import Said, _take
from core.words import DeliveryState
from tests.conftest import MONDAY_MORNING
from tests.delivery.making import claim_one, row, told

WORDS = st.builds(
    lambda said, minutes: Word(provider_id="p", said=said, at=MONDAY_MORNING + timedelta(minutes=minutes)),
    st.sampled_from(list(Said)),
    st.integers(0, 5),
)


def end(words: tuple[Word, ...]) -> tuple[object, ...]:
    """How a delivery that was sent stands after these words."""
    one = Delivery(state=DeliveryState.SENT, provider_at=None, delivered_at=None, opened_at=None, clicked_at=None)
    for word in words:
        _take(one, word)
    return one.state, one.delivered_at, one.opened_at, one.clicked_at


@given(st.lists(WORDS, max_size=5))
def test_every_order_of_the_same_words_comes_to_the_same_end(words: list[Word]) -> None:
    ends = {end(order) for order in itertools.permutations(words)}
    assert len(ends) == 1
    (state, *_), said = ends.pop(), {word.said for word in words}
    assert (state == DeliveryState.BOUNCED) == (Said.BOUNCED in said)


def test_words_about_what_never_went_out_are_ignored(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        claimed = claim_one(session, now=now)
        row(session, claimed.id).provider_id = "p"
        session.flush()
        for said in Said:
            assert delivery.heard(session, Word(provider_id="p", said=said, at=now), now=now) is not None
        assert row(session, claimed.id).state == DeliveryState.LEASED
        assert session.scalars(select(DeliveryEvent.what).distinct()).all() == ["ignored"]


@pytest.mark.parametrize("order", list(itertools.permutations((Said.DELIVERED, Said.OPENED, Said.BOUNCED))))
def test_each_word_is_in_the_ledger_once(database: Database, now: datetime, order: tuple[Said, ...]) -> None:
    with database.write() as session:
        told(session, now=now)
        claimed = claim_one(session, now=now)
        delivery.record(session, [(claimed, Sent(provider_id="p"))], now=now)
        for minutes, said in enumerate(order):
            at = now + timedelta(minutes=minutes)
            delivery.heard(session, Word(provider_id="p", said=said, at=at), now=at)
        found = row(session, claimed.id)
        assert found.state == DeliveryState.BOUNCED
        assert None not in (found.delivered_at, found.opened_at)
        assert session.scalar(select(func.count()).select_from(DeliveryEvent)) == 3
