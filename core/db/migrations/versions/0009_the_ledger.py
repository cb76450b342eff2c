"""What a decision rested on, so that it can be worked out again: the house as it was, and the inputs."""

import sqlalchemy as sa
from alembic import op

from core.db.base import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "routing_houses",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_houses")),
    )
    op.add_column("decisions", sa.Column("house_id", sa.String(length=64), nullable=True))
    op.add_column("decisions", sa.Column("inputs", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("decisions", "inputs")
    op.drop_column("decisions", "house_id")
    op.drop_table("routing_houses")
