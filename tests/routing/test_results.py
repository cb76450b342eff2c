"""How agents do is told from luck, and from whether they got the easy ones."""

import random
from datetime import datetime, timedelta

import pytest

from core import versions
from core.db import Database
from core.routing import results
from core.routing.results import Closed, measure
from core.routing.state import State
from core.words import Status
from tests import factories as make

SELL, BUY = "LIKELY_TO_SELL", "LIKELY_TO_BUY"


def closed(agent_id: str, number: int, won: int, *, confidence: float = 0.6, kind: str = SELL) -> list[Closed]:
    return [
        Closed(agent_id=agent_id, alert_type=kind, confidence=confidence, won=place < won) for place in range(number)
    ]


def test_three_lucky_wins_do_not_make_a_champion() -> None:
    rows = [*closed("lucky", 3, 3), *closed("proven", 120, 70), *closed("weak", 120, 20), *closed("plain", 120, 45)]
    found = measure(rows)
    assert found["proven", SELL].ratio > found["lucky", SELL].ratio > found["plain", SELL].ratio
    assert found["weak", SELL].high < found["proven", SELL].low
    wide = found["lucky", SELL]
    assert wide.high - wide.low > 1.5 * (found["proven", SELL].high - found["proven", SELL].low)


def test_easy_alerts_make_nobody_look_good() -> None:
    rows = [*closed("easy", 100, 60, confidence=0.9), *closed("hard", 100, 40, confidence=0.6)]
    found = measure(rows)
    assert found["easy", SELL].ratio == pytest.approx(found["hard", SELL].ratio, abs=0.01)


def test_agents_who_are_alike_are_told_to_be_alike() -> None:
    source = random.Random(5)
    rows = [
        Closed(agent_id=f"a{n % 20}", alert_type=SELL, confidence=0.6, won=source.random() < 0.3) for n in range(1_000)
    ]
    ratios = [one.ratio for (_, kind), one in measure(rows).items() if kind == results.ALL]
    assert max(ratios) < 1.25
    assert min(ratios) > 0.8
    assert measure([]) == {}


def test_one_type_leans_on_what_is_known_of_the_others() -> None:
    rows = [*closed("good", 100, 70), *closed("poor", 100, 20), *closed("good", 2, 1, kind=BUY)]
    rows += closed("poor", 60, 20, kind=BUY)
    found = measure(rows)
    assert found["good", BUY].ratio > 1.1


def test_routing_reads_them_again_only_when_they_changed(database: Database, now: datetime) -> None:
    with database.write() as session:
        for name in ("ann", "bob"):
            make.agent(session, name, now=now)
            for number in range(4):
                make.alert(
                    session,
                    agent_id=name,
                    status=Status.CONVERTED if name == "ann" else Status.DISMISSED,
                    opened_at=now - timedelta(days=number + 1),
                    now=now,
                )
        state = State.load(session)
        before = versions.number(session, "routing")
        assert results.refresh(session, now=now) == 4
    with database.write() as session:
        assert versions.number(session, "routing") == before + 1
        assert state.refresh(session)
        ann, bob = (state.house.directory.by_id[name].result("LIKELY_TO_SELL") for name in ("ann", "bob"))
        assert ann.ratio > 1 > bob.ratio
        assert ann.closed == 4
        assert results.refresh(session, now=now) == 0
