"""What the form of a new experiment shows of names that people chose."""

from datetime import datetime

import pytest
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import queries
from core.clock import FakeClock
from core.db import Database
from core.db.tables import AlertType, ModelVersion
from core.settings import Settings

NAME = "**x** <script> [a](http://b)"


def form() -> None:
    from app.ui import experiment_desk, experiment_form  # noqa: PLC0415 - Streamlit runs this function alone
    from core.viewer import SYSTEM  # noqa: PLC0415

    experiment_form.show(SYSTEM, experiment_desk.reach(SYSTEM))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing here depends on the database
def test_an_own_types_name_is_no_markdown(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    stamps = {"created_at": now, "updated_at": now}
    kept = {"definition": {}, "horizon_days": 90, "status": "active", "kind": "rule"}
    with database.write() as session:
        session.add(AlertType(id="X", name=NAME, description="", **kept, **stamps))
        challenger = {"kind": "additive", "parameters": {}, "sha256": "", "metrics": {}, "trained_on": {}}
        session.add(ModelVersion(id="x-1", intent="X", status="shadow", created_at=now, **challenger))
    queries.forget_own_types()
    page = AppTest.from_function(form, default_timeout=60).run()
    page.selectbox(key="new-kind").select("model").run()
    assert not page.exception
    told = [each.value for each in page.caption]
    assert "It scores \\*\\*x\\*\\* \\<script\\> \\[a\\]\\(http\\://b\\)." in told
