"""The tab Coverage as it is run: what is to come, where to repair it, and the hours as a map with a table beside it."""

from datetime import date, timedelta

import pytest
from sqlalchemy import insert, update

from core import versions
from core.db import Database
from core.db.tables import Agent, Holiday, TimeOff
from tests import factories
from tests.ui.test_agents_page import Open, page, told  # noqa: F401  the fixture

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both
DAY = timedelta(days=1)
OFFICE = {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.fixture
def away(database: Database, page: Open, now) -> Open:  # type: ignore[no-untyped-def]  # noqa: F811
    """Ann and Bob of North are away from Monday week on; 4 March is a holiday; nobody covers Elm."""
    with database.write() as session:
        session.execute(update(Agent).values(schedule=OFFICE))
        factories.territory(session, "elm", name="Elm")
        session.execute(insert(Holiday).values(id="h", name="Founders' *day*", day=date(2026, 3, 4)))
        for name in ("ann", "bob"):
            off = {"id": f"off-{name}", "agent_id": name, "starts_at": now + 7 * DAY, "ends_at": now + 9 * DAY}
            session.execute(insert(TimeOff).values(**off))
        versions.bump(session, "routing")
    return page


def test_an_admin_sees_what_is_to_come_and_where_to_repair_it(away: Open) -> None:
    shown = away("ada", "coverage")
    text = told(shown)
    assert "Nobody of North is on duty for 16 hours" in text
    assert "When: Mon 9 to Tue 10 Mar, 13\\:00\\-18\\:00" in text
    assert "Nobody covers Elm" in text
    assert "Holidays in this time: Wed 4 Mar Founders' \\*day\\*." in text
    days, areas = shown.dataframe[0].value, shown.dataframe[1].value
    assert len(days) == 14
    assert dict(days.iloc[5]) == {"Day": "Sat 7 Mar", "Fewest 8-20 h": "0", "Most": 0, "Nobody on duty": "0-24 h"}
    assert days.iloc[1]["Nobody on duty"] == "0-9, 12-13 and 18-24 h"
    assert list(areas["Area"])[:2] == ["The whole house", "North"]

    shown.button(key="finding-0").click().run()
    assert not shown.exception
    assert shown.session_state["view"] in ("people", "territories", "teams")


def test_a_finding_opens_the_profile_it_is_about(away: Open, database: Database) -> None:
    with database.write() as session:
        session.execute(update(Agent).where(Agent.id == "bob").values(territories=["elm"]))
        versions.bump(session, "routing")
    shown = away("mia", "coverage")
    assert "The whole house" not in list(shown.dataframe[1].value["Area"])
    button = next(one for one in shown.button if one.label == "Time off and cover")
    button.click().run()
    assert (shown.session_state["view"], shown.selectbox(key="agent").value) == ("people", "bob")


def test_a_house_in_order_is_covered(page: Open, database: Database) -> None:  # noqa: F811
    with database.write() as session:
        session.execute(update(Agent).values(schedule={}))
        versions.bump(session, "routing")
    shown = page("mia", "coverage")
    assert "cannot be reached outside the app" in told(shown)  # these tests have no mail server
    shown.segmented_control(key="coverage-days").set_value(7).run()
    assert "in the next 7 days" in told(shown)
    assert len(shown.dataframe[0].value) == 7
