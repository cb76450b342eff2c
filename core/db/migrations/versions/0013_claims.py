"""Until when who claimed an alert from the pool must act on it."""

import sqlalchemy as sa
from alembic import op

from core.db.base import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_CLAIMED = sa.text("claimed_until IS NOT NULL")


def upgrade() -> None:
    op.add_column("alerts", sa.Column("claimed_until", UtcDateTime(), nullable=True))
    op.create_index("ix_alerts_claimed", "alerts", ["claimed_until"], sqlite_where=_CLAIMED, postgresql_where=_CLAIMED)


def downgrade() -> None:
    op.drop_index("ix_alerts_claimed", table_name="alerts")
    op.drop_column("alerts", "claimed_until")
