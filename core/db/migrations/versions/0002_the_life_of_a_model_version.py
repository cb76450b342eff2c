"""When a model version was shadowed and retired, what it replaced, and why."""

import sqlalchemy as sa
from alembic import op

from core.db.base import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model_versions", sa.Column("shadowed_at", UtcDateTime(), nullable=True))
    op.add_column("model_versions", sa.Column("retired_at", UtcDateTime(), nullable=True))
    op.add_column("model_versions", sa.Column("previous_id", sa.String(length=64), nullable=True))
    op.add_column("model_versions", sa.Column("note", sa.Text(), nullable=True))


def downgrade() -> None:
    for name in ("note", "previous_id", "retired_at", "shadowed_at"):
        op.drop_column("model_versions", name)
