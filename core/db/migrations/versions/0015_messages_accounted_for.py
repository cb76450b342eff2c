"""Messages accounted for: addresses, preferences, consent, endpoints, providers, and what happened to each delivery."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

from core.db.base import BigId, Json, UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_DELIVERIES = (
    ("endpoint_id", sa.String(length=32)),
    ("address_id", sa.String(length=32)),
    ("bundle", sa.String(length=120)),
    ("merged_into", sa.String(length=32)),
    ("provider", sa.String(length=80)),
    ("provider_at", UtcDateTime()),
)
_LIVE = text("state IN ('queued', 'leased')")


def upgrade() -> None:
    _user_of_deliveries(nullable=True)
    for name, kind in _DELIVERIES:
        op.add_column("deliveries", sa.Column(name, kind, nullable=True))
    op.drop_index("ix_deliveries_due", "deliveries")
    _index("ix_deliveries_waiting", ["channel", "due_at"], _LIVE)
    _index("ix_deliveries_bundle", ["bundle"], text("state = 'queued' AND bundle IS NOT NULL"))
    _index("ix_deliveries_provider_id", ["provider_id"], text("provider_id IS NOT NULL"))
    _index("ix_deliveries_endpoint", ["endpoint_id", "created_at"], text("endpoint_id IS NOT NULL"))
    _index("ix_deliveries_dead", ["created_at"], text("state = 'dead'"))
    op.create_index("ix_deliveries_created", "deliveries", ["created_at", "id"])
    op.add_column("notifications", sa.Column("snoozed_until", UtcDateTime(), nullable=True))
    op.create_table(
        "delivery_events",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_events_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_events")),
    )
    op.create_index(op.f("ix_delivery_events_delivery_id"), "delivery_events", ["delivery_id"])
    op.create_table(
        "addresses",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("verified_at", UtcDateTime(), nullable=True),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.Column("disabled_reason", sa.String(length=300), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_addresses_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addresses")),
        sa.UniqueConstraint("user_id", "channel", "digest", name=op.f("uq_addresses_user_id_channel_digest")),
    )
    op.create_index(op.f("ix_addresses_user_id"), "addresses", ["user_id"])
    op.create_index("ix_addresses_digest", "addresses", ["digest"])
    op.create_table(
        "preferences",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_preferences_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_preferences")),
    )
    op.create_table(
        "consents",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("actor_id", sa.String(length=64), nullable=True),
        sa.Column("proof", Json, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_consents_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_address", "consents", ["address", "channel", "id"])
    op.create_table(
        "endpoints",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("config", Json, nullable=False),
        sa.Column("secrets", Json, nullable=False),
        sa.Column("event_types", Json, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_endpoints_created_by")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_endpoints_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoints")),
    )
    op.create_table(
        "provider_states",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        sa.Column("failed_at", UtcDateTime(), nullable=True),
        sa.Column("worked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_provider_states")),
    )
    op.create_table(
        "used_links",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_links")),
    )
    op.create_index("ix_used_links_expires", "used_links", ["expires_at"])


def downgrade() -> None:
    for table in ("used_links", "provider_states", "endpoints", "consents", "preferences", "addresses"):
        op.drop_table(table)
    op.drop_table("delivery_events")
    op.drop_column("notifications", "snoozed_until")
    for index in ("created", "dead", "endpoint", "provider_id", "bundle", "waiting"):
        op.drop_index(f"ix_deliveries_{index}", "deliveries")
    _index("ix_deliveries_due", ["due_at"], _LIVE)
    op.execute("DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE user_id IS NULL)")
    op.execute("DELETE FROM deliveries WHERE user_id IS NULL")
    for name, _ in reversed(_DELIVERIES):
        op.drop_column("deliveries", name)
    _user_of_deliveries(nullable=False)


def _index(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, "deliveries", columns, sqlite_where=where, postgresql_where=where)


def _user_of_deliveries(*, nullable: bool) -> None:
    """SQLite cannot drop NOT NULL, and making the table anew would cut off the rows that point at it. Its manual gives this way.

    https://www.sqlite.org/lang_altertable.html, "Making other kinds of table schema changes": for changes that leave the
    stored rows as they are.
    """
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.alter_column("deliveries", "user_id", nullable=nullable)
        return
    strict, loose = "user_id VARCHAR(64) NOT NULL", "user_id VARCHAR(64)"
    old, new = (strict, loose) if nullable else (f"{loose},", f"{strict},")
    schema = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'deliveries'", (old, new)
    )
    assert changed.rowcount == 1
    connection.exec_driver_sql(f"PRAGMA schema_version={schema + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")
