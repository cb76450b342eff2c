"""What is watched for drift."""

import sqlalchemy as sa
from alembic import op

from core.db.base import BigId, Json, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drift_checks",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.Column("intent", sa.String(length=64), nullable=False),
        sa.Column("model_version", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("statistic", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("limit", sa.Float(), nullable=False),
        sa.Column("alarmed", sa.Boolean(), nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_checks")),
    )
    op.create_index("ix_drift_checks_intent_at", "drift_checks", ["intent", "checked_at"])


def downgrade() -> None:
    op.drop_table("drift_checks")
