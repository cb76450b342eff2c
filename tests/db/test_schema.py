"""The migrations make the schema that the tables describe, and can be taken back."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from core.db import Database
from core.db.migrate import downgrade, is_current, upgrade
from core.db.tables import Base


def test_migrations_and_tables_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
        differences = compare_metadata(context, Base.metadata)
    assert differences == []


def test_the_first_schema_goes_down_and_up_again(database: Database) -> None:
    downgrade(database, "base")
    assert not is_current(database)
    upgrade(database)
    assert is_current(database)
