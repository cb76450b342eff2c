"""When a message was to go out, apart from when it is tried next."""

import sqlalchemy as sa
from alembic import op

from core.db.base import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("wanted_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("deliveries", "wanted_at")
