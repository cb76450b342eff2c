"""Policies to be tried before use, comparisons that were asked for, and what a policy in shadow would have done."""

import sqlalchemy as sa
from alembic import op

from core.db.base import Json, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ONE = sa.text("status IN ('shadow', 'live')")
_SHADOWED = sa.text("shadow IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("shadowed_at", UtcDateTime(), nullable=True),
        sa.Column("switched_at", UtcDateTime(), nullable=True),
        sa.Column("undo", Json, nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_policies_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    op.create_index("uq_policies_shadow", "policies", ["status"], unique=True, sqlite_where=_ONE, postgresql_where=_ONE)
    op.create_table(
        "rehearsals",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("worker", sa.String(length=64), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["users.id"], name=op.f("fk_rehearsals_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsals")),
    )
    op.create_index("ix_rehearsals_asked", "rehearsals", ["asked_at"])
    op.add_column("decisions", sa.Column("shadow", Json, nullable=True))
    op.create_index(
        "ix_decisions_shadowed", "decisions", ["decided_at"], sqlite_where=_SHADOWED, postgresql_where=_SHADOWED
    )


def downgrade() -> None:
    op.drop_index("ix_decisions_shadowed", table_name="decisions")
    op.drop_column("decisions", "shadow")
    op.drop_table("rehearsals")
    op.drop_table("policies")
