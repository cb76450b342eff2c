"""What agents can take (units, a day's number, their share of turns, a pause), how they do, and fallbacks."""

import sqlalchemy as sa
from alembic import op

from core.db.base import Json, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AGENTS = (
    ("weight", sa.Float(), "1"),
    ("max_units", sa.Float(), None),
    ("open_units", sa.Float(), "0"),
    ("max_per_day", sa.Integer(), None),
    ("given_on", sa.Date(), None),
    ("given_today", sa.Integer(), "0"),
    ("paused_at", UtcDateTime(), None),
    ("paused_reason", sa.String(length=200), None),
)


def upgrade() -> None:
    for name, kind, default in _AGENTS:
        op.add_column("agents", sa.Column(name, kind, nullable=default is None, server_default=default))
    op.execute("UPDATE agents SET open_units = open_alerts")
    op.add_column("assignments", sa.Column("units", sa.Float(), nullable=False, server_default="1"))
    op.add_column("teams", sa.Column("fallbacks", Json, nullable=False, server_default="[]"))
    op.create_table(
        "agent_results",
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("alert_type", sa.String(length=64), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=False),
        sa.Column("won", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Float(), nullable=False),
        sa.Column("ratio", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_results_agent_id_agents")),
        sa.PrimaryKeyConstraint("agent_id", "alert_type", name=op.f("pk_agent_results")),
    )


def downgrade() -> None:
    op.drop_table("agent_results")
    op.drop_column("teams", "fallbacks")
    op.drop_column("assignments", "units")
    for name, *_ in reversed(_AGENTS):
        op.drop_column("agents", name)
