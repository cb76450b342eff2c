"""Plans of moves that even out the work, kept to be approved and taken back."""

import sqlalchemy as sa
from alembic import op

from core.db.base import Json, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rebalances",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("plan", Json, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("applied_by", sa.String(length=64), nullable=True),
        sa.Column("applied_at", UtcDateTime(), nullable=True),
        sa.Column("done", Json, nullable=False),
        sa.Column("undone_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["applied_by"], ["users.id"], name=op.f("fk_rebalances_applied_by")),
        sa.ForeignKeyConstraint(["asked_by"], ["users.id"], name=op.f("fk_rebalances_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rebalances")),
    )
    op.create_index(op.f("ix_rebalances_asked_at"), "rebalances", ["asked_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_rebalances_asked_at"), table_name="rebalances")
    op.drop_table("rebalances")
