"""The migration that lets a delivery tell an endpoint keeps every delivery there was, both ways."""

from datetime import datetime

from sqlalchemy import inspect, text

from core.db import Database
from core.db.migrate import downgrade, upgrade
from core.db.tables import Delivery
from tests.delivery.making import told


def test_deliveries_survive_the_way_down_and_up(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        session.execute(
            Delivery.__table__.insert().values(  # type: ignore[attr-defined]
                id="to-an-endpoint",
                endpoint_id="crm",
                channel="webhook",
                kind="alert:new",
                priority="HIGH",
                state="queued",
                idempotency_key="k",
                payload={},
                due_at=now,
                attempts=0,
                created_at=now,
            )
        )
    downgrade(database, "0014")
    with database.engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM deliveries")).scalar_one()
        nullable = {column["name"]: column["nullable"] for column in inspect(connection).get_columns("deliveries")}
    upgrade(database)
    with database.engine.connect() as connection:
        again = connection.execute(text("SELECT count(*) FROM deliveries")).scalar_one()
        loose = {column["name"]: column["nullable"] for column in inspect(connection).get_columns("deliveries")}
    assert (kept, again) == (2, 2), "the person's two; the endpoint's cannot live in the old schema"
    assert (nullable["user_id"], loose["user_id"]) == (False, True)
